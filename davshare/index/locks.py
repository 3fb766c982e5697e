"""Rows of WebDAV locks (RFC 4918 section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.index.database import Connection
from davshare.index.turn import LOCKS

#: Spaces without locks that are remembered.
_REMEMBERED = 10_000
_COLUMNS = 'token, space, node, "exclusive", infinite, creator, owner, timeout, expires, link'


class Lock(NamedTuple):
    """One lock on a node; ``owner`` is the content of DAV:owner as it came, times are seconds.

    ``link``: its creator's public link, by which somebody has taken it; 0: the creator has.
    """

    token: str
    space: int
    node: int
    exclusive: bool
    infinite: bool
    creator: int
    owner: str
    timeout: int
    expires: int
    link: int = 0


def _make(row: tuple[str, int, int, int, int, int, str, int, int, int]) -> Lock:
    return Lock(row[0], row[1], row[2], bool(row[3]), bool(row[4]), *row[5:])


def none_in(connection: Connection, space: int) -> bool:
    """Whether a space has no locks at all; costs nothing until somebody takes one.

    Whoever writes remembers that there are none: nobody else can add one
    meanwhile, and every new lock raises a number that all processes see.
    """
    turn = connection.turn
    mine = LOCKS not in connection.raises
    raised = turn.raised(LOCKS)
    if mine and turn.lockless.get(space) == raised:
        return True
    none = connection.execute("SELECT 1 FROM lock WHERE space=? LIMIT 1", (space,)).fetchone() is None
    if none and mine and connection.writing and not raised & 1:
        if len(turn.lockless) >= _REMEMBERED:
            turn.lockless.clear()
        turn.lockless[space] = raised
    return none


def any_in(connection: Connection, space: int, now: int) -> bool:
    """Whether the space has a live lock at all."""
    return not none_in(connection, space) and (
        connection.execute("SELECT 1 FROM lock WHERE space=? AND expires>? LIMIT 1", (space, now)).fetchone()
        is not None
    )


def in_space(connection: Connection, space: int, now: int) -> list[Lock]:
    """All live locks of a space."""
    if none_in(connection, space):
        return []
    return [
        _make(row)
        for row in connection.execute(f"SELECT {_COLUMNS} FROM lock WHERE space=? AND expires>?", (space, now))
    ]


def on_nodes(connection: Connection, nodes: Sequence[int], now: int) -> list[Lock]:
    """Live locks whose root is one of ``nodes``."""
    marks = ",".join("?" * len(nodes))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM lock WHERE node IN ({marks}) AND expires>? ORDER BY token", (*nodes, now)
    )
    return [_make(row) for row in rows]


def counts(connection: Connection, space: int, node: int, creator: int, link: int, now: int) -> tuple[int, int]:
    """How many live locks have a node as their root, and how many a principal has taken, or who came by their link."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM lock WHERE node=? AND space=? AND expires>?),"
        " (SELECT count(*) FROM lock WHERE creator=? AND link=? AND expires>?)",
        (node, space, now, creator, link, now),
    ).fetchone()
    return int(row[0]), int(row[1])


def get(connection: Connection, token: str, now: int) -> Lock | None:
    """One live lock by its token."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM lock WHERE token=? AND expires>?", (token, now)).fetchone()
    return None if row is None else _make(row)


def insert(connection: Connection, lock: Lock) -> None:
    """Add a lock."""
    connection.raises += (LOCKS,)
    connection.execute(f"INSERT INTO lock ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", lock)


def refresh(connection: Connection, token: str, timeout: int, expires: int) -> None:
    """Give a lock a new life time."""
    connection.execute("UPDATE lock SET timeout=?, expires=? WHERE token=?", (timeout, expires, token))


def remove(connection: Connection, tokens: Sequence[str]) -> int:
    """Delete locks; returns how many there were."""
    done = 0
    for token in tokens:
        done += connection.execute("DELETE FROM lock WHERE token=?", (token,)).rowcount
    if done:
        # They are there again if this is taken back, so nothing may be remembered of what this transaction sees.
        connection.raises += (LOCKS,)
    return done


def any_expired(connection: Connection, now: int) -> bool:
    """Whether some lock has timed out."""
    return connection.execute("SELECT 1 FROM lock WHERE expires<=? LIMIT 1", (now,)).fetchone() is not None


def expire(connection: Connection, now: int) -> int:
    """Delete what has timed out; returns how many there were."""
    return connection.execute("DELETE FROM lock WHERE expires<=?", (now,)).rowcount
