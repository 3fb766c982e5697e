"""Rows of deleted nodes that have not been purged yet."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection


class TrashItem(NamedTuple):
    """Where a deleted node was; ``at`` in seconds since 1970."""

    node: int
    space: int
    parent: int
    name: str
    actor: int | None
    seq: int
    at: int


def insert(
    connection: Connection, node: int, space: int, parent: int, name: str, actor: int | None, seq: int, at: int
) -> None:
    """Note a deletion."""
    connection.execute(
        "INSERT INTO trash (node, space, parent, name, actor, seq, at) VALUES (?,?,?,?,?,?,?)",
        (node, space, parent, name, actor, seq, at),
    )


def older_than(connection: Connection, at: int, limit: int) -> list[TrashItem]:
    """Items that were deleted before ``at``, oldest first."""
    rows = connection.execute(
        "SELECT node, space, parent, name, actor, seq, at FROM trash WHERE at<? ORDER BY at LIMIT ?", (at, limit)
    )
    return [TrashItem._make(row) for row in rows]


def of_space(connection: Connection, space: int, limit: int) -> list[TrashItem]:
    """Items of one space, oldest first."""
    rows = connection.execute(
        "SELECT node, space, parent, name, actor, seq, at FROM trash WHERE space=? ORDER BY at LIMIT ?", (space, limit)
    )
    return [TrashItem._make(row) for row in rows]


def remove(connection: Connection, node: int) -> bool:
    """Forget one item; whether it was there."""
    return bool(connection.execute("DELETE FROM trash WHERE node=?", (node,)).rowcount)


def holds(connection: Connection, node: int) -> bool:
    """Whether a node's bytes are in the trash."""
    return connection.execute("SELECT 1 FROM trash WHERE node=?", (node,)).fetchone() is not None
