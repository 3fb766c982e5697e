"""Rows of spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection, parts
from davshare.index.turn import GENERATION
from davshare.model.nodes import SNAPSHOT, Space

#: Spaces that are remembered.
_REMEMBERED = 1000
_COLUMNS = "id, kind, name, owner, root, node, trash, quota, read_only, description, portable, anchor, held"


class Tally(NamedTuple):
    """Nodes gone from disk since ``vanished_at`` (seconds), of how many, and how many wait for a person."""

    vanished: int
    vanished_at: int
    population: int
    held: int


def tally(connection: Connection, space: int) -> Tally:
    """The tally of a space."""
    row = connection.execute(
        "SELECT vanished, vanished_at, population, held FROM space WHERE id=?", (space,)
    ).fetchone()
    return Tally._make(row)


def set_tally(connection: Connection, space: int, tally: Tally) -> None:
    """Keep the tally of a space."""
    connection.execute("UPDATE space SET vanished=?, vanished_at=?, population=?, held=? WHERE id=?", (*tally, space))


def _make(row: tuple[object, ...]) -> Space:
    return Space._make((*row[:8], bool(row[8]), row[9], bool(row[10]), *row[11:]))


def get(connection: Connection, space: int) -> Space | None:
    """One space by id."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM space WHERE id=?", (space,)).fetchone()
    return None if row is None else _make(row)


def some(connection: Connection, wanted: Sequence[int]) -> dict[int, Space]:
    """Spaces by their ids: one statement for very many."""
    found: dict[int, Space] = {}
    for part in parts(wanted):
        marks = ",".join("?" * len(part))
        for row in connection.execute(f"SELECT {_COLUMNS} FROM space WHERE id IN ({marks})", part):
            found[row[0]] = _make(row)
    return found


def named(connection: Connection, kind: str, name: str) -> Space | None:
    """One space by kind and name."""
    return _remembered(connection, (kind, name), _NAMED, (kind, name))


def home(connection: Connection, owner: int) -> Space | None:
    """The home of a user."""
    return _remembered(connection, ("home", owner), _HOME, (owner,))


_NAMED = f"SELECT {_COLUMNS} FROM space WHERE kind=? AND name=?"
_HOME = f"SELECT {_COLUMNS} FROM space WHERE kind='home' AND owner=?"


def _remembered(
    connection: Connection, key: tuple[str, int | str], statement: str, values: tuple[int | str, ...]
) -> Space | None:
    """A space from an earlier statement, while nobody has changed any: whoever does raises the generation.

    Whoever writes remembers it, since nobody else can change it meanwhile.
    ``held`` changes without a new generation, so it is not for whoever wants to know that.
    """
    turn = connection.turn
    raised = turn.raised(GENERATION)
    mine = GENERATION not in connection.raises
    known = turn.spaces.get(key) if mine else None
    if known is not None and known[0] == raised:
        found: Space = known[1]
        return found
    row = connection.execute(statement, values).fetchone()
    if row is None:
        return None
    found = _make(row)
    if mine and connection.writing and not raised & 1:
        if len(turn.spaces) >= _REMEMBERED:
            turn.spaces.clear()
        turn.spaces[key] = (raised, found)
    return found


def homes_of(connection: Connection, owners: Sequence[int]) -> dict[int, tuple[str, int, bool]]:
    """Folder, bytes used and whether names are portable, of the home of each of some users."""
    found: dict[int, tuple[str, int, bool]] = {}
    for part in parts(owners):
        marks = ",".join("?" * len(part))
        for owner, root, size, portable in connection.execute(
            "SELECT s.owner, s.root, n.size, s.portable FROM space s JOIN node n ON n.id=s.node"
            f" WHERE s.kind='home' AND s.owner IN ({marks})",
            part,
        ):
            found[owner] = (root, size, bool(portable))
    return found


def with_roots(connection: Connection, roots: Sequence[int]) -> dict[int, Space]:
    """The spaces of some root nodes, by these."""
    found: dict[int, Space] = {}
    for part in parts(roots):
        marks = ",".join("?" * len(part))
        rows = connection.execute(f"SELECT {_COLUMNS} FROM space WHERE node IN ({marks})", part)
        found.update((space.node, space) for space in map(_make, rows))
    return found


def of_kind(connection: Connection, kind: str) -> list[Space]:
    """Every space of a kind, in the order of their ids."""
    return [_make(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM space WHERE kind=? ORDER BY id", (kind,))]


def over_quota(connection: Connection) -> list[Space]:
    """Spaces that hold more than their quota together with their trash: one statement."""
    columns = ", ".join(f"space.{column.strip()}" for column in _COLUMNS.split(","))
    rows = connection.execute(
        f"SELECT {columns} FROM space JOIN node top ON top.id=space.node JOIN node bin ON bin.id=space.trash"
        " WHERE space.quota IS NOT NULL AND top.size+bin.size>space.quota ORDER BY space.id"
    )
    return [_make(row) for row in rows]


def all_spaces(connection: Connection) -> list[Space]:
    """Every home and project space, in the order of their ids; not the snapshots, in which nothing ever happens."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM space WHERE kind<>'{SNAPSHOT}' ORDER BY id")
    return [_make(row) for row in rows]


def unlinked(connection: Connection) -> list[int]:
    """Ids of the snapshots that no link shows any more."""
    rows = connection.execute(
        f"SELECT id FROM space WHERE kind='{SNAPSHOT}'"
        " AND id NOT IN (SELECT node.space FROM link JOIN node ON node.id=link.node WHERE link.frozen IS NOT NULL)"
    )
    return [number for (number,) in rows]


def insert(connection: Connection, space: Space, now: int) -> int:
    """Add a space (its ``id`` is ignored) and return its id."""
    row = connection.execute(
        "INSERT INTO space (kind, name, owner, root, node, trash, head, floor, quota, read_only, description, portable,"
        " anchor, created) VALUES (?,?,?,?,?,?,0,0,?,?,?,?,?,?) RETURNING id",
        (
            space.kind, space.name, space.owner, space.root, space.node, space.trash,
            space.quota, int(space.read_only), space.description, int(space.portable), space.anchor, now,
        ),
    ).fetchone()  # fmt: skip
    return int(row[0])


def update(connection: Connection, space: Space) -> None:
    """Change what an administrator may change: quota, read_only, portable and description."""
    connection.execute(
        "UPDATE space SET quota=?, read_only=?, portable=?, description=? WHERE id=?",
        (space.quota, int(space.read_only), int(space.portable), space.description, space.id),
    )


def delete(connection: Connection, space: int) -> None:
    """Remove a space with everything that is known of its nodes; its files are not touched."""
    for table in ("digest", "property", '"grant"', "link", "trash"):
        connection.execute(f"DELETE FROM {table} WHERE node IN (SELECT id FROM node WHERE space=?)", (space,))
    for table in ("node", "journal", "redo", "lock", "follower"):
        connection.execute(f"DELETE FROM {table} WHERE space=?", (space,))
    connection.execute("DELETE FROM space WHERE id=?", (space,))


def head(connection: Connection, space: int) -> int:
    """Number of the last entry of a space's journal.

    :raises LookupError: there is no such space.
    """
    row = connection.execute("SELECT head FROM space WHERE id=?", (space,)).fetchone()
    if row is None:
        raise LookupError("no such space")
    return int(row[0])


def set_head(connection: Connection, space: int, number: int) -> None:
    """Note the number of the last entry of a space's journal; :mod:`davshare.files.numbers` counts them."""
    connection.execute("UPDATE space SET head=? WHERE id=?", (number, space))


def head_and_floor(connection: Connection, space: int) -> tuple[int, int]:
    """Number of the last entry, and the oldest number from which a follower can go on."""
    row = connection.execute("SELECT head, floor FROM space WHERE id=?", (space,)).fetchone()
    return int(row[0]), int(row[1])


def heads(connection: Connection, wanted: Sequence[int]) -> dict[int, int]:
    """Numbers of the last entries of some spaces, by their ids; those that are gone are left out."""
    found: dict[int, int] = {}
    for some in parts(wanted):
        here = ",".join("?" * len(some))
        found.update(connection.execute(f"SELECT id, head FROM space WHERE id IN ({here})", some).fetchall())
    return found


def reaches(connection: Connection, wanted: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Number of the last entry and of the last that was dropped of some spaces, by their ids."""
    found: dict[int, tuple[int, int]] = {}
    for some in parts(wanted):
        here = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT id, head, floor FROM space WHERE id IN ({here})", some)
        found.update((number, (head, floor)) for number, head, floor in rows)
    return found


def raise_floor(connection: Connection, space: int, floor: int) -> None:
    """Refuse sync tokens older than ``floor`` from now on."""
    connection.execute("UPDATE space SET floor=? WHERE id=? AND floor<?", (floor, space, floor))


class Sized(NamedTuple):
    """A project space with the bytes in it."""

    space: Space
    used: int


_SIZED = (
    f"SELECT {', '.join(f'space.{column.strip()}' for column in _COLUMNS.split(','))}, node.size"
    " FROM space JOIN node ON node.id=space.node WHERE space.kind='space'"
)


def page(connection: Connection, offset: int, limit: int) -> list[Sized]:
    """A page of all project spaces, by name."""
    rows = connection.execute(f"{_SIZED} ORDER BY space.name LIMIT ? OFFSET ?", (limit, offset))
    return [Sized(_make(row[:-1]), row[-1]) for row in rows]


def granted_to(connection: Connection, principals: frozenset[int]) -> list[Sized]:
    """The project spaces in which something is granted to some principals, by name: one statement."""
    who = ",".join("?" * len(principals))
    rows = connection.execute(
        f'{_SIZED} AND space.id IN (SELECT n.space FROM "grant" g JOIN node n ON n.id=g.node'
        f" WHERE g.principal IN ({who}) AND g.deny=0) ORDER BY space.name",
        tuple(principals),
    )
    return [Sized(_make(row[:-1]), row[-1]) for row in rows]
