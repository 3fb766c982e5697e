"""Short changes of many clients at once, which share threads and transactions, over two workers."""

from __future__ import annotations

import os
import random
import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from support.client import Answer, Dav
from support.follower import Follower, differences, walk
from support.parallel import together
from support.raw import answers, connect, message, read_all
from support.server import Server
from support.staging import staged

CLIENTS = 16
ROUNDS = 6


def clients(box: Dav, count: int = CLIENTS) -> list[Dav]:
    """So many connections that are known already: their changes are short."""
    found = [box.clone() for _ in range(count)]
    for dav in found:
        dav.propfind("", "getetag")
    return found


def race(*calls: tuple) -> list[Answer]:
    """Calls (function and arguments) that all start in the same moment; their answers in order."""
    return together([partial(*call) for call in calls])


def demand_sound(server: Server) -> None:
    """Index and disk agree, and nothing is left over."""
    found = server.cli("check", "--hashes", check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def settled(server: Server, before: set[Path]) -> None:
    """Return when nothing more is being staged than before."""
    until = time.monotonic() + 5
    while set(staged(server.home())) - before:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_one_new_name_has_one_maker(box: Dav, server: Server) -> None:
    """All want to be the first; the content is the winner's, and nothing of the others stays."""
    writers, before = clients(box), set(staged(server.home()))
    for round_ in range(ROUNDS):
        found = race(*[(dav.put, f"f{round_}", b"%d" % n, {"If-None-Match": "*"}) for n, dav in enumerate(writers)])
        assert sorted(answer.status for answer in found) == [201] + [412] * (CLIENTS - 1)
        (winner,) = [n for n, answer in enumerate(found) if answer.status == 201]
        assert box.get(f"f{round_}").body == b"%d" % winner
        assert box.etag(f"f{round_}") == found[winner]["ETag"]
    settled(server, before)
    assert len(box.names()) == ROUNDS


@pytest.mark.slow
def test_all_kinds_of_changes_to_the_same_names(own_server) -> None:
    """Whatever is answered: index, disk and journal agree in the end."""
    server = own_server()
    box = server.dav().fresh_box()
    follower, kinds = Follower(box.clone()), set()

    def work(number: int, dav: Dav) -> None:
        dice = random.Random(number)
        for step in range(25):
            answer = some_change(dav, dice, b"%d-%d" % (number, step))
            assert answer.status < 500 or answer.status in (503, 507), answer
            kinds.add(answer.status)

    together([partial(work, n, dav) for n, dav in enumerate(clients(box, 8))])
    assert {201, 204, 404} <= kinds
    assert differences(follower.catch_up(), walk(box)) == []
    settled(server, set())
    demand_sound(server)


def some_change(dav: Dav, dice: random.Random, data: bytes) -> Answer:
    """One change of those few names."""
    one, two = dice.sample(["a", "b", "c", "d/", "d/e"], 2)
    return dice.choice(
        [
            lambda: dav.put(one, data),
            lambda: dav.put(one, bytes(70_000)),
            lambda: dav.delete(one),
            lambda: dav.move(one, two),
            lambda: dav.copy(one, two),
            lambda: dav.mkcol(one),
            lambda: dav.proppatch(one, {"{urn:x}p": data.decode()}),
            lambda: locked_for_a_moment(dav, one),
        ]
    )()


def locked_for_a_moment(dav: Dav, path: str) -> Answer:
    """LOCK, and UNLOCK where that was granted."""
    answer = dav.lock(path, depth="0", timeout="Second-60")
    if answer.status < 300 and answer.status != 207:
        dav.unlock(path, answer.lock_token)
    return answer


def test_locks_of_many_files(box: Dav) -> None:
    """LOCK and UNLOCK of one moment share a transaction: each of them holds, and goes, by itself."""
    lockers = clients(box)
    for n in range(CLIENTS):
        box.put(f"f{n}", b"1")
    for _ in range(ROUNDS):
        granted = race(*[(dav.lock, f"f{n}", "exclusive", "0") for n, dav in enumerate(lockers)])
        assert [answer.status for answer in granted] == [200] * CLIENTS
        tokens = [answer.lock_token for answer in granted]
        assert len(set(tokens)) == CLIENTS
        refused = race(*[(dav.put, f"f{n}", b"2") for n, dav in enumerate(lockers)])
        assert [answer.status for answer in refused] == [423] * CLIENTS
        half = race(*[(dav.unlock, f"f{n}", tokens[n - n % 2]) for n, dav in enumerate(lockers)])
        assert [answer.status for answer in half] == [204, 409] * (CLIENTS // 2)
        rest = [(dav.unlock, f"f{n}", tokens[n]) for n, dav in enumerate(lockers) if n % 2]
        assert [answer.status for answer in race(*rest)] == [204] * (CLIENTS // 2)
    assert [dav.put(f"f{n}", b"3").status for n, dav in enumerate(lockers)] == [204] * CLIENTS


def test_long_changes_after_short_ones(box: Dav) -> None:
    """On one connection; the long ones are made by other threads, and the next short one follows in order."""
    (dav,) = clients(box, 1)
    big = os.urandom(3_000_000)
    for n in range(5):
        assert dav.put(f"f{n}", b"%d" % n).status == 201
    assert dav.put("big", big).status == 201
    assert dav.mkcol("folder/").status == 201
    assert dav.put("folder/f", b"member").status == 201
    for n in range(3):
        assert dav.copy("big", f"big-{n}").status == 201
        assert dav.put("f0", b"again").status == 204
        assert dav.copy("folder/", f"folder-{n}/").status == 201
        assert dav.delete(f"f{n + 1}").status == 204
    assert dav.get("big-2").body == big
    assert dav.get("folder-2/f").body == b"member"


def test_long_changes_in_a_pipeline_of_short_ones(box: Dav, server: Server) -> None:
    """Answers come in the order of the requests, whichever thread has made them."""
    auth = ("alice", server.users["alice"])
    box.put("big", bytes(1_000_000))
    box.mkcol("folder/")
    wanted: list[int] = []
    data = b""
    for n in range(6):
        to = [f"Destination: {box.path(f'{kind}-{n}')}" for kind in ("big", "folder")]
        size = f"Content-Length: {n + 1}"
        data += message("PUT", box.path(f"f{n}"), size, body=b"x" * (n + 1), auth=auth)
        data += message("COPY", box.path("big"), to[0], auth=auth)
        data += message("MOVE", box.path(f"f{n}"), f"Destination: {box.path(f'm{n}')}", auth=auth)
        data += message("COPY", box.path("folder/"), to[1], auth=auth)
        data += message("DELETE", box.path("nothing"), auth=auth)
        wanted += [201, 201, 201, 201, 404]
    data += message("DELETE", box.path("big"), "Connection: close", auth=auth)
    with connect(server.port) as link:
        link.sendall(data)
        found = answers(read_all(link, 10, 30))
    assert [answer.status for answer in found] == [*wanted, 204]
    assert box.names() == {"folder", *(f"{kind}{n}" for n in range(6) for kind in ("m", "big-", "folder-"))}


def test_what_the_disk_knows_better_beside_short_changes(box: Dav, server: Server) -> None:
    """Some changes meet what somebody did on disk, and are made by threads of their own; the others go on."""
    writers = clients(box)
    folder = server.home() / box.base.removeprefix("/dav/home/")
    for round_ in range(ROUNDS):
        for n in range(0, CLIENTS, 4):
            (folder / f"f{round_}-{n}").write_bytes(b"of a shell")
        found = race(*[(dav.put, f"f{round_}-{n}", b"%d" % n) for n, dav in enumerate(writers)])
        assert [answer.status for answer in found] == [201 if n % 4 else 204 for n in range(CLIENTS)]
        bodies = [(folder / f"f{round_}-{n}").read_bytes() for n in range(CLIENTS)]
        assert bodies == [b"%d" % n for n in range(CLIENTS)]


@pytest.mark.slow
def test_a_staging_folder_that_goes_away(own_server) -> None:
    """Shelves are made again when they are missing."""
    server = own_server()
    box = server.dav().fresh_box()
    writers = clients(box, 8)
    for round_ in range(3):
        found = race(*[(dav.put, f"f{round_}-{n}", b"%d" % n) for n, dav in enumerate(writers)])
        assert [answer.status for answer in found] == [201] * 8
        for shelf in (server.home() / ".davshare/staging").glob("shelf-*"):
            shutil.rmtree(shelf)
    demand_sound(server)
