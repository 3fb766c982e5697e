"""A thing in an open folder, and how it gets into another one, or away."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat

from davshare.store.refusals import Refusals

#: A hold on a thing, whatever it is; nothing can be done with it.
_PLACE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def mode_of(folder: int, name: bytes, inode: int) -> int:
    """The mode of the thing that ``inode`` names, if it has this name; otherwise 0.

    :raises OSError: the disk refuses.
    """
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return status.st_mode if status.st_ino == inode else 0


def rename(here: int, source: bytes, there: int, target: bytes, replaced: list[int] | None) -> None:
    """Let ``source`` in one folder be ``target`` in another, in place of a file.

    :param replaced: gets a descriptor of that file.
    :raises OSError: the disk refuses.
    """
    if replaced is not None:
        with contextlib.suppress(OSError):
            replaced.append(os.open(target, _PLACE, dir_fd=there))
    os.rename(source, target, src_dir_fd=here, dst_dir_fd=there)


def remove(folder: int, name: bytes) -> None:
    """Remove a file, or a folder with all that is in it; fine when it is not there."""
    with Refusals(), contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
