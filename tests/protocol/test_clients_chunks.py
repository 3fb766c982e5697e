"""Large files in chunks, in every dialect of ownCloud's and Nextcloud's clients."""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.client import Answer, Dav, enc
from support.parallel import together
from support.raw import basic
from support.server import Server
from support.staging import staged as waiting

OC = "{http://owncloud.org/ns}"
PARTS = [b"first " * 1000, b"second " * 3000, b"third"]
WHOLE = b"".join(PARTS)


def sha1(data: bytes) -> str:
    """OC-Checksum of some bytes."""
    return "SHA1:" + hashlib.sha1(data).hexdigest()


class Upload:
    """An upload of alice's to a file in her box."""

    def __init__(self, box: Dav, user: str = "alice", name: str | None = None) -> None:
        self.box = box
        self.base = f"/remote.php/dav/uploads/{user}/{name or secrets.token_hex(6)}/"
        self.target = box.base.replace("/dav/home/", f"/remote.php/dav/files/{user}/")

    def begin(self, **headers: str) -> Upload:
        """MKCOL, which has to be 201."""
        assert self.box.mkcol(self.base, headers=spelt(headers)).status == 201
        return self

    def put(self, name: str, data: bytes, **headers: str) -> Answer:
        """One chunk."""
        return self.box.put(self.base + name, data, headers=spelt(headers))

    def send(self, names: Iterable[str], parts: Sequence[bytes] = PARTS) -> Upload:
        """Several chunks, each of which has to be new."""
        for name, data in zip(names, parts, strict=True):
            assert self.put(name, data).status == 201
        return self

    def listed(self) -> dict[str, int]:
        """The chunks that are there, and their sizes."""
        found = self.box.propfind(self.base, "resourcetype", "getcontentlength", depth="1")
        assert next(iter(found)) == self.base and found[self.base].is_collection
        rest = [href for href in found if href != self.base]
        return {href.removeprefix(self.base): int(found[href].text("getcontentlength")) for href in rest}

    def move(self, name: str, **headers: str) -> Answer:
        """The last step; Destination is a path, as these clients send it."""
        return self.box.request(
            "MOVE", self.base + ".file", headers={"Destination": self.target + name, **spelt(headers)}
        )

    def gone(self) -> bool:
        """Whether there is no such upload."""
        return self.box.request("PROPFIND", self.base, headers={"Depth": "0"}).status == 404


def spelt(headers: dict[str, str]) -> dict[str, str]:
    """Names with hyphens."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def staged(server: Server, user: str = "alice") -> list[str]:
    """What is in the staging folder of a home."""
    return [str(each.relative_to(server.home(user) / ".davshare" / "staging")) for each in waiting(server.home(user))]


@pytest.fixture
def upload(box: Dav) -> Upload:
    """An open upload."""
    return Upload(box).begin(OC_Total_Length=str(len(WHOLE)))


NAMES = {
    "nextcloud desktop": ["0000000000000000", "0000000000000001", "0000000000000002"],
    "owncloud desktop": ["0000000000000000", "0000000000006000", "0000000000027000"],
    "android": ["000001", "000002", "000003"],
    "ios": ["1", "2", "3"],
    "web": ["9", "10", "100"],
    "nc-py-api": ["000000000000000-000000000006000", "000000000006000-000000000027000", "000000000027000-27005"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_every_way_to_number(server: Server, box: Dav, upload: Upload, names: list[str]) -> None:
    """Whatever the numbers count, their order is that of the content."""
    before = len(staged(server))
    upload.send(names)
    assert upload.listed() == dict(zip(names, map(len, PARTS), strict=True))
    assert box.names() == set(), "no part of it shows"
    answer = upload.move("big.bin", OC_Checksum=sha1(WHOLE), X_OC_Mtime="1500000000", OC_Total_Length=str(len(WHOLE)))
    assert answer.status == 201, answer
    assert answer["X-OC-MTime"] == "accepted"
    assert answer["OC-FileId"] == box.text("big.bin", OC + "id")
    assert answer["ETag"] == answer["OC-ETag"] == box.etag("big.bin")
    assert box.text("big.bin", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert box.get("big.bin").body == WHOLE
    assert upload.gone() and len(staged(server)) == before - 1


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1), (1, 0, 2)])
def test_out_of_order(server: Server, box: Dav, upload: Upload, order: tuple[int, ...]) -> None:
    """Chunks may come in any order."""
    before = len(staged(server))
    upload.send([str(n) for n in order], [PARTS[n] for n in order])
    assert list(upload.listed()) == ["0", "1", "2"]
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201
    assert box.get("big").body == WHOLE
    assert upload.gone() and len(staged(server)) == before - 1


def test_in_order_nothing_is_copied(server: Server, box: Dav) -> None:
    """The staged file to which the chunks were appended becomes the file."""
    before = set(staged(server))
    upload = Upload(box).begin().send("123")
    (name,) = set(staged(server)) - before
    inode = (server.home() / ".davshare" / "staging" / name).stat().st_ino
    assert upload.move("big").status == 201
    assert (server.home() / box.base.removeprefix("/dav/home/") / "big").stat().st_ino == inode


def test_at_the_same_time(box: Dav) -> None:
    """Chunks that come at once, over several connections and workers."""
    parts = [secrets.token_bytes(300_000) for _ in range(8)]
    upload = Upload(box).begin()
    clients = [Upload(box.clone(), name=upload.base.split("/")[-2]) for _ in parts]
    answers = together([lambda n=n: clients[n].put(str(n), parts[n]) for n in range(len(parts))])
    assert [answer.status for answer in answers] == [201] * len(parts)
    assert upload.move("big", OC_Checksum=sha1(b"".join(parts))).status == 201
    assert box.get("big").body == b"".join(parts)


@pytest.mark.parametrize("again", [0, 1, 2])
def test_a_chunk_again(server: Server, box: Dav, upload: Upload, again: int) -> None:
    """A chunk that is sent again takes the place of the first one, shorter or longer."""
    upload.send("012")
    for data in (b"short", b"longer " * 5000):
        assert upload.put(str(again), data).status == 204
        parts = [*PARTS]
        parts[again] = data
        assert upload.listed() == {str(n): len(part) for n, part in enumerate(parts)}
    assert upload.move("big", OC_Total_Length=str(sum(map(len, parts)))).status == 201
    assert box.get("big").body == b"".join(parts)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_chunk_removed(box: Dav, upload: Upload, lost: int) -> None:
    """Resuming clients remove what they do not trust, and send it anew."""
    upload.send("012")
    assert box.delete(upload.base + str(lost)).status == 204
    assert box.delete(upload.base + str(lost)).status == 404
    assert str(lost) not in upload.listed()
    upload.move("big").refused(400)
    upload.send(str(lost), [PARTS[lost]])
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201


def test_a_changed_file_is_given_up(server: Server, box: Dav, upload: Upload) -> None:
    """DELETE of the upload leaves nothing."""
    before = len(staged(server))
    upload.send("210")
    assert box.delete(upload.base).status == 204
    assert upload.gone() and len(staged(server)) == before - 1
    assert upload.put("3", b"x").status == 404
    assert upload.move("big").status == 404
    assert Upload(box, name=upload.base.split("/")[-2]).begin(), "the name can be used again"


def test_half_a_chunk(server: Server, box: Dav, upload: Upload) -> None:
    """What has not come whole is not there, and does not stay in the way."""
    upload.send("0", PARTS[:1])
    head = f"PUT {upload.base}1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nAuthorization: "
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall((head + basic("alice", server.users["alice"]) + "\r\n\r\n").encode() + b"x" * 50_000)
    deadline = time.monotonic() + 10
    while upload.put("1", PARTS[1]).status not in (201, 204):
        assert time.monotonic() < deadline
    assert upload.put("2", PARTS[2]).status == 201
    assert upload.listed() == {str(n): len(part) for n, part in enumerate(PARTS)}
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201
    assert box.get("big").body == WHOLE


def test_what_is_not_what_was_announced(box: Dav, upload: Upload) -> None:
    """Another size or checksum is 400; the upload stays, and can still be completed."""
    upload.put("0", PARTS[0], OC_Checksum=sha1(b"other")).refused(400)
    assert upload.listed() == {}
    upload.send("01", PARTS[:2])
    upload.move("big").refused(400)
    upload.send("2", PARTS[2:])
    upload.move("big", OC_Total_Length=str(len(WHOLE) + 1)).refused(400)
    upload.move("big", OC_Total_File_Length="3").refused(400)
    upload.move("big", OC_Checksum=sha1(b"other")).refused(400)
    upload.move("big", OC_Total_Length="many").refused(400)
    assert box.names() == set()
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201


def test_nothing_came(box: Dav) -> None:
    """Without a chunk there is no file; an empty one is a file."""
    upload = Upload(box).begin()
    upload.move("big").refused(400)
    upload.send("0", [b""])
    assert upload.move("big").status == 201
    assert box.get("big").body == b""


@pytest.mark.parametrize("way", ["If", "If-Match"])
def test_overwriting(box: Dav, way: str) -> None:
    """Only the version that the client knows is replaced; a lost race is 412 and loses nothing."""
    box.put("big", b"old")
    before, number = box.etag("big"), box.text("big", OC + "id")
    upload = Upload(box).begin().send("012")
    condition = f"<{upload.target}big> ([{before}])" if way == "If" else before
    box.put("big", b"changed by somebody else")
    upload.move("big", **{way: condition}).refused(412)
    assert box.get("big").body == b"changed by somebody else"
    condition = condition.replace(before, box.etag("big"))
    answer = upload.move("big", **{way: condition})
    assert answer.status == 204 and answer["OC-FileId"] == number
    assert box.get("big").body == WHOLE and box.etag("big") != before


def test_not_overwriting(box: Dav) -> None:
    """Overwrite: F, and If-None-Match."""
    box.put("big", b"old")
    upload = Upload(box).begin().send("012")
    upload.move("big", Overwrite="F").refused(412)
    upload.move("big", If_None_Match="*").refused(412)
    assert box.get("big").body == b"old"
    assert upload.move("other", Overwrite="F").status == 201


def test_where_it_cannot_be(box: Dav, upload: Upload) -> None:
    """What PUT would refuse is refused; the upload stays."""
    upload.send("012")
    box.mkcol("folder")
    upload.move("none/big").refused(409)
    upload.move("folder").refused(405)
    locked = box.locked("folder")
    upload.move("folder/big").refused(423)
    assert upload.move("folder/big", If=f"<{upload.target}folder/> (<{locked}>)").status == 201
    assert box.get("folder/big").body == WHOLE


def test_odd_requests(box: Dav, upload: Upload) -> None:
    """Names that are no numbers, methods that there are not, a missing or foreign destination."""
    for name in ("x", "-1", "1.5", "%20", "1" * 19):
        upload.put(name, b"x").refused(400)
    assert box.delete(upload.base + "x").status == 404
    for method, path in (("GET", ""), ("PUT", ""), ("GET", "1"), ("MKCOL", "1"), ("GET", ".file"), ("PUT", ".file")):
        box.request(method, upload.base + path).refused(405)
    box.mkcol(upload.base).refused(405)
    upload.send("012")
    box.request("MOVE", upload.base + ".file").refused(400)
    box.request("MOVE", upload.base + ".file", headers={"Destination": "http://elsewhere.example/x"}).refused(502)
    for there in (upload.base + "1", "/remote.php/dav/uploads/", "/nowhere/x", "/dav/principals/users/alice/x"):
        box.request("MOVE", upload.base + ".file", headers={"Destination": there}).refused(403, 404, 409)
    box.request("MOVE", upload.base + "0", headers={"Destination": upload.target + "x"}).refused(405)
    assert box.request("PROPFIND", "/remote.php/dav/uploads/alice/", headers={"Depth": "1"}).status == 404
    assert upload.move(enc("groß & 100%.bin")).status == 201
    assert box.get(enc("groß & 100%.bin")).body == WHOLE


def test_nobody_else_s(server: Server, box: Dav, upload: Upload) -> None:
    """Uploads of others are nowhere, whether they exist or not."""
    upload.send("012")
    bob = server.dav("bob")
    other = upload.base.replace("/uploads/alice/", "/uploads/bob/")
    for path in (upload.base, other, upload.base.replace("alice", "nobody")):
        for method, more in (("PROPFIND", ""), ("DELETE", ""), ("PUT", "1"), ("DELETE", "1"), ("MOVE", ".file")):
            headers = {"Destination": "/remote.php/dav/files/bob/x", "Depth": "0"}
            assert bob.request(method, path + more, headers=headers).status == 404
    assert bob.mkcol(upload.base).status == 404
    assert server.dav(None).request("PROPFIND", upload.base).status == 401
    assert len(upload.listed()) == 3


def test_into_another_space(server: Server, box: Dav) -> None:
    """Chunks wait in the home; the file comes where the destination is, if that may be."""
    name = f"s{secrets.token_hex(4)}"
    server.cli("space", "add", name, "--member", "alice:viewer")
    upload = Upload(box).begin().send("102", [PARTS[1], PARTS[0], PARTS[2]])
    upload.target = f"/dav/spaces/{name}/"
    upload.move("big").refused(403)
    server.cli("space", "set", name, "--member", "alice:editor")
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201
    assert server.dav("alice", upload.target).get("big").body == WHOLE
    assert (server.data / "spaces" / name / "big").read_bytes() == WHOLE


def test_a_reading_token(server: Server, box: Dav) -> None:
    """Whoever may write nothing leaves nothing."""
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    reader = Dav(server.port, box.base, f"Bearer {token}")
    reader.mkcol("/remote.php/dav/uploads/alice/1234567/").refused(403)


def test_quota(server: Server) -> None:
    """Chunks count; what is too large is refused before it is sent, and what waits is a part of what is used."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--quota", "100kB", "--password-stdin", input="some-pass-123")
    home = server.dav(name, password="some-pass-123")
    big = Upload(home, name)
    home.mkcol(big.base, headers={"OC-Total-Length": "200000"}).refused(507)
    first, second = Upload(home, name).begin(), Upload(home, name).begin()
    first.put("0", b"x", OC_Total_Length="200000").refused(507)
    assert first.put("0", b"x" * 60_000).status == 201
    second.put("0", b"x" * 60_000).refused(507)
    assert second.put("0", b"x" * 30_000).status == 201
    second.put("1", iter([b"x" * 30_000])).refused(507)
    assert first.move("first").status == 201 and second.move("second").status == 201
    assert home.names() == {"first", "second"}


@pytest.mark.slow
def test_restart(own_server) -> None:
    """An upload goes on after a restart, also after a hard one; what was acknowledged is there."""
    server = own_server()
    box = server.dav().fresh_box()
    upload = Upload(box).begin().send("0", PARTS[:1])
    server.restart()
    upload.box = server.dav("alice", box.base)
    assert upload.listed() == {"0": len(PARTS[0])}
    upload.send("1", PARTS[1:2])
    server.kill9()
    server.run()
    upload.box = server.dav("alice", box.base)
    upload.send("2", PARTS[2:])
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201
    assert upload.box.get("big").body == WHOLE
    assert server.rows("SELECT * FROM upload WHERE answer=''") == server.rows("SELECT * FROM chunk") == []
    checked = server.cli("check", "--hashes", check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_user_is_removed(server: Server) -> None:
    """Open uploads go with the account."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--password-stdin", input="some-pass-123")
    home = server.dav(name, password="some-pass-123")
    Upload(home, name).begin().send("012")
    Upload(home, name).begin()
    before = server.rows("SELECT count(*) FROM upload")[0][0]
    server.cli("user", "remove", name)
    assert server.rows("SELECT count(*) FROM upload")[0][0] == before - 2
    assert server.rows("SELECT count(*) FROM chunk WHERE upload NOT IN (SELECT file FROM upload)") == [(0,)]


ANSWERS = ("ETag", "OC-ETag", "OC-FileId", "X-OC-MTime", "Location")


def answered(answer: Answer) -> tuple:
    """What a client takes from the last answer."""
    return answer.status, *[answer.headers.get(name) for name in ANSWERS]


@pytest.mark.parametrize("overwriting", [False, True])
def test_the_last_step_again(server: Server, box: Dav, upload: Upload, overwriting: bool) -> None:
    """Repeated, through any worker and after another change, it is answered the same and does nothing."""
    if overwriting:
        box.put("big", b"old")
    condition = {"If_Match": box.etag("big")} if overwriting else {}
    upload.send("012")
    first = upload.move("big", X_OC_Mtime="1500000000.25", **condition)
    assert first.status == (204 if overwriting else 201)
    for _ in range(4):
        other = Upload(box.clone(), name=upload.base.split("/")[-2])
        assert answered(other.move("big", X_OC_Mtime="1500000000.25", **condition)) == answered(first)
    box.put("big", b"changed")
    assert answered(upload.move("big", X_OC_Mtime="1500000000.25", **condition)) == answered(first)
    assert box.get("big").body == b"changed"
    assert upload.move("elsewhere").status == 404
    assert upload.put("3", b"x").status == 404 and upload.gone()
    assert box.names() == {"big"}


def test_the_last_step_many_times_at_once(box: Dav, upload: Upload) -> None:
    """Whoever comes second waits for the first, and both are told the same."""
    box.put("big", b"old")
    condition = box.etag("big")
    upload.send("102", [PARTS[1], PARTS[0], PARTS[2]])
    others = [Upload(box.clone(), name=upload.base.split("/")[-2]) for _ in range(6)]
    answers = together([lambda other=other: other.move("big", If_Match=condition) for other in others])
    assert {answered(answer) for answer in answers} == {answered(answers[0])} and answers[0].status == 204
    assert box.get("big").body == WHOLE


@pytest.mark.slow
def test_the_last_step_after_a_crash(own_server) -> None:
    """What was committed is answered by the next process, too."""
    server = own_server()
    box = server.dav().fresh_box()
    upload = Upload(box).begin().send("012")
    first = upload.move("big", OC_Checksum=sha1(WHOLE))
    server.kill9()
    server.run()
    upload.box = server.dav("alice", box.base)
    assert answered(upload.move("big", OC_Checksum=sha1(WHOLE))) == answered(first)
    assert Upload(upload.box, name=upload.base.split("/")[-2]).begin().send("0", [b"new"]).move("big").status == 204
    assert upload.box.get("big").body == b"new", "a new upload of the same name is another one"


def test_destination_from_the_beginning(server: Server, box: Dav) -> None:
    """With Destination on MKCOL the chunks wait where the file will be, and what may not be is refused at once."""
    name = f"s{secrets.token_hex(4)}"
    server.cli("space", "add", name, "--quota", "50kB", "--member", "alice:viewer")
    space = f"/dav/spaces/{name}/"
    target = {"Destination": f"http://127.0.0.1:{server.port}{space}big"}
    upload = Upload(box)
    box.mkcol(upload.base, headers=target).refused(403)
    server.cli("space", "set", name, "--member", "alice:editor")
    box.mkcol(upload.base, headers={**target, "OC-Total-Length": "60000"}).refused(507)
    assert box.mkcol(upload.base, headers={**target, "OC-Total-Length": str(len(WHOLE))}).status == 201
    for number, part in enumerate(PARTS):
        assert upload.put(str(number + 1), part, **target, OC_Total_Length=str(len(WHOLE))).status == 201
    upload.target = space
    assert upload.move("big", OC_Checksum=sha1(WHOLE), Overwrite="true").status == 201
    assert (server.data / "spaces" / name / "big").read_bytes() == WHOLE
    assert Upload(box).begin(**target).send("123").move("x", Overwrite="true").status == 201


@pytest.mark.parametrize("overwrite", ["false", "F", "f"])
def test_ways_to_say_no(box: Dav, upload: Upload, overwrite: str) -> None:
    """Overwrite in words."""
    box.put("big", b"old")
    upload.send("012").move("big", Overwrite=overwrite).refused(412)
    assert upload.move("big", Overwrite="true").status == 204


@pytest.mark.parametrize("told", [False, True])
def test_guests(server: Server, box: Dav, told: bool) -> None:
    """Whoever can make nothing in their home uploads in chunks into what was granted; whoever has nothing, nowhere."""
    name = f"g{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--guest", "--password-stdin", input="some-pass-123")
    guest = server.dav(name, password="some-pass-123")
    target = box.base.replace("/dav/home/", "/remote.php/dav/files/alice/")
    upload = Upload(guest, name)
    upload.target = target
    headers = {"Destination": target + "big"} if told else {}
    assert guest.mkcol(upload.base, headers=headers).status == (404 if told else 403)
    server.cli("acl", "grant", "users/alice/" + box.base.removeprefix("/dav/home/"), name, "editor")
    assert guest.mkcol(upload.base, headers=headers).status == 201
    upload.send("0", PARTS[:1])
    upload.send("21", [PARTS[2], PARTS[1]])
    assert upload.move("big", OC_Checksum=sha1(WHOLE)).status == 201
    assert box.get("big").body == WHOLE


def test_checksums_are_kept(box: Dav, upload: Upload) -> None:
    """What was hashed while it arrived is told, whether the client stated it or not."""
    upload.send("012").move("big")
    assert sha1(WHOLE) in "".join(box.prop("big", OC + "checksums")[1].itertext())
    large = [secrets.token_bytes(700_000) for _ in range(3)]
    Upload(box).begin().send("012", large).move("large")
    found = box.prop("large", OC + "checksums")[1]
    assert sha1(b"".join(large)) in "".join(found.itertext())


def test_a_replaced_end_is_hashed_anew(box: Dav) -> None:
    """The last chunk was dropped and sent anew: the checksum is that of the new one."""
    parts = [secrets.token_bytes(800_000) for _ in range(3)]
    upload = Upload(box).begin().send("01", parts[:2])
    assert box.delete(upload.base + "1").status == 204
    assert upload.put("1", parts[2]).status == 201
    whole = parts[0] + parts[2]
    upload.move("big", OC_Checksum=sha1(parts[0] + parts[1])).refused(400)
    assert upload.move("big", OC_Checksum=sha1(whole)).status == 201
    assert sha1(whole) in "".join(box.prop("big", OC + "checksums")[1].itertext())


@pytest.mark.slow
def test_time_is_over(own_server) -> None:
    """An upload to which nothing came for long is gone, and its name is free."""
    server = own_server()
    server.cli("settings", "set", "upload.keep_hours", "1")
    box = server.dav().fresh_box()
    upload = Upload(box).begin().send("012")
    with server.index() as connection:
        connection.execute("UPDATE upload SET touched=touched-?", (3700,))
    assert upload.gone() and upload.move("big").status == 404 and upload.put("3", b"x").status == 404
    assert upload.begin().send("0", [b"new"]).move("big").status == 201
    assert box.get("big").body == b"new" and staged(server) == []


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order(box: Dav, data: st.DataObject) -> None:
    """Chunks of any size in any order, some of them twice and some dropped on the way: the whole is what came last."""
    upload = Upload(box).begin()
    there: dict[int, bytes] = {}
    for number in data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=10)):
        if number in there and data.draw(st.booleans()):
            assert box.delete(f"{upload.base}{number}").status == 204
            del there[number]
        else:
            there[number] = secrets.token_bytes(data.draw(st.integers(0, 3000)))
            assert upload.put(str(number), there[number]).status in (201, 204)
    whole = b"".join(there[number] for number in sorted(there))
    name = secrets.token_hex(4)
    answer = upload.move(name, OC_Checksum=sha1(whole), OC_Total_Length=str(len(whole)))
    if there:
        assert answer.status == 201 and box.get(name).body == whole
    else:
        answer.refused(400)
