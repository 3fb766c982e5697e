"""RFC 4918 sections 9.4 and 9.7, RFC 9110 section 9.3: reading and writing files."""

from __future__ import annotations

import hashlib
import random

import pytest

from support.client import Dav
from support.raw import answers, cut_off, message
from support.server import Server


@pytest.mark.rfc("4918", "9.7.1", "PUT of a new file is 201, of an existing one 204, each with the ETag of the bytes")
def test_put_and_get(box: Dav) -> None:
    made = box.put("file", b"first")
    assert made.status == 201
    replaced = box.put("file", b"second")
    assert (replaced.status, replaced.body) == (204, b"")
    got = box.get("file")
    assert (got.status, got.body, got["ETag"]) == (200, b"second", replaced["ETag"])
    assert made["ETag"] != replaced["ETag"]


@pytest.mark.rfc("4918", "9.7.1", "PUT without the parent is 409 and makes nothing")
def test_put_without_parent(box: Dav) -> None:
    box.put("no/file", b"1").refused(409)
    box.put("no/such/file", b"1").refused(409)
    assert box.names() == set()


@pytest.mark.rfc("4918", "9.7.2", "PUT on a collection is 405 with Allow")
@pytest.mark.parametrize("path", ["folder", "folder/", ""])
def test_put_on_a_collection(box: Dav, path: str) -> None:
    box.mkcol("folder")
    box.put("folder/a", b"1")
    assert "PROPFIND" in box.put(path, b"x").refused(405)["Allow"]
    assert box.names("folder/") == {"a"}


@pytest.mark.rfc("9110", "9.3.4", "any bytes of any length come back as they were sent, with a length or chunked")
@pytest.mark.parametrize("size", [0, 1, 1023, 65_536, 65_537, 1_048_576, 3_000_001])
def test_sizes(box: Dav, size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert box.put("plain", data).status == 201
    pieces = [data[at : at + 50_000] for at in range(0, size, 50_000)]
    assert box.put("chunked", iter(pieces)).status == 201
    for name in ("plain", "chunked"):
        got = box.get(name)
        assert got["Content-Length"] == str(size)
        assert hashlib.sha256(got.body).digest() == hashlib.sha256(data).digest()


@pytest.mark.rfc("9110", "9.3.2", "HEAD sends the header of GET and no body")
def test_head(box: Dav, server: Server) -> None:
    box.put("file.txt", b"content")
    got, head = box.get("file.txt"), box.head("file.txt")
    leave = {"date"}
    assert head.status == 200
    shown = {name.lower(): value for name, value in got.headers.items() if name.lower() not in leave}
    assert shown == {name.lower(): value for name, value in head.headers.items() if name.lower() not in leave}
    data = server.raw(message("HEAD", box.path("file.txt"), "Connection: close", auth=box.auth))
    assert data.endswith(b"\r\n\r\n")
    assert b"ETag" in data or b"etag" in data.lower()


@pytest.mark.rfc("9110", "15.5.5", "GET and HEAD of what is not there are 404")
def test_missing(box: Dav) -> None:
    box.get("none").refused(404)
    answer = box.head("none")
    assert (answer.status, answer.body) == (404, b"")
    box.get("none/deeper").refused(404)


@pytest.mark.rfc("9110", "14.5", "PUT with Content-Range is 400 and changes nothing")
def test_put_with_content_range(box: Dav) -> None:
    box.put("file", b"0123456789")
    box.put("file", b"xx", {"Content-Range": "bytes 2-3/10"}).refused(400)
    box.put("new", b"xx", {"Content-Range": "bytes 0-1/10"}).refused(400)
    assert box.get("file").body == b"0123456789"
    assert box.names() == {"file"}


@pytest.mark.rfc("9110", "8.4", "Content-Encoding on PUT is refused with 415, or served as it came")
def test_put_with_content_encoding(box: Dav) -> None:
    answer = box.put("file", b"\x1f\x8bnot really", {"Content-Encoding": "gzip"})
    if answer.status == 415:
        assert box.names() == set()
    else:
        assert answer.status == 201
        assert box.get("file")["Content-Encoding"] == "gzip"
    assert box.put("other", b"x", {"Content-Encoding": "identity"}).status in (201, 415)


@pytest.mark.rfc("9112", "8", "(*) a body that ends early changes nothing")
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 1000"], b"x" * 500),
        (["Content-Length: 1000"], b""),
        (["Transfer-Encoding: chunked"], b"5\r\nhello\r\n"),
        (["Transfer-Encoding: chunked"], b"5\r\nhel"),
        (["Transfer-Encoding: chunked"], b"5\r\nhello\r\n0\r\n"),
        (["Content-Length: 3000000"], b"x" * 2_999_999),
    ],
    ids=["half", "nothing", "no last chunk", "in a chunk", "no final line", "one byte short"],
)
def test_cut_bodies(box: Dav, server: Server, exists: bool, lines: list[str], body: bytes) -> None:
    if exists:
        etag = box.put("file", b"old")["ETag"]
    cut_off(server.port, message("PUT", box.path("file"), *lines, body=body, auth=box.auth))
    if exists:
        got = box.get("file")
        assert (got.body, got["ETag"]) == (b"old", etag)
        assert box.names() == {"file"}
    else:
        assert box.names() == set()
    assert box.put("file", b"new").status in (201, 204)


@pytest.mark.rfc("9112", "6.3", "a body ends where its length says; what follows is not part of it")
def test_too_long_body(box: Dav, server: Server) -> None:
    data = message("PUT", box.path("file"), "Content-Length: 5", body=b"helloworld\r\n\r\n", auth=box.auth)
    first, *rest = answers(server.raw(data))
    assert first.status == 201
    assert all(answer.status == 400 for answer in rest)
    assert box.get("file").body == b"hello"


@pytest.mark.rfc("4918", "10.2", "headers without meaning for a method are ignored (neon and gvfs send some)")
def test_foreign_headers_are_ignored(box: Dav) -> None:
    extra = {"Depth": "0", "Overwrite": "T", "Destination": "nonsense"}
    assert box.put("file", b"1", extra).status == 201
    assert box.get("file", extra).body == b"1"
    assert box.head("file", extra).status == 200
    assert box.put("file", b"2", {"Overwrite": "F"}).status == 204


def test_times_of_clients(box: Dav) -> None:
    """X-OC-Mtime is taken over, said so, and shown; a later PUT without it shows its own time."""
    answer = box.put("file", b"1", {"X-OC-Mtime": "1234567890"})
    assert answer.status == 201
    assert answer["X-OC-Mtime"] == "accepted"
    assert box.text("file", "getlastmodified") == "Fri, 13 Feb 2009 23:31:30 GMT"
    assert box.get("file")["Last-Modified"] == "Fri, 13 Feb 2009 23:31:30 GMT"
    box.put("file", b"2")
    assert box.text("file", "getlastmodified") != "Fri, 13 Feb 2009 23:31:30 GMT"


@pytest.mark.parametrize("when", ["-86400", "0", "4102444800", "1234567890.123456789"])
def test_odd_times_of_clients(box: Dav, when: str) -> None:
    """Times before 1970, far ahead and with fractions are times too; the file is shown with them."""
    assert box.put("file", b"1", {"X-OC-Mtime": when}).status == 201
    shown = {
        "-86400": "Wed, 31 Dec 1969 00:00:00 GMT",
        "0": "Thu, 01 Jan 1970 00:00:00 GMT",
        "4102444800": "Fri, 01 Jan 2100 00:00:00 GMT",
        "1234567890.123456789": "Fri, 13 Feb 2009 23:31:30 GMT",
    }
    assert box.text("file", "getlastmodified") == shown[when]
    assert box.get("file").body == b"1"


@pytest.mark.parametrize("when", ["", "yesterday", "1e400", "nan", "9" * 30])
def test_bad_times_of_clients(box: Dav, when: str) -> None:
    """A time that is none is refused or ignored, and never breaks the file."""
    status = box.put("file", b"1", {"X-OC-Mtime": when}).status
    assert status in (201, 400)
    assert box.names() == ({"file"} if status == 201 else set())
    assert box.request("PROPFIND", "", headers={"Depth": "1"}).status == 207


@pytest.mark.rfc("9110", "10.1.1", "100 Continue is sent when the body is about to be read")
def test_continue(box: Dav, server: Server) -> None:
    data = message("PUT", box.path("file"), "Content-Length: 5", "Expect: 100-continue", body=b"hello", auth=box.auth)
    found = [answer.status for answer in answers(server.raw(data))]
    assert found in ([100, 201], [201])
    assert box.get("file").body == b"hello"


@pytest.mark.rfc("9110", "10.1.1", "(*) the refusal comes instead of 100 Continue: 401, 405, 409, 412, 423")
@pytest.mark.parametrize("status", [401, 405, 409, 412, 423])
def test_refused_without_continue(box: Dav, server: Server, status: int) -> None:
    box.put("file", b"old")
    box.mkcol("folder")
    lines = ["Content-Length: 5000000", "Expect: 100-continue"]
    path, auth = "file", box.auth
    if status == 401:
        auth = None
    elif status == 405:
        path = "folder"
    elif status == 409:
        path = "no/file"
    elif status == 412:
        lines.append('If-Match: "x"')
    else:
        box.locked("file", depth="0")
    found = [answer.status for answer in answers(server.raw(message("PUT", box.path(path), *lines, auth=auth)))]
    assert found == [status]
    assert box.get("file").body == b"old"


@pytest.mark.rfc("9110", "10.1.1", "an expectation that is not known is 417")
def test_unknown_expectation(box: Dav, server: Server) -> None:
    data = message("PUT", box.path("file"), "Content-Length: 1", "Expect: miracles", body=b"x", auth=box.auth)
    assert answers(server.raw(data))[0].status == 417
    assert box.names() == set()


@pytest.mark.rfc("9110", "15.5.6", "methods that a resource does not know are 405 with Allow, unknown ones 501")
def test_other_methods(box: Dav) -> None:
    box.put("file", b"1")
    for path in ("file", ""):
        assert box.request("TRACE", path).status in (405, 501)
        assert box.request("FROBNICATE", path).status == 501
    assert box.request("POST", "file", b"x").status == 405
    assert box.get("file").body == b"1"


@pytest.mark.rfc("9110", "15.5.14", "a body over the limit is 413 from its length, or as soon as it is too long")
def test_limit_of_bodies(module_server: Server) -> None:
    box = module_server.dav("alice").fresh_box()
    box.put("file", b"old")
    module_server.cli("settings", "set", "upload.max_bytes", "1000")
    try:
        for _ in range(4):
            box.clone().put("file", b"x" * 1001).refused(413)
            box.clone().put("file", iter([b"x" * 600, b"x" * 600])).refused(413)
        assert box.get("file").body == b"old"
        assert box.put("file", b"x" * 1000).status == 204
    finally:
        module_server.cli("settings", "reset", "upload.max_bytes")
    assert box.put("file", b"x" * 1001).status == 204


def test_content_lies_as_a_plain_file(box: Dav, server: Server) -> None:
    """What users see is what an administrator finds on disk."""
    box.mkcol("folder")
    box.put("folder/gr%C3%BC%C3%9Fe.txt", b"content")
    path = server.home() / box.base.removeprefix("/dav/home/") / "folder" / "grüße.txt"
    assert path.read_bytes() == b"content"
    assert sorted(each.name for each in path.parent.iterdir()) == ["grüße.txt"]
