"""Folders that are being made beside others: what is left of one is known for litter as soon as its maker is gone.

While a folder is made, its maker holds a lock (flock) on a file beside it,
which the system lets go when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from davshare.store.refusals import Refusals

_MARK = ".making"
_NAME = re.compile(rf"([0-9a-f]{{24}})(?:{re.escape(_MARK)})?\Z").match
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def name_in(folder: Path) -> Iterator[str]:
    """A new name for a folder in ``folder``, which no :func:`idle` tells until this ends.

    :raises DavshareError: the disk refuses.
    """
    with Refusals():
        folder.mkdir(exist_ok=True)
        name, mark, fd = _claimed(folder)
    try:
        yield name
    finally:
        mark.unlink(missing_ok=True)
        os.close(fd)


def _claimed(folder: Path) -> tuple[str, Path, int]:
    while True:
        name = secrets.token_hex(12)
        mark = folder / f"{name}{_MARK}"
        fd = os.open(mark, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Whoever looked for litter before the lock was ours may have taken the mark away.
        if os.fstat(fd).st_nlink:
            return name, mark, fd
        os.close(fd)


def idle(folder: Path) -> list[str]:
    """Names in ``folder`` that nobody makes anything under (any more); what is known of them is to be read afterwards.

    Marks of makers that are gone are removed.
    """
    try:
        found = {match[1] for name in os.listdir(folder) if (match := _NAME(name))}
    except FileNotFoundError:
        return []
    return sorted(name for name in found if _is_idle(folder / f"{name}{_MARK}"))


def _is_idle(mark: Path) -> bool:
    try:
        fd = os.open(mark, _OPEN)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        mark.unlink(missing_ok=True)
        return True
    finally:
        os.close(fd)
