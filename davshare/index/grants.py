"""Rows of grants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection, changed


class Grant(NamedTuple):
    """What a node says about a principal's permissions; ``expires`` in seconds, None: never."""

    node: int
    principal: int
    allow: int
    expires: int | None


def on_nodes(connection: Connection, nodes: Sequence[int], principals: Sequence[int]) -> list[Grant]:
    """Grants of some nodes that concern some principals; one statement."""
    here, who = ",".join("?" * len(nodes)), ",".join("?" * len(principals))
    rows = connection.execute(
        f'SELECT node, principal, allow, expires FROM "grant" WHERE node IN ({here}) AND principal IN ({who})',
        (*nodes, *principals),
    )
    return [Grant._make(row) for row in rows]


def of_principals(connection: Connection, principals: Sequence[int]) -> list[Grant]:
    """All grants that concern some principals."""
    who = ",".join("?" * len(principals))
    rows = connection.execute(
        f'SELECT node, principal, allow, expires FROM "grant" WHERE principal IN ({who})', tuple(principals)
    )
    return [Grant._make(row) for row in rows]


def spaces_of(connection: Connection, principals: Sequence[int]) -> list[int]:
    """Ids of the spaces in which something is granted to some principals: one statement."""
    who = ",".join("?" * len(principals))
    rows = connection.execute(
        f'SELECT DISTINCT node.space FROM "grant" g JOIN node ON node.id=g.node WHERE g.principal IN ({who})',
        tuple(principals),
    )
    return [row[0] for row in rows]


def of_node(connection: Connection, node: int) -> list[Grant]:
    """All grants on one node."""
    rows = connection.execute(
        'SELECT node, principal, allow, expires FROM "grant" WHERE node=? ORDER BY principal', (node,)
    )
    return [Grant._make(row) for row in rows]


def put(connection: Connection, grant: Grant) -> None:
    """Set a grant; every worker decides by it from its next request on."""
    connection.execute(
        'INSERT INTO "grant" (node, principal, allow, expires) VALUES (?,?,?,?)'
        " ON CONFLICT (node, principal) DO UPDATE SET"
        " allow=excluded.allow, expires=excluded.expires",
        grant,
    )
    changed(connection)


def remove(connection: Connection, node: int, principal: int) -> bool:
    """Take a grant back; whether there was one."""
    done = connection.execute('DELETE FROM "grant" WHERE node=? AND principal=?', (node, principal)).rowcount
    changed(connection)
    return bool(done)
