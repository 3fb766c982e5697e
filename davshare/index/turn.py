"""The file whose lock is the right to write, and the numbers in it that all processes of this machine see."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from davshare.abreast import demand_time
from davshare.index.boot import boot_id

_PROGRESS, _VERSION, _COMMITS, _INODE, _MARK, _LEARNT, _OPEN = range(7)
#: Numbers that are raised like the version, but only by changes of one kind: of people, tokens, spaces, grants and
#: settings; and by new locks.
GENERATION, LOCKS = 7, 8
_BOOT = 9


class Turn:
    """One file per index; made when it is missing.

    Reading and writing a number costs no system call.
    """

    def __init__(self, path: Path) -> None:
        self._mutex = threading.Lock()
        #: The thread that has the turn.
        self._holder = 0
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._fd).st_size < mmap.PAGESIZE:
            os.ftruncate(self._fd, mmap.PAGESIZE)
        self._map = mmap.mmap(self._fd, mmap.PAGESIZE)
        self._words = memoryview(self._map).cast("Q")
        #: Spaces without any lock, and what the number of changes of that kind was then; see davshare.index.locks.
        self.lockless: dict[int, int] = {}
        #: Spaces by how they were asked for, with the generation's number then; see davshare.index.spaces.
        self.spaces: dict[tuple[str, int | str], tuple[int, Any]] = {}
        self._notice_start(boot_id())

    def _notice_start(self, boot: str) -> None:
        """After a power cut the number of the last effect may be on disk, and the effect may not."""
        number = int(boot.replace("-", "")[:15], 16) if boot else secrets.randbits(60)
        if self._words[_BOOT] != number:
            with self.held():
                if self._words[_BOOT] != number:
                    self.progress = 0
                    self._words[_BOOT] = number

    def held(self) -> Turn:
        """The turn, for a ``with``: held by one thread of one process at a time.

        Whoever is let in by a change that holds it hears :class:`~davshare.errors.Waits`.

        Waiting for a file lock wakes up at once; SQLite's own waiting sleeps
        for milliseconds and is not fair.
        """
        return self

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            demand_time()
        self._mutex.acquire()
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException:
            self._mutex.release()
            raise
        self._holder = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._holder = 0
        try:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._mutex.release()

    @property
    def progress(self) -> int:
        """Number of the last effect on disk that was carried out; for whoever holds the turn."""
        return self._words[_PROGRESS]

    @progress.setter
    def progress(self, number: int) -> None:
        self._words[_PROGRESS] = number

    @property
    def version(self) -> int:
        """A number that every change of the index raises; odd while one is being committed."""
        return self._words[_VERSION]

    def raised(self, kind: int) -> int:
        """The same as :attr:`version` for changes of one kind alone."""
        return self._words[kind]

    def committing(self, kinds: Iterable[int] = ()) -> None:
        """From now on the index may be another one; for whoever holds the turn.

        :param kinds: which numbers of :meth:`raised` the change raises.
        """
        for word in (_VERSION, *kinds):
            self._words[word] |= 1

    def decided(self, kinds: Collection[int] = ()) -> None:
        """The change is there, or will never be; so is what somebody died with before."""
        for word in (_VERSION, GENERATION, LOCKS):
            if word == _VERSION or word in kinds or self._words[word] & 1:
                self._words[word] = (self._words[word] | 1) + 1

    @property
    def open(self) -> bool:
        """Whether somebody has begun to commit effects on disk and has not carried them out; the dead never will."""
        return self._words[_OPEN] != 0

    @open.setter
    def open(self, whether: bool) -> None:
        self._words[_OPEN] = int(whether)

    @property
    def commits(self) -> int:
        """How often the counter ``commits`` says that files were changed, as far as this machine knows."""
        return self._words[_COMMITS]

    @commits.setter
    def commits(self, number: int) -> None:
        self._words[_COMMITS] = number

    @property
    def learnt(self) -> int:
        """How often checksums were written down for content that was there already."""
        return self._words[_LEARNT]

    def learn(self) -> None:
        """It has happened; for whoever holds the turn."""
        self._words[_LEARNT] += 1

    @property
    def in_place(self) -> bool:
        """Whether the file is the one that was made here, and not a copy of it."""
        return self._words[_INODE] == os.fstat(self._fd).st_ino

    def settle_in(self) -> None:
        """From now on the file counts as made here."""
        self._words[_INODE] = os.fstat(self._fd).st_ino

    @property
    def mark(self) -> str:
        """What tells this file from every other one, and from every copy of it elsewhere."""
        if not self._words[_MARK]:
            with self.held():
                self._words[_MARK] = self._words[_MARK] or secrets.randbits(63) + 1
        return f"{self._words[_MARK]:x}.{os.fstat(self._fd).st_ino:x}"

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            self._words.release()
            self._map.close()
            os.close(self._fd)
            self._fd = -1
