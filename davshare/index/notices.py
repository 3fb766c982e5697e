"""Rows of notifications, and of what was told already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from davshare.index.database import Connection

_COLUMNS = 'id, "user", kind, node, subject, at, read'


class Row(NamedTuple):
    """One notification; see the table for what the columns mean."""

    id: int
    user: int
    kind: str
    node: int | None
    subject: str
    at: int
    read: bool = False


def add(connection: Connection, new: Iterable[Row], most: int) -> None:
    """Add notifications (their ids are ignored); of each user no more than the newest ``most`` stay."""
    rows = list(new)
    connection.executemany(
        'INSERT INTO notification ("user", kind, node, subject, at, read) VALUES (?,?,?,?,?,?)',
        [(*each[1:6], int(each.read)) for each in rows],
    )
    connection.executemany(
        'DELETE FROM notification WHERE "user"=? AND id<=(SELECT id FROM notification WHERE "user"=?'
        " ORDER BY id DESC LIMIT 1 OFFSET ?)",
        [(user, user, most) for user in sorted({each.user for each in rows})],
    )


def page(connection: Connection, user: int, unread: bool, offset: int, limit: int) -> list[Row]:
    """A page of a user's notifications, the newest first."""
    rows = connection.execute(
        f'SELECT {_COLUMNS} FROM notification WHERE "user"=? AND read<=? ORDER BY id DESC LIMIT ? OFFSET ?',
        (user, 0 if unread else 1, limit, offset),
    )
    return [Row._make((*row[:6], bool(row[6]))) for row in rows]


def get(connection: Connection, user: int, number: int) -> Row | None:
    """One of a user's notifications."""
    row = connection.execute(f'SELECT {_COLUMNS} FROM notification WHERE "user"=? AND id=?', (user, number)).fetchone()
    return None if row is None else Row._make((*row[:6], bool(row[6])))


def existing(connection: Connection, user: int, numbers: Sequence[int]) -> list[int]:
    """Those of some ids that are notifications of a user."""
    marks = ",".join("?" * len(numbers))
    rows = connection.execute(
        f'SELECT id FROM notification WHERE "user"=? AND id IN ({marks}) ORDER BY id', (user, *numbers)
    )
    return [row[0] for row in rows]


def set_read(connection: Connection, user: int, number: int | None, read: bool) -> int:
    """Note that one of a user's notifications, or all, were read, or not; how many there are."""
    where, which = ("", ()) if number is None else (" AND id=?", (number,))
    return connection.execute(
        f'UPDATE notification SET read=? WHERE "user"=?{where}', (int(read), user, *which)
    ).rowcount


def remove(connection: Connection, user: int, number: int | None) -> int:
    """Remove one of a user's notifications, or all; how many there were."""
    where, which = ("", ()) if number is None else (" AND id=?", (number,))
    return connection.execute(f'DELETE FROM notification WHERE "user"=?{where}', (user, *which)).rowcount


# what was told already


def remember(connection: Connection, mark: str, expires: int | None) -> bool:
    """Keep a mark; whether it is new."""
    done = connection.execute(
        "INSERT INTO reminder (mark, expires) VALUES (?,?) ON CONFLICT DO NOTHING", (mark, expires)
    ).rowcount
    return done > 0


def any_over(connection: Connection, now: int) -> bool:
    """Whether the time of some mark is over."""
    return (
        connection.execute(
            "SELECT 1 FROM reminder WHERE expires<=? AND mark NOT LIKE 'guest:%' LIMIT 1", (now,)
        ).fetchone()
        is not None
    )


def forget_over(connection: Connection, now: int) -> int:
    """Forget marks whose time is over, but for those of guests who are to go then; how many there were."""
    return connection.execute("DELETE FROM reminder WHERE expires<=? AND mark NOT LIKE 'guest:%'", (now,)).rowcount


class Full(NamedTuple):
    """A space that is nearly full."""

    space: int
    kind: str
    name: str
    owner: int | None
    node: int
    used: int
    quota: int


_FULL = "FROM space s JOIN node n ON n.id=s.node WHERE s.quota>0 AND n.size>=s.quota/100.0*?"
_MARK = "'quota:' || CAST(s.id AS TEXT)"


def nearly_full(connection: Connection, percent: int, limit: int) -> list[Full]:
    """Spaces of whose quota so much is used, and of which that was not told yet."""
    rows = connection.execute(
        f"SELECT s.id, s.kind, s.name, s.owner, s.node, n.size, s.quota {_FULL}"
        f" AND NOT EXISTS (SELECT 1 FROM reminder WHERE mark={_MARK}) ORDER BY s.id LIMIT ?",
        (percent, limit),
    )
    return [Full._make(row) for row in rows]


def not_full_any_more(connection: Connection, percent: int) -> list[str]:
    """The marks of spaces of whose quota less is used again."""
    rows = connection.execute(
        f"SELECT mark FROM reminder WHERE mark LIKE 'quota:%' AND mark NOT IN (SELECT {_MARK} {_FULL})", (percent,)
    )
    return [row[0] for row in rows]


def forget(connection: Connection, marks: Sequence[str]) -> None:
    """Forget marks."""
    connection.executemany("DELETE FROM reminder WHERE mark=?", [(mark,) for mark in marks])


class EndingLink(NamedTuple):
    """A public link that ends soon."""

    link: int
    node: int
    creator: int
    label: str
    expires: int


def ending_links(connection: Connection, now: int, seconds: int, limit: int) -> list[EndingLink]:
    """Links that end within some seconds, were made before that, and of which that was not told yet."""
    rows = connection.execute(
        "SELECT id, coalesce(original, node), creator, label, expires FROM link"
        " WHERE expires>? AND expires<=? AND created<expires-?"
        " AND NOT EXISTS (SELECT 1 FROM reminder"
        " WHERE mark='link:' || CAST(link.id AS TEXT) || ':' || CAST(link.expires AS TEXT)) ORDER BY expires LIMIT ?",
        (now, now + seconds, seconds, limit),
    )
    return [EndingLink._make(row) for row in rows]


class Ending(NamedTuple):
    """A share that ends soon."""

    share: int
    node: int
    sharer: int
    principal: int
    kind: str
    name: str
    expires: int


def ending_shares(connection: Connection, now: int, seconds: int, limit: int) -> list[Ending]:
    """Shares that end within some seconds, were made before that, and of which that was not told yet."""
    rows = connection.execute(
        "SELECT s.id, s.node, s.sharer, s.principal, p.kind, p.name, g.expires FROM share s"
        ' JOIN "grant" g ON g.node=s.node AND g.principal=s.principal AND g.deny=s.deny'
        " JOIN principal p ON p.id=s.principal"
        " WHERE g.expires>? AND g.expires<=? AND s.created<g.expires-? AND NOT EXISTS"
        " (SELECT 1 FROM reminder WHERE mark='share:' || CAST(s.id AS TEXT) || ':' || CAST(g.expires AS TEXT))"
        " ORDER BY g.expires LIMIT ?",
        (now, now + seconds, seconds, limit),
    )
    return [Ending._make(row) for row in rows]
