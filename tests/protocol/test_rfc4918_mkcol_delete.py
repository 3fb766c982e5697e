"""RFC 4918 sections 9.3 and 9.6: making and removing resources."""

from __future__ import annotations

import pytest

from support.client import Dav


@pytest.mark.rfc("4918", "9.3", "MKCOL makes an empty collection: 201")
@pytest.mark.parametrize("path", ["made", "made/"])
def test_mkcol(box: Dav, path: str) -> None:
    answer = box.mkcol(path)
    assert (answer.status, answer.body) == (201, b"")
    assert box.propfind("made/", "resourcetype").only.is_collection
    assert box.names("made/") == set()


@pytest.mark.rfc("4918", "9.3.1", "MKCOL on something that exists is 405 with Allow, and leaves it as it is")
def test_mkcol_exists(box: Dav) -> None:
    box.mkcol("folder")
    box.put("folder/inside", b"1")
    box.put("file", b"2")
    for path in ("folder", "folder/", "file"):
        assert "PROPFIND" in box.mkcol(path).refused(405)["Allow"]
    assert box.names("folder/") == {"inside"}
    assert box.get("file").body == b"2"


@pytest.mark.rfc("4918", "9.3.1", "MKCOL without its parent is 409 and makes nothing")
def test_mkcol_without_parent(box: Dav) -> None:
    box.mkcol("no/such").refused(409)
    box.mkcol("no/such/deep/").refused(409)
    assert box.names() == set()


@pytest.mark.rfc("4918", "9.3", "MKCOL below a file is 409 or 403")
def test_mkcol_below_a_file(box: Dav) -> None:
    box.put("file", b"1")
    box.mkcol("file/sub").refused(403, 409)
    assert box.get("file").body == b"1"


@pytest.mark.rfc("4918", "9.3.1", "MKCOL with a body that is not understood is 415 and makes nothing")
@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/octet-stream"])
def test_mkcol_with_a_strange_body(box: Dav, kind: str) -> None:
    box.mkcol("new", b"hello", {"Content-Type": kind}).refused(415)
    assert box.mkcol("new", iter([b"hel", b"lo"]), {"Content-Type": kind}).status == 415
    assert box.names() == set()


@pytest.mark.rfc("4918", "8.2", "a chunked body that is empty is no body")
def test_mkcol_with_an_empty_chunked_body(box: Dav) -> None:
    assert box.mkcol("new", iter([])).status == 201


@pytest.mark.rfc("4918", "9.3", "Depth and Overwrite mean nothing to MKCOL and are ignored (gvfs sends Depth: 0)")
def test_mkcol_ignores_foreign_headers(box: Dav) -> None:
    assert box.mkcol("new", headers={"Depth": "0", "Overwrite": "T", "Apply-To-Redirect-Ref": "T"}).status == 201


def test_mkcol_with_a_time(box: Dav) -> None:
    """X-OC-Mtime may come with MKCOL; what is called accepted is shown."""
    answer = box.mkcol("new", headers={"X-OC-Mtime": "1000000000"})
    assert answer.status == 201
    if answer.headers.get("X-OC-Mtime") == "accepted":
        assert box.text("new/", "getlastmodified") == "Sun, 09 Sep 2001 01:46:40 GMT"


@pytest.mark.rfc("4918", "9.3", "the roots of views and homes exist already: 405")
@pytest.mark.parametrize("path", ["/dav/", "/dav/home/", "/dav/spaces/", "/remote.php/webdav/"])
def test_mkcol_of_roots(box: Dav, path: str) -> None:
    box.mkcol(path).refused(403, 405)


@pytest.mark.rfc("4918", "9.6", "DELETE removes a file: 204, afterwards 404 everywhere")
def test_delete_file(box: Dav) -> None:
    box.put("file", b"1")
    answer = box.delete("file")
    assert (answer.status, answer.body) == (204, b"")
    assert box.get("file").status == box.head("file").status == box.delete("file").status == 404
    assert not box.exists("file")
    assert box.names() == set()


@pytest.mark.rfc("4918", "9.6", "DELETE of what is not there is 404")
def test_delete_missing(box: Dav) -> None:
    for path in ("none", "none/", "none/deeper"):
        box.delete(path).refused(404)


@pytest.mark.rfc("4918", "9.6.1", "DELETE on a collection acts as Depth infinity")
@pytest.mark.parametrize("headers", [{}, {"Depth": "infinity"}, {"Depth": "Infinity"}])
def test_delete_collection(box: Dav, headers: dict[str, str]) -> None:
    for path in ("a/", "a/b/", "a/b/c/"):
        box.mkcol(path)
    box.put("a/b/c/file", b"1")
    box.put("ab", b"neighbour")
    assert box.delete("a/", headers).status == 204
    for path in ("a/", "a/b/", "a/b/c/", "a/b/c/file"):
        assert not box.exists(path)
    assert box.names() == {"ab"}
    assert box.mkcol("a/").status == 201
    assert box.names("a/") == set()


@pytest.mark.rfc("4918", "9.6.1", "DELETE of a collection with Depth 0 or 1 is 400 and removes nothing")
@pytest.mark.parametrize("depth", ["0", "1", "2", "x"])
def test_delete_collection_with_other_depth(box: Dav, depth: str) -> None:
    box.mkcol("a")
    box.put("a/file", b"1")
    box.delete("a/", {"Depth": depth}).refused(400)
    assert box.names("a/") == {"file"}


@pytest.mark.rfc("4918", "9.6", "Depth 0 with DELETE of a file is harmless (davfs2 sends it)")
def test_delete_file_with_depth_0(box: Dav) -> None:
    box.put("file", b"1")
    assert box.delete("file", {"Depth": "0"}).status == 204


@pytest.mark.rfc("4918", "9.6", "a fragment in the request target is 400 and removes nothing")
def test_delete_with_a_fragment(box: Dav) -> None:
    box.mkcol("frag")
    box.delete("frag/#ment").refused(400)
    box.delete("frag#ment").refused(400)
    assert box.names() == {"frag"}


@pytest.mark.rfc("4918", "9.6.1", "members that cannot be deleted are named, and stay with their ancestors")
def test_delete_over_a_locked_member(box: Dav) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/locked", b"keep")
    token = box.locked("a/b/locked", depth="0")
    answer = box.delete("a/")
    if answer.status == 207:
        failed = answer.multistatus
        assert {href: response.status for href, response in failed.items()} == {box.href("a/b/locked"): 423}
    else:
        answer.refused(423, condition="lock-token-submitted")
        assert answer.condition_hrefs == [box.href("a/b/locked")]
    assert box.get("a/b/locked").body == b"keep"
    assert box.delete("a/", {"If": f"<{box.path('a/b/locked')}> (<{token}>)"}).status == 204
    assert box.names() == set()


@pytest.mark.rfc("4918", "9.6", "roots of views and homes cannot be deleted")
@pytest.mark.parametrize("path", ["/", "/dav/", "/dav/home/", "/dav/spaces/", "/remote.php/webdav/"])
def test_delete_of_roots(box: Dav, path: str) -> None:
    box.delete(path).refused(403, 404, 405)
    assert box.exists("")


def test_delete_is_seen_on_disk(box: Dav, server) -> None:
    """A removed file is no longer where an administrator would look for it."""
    box.put("file", b"1")
    path = server.home() / box.base.removeprefix("/dav/home/") / "file"
    assert path.read_bytes() == b"1"
    box.delete("file")
    assert not path.exists()
