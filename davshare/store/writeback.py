"""Large files go to disk while they arrive, and do not push everything else out of the system's memory.

Without it a file of some gigabytes fills the page cache first, and is written
all at once when it is synced.  Where the system has no sync_file_range(2),
nothing is done.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os

_BEFORE, _WRITE, _AFTER = 1, 2, 4
#: Bytes after which writing is begun, and bytes of one file that may be in memory.
STEP = 8 * 1024 * 1024
WINDOW = 128 * 1024 * 1024

#: The system or the filesystem does not do it; all others are about the bytes.
_UNSUPPORTED = (errno.ENOSYS, errno.ESPIPE, errno.EINVAL)

_sync_file_range = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class Writeback:
    """How far one file, written from its beginning to its end, is on disk."""

    __slots__ = ("_begun", "_fd", "_released")

    def __init__(self, fd: int, start: int = 0) -> None:
        self._fd = fd
        self._begun = self._released = start

    def reached(self, end: int) -> None:
        """All bytes before ``end`` are written: begin to send them to disk, and let go of those that are there.

        :raises OSError: the disk has refused some of them.
        """
        while end - self._begun >= STEP:
            _sync(self._fd, self._begun, _WRITE)
            self._begun += STEP
        while end - self._released > WINDOW:
            _sync(self._fd, self._released, _BEFORE | _WRITE | _AFTER)
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._fd, self._released, STEP, os.POSIX_FADV_DONTNEED)
            self._released += STEP


def begin(fd: int) -> None:
    """Begin to send all bytes of a file to disk.

    :raises OSError: the disk has refused some of them.
    """
    _sync(fd, 0, _WRITE, 0)


def _sync(fd: int, start: int, flags: int, size: int = STEP) -> None:
    """Linux tells each error of a file once, and syncing it as a whole says afterwards that all is well."""
    if _sync_file_range is not None and _sync_file_range(fd, start, size, flags):
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number))
