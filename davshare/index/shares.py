"""Rows of shares: the face of a grant, and what its receivers have made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection, changed, parts
from davshare.index.people import WITHIN


class Share(NamedTuple):
    """One share with its grant, its node, and the names of all whom it is about.

    ``space_kind``, ``space_name`` and ``space_node`` are those of the space
    that the node is in, and ``owner`` is whose home that is.  ``state`` is
    what its user has made of it, or the one who asks of what a group received.  Times are seconds since 1970.
    """

    id: int
    node: int
    principal: int
    sharer: int
    note: str
    created: int
    rights: int
    expires: int | None
    kind: str
    name: str
    display_name: str
    email: str
    sharer_name: str
    sharer_display_name: str
    sharer_email: str
    space: int
    space_kind: str
    space_name: str
    space_node: int
    owner: int | None
    owner_name: str | None
    owner_display_name: str | None
    item: str
    is_folder: int
    parent: int
    size: int
    mtime_ns: int
    state: int


_SELECT = (
    "SELECT s.id, s.node, s.principal, s.sharer, s.note, s.created, g.rights, g.expires, p.kind, p.name,"
    " p.display_name, p.email, q.name, q.display_name, q.email, n.space, space.kind, space.name, space.node,"
    " space.owner,"
    " o.name, o.display_name, coalesce(n.spelling, n.name), n.kind, n.parent, n.size, n.mtime_ns,"
    " coalesce(r.state, 1-s.accepted)"
    " FROM share s"
    ' JOIN "grant" g ON g.node=s.node AND g.principal=s.principal AND g.deny=s.deny'
    " JOIN principal p ON p.id=s.principal JOIN principal q ON q.id=s.sharer"
    " JOIN node n ON n.id=s.node JOIN space ON space.id=n.space"
    " LEFT JOIN principal o ON o.id=space.owner"
    " LEFT JOIN receipt r ON r.share=s.id AND r.\"user\"=CASE WHEN p.kind='user' THEN p.id ELSE ? END"
)


def _marks(values: Sequence[int]) -> str:
    return ",".join("?" * len(values))


def get(connection: Connection, number: int, user: int) -> Share | None:
    """One share, with its state for a user."""
    row = connection.execute(f"{_SELECT} WHERE s.id=?", (user, number)).fetchone()
    return None if row is None else Share._make(row)


def of_grant(connection: Connection, node: int, principal: int) -> Share | None:
    """The share that is the face of a grant."""
    row = connection.execute(f"{_SELECT} WHERE s.node=? AND s.principal=?", (principal, node, principal)).fetchone()
    return None if row is None else Share._make(row)


def by(connection: Connection, sharer: int, limit: int) -> list[Share]:
    """What a user has shared, the oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE s.sharer=? ORDER BY s.id LIMIT ?", (sharer, sharer, limit))
    return [Share._make(row) for row in rows]


def page(connection: Connection, sharer: int | None, offset: int, limit: int) -> list[Share]:
    """What a user, or everybody, has shared, the oldest first."""
    where, who = ("", ()) if sharer is None else ("WHERE s.sharer=? ", (sharer,))
    rows = connection.execute(f"{_SELECT} {where}ORDER BY s.id LIMIT ? OFFSET ?", (0, *who, limit, offset))
    return [Share._make(row) for row in rows]


def count(connection: Connection, sharer: int | None) -> int:
    """How many shares a user has made, or everybody."""
    where, who = ("", ()) if sharer is None else (" WHERE sharer=?", (sharer,))
    return int(connection.execute(f"SELECT count(*) FROM share{where}", who).fetchone()[0])


def to(connection: Connection, user: int, principals: Sequence[int], limit: int) -> list[Share]:
    """What some principals, of whom ``user`` is one, have received from others, the oldest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE s.principal IN ({_marks(principals)}) AND s.sharer<>? AND coalesce(space.owner, 0)<>?"
        " ORDER BY s.id LIMIT ?",
        (user, *principals, user, user, limit),
    )
    return [Share._make(row) for row in rows]


def on(connection: Connection, user: int, node: int, limit: int) -> list[Share]:
    """What is shared of a node."""
    rows = connection.execute(f"{_SELECT} WHERE s.node=? ORDER BY s.id LIMIT ?", (user, node, limit))
    return [Share._make(row) for row in rows]


def inside(connection: Connection, user: int, folder: int, limit: int) -> list[Share]:
    """What is shared of the members of a folder."""
    rows = connection.execute(f"{_SELECT} WHERE n.parent=? ORDER BY s.id LIMIT ?", (user, folder, limit))
    return [Share._make(row) for row in rows]


def below(connection: Connection, top: int) -> list[Share]:
    """What is shared of a node, and of everything below it."""
    rows = connection.execute(
        "WITH RECURSIVE down(id) AS (SELECT CAST(? AS bigint) UNION ALL"
        " SELECT node.id FROM node JOIN down ON node.parent=down.id)"
        f" {_SELECT} WHERE s.node IN (SELECT id FROM down) ORDER BY s.id",
        (top, 0),
    )
    return [Share._make(row) for row in rows]


class Kind(NamedTuple):
    """That a node is shared, by whom, and with a user or a group."""

    node: int
    sharer: int
    kind: str


_KINDS = (
    "SELECT s.node, s.sharer, p.kind FROM share s JOIN principal p ON p.id=s.principal"
    ' JOIN "grant" g ON g.node=s.node AND g.principal=s.principal AND g.deny=s.deny'
)
_ALIVE = "(g.expires IS NULL OR g.expires>?)"


def kinds_on(connection: Connection, node: int, now: int) -> list[Kind]:
    """With whom a node is shared."""
    return [Kind._make(row) for row in connection.execute(f"{_KINDS} WHERE s.node=? AND {_ALIVE}", (node, now))]


def kinds_of(connection: Connection, numbers: Sequence[int], now: int) -> list[Kind]:
    """The same of many nodes: one statement for thousands."""
    return [
        Kind._make(row)
        for part in parts(numbers)
        for row in connection.execute(f"{_KINDS} WHERE s.node IN ({_marks(part)}) AND {_ALIVE}", (*part, now))
    ]


def kinds_in(connection: Connection, folder: int, now: int) -> list[Kind]:
    """The same of all members of a folder; one statement."""
    rows = connection.execute(f"{_KINDS} JOIN node n ON n.id=s.node WHERE n.parent=? AND {_ALIVE}", (folder, now))
    return [Kind._make(row) for row in rows]


def sharing(connection: Connection, principal: int, space: int | None = None) -> list[Share]:
    """What a user, or anybody in a group, has shared (in a space): those whose own rights are others now."""
    where = "" if space is None else " AND n.space=?"
    rows = connection.execute(
        f"{WITHIN} {_SELECT} WHERE (s.sharer=? OR s.sharer IN (SELECT id FROM within)){where} ORDER BY s.id",
        (principal, 0, principal) if space is None else (principal, 0, principal, space),
    )
    return [Share._make(row) for row in rows]


def any_at_all(connection: Connection) -> bool:
    """Whether anybody shares anything."""
    return connection.execute("SELECT 1 FROM share LIMIT 1").fetchone() is not None


def ways(connection: Connection, numbers: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """Ids and names from the top, which has no name, down to each of some nodes: few statements."""
    found: dict[int, list[tuple[int, str]]] = {}
    for part in parts(numbers):
        rows = connection.execute(
            "WITH RECURSIVE up(goal, id, depth) AS (SELECT id, id, 0 FROM node"
            f" WHERE id IN ({_marks(part)}) UNION ALL"
            " SELECT up.goal, node.parent, up.depth+1 FROM node JOIN up ON node.id=up.id WHERE node.parent>0)"
            " SELECT up.goal, node.id, coalesce(node.spelling, node.name) FROM up JOIN node ON node.id=up.id"
            " ORDER BY up.goal, up.depth DESC",
            part,
        )
        for goal, number, name in rows:
            found.setdefault(goal, []).append((number, name))
    return found


def insert(
    connection: Connection, node: int, principal: int, sharer: int, note: str, created: int, accepted: bool
) -> int:
    """Give a grant a face, and return its number."""
    row = connection.execute(
        "INSERT INTO share (node, principal, deny, sharer, note, created, accepted) VALUES (?,?,0,?,?,?,?)"
        " RETURNING id",
        (node, principal, sharer, note, created, int(accepted)),
    ).fetchone()
    changed(connection)
    return int(row[0])


def set_note(connection: Connection, number: int, note: str) -> None:
    """Other words for the receivers."""
    connection.execute("UPDATE share SET note=? WHERE id=?", (note, number))
    changed(connection)


def renew(connection: Connection, number: int, sharer: int, note: str) -> None:
    """Somebody shares again what was shared with the same receiver."""
    connection.execute("UPDATE share SET sharer=?, note=? WHERE id=?", (sharer, note, number))
    changed(connection)


def set_sharer(connection: Connection, numbers: Sequence[int], sharer: int) -> None:
    """Let shares be somebody else's."""
    connection.executemany("UPDATE share SET sharer=? WHERE id=?", [(sharer, number) for number in numbers])
    changed(connection)


def states(connection: Connection, number: int) -> dict[int, int]:
    """What those receivers of a share have made of it who have said something, by user."""
    return dict(connection.execute('SELECT "user", state FROM receipt WHERE share=?', (number,)).fetchall())


def set_state(connection: Connection, number: int, user: int, state: int) -> None:
    """What a receiver makes of a share."""
    connection.execute(
        'INSERT INTO receipt (share, "user", state) VALUES (?,?,?)'
        ' ON CONFLICT (share, "user") DO UPDATE SET state=excluded.state',
        (number, user, state),
    )
    changed(connection)
