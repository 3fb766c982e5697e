"""Rows of people who were invited and have nothing left here."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection


class Idle(NamedTuple):
    """A guest without anything; ``due`` says when the account goes, None: that was not settled yet."""

    id: int
    name: str
    due: int | None


_IDLE = (
    "FROM principal p LEFT JOIN reminder r ON r.mark='guest:' || CAST(p.id AS TEXT)"
    " WHERE p.kind='user' AND p.guest=1 AND p.source=? AND NOT EXISTS (SELECT 1 FROM \"grant\" g WHERE g.principal=p.id"
    ' UNION ALL SELECT 1 FROM member m WHERE m."user"=p.id UNION ALL SELECT 1 FROM manager m WHERE m."user"=p.id)'
)


def idle(connection: Connection, source: str, now: int, limit: int) -> list[Idle]:
    """Guests with the source ``source`` to whom nothing is granted, who are in no group, and about whom there is
    something to do: their end was not settled, or has come."""
    rows = connection.execute(
        f"SELECT p.id, p.name, r.expires {_IDLE} AND (r.expires IS NULL OR r.expires<=?) ORDER BY p.id LIMIT ?",
        (source, now, limit),
    )
    return [Idle._make(row) for row in rows]


def busy_again(connection: Connection, source: str) -> list[str]:
    """Marks of guests whose end was settled and who have something again, or are gone."""
    rows = connection.execute(
        "SELECT mark FROM reminder WHERE mark LIKE 'guest:%' AND mark NOT IN"
        f" (SELECT 'guest:' || CAST(p.id AS TEXT) {_IDLE})",
        (source,),
    )
    return [row[0] for row in rows]
