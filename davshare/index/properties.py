"""Rows of dead properties (RFC 4918 section 4)."""

from __future__ import annotations

from collections.abc import Sequence

from davshare.index.database import Connection, parts

Name = tuple[str, str]


def of(connection: Connection, node: int) -> dict[Name, str]:
    """All properties of a node: (namespace, name) to the whole element."""
    rows = connection.execute("SELECT namespace, name, value FROM property WHERE node=? ORDER BY 1, 2", (node,))
    return {(row[0], row[1]): row[2] for row in rows}


def of_children(connection: Connection, parent: int) -> dict[int, dict[Name, str]]:
    """Properties of all members of a folder: one statement."""
    found: dict[int, dict[Name, str]] = {}
    rows = connection.execute(
        "SELECT p.node, p.namespace, p.name, p.value FROM node n JOIN property p ON p.node=n.id WHERE n.parent=?",
        (parent,),
    )
    for node, namespace, name, value in rows:
        found.setdefault(node, {})[namespace, name] = value
    return found


def of_nodes(connection: Connection, ids: Sequence[int]) -> dict[int, dict[Name, str]]:
    """Properties of some nodes: one statement for every few hundred."""
    found: dict[int, dict[Name, str]] = {}
    for part in parts(ids):
        rows = connection.execute(
            f"SELECT node, namespace, name, value FROM property WHERE node IN ({','.join('?' * len(part))})", part
        )
        for node, namespace, name, value in rows:
            found.setdefault(node, {})[namespace, name] = value
    return found


def put(connection: Connection, node: int, name: Name, value: str) -> None:
    """Set one property."""
    connection.execute(
        "INSERT INTO property (node, namespace, name, value) VALUES (?,?,?,?)"
        " ON CONFLICT (node, namespace, name) DO UPDATE SET value=excluded.value",
        (node, *name, value),
    )


def remove(connection: Connection, node: int, name: Name) -> None:
    """Remove one property; nothing happens when it is not there."""
    connection.execute("DELETE FROM property WHERE node=? AND namespace=? AND name=?", (node, *name))


def copy(connection: Connection, pairs: Sequence[tuple[int, int]]) -> None:
    """Copy all properties from the first to the second node of each pair."""
    connection.executemany(
        "INSERT INTO property (node, namespace, name, value)"
        " SELECT ?, namespace, name, value FROM property WHERE node=?",
        ((new, old) for old, new in pairs),
    )


def weights(connection: Connection, node: int) -> tuple[int, int]:
    """Number of properties of a node, and their characters together."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(length(value)), 0) FROM property WHERE node=?", (node,)
    ).fetchone()
    return int(row[0]), int(row[1])
