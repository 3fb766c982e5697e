"""The index in one SQLite file.

A connection is the plain ``sqlite3`` one: anything around it would cost more
than the statements do.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from davshare.errors import Unavailable
from davshare.index.database import Database, Taken
from davshare.index.turn import Turn

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger("davshare.index")

FILE = "index.sqlite"
VERSION = sqlite3.sqlite_version
#: RETURNING and STRICT comparison of rows; what Debian 12 and Python's own installers have is newer.
NEW_ENOUGH = sqlite3.sqlite_version_info >= (3, 37)
_LASTING = "PRAGMA synchronous=FULL"
_PASSING = "PRAGMA synchronous=NORMAL"
#: Of one connection; the system's page cache has the rest of the file, and one of its pages is a microsecond away.
_PAGE_CACHE_KIB = 1024
#: Connections that are kept while nobody needs them.
_KEPT = 8
#: Pages in the log after which a commit writes them back: rarely, because it is the commit that waits.
_CHECKPOINT_PAGES = 16_000
#: Commits after which somebody does it beside the writers, and pages that may be left then.
_SOON, _LEFT = 250, 8000


class SqliteConnection(sqlite3.Connection):
    """A plain connection with a few words more."""

    raises: tuple[int, ...] = ()
    writing = False
    #: Whether a commit waits for the disk, where anything does.
    lasting = True
    turn: Turn


class SqliteDatabase(Database):
    """The file ``index.sqlite`` in the data folder, made by :func:`davshare.index.migrate.upgrade`.

    :param durable: fsync at every commit.
    """

    name = "SQLite"
    broken = (sqlite3.OperationalError,)
    _faults = (sqlite3.Error,)
    _READ = "BEGIN"

    def __init__(self, folder: Path, durable: bool = True) -> None:
        self.path = folder / FILE
        super().__init__(folder, folder / f"{FILE}.turn", durable)
        self._relieved = 0

    def connect(self) -> SqliteConnection:
        """A new connection; the caller closes it or leaves it to :meth:`close`.

        :raises Unavailable: the file cannot be opened, or is no database.
        """
        try:
            connection = sqlite3.connect(
                self.path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=256,
                factory=SqliteConnection,
            )  # fmt: skip
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_LASTING if self.durable else _PASSING)
            connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA cache_size=-{_PAGE_CACHE_KIB}")
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.OperationalError as error:
            raise Unavailable("The index cannot be opened.") from error
        except sqlite3.DatabaseError as error:
            raise Unavailable("The index is damaged.") from error
        connection.turn = self.shared
        return connection

    def revision(self) -> str | None:
        """Revision of the schema; None when the file is missing, or holds no index."""
        if not self.path.is_file():
            return None
        with self.session() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name='alembic_version'").fetchone():
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def belong(self, site: str) -> None:
        """It does: it is a file in the data folder."""

    def claim(self) -> None:
        """Whoever serves the data folder is the only one already."""

    def unclaim(self) -> None:
        """Nothing was claimed."""

    def last_id(self, connection: sqlite3.Connection, table: str) -> int:
        """The greatest id that was ever given out in a table with AUTOINCREMENT."""
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name=?", (table,)).fetchone()
        return 0 if row is None else int(row[0])

    def set_last_id(self, connection: sqlite3.Connection, table: str, number: int) -> None:
        """Let ids go on above a number."""
        connection.execute("DELETE FROM sqlite_sequence WHERE name=?", (table,))
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?,?)", (table, number))

    def engine(self) -> Engine:
        """The same database for SQLAlchemy; the file is made, for nobody else to read."""
        from sqlalchemy import create_engine

        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return create_engine(f"sqlite:///{self.path}")

    def relieve(self) -> None:
        """Write the log back while others write on; they begin it anew only when it is all written back, so while they
        write without a pause, they are made to wait for the end."""
        version = self.shared.version // 2
        if version - self._relieved < _SOON:
            return
        self._relieved = version
        with self.session() as connection:
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages > _LEFT:
            with self.turn(), self.session() as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _begin(self, connection: SqliteConnection, lasting: bool) -> None:
        if self.durable and lasting != connection.lasting:
            connection.execute(_LASTING if lasting else _PASSING)
            connection.lasting = lasting
        connection.execute("BEGIN IMMEDIATE")

    def _commit(self, connection: SqliteConnection) -> None:
        self.shared.committing(connection.raises)
        try:
            connection.execute("COMMIT")
        finally:
            self.shared.decided(connection.raises)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")

    def _take(self) -> SqliteConnection:
        try:
            taken: SqliteConnection = self._idle.pop()
        except IndexError:
            return self.connect()
        return taken

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """A transaction that is still open here could neither be committed nor rolled back."""
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                connection.close()
                return
        if len(self._idle) < _KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def _translated(self, error: Exception) -> Taken | Unavailable:
        if isinstance(error, sqlite3.IntegrityError):
            return Taken()
        log.error("the index: %s", error)
        return Unavailable("The index cannot be used at the moment.")
