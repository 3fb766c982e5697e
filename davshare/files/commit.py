"""The one writer: decisions become rows, journal entries and effects on disk.

All changes that wait at the same moment go into one transaction, each inside
a savepoint of its own, so a busy server syncs the index once for many.  The
order that keeps every promise:

1. content is already staged, and synced unless it is so little that it is noted in 2;
2. rows, journal entries and one redo row for each effect are committed;
3. the effects (renames) are done while still nobody else may write;
4. the waiting clients get their answers;
5. soon folders and what was noted are synced, once for many changes, and then the redo rows go
   (folders before 4, where a power cut may leave half of a rename of what is not noted).

A crash after 2 leaves redo rows, which :mod:`davshare.files.redo` carries out
before anybody else reads or writes; so does a power cut that undoes a rename.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from davshare.abreast import Meeting, Present
from davshare.errors import DavshareError, Unavailable
from davshare.files.numbers import Numbers
from davshare.files.redo import Effect, Redoer
from davshare.files.settling import Settling
from davshare.index import journal, nodes, redo
from davshare.index.database import Connection, Database, count
from davshare.model.journal import Entry, Kind
from davshare.model.nodes import Node
from davshare.store.crash import point
from davshare.store.handles import Held

log = logging.getLogger("davshare.files")
T = TypeVar("T")
_BATCH = 64
#: Seconds after which what was changed is synced while changes come, and after the last one, when what is done is
#: forgotten.  More often costs more: at 0.05 a seventh fewer uploads.
_SETTLE_AFTER, _TIDY_AFTER = 0.3, 0.5
#: Effects that may stay noted because older ones of another process are; that may have died.
_BEHIND = 2000
#: Bytes of a file that is not freed while clients wait.
_LARGE = 64 * 1024 * 1024


class Transaction:
    """What a change works with: the connection, the time, and the numbers of its journal entries."""

    __slots__ = ("_numbers", "_ways", "actor", "connection", "device", "effects", "held", "now", "redoer", "undo")

    def __init__(
        self,
        connection: Connection,
        redoer: Redoer,
        numbers: Numbers,
        actor: int | None = None,
        device: int | None = None,
        held: Held | None = None,
    ) -> None:
        self._numbers = numbers
        self.held = held
        self.connection = connection
        self.redoer = redoer
        self.now = time.time_ns()
        self.actor = actor
        self.device = device
        self.effects: list[Effect] = []
        self.undo: Callable[[Transaction], None] | None = None
        self._ways: dict[int, list[int]] = {}

    def raise_above(self, space: int, number: int) -> None:
        """Let the next entry of a space have a greater number than ``number``."""
        self._numbers.raise_above(space, number)

    def know(self, chain: Sequence[Node]) -> None:
        """Nodes that were just read, each in the one before it, the first of them the root of the space."""
        ids = [node.id for node in chain]
        self._ways[ids[-1]] = ids

    def touch(self, folder: int, seq: int, grown: int, timely: bool = True) -> None:
        """Stamp a folder and all above it; ``timely``: its membership has changed."""
        nodes.touch(self.connection, folder, seq, grown, self.now if timely else None, self._ways.get(folder, ()))

    def note(
        self,
        space: int,
        node: int,
        kind: Kind,
        *,
        deep: bool = False,
        old: tuple[int, str] | None = None,
        version: int | None = None,
    ) -> int:
        """Write a journal entry and return its number; ``old`` is (parent, name) from before."""
        number = self._numbers.entries(space)
        parent, name = old or (None, None)
        seconds = self.now // 1_000_000_000
        entry = Entry(space, number, node, kind, deep, parent, name, self.actor, self.device, version, seconds)
        journal.append(self.connection, entry)
        return number

    def note_many(self, space: int, ids: Sequence[int], kind: Kind) -> range:
        """Write an entry for each of many nodes of a space; their numbers, in the same order."""
        first = self._numbers.entries(space, len(ids))
        numbers = range(first, first + len(ids))
        seconds = self.now // 1_000_000_000
        journal.append_many(
            self.connection,
            (
                Entry(space, seq, node, kind, False, None, None, self.actor, self.device, None, seconds)
                for seq, node in zip(numbers, ids, strict=True)
            ),
        )
        return numbers

    def effect(self, effect: Effect) -> None:
        """Let something happen on disk after the commit."""
        effect.id = self._numbers.effect()
        redo.insert(self.connection, effect.row())
        self.effects.append(effect)


class _Ticket(Generic[T]):
    """One change that waits, and what became of it."""

    __slots__ = ("actor", "alone", "device", "done", "error", "result", "spaces", "transaction", "work")

    def __init__(
        self,
        work: Callable[[Transaction], T],
        actor: int | None,
        device: int | None,
        ids: Sequence[int],
        alone: bool,
    ) -> None:
        self.alone = alone
        self.work = work
        self.actor = actor
        self.device = device
        self.spaces = ids
        self.done = False
        self.result: T | None = None
        self.error: Exception | None = None
        self.transaction: Transaction | None = None


def _refused(error: BaseException) -> DavshareError:
    return error if isinstance(error, DavshareError) else Unavailable("The change could not be completed.")


class _Alone(Exception):
    """The only change of a transaction was refused."""


class Committer:
    """Runs changes, many in one transaction.

    :param rest: is called again and again, and soon after the last change.
    """

    def __init__(self, database: Database, redoer: Redoer, rest: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._rest = rest
        self._redoer = redoer
        self._waiting: list[_Ticket[Any]] = []
        self._mutex = threading.Lock()
        self._leading = threading.Lock()
        self._settling = Settling()
        #: Numbers in shared memory may be lost in a power cut: the first change of a process asks the index instead.
        self._caught_up = False
        self._tidier: threading.Thread | None = None
        self._closing = threading.Event()
        #: Descriptors of large files that were replaced.
        self._large: list[int] = []
        self._meeting: Meeting[Sequence[_Ticket[Any]]] = Meeting(self._see_to, late=True)

    def run(
        self,
        work: Callable[[Transaction], T],
        ids: Sequence[int],
        actor: int | None = None,
        device: int | None = None,
        alone: bool = False,
    ) -> T:
        """Carry out one change of the spaces ``ids`` and return what ``work`` returned; it is durable then.

        ``alone`` is for work that looks at the disk: rows are ahead of the
        disk while other changes of the same transaction wait for their effects.

        ``work`` may raise any :class:`~davshare.errors.DavshareError`: nothing has happened then.

        :raises Unavailable: the index or the storage cannot be written.
        """
        ticket = _Ticket(work, actor, device, ids, alone)
        self._meeting.join((ticket,))
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]

    def run_all(
        self,
        works: Sequence[tuple[Callable[[Transaction], T], Sequence[int]]],
        actor: int | None = None,
        device: int | None = None,
    ) -> list[T | DavshareError]:
        """Carry out many changes, each with the ids of its spaces, in as few transactions as can be.

        :returns: of each what it returned, or why it was refused.
        """
        tickets = [_Ticket(work, actor, device, ids, False) for work, ids in works]
        self._meeting.join(tickets)
        return [ticket.result if ticket.error is None else _refused(ticket.error) for ticket in tickets]  # type: ignore[misc]

    def _see_to(self, groups: Present[Sequence[_Ticket[Any]]]) -> None:
        """Return when all these tickets are done, and those of whoever has come while the turn was waited for."""
        self._queue(groups)
        with self._leading:
            while not all(ticket.done for group in groups for ticket in group):
                self._lead(groups)

    def _queue(self, groups: Iterable[Sequence[_Ticket[Any]]]) -> None:
        tickets = [ticket for group in groups for ticket in group]
        with self._mutex:
            self._waiting += tickets

    def idle(self) -> None:
        """Settle what was done, and forget its redo rows; called when nothing happens, and at the end."""
        self._settling.settle()
        with self._leading:
            finished, failed = self._settling.finished(), self._settling.failed()
            if not (finished or failed):
                return
            try:
                with self._database.write() as connection:
                    redo.doubt(connection, failed)
                    left = redo.drop_settled(connection, finished)
            except BaseException:
                self._settling.add(finished)
                self._settling.fail(failed)
                raise
            self._settling.add(left)

    def close(self) -> None:
        """The worker ends."""
        self._closing.set()
        if self._tidier is not None:
            self._tidier.join(_TIDY_AFTER)
        with contextlib.suppress(DavshareError):
            self.idle()

    def _lead(self, groups: Present[Sequence[_Ticket[Any]]]) -> None:
        batch: list[_Ticket[Any]] = []
        replaced: list[int] = []
        held = Held()
        try:
            with self._database.turn():
                self._queue(groups.welcome())
                batch = self._next_batch()  # not earlier: more have come while others had the turn
                if self._database.shared.open or not self._caught_up:
                    self._catch_up()
                self._database.shared.open = True
                self._decide(batch, held)
                point("commit.done")
                made = [t for t in batch if t.transaction is not None and self._carry_out(t, replaced, held)]
                self._database.shared.open = False
            self._settling.add([effect.id for t in made if t.transaction for effect in t.transaction.effects], held)
            point("answered")
        except BaseException as error:
            batch = batch or self._next_batch()
            for ticket in batch:
                ticket.error = ticket.error or _refused(error)
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, DavshareError):
                log.exception("a change failed")
        finally:
            for ticket in batch:
                ticket.done = True
            for fd in replaced:
                self._let_go(fd)
            held.open.clear()  # a change that was refused would keep them open as long as anybody knows why
            held.changed = {}
        if self._tidier is None:
            self._tidier = threading.Thread(target=self._tidy, name="davshare-tidy", daemon=True)
            self._tidier.start()

    def _let_go(self, replaced: int) -> None:
        """A file that was replaced is freed now, or soon where that takes long."""
        status = os.fstat(replaced)
        self._settling.forget(status.st_dev, status.st_ino)
        if status.st_size > _LARGE:
            self._large.append(replaced)
        else:
            os.close(replaced)

    def _tidy(self) -> None:
        """Forget finished effects soon after the last change."""
        rested = time.monotonic()
        while not self._closing.wait(_SETTLE_AFTER if self._settling else _TIDY_AFTER):
            if self._settling.waiting:
                self._settling.settle()
            elif self._settling:  # the rows of one process keep those that came after them
                with contextlib.suppress(DavshareError):
                    self.idle()
            if time.monotonic() - rested < _TIDY_AFTER:
                continue
            rested = time.monotonic()
            self._rest()
            while self._large:
                os.close(self._large.pop())
            with contextlib.suppress(DavshareError, ValueError):  # whoever closes the index does not wait for this
                self._database.relieve()

    def _catch_up(self) -> None:
        """What others have left, and the number of the last commit: a dead one may not have shared it."""
        self._redoer.catch_up_first()
        with self._database.session() as connection:
            self._database.shared.commits = count(connection, "commits")
        self._caught_up = True

    def _next_batch(self) -> list[_Ticket[Any]]:
        """The longest waiting changes; one that looks at the disk comes alone, when all before it is done there."""
        with self._mutex:
            ready = self._waiting[:_BATCH]
            count = next((index for index, ticket in enumerate(ready) if ticket.alone), len(ready)) or 1
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
            return batch

    def _decide(self, batch: list[_Ticket[Any]], held: Held) -> None:
        """One transaction for the whole batch; a refused change leaves no trace in it."""
        finished, failed = self._settling.finished(), self._settling.failed()
        try:
            with self._database.transaction() as connection:
                numbers = Numbers(connection, self._database.shared.commits + 1)
                redo.doubt(connection, failed)
                left = redo.drop_settled(connection, finished)
                if len(left) > _BEHIND:
                    self._redoer.settle_noted(connection)
                    left = []
                for ticket in batch:
                    self._decide_one(connection, ticket, numbers, held, len(batch) == 1)
                numbers.write()
                point("commit.begun")
            self._database.shared.commits += 1
            self._settling.add(left)
        except BaseException as error:
            self._settling.add(finished)
            self._settling.fail(failed)
            for ticket in batch:
                ticket.transaction = None
            if not isinstance(error, _Alone):
                raise

    def _decide_one(
        self, connection: Connection, ticket: _Ticket[Any], numbers: Numbers, held: Held, alone: bool
    ) -> None:
        """One change; what it did before it was refused is undone.

        :raises _Alone: it was refused, and nothing else is in the transaction.
        """
        transaction = Transaction(connection, self._redoer, numbers, ticket.actor, ticket.device, held)
        before = numbers.so_far()
        if not alone:
            connection.execute("SAVEPOINT change")
        try:
            ticket.result = ticket.work(transaction)
            ticket.transaction = transaction
        except self._database.broken:
            raise
        except Exception as error:
            if not isinstance(error, DavshareError):
                log.exception("a change failed")
                error = Unavailable("The change could not be completed.")
            ticket.error = error
            if alone:
                raise _Alone from None
            connection.execute("ROLLBACK TO change")
            numbers.go_back(before)
        if not alone:
            connection.execute("RELEASE change")

    def _carry_out(self, ticket: _Ticket[Any], replaced: list[int], held: Held) -> bool:
        """The effects of one change; if one is refused, the change is taken back."""
        assert ticket.transaction is not None
        effects = ticket.transaction.effects
        for index, effect in enumerate(effects):
            try:
                self._redoer.perform(effect, True, replaced, held)
            except DavshareError as error:
                ticket.error = error
                self._take_back(ticket, effects[:index])
                held.open.clear()  # folders may have got their names back
                return False
        if effects:
            point("effect.done")
        return True

    def _take_back(self, ticket: _Ticket[Any], done: list[Effect]) -> None:
        """The disk refused: undo what was done there, and let the rows say what is there."""
        before = ticket.transaction
        assert before is not None
        for effect in reversed(done):
            self._redoer.reverse(effect)
        with self._database.transaction() as connection:
            numbers = Numbers(connection, self._database.shared.commits + 1)
            redo.drop(connection, [effect.id for effect in before.effects])
            if before.undo is not None:
                before.undo(Transaction(connection, self._redoer, numbers))
            numbers.write()
        self._database.shared.commits += 1
        if any(effect.replaces for effect in before.effects):
            self._settling.settle()  # what is there still was noted no longer than until the new content was
