"""Many small files in one request, as Nextcloud's clients send them."""

from __future__ import annotations

import hashlib
import json
import secrets
import socket
from typing import Any
from urllib.parse import quote

import pytest

from support.client import Dav
from support.raw import basic
from support.server import Server
from support.staging import staged

BOUNDARY = "boundary_.oOo._mfQlR2N+/x=1"
KIND = {"Content-Type": f'multipart/related; boundary="{BOUNDARY}"', "MIME-Version": "1.0"}
BULK = "/remote.php/dav/bulk"


def part(path: str, data: bytes, **headers: str) -> bytes:
    """One file, with its checksum unless another one is given."""
    head = {"Content-Length": str(len(data)), "Content-Type": "application/octet-stream",
            "X-File-MD5": hashlib.md5(data).hexdigest(), "X-File-Mtime": "1500000000", "X-File-Path": path}  # fmt: skip
    head |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in head.items() if value]
    return "\r\n".join([f"--{BOUNDARY}", *lines, "", ""]).encode() + data + b"\r\n"


def body(*parts: bytes) -> bytes:
    """A whole body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def send(box: Dav, *parts: bytes) -> dict[str, dict[str, Any]]:
    """What is told of each file, by its path."""
    answer = box.request("POST", BULK, body(*parts), KIND)
    assert answer.status == 200 and answer["Content-Type"] == "application/json", answer
    return json.loads(answer.body)


def at(box: Dav, name: str) -> str:
    """The path of a file in the box, from the root of the home."""
    return "/" + box.base.removeprefix("/dav/home/") + name


def test_files(box: Dav) -> None:
    """New ones and empty ones with hard names, in folders; tag, number, letters and time are those of the file."""
    box.mkcol("sub")
    names = ["a", "ü n i.txt", "100% #?&.md", "sub/deep", "sub/empty", "日本語"]
    files = {at(box, name): b"" if "empty" in name else name.encode() * 9 for name in names}
    told = send(box, *[part(path, data) for path, data in files.items()])
    assert set(told) == set(files)
    home = box.clone("/dav/home/")
    for path, data in files.items():
        here = quote(path.lstrip("/"))
        assert home.get(here).body == data
        assert told[path]["error"] is False
        assert f'"{told[path]["etag"]}"' == home.etag(here)
        assert told[path]["OC-FileID"] == told[path]["fileid"] == home.text(here, "{http://owncloud.org/ns}id")
        assert told[path]["permissions"] == home.text(here, "{http://owncloud.org/ns}permissions")
        assert told[path]["X-OC-MTime"] == "accepted"
        assert home.text(here, "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


def test_each_is_answered_for_itself(box: Dav) -> None:
    """What is refused stops nobody else, and leaves no trace."""
    box.put("old", b"old")
    box.put("kept", b"kept")
    box.mkcol("folder")
    good = at(box, "good")
    refused = {
        at(box, "md5"): part(at(box, "md5"), b"x", X_File_MD5="0" * 32),
        at(box, "no md5"): part(at(box, "no md5"), b"x", X_File_MD5="x"),
        at(box, "sha"): part(at(box, "sha"), b"x" * 200_000, OC_Checksum="SHA1:" + "0" * 40),
        at(box, "none/x"): part(at(box, "none/x"), b"x"),
        at(box, "folder"): part(at(box, "folder"), b"x"),
        at(box, "kept"): part(at(box, "kept"), b"x", If_Match='"other"'),
        at(box, "../x"): part(at(box, "../x"), b"x"),
        at(box, "x/"): part(at(box, "x/"), b"x"),
        at(box, "time"): part(at(box, "time"), b"x", X_File_Mtime="now"),
        "": part("", b"x"),
        "/.davshare/x": part("/.davshare/x", b"x"),
    }
    old = box.etag("old")
    told = send(box, *refused.values(), part(at(box, "old"), b"new", If_Match=old), part(good, b"good"))
    for path in refused:
        assert told[path]["error"] is True and told[path]["message"], path
    assert told[at(box, "old")]["error"] is False and box.get("old").body == b"new"
    assert told[good]["error"] is False and box.get("good").body == b"good"
    assert box.names() == {"old", "kept", "folder", "good"} and box.get("kept").body == b"kept"


def test_the_newer_headers(box: Dav) -> None:
    """OC-Checksum and X-OC-Mtime instead of the two of the first clients."""
    headers = {"X_File_MD5": "", "X_File_Mtime": "", "X_OC_Mtime": "1500000000.5"}
    checksum = "SHA256:" + hashlib.sha256(b"data").hexdigest()
    told = send(box, part(at(box, "x"), b"data", OC_Checksum=checksum, **headers), part(at(box, "y"), b"d", **headers))
    assert [each["error"] for each in told.values()] == [False, False]
    assert checksum in "".join(box.prop("x", "{http://owncloud.org/ns}checksums")[1].itertext())
    assert box.text("y", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


def test_conditions_within_one_request(box: Dav) -> None:
    """The same file twice: the second one is judged by what the first one made."""
    box.put("x", b"old")
    old = box.etag("x")
    told = send(box, part(at(box, "x"), b"first", If_Match=old), part(at(box, "x"), b"second", If_Match=old))
    assert told[at(box, "x")]["error"] is True and box.get("x").body == b"first"


def test_hundreds(server: Server, box: Dav) -> None:
    """More files than are committed at once; few transactions for many files."""
    before = server.rows("SELECT value FROM counter WHERE name='commits'")
    files = {at(box, f"{number:04}"): secrets.token_bytes(number) for number in range(250)}
    told = send(box, *[part(path, data) for path, data in files.items()])
    assert len(told) == 250 and not any(each["error"] for each in told.values())
    assert len(box.names()) == 250 and box.get("0249").body == files[at(box, "0249")]
    after = server.rows("SELECT value FROM counter WHERE name='commits'")
    assert after[0][0] - before[0][0] <= 20


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        f"--{BOUNDARY}\r\n".encode(),
        f"--{BOUNDARY}\r\nX-File-Path: /x\r\n\r\nabc\r\n--{BOUNDARY}--\r\n".encode(),
        f"--{BOUNDARY}\r\nContent-Length: -1\r\n\r\n".encode(),
        f"--{BOUNDARY}\r\nno colon\r\n\r\n".encode(),
        f"--{BOUNDARY}\r\nContent-Length: 3\r\nX-File-Path: \xff\r\n\r\nabc".encode("latin-1"),
        part("/x", b"abc")[:-2] + b"xx" + body(),
        part("/x", b"abc"),
        f"--{BOUNDARY}\r\nX: {'x' * 100_000}\r\n\r\n".encode(),
        part("/x", b"abc", Content_Length="500000"),
    ],
)
def test_malformed(server: Server, data: bytes) -> None:
    """Where nobody knows where a file ends, the rest is refused."""
    server.dav("bob").request("POST", BULK, data, KIND).refused(400)


def test_too_many(box: Dav) -> None:
    """The number of files of one request is limited."""
    answer = box.request("POST", BULK, body(*[part("", b"")] * 1001), KIND)
    answer.refused(400)


def test_who_and_how(server: Server, box: Dav) -> None:
    """Only POST, only the right type, only who has signed in, and into their own home."""
    box.request("PUT", BULK, b"x").refused(405)
    box.request("POST", BULK, body(), {"Content-Type": "multipart/form-data; boundary=x"}).refused(415)
    box.request("POST", BULK, body(), {"Content-Type": "multipart/related"}).refused(415)
    box.request("POST", BULK, body(), {**KIND, "Origin": "https://elsewhere.example"}).refused(403)
    assert server.dav(None).request("POST", BULK, body(), KIND).status == 401
    assert send(box) == {}
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    reader = Dav(server.port, box.base, f"Bearer {token}")
    assert send(reader, part(at(box, "x"), b"x"))[at(box, "x")]["error"] is True
    guest = f"g{secrets.token_hex(4)}"
    server.cli("user", "add", guest, "--guest", "--password-stdin", input="some-pass-123")
    assert send(server.dav(guest, password="some-pass-123"), part("/x", b"x"))["/x"]["error"] is True


def test_quota(server: Server) -> None:
    """What is over it is refused, the rest is stored."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--quota", "10kB", "--password-stdin", input="some-pass-123")
    home = server.dav(name, password="some-pass-123")
    told = send(home, part("/a", b"x" * 6000), part("/b", b"x" * 6000), part("/c", b"x" * 3000))
    assert [told[path]["error"] for path in ("/a", "/b", "/c")] == [False, True, False]
    assert home.names() == {"a", "c"}


def test_a_cut_connection(server: Server, box: Dav) -> None:
    """Nothing of the file that was being sent remains."""
    before = set(staged(server.home()))
    data = part(at(box, "x"), b"x" * 1000) + part(at(box, "y"), b"y" * 1000)[:-500]
    head = f"POST {BULK} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\nContent-Type: {KIND['Content-Type']}\r\n"
    head += f"Authorization: {basic('alice', server.users['alice'])}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(head.encode() + data)
    assert send(box, part(at(box, "z"), b"z"))[at(box, "z")]["error"] is False
    assert box.names() == {"z"} and set(staged(server.home())) == before


AGENTS = {
    "Mozilla/5.0 (Linux) mirall/3.7.3git (nextcloudcmd, debian-6.1 ClientArchitecture: x86_64)": (False, False),
    "Mozilla/5.0 (Windows) mirall/3.9.4stable-Win64 (Nextcloud, windows-10.0)": (False, False),
    "Mozilla/5.0 (Linux) mirall/3.10.0 (Nextcloud, ubuntu-6.5)": (True, False),
    "Mozilla/5.0 (Macintosh) mirall/33.0.1 (Nextcloud, osx-23)": (True, False),
    "Mozilla/5.0 (Linux) mirall/2.11.0 (owncloudcmd, debian-6.1)": (False, True),
    "Mozilla/5.0 (Linux) mirall/5.3.1.14018 (ownCloud, ubuntu-6.5)": (False, True),
    "Mozilla/5.0 (Android) ownCloud-android/4.2.1": (False, True),
    "ownCloudApp/12.1 (App/274; iOS/17.2; iPhone)": (False, True),
    "Mozilla/5.0 (Android) Nextcloud-android/3.29.0": (False, False),
    "curl/8.0": (False, False),
    "": (False, False),
}


@pytest.mark.parametrize("agent", AGENTS)
def test_who_is_told(server: Server, agent: str) -> None:
    """Bulk upload only for Nextcloud's desktop from 3.10 on, tus only for ownCloud's clients."""
    answer = server.dav().get("/ocs/v1.php/cloud/capabilities?format=json", headers={"User-Agent": agent})
    told = json.loads(answer.body)["ocs"]["data"]["capabilities"]
    assert told["dav"]["chunking"] == "1.0"
    assert ("bulkupload" in told["dav"], "tus_support" in told["files"]) == AGENTS[agent]
    if AGENTS[agent][1]:
        assert told["files"]["tus_support"]["max_chunk_size"] == 0
