"""RFC 4918 sections 9.8 and 9.9: COPY and MOVE."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.client import Answer, Dav
from support.follower import walk
from support.server import Server

BOTH = pytest.mark.parametrize("method", ["COPY", "MOVE"])


def transfer(dav: Dav, method: str, source: str, target: str, **headers: str) -> Answer:
    """COPY or MOVE with more headers (underscores for hyphens)."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return dav.request(method, source, headers={"Destination": dav.path(target), **sent})


def tree(dav: Dav, path: str) -> None:
    """A folder with a file, a sub-folder, a file in it, and properties on all of them."""
    for folder in (path, path + "sub/"):
        assert dav.mkcol(folder).status == 201
    dav.put(path + "a", b"a")
    dav.put(path + "sub/b", b"b")
    for each in ("", "a", "sub/", "sub/b"):
        assert dav.proppatch(path + each, {"{urn:x}p": each or "top"}).multistatus.only.code("{urn:x}p") == 200


def check_tree(dav: Dav, path: str) -> None:
    """Everything that :func:`tree` made, and nothing else."""
    own = dav.href(path)
    assert set(walk(dav, path)) == {own + each for each in ("a", "sub/", "sub/b")}
    assert (dav.get(path + "a").body, dav.get(path + "sub/b").body) == (b"a", b"b")
    for each in ("", "a", "sub/", "sub/b"):
        assert dav.text(path + each, "{urn:x}p") == (each or "top")


@pytest.mark.rfc("4918", "9.8.5", "COPY to a new name is 201, over another file 204; the source stays")
def test_copy_file(box: Dav) -> None:
    etag = box.put("source", b"content")["ETag"]
    box.put("old", b"old")
    answer = box.copy("source", "new")
    assert (answer.status, answer.body) == (201, b"")
    assert box.copy("source", "old").status == 204
    for name in ("source", "new", "old"):
        assert box.get(name).body == b"content"
    assert box.etag("source") == etag
    assert len({box.etag(name) for name in ("source", "new", "old")}) == 3


@pytest.mark.rfc("4918", "9.9.4", "MOVE to a new name is 201, over another file 204; the source is gone")
def test_move_file(box: Dav) -> None:
    box.put("one", b"1")
    box.put("two", b"2")
    box.put("old", b"old")
    before = box.etag("old")
    answer = box.move("one", "new")
    assert (answer.status, answer.body) == (201, b"")
    assert box.move("two", "old").status == 204
    assert box.names() == {"new", "old"}
    assert (box.get("new").body, box.get("old").body) == (b"1", b"2")
    assert box.etag("old") != before


@BOTH
@pytest.mark.rfc("4918", "9.8.3", "a collection goes with all members and properties")
def test_whole_trees(box: Dav, method: str) -> None:
    tree(box, "source/")
    assert transfer(box, method, "source/", "target/").status == 201
    check_tree(box, "target/")
    if method == "COPY":
        check_tree(box, "source/")
    else:
        assert box.names() == {"target"}


@BOTH
@pytest.mark.rfc("4918", "5.2", "collections with and without final slashes mean the same")
@pytest.mark.parametrize(("source", "target"), [("s", "t"), ("s/", "t"), ("s", "t/")])
def test_slashes(box: Dav, method: str, source: str, target: str) -> None:
    tree(box, "s/")
    assert transfer(box, method, source, target).status == 201
    check_tree(box, "t/")


@BOTH
@pytest.mark.rfc("4918", "9.8.4", "a target that exists is replaced and never merged")
def test_replace_collection(box: Dav, method: str) -> None:
    tree(box, "source/")
    box.mkcol("target")
    box.mkcol("target/sub")
    box.put("target/left", b"x")
    box.put("target/sub/left", b"x")
    box.proppatch("target/", {"{urn:x}old": "v"})
    assert transfer(box, method, "source/", "target/").status == 204
    check_tree(box, "target/")
    assert box.prop("target/", "{urn:x}old")[0] == 404


@BOTH
@pytest.mark.rfc("4918", "9.9.3", "a file replaces a collection and the other way round")
def test_replace_across_kinds(box: Dav, method: str) -> None:
    tree(box, "folder/")
    box.put("file", b"f")
    assert transfer(box, method, "folder/", "file").status == 204
    check_tree(box, "file/")
    box.put("other", b"o")
    assert transfer(box, method, "other", "file").status == 204
    assert box.get("file").body == b"o"


@BOTH
@pytest.mark.rfc("4918", "10.6", "(*) a missing Overwrite is T")
@pytest.mark.parametrize("overwrite", [None, "T", "t"])
def test_overwrite_true(box: Dav, method: str, overwrite: str | None) -> None:
    box.put("a", b"a")
    box.put("b", b"b")
    extra = {} if overwrite is None else {"Overwrite": overwrite}
    assert transfer(box, method, "a", "b", **extra).status == 204
    assert box.get("b").body == b"a"


@BOTH
@pytest.mark.rfc("4918", "10.6", "Overwrite F: 412 when the target exists, and nothing changes")
def test_overwrite_false(box: Dav, method: str) -> None:
    box.put("a", b"a")
    box.put("b", b"b")
    box.mkcol("folder")
    box.put("folder/x", b"x")
    for target in ("b", "folder", "folder/"):
        for value in ("F", "f"):
            transfer(box, method, "a", target, Overwrite=value).refused(412)
    assert (box.get("a").body, box.get("b").body, box.names("folder/")) == (b"a", b"b", {"x"})
    assert transfer(box, method, "a", "new", Overwrite="F").status == 201


@BOTH
@pytest.mark.rfc("4918", "10.6", "another value of Overwrite is 400")
@pytest.mark.parametrize("value", ["X", "", "TF", "true"])
def test_bad_overwrite(box: Dav, method: str, value: str) -> None:
    box.put("a", b"a")
    box.put("b", b"b")
    transfer(box, method, "a", "b", Overwrite=value).refused(400)
    assert (box.get("a").body, box.get("b").body) == (b"a", b"b")


@BOTH
@pytest.mark.rfc("4918", "9.8.5", "source and target the same: 403, unharmed")
@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a", "%61"), ("f/", "f/"), ("f", "f/"), ("f/", "f")])
def test_onto_itself(box: Dav, method: str, source: str, target: str) -> None:
    box.put("a", b"a")
    tree(box, "f/")
    for overwrite in ("T", "F"):
        transfer(box, method, source, target, Overwrite=overwrite).refused(403, 412 if overwrite == "F" else 403)
    assert box.get("a").body == b"a"
    check_tree(box, "f/")


@BOTH
@pytest.mark.rfc("4918", "9.8.5", "the same resource under another URL of it: 403, unharmed")
def test_onto_itself_by_alias(box: Dav, method: str) -> None:
    box.put("a", b"a")
    other = box.path("a").replace("/dav/home/", "/remote.php/dav/files/alice/")
    transfer(box, method, "a", other).refused(403)
    assert box.get("a").body == b"a"
    assert box.names() == {"a"}


@BOTH
@pytest.mark.rfc("4918", "9.8.5", "(*) a collection into itself or below itself: 403 or 409, unharmed")
@pytest.mark.parametrize("target", ["f/x", "f/sub/x", "f/sub/", "f/sub/x/y"])
def test_into_itself(box: Dav, method: str, target: str) -> None:
    tree(box, "f/")
    transfer(box, method, "f/", target).refused(403, 409)
    check_tree(box, "f/")
    assert box.names() == {"f"}


@BOTH
@pytest.mark.rfc("4918", "9.8.4", "(*) a member onto a collection above it: 403 or 409, unharmed")
@pytest.mark.parametrize(
    ("source", "target"), [("f/sub/", "f/"), ("f/sub/b", "f/"), ("f/sub/b", "f/sub"), ("f/a", "f")]
)
def test_onto_an_ancestor(box: Dav, method: str, source: str, target: str) -> None:
    tree(box, "f/")
    transfer(box, method, source, target).refused(403, 409)
    check_tree(box, "f/")
    assert box.names() == {"f"}


@BOTH
@pytest.mark.rfc("4918", "9.8.5", "the target's parent is missing: 409, unharmed")
def test_no_parent(box: Dav, method: str) -> None:
    tree(box, "f/")
    transfer(box, method, "f/a", "no/such").refused(409)
    transfer(box, method, "f/", "no/such/").refused(409)
    check_tree(box, "f/")
    assert box.names() == {"f"}


@BOTH
@pytest.mark.rfc("4918", "9.8.5", "the source is missing: 404, and the target stays")
def test_no_source(box: Dav, method: str) -> None:
    box.put("b", b"b")
    transfer(box, method, "none", "b").refused(404)
    transfer(box, method, "none", "c").refused(404)
    assert (box.get("b").body, box.names()) == (b"b", {"b"})


@BOTH
@pytest.mark.rfc("4918", "9.8.5", "a Destination on another server or in another tree is 502, unharmed")
@pytest.mark.parametrize(
    "target",
    [
        "http://elsewhere.example{path}",
        "https://127.0.0.1.example:{port}{path}",
        "http://127.0.0.1:1{path}",
        "http://user@elsewhere.example{path}",
        "//elsewhere.example{path}",
    ],
)
def test_other_servers(box: Dav, method: str, target: str) -> None:
    box.put("a", b"a")
    url = target.format(path=box.path("b"), port=box.port)
    box.request(method, "a", headers={"Destination": url}).refused(400, 502)
    if "elsewhere" in target and not target.startswith("//"):
        assert box.request(method, "a", headers={"Destination": url}).status == 502
    assert (box.get("a").body, box.names()) == (b"a", {"a"})


@BOTH
@pytest.mark.rfc("4918", "10.3", "a missing or malformed Destination is 400, unharmed")
@pytest.mark.parametrize(
    "target", [None, "", "relative", "?query", "ht tp://x/", "mailto:x@y", "\x7f", "%zz", "http://"]
)
def test_bad_destination(box: Dav, method: str, target: str | None) -> None:
    box.put("a", b"a")
    headers = {} if target is None else {"Destination": target}
    assert box.request(method, "a", headers=headers).status in ((400, 502) if target in ("mailto:x@y",) else (400,))
    assert (box.get("a").body, box.names()) == (b"a", {"a"})


@BOTH
@pytest.mark.rfc("4918", "10.3", "Destination may be an absolute path or a full URL, escaped either way")
@pytest.mark.parametrize("form", ["{path}", "http://127.0.0.1:{port}{path}", "HTTP://127.0.0.1:{port}{path}"])
def test_forms_of_destination(box: Dav, method: str, form: str) -> None:
    box.put("a", b"a")
    url = form.format(path=box.path("gr%c3%bc%C3%9fe%20x"), port=box.port)
    assert box.request(method, "a", headers={"Destination": url}).status == 201
    assert "grüße x" in box.names()


@BOTH
@pytest.mark.rfc("4918", "10.3", "names with dot segments or encoded slashes are no destination")
@pytest.mark.parametrize("name", ["../up", "%2e%2e/up", "x/../up", "a%2Fb", "a%00b", "a%ff", "%2e", "x" * 256])
def test_illegal_destination_names(box: Dav, method: str, name: str) -> None:
    box.put("a", b"a")
    box.mkcol("x")
    assert transfer(box, method, "a", name).status in (400, 403, 404, 409)
    assert (box.get("a").body, box.names()) == (b"a", {"a", "x"})


@pytest.mark.rfc("4918", "9.8.3", "(*) COPY with Depth 0 copies the collection and its properties, not the members")
def test_copy_depth_0(box: Dav) -> None:
    tree(box, "source/")
    assert box.copy("source/", "target/", depth="0").status == 201
    assert box.names("target/") == set()
    assert box.text("target/", "{urn:x}p") == "top"
    check_tree(box, "source/")


@pytest.mark.rfc("4918", "9.8.3", "COPY with Depth 0 onto a collection replaces it by an empty one")
def test_copy_depth_0_replaces(box: Dav) -> None:
    tree(box, "source/")
    tree(box, "target/")
    assert box.copy("source/", "target/", depth="0").status == 204
    assert box.names("target/") == set()


@pytest.mark.rfc("4918", "9.8.3", "Depth of COPY is 0 or infinity; anything else is 400")
@pytest.mark.parametrize("depth", ["1", "2", "", "x"])
def test_copy_bad_depth(box: Dav, depth: str) -> None:
    tree(box, "source/")
    box.copy("source/", "target/", depth=depth).refused(400)
    assert box.names() == {"source"}


@pytest.mark.rfc("4918", "9.9.2", "MOVE of a collection is Depth infinity only; anything else is 400")
@pytest.mark.parametrize("depth", ["0", "1", "x"])
def test_move_bad_depth(box: Dav, depth: str) -> None:
    tree(box, "source/")
    transfer(box, "MOVE", "source/", "target/", Depth=depth).refused(400)
    check_tree(box, "source/")
    assert transfer(box, "MOVE", "source/", "target/", Depth="Infinity").status == 201


@pytest.mark.rfc("4918", "9.8.2", "COPY copies dead properties; the target's own are gone")
def test_copy_properties(box: Dav) -> None:
    box.put("a", b"a")
    box.put("b", b"b")
    box.proppatch("a", {"{urn:x}p": "of a"})
    box.proppatch("b", {"{urn:x}q": "of b"})
    assert box.copy("a", "b").status == 204
    found = box.propfind("b", "{urn:x}p", "{urn:x}q").only
    assert (found.text("{urn:x}p"), found.code("{urn:x}q")) == ("of a", 404)
    box.proppatch("b", {"{urn:x}p": "changed"})
    assert box.text("a", "{urn:x}p") == "of a"


@pytest.mark.rfc("4918", "9.9.1", "MOVE keeps dead properties and creationdate")
def test_move_properties(box: Dav) -> None:
    box.put("a", b"a")
    box.proppatch("a", {"{urn:x}p": "of a"})
    created = box.text("a", "creationdate")
    box.put("b", b"b")
    box.proppatch("b", {"{urn:x}q": "of b"})
    assert box.move("a", "b").status == 204
    found = box.propfind("b", "{urn:x}p", "{urn:x}q", "creationdate").only
    assert (found.text("{urn:x}p"), found.code("{urn:x}q")) == ("of a", 404)
    assert found.text("creationdate") == created


def test_move_back_and_forth(box: Dav) -> None:
    """A name that was left is free again, and what is made there inherits nothing."""
    tree(box, "f/")
    for _ in range(3):
        assert box.move("f/", "g/").status == 201
        assert box.mkcol("f/").status == 201
        assert box.prop("f/", "{urn:x}p")[0] == 404
        assert box.delete("f/").status == 204
        assert box.move("g/", "f/").status == 201
    check_tree(box, "f/")


def test_mtime_goes_along(box: Dav) -> None:
    """A moved file keeps its time; a copy of it has one."""
    box.put("a", b"1", {"X-OC-Mtime": "1000000000"})
    box.move("a", "b")
    assert box.text("b", "getlastmodified") == "Sun, 09 Sep 2001 01:46:40 GMT"
    box.copy("b", "c")
    assert box.text("c", "getlastmodified").endswith("GMT")


@pytest.mark.rfc("4918", "9.8.5", "roots of views and homes are no source of MOVE and no target")
def test_roots(box: Dav) -> None:
    box.put("a", b"a")
    for root in ("/dav/home/", "/dav/", "/dav/spaces/"):
        assert box.move(root, box.path("x")).status in (403, 405, 409)
        assert box.copy("a", root).status in (403, 405, 409)
        assert box.move("a", root).status in (403, 405, 409)
    assert (box.get("a").body, box.names()) == (b"a", {"a"})


@pytest.mark.rfc("4918", "9.8.3", "COPY of a deep and wide tree is complete")
def test_larger_tree(box: Dav) -> None:
    box.mkcol("s/")
    path = "s/"
    for level in range(12):
        path += f"{level}/"
        box.mkcol(path)
        for n in range(3):
            box.put(f"{path}f{n}", f"{path}f{n}".encode())
    assert box.copy("s/", "t/").status == 201
    source = {href.removeprefix(box.href("s/")): each[1:] for href, each in walk(box, "s/").items()}
    target = {href.removeprefix(box.href("t/")): each[1:] for href, each in walk(box, "t/").items()}
    assert source == target
    assert box.get("t" + path[1:] + "f2").body == f"{path}f2".encode()


@BOTH
@pytest.mark.rfc("4918", "10.3", "behind a proxy Destination and If are judged by the configured public URL")
def test_public_url(proxied: Server, method: str) -> None:
    box = proxied.dav("alice").fresh_box()
    box.put("a", b"a")
    public = "https://files.example.org"
    for wrong in (
        "https://elsewhere.example",
        "http://files.example.org.evil.example",
        "https://files.example.org:444",
    ):
        box.request(method, "a", headers={"Destination": wrong + box.path("b")}).refused(502)
        forged = {"Destination": wrong + box.path("b"), "X-Forwarded-Host": wrong.partition("//")[2]}
        box.request(method, "a", headers=forged).refused(502)
    assert (box.names(), box.get("a").body) == ({"a"}, b"a")
    etag = box.etag("a")
    held = {"Destination": public + box.path("b%20c"), "If": f"<{public}{box.path('a')}> ([{etag}])"}
    assert box.request(method, "a", headers=held).status == 201
    assert box.get("b%20c").body == b"a"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is known to the world under another address."""
    server = Server.start(
        tmp_path_factory.mktemp("proxied"), workers=1, env={"DAVSHARE_PUBLIC_URL": "https://files.example.org"}
    )
    yield server
    server.kill9()
