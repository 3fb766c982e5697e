"""Rows of public links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from davshare.index.database import Connection, changed, parts
from davshare.index.shares import Kind


class Link(NamedTuple):
    """One public link with its node, and the names of all whom it is about.

    ``space_kind``, ``space_name`` and ``space_node`` are those of the space
    that the node is in, and ``owner`` is whose home that is.  ``password`` is
    a hash, None where there is none.  Times are seconds since 1970.

    Of a frozen link, made at ``frozen``, ``node`` is a copy of ``original``,
    and the space is that of the original while there is one.
    """

    id: int
    node: int
    creator: int
    sealed: bytes
    rights: int
    label: str
    note: str
    password: str | None
    password_version: int
    created: int
    expires: int | None
    uses: int
    max_uses: int | None
    paused: bool
    hide_download: bool
    creator_name: str
    creator_display_name: str
    space: int
    space_kind: str
    space_name: str
    space_node: int
    owner: int | None
    owner_name: str | None
    owner_display_name: str | None
    item: str
    is_folder: bool
    parent: int
    size: int
    mtime_ns: int
    original: int | None
    frozen: int | None

    @property
    def subject(self) -> int:
        """The node that it was made of: what it shows, or what that is a copy of."""
        return self.node if self.original is None else self.original


class New(NamedTuple):
    """A link that is about to be made; ``digest`` is that of its token."""

    node: int
    creator: int
    digest: bytes
    rights: int
    label: str
    note: str
    password: str | None
    created: int
    expires: int | None
    max_uses: int | None
    hide_download: bool
    original: int | None = None
    frozen: int | None = None


_SELECT = (
    "SELECT l.id, l.node, l.creator, l.token_sealed, l.rights, l.label, l.note, l.password, l.password_version,"
    " l.created, l.expires, l.uses, l.max_uses, l.paused, l.hide_download, p.name, p.display_name,"
    " space.id, space.kind, space.name, space.node, space.owner, o.name, o.display_name,"
    " coalesce(n.spelling, n.name), n.kind, coalesce(first.parent, n.parent), n.size, n.mtime_ns, l.original, l.frozen"
    " FROM link l JOIN principal p ON p.id=l.creator JOIN node n ON n.id=l.node"
    " LEFT JOIN node first ON first.id=l.original JOIN space ON space.id=coalesce(first.space, n.space)"
    " LEFT JOIN principal o ON o.id=space.owner"
)


def _made(row: tuple[object, ...]) -> Link:
    found = Link._make(row)
    return found._replace(
        sealed=bytes(found.sealed),
        paused=bool(found.paused),
        hide_download=bool(found.hide_download),
        is_folder=bool(found.is_folder),
    )


def _all(connection: Connection, where: str, values: Sequence[object]) -> list[Link]:
    return [_made(row) for row in connection.execute(f"{_SELECT} {where}", values)]


def get(connection: Connection, number: int) -> Link | None:
    """One link."""
    row = connection.execute(f"{_SELECT} WHERE l.id=?", (number,)).fetchone()
    return None if row is None else _made(row)


def of_token(connection: Connection, digest: bytes) -> Link | None:
    """The link whose token has this digest."""
    row = connection.execute(f"{_SELECT} WHERE l.token_hash=?", (digest,)).fetchone()
    return None if row is None else _made(row)


def by(connection: Connection, creator: int, limit: int) -> list[Link]:
    """The links of a user, the oldest first."""
    return _all(connection, "WHERE l.creator=? ORDER BY l.id LIMIT ?", (creator, limit))


def page(connection: Connection, creator: int | None, offset: int, limit: int) -> list[Link]:
    """The links of a user, or of everybody, the oldest first."""
    where, who = ("", ()) if creator is None else ("WHERE l.creator=? ", (creator,))
    return _all(connection, f"{where}ORDER BY l.id LIMIT ? OFFSET ?", (*who, limit, offset))


def on(connection: Connection, node: int, limit: int) -> list[Link]:
    """The links that show a node, or a copy of it."""
    return _all(connection, "WHERE l.node=? OR l.original=? ORDER BY l.id LIMIT ?", (node, node, limit))


def inside(connection: Connection, folder: int, limit: int) -> list[Link]:
    """The links that show members of a folder, or copies of them."""
    either = " UNION ".join(
        f"SELECT k.id FROM link k JOIN node m ON m.id=k.{column} WHERE m.parent=?" for column in ("node", "original")
    )
    return _all(connection, f"WHERE l.id IN ({either}) ORDER BY l.id LIMIT ?", (folder, folder, limit))


def count_on(connection: Connection, node: int) -> int:
    """How many links show a node, or a copy of it."""
    row = connection.execute("SELECT count(*) FROM link WHERE node=? OR original=?", (node, node)).fetchone()
    return int(row[0])


_KINDS = "SELECT l.node, l.creator, 'link' FROM link l"
_ALIVE = "(l.expires IS NULL OR l.expires>?)"


def kinds_on(connection: Connection, node: int, now: int) -> list[Kind]:
    """Whose links show a node."""
    return [Kind._make(row) for row in connection.execute(f"{_KINDS} WHERE l.node=? AND {_ALIVE}", (node, now))]


def kinds_of(connection: Connection, numbers: Sequence[int], now: int) -> list[Kind]:
    """The same of many nodes: one statement for thousands."""
    found: list[Kind] = []
    for part in parts(numbers):
        here = ",".join("?" * len(part))
        rows = connection.execute(f"{_KINDS} WHERE l.node IN ({here}) AND {_ALIVE}", (*part, now))
        found += [Kind._make(row) for row in rows]
    return found


def kinds_in(connection: Connection, folder: int, now: int) -> list[Kind]:
    """The same of all members of a folder; one statement."""
    rows = connection.execute(f"{_KINDS} JOIN node n ON n.id=l.node WHERE n.parent=? AND {_ALIVE}", (folder, now))
    return [Kind._make(row) for row in rows]


def insert(connection: Connection, new: New) -> int:
    """Add a link, and return its id, by which its token is to be sealed."""
    row = connection.execute(
        "INSERT INTO link (node, creator, token_hash, token_sealed, rights, label, note, password, created, expires,"
        " max_uses, hide_download, original, frozen) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id",
        (*new[:3], b"", *new[3:-3], int(new.hide_download), new.original, new.frozen),
    ).fetchone()
    changed(connection)
    return int(row[0])


def seal(connection: Connection, number: int, sealed: bytes) -> None:
    """Keep the encrypted token of a new link."""
    connection.execute("UPDATE link SET token_sealed=? WHERE id=?", (sealed, number))


#: What can be changed of a link.
_CHANGEABLE = ("rights", "label", "note", "password", "expires", "max_uses", "paused", "hide_download")


def update(connection: Connection, number: int, values: Mapping[str, object]) -> None:
    """Give some columns other values; another password makes sessions end."""
    for name in _CHANGEABLE:
        if name in values:
            more = ", password_version=password_version+1" if name == "password" else ""
            connection.execute(f"UPDATE link SET {name}=?{more} WHERE id=?", (values[name], number))
    changed(connection)


def labels(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """What those of some ids are called that are ids of links."""
    marks = ",".join("?" * len(numbers))
    rows = connection.execute(f"SELECT id, label FROM link WHERE id IN ({marks})", numbers) if numbers else ()
    return {number: f"link {label or number}" for number, label in rows}


def set_creator(connection: Connection, numbers: Sequence[int], creator: int) -> None:
    """Let links rest on somebody else's rights."""
    connection.executemany("UPDATE link SET creator=? WHERE id=?", [(creator, number) for number in numbers])
    changed(connection)


def remove(connection: Connection, number: int) -> None:
    """The link ends."""
    connection.execute("DELETE FROM link WHERE id=?", (number,))
    changed(connection)


def use(connection: Connection, number: int, times: int = 1) -> bool:
    """Count uses of a link; false where it must not be used so often any more, and nothing was counted."""
    done = connection.execute(
        "UPDATE link SET uses=uses+? WHERE id=? AND (max_uses IS NULL OR uses+?<=max_uses)", (times, number, times)
    )
    return done.rowcount > 0


def frozen_bytes(connection: Connection, creator: int) -> int:
    """How much the copies hold that somebody's frozen links show."""
    row = connection.execute(
        "SELECT coalesce(sum(n.size), 0) FROM link l JOIN node n ON n.id=l.node"
        " WHERE l.creator=? AND l.frozen IS NOT NULL",
        (creator,),
    ).fetchone()
    return int(row[0])
