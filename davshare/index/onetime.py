"""Rows of what may come back once, or is remembered for a while: known by hash, and gone after their time."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection


class OneTime(NamedTuple):
    """What was kept: whom it is about, if anybody, and a text (JSON)."""

    user: int | None
    payload: str


def put(
    connection: Connection, key: bytes, purpose: str, expires: int, payload: str = "", user: int | None = None
) -> bool:
    """Keep something until ``expires`` (seconds since 1970); whether nothing was kept under this key."""
    done = connection.execute(
        'INSERT INTO onetime (hash, purpose, "user", payload, expires) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING',
        (key, purpose, user, payload, expires),
    ).rowcount
    return done > 0


def replace(connection: Connection, key: bytes, purpose: str, expires: int, payload: str) -> None:
    """Keep something in place of whatever is kept under this key."""
    connection.execute(
        "INSERT INTO onetime (hash, purpose, payload, expires) VALUES (?,?,?,?) ON CONFLICT (hash) DO UPDATE SET"
        " purpose=excluded.purpose, payload=excluded.payload, expires=excluded.expires",
        (key, purpose, payload, expires),
    )


def get(connection: Connection, key: bytes, purpose: str, now: int) -> OneTime | None:
    """What is kept under a key, if its time is not over."""
    row = connection.execute(
        'SELECT "user", payload FROM onetime WHERE hash=? AND purpose=? AND expires>?', (key, purpose, now)
    ).fetchone()
    return None if row is None else OneTime._make(row)


def take(connection: Connection, key: bytes, purpose: str, now: int) -> OneTime | None:
    """The same, which nobody gets a second time."""
    row = connection.execute(
        'DELETE FROM onetime WHERE hash=? AND purpose=? AND expires>? RETURNING "user", payload', (key, purpose, now)
    ).fetchone()
    return None if row is None else OneTime._make(row)


def remove(connection: Connection, key: bytes) -> None:
    """Forget what is kept under a key."""
    connection.execute("DELETE FROM onetime WHERE hash=?", (key,))


def number(connection: Connection, purpose: str, now: int) -> int:
    """How many are kept for a purpose."""
    row = connection.execute("SELECT count(*) FROM onetime WHERE purpose=? AND expires>?", (purpose, now)).fetchone()
    return int(row[0])


def any_over(connection: Connection, now: int) -> bool:
    """Whether the time of something is over."""
    return connection.execute("SELECT 1 FROM onetime WHERE expires<=? LIMIT 1", (now,)).fetchone() is not None


def expire(connection: Connection, now: int) -> int:
    """Drop those whose time is over."""
    return connection.execute("DELETE FROM onetime WHERE expires<=?", (now,)).rowcount
