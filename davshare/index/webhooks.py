"""Rows of webhooks; the token of a row says what was delivered, so the rows are the outbox, too."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_COLUMNS = 'id, "user", url, secret, address, token, attempts, next, status, paused, created'


class Webhook(NamedTuple):
    """One webhook; see the table for what the columns mean."""

    id: int
    user: int
    url: str
    secret: bytes
    address: str
    token: str
    attempts: int
    next: int
    status: str
    paused: bool
    created: int


def _make(row: tuple[object, ...]) -> Webhook:
    found = Webhook._make(row)
    return found._replace(secret=bytes(found.secret), paused=bool(found.paused))


def of_user(connection: Connection, user: int) -> list[Webhook]:
    """The webhooks of a user, oldest first."""
    rows = connection.execute(f'SELECT {_COLUMNS} FROM webhook WHERE "user"=? ORDER BY id', (user,))
    return [_make(row) for row in rows]


def get(connection: Connection, number: int) -> Webhook | None:
    """One webhook."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM webhook WHERE id=?", (number,)).fetchone()
    return None if row is None else _make(row)


def active(connection: Connection, testing: str) -> list[Webhook]:
    """Webhooks that are not paused, or have the status ``testing``, of users who are not disabled."""
    columns = ", ".join(f"w.{column.strip()}" for column in _COLUMNS.split(","))
    rows = connection.execute(
        f'SELECT {columns} FROM webhook w JOIN principal p ON p.id=w."user"'
        " WHERE p.disabled=0 AND (w.paused=0 OR w.status=?) ORDER BY w.id",
        (testing,),
    )
    return [_make(row) for row in rows]


def add(connection: Connection, new: Webhook) -> int:
    """Add a webhook (``id`` is ignored) and return its id."""
    row = connection.execute(
        'INSERT INTO webhook ("user", url, secret, address, token, attempts, next, status, paused, created)'
        " VALUES (?,?,?,?,?,?,?,?,?,?) RETURNING id",
        (*new[1:9], int(new.paused), new.created),
    ).fetchone()
    return int(row[0])


def update(connection: Connection, hook: Webhook) -> None:
    """Write what its owner can change, and when it is tried again."""
    connection.execute(
        "UPDATE webhook SET url=?, attempts=?, next=?, status=?, paused=? WHERE id=?",
        (hook.url, hook.attempts, hook.next, hook.status, int(hook.paused), hook.id),
    )


def progress(connection: Connection, hook: Webhook, new: Webhook, testing: str) -> None:
    """Note what an attempt has met: only if its owner has changed nothing meanwhile; the status ``testing`` stays."""
    said = (new.token, new.attempts, new.next, testing, new.status, int(new.paused))
    connection.execute(
        "UPDATE webhook SET token=?, attempts=?, next=?, status=CASE WHEN status=? THEN status ELSE ? END, paused=?"
        " WHERE id=? AND token=? AND url=? AND attempts=? AND paused=?",
        (*said, hook.id, hook.token, hook.url, hook.attempts, int(hook.paused)),
    )


def set_status(connection: Connection, number: int, old: str, new: str) -> None:
    """Another status, if it was ``old`` still."""
    connection.execute("UPDATE webhook SET status=? WHERE id=? AND status=?", (new, number, old))


def remove(connection: Connection, number: int) -> None:
    """Remove a webhook."""
    connection.execute("DELETE FROM webhook WHERE id=?", (number,))
