"""Letting the index follow the disks of all spaces, a small step at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from davshare.errors import DavshareError, Unavailable
from davshare.files.compare import compare, differing
from davshare.files.follow import Task, follow
from davshare.files.service import Files
from davshare.files.walk import Walk
from davshare.index import nodes, spaces
from davshare.index.database import Connection
from davshare.model.nodes import Space
from davshare.store.base import Path
from davshare.store.watch import Watcher

log = logging.getLogger("davshare.keeper")
#: Seconds between looks at the list of spaces, their storages and the folders that somebody marked.
_LOOK = 2.0


@dataclass(slots=True)
class _Watched:
    """A space, the comparison that is going on in it, and when the last whole one ended.

    ``unwatched`` are folders that came into being without us, by requests;
    ``stuck`` those that the last comparison could not read.
    """

    space: Space
    walk: Walk | None = None
    steps: Iterator[None] | None = None
    whole: bool = False
    scanned: float = 0.0
    unwatched: set[int] = field(default_factory=set)
    stuck: frozenset[int] = frozenset()


class Attendant:
    """What the keeper does about the disks."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._watcher = Watcher()
        self._spaces: dict[int, _Watched] = {}
        self._folders: dict[int, int] = {}
        self._next_look = 0.0

    def step(self) -> bool:
        """Do one small piece of work; false when there is none at the moment."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            self._look(now)
        return self._hints() or self._walk()

    def waiting(self) -> bool:
        """Whether there will be work very soon."""
        return self._watcher.waiting()

    # -- which spaces, and what is to be compared in them -----------------------------------------

    def _look(self, now: float) -> None:
        with self._files.db.session() as connection:
            found = {space.id: space for space in spaces.all_spaces(connection)}
            marked = {space for space in found if self._marked(connection, space)}
        for number in self._spaces.keys() - found.keys():
            del self._spaces[number]
            self._unwatch(number)
        lost, self._watcher.lost = self._watcher.lost, False
        if lost:
            log.warning("events of the disk were lost; everything is compared")
        pause = self._files.settings.get("disk.scan_hours") * 3600
        for number, space in found.items():
            watched = self._spaces.setdefault(number, _Watched(space))
            if space.held and not watched.space.held:
                watched.scanned = 0.0  # what was gone may have come back before this process knew of the hold
            watched.space = space
            try:
                self._files.store(space).present()
            except Unavailable:
                watched.steps, watched.scanned = None, 0.0  # all of it is compared when the storage is back
                continue
            due = not watched.scanned or lost or (pause and now - watched.scanned >= pause)
            if due and not (watched.steps is not None and watched.whole and not lost):
                self._begin(watched, True)
            elif watched.steps is None and (number in marked or watched.unwatched):
                self._begin(watched, False)

    def _marked(self, connection: Connection, space: int) -> bool:
        """Whether somebody has marked folders of a space, besides those that cannot be read."""
        watched = self._spaces.get(space)
        stuck = frozenset[int]() if watched is None else watched.stuck
        return not stuck.issuperset(nodes.unread(connection, space, 0, len(stuck) + 1))

    def _unwatch(self, space: int) -> None:
        """A space is gone."""
        for folder in [folder for folder, of in self._folders.items() if of == space]:
            del self._folders[folder]
            self._watcher.remove(folder)

    def _begin(self, watched: _Watched, whole: bool) -> None:
        watched.walk = Walk(self._files, watched.space, visit=lambda folder, path: self._visit(watched, folder, path))
        watched.steps = watched.walk.steps() if whole else watched.walk.unread(sorted(watched.unwatched))
        watched.whole = whole
        watched.unwatched.clear()

    def _visit(self, watched: _Watched, folder: int, path: Path) -> None:
        self._folders[folder] = watched.space.id
        if self._files.settings.get("disk.watch"):
            self._watcher.add(folder, self._files.store(watched.space).full(path))

    def _walk(self) -> bool:
        """One step of every comparison that is going on."""
        busy = False
        for watched in list(self._spaces.values()):
            if watched.steps is None:
                continue
            busy = True
            try:
                next(watched.steps)
            except StopIteration:
                self._ended(watched)
            except DavshareError as error:
                log.warning("%s %s: %s", watched.space.kind, watched.space.name, error.message)
                watched.steps = None
        return busy

    def _ended(self, watched: _Watched) -> None:
        watched.steps = None
        if watched.walk is None:
            return
        if watched.whole:
            # What is missing was not judged anew while folders were being changed.
            undecided = watched.space.held and watched.walk.unsettled
            watched.scanned = 0.0 if undecided else time.monotonic()
        watched.stuck = watched.walk.stuck
        report = watched.walk.report
        if report.added or report.changed or report.removed or report.moved or report.held:
            log.info("%s %s followed its disk: %s", watched.space.kind, watched.space.name, report)

    # -- hints ------------------------------------------------------------------------------------

    def _hints(self) -> bool:
        taken = self._watcher.take()
        by_space: dict[int, list[tuple[int, set[bytes] | None]]] = {}
        for folder, changed in taken.items():
            by_space.setdefault(self._folders.get(folder, 0), []).append((folder, changed))
        for number, hints in by_space.items():
            watched = self._spaces.get(number)
            if watched is not None:
                if watched.space.held:
                    watched.scanned = 0.0  # perhaps what was gone comes back
                try:
                    self._follow(watched, hints)
                except DavshareError as error:
                    log.warning("%s %s: %s", watched.space.kind, watched.space.name, error.message)
                    watched.scanned = 0.0
        return bool(by_space)

    def _follow(self, watched: _Watched, hints: list[tuple[int, set[bytes] | None]]) -> None:
        """All hints of one space together, so that what has moved from one folder to another is recognised."""
        tasks: list[Task] = []
        times: list[tuple[int | None, int]] = []
        proofs: dict[tuple[int, str], bytes] = {}
        for folder, changed in hints:
            space = watched.space
            look = (
                compare(self._files, space, folder)
                if changed is None
                else differing(self._files, space, folder, changed)
            )
            if look is None:
                continue
            watched.unwatched.update(each for each in look.folders if not self._watcher.watches(each))
            if look.names:
                tasks.append(look.task)
                proofs.update(look.proofs)
            if changed is None:
                times.append((look.time if look.time is not None else -1, folder))
        came = bool(watched.unwatched)
        if tasks or times:
            report = follow(self._files, watched.space, tasks, times=times, proofs=proofs)
            came = came or bool(report.added or report.moved)
        if came and watched.steps is None:
            self._begin(watched, False)
