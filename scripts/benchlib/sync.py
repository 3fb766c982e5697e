"""What a sync report costs in homes of different sizes; davshare alone."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from benchlib import rows
from benchlib.client import BenchError, Connection, demand
from benchlib.fixtures import KIB
from benchlib.guard import Guard
from benchlib.ours import Davshare

CHANGES = 10
REPORTS = 50
#: Responses of a report: the files, and the folder that they are in.
_TOLD = CHANGES + 1
_TOKEN = re.compile(rb"<(?:\w+:)?sync-token>([^<]+)</").search
_RESPONSE = re.compile(rb"<(?:\w+:)?response>").findall
_ASK_TOKEN = b'<d:propfind xmlns:d="DAV:"><d:prop><d:sync-token/></d:prop></d:propfind>'
_REPORT = (
    b'<d:sync-collection xmlns:d="DAV:"><d:sync-token>%s</d:sync-token><d:sync-level>infinite</d:sync-level>'
    b"<d:prop><d:resourcetype/><d:getetag/><d:getcontentlength/><d:getlastmodified/></d:prop></d:sync-collection>"
)


class Size(NamedTuple):
    """Milliseconds of reports and polls with so many nodes in the home, and the bytes of the index."""

    nodes: int
    report: float
    poll: float
    index_bytes: int


def measure(folder: Path, guard: Guard, note: Callable[[str], None], sizes: Sequence[int]) -> list[Size]:
    """A server for each of ``sizes``; they are asked in turns, so that they see the same machine.

    :raises BenchError: a report is wrong.
    """
    with ExitStack() as stack:
        subjects = []
        for nodes in sizes:
            subjects.append(_Subject(stack, Davshare(folder / f"sync-{nodes}", guard), nodes))
            note(f"sync: a home with {nodes:,} files and folders is ready")
        for subject in subjects:
            # Its server may have ended a connection that was idle while larger homes were made.
            subject.reconnect()
        for _ in range(REPORTS):
            for subject in subjects:
                subject.take()
        return [subject.size() for subject in subjects]


class _Subject:
    """A running server whose home has ``nodes`` nodes, of which ten have changed since a token was taken."""

    def __init__(self, stack: ExitStack, server: Davshare, nodes: int) -> None:
        self._nodes = nodes
        self._server = server
        stack.callback(server.stop)
        self._make_files()
        rows.fill(server.data, nodes)
        self._index_bytes = (server.data / "index.sqlite").stat().st_size
        server.start()
        self._connection = Connection(server.port)
        stack.callback(self._connection.close)
        asked = server.request("PROPFIND", "", _ASK_TOKEN, Depth="0")
        self._old = _token(demand(self._connection, asked, 207))
        for number in range(CHANGES):
            demand(self._connection, self._put(number, 2 * KIB), 204)
        self._new = _token(self._report(self._old, _TOLD))
        self._reports: list[float] = []
        self._polls: list[float] = []

    def _make_files(self) -> None:
        """The ten that will change are real; the server is stopped again afterwards."""
        self._server.start()
        with closing(Connection(self._server.port)) as connection:
            demand(connection, self._server.request("MKCOL", "changes/"), 201)
            for number in range(CHANGES):
                demand(connection, self._put(number, KIB), 201)
        self._server.stop()

    def _put(self, number: int, size: int) -> bytes:
        return self._server.request("PUT", f"changes/{number}.bin", bytes(size))

    def reconnect(self) -> None:
        """Open the connection anew."""
        self._connection.reopen()

    def take(self) -> None:
        """Time one report, and one that has nothing to tell."""
        self._reports.append(self._timed(self._old, _TOLD))
        self._polls.append(self._timed(self._new, 0))

    def _timed(self, token: bytes, changes: int) -> float:
        """Milliseconds of one report."""
        start = time.perf_counter()
        self._report(token, changes)
        return (time.perf_counter() - start) * 1000

    def _report(self, token: bytes, changes: int) -> bytes:
        body = demand(self._connection, self._server.request("REPORT", "", _REPORT % token), 207)
        if len(_RESPONSE(body)) != changes:
            raise BenchError(f"a report has {len(_RESPONSE(body))} responses instead of {changes}")
        return body

    def size(self) -> Size:
        """What was found."""
        report, poll = statistics.median(self._reports), statistics.median(self._polls)
        return Size(self._nodes, report, poll, self._index_bytes)


def _token(body: bytes) -> bytes:
    found = _TOKEN(body)
    if found is None:
        raise BenchError("an answer has no sync token")
    return found[1]
