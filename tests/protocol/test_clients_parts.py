"""Large files in parts named after the whole, as ownCloud's oldest clients send them."""

from __future__ import annotations

import hashlib
import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.client import Answer, Dav, enc
from support.parallel import together
from support.server import Server

PARTS = [b"first " * 1000, b"second " * 3000, b"third"]
WHOLE = b"".join(PARTS)
ROOTS = ["/dav/home/", "/remote.php/webdav/", "/remote.php/dav/files/alice/"]


def sha1(data: bytes) -> str:
    """OC-Checksum of some bytes."""
    return "SHA1:" + hashlib.sha1(data).hexdigest()


class Sender:
    """One upload of a file in a box."""

    def __init__(self, box: Dav, name: str = "big", count: int = len(PARTS), root: str = ROOTS[0]) -> None:
        self.box = box
        self.path = box.base.replace("/dav/home/", root) + enc(name)
        self.count = count
        self.transfer = str(secrets.randbelow(10**9))

    def put(self, index: int, data: bytes, box: Dav | None = None, **headers: str) -> Answer:
        """One part."""
        sent = {"OC-Chunked": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
        path = f"{self.path}-chunking-{self.transfer}-{self.count}-{index}"
        return (box or self.box).put(path, data, headers=sent)

    def send(self, *indices: int) -> Sender:
        """Parts that are not the last: told to be there, without an ETag."""
        for index in indices:
            answer = self.put(index, PARTS[index])
            assert answer.status == 201 and "ETag" not in answer.headers and "OC-FileId" not in answer.headers
        return self


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_file_in_parts(box: Dav, root: str, order: tuple[int, ...]) -> None:
    """Whatever comes last has the answer of the whole; nothing shows before."""
    sender = Sender(box, "größe & 100%.bin", root=root).send(*order[:2])
    assert box.names() == set()
    headers = {"OC_Checksum": sha1(WHOLE), "X_OC_Mtime": "1500000000", "OC_Total_Length": str(len(WHOLE))}
    answer = sender.put(order[2], PARTS[order[2]], **headers)
    assert answer.status == 201, answer
    assert answer["OC-FileId"] == box.text(enc("größe & 100%.bin"), "{http://owncloud.org/ns}id")
    assert answer["ETag"] == answer["OC-ETag"] == box.etag(enc("größe & 100%.bin"))
    assert answer["X-OC-MTime"] == "accepted"
    assert box.text(enc("größe & 100%.bin"), "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert box.get(enc("größe & 100%.bin")).body == WHOLE


def test_the_last_part_again(server: Server, box: Dav) -> None:
    """It gets the same answer from every worker; any other part begins a new upload."""
    sender = Sender(box).send(0, 1)
    first = sender.put(2, PARTS[2])
    for _ in range(4):
        again = sender.put(2, PARTS[2], box.clone())
        assert (again.status, again["ETag"], again["OC-FileId"]) == (201, first["ETag"], first["OC-FileId"])
    assert sender.send(0).put(2, b"THIRD").status == 201
    assert box.get("big").body == WHOLE
    assert sender.put(1, PARTS[1])["OC-FileId"] == first["OC-FileId"]
    assert box.get("big").body == PARTS[0] + PARTS[1] + b"THIRD"


def test_a_part_again(box: Dav) -> None:
    """What came last under a number counts."""
    sender = Sender(box).send(1)
    assert sender.put(1, b"other").status == 201
    sender.send(0)
    assert sender.put(2, PARTS[2], OC_Checksum=sha1(PARTS[0] + b"other" + PARTS[2])).status == 201
    assert box.get("big").body == PARTS[0] + b"other" + PARTS[2]


def test_overwriting(box: Dav) -> None:
    """If-Match of the last part is judged when the file is put in its place; 412 loses nothing."""
    box.put("big", b"old")
    old = box.etag("big")
    sender = Sender(box).send(0, 1)
    box.put("big", b"changed")
    sender.put(2, PARTS[2], If_Match=old).refused(412)
    assert box.get("big").body == b"changed"
    assert sender.put(2, PARTS[2], If_Match=box.etag("big")).status == 204
    assert box.get("big").body == WHOLE


def test_what_is_not_what_was_announced(box: Dav) -> None:
    """Size and checksum of the whole; they can be put right with the last part."""
    sender = Sender(box).send(0, 1)
    sender.put(2, PARTS[2], OC_Checksum=sha1(b"other")).refused(400)
    sender.put(2, PARTS[2], OC_Total_Length="7").refused(400)
    assert box.names() == set()
    assert sender.put(2, PARTS[2], OC_Checksum=sha1(WHOLE)).status == 201


def test_odd_names(box: Dav) -> None:
    """Only with OC-Chunked it is a part; numbers have to make sense."""
    assert box.put("big-chunking-1-3-0", b"x").status == 201
    assert box.names() == {"big-chunking-1-3-0"}
    for name in ("big", "big-chunking-1-3", "-chunking-1-3-0", "big-chunking-1-3-3", "big-chunking-1-0-0",
                 "big-chunking-1-99999-0", "big-chunking-a%20b-3-0", "big-chunking-1-3-0/"):  # fmt: skip
        box.put(name, b"x", headers={"OC-Chunked": "1"}).refused(400)
    box.put("none/big-chunking-1-1-0", b"x", headers={"OC-Chunked": "1"}).refused(409)
    answer = box.put("one-chunking-1-1-0", b"x", headers={"OC-Chunked": "1"})
    assert answer.status == 201 and answer["ETag"] == box.etag("one")
    assert box.put("one-chunking-1-1-0", b"y", headers={"OC-Chunked": "1"}).status == 204
    assert box.get("one").body == b"y"


def test_others(server: Server, box: Dav) -> None:
    """Nothing can be sent to where one may not write, and parts of different people do not mix."""
    bob = server.dav("bob")
    Sender(box).send(0, 1)
    path = box.base.replace("/dav/home/", "/remote.php/dav/files/alice/")
    bob.put(path + "big-chunking-1-3-0", b"x", headers={"OC-Chunked": "1"}).refused(404)


@pytest.mark.parametrize("time", range(3))
def test_all_at_once(box: Dav, time: int) -> None:
    """Parts that come over several connections and workers."""
    parts = [secrets.token_bytes(200_000) for _ in range(6)]
    sender = Sender(box, secrets.token_hex(3), count=len(parts))
    clients = [box.clone() for _ in parts]
    headers = {"OC_Checksum": sha1(b"".join(parts))}
    answers = together([lambda n=n: sender.put(n, parts[n], clients[n], **headers) for n in range(len(parts))])
    assert {answer.status for answer in answers} == {201}
    assert any("ETag" in answer.headers for answer in answers)
    assert box.get(sender.path).body == b"".join(parts)


@given(st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order(box: Dav, data: st.DataObject) -> None:
    """Parts in any order, some of them several times."""
    count = data.draw(st.integers(1, 5))
    order = data.draw(st.permutations(range(count)))
    parts = {index: secrets.token_bytes(data.draw(st.integers(0, 2000))) for index in order}
    sender = Sender(box, secrets.token_hex(4), count)
    for index in order[:-1]:
        for _ in range(data.draw(st.integers(1, 2))):
            assert sender.put(index, parts[index]).status == 201
    whole = b"".join(parts[index] for index in range(count))
    assert "ETag" in sender.put(order[-1], parts[order[-1]], OC_Checksum=sha1(whole)).headers
    assert box.get(sender.path).body == whole


def test_restart(own_server) -> None:
    """An upload goes on after the processes were killed."""
    server = own_server()
    box = server.dav().fresh_box()
    sender = Sender(box).send(0, 1)
    server.kill9()
    server.run()
    sender.box = server.dav("alice", box.base)
    assert sender.put(2, PARTS[2], OC_Checksum=sha1(WHOLE)).status == 201
    assert sender.box.get("big").body == WHOLE
