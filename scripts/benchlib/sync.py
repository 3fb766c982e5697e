"""What a sync report costs in homes of different sizes; davshare alone."""

from __future__ import annotations

import random
import re
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from benchlib.client import BenchError, Connection
from benchlib.servers import Davshare
from benchlib.trials import KIB, demand

SIZES = (1_000, 100_000, 1_000_000)
CHANGES = 10
REPORTS = 50
#: Responses of a report: the files, and the folder that they are in.
_TOLD = CHANGES + 1
_FOLDER = 1_000
_FILE_SIZE = 100_000
_TOKEN = re.compile(rb"<(?:\w+:)?sync-token>([^<]+)</").search
_RESPONSE = re.compile(rb"<(?:\w+:)?response>").findall
_ASK_TOKEN = b'<d:propfind xmlns:d="DAV:"><d:prop><d:sync-token/></d:prop></d:propfind>'
_REPORT = (
    b'<d:sync-collection xmlns:d="DAV:"><d:sync-token>%s</d:sync-token><d:sync-level>infinite</d:sync-level>'
    b"<d:prop><d:resourcetype/><d:getetag/><d:getcontentlength/><d:getlastmodified/></d:prop></d:sync-collection>"
)
_NODE = (
    "INSERT INTO node (id, space, parent, name, kind, size, mtime_ns, inode, seq, place_seq, stamp, created)"
    " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
)
_JOURNAL = "INSERT INTO journal (space, seq, node, kind, deep, actor, at) VALUES (?,?,?,1,0,?,?)"
_DIGEST = "INSERT INTO digest (node, stamp, sha256, sha1, md5, adler32, crc32) VALUES (?,?,?,?,?,?,?)"


class Size(NamedTuple):
    """Milliseconds of reports and polls with so many nodes in the home, and the bytes of the index."""

    nodes: int
    report: float
    poll: float
    index_bytes: int


def measure(folder: Path, note: Callable[[str], None]) -> list[Size]:
    """A server for each of :data:`SIZES`; they are asked in turns, so that they see the same machine.

    :raises BenchError: a report is wrong.
    """
    with ExitStack() as stack:
        subjects = []
        for nodes in SIZES:
            subjects.append(_Subject(stack, folder / f"sync-{nodes}", nodes))
            note(f"sync: a home with {nodes:,} files and folders is ready")
        for _ in range(REPORTS):
            for subject in subjects:
                subject.take()
        return [subject.size() for subject in subjects]


class _Subject:
    """A running server whose home has ``nodes`` nodes, of which ten have changed since a token was taken."""

    def __init__(self, stack: ExitStack, folder: Path, nodes: int) -> None:
        self._nodes = nodes
        self._server = server = Davshare(folder)
        stack.callback(server.stop)
        self._make_files()
        index = server.data / "index.sqlite"
        fill(index, nodes)
        self._index_bytes = index.stat().st_size
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


# -- rows ----------------------------------------------------------------------------------


class _Home(NamedTuple):
    space: int
    root: int
    owner: int


def fill(index: Path, total: int) -> None:
    """Let a home have ``total`` nodes: rows as uploads leave them in davshare/index/schema.py, no files on disk.

    Every node gets its journal entry and every file its checksums, so the
    index is as large as it would be after as many real uploads.
    """
    with closing(sqlite3.connect(index, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        row = connection.execute("SELECT id, node, owner FROM space WHERE kind='home' AND name='bench'").fetchone()
        home = _Home(*row)
        have = connection.execute("SELECT count(*) FROM node WHERE space=? AND parent>0", (home.space,)).fetchone()[0]
        while have < total:
            members = min(_FOLDER, total - have - 1)
            connection.execute("BEGIN")
            _folder(connection, home, members)
            connection.execute("COMMIT")
            have += members + 1
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _folder(connection: sqlite3.Connection, home: _Home, members: int) -> None:
    """A folder in the home with so many files."""
    nodes = members + 1
    last = _raised(connection, "UPDATE counter SET value=value+? WHERE name='node' RETURNING value", nodes)
    head = _raised(connection, "UPDATE space SET head=head+? WHERE id=? RETURNING head", nodes, home.space)
    folder, first = last - members, head - members
    size, now = members * _FILE_SIZE, time.time_ns()
    at = now // 1_000_000_000
    files = [(folder + each, first + each) for each in range(1, nodes)]
    connection.execute(
        _NODE, (folder, home.space, home.root, f"folder-{folder:08d}", 1, size, now, folder, first, first, head, at)
    )
    connection.executemany(
        _NODE,
        (
            (node, home.space, folder, f"document-{node:08d}.pdf", 0, _FILE_SIZE, now, node, seq, seq, seq, at)
            for node, seq in files
        ),
    )
    connection.executemany(
        _JOURNAL, ((home.space, seq, node, home.owner, at) for node, seq in [(folder, first), *files])
    )
    connection.executemany(_DIGEST, ((node, seq, *_checksums()) for node, seq in files))
    connection.execute("UPDATE node SET size=size+?, mtime_ns=?, stamp=? WHERE id=?", (size, now, head, home.root))


def _raised(connection: sqlite3.Connection, statement: str, *values: int) -> int:
    return int(connection.execute(statement, values).fetchone()[0])


def _checksums() -> tuple[bytes, bytes, bytes, int, int]:
    """Values as long as real ones: sha256, sha1, md5, adler32, crc32."""
    return (*(random.randbytes(length) for length in (32, 20, 16)), random.getrandbits(32), random.getrandbits(32))  # type: ignore[return-value]
