"""Tests that change something; each round works in a new folder."""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing

from benchlib import checks, load
from benchlib.client import Answer, Connection, demand
from benchlib.filling import make_folder
from benchlib.fixtures import CONTENT, KIB, ONE, folder, member
from benchlib.load import Measured
from benchlib.reading import Measure, listing, script
from benchlib.servers import Server
from benchlib.worker import Script, Step

_CREATED = checks.status(201)
_GONE = checks.status(200, 204)
_UNLOCKED = checks.status(204)
#: Enough for a second of the quickest server.
_DELETED = 2000
_LOCK = (
    b'<?xml version="1.0" encoding="utf-8"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
    b"<D:locktype><D:write/></D:locktype><D:owner>bench</D:owner></D:lockinfo>"
)
_TOKEN = re.compile(rb"\r\nlock-token:[ \t]*(<[^>\r]+>)", re.IGNORECASE).search


def _in_folder(connections: int, of: Callable[[Server, str, int], Script]) -> Measure:
    """Each connection runs its script in the round's folder."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        make_folder(server, word)
        # What the servers before have left to the system must not be paid for by this one.
        os.sync()
        return load.run(server, lambda number: of(server, word, number), connections, seconds)

    return measure


def _verified(measure: Measure, least: int | None = None) -> Measure:
    """The folder of the round is listed afterwards: as many files as were stored, each with all of its bytes."""

    def measured(server: Server, word: str, seconds: float) -> Measured:
        found = measure(server, word, seconds)
        with closing(Connection(server.port)) as connection:
            there = checks.sizes(demand(connection, listing(server, f"{word}/", 1), 207))
        right = there.count(KIB)
        # Files of the warm-up are there as well.
        if lacking := max(0, (found.right if least is None else least) - right):
            found.wrong["stored files are not there"] += lacking
        if other := len([size for size in there if size not in (0, KIB)]):
            found.wrong["stored with another size"] += other
        return found

    return measured


def put(connections: int) -> Measure:
    """New files."""
    return _verified(_in_folder(connections, lambda *where: script(_puts(*where))))


def _puts(server: Server, word: str, number: int) -> Iterator[Step]:
    before, after = server.request("PUT", f"{word}/@", CONTENT[:KIB]).split(b"@", 1)
    for count in itertools.count():
        yield Step(b"%s%d-%d.bin%s" % (before, number, count, after), _CREATED)


def put_over(connections: int) -> Measure:
    """Each connection overwrites a file of its own, with other bytes each time."""
    return _verified(_in_folder(connections, _overwrite), least=connections)


def _overwrite(server: Server, word: str, number: int) -> Script:
    path = f"{word}/{number}.bin"
    yield Step(server.request("PUT", path, CONTENT[:KIB]), checks.STORED, timed=False)
    for count in itertools.count():
        first = count % KIB
        yield Step(server.request("PUT", path, CONTENT[first : first + KIB]), checks.STORED)


def mkcol(connections: int) -> Measure:
    """New folders."""
    return _in_folder(connections, lambda *where: script(_mkcols(*where)))


def _mkcols(server: Server, word: str, number: int) -> Iterator[Step]:
    for count in itertools.count():
        yield Step(server.request("MKCOL", f"{word}/{number}-{count}/"), _CREATED)


def copy(connections: int) -> Measure:
    """The same file to new names."""
    return _verified(_in_folder(connections, lambda *where: script(_copies(*where))))


def _copies(server: Server, word: str, number: int) -> Iterator[Step]:
    for count in itertools.count():
        to = server.destination(f"{word}/{number}-{count}.bin")
        yield Step(server.request("COPY", ONE, Destination=to), _CREATED)


def move(connections: int) -> Measure:
    """Each connection moves a file of its own to and fro."""
    return _verified(_in_folder(connections, _moves), least=connections)


def _moves(server: Server, word: str, number: int) -> Script:
    here, there = f"{word}/{number}-here.bin", f"{word}/{number}-there.bin"
    yield Step(server.request("PUT", here, CONTENT[:KIB]), checks.STORED, timed=False)
    while True:
        yield Step(server.request("MOVE", here, Destination=server.destination(there)), _CREATED)
        here, there = there, here


def lock(connections: int) -> Measure:
    """Each connection locks and unlocks a file of its own; both are requests that count."""
    return _in_folder(connections, _locks)


def _locks(server: Server, word: str, number: int) -> Script:
    for count in itertools.count():
        path = f"{word}/{number}-{count}.bin"
        yield Step(server.request("PUT", path, CONTENT[:KIB]), checks.STORED, timed=False)
        asked = server.request("LOCK", path, _LOCK, Timeout="Second-600", Depth="0", Content_Type="application/xml")
        # A file whose lock cannot be had or given back is left alone from then on.
        while found := _TOKEN((yield Step(asked, _locked)).head):
            request = server.request("UNLOCK", path, Lock_Token=found[1].decode())
            if (yield Step(request, _UNLOCKED)).status != 204:
                break


def _locked(answer: Answer) -> str:
    if answer.status not in (200, 201):
        return f"status {answer.status}"
    return "" if _TOKEN(answer.head) else "no lock token"


def delete(connections: int) -> Measure:
    """Files that were made before; it ends when there are none left."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        names = [f"{number}.bin" for number in range(_DELETED)]
        server.make_files(word, names, CONTENT[:KIB])
        steps = [Step(server.request("DELETE", f"{word}/{name}"), _GONE) for name in names]
        os.sync()
        return load.run(server, lambda number: script(steps[number::connections]), connections, seconds, warm_up=False)

    return measure


def mixed(connections: int) -> Measure:
    """Seven GETs of many files, two overwriting PUTs of 4 KiB and one small listing, in random order."""
    return _in_folder(connections, _mixture)


def _mixture(server: Server, word: str, number: int) -> Script:
    chance = random.Random(number)
    right = checks.content(CONTENT[:KIB])
    # Member 0 is overwritten by another test.
    gets = [Step(server.request("GET", member(1000, chance.randrange(1, 1000))), right) for _ in range(100)]
    content = CONTENT[: 4 * KIB]
    requests = [server.request("PUT", f"{word}/{number}-{each}.bin", content) for each in range(20)]
    puts = [Step(request, checks.STORED) for request in requests]
    listed = Step(listing(server, f"{folder(10)}/", 1), checks.listing(11, KIB))
    while True:
        kind = chance.randrange(10)
        yield listed if kind == 9 else chance.choice(puts if kind > 6 else gets)
