"""Rows of identities: who at an OpenID provider is which user here, and the groups that providers put people into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from davshare.index.database import Connection, changed


class Identity(NamedTuple):
    """One subject of one issuer, and the user that it is."""

    issuer: str
    subject: str
    user: int


def user_of(connection: Connection, issuer: str, subject: str) -> int | None:
    """The id of the user that a subject is."""
    row = connection.execute(
        "SELECT principal FROM identity WHERE issuer=? AND subject=?", (issuer, subject)
    ).fetchone()
    return None if row is None else int(row[0])


def of_user(connection: Connection, user: int) -> list[Identity]:
    """All identities of a user."""
    rows = connection.execute(
        "SELECT issuer, subject, principal FROM identity WHERE principal=? ORDER BY issuer, subject", (user,)
    )
    return [Identity._make(row) for row in rows]


def add(connection: Connection, new: Identity) -> bool:
    """Let a subject be a user; false when it is one already."""
    done = connection.execute(
        "INSERT INTO identity (issuer, subject, principal) VALUES (?,?,?) ON CONFLICT DO NOTHING", tuple(new)
    ).rowcount
    changed(connection)
    return done > 0


def remove(connection: Connection, user: int, issuer: str, subject: str | None = None) -> int:
    """Forget that a subject, or whoever an issuer knows, is the user; how many were forgotten."""
    done = connection.execute(
        "DELETE FROM identity WHERE principal=? AND issuer=? AND (CAST(? AS text) IS NULL OR subject=?)",
        (user, issuer, subject, subject),
    ).rowcount
    connection.execute('DELETE FROM member WHERE "user"=? AND source=?', (user, issuer))
    connection.execute('DELETE FROM session WHERE "user"=? AND issuer=?', (user, issuer))
    changed(connection)
    return done


def by_email(connection: Connection, email: str) -> list[int]:
    """Ids of up to two users with an e-mail address, however its letters are cased."""
    rows = connection.execute(
        "SELECT id FROM principal WHERE kind='user' AND lower(email)=lower(?) ORDER BY id LIMIT 2", (email,)
    )
    return [int(row[0]) for row in rows]


def memberships(connection: Connection, user: int, source: str) -> dict[str, int]:
    """The groups that a source has put a user into: name to id."""
    rows = connection.execute(
        'SELECT p.name, p.id FROM member m JOIN principal p ON p.id=m."group" WHERE m."user"=? AND m.source=?',
        (user, source),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def join(connection: Connection, user: int, groups: Iterable[int], source: str) -> None:
    """Put a user into groups in the name of a source; who is in one by hand stays so."""
    for group in groups:
        connection.execute(
            'INSERT INTO member ("group", "user", source) VALUES (?,?,?) ON CONFLICT DO NOTHING', (group, user, source)
        )
    changed(connection)


def leave(connection: Connection, user: int, groups: Iterable[int], source: str) -> None:
    """Take a user out of groups that the same source has put them into."""
    for group in groups:
        connection.execute('DELETE FROM member WHERE "group"=? AND "user"=? AND source=?', (group, user, source))
    changed(connection)
