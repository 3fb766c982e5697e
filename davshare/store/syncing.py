"""Making content durable, many files in little more time than one."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence

from davshare.abreast import Meeting
from davshare.store.refusals import Refusals
from davshare.store.writeback import begin

_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None


class _Wanted:
    """An open file that is to be on disk, and why it cannot be."""

    __slots__ = ("error", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.error: OSError | None = None


def sync(fd: int) -> None:
    """Return when the content of an open file survives a power cut.

    :raises OSError: the disk refuses.
    """
    wanted = _Wanted(fd)
    _meeting.join(wanted)
    if wanted.error is not None:
        raise wanted.error


def _sync_all(files: Sequence[_Wanted]) -> None:
    """Each file gets its own fsync(2); when all are on their way before, the first one's journal entry serves all."""
    if len(files) > 1:
        for file in files:
            _try(file, begin)
    for file in files:
        if file.error is None:
            _try(file, os.fsync)


def _try(file: _Wanted, what: Callable[[int], None]) -> None:
    try:
        what(file.fd)
    except OSError as error:
        file.error = error


_meeting: Meeting[_Wanted] = Meeting(_sync_all)


def filesystem(fd: int) -> None:
    """Return when everything that was written to the filesystem of an open file survives a power cut.

    :raises OSError: the disk refuses.
    """
    if _syncfs is None:
        os.sync()
    elif _syncfs(fd):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def filesystem_of(folder: str) -> None:
    """The same by the name of a folder.

    :raises Unavailable: it is not there, or the disk refuses.
    """
    with Refusals():
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            filesystem(fd)
        finally:
            os.close(fd)
