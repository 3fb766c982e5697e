"""What a filesystem knows of a file beyond ``stat``: when its inode came into being.

Inodes are used again at once; inode and birth time together name one thing
for good.  Linux tells it by statx(2) only, which Python does not offer;
elsewhere it is part of ``stat``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
import threading

from davshare.store.base import Facts

_AT_SYMLINK_NOFOLLOW = 0x100
_AT_EMPTY_PATH = 0x1000
_BASIC = 0x7FF
_BIRTH = 0x800
#: struct statx up to stx_mtime: mask, …, mode, ino, size, …, btime, ctime, mtime.
_LAYOUT = struct.Struct("<I24xH2xQQ16x16xqI4x16xqI")
_SIZE = 256
_GIGA = 1_000_000_000


class _Buffer(threading.local):
    """One result, and its address, for each thread."""

    def __init__(self) -> None:
        self.bytes = ctypes.create_string_buffer(_SIZE)


_buffer = _Buffer()
_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None) if sys.platform == "linux" else None
if _statx is not None:
    _statx.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p]


def signed(inode: int) -> int:
    """An inode number as the index can hold it: 64 bits with a sign."""
    return inode - (1 << 64) if inode >= 1 << 63 else inode


def facts_of(status: os.stat_result, born: int | None = None) -> Facts:
    """Facts from a stat."""
    return Facts(signed(status.st_ino), status.st_size, status.st_mtime_ns, stat.S_ISDIR(status.st_mode), born)


def of_name(name: bytes, folder: int) -> tuple[Facts, int]:
    """Facts and mode of a name in an open folder, links not followed.

    :raises OSError: as ``os.stat`` does.
    """
    if _statx is None:
        return _fallback(os.stat(name, dir_fd=folder, follow_symlinks=False))
    return _ask(folder, name, _AT_SYMLINK_NOFOLLOW)


def of_descriptor(fd: int) -> Facts:
    """Facts of an open file or folder."""
    if _statx is None:
        return _fallback(os.fstat(fd))[0]
    return _ask(fd, b"", _AT_EMPTY_PATH)[0]


def _ask(folder: int, name: bytes, flags: int) -> tuple[Facts, int]:
    assert _statx is not None
    buffer = _buffer.bytes
    if _statx(folder, name, flags, _BASIC | _BIRTH, buffer):
        number = ctypes.get_errno()
        if number == errno.ENOSYS:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False) if name else os.fstat(folder)
            return _fallback(status)
        raise OSError(number, os.strerror(number))
    mask, mode, inode, size, born, born_ns, changed, changed_ns = _LAYOUT.unpack_from(buffer)
    birth = born * _GIGA + born_ns if mask & _BIRTH else None
    return Facts(signed(inode), size, changed * _GIGA + changed_ns, stat.S_ISDIR(mode), birth), mode


def _fallback(status: os.stat_result) -> tuple[Facts, int]:
    born = getattr(status, "st_birthtime", None)
    return facts_of(status, None if born is None else int(born * _GIGA)), status.st_mode
