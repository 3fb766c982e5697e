"""Rows of mail that waits to be sent, or could not be."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_COLUMNS = "id, recipient, name, subject, body, message, created, attempts, next, status, given_up"


class Mail(NamedTuple):
    """One message; see the table for what the columns mean."""

    id: int
    recipient: str
    name: str
    subject: str
    body: bytes
    message: str
    created: int
    attempts: int = 0
    next: int = 0
    status: str = ""
    given_up: bool = False


def _make(row: tuple[object, ...]) -> Mail:
    found = Mail._make(row)
    return found._replace(body=bytes(found.body), given_up=bool(found.given_up))


def add(connection: Connection, new: Mail) -> int:
    """Let a message wait (``id`` is ignored), and return its id."""
    row = connection.execute(
        "INSERT INTO mail (recipient, name, subject, body, message, created, attempts, next, status, given_up)"
        " VALUES (?,?,?,?,?,?,?,?,?,?) RETURNING id",
        (*new[1:10], int(new.given_up)),
    ).fetchone()
    return int(row[0])


def number_to(connection: Connection, recipient: str) -> int:
    """How many messages to somebody have not arrived."""
    row = connection.execute("SELECT count(*) FROM mail WHERE recipient=?", (recipient,)).fetchone()
    return int(row[0])


def due(connection: Connection, now: int, limit: int) -> list[Mail]:
    """Messages whose time has come, the longest waiting first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM mail WHERE given_up=0 AND next<=? ORDER BY next, id LIMIT ?", (now, limit)
    )
    return [_make(row) for row in rows]


def next_due(connection: Connection) -> int | None:
    """When the next message is tried; None: there is none."""
    row = connection.execute("SELECT min(next) FROM mail WHERE given_up=0").fetchone()
    return None if row[0] is None else int(row[0])


def page(connection: Connection, offset: int, limit: int) -> list[Mail]:
    """A page of all messages, the oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM mail ORDER BY id LIMIT ? OFFSET ?", (limit, offset))
    return [_make(row) for row in rows]


def note(connection: Connection, mail: Mail) -> None:
    """Write what an attempt has met."""
    connection.execute(
        "UPDATE mail SET attempts=?, next=?, status=?, given_up=? WHERE id=?",
        (mail.attempts, mail.next, mail.status, int(mail.given_up), mail.id),
    )


def again(connection: Connection, number: int | None) -> int:
    """Let one message, or all, be tried at once; how many there are."""
    where, which = ("", ()) if number is None else (" WHERE id=?", (number,))
    return connection.execute(f"UPDATE mail SET attempts=0, next=0, given_up=0{where}", which).rowcount


def remove(connection: Connection, number: int) -> None:
    """Forget a message, with everything that it says."""
    connection.execute("DELETE FROM mail WHERE id=?", (number,))


def any_old(connection: Connection, before: int) -> bool:
    """Whether a message that was given up is from before a time."""
    found = connection.execute("SELECT 1 FROM mail WHERE given_up=1 AND created<? LIMIT 1", (before,)).fetchone()
    return found is not None


def forget_old(connection: Connection, before: int) -> int:
    """Forget messages that were given up and are from before a time; how many there were."""
    return connection.execute("DELETE FROM mail WHERE given_up=1 AND created<?", (before,)).rowcount
