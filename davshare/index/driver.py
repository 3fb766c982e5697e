"""psycopg behind the interface that the index modules use."""

from __future__ import annotations

import logging
import re
import select
from collections.abc import Iterable
from contextlib import suppress
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from davshare.errors import Unavailable, UsageError
from davshare.index.database import Taken
from davshare.index.turn import Turn

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger("davshare.index")
#: Commands say it themselves.
log.addHandler(logging.NullHandler())

#: Seconds to get a connection; libpq takes no less than two.
_CONNECT = 3
#: What libpq is told besides the URL, in which it can be said otherwise: a database that has silently gone is noticed.
_PARAMETERS = {
    "connect_timeout": str(_CONNECT),
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "davshare",
    "client_encoding": "UTF8",
}
_SESSION = "SET lock_timeout='10s'; SET timezone='UTC'"
#: Rows that are sent in one go.
_BATCH = 1000


class Broken(Unavailable):
    """The database does not answer, or this transaction cannot go on."""

    message = "The index cannot be used at the moment."

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        #: What the driver says; for administrators, never for clients.
        self.reason = reason


def demand() -> None:
    """Return when psycopg is there.

    :raises UsageError: it is not.
    """
    if find_spec("psycopg") is None:
        raise UsageError("PostgreSQL needs the package psycopg: pip install 'davshare[postgresql]'")


def plain(url: str) -> psycopg.Connection[Any]:
    """A connection as psycopg gives it, with libpq's parameters completed.

    :raises Unavailable: the database does not answer, or does not let us in.
    :raises UsageError: the URL makes no sense to libpq.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise UsageError("the URL of the database cannot be understood") from None  # libpq's words repeat it
    try:
        return psycopg.connect(make_conninfo("", **{**_PARAMETERS, **given}))
    except psycopg.Error as error:
        raise _answer(error) from None


class PostgresConnection:
    """One connection; what the driver raises comes out as :class:`Taken` and :class:`Broken`.

    :param durable: commits wait for the disk.
    :param turn: what all processes share.
    """

    __slots__ = ("_raw", "_status", "raises", "turn", "waited", "writing")

    def __init__(self, url: str, durable: bool, turn: Turn) -> None:
        raw = plain(url)
        raw.autocommit = True
        raw.cursor_factory = _raw_cursor()
        raw.adapters.register_dumper(int, _int8())
        raw.adapters.register_dumper(bool, _int8())
        raw.prepare_threshold = 2
        raw.prepared_max = 256
        self._raw = raw
        self._status = raw.pgconn
        self.waited = False
        self.raises: tuple[int, ...] = ()
        self.writing = False
        self.turn = turn
        self.execute(_SESSION if durable else f"{_SESSION}; SET synchronous_commit=off")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it a failed one."""
        return self._status.transaction_status in (1, 2, 3)

    @property
    def usable(self) -> bool:
        """Whether the next statement can be run on it, as far as is known here."""
        return self._status.transaction_status == 0

    def alive(self) -> bool:
        """Whether the database has not ended it; asks the system and not the database."""
        if not self.usable:
            return False
        poll = select.poll()
        poll.register(self._status.socket, select.POLLIN)
        return not poll.poll(0)

    def execute(self, sql: str, parameters: Any = None, /) -> psycopg.Cursor[Any]:
        """Run one statement; with ``parameters`` for its question marks.

        :raises Taken: something must be unique, or be there, and is not.
        :raises Broken: nothing more can be done in this transaction.
        """
        try:
            if not parameters:
                return self._raw.execute(sql)
            return self._raw.execute(_numbered(sql), parameters)
        except Exception as error:
            raise _answer(error) from error

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> None:
        """Run one statement for many rows, without waiting for each answer."""
        rows = iter(parameters)
        while batch := list(islice(rows, _BATCH)):
            if len(batch) == 1:
                self.execute(sql, batch[0])
                continue
            try:
                with self._raw.cursor() as cursor:
                    cursor.executemany(_numbered(sql), batch)
            except Exception as error:
                raise _answer(error) from error

    def last_row(self, statements: str) -> Any:
        """Run several statements without parameters at once; the first row of the last one, or None."""
        cursor = self.execute(statements)
        while cursor.nextset():
            pass
        return cursor.fetchone()

    def close(self) -> None:
        """End it; what was not committed is gone."""
        with suppress(Exception):
            self._raw.close()


@lru_cache(maxsize=1024)
def _numbered(sql: str) -> str:
    """``?`` as PostgreSQL writes it: ``$1``, ``$2``."""
    numbers = count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", sql)


@cache
def _raw_cursor() -> type[psycopg.RawCursor[Any]]:
    from psycopg import RawCursor

    return RawCursor


@cache
def _int8() -> Any:
    """Every number goes as a bigint: one plan for a statement, whatever its numbers are."""
    from psycopg.types.numeric import Int8BinaryDumper

    return Int8BinaryDumper


def _answer(error: Exception) -> Exception:
    """What an error of the driver means to the index modules; what is a mistake of ours stays as it is."""
    import psycopg

    if isinstance(error, psycopg.IntegrityError):
        return Taken()
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        reason = " ".join(str(error).split())
        log.error("the index: %s", reason)
        return Broken(reason)
    return error
