"""What is carried out, but perhaps not on disk for good: after an answer, and before its redo rows go."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from davshare.store.handles import Handle, Held
from davshare.store.journalled import is_journalled

log = logging.getLogger("davshare.files")
#: Folders that may wait for their sync; beyond that, the next answer waits as well.
_MOST = 128


class Settling:
    """Effects of one process, and the folders that have to be synced before they are history.

    Many changes share a sync, and no client waits for one: until then the redo
    rows say what a power cut would have undone.  A filesystem that may keep half
    of a rename is synced before the answer.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._syncing = threading.Lock()
        self._waiting: list[int] = []
        self._folders: dict[tuple[int, int], Handle] = {}
        self._finished: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._waiting or self._finished)

    @property
    def waiting(self) -> bool:
        """Whether folders are to be synced."""
        return bool(self._waiting)

    def add(self, ids: Sequence[int], held: Held | None = None) -> None:
        """Effects that were carried out in folders that are ``held``; None: they are on disk already."""
        try:
            folders = {} if held is None else {folder.key(): folder for folder in held.changed}
        except OSError:
            log.exception("a folder cannot be synced")
            return
        with self._mutex:
            if not folders:
                self._finished += ids
                return
            self._waiting += ids
            self._folders |= folders
            many = len(self._folders) > _MOST
        if many or not all(is_journalled(device) for device, _ in folders):
            self.settle()

    def settle(self) -> None:
        """Return when everything that was added before is on disk for good.

        What a disk refuses stays noted in the index, and is settled when the keeper or a start finds it there.
        """
        with self._syncing:
            with self._mutex:
                ids, folders = self._waiting, self._folders
                self._waiting, self._folders = [], {}
            try:
                for folder in folders.values():
                    folder.sync()
            except OSError:
                log.exception("a folder could not be synced")
                return
            with self._mutex:
                self._finished += ids

    def finished(self) -> list[int]:
        """Ids of effects that are on disk for good; each is told once, and given back while it has to stay noted."""
        with self._mutex:
            ids, self._finished = self._finished, []
            return ids
