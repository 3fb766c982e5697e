"""Rows that say which account, or group, somebody elsewhere is here."""

from __future__ import annotations

from davshare.index.database import Connection, changed


def owner(connection: Connection, issuer: str, subject: str) -> int | None:
    """Id of the user or group that a subject of an issuer is."""
    row = connection.execute(
        "SELECT principal FROM identity WHERE issuer=? AND subject=?", (issuer, subject)
    ).fetchone()
    return None if row is None else int(row[0])


def of_issuer(connection: Connection, issuer: str, kind: str) -> dict[str, int]:
    """Ids of all users, or groups, that an issuer knows, by subject."""
    rows = connection.execute(
        "SELECT i.subject, i.principal FROM identity i JOIN principal p ON p.id=i.principal"
        " WHERE i.issuer=? AND p.kind=?",
        (issuer, kind),
    )
    return dict(rows.fetchall())


def add(connection: Connection, issuer: str, subject: str, principal: int) -> None:
    """Say who a subject is; there is nobody yet."""
    connection.execute("INSERT INTO identity (issuer, subject, principal) VALUES (?,?,?)", (issuer, subject, principal))
    changed(connection)


def claim(connection: Connection, issuer: str, subject: str, principal: int) -> bool:
    """Say who a subject is; false when that has been said already."""
    done = connection.execute(
        "INSERT INTO identity (issuer, subject, principal) VALUES (?,?,?) ON CONFLICT DO NOTHING",
        (issuer, subject, principal),
    ).rowcount
    changed(connection)
    return done > 0


def of_user(connection: Connection, user: int) -> list[tuple[str, str]]:
    """Issuers and subjects that are a user."""
    rows = connection.execute(
        "SELECT issuer, subject FROM identity WHERE principal=? ORDER BY issuer, subject", (user,)
    )
    return [(str(issuer), str(subject)) for issuer, subject in rows]


def remove(connection: Connection, user: int, issuer: str, subject: str | None = None) -> int:
    """Forget that a subject, or whoever an issuer knows, is a user; how many were forgotten."""
    done = connection.execute(
        "DELETE FROM identity WHERE principal=? AND issuer=? AND (CAST(? AS text) IS NULL OR subject=?)",
        (user, issuer, subject, subject),
    ).rowcount
    changed(connection)
    return done


def by_email(connection: Connection, email: str) -> list[int]:
    """Ids of up to two users with an e-mail address, however its letters are cased."""
    rows = connection.execute(
        "SELECT id FROM principal WHERE kind='user' AND lower(email)=lower(?) ORDER BY id LIMIT 2", (email,)
    )
    return [int(row[0]) for row in rows]
