"""Open effects: what the index has decided and the disk may not show yet."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection


class Redo(NamedTuple):
    """One effect on disk; paths are below the space's root."""

    id: int
    space: int
    kind: str
    source: bytes | None
    target: bytes
    inode: int | None


def insert(connection: Connection, space: int, kind: str, source: bytes | None, target: bytes, inode: int | None) -> int:
    """Note an effect and return its id."""
    row = connection.execute(
        "INSERT INTO redo (space, kind, source, target, inode) VALUES (?,?,?,?,?) RETURNING id",
        (space, kind, source, target, inode),
    ).fetchone()
    return int(row[0])


def open_effects(connection: Connection) -> list[Redo]:
    """Effects that nobody has reported as done, oldest first."""
    return [
        Redo._make(row)
        for row in connection.execute("SELECT id, space, kind, source, target, inode FROM redo ORDER BY id")
    ]


def drop(connection: Connection, ids: list[int]) -> None:
    """Effects are on disk for good."""
    connection.executemany("DELETE FROM redo WHERE id=?", ((one,) for one in ids))
