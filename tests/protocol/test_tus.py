"""Resumable uploads with tus 1.0 (tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import time
import zlib
from email.utils import parsedate_to_datetime

import pytest

from support.client import Answer, Dav, enc
from support.parallel import together
from support.raw import basic
from support.server import Server
from support.staging import staged as waiting

DATA = bytes(range(256)) * 100
ROOTS = ["/dav/home/", "/remote.php/webdav/", "/remote.php/dav/files/alice/"]
TYPE = {"Content-Type": "application/offset+octet-stream"}
SPOKEN = {"Tus-Resumable": "1.0.0"}


def metadata(**values: str) -> str:
    """Upload-Metadata."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def stated(data: bytes, algorithm: str = "sha1") -> str:
    """Upload-Checksum of some bytes."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"


def sha1(data: bytes) -> str:
    """A checksum in metadata."""
    return "SHA1 " + hashlib.sha1(data).hexdigest()


class Upload:
    """One upload of a file into a box."""

    def __init__(self, box: Dav, name: str = "big", length: int = len(DATA), root: str = ROOTS[0], body: bytes = b"",
                 said: dict[str, str] | None = None, **headers: str) -> None:  # fmt: skip
        self.box = box
        sent = {**SPOKEN, "Upload-Length": str(length), "Upload-Metadata": metadata(filename=name, **(said or {}))}
        sent |= TYPE if body else {}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        self.made = box.request("POST", box.base.replace("/dav/home/", root), body, sent)
        assert self.made["Tus-Resumable"] == "1.0.0"
        self.url = self.made.headers.get("Location", "")
        self.path = self.url.removeprefix(f"http://127.0.0.1:{box.port}")

    def head(self) -> Answer:
        """How far it is."""
        return self.box.head(self.path, headers=SPOKEN)

    @property
    def offset(self) -> int:
        """Bytes that are there."""
        answer = self.head()
        assert answer.status == 200 and answer["Cache-Control"] == "no-store"
        return int(answer["Upload-Offset"])

    def patch(self, offset: int, data: bytes, **headers: str) -> Answer:
        """Send what follows ``offset``."""
        sent = {**SPOKEN, **TYPE, "Upload-Offset": str(offset)}
        sent |= {key.replace("_", "-"): value for key, value in headers.items()}
        return self.box.request("PATCH", self.path, data, sent)


def open_uploads(server: Server) -> int:
    """How many are open."""
    return int(server.rows("SELECT count(*) FROM upload WHERE kind='tus' AND answer=''")[0][0])


@pytest.mark.parametrize("root", ROOTS)
def test_a_file(server: Server, box: Dav, root: str) -> None:
    """Created empty, then sent in pieces; the last answer is that of the file."""
    upload = Upload(box, "größe & 100%.bin", root=root, said={"mtime": "1500000000.75", "checksum": sha1(DATA)})
    assert upload.made.status == 201 and upload.made["Upload-Offset"] == "0"
    assert upload.url.startswith(f"http://127.0.0.1:{server.port}/remote.php/dav/tus/")
    expires = parsedate_to_datetime(upload.made["Upload-Expires"]).timestamp()
    assert 47 * 3600 < expires - time.time() <= 48 * 3600 + 1
    assert box.names() == set()
    answer = upload.patch(0, DATA[:10_000])
    assert answer.status == 204 and answer["Upload-Offset"] == "10000" and "ETag" not in answer.headers
    told = upload.head()
    assert told["Upload-Length"] == str(len(DATA)) and told["Upload-Offset"] == "10000"
    assert told["Upload-Metadata"].startswith("filename ")
    answer = upload.patch(10_000, DATA[10_000:])
    name = enc("größe & 100%.bin")
    assert answer.status == 204 and answer["Upload-Offset"] == str(len(DATA))
    assert answer["ETag"] == answer["OC-ETag"] == box.etag(name)
    assert answer["OC-FileId"] == box.text(name, "{http://owncloud.org/ns}id")
    assert answer["OC-Perm"] == box.text(name, "{http://owncloud.org/ns}permissions")
    assert answer["X-OC-MTime"] == "accepted" and answer["Tus-Resumable"] == "1.0.0"
    assert box.text(name, "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert box.get(name).body == DATA
    assert upload.offset == len(DATA) and upload.head()["ETag"] == answer["ETag"], "it is remembered"
    assert upload.patch(len(DATA), b"")["ETag"] == answer["ETag"]
    upload.patch(0, DATA).refused(409)


def test_in_place_by_one_rename(server: Server, box: Dav) -> None:
    """The staged file becomes the file."""
    before = set(waiting(server.home()))
    upload = Upload(box)
    upload.patch(0, DATA[:100])
    (staged,) = set(waiting(server.home())) - before
    inode = staged.stat().st_ino
    assert upload.patch(100, DATA[100:]).status == 204
    assert (server.home() / box.base.removeprefix("/dav/home/") / "big").stat().st_ino == inode
    assert set(waiting(server.home())) == before


@pytest.mark.parametrize("length", [0, 1, len(DATA)])
def test_all_with_the_creation(server: Server, box: Dav, length: int) -> None:
    """Nothing is left open, and nothing has to be asked."""
    before = open_uploads(server)
    upload = Upload(box, length=length, body=DATA[:length], said={"checksum": sha1(DATA[:length])}, X_OC_Mtime="15")
    assert upload.made.status == 201 and upload.made["Upload-Offset"] == str(length)
    assert upload.made["ETag"] == box.etag("big") and upload.made["OC-Perm"] == "RGDNVW"
    assert upload.made["X-OC-MTime"] == "accepted"
    assert box.get("big").body == DATA[:length] and open_uploads(server) == before


def test_the_first_bytes_with_the_creation(box: Dav) -> None:
    """The rest follows; what the client says again does no harm."""
    box.mkcol("abl")
    upload = Upload(box, "/abl/big.bin", body=DATA[:1000], Upload_Offset="0", X_OC_Mtime="1500000000")
    assert upload.made.status == 201 and upload.made["Upload-Offset"] == "1000"
    answer = upload.patch(1000, DATA[1000:], X_OC_Mtime="1500000000", Upload_Metadata="x", Upload_Length="1")
    assert answer.status == 204 and box.get("abl/big.bin").body == DATA
    assert box.text("abl/big.bin", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


def test_what_options_tell(server: Server, box: Dav) -> None:
    """Version, extensions and algorithms, to everybody."""
    for dav in (box, server.dav(None)):
        told = dav.request("OPTIONS", "/remote.php/dav/files/alice/")
        assert told["Tus-Version"] == told["Tus-Resumable"] == "1.0.0"
        assert {"creation", "creation-with-upload", "termination"} <= set(told["Tus-Extension"].split(","))
        assert "sha1" in told["Tus-Checksum-Algorithm"] and "Tus-Max-Size" not in told.headers


def test_what_is_missing_or_malformed(box: Dav) -> None:
    """Version, length and name: 412; a path that is none: 400; where nothing can be: 409."""
    good = {**SPOKEN, "Upload-Length": "5", "Upload-Metadata": metadata(filename="x")}

    def post(path: str = "", body: bytes = b"", **changed: str) -> Answer:
        headers = {**good, **{key.replace("_", "-"): value for key, value in changed.items()}}
        return box.request("POST", path, body, {key: value for key, value in headers.items() if value})

    assert post(Tus_Resumable="0.2.2").refused(412) and post(Tus_Resumable="0.2.2")["Tus-Version"] == "1.0.0"
    post(Upload_Length="").refused(412)
    post(Upload_Metadata="").refused(412)
    post(Upload_Metadata=metadata(filename="/")).refused(412)
    for bad in ({"Upload_Length": "-1"}, {"Upload_Length": "x"}, {"Upload_Metadata": "filename %%%"},
                {"Upload_Metadata": metadata(filename="../x")}, {"Upload_Metadata": metadata(filename="a/../x")},
                {"Upload_Metadata": metadata(filename="x/")}, {"Upload_Offset": "3"}, {"X_OC_Mtime": "soon"},
                {"Upload_Metadata": metadata(filename="x", checksum="SHA1 zz")},
                {"Upload_Metadata": metadata(filename="x", mtime="now")}):  # fmt: skip
        post(**bad).refused(400)
    post(Upload_Metadata=metadata(filename="none/x")).refused(409)
    box.mkcol("folder")
    post(Upload_Metadata=metadata(filename="folder")).refused(409)
    post(Upload_Metadata=metadata(filename="folder"), Upload_Length="0").refused(409)
    post(body=b"12345", Content_Type="text/plain").refused(415)
    upload = Upload(box)
    box.request("PATCH", upload.path, b"x", {**SPOKEN, "Upload-Offset": "0"}).refused(415)
    box.request("PATCH", upload.path, b"x", {**SPOKEN, **TYPE}).refused(400)
    box.request("PATCH", upload.path, b"x", {**TYPE, "Upload-Offset": "0"}).refused(412)
    upload.patch(0, b"").refused(400)
    upload.patch(7, b"x").refused(409)
    upload.patch(0, DATA + b"x").refused(400)
    box.request("GET", upload.path, headers=SPOKEN).refused(405)
    assert upload.offset == 0
    assert box.request("POST", "folder/", b"x").status == 201, "without the header it is an ordinary POST"


def test_method_override(box: Dav) -> None:
    """For clients whose networks know no PATCH."""
    upload = Upload(box)
    headers = {**SPOKEN, **TYPE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert box.request("POST", upload.path, DATA, headers).status == 204
    assert box.get("big").body == DATA
    gone = Upload(box, "gone")
    assert box.request("POST", gone.path, b"", {**SPOKEN, "X-HTTP-Method-Override": "DELETE"}).status == 204
    assert gone.head().status == 404
    box.request("POST", upload.path, b"", SPOKEN).refused(405)


def test_termination(server: Server, box: Dav) -> None:
    """Nothing is left, and a finished upload stays a file."""
    before = set(waiting(server.home()))
    upload = Upload(box, body=DATA[:100])
    assert set(waiting(server.home())) != before
    assert box.delete(upload.path, headers=SPOKEN).status == 204
    assert set(waiting(server.home())) == before
    for answer in (upload.head(), upload.patch(100, DATA[100:]), box.delete(upload.path, headers=SPOKEN)):
        assert answer.status == 404
    done = Upload(box)
    done.patch(0, DATA)
    assert box.delete(done.path, headers=SPOKEN).status == 404 and box.get("big").body == DATA


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256", "sha512"])
def test_checksums_of_pieces(box: Dav, algorithm: str) -> None:
    """Other bytes than stated are 460 and count for nothing."""
    upload = Upload(box)
    assert upload.patch(0, DATA[:100], Upload_Checksum=stated(DATA[:100], algorithm)).status == 204
    assert upload.patch(100, DATA[100:], Upload_Checksum=stated(b"other", algorithm)).status == 460
    assert upload.offset == 100
    upload.patch(100, DATA[100:], Upload_Checksum="sha3 xxxx").refused(400)
    upload.patch(100, DATA[100:], Upload_Checksum=f"{algorithm} %%").refused(400)
    assert upload.patch(100, DATA[100:], Upload_Checksum=stated(DATA[100:], algorithm)).status == 204
    assert box.get("big").body == DATA


def test_checksum_with_the_creation(server: Server, box: Dav) -> None:
    """The same; nothing stays open of which nobody knows the address."""
    before = open_uploads(server)
    crc = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
    assert Upload(box, body=DATA, Upload_Checksum=f"crc32 {crc}").made.status == 201
    assert Upload(box, "other", body=DATA, Upload_Checksum=stated(b"x")).made.status == 460
    assert Upload(box, "other", body=DATA[:10], Upload_Checksum=stated(b"x")).made.status == 460
    assert Upload(box, "other", body=DATA, said={"checksum": sha1(b"x")}).made.status == 400
    assert box.names() == {"big"} and open_uploads(server) == before


def test_checksum_of_the_whole(server: Server, box: Dav) -> None:
    """What does not have the announced checksum never becomes a file; what has it keeps it."""
    before = open_uploads(server)
    upload = Upload(box, said={"checksum": sha1(b"other")}, body=DATA[:100])
    upload.patch(100, DATA[100:]).refused(400)
    assert box.names() == set() and upload.head().status == 404 and open_uploads(server) == before
    large = secrets.token_bytes(1_500_000)
    digest = hashlib.sha256(large).hexdigest()
    upload = Upload(box, length=len(large), said={"checksum": f"SHA256 {digest}"}, body=large[:7])
    assert upload.patch(7, large[7:]).status == 204
    found = "".join(box.prop("big", "{http://owncloud.org/ns}checksums")[1].itertext())
    assert f"SHA256:{digest}" in found and f"SHA1:{hashlib.sha1(large).hexdigest()}" in found


def test_overwriting(server: Server, box: Dav) -> None:
    """If-Match of the creation is judged there and when the file is put in its place."""
    box.put("big", b"old")
    old = box.etag("big")
    number = box.text("big", "{http://owncloud.org/ns}id")
    before = open_uploads(server)
    Upload(box, If_Match='"other"').made.refused(412)
    Upload(box, If_Match='"other"', body=DATA).made.refused(412)
    upload = Upload(box, If_Match=old)
    upload.patch(0, DATA[:100])
    box.put("big", b"changed by somebody else")
    upload.patch(100, DATA[100:]).refused(412)
    assert box.get("big").body == b"changed by somebody else" and open_uploads(server) == before
    again = Upload(box, If_Match=box.etag("big"), body=DATA[:100])
    answer = again.patch(100, DATA[100:], If_Match=box.etag("big"))
    assert answer.status == 204 and answer["OC-FileId"] == number and box.get("big").body == DATA
    new = Upload(box, "new", If_None_Match="*")
    box.put("new", b"first")
    new.patch(0, DATA).refused(412)
    assert box.get("new").body == b"first"


def test_locked(box: Dav) -> None:
    """What could not be put in its place is refused before it is read."""
    box.put("big", b"old")
    upload = Upload(box)
    token = box.locked("big")
    upload.patch(0, DATA).refused(423)
    assert upload.offset == 0
    assert upload.patch(0, DATA, If=f"(<{token}>)").status == 204
    assert box.get("big").body == DATA


def test_locked_on_the_way(server: Server, box: Dav) -> None:
    """What came and could not be put in its place is not said to be all there; it is completed by the next question."""
    box.put("big", b"old")
    data = secrets.token_bytes(400_000)
    upload = Upload(box, length=len(data))
    head = (
        f"PATCH {upload.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nAuthorization: "
    )
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall((head + basic("alice", server.users["alice"]) + "\r\n\r\n").encode() + data[:-1])
        time.sleep(0.5)
        token = box.locked("big")
        link.sendall(data[-1:])
        assert link.recv(65536).startswith(b"HTTP/1.1 423 ")
    assert upload.head().status == 423, "nobody may believe that the file is there"
    assert box.get("big").body == b"old"
    box.request("UNLOCK", "big", headers={"Lock-Token": f"<{token}>"})
    answer = upload.head()
    assert answer["Upload-Offset"] == str(len(data)) and answer["ETag"] == box.etag("big")
    assert box.get("big").body == data


def test_a_cut_connection(server: Server, box: Dav) -> None:
    """What arrived stays, unless it has a checksum of its own."""
    for name, more, kept in (("plain", "", 50_000), ("checked", f"Upload-Checksum: {stated(b'x')}\r\n", 0)):
        upload = Upload(box, name, length=100_000)
        head = (
            f"PATCH {upload.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nTus-Resumable: 1.0.0\r\n{more}"
            f"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nAuthorization: "
        )
        with socket.create_connection(("127.0.0.1", server.port)) as link:
            link.sendall((head + basic("alice", server.users["alice"]) + "\r\n\r\n").encode() + b"x" * 50_000)
            time.sleep(0.3)
        deadline = time.monotonic() + 10
        while upload.offset != kept:
            assert time.monotonic() < deadline
        assert upload.patch(kept, b"x" * (100_000 - kept)).status == 204
        assert box.get(name).body == b"x" * 100_000


def test_two_at_once(box: Dav) -> None:
    """The same bytes from several connections: they count once, and the others are told to look again."""
    others = [box.clone() for _ in range(5)]
    headers = {**SPOKEN, **TYPE, "Upload-Offset": "0"}
    for number in range(20):
        path = Upload(box, f"big-{number}").path
        answers = together([lambda o=o, path=path: o.request("PATCH", path, DATA, headers) for o in others])
        statuses = sorted(answer.status for answer in answers)
        assert statuses[0] == 204 and set(statuses[1:]) <= {409, 423}
        assert box.get(f"big-{number}").body == DATA


@pytest.mark.slow
def test_killed_between_two_pieces(own_server) -> None:
    """The upload goes on in another process where it was; what was not acknowledged is cut off."""
    server = own_server()
    box = server.dav().fresh_box()
    upload = Upload(box, said={"checksum": sha1(DATA)}, body=DATA[:10_000])
    server.kill9()
    (staged,) = waiting(server.home())
    with staged.open("ab") as file:
        file.write(b"never acknowledged")
    server.run()
    upload.box = server.dav("alice", box.base)
    assert upload.offset == 10_000
    assert upload.patch(10_000, DATA[10_000:20_000]).status == 204
    server.kill9()
    server.run()
    upload.box = server.dav("alice", box.base)
    answer = upload.patch(20_000, DATA[20_000:])
    assert answer.status == 204 and upload.box.get("big").body == DATA
    server.kill9()
    server.run()
    upload.box = server.dav("alice", box.base)
    assert upload.head()["ETag"] == answer["ETag"]
    checked = server.cli("check", "--hashes", check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.slow
def test_time_is_over(own_server) -> None:
    """An upload that does not go on is gone."""
    server = own_server()
    server.cli("settings", "set", "upload.keep_hours", "1")
    server.cli("settings", "set", "upload.max_bytes", "1MB")
    box = server.dav().fresh_box()
    assert box.request("OPTIONS", "")["Tus-Max-Size"] == "1000000"
    upload = Upload(box, body=DATA[:10])
    with server.index() as connection:
        connection.execute("UPDATE upload SET touched=touched-?", (3700,))
    assert upload.head().status == 404 and upload.patch(10, DATA[10:]).status == 404
    assert Upload(box, length=2_000_000).made.status == 413


def test_quota(server: Server) -> None:
    """Too much is refused when it is announced, and what waits counts."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--quota", "100kB", "--password-stdin", input="some-pass-123")
    home = server.dav(name, password="some-pass-123")
    assert Upload(home, length=200_000).made.status == 507
    first, second = Upload(home, "first", length=60_000), Upload(home, "second", length=60_000)
    assert first.patch(0, b"x" * 59_999).status == 204
    assert second.patch(0, b"x" * 60_000).status == 507
    assert first.patch(59_999, b"x").status == 204
    assert second.patch(0, b"x" * 60_000).status == 507
    assert home.names() == {"first"}


def test_lost_on_disk(server: Server, box: Dav) -> None:
    """When the disk has not kept what was acknowledged, the upload is over, and its sender begins anew."""
    before = set(waiting(server.home()))
    upload = Upload(box, body=DATA[:100])
    (staged,) = set(waiting(server.home())) - before
    staged.write_bytes(b"short")
    upload.patch(100, DATA[100:]).refused(409)
    assert upload.head().status == 404 and set(waiting(server.home())) == before


def test_a_body_of_unknown_length(server: Server, box: Dav) -> None:
    """In HTTP chunks: as much as was announced, and not more."""
    upload = Upload(box)
    headers = {**SPOKEN, **TYPE, "Upload-Offset": "0"}
    box.request("PATCH", upload.path, iter([DATA, b"x"]), headers).refused(400)
    assert upload.offset == 0
    assert box.request("PATCH", upload.path, iter([DATA[:500]]), headers).status == 204 and upload.offset == 500
    headers["Upload-Offset"] = "500"
    assert box.request("PATCH", upload.path, iter([DATA[500:]]), headers).status == 204
    assert box.get("big").body == DATA


def test_nobody_else_s(server: Server, box: Dav) -> None:
    """Uploads of others are nowhere; who may not write cannot begin one; what was withdrawn counts at once."""
    upload = Upload(box, body=DATA[:10])
    bob = server.dav("bob")
    mine = Upload(bob, "mine", length=5)
    for path in (upload.path, "/remote.php/dav/tus/none", "/remote.php/dav/tus/", mine.path + "/x"):
        for method in ("HEAD", "PATCH", "DELETE"):
            answer = bob.request(method, path, b"x" if method == "PATCH" else None,
                                 {**SPOKEN, **TYPE, "Upload-Offset": "10"})  # fmt: skip
            assert answer.status == 404
    assert server.dav(None).request("HEAD", upload.path, headers=SPOKEN).status == 401
    assert upload.offset == 10
    target = box.base.replace("/dav/home/", "/remote.php/dav/files/alice/")
    sent = {**SPOKEN, "Upload-Length": "5", "Upload-Metadata": metadata(filename="x")}
    assert bob.request("POST", target, b"", sent).status == 404
    where = "users/alice/" + box.base.removeprefix("/dav/home/")
    server.cli("acl", "grant", where, "bob", "viewer")
    assert bob.request("POST", target, b"", sent).status == 403
    server.cli("acl", "grant", where, "bob", "editor")
    made = bob.request("POST", target, b"", sent)
    assert made.status == 201
    server.cli("acl", "remove", where, "bob")
    path = made["Location"].removeprefix(f"http://127.0.0.1:{server.port}")
    assert bob.request("PATCH", path, b"12345", {**SPOKEN, **TYPE, "Upload-Offset": "0"}).status == 404
    assert box.names() == set()


def test_app_tokens(server: Server, box: Dav) -> None:
    """One that only reads begins nothing; one for a folder knows only what it began itself."""
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    assert Upload(Dav(server.port, box.base, f"Bearer {token}")).made.status == 403
    folder = box.base.removeprefix("/dav/").rstrip("/")
    token = server.cli("token", "add", "alice", "--scope", "write", "--scope", f"path:{folder}").stdout.split()[-1]
    limited = Dav(server.port, box.base, f"Bearer {token}")
    upload = Upload(box, body=DATA[:10])
    assert limited.head(upload.path, headers=SPOKEN).status == 404
    mine = Upload(limited, "mine")
    assert mine.patch(0, DATA).status == 204 and box.get("mine").body == DATA


def test_pages_of_other_sites(server: Server, box: Dav) -> None:
    """Nobody's browser is made to begin an upload."""
    sent = {**SPOKEN, "Upload-Length": "5", "Upload-Metadata": metadata(filename="x")}
    box.request("POST", "", b"", {**sent, "Origin": "https://elsewhere.example"}).refused(403)
