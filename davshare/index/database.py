"""Connections, snapshots and the one writer.

Statements are written with ``?`` placeholders in the subset of SQL that SQLite
and PostgreSQL share.  On SQLite a connection is the plain ``sqlite3`` one:
anything around it would cost more than the statements do.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from davshare.errors import Unavailable

Connection = sqlite3.Connection

#: Version of the schema that this code works with; the newest migration's revision.
REVISION = "0002"
_PAGE_CACHE_KIB = 4096
#: Pages in the log after which a commit writes them back: rarely, because it is the commit that waits.
_CHECKPOINT_PAGES = 4000


class _Shared:
    """The file whose lock is the turn; in it progress, version, commits and its own inode, seen by all processes."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self.fd).st_size < mmap.PAGESIZE:
            os.ftruncate(self.fd, mmap.PAGESIZE)
        self._map = mmap.mmap(self.fd, mmap.PAGESIZE)
        self.words = memoryview(self._map).cast("Q")

    def close(self) -> None:
        """Give the file back."""
        if self.fd >= 0:
            self.words.release()
            self._map.close()
            os.close(self.fd)
            self.fd = -1


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
        self._shared = _Shared(Path(f"{path}.turn"))

    def connect(self) -> Connection:
        """A new connection; the caller closes it or leaves it to :meth:`close`."""
        connection = sqlite3.connect(
            self.path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if self.durable else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
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
            fcntl.flock(self._shared.fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._shared.fd, fcntl.LOCK_UN)

    @property
    def progress(self) -> int:
        """Number of the last effect on disk that was carried out; for whoever holds the turn."""
        return self._shared.words[0]

    @progress.setter
    def progress(self, number: int) -> None:
        self._shared.words[0] = number

    @property
    def version(self) -> int:
        """A number that every change of the index raises; odd while one is being committed.

        Costs no system call.  What was read from the index after an even
        version is true as long as the version stays the same.
        """
        return self._shared.words[1]

    @property
    def commits(self) -> int:
        """How often the counter ``commits`` says that files were changed, as far as this machine knows."""
        return self._shared.words[2]

    @commits.setter
    def commits(self, number: int) -> None:
        self._shared.words[2] = number

    @property
    def in_place(self) -> bool:
        """Whether the shared file is the one that was made here, and not a copy of it."""
        return self._shared.words[3] == os.fstat(self._shared.fd).st_ino

    def settle_in(self) -> None:
        """From now on the shared file counts as made here."""
        self._shared.words[3] = os.fstat(self._shared.fd).st_ino

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A write transaction; the caller holds the turn.  Committed on leaving, rolled back on an error.

        :raises Unavailable: the index cannot be written.
        """
        connection = self._take()
        words = self._shared.words
        try:
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
                words[1] |= 1
                connection.execute("COMMIT")
            except sqlite3.IntegrityError:
                raise  # what the caller asked for cannot be; the index is fine
            except sqlite3.Error as error:
                raise Unavailable("The index cannot be written at the moment.") from error
            finally:
                words[1] = (words[1] | 1) + 1
        except BaseException:
            self._give_up(connection)
            raise
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
        self._shared.close()

    def _give_up(self, connection: Connection) -> None:
        """A connection on which something went wrong: used again only if no transaction is left open on it."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                connection.close()
            return
        self._idle.append(connection)

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
    row = connection.execute("UPDATE counter SET value=value+? WHERE name=? RETURNING value", (by, name)).fetchone()
    return int(row[0])


def changed(connection: Connection) -> None:
    """Tell every worker that people, tokens, spaces, grants or settings are other than before."""
    advance(connection, "generation")
