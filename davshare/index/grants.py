"""Rows of grants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection, changed

_COLUMNS = "node, principal, deny, rights, expires"


class Grant(NamedTuple):
    """What a node says about some of a principal's permissions; ``expires`` in seconds, None: never."""

    node: int
    principal: int
    deny: bool
    rights: int
    expires: int | None = None


class Told(NamedTuple):
    """What a node says, with the kind (user or group) and the name of the one it concerns."""

    node: int
    principal: int
    deny: bool
    rights: int
    expires: int | None
    kind: str
    name: str


def _grants(rows: Sequence[tuple[int, int, int, int, int | None]]) -> list[Grant]:
    return [Grant(node, principal, bool(deny), rights, expires) for node, principal, deny, rights, expires in rows]


def of_principals(connection: Connection, principals: Sequence[int]) -> list[Grant]:
    """All grants that concern some principals; one statement, none for nobody (PostgreSQL knows no empty list)."""
    if not principals:
        return []
    who = ",".join("?" * len(principals))
    return _grants(
        connection.execute(f'SELECT {_COLUMNS} FROM "grant" WHERE principal IN ({who})', tuple(principals)).fetchall()
    )


def on_nodes(connection: Connection, nodes: Sequence[int], limit: int = 2**31) -> list[Grant]:
    """All grants on some nodes, or the first of them; one statement."""
    here = ",".join("?" * len(nodes))
    return _grants(
        connection.execute(
            f'SELECT {_COLUMNS} FROM "grant" WHERE node IN ({here}) ORDER BY node, deny DESC, principal LIMIT ?',
            (*nodes, limit),
        ).fetchall()
    )


def of_node(connection: Connection, node: int) -> list[Grant]:
    """All grants on one node: denials first, each kind by principal."""
    return on_nodes(connection, [node])


_TOLD = (
    'SELECT g.node, g.principal, g.deny, g.rights, g.expires, p.kind, p.name FROM "grant" g'
    " JOIN principal p ON p.id=g.principal"
)
_ORDER = "ORDER BY g.node, g.deny DESC, p.kind DESC, p.name"


def told_on(connection: Connection, nodes: Sequence[int]) -> list[Told]:
    """Everything that some nodes say, with kind and name of the principal: denials first, users before groups."""
    here = ",".join("?" * len(nodes))
    rows = connection.execute(f"{_TOLD} WHERE g.node IN ({here}) {_ORDER}", tuple(nodes))
    return [Told(node, principal, bool(deny), *rest) for node, principal, deny, *rest in rows]


def told_in(connection: Connection, folder: int) -> list[Told]:
    """The same of all members of a folder."""
    rows = connection.execute(f"{_TOLD} JOIN node ON node.id=g.node WHERE node.parent=? {_ORDER}", (folder,))
    return [Told(node, principal, bool(deny), *rest) for node, principal, deny, *rest in rows]


def any_in(connection: Connection, top: int) -> bool:
    """Whether a node, or anything below it, says something about anybody: one statement."""
    row = connection.execute(
        "WITH RECURSIVE down(id) AS (SELECT CAST(? AS bigint) UNION ALL"
        " SELECT node.id FROM node JOIN down ON node.parent=down.id)"
        ' SELECT 1 FROM down JOIN "grant" g ON g.node=down.id LIMIT 1',
        (top,),
    ).fetchone()
    return row is not None


def spaces_of(connection: Connection, principals: Sequence[int]) -> list[int]:
    """Ids of the spaces in which something is granted to some principals: one statement."""
    who = ",".join("?" * len(principals))
    rows = connection.execute(
        f'SELECT DISTINCT node.space FROM "grant" g JOIN node ON node.id=g.node'
        f" WHERE g.principal IN ({who}) AND g.deny=0",
        tuple(principals),
    )
    return [row[0] for row in rows]


def in_space(connection: Connection, principal: int, space: int) -> list[Grant]:
    """What is said to one principal in one space."""
    columns = ", ".join(f"g.{column.strip()}" for column in _COLUMNS.split(","))
    return _grants(
        connection.execute(
            f'SELECT {columns} FROM "grant" g JOIN node n ON n.id=g.node WHERE g.principal=? AND n.space=?',
            (principal, space),
        ).fetchall()
    )


def expired(connection: Connection, now: int, limit: int) -> list[Grant]:
    """Grants whose time is over, the oldest first."""
    return _grants(
        connection.execute(
            f'SELECT {_COLUMNS} FROM "grant" WHERE expires IS NOT NULL AND expires<=? ORDER BY expires LIMIT ?',
            (now, limit),
        ).fetchall()
    )


def put(connection: Connection, grant: Grant) -> None:
    """Set a grant; every worker decides by it from its next request on."""
    connection.execute(
        f'INSERT INTO "grant" ({_COLUMNS}) VALUES (?,?,?,?,?)'
        " ON CONFLICT (node, principal, deny) DO UPDATE SET rights=excluded.rights, expires=excluded.expires",
        (grant.node, grant.principal, int(grant.deny), grant.rights, grant.expires),
    )
    changed(connection)


def remove(connection: Connection, node: int, principal: int, deny: bool = False) -> bool:
    """Take a grant, or a denial, back; whether there was one."""
    done = connection.execute(
        'DELETE FROM "grant" WHERE node=? AND principal=? AND deny=?', (node, principal, int(deny))
    ).rowcount
    changed(connection)
    return bool(done)


class Named(NamedTuple):
    """A grant with whom it is for: a kind (user or group), a name, and the name that others see."""

    grant: Grant
    kind: str
    name: str
    display_name: str


def named_on_node(connection: Connection, node: int, offset: int, limit: int) -> list[Named]:
    """A page of the grants on one node: groups first, each kind by name, denials before what is granted."""
    rows = connection.execute(
        "SELECT g.node, g.principal, g.deny, g.rights, g.expires, p.kind, p.name, p.display_name"
        ' FROM "grant" g JOIN principal p ON p.id=g.principal WHERE g.node=?'
        " ORDER BY p.kind, p.name, g.deny DESC LIMIT ? OFFSET ?",
        (node, limit, offset),
    )
    return [Named(_grants([row[:5]])[0], *row[5:]) for row in rows]


def get(connection: Connection, node: int, principal: int, deny: bool = False) -> Grant | None:
    """What is granted, or denied, to one principal on one node."""
    rows = connection.execute(
        f'SELECT {_COLUMNS} FROM "grant" WHERE node=? AND principal=? AND deny=?', (node, principal, int(deny))
    ).fetchall()
    return _grants(rows)[0] if rows else None
