"""What is carried out, but perhaps not on disk for good: after an answer, and before its redo rows go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from davshare.store.handles import Handle, Held
from davshare.store.journalled import is_journalled
from davshare.store.syncing import filesystem

log = logging.getLogger("davshare.files")
#: Effects that may wait for their syncs; beyond that, the next answer waits as well.
_MOST = 1000
#: Things of one filesystem beyond which all of it is synced, since that takes less than each for itself.
_MANY = 16


class _Filesystem:
    """Things of one filesystem that are to be synced, by inode; if there are too many, only the first, a folder."""

    __slots__ = ("things", "whole")

    def __init__(self) -> None:
        self.things: dict[int, Handle] = {}
        self.whole = False

    def add(self, inode: int, thing: Handle) -> None:
        """It has to be synced as well."""
        if self.whole:
            return
        self.things[inode] = thing
        if len(self.things) > _MANY:
            self.whole = True
            self.things = dict([next(iter(self.things.items()))])

    def sync(self) -> None:
        """Make all of them survive a power cut.

        :raises OSError: the disk refuses.
        """
        for thing in self.things.values():
            if self.whole:
                filesystem(thing.fd)
            else:
                thing.sync()


class Settling:
    """Effects of one process, and the folders and files that have to be synced before they are history.

    Many changes share a sync, and no client waits for one: until then the redo
    rows say what a power cut would have undone.  Where a filesystem may keep half
    of a rename, and the content is not noted, it is synced before the answer.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._syncing = threading.Lock()
        self._waiting: list[int] = []
        self._filesystems: dict[int, _Filesystem] = {}
        self._finished: list[int] = []
        self._failed: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._waiting or self._finished or self._failed)

    @property
    def waiting(self) -> bool:
        """Whether anything is to be synced."""
        return bool(self._waiting)

    def add(self, ids: Sequence[int], held: Held | None = None) -> None:
        """Effects that were carried out, with what they have changed; None: it is on disk already."""
        changed = {} if held is None else held.changed
        later: list[tuple[int, int, Handle]] = []
        try:
            for thing, noted in changed.items():
                device, inode = thing.key()
                if noted or is_journalled(device):
                    later.append((device, inode, thing))
                else:
                    thing.sync()
        except OSError:
            log.exception("what was changed could not be synced")
            self.fail(ids)
            return
        with self._mutex:
            if not later:
                self._finished += ids
                return
            self._waiting += ids
            for device, inode, thing in later:
                self._filesystems.setdefault(device, _Filesystem()).add(inode, thing)
            many = len(self._waiting) > _MOST
        if many:
            self.settle()

    def forget(self, device: int, inode: int) -> None:
        """A file was replaced: nothing of it need be kept, and as long as it is open, its space is not free."""
        with self._mutex:
            known = self._filesystems.get(device)
            if known is not None and not known.whole:
                known.things.pop(inode, None)

    def settle(self) -> None:
        """Return when everything that was added before is on disk for good.

        What a disk refuses stays noted in the index, and is settled when the keeper or a start finds it there.
        """
        with self._syncing:
            with self._mutex:
                ids, filesystems = self._waiting, self._filesystems
                self._waiting, self._filesystems = [], {}
            try:
                for each in filesystems.values():
                    each.sync()
            except OSError:
                log.exception("what was changed could not be synced")
                self.fail(ids)
                return
            with self._mutex:
                self._finished += ids

    def fail(self, ids: Sequence[int]) -> None:
        """The disk has refused to keep what these effects have changed."""
        with self._mutex:
            self._failed += ids

    def failed(self) -> list[int]:
        """Ids of such effects, each told once: whoever asks the disk again is not told so any more."""
        with self._mutex:
            ids, self._failed = self._failed, []
            return ids

    def finished(self) -> list[int]:
        """Ids of effects that are on disk for good; each is told once, and given back while it has to stay noted."""
        with self._mutex:
            ids, self._finished = self._finished, []
            return ids
