"""Effects on disk: done after the commit, and done again after a crash."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from davshare.errors import Conflict, DavshareError
from davshare.files.renewal import renew
from davshare.index import redo
from davshare.index.database import Connection, Database
from davshare.store.base import Path
from davshare.store.handles import Handle, Held
from davshare.store.local import STAGING, LocalStore
from davshare.store.syncing import filesystem_of

log = logging.getLogger("davshare.files")


@dataclass(slots=True)
class Effect:
    """What is at ``source`` goes to ``target``, if it still is the thing that ``inode`` names."""

    space: int
    source: Path
    target: Path
    inode: int
    #: Whether a file is replaced.
    replaces: bool = False
    id: int = 0
    #: A file with this stamp, whose content is noted because it is not on disk for good yet, and what holds it open.
    node: int | None = None
    stamp: int | None = None
    content: bytes | None = None
    hold: Handle | None = None
    stuck: bool = False

    def row(self) -> redo.Redo:
        """How the index notes it."""
        source, target = b"/".join(self.source), b"/".join(self.target)
        return redo.Redo(self.id, self.space, source, target, self.inode, self.node, self.stamp, self.content)


def _effect(row: redo.Redo) -> Effect:
    source, target = (tuple(text.split(b"/")) for text in (row.source, row.target))
    return Effect(
        row.space, source, target, row.inode, False, row.id, row.node, row.stamp, row.content, None, bool(row.stuck)
    )


def _after(effect: Effect, space: int, path: Path) -> Path:
    """Where a folder is after an effect."""
    depth = len(effect.source)
    return effect.target + path[depth:] if space == effect.space and path[:depth] == effect.source else path


class Redoer:
    """Carries out effects; ``store_of`` gives the store of a space by its id, None when the space is gone."""

    def __init__(self, database: Database, store_of: Callable[[int], LocalStore | None]) -> None:
        self._database = database
        self._store_of = store_of

    def perform(
        self, effect: Effect, first: bool = False, replaced: list[int] | None = None, held: Held | None = None
    ) -> None:
        """Do it, unless it is done already; the caller has the turn.

        :param first: it cannot have been done already; from now on it counts as done.
        :param replaced: and ``held``: as in :meth:`davshare.store.base.Store.move`.
        :raises Conflict: for the first time: the disk holds something else than the index believed.
        """
        store = self._store_of(effect.space)
        moved = store is not None and store.move(
            effect.source,
            effect.target,
            effect.inode,
            replaced if effect.replaces else None,
            held,
            effect.node is not None,
        )
        if not first:
            return
        if not moved:
            raise Conflict("This was changed on disk meanwhile; try again.")
        if held is not None and effect.hold is not None:
            held.change(effect.hold, True)
        self._database.progress = max(self._database.progress, effect.id)

    def reverse(self, effect: Effect) -> None:
        """Take it back, as well as the disk lets us."""
        store = self._store_of(effect.space)
        if store is not None:
            with contextlib.suppress(DavshareError):
                store.move(effect.target, effect.source, effect.inode)

    def settle(self, effects: Iterable[Effect]) -> None:
        """Make effects, oldest first, survive a power cut: each folder is synced once, wherever it is by now."""
        folders: set[tuple[int, Path]] = set()
        roots: set[str] = set()
        for effect in effects:
            store = self._store_of(effect.space)
            if store is not None and store.durable:
                if effect.node is not None:
                    roots.add(store.root)
                folders = {(space, _after(effect, space, path)) for space, path in folders}
                folders.add((effect.space, effect.target[:-1]))
                if effect.source[:2] != STAGING:
                    folders.add((effect.space, effect.source[:-1]))
        for root in roots:
            filesystem_of(root)
        for space, path in sorted(folders):
            store = self._store_of(space)
            if store is not None:
                store.sync(path)

    def catch_up(self) -> None:
        """Return when everything that is committed is on disk, whoever was to do it."""
        with self._database.turn():
            self._perform_open(self._open(self._database.progress))

    def catch_up_first(self) -> None:
        """The same for whoever has the turn already: what a dead process left comes before anything new."""
        with self._database.session() as connection:
            left = redo.any_after(connection, self._database.progress)
        if left:
            self._perform_open(self._open(self._database.progress))

    def replay(self) -> int:
        """At a start, after the death of a worker, and when all is quiet: carry out what is
        left, settle everything that is noted, and forget it.

        What a missing storage refuses stays noted.

        :returns: how many effects were noted.
        """
        if not self._open(0):
            return 0
        with self._database.turn():
            refused = self._perform_open(self._open(self._database.progress))
            effects = self._open(0)
            done = [effect for effect in effects if effect.id not in refused]
            try:
                self.settle(done)
            except DavshareError:
                # Who asks once more is told that all is well.
                with self._database.transaction() as connection:
                    redo.doubt(connection, [effect.id for effect in done])
                raise
            if done:
                with self._database.transaction() as connection:
                    redo.drop(connection, [effect.id for effect in done])
            return len(effects)

    def free(self, connection: Connection, inode: int, space: int, path: Path) -> None:
        """What has an inode is about to be replaced at ``path``: from now on nothing that is noted names it.

        That it once came from the staging folder need not be true any more: whatever a power cut leaves of it there
        or at its target, what replaces it goes over it.  Everything else is settled.
        """
        noted = redo.naming(connection, inode)
        over = [
            row.id
            for row in noted
            if row.space == space
            and row.id <= self._database.progress
            and row.target == b"/".join(path)
            and tuple(row.source.split(b"/"))[:2] == STAGING
        ]
        if len(over) < len(noted):
            self.settle_noted(connection)
        else:
            redo.drop(connection, over)

    def settle_noted(self, connection: Connection) -> None:
        """Settle and forget everything that was carried out; inside the transaction of whoever has the turn."""
        done = [_effect(row) for row in redo.carried_out(connection, self._database.progress)]
        self.settle(done)
        redo.drop(connection, [effect.id for effect in done])

    def _open(self, after: int) -> list[Effect]:
        with self._database.session() as connection:
            rows = redo.open_effects(connection, after)
        return [_effect(row) for row in rows]

    def _perform_open(self, effects: list[Effect]) -> set[int]:
        """Carry out effects in their order; ids of those that the storage refused.

        Nothing counts as done before all is: whoever comes after a crash in between has to know of the power cut.
        """
        refused: set[int] = set()
        before = self._database.progress
        doubtful = [effect for effect in effects if effect.content is not None and (not before or effect.id <= before)]
        ids = {effect.id for effect in doubtful}
        for effect in effects:
            if effect.id not in ids:
                self._try(effect, refused, self.perform)
            else:
                with contextlib.suppress(DavshareError):  # whatever is missing now comes from what is noted
                    self.perform(effect)
        for effect in doubtful:
            self._try(effect, refused, self._renew)
        self._database.progress = max([before, *(effect.id for effect in effects)])
        again = [effect.id for effect in effects if effect.id <= before and effect.id not in refused]
        if again:
            with self._database.transaction() as connection:
                redo.unstuck(connection, again)
        return refused

    def _try(self, effect: Effect, refused: set[int], do: Callable[[Effect], None]) -> None:
        try:
            do(effect)
        except DavshareError as error:
            log.warning("an effect on disk has to wait: %s", error.message)
            refused.add(effect.id)
            with self._database.transaction() as connection:
                redo.stuck(connection, effect.id)

    def _renew(self, effect: Effect) -> None:
        store = self._store_of(effect.space)
        if store is not None:
            renew(self._database, store, effect.row(), anew=effect.stuck)
