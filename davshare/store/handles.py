"""Folders that are kept open."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict


class Handle:
    """An open folder or file; closed when nobody has it any more."""

    __slots__ = ("_device", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._device: int | None = None

    @property
    def device(self) -> int:
        """The ``st_dev`` of its filesystem."""
        if self._device is None:
            self._device = os.fstat(self.fd).st_dev
        return self._device

    def is_at(self, path: str) -> bool:
        """Whether this very folder still is at ``path``: never write to one that was moved away or replaced."""
        try:
            return os.path.samestat(os.lstat(path), os.fstat(self.fd))
        except OSError:
            return False

    def key(self) -> tuple[int, int]:
        """Device and inode: what is the same for every handle of this thing."""
        status = os.fstat(self.fd)
        return status.st_dev, status.st_ino

    def sync(self) -> None:
        """Make its membership, or its content, survive a power cut.

        :raises OSError: the disk refuses.
        """
        os.fsync(self.fd)

    def close(self) -> None:
        """Do not wait for that."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    __del__ = close


class Held:
    """Folders that some changes open, each once, while nobody else may write.

    ``open``: by root and path.  ``changed``: those whose members are not the same any more, and files with new content,
    which are not synced yet; true: that can wait, because what they need after a power cut is noted.
    """

    __slots__ = ("changed", "open")

    def __init__(self) -> None:
        self.open: dict[tuple[str, tuple[bytes, ...]], Handle] = {}
        self.changed: dict[Handle, bool] = {}

    def change(self, thing: Handle, noted: bool) -> None:
        """Something has to be synced; it can wait only if that goes for everything that has happened to it."""
        self.changed[thing] = noted and self.changed.get(thing, True)


class Handles:
    """A few open folders by their paths; those that were used longest ago are let go."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: OrderedDict[str, Handle] = OrderedDict()

    def get(self, path: str) -> Handle | None:
        """The folder that was opened at ``path``, whether it still is there or not."""
        return self._kept.get(path)

    def clear(self) -> None:
        """Let go of all: as long as a folder is open, its disk cannot be unmounted."""
        self._kept.clear()

    def put(self, path: str, handle: Handle) -> None:
        """Keep a folder open."""
        self._kept[path] = handle
        with contextlib.suppress(KeyError):
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
