"""Where people have put what they have received: rows of receipts with their shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection, changed, parts

#: Most shares that are looked at for one person.
_MOST = 5000


class Received(NamedTuple):
    """A share that somebody has accepted, and their place for it, if it has one; ``expires`` in seconds since 1970."""

    share: int
    node: int
    expires: int | None
    parent: int | None
    name: str | None
    key: str | None


_FROM = (
    ' FROM share s JOIN "grant" g ON g.node=s.node AND g.principal=s.principal AND g.deny=s.deny'
    ' LEFT JOIN receipt r ON r.share=s.id AND r."user"=?'
)


def _marks(values: Sequence[int]) -> str:
    return ",".join("?" * len(values))


def accepted(connection: Connection, user: int, principals: Sequence[int]) -> list[Received]:
    """What some principals, of whom ``user`` is one, have received from others and the user has accepted.

    One statement; the oldest first.
    """
    rows = connection.execute(
        f"SELECT s.id, s.node, g.expires, r.parent, r.name, r.name_key{_FROM}"
        f" WHERE s.principal IN ({_marks(principals)}) AND s.sharer<>? AND coalesce(r.state, 1-s.accepted)=0"
        " ORDER BY s.id LIMIT ?",
        (user, *principals, user, _MOST),
    )
    return [Received._make(row) for row in rows]


def of_node(connection: Connection, user: int, principals: Sequence[int], node: int) -> dict[int, int]:
    """The shares through which a node has come to a user, whatever they have made of them: with whom each is."""
    rows = connection.execute(
        f"SELECT s.id, s.principal{_FROM}"
        f" WHERE s.principal IN ({_marks(principals)}) AND s.sharer<>? AND s.node=? ORDER BY s.id",
        (user, *principals, user, node),
    )
    return dict(rows.fetchall())


def places(connection: Connection, user: int, shares: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Folder and name that a user has given to each of some shares."""
    if not shares:
        return {}
    rows = connection.execute(
        'SELECT share, parent, name FROM receipt WHERE parent IS NOT NULL AND "user"=?'
        f" AND share IN ({_marks(shares)})",
        (user, *shares),
    )
    return {share: (parent, name) for share, parent, name in rows}


def places_of(connection: Connection, shares: Sequence[int], user: int) -> list[tuple[int, int, int, str]]:
    """(share, user, folder, name) of the places of shares: of the users whom they are with, and of ``user``."""
    found: list[tuple[int, int, int, str]] = []
    for part in parts(shares):
        found += connection.execute(
            'SELECT r.share, r."user", r.parent, r.name FROM receipt r JOIN share s ON s.id=r.share'
            f' WHERE r.share IN ({_marks(part)}) AND r.parent IS NOT NULL AND (r."user"=s.principal OR r."user"=?)',
            (*part, user),
        ).fetchall()
    return found


def put(connection: Connection, shares: Sequence[int], user: int, parent: int, name: str, key: str) -> None:
    """Give shares that a user has accepted their place."""
    connection.executemany(
        'INSERT INTO receipt (share, "user", state, parent, name, name_key) VALUES (?,?,0,?,?,?)'
        ' ON CONFLICT (share, "user") DO UPDATE SET parent=excluded.parent, name=excluded.name,'
        " name_key=excluded.name_key",
        ((share, user, parent, name, key) for share in shares),
    )
    changed(connection)


def set_state(connection: Connection, shares: Sequence[int], user: int, state: int) -> None:
    """What a user makes of shares: 0 accepted, 1 pending, 2 declined."""
    connection.executemany(
        'INSERT INTO receipt (share, "user", state) VALUES (?,?,?)'
        ' ON CONFLICT (share, "user") DO UPDATE SET state=excluded.state',
        ((share, user, state) for share in shares),
    )
    changed(connection)
