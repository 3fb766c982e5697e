"""Folders that are kept open."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict


class Handle:
    """An open folder; closed when nobody has it any more."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def is_at(self, path: str) -> bool:
        """Whether this very folder still is at ``path``: never write to one that was moved away or replaced."""
        try:
            return os.path.samestat(os.lstat(path), os.fstat(self.fd))
        except OSError:
            return False

    def __del__(self) -> None:
        os.close(self.fd)


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
