"""Connections, snapshots and the one writer.

Statements are written with ``?`` placeholders in the subset of SQL that SQLite
and PostgreSQL share.  On SQLite a connection is the plain ``sqlite3`` one:
anything around it would cost more than the statements do.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from davshare.errors import Unavailable

Connection = sqlite3.Connection

#: Version of the schema that this code works with; the newest migration's revision.
REVISION = "0001"
_PAGE_CACHE_KIB = 4096


class Database:
    """The index in one SQLite file, shared by all processes of the server.

    :param path: the file, made by :func:`davshare.index.migrate.upgrade`.
    :param durable: fsync at every commit.
    """

    def __init__(self, path: Path, durable: bool = True) -> None:
        self.path = path
        self.durable = durable
        self._idle: deque[Connection] = deque()
        self._mutex = threading.Lock()
        self._turn: int | None = None
        self._pid = os.getpid()

    def connect(self) -> Connection:
        """A new connection; the caller closes it or leaves it to :meth:`close`."""
        connection = sqlite3.connect(
            self.path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if self.durable else 'NORMAL'}")
        connection.execute(f"PRAGMA cache_size=-{_PAGE_CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A pooled connection for single statements, each with a snapshot of its own."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A pooled connection on which all statements see one state."""
        with self.session() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to write, held by one thread of one process at a time.

        Waiting for a file lock wakes up at once; SQLite's own waiting sleeps
        for milliseconds and is not fair.
        """
        with self._mutex:
            if self._turn is None or self._pid != os.getpid():
                self._turn = os.open(f"{self.path}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._pid = os.getpid()
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    @property
    def progress(self) -> int:
        """Number of the last effect on disk that was carried out; for whoever holds the turn."""
        assert self._turn is not None
        return int.from_bytes(os.pread(self._turn, 8, 0), "big")

    @progress.setter
    def progress(self, number: int) -> None:
        assert self._turn is not None
        os.pwrite(self._turn, number.to_bytes(8, "big"), 0)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A write transaction; the caller holds the turn.  Committed on leaving, rolled back on an error.

        :raises Unavailable: the index cannot be written.
        """
        connection = self._take()
        try:
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise Unavailable("The index cannot be written at the moment.") from error
        finally:
            self._idle.append(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The turn and a transaction: for everything that touches no file."""
        with self.turn(), self.transaction() as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        while self._idle:
            self._idle.pop().close()
        if self._turn is not None:
            os.close(self._turn)
            self._turn = None

    def _take(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self.connect()


def count(connection: Connection, name: str) -> int:
    """The value of a counter."""
    row = connection.execute("SELECT value FROM counter WHERE name=?", (name,)).fetchone()
    return int(row[0])


def advance(connection: Connection, name: str, by: int = 1) -> int:
    """Raise a counter and return its new value."""
    row = connection.execute(
        "UPDATE counter SET value=value+? WHERE name=? RETURNING value", (by, name)
    ).fetchone()
    return int(row[0])


def changed(connection: Connection) -> None:
    """Tell every worker that people, tokens, spaces, grants or settings are other than before."""
    advance(connection, "generation")
