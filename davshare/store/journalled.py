"""Which filesystems do a rename wholly or not at all, whatever a power cut leaves of it; and which are synced whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache

#: By their journal or by copy on write.  Of ext3 and ext4 only those that have a journal, as the kernel lists them.
_ALWAYS = frozenset({"xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs"})
_PERHAPS = frozenset({"ext3", "ext4"})
_MOUNTS, _JOURNALS = "/proc/self/mountinfo", "/proc/fs/jbd2"


#: Those of which syncfs(2) is known to bring everything to the disk; a daemon or a network may not hear of it.
_WHOLE = _ALWAYS | _PERHAPS | {"ext2", "tmpfs"}


@lru_cache(maxsize=64)
def is_journalled(device: int) -> bool:
    """Whether the filesystem with this ``st_dev`` is known to be one; false where the system does not tell."""
    try:
        with open(_MOUNTS) as mounts:
            journals = os.listdir(_JOURNALS) if os.path.isdir(_JOURNALS) else []
            return found(device, mounts, journals)
    except OSError:
        return False


@lru_cache(maxsize=64)
def is_synced_whole(device: int) -> bool:
    """Whether all of the filesystem with this ``st_dev`` can be synced in one step; false where nobody knows."""
    try:
        with open(_MOUNTS) as mounts:
            return mounted(device, mounts)[0] in _WHOLE
    except OSError:
        return False


def found(device: int, mounts: Iterable[str], journals: Iterable[str]) -> bool:
    """Whether it is journalled, from the lines of ``mountinfo`` (proc(5)) and the names of ``/proc/fs/jbd2``."""
    kind, source = mounted(device, mounts)
    name = os.path.basename(os.path.realpath(source))
    return kind in _ALWAYS or (kind in _PERHAPS and any(each.rpartition("-")[0] == name for each in journals))


def mounted(device: int, mounts: Iterable[str]) -> tuple[str, str]:
    """Kind and source of a filesystem, from the lines of ``mountinfo``; empty when it is not there."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts:
        before, _, after = line.partition(" - ")
        if before.split()[2:3] == [number]:
            kind, source = after.split()[:2]
            return kind, source
    return "", ""
