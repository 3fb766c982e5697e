"""Connections, snapshots and the one writer; the same for every database.

Statements are written with ``?`` placeholders in the subset of SQL that SQLite
and PostgreSQL share, rows are tuples.  :mod:`davshare.index.backends` makes
the :class:`Database` that the configuration names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from davshare.errors import Unavailable
from davshare.index.turn import GENERATION, Turn

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: Version of the schema that this code works with; the newest migration's revision.
REVISION = "0006"
#: Most ids that one statement names.
_PART = 5000


class Cursor(Protocol):
    """What a statement gives."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All other rows."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What the index needs of a connection: the part of :class:`sqlite3.Connection` that is used, and one word."""

    #: Which kinds of :meth:`davshare.index.turn.Turn.raised` this transaction raises.
    raises: tuple[int, ...]
    #: Whether this is a write transaction.
    writing: bool
    #: What all processes share.
    turn: Turn

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        """Run one statement for many rows."""
        ...

    def close(self) -> None:
        """End it; what was not committed is gone."""
        ...


class Session:
    """A pooled connection, from the beginning of a ``with`` to its end; classes cost a third of generators here."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Connection:
        connection: Connection = self._database._take()
        self._connection = connection
        try:
            self._begin(connection)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        database, connection = self._database, self._connection
        try:
            self._end(connection, error)
        except database._faults as fault:
            raise database._translated(fault) from fault
        finally:
            database._give_back(connection)
        if error is not None and isinstance(error, database._faults):
            raise database._translated(error) from error

    def _begin(self, connection: Connection) -> None:
        """What comes before the first statement."""

    def _end(self, connection: Connection, error: BaseException | None) -> None:
        """What comes after the last one."""


class Snapshot(Session):
    """The same in a transaction that only reads."""

    __slots__ = ()

    def _begin(self, connection: Connection) -> None:
        connection.execute(self._database._READ)

    def _end(self, connection: Connection, error: BaseException | None) -> None:
        if connection.in_transaction:
            self._database._roll_back(connection)


class Writing(Session):
    """The same in a transaction that writes."""

    __slots__ = ("_lasting",)

    def __init__(self, database: Database, lasting: bool) -> None:
        self._database = database
        self._lasting = lasting

    def _begin(self, connection: Connection) -> None:
        connection.raises = ()
        self._database._begin(connection, self._lasting)
        connection.writing = True

    def _end(self, connection: Connection, error: BaseException | None) -> None:
        try:
            if error is None:
                self._database._commit(connection)
            elif connection.in_transaction:
                self._database._roll_back(connection)
        finally:
            connection.writing, connection.raises = False, ()


class Taken(Exception):
    """What must be unique is there already, or what is referred to is not; raised on leaving a transaction."""


class Database(ABC):
    """The index of one data folder, shared by all processes of the server.

    :param folder: the data folder.
    :param turn: the file whose lock is the right to write.
    :param durable: a commit survives a power cut.
    """

    #: What people call it.
    name: ClassVar[str]
    #: What statements raise when nothing more can be done in a transaction.
    broken: ClassVar[tuple[type[Exception], ...]]
    #: What the driver raises and this class has to translate.
    _faults: ClassVar[tuple[type[Exception], ...]]
    _READ: ClassVar[str]

    def __init__(self, folder: Path, turn: Path, durable: bool) -> None:
        self.folder = folder
        self.durable = durable
        self.shared = Turn(turn)
        self._idle: deque[Any] = deque()

    @abstractmethod
    def connect(self) -> Connection:
        """A new connection; the caller closes it or leaves it to :meth:`close`.

        :raises Unavailable: the database does not answer.
        """

    @abstractmethod
    def revision(self) -> str | None:
        """Revision of the schema; None when there is no index yet.

        :raises Unavailable: it cannot be read, or is damaged.
        """

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for people: no passwords."""

    @abstractmethod
    def belong(self, site: str) -> None:
        """Make sure that the index is the one of this site; a file in the data folder always is.

        :raises Conflict: it is another one's, or is used by a server elsewhere.
        """

    @abstractmethod
    def claim(self) -> None:
        """Be the only server that works with the index, for some minutes at least.

        :raises Conflict: another one is.
        """

    @abstractmethod
    def unclaim(self) -> None:
        """The server ends."""

    @abstractmethod
    def last_id(self, connection: Any, table: str) -> int:
        """The greatest id that was ever given out in a table whose ids the database makes; 0: none."""

    @abstractmethod
    def set_last_id(self, connection: Any, table: str, number: int) -> None:
        """Let ids go on above a number: what is in the table now may have had greater ones before it."""

    @abstractmethod
    def engine(self) -> Engine:
        """The same database for SQLAlchemy."""

    def session(self) -> AbstractContextManager[Connection]:
        """A pooled connection for single statements, each with a snapshot of its own.

        :raises Unavailable: the database does not answer.
        """
        return Session(self)

    def snapshot(self) -> AbstractContextManager[Connection]:
        """A pooled connection on which all statements see one state.

        :raises Unavailable: the database does not answer.
        """
        return Snapshot(self)

    def turn(self) -> AbstractContextManager[None]:
        """The right to write, held by one thread of one process at a time."""
        return self.shared.held()

    @property
    def progress(self) -> int:
        """Number of the last effect on disk that was carried out; for whoever holds the turn."""
        return self.shared.progress

    @progress.setter
    def progress(self, number: int) -> None:
        self.shared.progress = number

    @property
    def version(self) -> int:
        """A number that every change of the index raises; odd while one is being committed.

        Costs no system call.  What was read from the index after an even
        version is true as long as the version stays the same.
        """
        return self.shared.version

    def transaction(self, lasting: bool = True) -> AbstractContextManager[Connection]:
        """A write transaction; the caller holds the turn.  Committed on leaving, rolled back on an error.

        :param lasting: false where nobody minds when a power cut undoes it: then it does not wait for the disk.
        :raises Taken: something is there already.
        :raises Unavailable: the index cannot be written.
        """
        return Writing(self, lasting)

    @contextmanager
    def write(self, lasting: bool = True) -> Iterator[Connection]:
        """The turn and a transaction: for everything that touches no file."""
        with self.turn(), self.transaction(lasting) as connection:
            yield connection

    @abstractmethod
    def relieve(self) -> None:
        """Do now what a commit would have to do some time; called twice a second by a thread that has time."""

    def meaning(self, error: Exception) -> Exception:
        """What an error inside a transaction will be outside of it."""
        return self._translated(error) if isinstance(error, self._faults) else error

    def close(self) -> None:
        """Close every pooled connection."""
        while self._idle:
            self._idle.pop().close()
        self.shared.close()

    @abstractmethod
    def _begin(self, connection: Any, lasting: bool) -> None:
        """Begin a write transaction; what it commits need not be on disk at once unless it is ``lasting``."""

    @abstractmethod
    def _commit(self, connection: Any) -> None:
        """Commit it; the version is odd from before until whatever happens has happened."""

    @abstractmethod
    def _roll_back(self, connection: Any) -> None:
        """End a transaction that has changed nothing, or is not to."""

    @abstractmethod
    def _take(self) -> Any:
        """A connection from the pool, or a new one."""

    @abstractmethod
    def _give_back(self, connection: Any) -> None:
        """A connection that is not needed now; it is used again unless something is wrong with it."""

    def _translated(self, error: Exception) -> Taken | Unavailable:
        """What an error of the driver means; those of a driver that translates its own never come here."""
        return Unavailable("The index cannot be used at the moment.")


def count(connection: Connection, name: str) -> int:
    """The value of a counter."""
    row = connection.execute("SELECT value FROM counter WHERE name=?", (name,)).fetchone()
    return int(row[0])


def set_count(connection: Connection, name: str, value: int) -> None:
    """Set a counter, for whoever knows that it is the greatest value."""
    connection.execute("UPDATE counter SET value=? WHERE name=?", (value, name))


def advance(connection: Connection, name: str, by: int = 1) -> int:
    """Raise a counter and return its new value."""
    row = connection.execute("UPDATE counter SET value=value+? WHERE name=? RETURNING value", (by, name)).fetchone()
    return int(row[0])


def changed(connection: Connection) -> None:
    """Tell every worker that people, tokens, spaces, grants or settings are other than before."""
    advance(connection, "generation")
    connection.raises += (GENERATION,)


def parts(ids: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Ids in portions that one statement can name."""
    for start in range(0, len(ids), _PART):
        yield tuple(ids[start : start + _PART])
