"""What the file service asks of a place that holds bytes.

A folder of this machine is one such place (:class:`davshare.store.local.LocalStore`);
a remote one would implement the same words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from davshare.store.handles import Held

#: Names from a space's root down; bytes as the filesystem has them.
Path = tuple[bytes, ...]


class Facts(NamedTuple):
    """What the store says about one file or folder; times in nanoseconds.

    ``birth_ns`` is None where the filesystem does not tell it or nobody asked.
    """

    inode: int
    size: int
    mtime_ns: int
    folder: bool
    birth_ns: int | None = None


class Missing(Exception):
    """Nothing that is a regular file or folder is at this path."""


class Staged(Protocol):
    """A file in the making: invisible until it is sealed, gone if it never is."""

    name: bytes

    def write(self, data: bytes) -> None:
        """Append."""
        ...

    def finish(self, mtime_ns: int | None) -> Facts:
        """Make everything durable and close; what the file will be known by."""
        ...

    def discard(self) -> None:
        """Remove it, if it is still there."""
        ...


class Store(Protocol):
    """Files and folders below one root.

    Everything raises :class:`davshare.errors.Unavailable` when the storage is
    missing or broken, :class:`davshare.errors.InsufficientStorage` when it is
    full and :class:`davshare.errors.Forbidden` when it is not writable.
    """

    @property
    def durable(self) -> bool:
        """Whether content and membership are synced to disk."""
        ...

    def present(self) -> None:
        """Return when the storage is there; otherwise raise."""
        ...

    def open(self, path: Path) -> tuple[int, Facts]:
        """A descriptor for reading a regular file; raises :class:`Missing`."""
        ...

    def facts(self, path: Path) -> Facts:
        """Facts of a file or folder; raises :class:`Missing`."""
        ...

    def scan(self, path: Path) -> Iterator[tuple[bytes, Facts]]:
        """Members of a folder, without private ones and without what is neither file nor folder."""
        ...

    def stage(self) -> Staged:
        """Begin a file."""
        ...

    def move(
        self,
        source: Path,
        target: Path,
        inode: int,
        replaced: list[int] | None = None,
        held: Held | None = None,
        noted: bool = False,
    ) -> bool:
        """Rename what ``inode`` names; false when that is not at ``source`` (any more).

        :param replaced: gets a descriptor of what was at ``target``, which is freed when the caller closes that.
        :param held: folders that were opened since the caller alone may write; it learns which ones are to be synced.
        :param noted: what a power cut may undo is noted, content and all.
        """
        ...

    def sync(self, path: Path) -> None:
        """Make the membership of a folder durable."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file or a whole tree for good; fine when it is not there."""
        ...

    def free(self) -> int:
        """Bytes that can still be stored."""
        ...
