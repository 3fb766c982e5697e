"""Opening files and folders below a root without following links.

Linux resolves a whole path in one call, and refuses when a link is in it;
elsewhere each step is a call of its own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Sequence

#: How a folder is opened, and how a file is.
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: openat2(2), whose number is the same on all machines, RESOLVE_NO_SYMLINKS and RESOLVE_BENEATH.
_OPENAT2, _NO_LINKS, _BENEATH = 437, 0x04, 0x08
_HOW = {flags: struct.pack("QQQ", flags, 0, _NO_LINKS | _BENEATH) for flags in (FOLDER, FILE)}
_STRAIGHT = struct.pack("QQQ", FILE, 0, _NO_LINKS)
_SIZE = 24
#: The system is too old for the call, a sandbox does not let it through, or a signal came; Python's own calls go on.
_UNKNOWN = (errno.ENOSYS, errno.EPERM, errno.E2BIG, errno.EINTR)
#: The most that the kernel takes for a path.
_LONGEST = 4000

_syscall = getattr(ctypes.CDLL(None, use_errno=True), "syscall", None) if sys.platform == "linux" else None
if _syscall is not None:
    _syscall.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
    _syscall.restype = ctypes.c_long


def open_(root: int, path: Sequence[bytes], flags: int) -> int:
    """A descriptor of what is below an open folder; the caller closes it.  The path has a step or more.

    :raises OSError: there is none, or a link is on the way.
    """
    if len(path) == 1:
        return os.open(path[0], flags, dir_fd=root)
    whole = b"/".join(path)
    if _syscall is not None and len(whole) <= _LONGEST and b"\0" not in whole:  # C would read no further
        fd = int(_syscall(_OPENAT2, root, whole, _HOW[flags], _SIZE))
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number not in _UNKNOWN:
            raise OSError(number, os.strerror(number))
    return _step_by_step(root, path, flags)


def straight(root: bytes, path: Sequence[bytes]) -> int:
    """A descriptor of a file below the absolute path ``root``, in one call instead of three; the caller closes it.

    :returns: -1 where that cannot be had, if only because a link or a step up is on the way to the root:
        :func:`open_` knows more.
    """
    whole = root + b"/" + b"/".join(path)
    if _syscall is None or len(whole) > _LONGEST or b"\0" in whole or b"/../" in whole:
        return -1
    return int(_syscall(_OPENAT2, 0, whole, _STRAIGHT, _SIZE))


def _step_by_step(root: int, path: Sequence[bytes], flags: int) -> int:
    fd = os.open(path[0], FOLDER, dir_fd=root)
    for index, name in enumerate(path[1:], 2):
        try:
            deeper = os.open(name, flags if index == len(path) else FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = deeper
    return fd
