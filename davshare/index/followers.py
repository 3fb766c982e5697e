"""Rows of followers: how far somebody has read the journals."""

from __future__ import annotations

from davshare.index.database import Connection


def position(connection: Connection, name: str, space: int) -> int:
    """The last entry of a space that a follower has read; 0 for none."""
    row = connection.execute("SELECT seq FROM follower WHERE name=? AND space=?", (name, space)).fetchone()
    return 0 if row is None else int(row[0])


def advance(connection: Connection, name: str, space: int, seq: int, now: int) -> None:
    """A follower has read up to ``seq``."""
    connection.execute(
        "INSERT INTO follower (name, space, seq, at) VALUES (?,?,?,?)"
        " ON CONFLICT (name, space) DO UPDATE SET seq=excluded.seq, at=excluded.at",
        (name, space, seq, now),
    )


def exists(connection: Connection, name: str) -> bool:
    """Whether a follower has read anything."""
    return connection.execute("SELECT 1 FROM follower WHERE name=? LIMIT 1", (name,)).fetchone() is not None


def drop(connection: Connection, name: str) -> None:
    """A follower does not come back, and holds up no journal any more."""
    connection.execute("DELETE FROM follower WHERE name=?", (name,))
