"""The tests that every server takes, and the files they need."""

from __future__ import annotations

import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from benchlib import load
from benchlib.client import BenchError, Connection
from benchlib.load import Expected, Measured
from benchlib.servers import Server

KIB = 1024
MEMBERS = 1000
_CONNECTIONS = 8
_CONTENT = random.Random(1).randbytes(4 * KIB)
_SIX = b"resourcetype getlastmodified getcontentlength getcontenttype getetag creationdate".split()
_PROPFIND = (
    b'<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>'
    + b"".join(b"<D:%s/>" % name for name in _SIX)
    + b"</D:prop></D:propfind>"
)
_RESPONSE = re.compile(rb"<(?:[\w.-]+:)?response[\s>]").findall
#: No two listings in a row may have the same size in them.
_sizes = itertools.cycle(range(2 * KIB, 4 * KIB))


class Trial(NamedTuple):
    """One test: its name on the command line, its row in the table, and how a server is measured.

    ``measure`` gets the server, a word that no other run has, and the seconds.
    """

    name: str
    title: str
    measure: Callable[[Server, str, float], Measured]


def member(number: int) -> str:
    """The path of one of the 1,000 files."""
    return f"many/{number:04d}.bin"


def demand(connection: Connection, request: bytes, *statuses: int) -> bytes:
    """The body of an answer.

    :raises BenchError: its status is another one.
    """
    answer = connection.ask(request)
    if answer.status not in statuses:
        line = request.partition(b"\r\n")[0].decode()
        raise BenchError(f"{line} was answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    return answer.body


def prepare(server: Server) -> None:
    """Make one file, and a folder with 1,000 more, each of 1 KiB."""
    with closing(Connection(server.port)) as connection:
        demand(connection, server.request("PUT", "one.bin", _CONTENT[:KIB]), 201)
        demand(connection, server.request("MKCOL", "many/"), 201)
        for number in range(MEMBERS):
            demand(connection, server.request("PUT", member(number), _CONTENT[:KIB]), 201)


def get(server: Server, word: str, seconds: float) -> Measured:
    """The same file again and again."""
    request = server.request("GET", "one.bin")
    return load.run(server, lambda _: itertools.repeat(request), Expected(200, KIB), _CONNECTIONS, seconds)


def get_many(server: Server, word: str, seconds: float) -> Measured:
    """One file after the other, each connection beginning elsewhere."""
    requests = [server.request("GET", member(number)) for number in range(MEMBERS)]

    def of(number: int) -> Iterator[bytes]:
        first = number * MEMBERS // _CONNECTIONS
        return itertools.cycle(requests[first:] + requests[:first])

    return load.run(server, of, Expected(200, KIB), _CONNECTIONS, seconds)


def put(server: Server, word: str, seconds: float) -> Measured:
    """New files in a new folder."""
    with closing(Connection(server.port)) as connection:
        demand(connection, server.request("MKCOL", f"{word}/"), 201)
    before, after = server.request("PUT", f"{word}/@", _CONTENT[:KIB]).split(b"@", 1)

    def of(number: int) -> Iterator[bytes]:
        return (b"%s%d-%d.bin%s" % (before, number, count, after) for count in itertools.count())

    return load.run(server, of, Expected(201), _CONNECTIONS, seconds)


def propfind_dirty(server: Server, word: str, seconds: float) -> Measured:
    """Listings of the 1,000 files, each after one of them was overwritten; only the listings are timed."""
    listing = server.request("PROPFIND", "many/", _PROPFIND, Depth="1", **{"Content-Type": "application/xml"})
    wrong: Counter[str] = Counter()
    done, taken = 0, 0.0
    with closing(Connection(server.port)) as connection:
        demand(connection, listing, 207)
        before = server.cpu_seconds()
        while taken < seconds:
            size = next(_sizes)
            demand(connection, server.request("PUT", member(size % MEMBERS), _CONTENT[:size]), 200, 201, 204)
            start = time.perf_counter()
            answer = connection.ask(listing)
            taken += time.perf_counter() - start
            fault = Expected(207).fault(answer) or _listing_fault(answer.body, size)
            if fault:
                wrong[fault] += 1
            done += not fault
        cpu = server.cpu_seconds() - before
    return Measured(done / taken, cpu / done if done else 0.0, wrong)


def _listing_fault(body: bytes, size: int) -> str:
    """The folder and every member must be there, and the one that was overwritten with its new size."""
    found = len(_RESPONSE(body))
    if found != MEMBERS + 1:
        return f"{found} responses"
    if not re.search(rb"getcontentlength[^>]*>%d<" % size, body):
        return "old size"
    return ""


TRIALS = (
    Trial("get", "GET, the same 1 KiB file, 8 connections", get),
    Trial("get-many", "GET, 1,000 files of 1 KiB in turn, 8 connections", get_many),
    Trial("put", "PUT, new files of 1 KiB, 8 connections", put),
    Trial(
        "propfind-dirty",
        "PROPFIND, 1,000 members, 6 properties, one member overwritten before each, 1 connection",
        propfind_dirty,
    ),
)
