"""Copies of files and trees, by sharing blocks where the filesystem can."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from davshare.store.base import Facts, Path
from davshare.store.statx import of_descriptor
from davshare.store.syncing import sync

if TYPE_CHECKING:
    from davshare.store.local import LocalStore

_FICLONE = 0x40049409
_BLOCK = 1024 * 1024
_UNBORN = Facts(0, 0, 0, True)
_UNABLE = frozenset({errno.EXDEV, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS, errno.EPERM})


def content(source: int, target: int, size: int) -> None:
    """Fill the empty file ``target`` with the bytes of ``source``: reflink, else in the kernel, else by hand."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(target, _FICLONE, source)
        return
    done = 0
    if hasattr(os, "copy_file_range"):
        try:
            while moved := os.copy_file_range(source, target, max(size - done, _BLOCK), done, done):
                done += moved
            if done >= size:
                return
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
    while data := os.pread(source, _BLOCK, done):
        done += os.pwrite(target, data, done)


def span(source: int, target: int, start: int, size: int) -> None:
    """Add ``size`` bytes from offset ``start`` of ``source`` where ``target`` stands.

    :raises OSError: the disk refuses, or ``source`` is shorter.
    """
    end = start + size
    while start < end:
        try:
            moved = os.copy_file_range(source, target, end - start, start)
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            moved = os.write(target, os.pread(source, min(_BLOCK, end - start), start))
        if not moved:
            raise OSError(errno.EIO, "a staged file is shorter than it was")
        start += moved


def tree(
    staging: int, name: bytes, sources: Sequence[tuple[LocalStore, Path, Path, bool]], durable: bool
) -> list[tuple[Facts, Facts]]:
    """Copy ``sources`` to ``name`` in the folder ``staging``; (what was read, the copy) of each, in order."""
    facts: list[tuple[Facts, Facts]] = []
    folders: list[tuple[int, bytes]] = []
    for store, path, below, folder in sources:
        target = b"/".join((name, *below))
        if folder:
            os.mkdir(target, 0o755, dir_fd=staging)
            folders.append((len(facts), target))
            facts.append((_UNBORN, _UNBORN))
        else:
            facts.append(_file(store, path, staging, target, durable))
    for index, target in reversed(folders):
        fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=staging)
        try:
            if durable:
                sync(fd)
            made = of_descriptor(fd)._replace(size=0)  # its members are in, so its time is final
            facts[index] = (made, made)
        finally:
            os.close(fd)
    return facts


def _file(store: LocalStore, path: Path, staging: int, target: bytes, durable: bool) -> tuple[Facts, Facts]:
    source, known = store.open(path)
    try:
        fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=staging)
        try:
            content(source, fd, known.size)
            os.utime(fd, ns=(known.mtime_ns, known.mtime_ns))
            if durable:
                sync(fd)
            return known, of_descriptor(fd)
        finally:
            os.close(fd)
    finally:
        os.close(source)
