"""Making content durable, many files in little more time than one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from davshare.abreast import Meeting
from davshare.store.writeback import begin


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
