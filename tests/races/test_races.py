"""Several clients at once, over several workers: exactly one outcome, and no update lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import unquote

import pytest

from support.client import Answer, Dav
from support.follower import Follower, differences, walk
from support.parallel import together

ROUNDS = 12


def clients(box: Dav, count: int) -> list[Dav]:
    """So many connections, all open already."""
    found = [box.clone() for _ in range(count)]
    for dav in found:
        dav.request("OPTIONS", "")
    return found


def race(*calls: tuple) -> list[Answer]:
    """Calls (function and arguments) that all start in the same moment; their answers in order."""
    return together([partial(*call) for call in calls])


def statuses(*calls: tuple) -> list[int]:
    """The statuses of :func:`race`."""
    return [answer.status for answer in race(*calls)]


@contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[None]:
    """Repeat ``action`` in a thread until the block ends; what it raises is raised here."""
    over, trouble = threading.Event(), []

    def run() -> None:
        try:
            while not over.is_set():
                action()
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)
    if trouble:
        raise trouble[0]


@pytest.mark.rfc("9110", "13.1.1", "of parallel writes with the same If-Match exactly one succeeds")
def test_if_match_has_one_winner(box: Dav) -> None:
    """Past failure 8: conditions are decided under the lock of the commit."""
    etag = box.put("file", b"start")["ETag"]
    writers = clients(box, 8)
    for _ in range(ROUNDS):
        held = {"If-Match": etag}
        found = race(*[(dav.put, "file", b"writer %d" % n, held) for n, dav in enumerate(writers)])
        assert sorted(answer.status for answer in found) == [204] + [412] * 7
        (winner,) = [n for n, answer in enumerate(found) if answer.status == 204]
        assert box.get("file").body == b"writer %d" % winner
        etag = found[winner]["ETag"]
        assert box.etag("file") == etag


@pytest.mark.rfc("9110", "13.1.2", "of parallel writes with If-None-Match: * exactly one succeeds")
def test_only_if_new_has_one_winner(box: Dav) -> None:
    writers = clients(box, 8)
    for round_ in range(ROUNDS):
        name, held = f"f{round_}", {"If-None-Match": "*"}
        found = statuses(*[(dav.put, name, b"%d" % n, held) for n, dav in enumerate(writers)])
        assert sorted(found) == [201] + [412] * 7
        assert box.get(name).body == b"%d" % found.index(201)


def test_plain_puts_make_one_file(box: Dav) -> None:
    """Without conditions one PUT makes the file and all others replace it."""
    writers = clients(box, 6)
    for round_ in range(ROUNDS):
        name = f"f{round_}"
        found = statuses(*[(dav.put, name, b"%d" % n) for n, dav in enumerate(writers)])
        assert sorted(found) == [201] + [204] * 5
    assert len(box.names()) == ROUNDS


@pytest.mark.rfc("4918", "6.1", "of parallel exclusive locks exactly one is granted")
@pytest.mark.parametrize("exists", [True, False])
def test_exclusive_lock_has_one_winner(box: Dav, exists: bool) -> None:
    lockers = clients(box, 8)
    for round_ in range(ROUNDS):
        name = f"f{round_}"
        if exists:
            box.put(name, b"1")
        found = race(*[(dav.lock, name, "exclusive", "0") for dav in lockers])
        assert sorted(answer.status for answer in found) == [200 if exists else 201] + [423] * 7
        (winner,) = [answer for answer in found if answer.status < 300]
        assert box.put(name, b"2", {"If": f"(<{winner.lock_token}>)"}).status == 204


@pytest.mark.rfc("4918", "9.10.3", "a lock on a folder and locks below it exclude each other")
def test_lock_of_tree_and_member(box: Dav) -> None:
    for round_ in range(ROUNDS):
        folder = f"d{round_}/"
        box.mkcol(folder)
        box.put(folder + "file", b"1")
        one, two = clients(box, 2)
        found = statuses((one.lock, folder), (two.lock, folder + "file", "exclusive", "0"))
        assert sorted(found) in ([200, 423], [200, 207]), found


def test_no_update_is_lost(box: Dav) -> None:
    """A counter that six clients advance by read, If-Match and retry ends at the number of successes."""
    box.put("counter", b"0")

    def count(dav: Dav) -> int:
        done = 0
        while done < 10:
            got = dav.get("counter")
            body = b"%d" % (int(got.body) + 1)
            status = dav.put("counter", body, {"If-Match": got["ETag"]}).status
            assert status in (204, 412)
            done += status == 204
        return done

    together([lambda dav=dav: count(dav) for dav in clients(box, 6)])
    assert box.get("counter").body == b"60"


def test_no_update_is_lost_under_locks(box: Dav) -> None:
    """The same with LOCK, GET, PUT, UNLOCK."""
    box.put("counter", b"0")

    def count(dav: Dav) -> None:
        done = 0
        while done < 5:
            lock = dav.lock("counter", depth="0")
            if lock.status == 423:
                continue
            value = int(dav.get("counter").body)
            assert dav.put("counter", b"%d" % (value + 1), {"If": f"(<{lock.lock_token}>)"}).status == 204
            assert dav.unlock("counter", lock.lock_token).status == 204
            done += 1

    together([lambda dav=dav: count(dav) for dav in clients(box, 4)])
    assert box.get("counter").body == b"20"


def test_move_against_put(box: Dav) -> None:
    """A file that is moved while it is written is old or new at one place, and nothing acknowledged is lost."""
    one, two = clients(box, 2)
    for round_ in range(ROUNDS * 2):
        source, target = f"a{round_}", f"b{round_}"
        box.put(source, b"old")
        put, move = statuses((one.put, source, b"new"), (two.move, source, target))
        assert move == 201
        assert put in (201, 204)
        if put == 204:
            assert (box.get(target).body, box.get(source).status) == (b"new", 404)
        else:
            assert (box.get(target).body, box.get(source).body) == (b"old", b"new")


def test_move_onto_against_put(box: Dav) -> None:
    """The target of a MOVE that is written at the same time holds one of both, whole."""
    one, two = clients(box, 2)
    for round_ in range(ROUNDS * 2):
        source, target = f"a{round_}", f"b{round_}"
        box.put(source, b"moved" * 1000)
        put, move = statuses((one.put, target, b"put" * 1000), (two.move, source, target))
        assert (put, move) in ((201, 204), (204, 201))
        assert box.get(target).body == (b"moved" if put == 201 else b"put") * 1000
        assert box.get(source).status == 404


def test_one_source_many_moves(box: Dav) -> None:
    """Of parallel moves of one file exactly one succeeds."""
    movers = clients(box, 6)
    for round_ in range(ROUNDS):
        box.put("file", b"%d" % round_)
        found = statuses(*[(dav.move, "file", f"r{round_}-{n}") for n, dav in enumerate(movers)])
        assert sorted(found) == [201] + [404] * 5
    assert len(box.names()) == ROUNDS


def test_crossing_moves_make_no_circle(box: Dav) -> None:
    """Two folders moved into each other at once: one move wins, and everything stays reachable."""
    one, two = clients(box, 2)
    for round_ in range(ROUNDS):
        top = f"t{round_}/"
        for path in (top, top + "a/", top + "b/"):
            box.mkcol(path)
        box.put(top + "a/x", b"x")
        box.put(top + "b/y", b"y")
        found = statuses((one.move, top + "a/", top + "b/a/"), (two.move, top + "b/", top + "a/b/"))
        assert found.count(201) == 1, found
        assert len(walk(box, top)) == 4


@pytest.mark.rfc("4918", "9.3.1", "of parallel MKCOLs exactly one is 201, the others 405")
def test_parallel_mkcol(box: Dav) -> None:
    makers = clients(box, 8)
    for round_ in range(ROUNDS):
        found = statuses(*[(dav.mkcol, f"d{round_}") for dav in makers])
        assert sorted(found) == [201] + [405] * 7
    found = statuses(*[(dav.mkcol, f"d0/{n}") for n, dav in enumerate(makers)])
    assert found == [201] * 8
    assert box.names("d0/") == {str(n) for n in range(8)}


def test_parallel_delete(box: Dav) -> None:
    """Of parallel deletes exactly one is 204, the others 404."""
    removers = clients(box, 6)
    for round_ in range(ROUNDS):
        box.mkcol(f"d{round_}")
        box.put(f"d{round_}/file", b"1")
        found = statuses(*[(dav.delete, f"d{round_}/") for dav in removers])
        assert sorted(found) == [204] + [404] * 5


def test_twins_in_parallel(box: Dav) -> None:
    """Two spellings of one name at once: one is made."""
    one, two = clients(box, 2)
    for round_ in range(ROUNDS):
        found = statuses((one.put, f"%C3%A9{round_}", b"nfc"), (two.put, f"e%CC%81{round_}", b"nfd"))
        assert sorted(found) == [201, 409]
    assert len(box.names()) == ROUNDS


def test_put_against_delete_of_the_folder(box: Dav) -> None:
    """A file written into a folder that is being removed is refused, or removed with it."""
    one, two = clients(box, 2)
    for round_ in range(ROUNDS):
        folder = f"d{round_}/"
        box.mkcol(folder)
        put, delete = statuses((one.put, folder + "file", b"1"), (two.delete, folder))
        assert delete == 204
        assert put in (201, 409)
        assert not box.exists(folder)
    assert box.names() == set()


def test_listing_during_moves(box: Dav) -> None:
    """Past failure 15: a listing shows each file exactly once while files are renamed."""
    count = 12
    for n in range(count):
        box.put(f"{n}.a", b"%d" % n)
    mover = box.clone()
    state = {"n": 0}

    def rename() -> None:
        n = state["n"] % count
        old, new = ("a", "b") if state["n"] // count % 2 == 0 else ("b", "a")
        assert mover.move(f"{n}.{old}", f"{n}.{new}").status == 201
        state["n"] += 1

    with meanwhile(rename):
        for dav in clients(box, 4) * 15:
            found = [unquote(href).rsplit("/", 1)[1].split(".")[0] for href in dav.propfind("", "getetag", depth="1")]
            assert sorted(found) == sorted(["", *map(str, range(count))])
            report = dav.report_sync().multistatus
            assert len(report) == len(report.live) == count
    assert state["n"] > 0


def test_snapshot_during_moves_between_folders(box: Dav) -> None:
    """Past failure 15: one report over a tree shows each file once while files go from folder to folder."""
    count = 8
    for folder in ("a/", "b/"):
        box.mkcol(folder)
    for n in range(count):
        box.put(f"a/{n}", b"1")
    mover = box.clone()
    state = {"n": 0}

    def move() -> None:
        n = state["n"] % count
        old, new = ("a", "b") if state["n"] // count % 2 == 0 else ("b", "a")
        assert mover.move(f"{old}/{n}", f"{new}/{n}").status == 201
        state["n"] += 1

    with meanwhile(move):
        for dav in clients(box, 4) * 12:
            names = [href.rsplit("/", 1)[1] for href in dav.report_sync().multistatus if not href.endswith("/")]
            assert sorted(names) == [str(n) for n in range(count)]


def test_readers_during_writes(box: Dav) -> None:
    """Readers see old or new content and never half of it, with the ETag that belongs to it."""
    size = 300_000
    box.put("file", bytes([0]) * size)
    writer = box.clone()
    state = {"n": 0}
    known = {box.etag("file"): 0}

    def write() -> None:
        state["n"] += 1
        value = state["n"] % 256
        answer = writer.put("file", iter([bytes([value]) * (size // 3)] * 3))
        assert answer.status == 204
        known[answer["ETag"]] = value

    seen = []
    with meanwhile(write):
        for dav in clients(box, 4) * 10:
            got = dav.get("file")
            assert (got.status, len(got.body)) == (200, size)
            assert len(set(got.body)) == 1, "a mixture of two versions"
            seen.append((got["ETag"], got.body[0]))
            part = dav.get("file", {"Range": "bytes=1000-200999"})
            assert (part.status, len(part.body), len(set(part.body))) == (206, 200_000, 1)
            seen.append((part["ETag"], part.body[0]))
    for etag, value in seen:
        assert known[etag] == value


def test_followers_during_writes(box: Dav) -> None:
    """Reports read while others write lose nothing: numbers of the journal come in the order of commits."""
    writers = clients(box, 4)
    for n in range(4):
        box.mkcol(f"w{n}")

    def write(n: int) -> None:
        dav = writers[n]
        for step in range(25):
            assert dav.put(f"w{n}/{step % 7}", b"%d" % step).status in (201, 204)
            if step % 5 == 4:
                assert dav.move(f"w{n}/{step % 7}", f"w{(n + 1) % 4}/m{n}-{step}").status == 201

    follower = Follower(box.clone())
    with meanwhile(lambda: follower.page() and None):
        together([lambda n=n: write(n) for n in range(4)])
    assert differences(follower.catch_up(), walk(box)) == []


def test_proppatches_in_parallel(box: Dav) -> None:
    """Properties set at the same time on one resource are all there."""
    box.put("file", b"1")
    setters = clients(box, 8)
    together([lambda dav=dav, n=n: dav.proppatch("file", {f"{{urn:x}}p{n}": str(n)}) for n, dav in enumerate(setters)])
    found = box.propfind("file", *[f"{{urn:x}}p{n}" for n in range(8)]).only
    assert [found.text(f"{{urn:x}}p{n}") for n in range(8)] == [str(n) for n in range(8)]
