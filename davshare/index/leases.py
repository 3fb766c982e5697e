"""Rows of leases: what only one process may do at a time, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable

from davshare.index.database import Connection


def take(connection: Connection, name: str, holder: str, now: int, seconds: int, dead: Callable[[str], bool]) -> bool:
    """Take or renew a lease for some seconds; false when somebody else has it, who is not known to be dead."""
    row = connection.execute("SELECT holder, expires FROM lease WHERE name=?", (name,)).fetchone()
    if row is not None and row[0] != holder and row[1] > now and not dead(row[0]):
        return False
    connection.execute(
        "INSERT INTO lease (name, holder, expires) VALUES (?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET holder=excluded.holder, expires=excluded.expires",
        (name, holder, now + seconds),
    )
    return True


def give_back(connection: Connection, name: str, holder: str) -> None:
    """End a lease early."""
    connection.execute("DELETE FROM lease WHERE name=? AND holder=?", (name, holder))


def holder(connection: Connection, name: str, now: int) -> str | None:
    """Who has a lease now."""
    row = connection.execute("SELECT holder FROM lease WHERE name=? AND expires>?", (name, now)).fetchone()
    return None if row is None else str(row[0])
