"""Nodes, spaces and the ETag."""

from __future__ import annotations

from typing import NamedTuple

FILE = 0
FOLDER = 1
#: The kind of a space that holds what a frozen link shows.
SNAPSHOT = "snapshot"


class Node(NamedTuple):
    """One file or folder, as its row says.

    ``size`` is in bytes, of a folder the sum of all files below; ``stamp`` is
    the number of the last content write, of a folder of the last change of
    anything below; ``place_seq`` is the entry that gave it its parent and name.
    """

    id: int
    space: int
    parent: int
    name: str
    kind: int
    size: int
    mtime_ns: int
    disk_ns: int | None
    inode: int
    seq: int
    place_seq: int
    stamp: int
    created: int

    @property
    def is_folder(self) -> bool:
        """Whether it can have members."""
        return self.kind == FOLDER


class Space(NamedTuple):
    """One tree of files with its own journal, quota and root folder; ``kind`` is home, space or snapshot."""

    id: int
    kind: str
    name: str
    owner: int | None
    root: str
    node: int
    trash: int
    quota: int | None
    read_only: bool
    description: str
    #: Refuses names that Windows or macOS cannot hold.
    portable: bool = False
    #: Inode of a root that carries no marker of ours, because nothing can be written there.
    anchor: int | None = None
    #: How many nodes are missing on disk and wait for a person's word.
    held: int = 0


def etag(epoch: int, node: int, stamp: int) -> str:
    """The strong entity tag, with its quotes (RFC 9110 section 8.8.3).

    Never repeats: the epoch is raised by a restore, ids are never reused and
    the stamp advances with every content write.
    """
    return f'"{epoch:x}.{node:x}.{stamp:x}"'
