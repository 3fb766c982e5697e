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
