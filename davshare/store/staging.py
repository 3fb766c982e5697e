"""Files in the making."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection

from davshare.store import copying
from davshare.store.base import Facts
from davshare.store.crash import point
from davshare.store.digest import Values, of_descriptor
from davshare.store.statx import of_descriptor as facts_of_descriptor


class StagedFile:
    """A new file in the staging folder; see :class:`davshare.store.base.Staged`."""

    __slots__ = ("_durable", "_fd", "_folder", "name")

    def __init__(self, folder: int, name: bytes, durable: bool) -> None:
        self.name = name
        self._durable = durable
        self._folder = os.dup(folder)
        try:
            self._fd = os.open(
                name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=folder
            )
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

    def fill(self, source: int, size: int, at: int) -> None:
        """Begin with the first ``size`` bytes of an open file; what is written next goes to offset ``at``.

        :raises OSError: the disk refuses.
        """
        copying.content(source, self._fd, size)
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, at, os.SEEK_SET)

    def checksums(self, algorithms: Collection[str]) -> Values:
        """Checksums of everything that is in it."""
        return of_descriptor(self._fd, algorithms) if algorithms else {}

    def pread(self, size: int, offset: int) -> bytes:
        """Read back what was written."""
        return os.pread(self._fd, size, offset)

    def finish(self, mtime_ns: int | None) -> Facts:
        """Set the time, sync and close; the name stays until it is sealed or discarded.

        A time that the filesystem cannot hold is stored as near as it can be;
        the facts tell what it became.

        :raises OSError: the disk refuses.
        """
        try:
            if mtime_ns is not None:
                with contextlib.suppress(OverflowError, OSError, ValueError):
                    os.utime(self._fd, ns=(mtime_ns, mtime_ns))
            point("put.staged")
            if self._durable:
                os.fsync(self._fd)
            point("put.synced")
            facts = facts_of_descriptor(self._fd)
        except OSError:
            self.discard()
            raise
        self._close()
        return facts

    def discard(self) -> None:
        """Remove it; does nothing after :meth:`finish` has been followed by a seal."""
        if self._folder >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.name, dir_fd=self._folder)
        self._close()

    def _close(self) -> None:
        if self._folder >= 0:
            os.close(self._fd)
            os.close(self._folder)
            self._fd = self._folder = -1
