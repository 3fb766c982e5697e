"""Changes that touch no file and that a power cut may undo: those that wait at one moment are one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from davshare.abreast import Meeting, Present
from davshare.index.database import Connection, Database

T = TypeVar("T")


class _Wish(Generic[T]):
    """One change, and what became of it."""

    __slots__ = ("error", "result", "work")

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.result: T | None = None
        self.error: Exception | None = None


class Passing:
    """Makes such changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._meeting: Meeting[_Wish[Any]] = Meeting(self._make_all, late=True)

    def run(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returns, once it is written; if it raises something, nothing has happened.

        :raises Unavailable: the index cannot be written.
        """
        wish = _Wish(work)
        self._meeting.join(wish)
        if wish.error is not None:
            raise wish.error
        return wish.result  # type: ignore[return-value]

    def _make_all(self, wishes: Present[_Wish[Any]]) -> None:
        try:
            with self._database.turn():
                wishes.welcome()
                with self._database.transaction(lasting=False) as connection:
                    for wish in wishes:
                        self._make(connection, wish, len(wishes) == 1)
        except Exception as error:
            for wish in wishes:
                wish.error = wish.error or error

    def _make(self, connection: Connection, wish: _Wish[Any], alone: bool) -> None:
        """One change; what it did before it was refused is undone."""
        if alone:
            wish.result = wish.work(connection)
            return
        connection.execute("SAVEPOINT wish")
        try:
            wish.result = wish.work(connection)
        except self._database.broken:
            raise
        except Exception as error:
            wish.error = self._database.meaning(error)
            connection.execute("ROLLBACK TO wish")
        connection.execute("RELEASE wish")
