"""Everything below a folder with one of its checksums, for who takes all of it along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from davshare.index.database import Connection, parts
from davshare.model.nodes import FOLDER

#: A checksum as the index has it; None where it is not known.
Sum = bytes | int | None
_TREE = (
    "WITH RECURSIVE down(id) AS (SELECT id FROM node WHERE {start} UNION ALL"
    " SELECT node.id FROM node JOIN down ON node.parent=down.id) "
    "SELECT node.id, node.parent, coalesce(node.spelling, node.name), node.kind, node.size, node.mtime_ns,"
    " node.disk_ns, node.inode, node.stamp, digest.{checksum} FROM down JOIN node ON node.id=down.id"
    " LEFT JOIN digest ON digest.node=node.id AND digest.stamp=node.stamp LIMIT ?"
)
_COLUMNS = frozenset({"sha256", "crc32"})


class Row(NamedTuple):
    """As much of a node's row as is needed, and its checksum."""

    id: int
    parent: int
    name: str
    kind: int
    size: int
    mtime_ns: int
    disk_ns: int | None
    inode: int
    stamp: int
    checksum: Sum

    @property
    def is_folder(self) -> bool:
        """Whether it can have members."""
        return self.kind == FOLDER


def members(connection: Connection, folder: int, checksum: str, most: int) -> Iterator[Row]:
    """All that is below a folder, or ``most`` of it, in no order: one statement, row by row."""
    assert checksum in _COLUMNS
    return map(Row._make, connection.execute(_TREE.format(start="parent=?", checksum=checksum), (folder, most)))


def trees(connection: Connection, tops: Sequence[int], checksum: str, most: int) -> Iterator[Row]:
    """Some nodes and all that is below them, or ``most`` of it."""
    assert checksum in _COLUMNS
    for part in parts(tops):
        start = f"id IN ({','.join('?' * len(part))})"
        for row in connection.execute(_TREE.format(start=start, checksum=checksum), (*part, most)):
            yield Row._make(row)
            most -= 1
