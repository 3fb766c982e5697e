"""RFC 9530, RFC 3230 and OC-Checksum: digests asked for, sent, and verified."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import zlib

import pytest

from support.client import Dav
from support.raw import answers, message

DATA = b"digest me\n" * 1000
OC = "{http://owncloud.org/ns}checksums"


def b64(name: str, data: bytes = DATA) -> str:
    """Base64 of a hash."""
    return base64.b64encode(hashlib.new(name, data).digest()).decode()


def members(value: str) -> dict[str, str]:
    """``name=value`` pairs of a Digest-like header."""
    return dict(part.strip().split("=", 1) for part in value.split(","))


# -- RFC 9530 ------------------------------------------------------------------------------


@pytest.mark.rfc("9530", "3", "(*) a right Repr-Digest or Content-Digest on PUT is accepted")
@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
def test_right_digest(box: Dav, header: str, name: str) -> None:
    value = f"{name}=:{b64(name.replace('-', ''))}:"
    assert box.put("file", DATA, {header: value}).status == 201
    assert box.put("chunked", iter([DATA[:77], DATA[77:]]), {header: value}).status == 201
    assert box.get("chunked").body == DATA


@pytest.mark.rfc("9530", "3", "(*) a wrong digest is 400 and nothing is stored")
@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("name", ["sha-256", "sha-512"])
@pytest.mark.parametrize("exists", [True, False])
def test_wrong_digest(box: Dav, header: str, name: str, exists: bool) -> None:
    if exists:
        etag = box.put("file", b"old")["ETag"]
    value = f"{name}=:{b64(name.replace('-', ''), b'other')}:"
    box.put("file", DATA, {header: value}).refused(400)
    box.put("file", iter([DATA]), {header: value}).refused(400)
    if exists:
        assert (box.get("file").body, box.etag("file")) == (b"old", etag)
    assert box.names() == ({"file"} if exists else set())


@pytest.mark.rfc("9530", "3", "one wrong digest among several is enough")
def test_one_of_two_is_wrong(box: Dav) -> None:
    value = f"sha-256=:{b64('sha256')}:, sha-512=:{b64('sha512', b'x')}:"
    box.put("file", DATA, {"Repr-Digest": value}).refused(400)
    assert box.names() == set()


@pytest.mark.rfc("9530", "3", "unknown algorithms are ignored, broken fields refused or ignored")
def test_odd_fields(box: Dav) -> None:
    assert box.put("a", DATA, {"Repr-Digest": "unknown-1=:AAAA:"}).status == 201
    for value in ("sha-256", "sha-256=x", "sha-256=:!!:", "", "=:AAAA:", "sha-256=:AAAA:"):
        status = box.put("b", DATA, {"Repr-Digest": value}).status
        assert status in (201, 204, 400), value
    assert box.put("c", DATA, {"Repr-Digest": "sha-256=:AAAA:"}).status == 400
    assert "c" not in box.names()


@pytest.mark.rfc("9530", "4", "Want-Repr-Digest and Want-Content-Digest are answered on GET and HEAD")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_wanted(box: Dav, method: str) -> None:
    box.put("file", DATA)
    answer = box.request(method, "file", headers={"Want-Repr-Digest": "sha-256=10, sha-512=3"})
    assert answer["Repr-Digest"].startswith(f"sha-256=:{b64('sha256')}:")
    answer = box.request(method, "file", headers={"Want-Repr-Digest": "sha-512=9"})
    assert f"sha-512=:{b64('sha512')}:" in answer["Repr-Digest"]
    answer = box.request("GET", "file", headers={"Want-Content-Digest": "sha-256=1"})
    assert f"sha-256=:{b64('sha256')}:" in answer["Content-Digest"]


@pytest.mark.rfc("9530", "4", "nobody asked, weight 0, or an unknown algorithm: no insecure answer")
def test_not_wanted(box: Dav) -> None:
    box.put("file", DATA)
    assert "md5" not in box.get("file").headers.get("Repr-Digest", "")
    assert "sha-512" not in box.get("file", {"Want-Repr-Digest": "sha-512=0"}).headers.get("Repr-Digest", "")
    assert box.get("file", {"Want-Repr-Digest": "nothing=3"}).status == 200
    assert box.get("file", {"Want-Repr-Digest": "((("}).status == 200


@pytest.mark.rfc("9530", "2", "in 206 Content-Digest is about the part, Repr-Digest about the file")
def test_partial(box: Dav) -> None:
    box.put("file", DATA)
    headers = {"Range": "bytes=10-99", "Want-Repr-Digest": "sha-256=5", "Want-Content-Digest": "sha-256=5"}
    answer = box.get("file", headers)
    assert answer.status == 206
    assert f"sha-256=:{b64('sha256')}:" in answer["Repr-Digest"]
    if "Content-Digest" in answer.headers:
        assert f"sha-256=:{b64('sha256', DATA[10:100])}:" in answer["Content-Digest"]


def test_digests_follow_the_content(box: Dav) -> None:
    """After an overwrite, a copy and a move the digest is that of the bytes served."""
    wanted = {"Want-Repr-Digest": "sha-256=5"}
    box.put("file", b"one")
    box.get("file", wanted)
    box.put("file", DATA)
    box.copy("file", "copied")
    box.move("file", "moved")
    for name in ("copied", "moved"):
        assert f"sha-256=:{b64('sha256')}:" in box.get(name, wanted)["Repr-Digest"]


def test_large_files_too(box: Dav) -> None:
    """Over 1 MiB digests are computed when first asked, and right."""
    data = DATA * 300
    assert box.put("file", data).status == 201
    for _ in range(2):
        answer = box.head("file", {"Want-Repr-Digest": "sha-256=5"})
        assert f"sha-256=:{b64('sha256', data)}:" in answer["Repr-Digest"]


# -- RFC 3230 ------------------------------------------------------------------------------


@pytest.mark.rfc("3230", "4.3.1", "Want-Digest is answered with Digest on GET and HEAD")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("asked", "name", "value"),
    [
        ("adler32", "adler32", f"{zlib.adler32(DATA):08x}"),
        ("ADLER32", "adler32", f"{zlib.adler32(DATA):08x}"),
        ("md5", "md5", b64("md5")),
        ("sha-256", "sha-256", b64("sha256")),
        ("sha", "sha", b64("sha1")),
        ("unknown, md5", "md5", b64("md5")),
        ("adler32;q=0.4, md5;q=0.9", "md5", b64("md5")),
        ("adler32, md5;q=0.5", "adler32", f"{zlib.adler32(DATA):08x}"),
        ("md5;q=0, adler32;q=0.1", "adler32", f"{zlib.adler32(DATA):08x}"),
    ],
)
def test_want_digest(box: Dav, method: str, asked: str, name: str, value: str) -> None:
    box.put("file", DATA)
    answer = box.request(method, "file", headers={"Want-Digest": asked})
    assert answer.status == 200
    assert members(answer["Digest"])[name] == value


@pytest.mark.rfc("3230", "4.3.2", "adler32 has eight digits, zero padded")
def test_adler_padding(box: Dav) -> None:
    for data in (b"", b"a", b"ab"):
        box.put("file", data)
        assert box.head("file", {"Want-Digest": "adler32"})["Digest"] == f"adler32={zlib.adler32(data):08x}"


@pytest.mark.rfc("3230", "4.3.2", "a right Digest on PUT is accepted, a wrong one is 400 and stores nothing")
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (f"adler32={zlib.adler32(DATA):08x}", "adler32=00000001"),
        (f"md5={b64('md5')}", f"md5={b64('md5', b'x')}"),
        (f"SHA-256={b64('sha256')}", f"SHA-256={b64('sha256', b'x')}"),
    ],
)
def test_digest_on_put(box: Dav, right: str, wrong: str) -> None:
    box.put("file", DATA, {"Digest": wrong}).refused(400)
    assert box.names() == set()
    assert box.put("file", DATA, {"Digest": right}).status == 201


@pytest.mark.rfc("1864", "2", "Content-MD5, where it is sent, is verified or ignored")
def test_content_md5(box: Dav) -> None:
    assert box.put("file", DATA, {"Content-MD5": b64("md5")}).status == 201


# -- ownCloud ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SHA1", "MD5", "SHA256", "ADLER32", "sha1"])
def test_oc_checksum(box: Dav, name: str) -> None:
    """A right OC-Checksum is accepted, a wrong one 400 with nothing stored."""
    if name == "ADLER32":
        right, wrong = f"{zlib.adler32(DATA):08x}", "00000001"
    else:
        right, wrong = hashlib.new(name, DATA).hexdigest(), hashlib.new(name, b"x").hexdigest()
    box.put("file", DATA, {"OC-Checksum": f"{name}:{wrong}"}).refused(400)
    assert box.names() == set()
    assert box.put("file", DATA, {"OC-Checksum": f"{name}:{right}"}).status == 201
    box.put("file", b"x", {"OC-Checksum": f"{name}:{right}"}).refused(400)
    assert box.get("file").body == DATA


@pytest.mark.parametrize("value", ["", "SHA1", "SHA1:", ":abc", "NOTHING:abc", "SHA1:xyz"])
def test_odd_oc_checksums(box: Dav, value: str) -> None:
    """Empty, unknown and malformed ones are refused or ignored."""
    status = box.put("file", DATA, {"OC-Checksum": value}).status
    assert status in (201, 400)
    assert box.names() == ({"file"} if status == 201 else set())


def test_checksums_property(box: Dav) -> None:
    """oc:checksums holds SHA1, MD5 and ADLER32 in one element, also after another PUT."""
    box.put("file", b"old")
    for data in (b"old", DATA):
        box.put("file", data, {"OC-Checksum": f"SHA1:{hashlib.sha1(data).hexdigest()}"})
        status, element = box.prop("file", OC)
        assert status == 200
        (checksum,) = element.findall("{http://owncloud.org/ns}checksum")
        found = dict(word.split(":") for word in checksum.text.split())
        assert found["SHA1"] == hashlib.sha1(data).hexdigest()
        assert found.get("MD5", hashlib.md5(data).hexdigest()) == hashlib.md5(data).hexdigest()
        assert found.get("ADLER32", f"{zlib.adler32(data):08x}") == f"{zlib.adler32(data):08x}"
    assert box.propfind("", OC).only.code(OC) in (200, 404)


def test_wrong_digest_leaves_the_connection_in_order(box: Dav, server) -> None:
    """The next request on the connection is read from where it begins."""
    first = message(
        "PUT", box.path("file"), "Content-Length: 5", "Repr-Digest: sha-256=:AAAA:", body=b"hello", auth=box.auth
    )
    second = message("GET", box.path("none"), "Connection: close", auth=box.auth)
    found = [answer.status for answer in answers(server.raw(first + second))]
    assert found in ([400, 404], [400])
    assert re.fullmatch(r"2..|404", str(box.get("none").status))


@pytest.mark.parametrize("size", [0, 100, 3_000_000])
def test_oc_checksum_of_what_is_got(box: Dav, size: int) -> None:
    """GET, HEAD and parts tell the checksum of the whole, the one that clients prefer, as soon as it is known."""
    data = bytes(size)
    expected = "SHA1:" + hashlib.sha1(data).hexdigest()
    box.put("file", data, {"OC-Checksum": expected})
    for _ in range(2):
        assert box.get("file")["OC-Checksum"] == box.head("file")["OC-Checksum"] == expected
    if size:
        assert box.get("file", {"Range": "bytes=5-9"})["OC-Checksum"] == expected
    other = "MD5:" + hashlib.md5(data + b"x").hexdigest()
    box.put("file", data + b"x", {"OC-Checksum": other})
    told = box.get("file")["OC-Checksum"]
    assert told in (other, "SHA1:" + hashlib.sha1(data + b"x").hexdigest())


SPELLINGS = {
    "Digest": f"SHA-256={b64('sha256')}",
    "Content-Digest": f"sha-256=:{b64('sha256')}:",
    "Repr-Digest": f"sha-512=:{b64('sha512')}:",
    "Content-MD5": b64("md5"),
    "OC-Checksum": f"SHA256:{hashlib.sha256(DATA).hexdigest()}",
}


@pytest.mark.parametrize("way", ["put", "chunk", "whole", "part", "last part", "bulk", "post", "tus", "tus piece"])
@pytest.mark.parametrize("header", SPELLINGS)
def test_every_spelling_on_every_way(box: Dav, way: str, header: str) -> None:
    """Other bytes than stated are refused wherever a file, or a part of one, comes in; the right ones are taken."""
    for data, fine in ((DATA[:-1] + b"x", False), (DATA, True)):
        status = sent_in(box, way, {header: SPELLINGS[header]}, data)
        of_the_file = way in ("whole", "last part") and header != "OC-Checksum"
        if way == "whole" and of_the_file:
            continue  # the digest of the empty message is not that of the file
        if way == "part" and header == "OC-Checksum":
            assert status == 201, "that of the file counts with the last part"
        else:
            assert (status in (200, 201, 204)) is fine, (status, fine)


def sent_in(box: Dav, way: str, headers: dict[str, str], data: bytes) -> int:
    """The status of one way to send something."""
    mark = secrets.token_hex(4)
    chunks = f"/remote.php/dav/uploads/alice/{mark}/"
    if way in ("chunk", "whole"):
        assert box.mkcol(chunks).status == 201
        answer = box.put(chunks + "1", data, headers if way == "chunk" else {})
        if way == "whole":
            target = {"Destination": box.base.replace("/dav/home/", "/remote.php/webdav/") + mark}
            answer = box.request("MOVE", chunks + ".file", headers={**headers, **target})
        return answer.status
    if way in ("part", "last part"):
        count = 2 if way == "part" else 1
        return box.put(f"{mark}-chunking-1-{count}-0", data, {**headers, "OC-Chunked": "1"}).status
    if way.startswith("tus"):
        said = base64.b64encode(mark.encode()).decode()
        spoken = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
        sent = {**spoken, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {said}"}
        if way == "tus":
            return box.request("POST", "", data, {**sent, **headers}).status
        only = {"OC-Checksum": headers["OC-Checksum"]} if "OC-Checksum" in headers else {}
        path = "/" + box.request("POST", "", b"", {**sent, **only})["Location"].split("/", 3)[3]
        return box.request("PATCH", path, data, {**spoken, "Upload-Offset": "0", **headers}).status
    if way == "post":
        return box.request("POST", "", data, headers).status
    if way == "bulk":
        head = {"X-File-Path": "/" + box.base.removeprefix("/dav/home/") + mark, "Content-Length": len(data), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        body = f"--b\r\n{lines}\r\n".encode() + data + b"\r\n--b--\r\n"
        answer = box.request("POST", "/remote.php/dav/bulk", body, {"Content-Type": "multipart/related; boundary=b"})
        return 400 if b'"error": true' in answer.body else answer.status
    return box.put(mark, data, headers).status
