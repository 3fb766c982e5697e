"""Rows of what comes back once: links to a new password, codes that were used."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection


class Once(NamedTuple):
    """One row; ``hash`` is the SHA-256 of what comes back, ``expires`` in seconds since 1970."""

    hash: bytes
    purpose: str
    user: int | None
    payload: str
    expires: int


def get(connection: Connection, digest: bytes, purpose: str, now: int) -> Once | None:
    """A row that is still good."""
    row = connection.execute(
        'SELECT hash, purpose, "user", payload, expires FROM onetime WHERE hash=? AND purpose=? AND expires>?',
        (digest, purpose, now),
    ).fetchone()
    return None if row is None else Once(bytes(row[0]), *row[1:])


def put(connection: Connection, new: Once, now: int) -> None:
    """Keep a row, or replace it; those whose time is over go."""
    connection.execute("DELETE FROM onetime WHERE expires<=?", (now,))
    connection.execute(
        'INSERT INTO onetime (hash, purpose, "user", payload, expires) VALUES (?,?,?,?,?)'
        " ON CONFLICT (hash) DO UPDATE SET payload=excluded.payload, expires=excluded.expires",
        new,
    )


def remove_of(connection: Connection, user: int, purpose: str) -> None:
    """Remove every row of a user and a purpose."""
    connection.execute('DELETE FROM onetime WHERE "user"=? AND purpose=?', (user, purpose))


def claim(connection: Connection, new: Once) -> bool:
    """Keep a row unless there is one with its hash; whether there was none."""
    done = connection.execute(
        'INSERT INTO onetime (hash, purpose, "user", payload, expires) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING', new
    ).rowcount
    return done > 0


def take(connection: Connection, digest: bytes, purpose: str, now: int) -> Once | None:
    """A row that is still good, which nobody gets a second time."""
    row = connection.execute(
        "DELETE FROM onetime WHERE hash=? AND purpose=? AND expires>?"
        ' RETURNING hash, purpose, "user", payload, expires',
        (digest, purpose, now),
    ).fetchone()
    return None if row is None else Once(bytes(row[0]), *row[1:])


def number(connection: Connection, purpose: str, now: int) -> int:
    """How many rows of a purpose are still good."""
    row = connection.execute("SELECT count(*) FROM onetime WHERE purpose=? AND expires>?", (purpose, now)).fetchone()
    return int(row[0])


def number_of(connection: Connection, purpose: str, beginning: str, now: int) -> int:
    """How many rows of a purpose whose payload begins with a text are still good."""
    row = connection.execute(
        "SELECT count(*) FROM onetime WHERE purpose=? AND expires>? AND substr(payload, 1, CAST(? AS INTEGER))=?",
        (purpose, now, len(beginning), beginning),
    ).fetchone()
    return int(row[0])


def any_over(connection: Connection, now: int) -> bool:
    """Whether the time of some row is over."""
    return connection.execute("SELECT 1 FROM onetime WHERE expires<=? LIMIT 1", (now,)).fetchone() is not None


def expire(connection: Connection, now: int) -> int:
    """Drop rows whose time is over; how many there were."""
    return connection.execute("DELETE FROM onetime WHERE expires<=?", (now,)).rowcount
