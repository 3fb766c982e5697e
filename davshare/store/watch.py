"""Hints from the kernel that something in a folder has changed (inotify, by way of watchdog).

Hints get lost, come twice and come late; what is true is on the disk.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from dataclasses import dataclass, field

log = logging.getLogger("davshare.watch")
#: Seconds of silence after which a hint is believed, and the longest wait for silence.
_QUIET = 0.1
_LONGEST = 1.0
#: Names of one folder beyond which the whole folder is the hint.
_MOST_NAMES = 2000

if sys.platform == "linux":
    from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD

    _MASK = (
        InotifyConstants.IN_CREATE | InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM
        | InotifyConstants.IN_MOVED_TO | InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MODIFY
        | InotifyConstants.IN_ATTRIB | InotifyConstants.IN_ONLYDIR | InotifyConstants.IN_DONT_FOLLOW
    )  # fmt: skip


@dataclass(slots=True)
class Hint:
    """Names in one folder; None: any of them."""

    names: set[bytes] | None
    first: float
    last: float

    def ready(self, now: float) -> bool:
        """Whether the folder is quiet, or has not been for too long."""
        return now - self.last >= _QUIET or now - self.first >= _LONGEST


@dataclass(slots=True)
class Watcher:
    """Watches folders, which have numbers instead of paths: a watch stays on a folder that is renamed.

    ``lost`` is set when hints were lost; ``full`` when the system grants no more watches.
    """

    lost: bool = False
    full: bool = False
    _folders: dict[int, int] = field(default_factory=dict)
    _watches: dict[int, tuple[int, int]] = field(default_factory=dict)
    _hints: dict[int, Hint] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def add(self, folder: int, path: str) -> None:
        """Watch the folder at ``path`` under its number, from before this returns."""
        if sys.platform != "linux" or self.full:
            return
        try:
            inode = os.lstat(path).st_ino
            known = self._watches.get(folder)
            if known is not None and known[1] == inode:
                return
            wd = InotifyFD.get_instance().add_callback(os.fsencode(path), _MASK, self, id(self))  # type: ignore[arg-type]
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EMFILE, errno.ENOMEM):
                self.full = True
                log.warning(
                    "the system grants no more watches (sysctl fs.inotify.max_user_watches); the rest is scanned"
                )
            return
        with self._mutex:
            self._folders[wd] = folder
            self._watches[folder] = (wd, inode)

    def remove(self, folder: int) -> None:
        """Watch a folder no longer."""
        known = self._watches.get(folder)
        if known is not None and sys.platform == "linux":
            InotifyFD.get_instance().remove_callbacks([(known[0], id(self))])  # type: ignore[list-item]
            self.on_watch_deleted(known[0])

    def watches(self, folder: int) -> bool:
        """Whether hints of a folder come, or never will."""
        return folder in self._watches or self.full or sys.platform != "linux"

    def take(self) -> dict[int, set[bytes] | None]:
        """Hints that are ready, by folder."""
        now = time.monotonic()
        with self._mutex:
            ready = [folder for folder, hint in self._hints.items() if hint.ready(now)]
            return {folder: self._hints.pop(folder).names for folder in ready}

    def waiting(self) -> bool:
        """Whether there are hints at all."""
        return bool(self._hints)

    # -- what watchdog calls, in a thread of its own --------------------------------------------

    def on_event(self, event: InotifyEvent) -> None:
        """Something happened to a name in a folder."""
        name = event.name
        if not name:
            return
        now = time.monotonic()
        with self._mutex:
            folder = self._folders.get(event.wd)
            if folder is None:
                return
            hint = self._hints.get(folder)
            if hint is None:
                self._hints[folder] = Hint({name}, now, now)
                return
            hint.last = now
            if hint.names is not None:
                hint.names.add(name)
                if len(hint.names) > _MOST_NAMES:
                    hint.names = None

    def on_watch_deleted(self, wd: int) -> None:
        """A watched folder is gone."""
        with self._mutex:
            folder = self._folders.pop(wd, None)
            if folder is not None and self._watches.get(folder, (0, 0))[0] == wd:
                del self._watches[folder]

    def on_queue_overflow(self) -> None:
        """The kernel had more to tell than was read in time."""
        self.lost = True
