"""RFC 5995: POST makes a member of a collection, under a name that the server chooses."""

from __future__ import annotations

import secrets
from urllib.parse import quote, unquote

import pytest

from support.client import Answer, Dav, enc
from support.parallel import together
from support.raw import answers, message
from support.server import Server


def post(dav: Dav, path: str = "", body=b"content", **headers: str) -> Answer:
    """POST with headers; underscores in their names stand for dashes."""
    return dav.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def name_of(answer: Answer) -> str:
    """The decoded last segment of the Location of a 201."""
    assert answer.status == 201, answer
    return unquote(answer["Location"].rpartition("/")[2])


@pytest.mark.rfc("5995", "3.2.1", "DAV:add-member tells where to POST, on collections, not in allprop, protected")
def test_property(box: Dav) -> None:
    box.mkcol("folder")
    box.mkcol("folder/deeper")
    box.put("file", b"1")
    for path in ("", "folder/", "folder/deeper/"):
        href = box.prop(path, "add-member")[1].findtext("{DAV:}href")
        assert name_of(box.request("POST", href, b"x", {"Slug": "posted"})) == "posted"
        assert box.get(path + "posted").body == b"x"
    assert box.prop("file", "add-member")[0] == 404
    listed = box.propfind("folder/", "add-member", depth="1")[box.path("folder/deeper/")]
    assert listed["add-member"][1].findtext("{DAV:}href") == box.path("folder/deeper/")
    assert "add-member" not in box.propfind("").only
    assert box.proppatch("", {"add-member": "x"}).multistatus.only.code("add-member") == 403


@pytest.mark.rfc("5995", "3.2", "201 with Location and ETag; what was sent is there")
def test_created(box: Dav) -> None:
    answer = post(box, Slug="report.txt")
    assert name_of(answer) == "report.txt"
    got = box.get(answer["Location"])
    assert (got.body, got["ETag"]) == (b"content", answer["ETag"])
    assert box.names() == {"report.txt"}
    assert name_of(box.request("POST", "", iter([b"in ", b"chunks"]), {"Slug": "c"})) == "c"
    assert box.get("c").body == b"in chunks"


@pytest.mark.rfc("5995", "3.1", "nothing is ever overwritten: the same Slug again gets another name")
def test_never_overwrites(box: Dav) -> None:
    box.put("a.txt", b"old")
    box.mkcol("a%20(2).txt")
    found = [name_of(post(box, Slug="a.txt", body=b"%d" % n)) for n in range(14)]
    assert found[0] == "a (3).txt"
    assert len(set(found)) == 14 and all(name.startswith("a ") and name.endswith(".txt") for name in found)
    assert box.get("a.txt").body == b"old"
    for number, name in enumerate(found):
        assert box.get(enc(name)).body == b"%d" % number


@pytest.mark.rfc("5995", "3.1", "names are unique when many post at once")
@pytest.mark.parametrize("headers", [{"Slug": "same.txt"}, {}])
def test_race(box: Dav, headers: dict[str, str]) -> None:
    clients = [box.clone() for _ in range(12)]
    found = together([lambda n=n, dav=dav: post(dav, body=b"%d" % n, **headers) for n, dav in enumerate(clients)])
    assert len({name_of(answer) for answer in found}) == 12
    for number, answer in enumerate(found):
        assert box.get(answer["Location"]).body == b"%d" % number
    assert len(box.names()) == 12


@pytest.mark.rfc("5023", "9.7", "Slug is percent-encoded UTF-8")
@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("gr%C3%BC%C3%9Fe%20aus%20k%C3%B6ln.txt", "grüße aus köln.txt"),
        ("100%25", "100%"),
        ("a b", "a b"),
        ("%F0%9F%98%80", "😀"),
        ("folder/file.txt", "file.txt"),
        ("C:%5CUsers%5Cme%5Cfile.txt", "file.txt"),
        ("..%2F..%2Fescape", "escape"),
        ("tab%09bed", "tabbed"),
    ],
)
def test_slug(box: Dav, slug: str, name: str) -> None:
    assert name_of(post(box, Slug=slug)) == name
    assert box.names() == {name}


@pytest.mark.rfc("5995", "3.2", "Slug is a hint: what cannot be a name is replaced by one that the server chooses")
@pytest.mark.parametrize("slug", ["", "..", ".", "%2F", "a/", "%FF%FE", "%00", "%", ".davshare%2F", "%5C", "   "])
def test_useless_slug(box: Dav, slug: str) -> None:
    name = name_of(post(box, Slug=slug, Content_Type="text/plain; charset=utf-8"))
    assert name.endswith(".txt") or name == "%"
    assert box.get(enc(name)).body == b"content"


@pytest.mark.rfc("5995", "3.2", "without Slug the name ends as the Content-Type says")
@pytest.mark.parametrize(
    ("kind", "ending"),
    [("image/png", ".png"), ("application/pdf", ".pdf"), ("text/html;charset=utf-8", ".html"), ("x/unknown", ".bin")],
)
def test_ending(box: Dav, kind: str, ending: str) -> None:
    assert name_of(post(box, Content_Type=kind)).endswith(ending)


def test_long_slug(box: Dav) -> None:
    """A name that is too long is cut before its ending, and stays unique."""
    for _ in range(3):
        name = name_of(post(box, Slug=quote("ü" * 300) + ".txt"))
        assert len(name.encode()) <= 255 and name.endswith(".txt")
    assert len(box.names()) == 3


def test_private_folder(server: Server) -> None:
    """Our own folder is no name that can be had."""
    home = server.dav("alice")
    answer = post(home, Slug=".davshare")
    assert name_of(answer) != ".davshare"
    assert home.delete(answer["Location"]).status == 204


@pytest.mark.rfc("5995", "3.2.2", "only collections take POST: 405 elsewhere, 404 for nothing")
def test_elsewhere(box: Dav) -> None:
    box.put("file", b"1")
    assert "POST" not in post(box, "file").refused(405)["Allow"]
    post(box, "/dav/").refused(405)
    post(box, "/dav/spaces/").refused(405)
    post(box, "none/").refused(404)
    assert "POST" in box.request("OPTIONS", "")["Allow"].split(", ")
    assert box.names() == {"file"}


@pytest.mark.rfc("5995", "3.3", "bind on the collection is needed")
def test_rights(module_server: Server) -> None:
    module_server.cli("space", "add", "posts", "--member", "alice:contributor", "--member", "bob:viewer")
    alice, bob = (module_server.dav(name, "/dav/spaces/posts/") for name in ("alice", "bob"))
    assert name_of(post(alice, Slug="a")) == "a"
    post(bob, Slug="b").refused(403, condition="need-privileges")
    post(module_server.dav("bob", "/dav/users/alice/")).refused(404)
    assert alice.names() == {"a"}


@pytest.mark.rfc("4918", "7.4", "a lock on the collection protects its membership against POST")
def test_locks(box: Dav) -> None:
    token = box.locked("", depth="0")
    post(box, Slug="a").refused(423, condition="lock-token-submitted")
    assert post(box, Slug="a", If=f"<{box.full('')}> (<{token}>)").status == 201
    assert box.names() == {"a"}


def test_conditions(box: Dav) -> None:
    """Conditions are about the collection."""
    post(box, Slug="a", If_Match='"x"').refused(412)
    assert post(box, Slug="a", If_Match=box.etag("")).status == 201


def test_representation(box: Dav) -> None:
    """return=representation: the new file with Location and Content-Location (RFC 8144 section 3.1)."""
    answer = post(box, Slug="a.txt", Prefer="return=representation")
    assert (answer.status, answer.body) == (201, b"content")
    assert answer["Location"] == answer["Content-Location"] == box.path("a.txt")
    assert answer["ETag"] == box.etag("a.txt")


def test_quota(module_server: Server) -> None:
    """507 before the body, and while counting."""
    name = f"p{secrets.token_hex(4)}"
    module_server.cli("space", "add", name, "--quota", "100", "--member", "alice:editor")
    dav = module_server.dav("alice", f"/dav/spaces/{name}/")
    data = message("POST", dav.path(""), "Content-Length: 101", "Expect: 100-continue", auth=dav.auth)
    assert [each.status for each in answers(module_server.raw(data))] == [507]
    post(dav, body=iter([b"x" * 60] * 2)).refused(507)
    assert dav.names() == set()
    assert post(dav, body=b"x" * 100).status == 201


def test_digests_and_times(box: Dav) -> None:
    """Checksums are verified, X-OC-Mtime is kept, parts and forms are refused."""
    post(box, Slug="a", OC_Checksum="SHA1:" + "0" * 40).refused(400)
    post(box, Slug="a", Content_Range="bytes 0-6/7").refused(400)
    post(box, Slug="a", Content_Type="multipart/form-data; boundary=x").refused(415)
    assert box.names() == set()
    answer = post(box, Slug="a", X_OC_Mtime="1500000000")
    assert answer["X-OC-MTime"] == "accepted"
    assert box.text("a", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


def test_pages_of_other_sites(box: Dav) -> None:
    """A browser that has signed in here is not used by a form on another site."""
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{box.port}"):
        post(box, Origin=origin).refused(403)
    assert box.names() == set()
    assert post(box, Origin=f"http://127.0.0.1:{box.port}").status == 201


def test_unknown_file_on_disk(box: Dav, server: Server) -> None:
    """A file that lies there without our knowledge is not overwritten either."""
    folder = server.home() / box.base.removeprefix("/dav/home/")
    (folder / "a.txt").write_bytes(b"from the disk")
    (folder / "a (2).txt").symlink_to("nowhere")
    assert name_of(post(box, Slug="a.txt")) == "a (3).txt"
    assert (folder / "a.txt").read_bytes() == b"from the disk"
    assert box.get("a.txt").body == b"from the disk"
