"""PATCH with application/x-sabredav-partialupdate: webdav.md section 5 ("SabreDAV partial update")."""

from __future__ import annotations

import hashlib
import socket
from base64 import b64encode
from pathlib import Path

import pytest

from support.client import Answer, Dav
from support.parallel import together
from support.raw import answers, message
from support.server import Server
from support.staging import staged as waiting

TYPE = "application/x-sabredav-partialupdate"


def patch(dav: Dav, path: str, where: str | None, body, headers: dict[str, str] | None = None) -> Answer:
    """A partial update of ``where`` (the value of X-Update-Range; None leaves it out)."""
    sent = {"Content-Type": TYPE, **(headers or {})}
    if where is not None:
        sent["X-Update-Range"] = where
    return dav.request("PATCH", path, body, sent)


@pytest.fixture
def file(box: Dav) -> Dav:
    """A box with a file of ten digits."""
    assert box.put("file", b"0123456789").status == 201
    return box


@pytest.mark.parametrize(
    ("where", "body", "then"),
    [
        ("bytes=2-4", b"abc", b"01abc56789"),
        ("bytes=0-0", b"x", b"x123456789"),
        ("bytes=9-9", b"x", b"012345678x"),
        ("bytes=8-11", b"abcd", b"01234567abcd"),
        ("bytes=10-12", b"abc", b"0123456789abc"),
        ("bytes=4-", b"abc", b"0123abc789"),
        ("bytes=10-", b"abc", b"0123456789abc"),
        ("bytes=0-", b"abcdefghijklm", b"abcdefghijklm"),
        ("bytes=-3", b"abc", b"0123456abc"),
        ("bytes=-3", b"abcde", b"0123456abcde"),
        ("bytes=-10", b"a", b"a123456789"),
        ("append", b"abc", b"0123456789abc"),
        ("append", b"", b"0123456789"),
        ("Append", b"x", b"0123456789x"),
        ("bytes = 2 - 3", b"ab", b"01ab456789"),
    ],
)
def test_ranges(file: Dav, where: str, body: bytes, then: bytes) -> None:
    """Every form of range; 204 with a new ETag that GET and PROPFIND agree on; the other bytes stay."""
    before = file.etag("file")
    answer = patch(file, "file", where, body)
    assert (answer.status, answer.body) == (204, b"")
    got = file.get("file")
    assert got.body == then
    assert answer["ETag"] == got["ETag"] == file.etag("file") != before
    assert file.text("file", "getcontentlength") == str(len(then))


@pytest.mark.parametrize(
    ("where", "body", "status"),
    [
        (None, b"x", 400),
        ("", b"x", 400),
        ("bytes", b"x", 400),
        ("bytes=", b"x", 400),
        ("bytes=a-b", b"x", 400),
        ("bytes=-", b"x", 400),
        ("bytes=1-2,4-5", b"xx", 400),
        ("chars=1-1", b"x", 400),
        ("bytes=" + "9" * 40 + "-", b"x", 400),
        ("bytes=11-", b"x", 416),
        ("bytes=11-11", b"x", 416),
        ("bytes=-11", b"x", 416),
        ("bytes=2-4", b"xx", 416),
        ("bytes=2-4", b"xxxx", 416),
        ("bytes=4-2", b"x", 416),
        ("bytes=2-4", b"", 416),
    ],
)
def test_refused_ranges(file: Dav, where: str | None, body: bytes, status: int) -> None:
    """Missing or malformed 400, outside of the file or of another length 416; nothing changes."""
    before = file.etag("file")
    answer = patch(file, "file", where, body).refused(status)
    if status == 416:
        assert answer["Content-Range"] == "bytes */10"
    assert (file.get("file").body, file.etag("file")) == (b"0123456789", before)


def test_refusals(file: Dav) -> None:
    """Other types 415 with Accept-Patch (RFC 5789 section 2.2), no length 411, missing 404, folders 405."""
    for kind in ("text/plain", "application/octet-stream", "application/json-patch+json", ""):
        answer = patch(file, "file", "append", b"x", {"Content-Type": kind}).refused(415)
        assert answer["Accept-Patch"] == TYPE
    patch(file, "file", "append", b"x", {"Content-Encoding": "gzip"}).refused(415)
    patch(file, "file", "append", iter([b"x"])).refused(411)
    patch(file, "none", "append", b"x").refused(404)
    patch(file, "no/ne", "append", b"x").refused(404)
    patch(file, "file/", "append", b"x").refused(404)
    file.mkcol("folder")
    assert "PATCH" not in patch(file, "folder/", "append", b"x").refused(405)["Allow"].split(", ")
    assert file.get("file").body == b"0123456789"
    assert patch(file, "file", "append", b"x", {"Content-Type": TYPE + "; charset=utf-8"}).status == 204


def test_announced(file: Dav) -> None:
    """OPTIONS: the class on every resource, Accept-Patch and Allow on files."""
    for path in ("file", "", "none", "/dav/", "/"):
        classes = [word.strip() for word in file.request("OPTIONS", path)["DAV"].split(",")]
        assert "sabredav-partialupdate" in classes
    answer = file.request("OPTIONS", "file")
    assert answer["Accept-Patch"] == TYPE and "PATCH" in answer["Allow"].split(", ")
    assert "Accept-Patch" not in file.request("OPTIONS", "").headers


def test_conditions(file: Dav) -> None:
    """If-Match, If-None-Match and If count as with PUT."""
    etag = file.etag("file")
    patch(file, "file", "append", b"x", {"If-Match": '"other"'}).refused(412)
    patch(file, "file", "append", b"x", {"If-None-Match": "*"}).refused(412)
    patch(file, "file", "append", b"x", {"If": '(["other"])'}).refused(412)
    answer = patch(file, "file", "append", b"x", {"If-Match": '"other"', "Prefer": "return=representation"})
    assert (answer.status, answer.body, answer["ETag"]) == (412, b"0123456789", etag)
    assert patch(file, "file", "append", b"x", {"If-Match": etag}).status == 204
    patch(file, "file", "append", b"x", {"If-Match": etag}).refused(412)
    assert file.get("file").body == b"0123456789x"


def test_locks(file: Dav, team: tuple[Dav, Dav]) -> None:
    """A lock wants its token, from its maker."""
    alice, bob = team
    alice.put("file", b"0123456789")
    token = alice.locked("file", depth="0")
    patch(alice, "file", "append", b"x").refused(423, condition="lock-token-submitted")
    patch(bob, "file", "append", b"x", {"If": f"(<{token}>)"}).refused(423)
    assert patch(alice, "file", "append", b"x", {"If": f"(<{token}>)"}).status == 204
    assert alice.get("file").body == b"0123456789x"


def test_rights(module_server: Server) -> None:
    """Viewers 403, strangers 404; an app token that only reads 403."""
    module_server.cli("space", "add", "seen", "--member", "alice:editor", "--member", "bob:viewer")
    alice, bob = (module_server.dav(name, "/dav/spaces/seen/") for name in ("alice", "bob"))
    alice.put("file", b"0")
    patch(bob, "file", "append", b"x").refused(403, condition="need-privileges")
    patch(module_server.dav("bob", "/dav/users/alice/"), "file", "append", b"x").refused(404)
    assert alice.get("file").body == b"0"


def test_digests(file: Dav) -> None:
    """Digest fields are about what is sent, OC-Checksum about the file; a wrong one is 400 and nothing changes."""

    def field(data: bytes) -> str:
        return f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"

    before = file.etag("file")
    for headers in (
        {"Content-Digest": field(b"y")},
        {"Repr-Digest": field(b"0123456789x")},
        {"OC-Checksum": "SHA1:" + hashlib.sha1(b"x").hexdigest()},
    ):
        patch(file, "file", "append", b"x", headers).refused(400)
        assert (file.get("file").body, file.etag("file")) == (b"0123456789", before)
    good = {"Content-Digest": field(b"x"), "OC-Checksum": "SHA1:" + hashlib.sha1(b"0123456789x").hexdigest()}
    assert patch(file, "file", "append", b"x", good).status == 204
    whole = file.get("file", {"Want-Repr-Digest": "sha-256=1"})
    assert whole["Repr-Digest"] == field(b"0123456789x")
    sums = file.prop("file", "{http://owncloud.org/ns}checksums")[1].findtext("{*}checksum")
    assert f"SHA1:{hashlib.sha1(b'0123456789x').hexdigest()}" in sums


def test_large_file(box: Dav) -> None:
    """A few bytes in the middle of a file of some megabytes; digests follow."""
    data = bytearray(bytes(range(256)) * 20_000)
    assert box.put("big", bytes(data), {"OC-Checksum": "SHA1:" + hashlib.sha1(data).hexdigest()}).status == 201
    assert patch(box, "big", "bytes=3000000-3000004", b"patch").status == 204
    data[3_000_000:3_000_005] = b"patch"
    got = box.get("big", {"Want-Digest": "sha"})
    assert got.body == bytes(data)
    assert got["Digest"] == "sha=" + b64encode(hashlib.sha1(data).digest()).decode()


def test_representation(file: Dav) -> None:
    """return=representation: 200 with the whole new file (RFC 8144 section 3.1)."""
    answer = patch(file, "file", "bytes=0-0", b"x", {"Prefer": "return=representation"})
    assert (answer.status, answer.body) == (200, b"x123456789")
    assert answer["ETag"] == file.etag("file")
    assert answer["Content-Location"] == file.path("file")
    assert answer["Preference-Applied"] == "return=representation"


def test_quota(module_server: Server) -> None:
    """Growth over the quota is 507 before the body is read; a change in place fits always."""
    module_server.cli("space", "add", "narrow", "--quota", "100", "--member", "alice:editor")
    dav = module_server.dav("alice", "/dav/spaces/narrow/")
    assert dav.put("file", b"x" * 90).status == 201
    data = message(
        "PATCH", dav.path("file"), f"Content-Type: {TYPE}", "X-Update-Range: append", "Content-Length: 11",
        "Expect: 100-continue", auth=dav.auth,
    )  # fmt: skip
    assert [each.status for each in answers(module_server.raw(data))] == [507]
    patch(dav, "file", "append", b"y" * 11).refused(507, condition="quota-not-exceeded")
    assert patch(dav, "file", "append", b"y" * 10).status == 204
    assert patch(dav, "file", "bytes=0-9", b"z" * 10).status == 204
    assert dav.get("file").body == b"z" * 10 + b"x" * 80 + b"y" * 10
    assert dav.text("", "quota-available-bytes") == "0"


@pytest.mark.slow
def test_body_cut_short(file: Dav, server: Server) -> None:
    """A body that ends early changes nothing and leaves nothing behind."""
    head = [f"Content-Type: {TYPE}", "X-Update-Range: bytes=0-", "Content-Length: 100"]
    server.raw(message("PATCH", file.path("file"), *head, body=b"x" * 50, auth=file.auth))
    assert file.get("file").body == b"0123456789"


def test_many_appends(file: Dav) -> None:
    """Sixteen clients append at once, without conditions: every line is there once."""
    clients = [file.clone() for _ in range(16)]
    lines = [b"<%02d>" % number for number in range(16)]

    def append(dav: Dav, line: bytes) -> None:
        while (status := patch(dav, "file", "append", line).status) == 503:
            pass
        assert status == 204

    together([lambda dav=dav, line=line: append(dav, line) for dav, line in zip(clients, lines, strict=True)])
    body = file.get("file").body
    assert len(body) == 10 + 16 * 4
    assert all(body.count(line) == 1 for line in lines)


def test_overtaken_by_put(file: Dav, server: Server) -> None:
    """A PUT while the bytes of a PATCH are on their way is not lost: the PATCH is made on top of it, or refused."""
    head = message(
        "PATCH", file.path("file"), f"Content-Type: {TYPE}", "X-Update-Range: bytes=0-69999",
        "Content-Length: 70000", auth=file.auth,
    )  # fmt: skip
    others = staged(server)  # open uploads of other tests
    for put, wanted in ((b"y" * 100_000, b"x" * 70_000 + b"y" * 30_000), (b"", b"x" * 70_000)):
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall(head + b"x" * 66_000)
            while staged(server) == others:
                pass
            assert file.put("file", put).status == 204
            link.sendall(b"x" * 4_000)
            status = answers(link.recv(65536))[0].status
        assert status == 204
        assert file.get("file").body == wanted
        assert staged(server) == others


def staged(server: Server):
    """What is being staged in alice's home, as long as it has content."""
    return sorted(each for each in waiting(server.home()) if each.stat().st_size)


def test_changed_on_disk(file: Dav, server: Server) -> None:
    """What somebody wrote into the file on disk is the base of the change."""
    path: Path = server.home() / file.base.removeprefix("/dav/home/") / "file"
    path.write_bytes(b"written behind the back")
    assert patch(file, "file", "append", b"!").status == 204
    assert file.get("file").body == b"written behind the back!"
    path.unlink()
    patch(file, "file", "append", b"!").refused(404)
