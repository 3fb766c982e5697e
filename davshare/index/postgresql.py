"""The index in a PostgreSQL database, for the data folders of one machine.

What differs from SQLite is here: connections break, a commit can go on in
the database after whoever asked for it is dead, and somebody on another
machine can write.  So every write transaction first takes an advisory lock,
which waits for one that a dead process has left, and looks who may write.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from davshare.errors import Unavailable
from davshare.index import claim, driver
from davshare.index.database import Database, Taken
from davshare.index.driver import Broken, PostgresConnection
from davshare.model.values import shown

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger("davshare.index")

#: Connections of one process; who waits longer than this for one, in seconds, is told to come again.
MOST = 16
_PATIENCE = 10.0
#: The advisory lock of whoever writes.
_WRITER = 0x64617673
_BEGIN = (
    f"BEGIN; SELECT pg_advisory_xact_lock({_WRITER});"
    f" SELECT holder FROM lease WHERE name='{claim.SERVER}' AND expires>extract(epoch FROM clock_timestamp())"
)


class PostgresDatabase(Database):
    """The tables in the database that ``url`` names, made by :func:`davshare.index.migrate.upgrade`.

    :param url: ``postgresql://user:password@host/name``, or whatever else libpq takes as a URI.
    :param durable: a commit waits until the database has it on disk.
    :raises UsageError: the driver is missing.
    """

    name = "PostgreSQL"
    broken = (Broken,)
    _faults = ()
    _READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    def __init__(self, folder: Path, url: str, durable: bool = True) -> None:
        driver.demand()
        self.url = url
        super().__init__(folder, folder / "index.turn", durable)
        self._idle: deque[PostgresConnection] = deque()
        self._free = threading.BoundedSemaphore(MOST)
        self._mine = threading.local()

    def connect(self) -> PostgresConnection:
        """A new connection; the caller closes it or leaves it to :meth:`close`.

        :raises Unavailable: the database does not answer.
        """
        return PostgresConnection(self.url, self.durable, self.shared)

    def revision(self) -> str | None:
        """Revision of the schema; None when there is no index yet."""
        with self.session() as connection:
            known = connection.execute("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL").fetchone()
            if known is None:
                return None
            row: Any = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])

    @property
    def place(self) -> str:
        """The URL without its password."""
        return str(shown(self.url))

    def belong(self, site: str) -> None:
        """Make sure that the index is the one of this site; one of nobody's is from now on.

        :raises Conflict: it is another one's, or is used by a server elsewhere.
        """
        claim.belong(self, site)

    def claim(self) -> None:
        """Be the only server that works with the index, for :data:`davshare.index.claim.TERM` seconds.

        :raises Conflict: another one is.
        """
        claim.take(self)

    def unclaim(self) -> None:
        """The server ends."""
        claim.release(self)

    def relieve(self) -> None:
        """The database server does it."""

    def last_id(self, connection: PostgresConnection, table: str) -> int:
        """The greatest id that was ever given out by a table's sequence."""
        row: Any = connection.execute(
            f"SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('{table}', 'id')), 0)"
        ).fetchone()
        return int(row[0])

    def set_last_id(self, connection: PostgresConnection, table: str, number: int) -> None:
        """Let ids go on above a number."""
        connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest({number}, 1), {number > 0})"
        )

    def engine(self) -> Engine:
        """The same database for SQLAlchemy."""
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        return create_engine("postgresql+psycopg://", creator=lambda: driver.plain(self.url), poolclass=NullPool)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The right to write, held by one thread of one process of this machine at a time.

        :raises Unavailable: it is not known yet whether the last change was committed.
        """
        with self.shared.held():
            self._mine.depth = getattr(self._mine, "depth", 0) + 1
            try:
                if self.shared.version & 1:
                    self._wait_for_the_last_change()
                yield
            finally:
                self._mine.depth -= 1

    def _wait_for_the_last_change(self) -> None:
        """Somebody died, or lost the connection, while a change was being committed: return when that has an end."""
        with self.session() as connection:
            connection.execute(f"SELECT pg_advisory_lock({_WRITER})")
            connection.execute(f"SELECT pg_advisory_unlock({_WRITER})")
        self.shared.decided()

    def _begin(self, connection: PostgresConnection, lasting: bool) -> None:
        row = connection.last_row(_BEGIN)
        if row is not None and claim.holder_of(row[0]) != self.shared.mark:
            raise Unavailable("The index is in use by another server.")
        if not lasting:
            connection.execute("SET LOCAL synchronous_commit TO off")

    def _commit(self, connection: PostgresConnection) -> None:
        self.shared.committing(connection.raises)
        try:
            connection.execute("COMMIT")
        except Taken:
            self.shared.decided(connection.raises)
            raise
        self.shared.decided(
            connection.raises
        )  # when the answer is lost the version stays odd, until the next one who has the turn

    def _roll_back(self, connection: PostgresConnection) -> None:
        with suppress(Unavailable):
            connection.execute("ROLLBACK")

    def _take(self) -> PostgresConnection:
        """Whoever has the turn or another connection does not wait: others may be waiting for just that one."""
        depth = getattr(self._mine, "depth", 0)
        waited = depth == 0
        if waited and not self._free.acquire(timeout=_PATIENCE):
            raise Unavailable("The server is busy; try again shortly.")
        try:
            connection = self._alive() or self.connect()
        except BaseException:
            if waited:
                self._free.release()
            raise
        connection.waited = waited
        self._mine.depth = depth + 1
        return connection

    def _alive(self) -> PostgresConnection | None:
        """An idle connection that the database has not ended."""
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if connection.alive():
                    return connection
                connection.close()
        return None

    def _give_back(self, connection: PostgresConnection) -> None:
        self._mine.depth -= 1
        if connection.in_transaction:
            self._roll_back(connection)
        if len(self._idle) < MOST and connection.usable:
            self._idle.append(connection)
        else:
            connection.close()
        if connection.waited:
            self._free.release()
