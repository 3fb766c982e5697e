"""Files in the making."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Collection

from davshare.store import copying
from davshare.store.base import Facts, Missing
from davshare.store.crash import point
from davshare.store.digest import Values, of_descriptor
from davshare.store.handles import Handle
from davshare.store.journalled import is_synced_whole
from davshare.store.statx import of_descriptor as facts_of_descriptor
from davshare.store.statx import of_name as facts_of_name
from davshare.store.syncing import sync
from davshare.store.writeback import STEP, Writeback

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def whole(folder: int, name: bytes, data: bytes, mtime_ns: int | None, durable: bool) -> Facts:
    """Make a file of what is in memory already: what :class:`StagedFile` does, in one step.

    :raises OSError: the disk refuses; then there is no file.
    """
    fd, facts = written(folder, name, data, mtime_ns)
    try:
        if durable:
            sync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(fd)
    point("put.synced")
    return facts


def soon(folder: Handle, name: bytes, data: bytes, mtime_ns: int | None, durable: bool) -> tuple[Facts, Handle | None]:
    """The same, but durable only when what holds it is synced; None: on this filesystem it is at once.

    :raises OSError: the disk refuses; then there is no file.
    """
    if not (durable and is_synced_whole(folder.device)):
        return whole(folder.fd, name, data, mtime_ns, durable), None
    fd, facts = written(folder.fd, name, data, mtime_ns)
    try:
        # One that is open for writing would keep the filesystem from becoming read-only.
        return facts, Handle(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.fd))
    except OSError:
        os.unlink(name, dir_fd=folder.fd)
        raise
    finally:
        os.close(fd)


def written(folder: int, name: bytes, data: bytes, mtime_ns: int | None) -> tuple[int, Facts]:
    """The same, but not durable yet; with the descriptor, which the caller closes.

    :raises OSError: the disk refuses; then there is no file.
    """
    fd = os.open(name, _NEW, 0o644, dir_fd=folder)
    try:
        done = os.write(fd, data)
        while done < len(data):
            done += os.write(fd, data[done:])
        _set_time(fd, mtime_ns)
        point("put.staged")
        return fd, facts_of_descriptor(fd)
    except BaseException:
        os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise


def empty_folder(folder: int, name: bytes, durable: bool) -> Facts:
    """Make a folder.

    :raises OSError: the disk refuses.
    """
    os.mkdir(name, 0o755, dir_fd=folder)
    if durable:
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            sync(made)
        finally:
            os.close(made)
    return facts_of_name(name, folder)[0]._replace(size=0)


def _set_time(fd: int, mtime_ns: int | None) -> None:
    if mtime_ns is not None:
        with contextlib.suppress(OverflowError, OSError, ValueError):
            os.utime(fd, ns=(mtime_ns, mtime_ns))


def _settled(fd: int, mtime_ns: int | None, durable: bool) -> Facts:
    """Set the time of a file and sync it."""
    _set_time(fd, mtime_ns)
    point("put.staged")
    if durable:
        sync(fd)
    point("put.synced")
    return facts_of_descriptor(fd)


class StagedFile:
    """A new file in the staging folder; see :class:`davshare.store.base.Staged`."""

    __slots__ = ("_durable", "_end", "_fd", "_folder", "_fresh", "_start", "_writeback", "name")

    def __init__(self, folder: int, name: bytes, durable: bool, fresh: bool = True) -> None:
        """Make the file, or open one that was made before if it is not ``fresh``; only a fresh one is discarded."""
        self.name = name
        self._durable = durable
        self._fresh = fresh
        self._folder = os.dup(folder)
        self._start = self._end = 0
        self._writeback: Writeback | None = None
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if fresh else 0)
        try:
            self._fd = os.open(name, flags, 0o644, dir_fd=folder)
        except OSError:
            os.close(self._folder)
            raise

    def write(self, data: bytes) -> None:
        """Append all of ``data``.

        :raises OSError: the disk refuses.
        """
        written = os.write(self._fd, data)
        while written < len(data):
            written += os.write(self._fd, data[written:])
        self._end += written
        if self._end >= STEP:
            if self._writeback is None:
                self._writeback = Writeback(self._fd, self._start)
            self._writeback.reached(self._end)

    def fill(self, source: int, size: int, at: int) -> None:
        """Begin with the first ``size`` bytes of an open file; what is written next goes to offset ``at``.

        :raises OSError: the disk refuses.
        """
        copying.content(source, self._fd, size)
        os.ftruncate(self._fd, size)
        self._go_on(at)

    def claim(self) -> bool:
        """Keep everybody else from appending until it is closed; false when somebody else does that already."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def cut(self, size: int) -> None:
        """Leave the first ``size`` bytes; what is written next comes after them.

        :raises Missing: there are not as many.
        :raises OSError: the disk refuses.
        """
        if size > self.size:
            raise Missing
        os.ftruncate(self._fd, size)
        self._go_on(size)

    def _go_on(self, at: int) -> None:
        os.lseek(self._fd, at, os.SEEK_SET)
        self._start = self._end = at
        self._writeback = None

    def append(self, source: int, start: int, size: int) -> None:
        """Add ``size`` bytes from offset ``start`` of an open file, in the kernel where it can.

        :raises OSError: the disk refuses.
        """
        copying.span(source, self._fd, start, size)

    @property
    def size(self) -> int:
        """Bytes that are in it."""
        return os.fstat(self._fd).st_size

    def checksums(self, algorithms: Collection[str]) -> Values:
        """Checksums of everything that is in it."""
        return of_descriptor(self._fd, algorithms) if algorithms else {}

    def pread(self, size: int, offset: int) -> bytes:
        """Read back what was written."""
        return os.pread(self._fd, size, offset)

    def sync(self) -> None:
        """Make the content durable.

        :raises OSError: the disk refuses.
        """
        if self._durable:
            os.fsync(self._fd)

    def settle(self, mtime_ns: int | None) -> Facts:
        """Set the time and sync; it stays open.

        A time that the filesystem cannot hold is stored as near as it can be;
        the facts tell what it became.

        :raises OSError: the disk refuses.
        """
        return _settled(self._fd, mtime_ns, self._durable)

    def finish(self, mtime_ns: int | None) -> Facts:
        """The same and close it; the name stays until it is sealed or discarded.

        :raises OSError: the disk refuses.
        """
        try:
            facts = self.settle(mtime_ns)
        except OSError:
            self.discard()
            raise
        self._close()
        return facts

    def keep(self) -> None:
        """From now on :meth:`discard` only closes it."""
        self._fresh = False

    def discard(self) -> None:
        """Remove it; does nothing after :meth:`finish` has been followed by a seal."""
        if self._folder >= 0 and self._fresh:
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=self._folder)
        self._close()

    def _close(self) -> None:
        if self._folder >= 0:
            os.close(self._fd)
            os.close(self._folder)
            self._fd = self._folder = -1
