"""The parts of a staging folder.

A filesystem lets one process at a time make or rename something in a folder,
and the others wait; so what a process makes in one step, it makes on a shelf
of its own.  Shelves are far from each other on disk: ext4 looks for a free
inode from the beginning of the group of blocks that the folder is in, and
without a journal passes by all that were freed there in the last minute.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator

from davshare.store.handles import Handle

_PREFIX = b"shelf-"
#: How many there are at most.
_COUNT = 16
#: ioctl(2) for the flags of a folder, and the flag that spreads what is in it over the disk (chattr +T).
_GET_FLAGS, _SET_FLAGS, _SPREAD = 0x80086601, 0x40086602, 0x00020000


def own() -> bytes:
    """The name of this process's shelf; few have the same."""
    return b"%b%x" % (_PREFIX, os.getpid() % _COUNT)


def make(staging: Handle, durable: bool) -> None:
    """Make that shelf in the staging folder.

    :raises OSError: the disk refuses.
    """
    with contextlib.suppress(OSError):
        _spread(staging.fd)
    with contextlib.suppress(FileExistsError):
        os.mkdir(own(), 0o755, dir_fd=staging.fd)
    if durable:
        os.fsync(staging.fd)


def _spread(folder: int) -> None:
    """Let what is made in a folder be far apart.

    :raises OSError: the filesystem does not know of this.
    """
    (flags,) = struct.unpack("q", fcntl.ioctl(folder, _GET_FLAGS, struct.pack("q", 0)))
    fcntl.ioctl(folder, _SET_FLAGS, struct.pack("q", flags | _SPREAD))


def litter(staging: Handle, older_than: float) -> Iterator[bytes]:
    """Names below the staging folder of what was last touched before ``older_than`` (seconds since 1970)."""
    yield from _old(staging.fd, older_than)


def _old(folder: int, older_than: float) -> Iterator[bytes]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                if name.startswith(_PREFIX):
                    shelf = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                    try:
                        yield from (name + b"/" + each for each in _old(shelf, older_than))
                    finally:
                        os.close(shelf)
                elif entry.stat(follow_symlinks=False).st_ctime < older_than:
                    yield name
