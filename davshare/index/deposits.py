"""Rows of what visitors have left by public links."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_COLUMNS = "id, link, batch, node, stamp, path, name, size, sha256, created, withdrawn"


class Deposit(NamedTuple):
    """One file or folder; of a folder ``path`` ends in a slash and ``sha256`` is None."""

    id: int
    link: int
    batch: bytes
    node: int
    stamp: int
    path: str
    name: str
    size: int
    sha256: bytes | None
    created: int
    withdrawn: int | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.endswith("/")


def insert(connection: Connection, new: Deposit) -> None:
    """Keep one; its id is a new one."""
    connection.execute(
        "INSERT INTO deposit (link, batch, node, stamp, path, name, size, sha256, created) VALUES (?,?,?,?,?,?,?,?,?)",
        new[1:-1],
    )


def of_batch(connection: Connection, link: int, batch: bytes, most: int) -> list[Deposit]:
    """What was left under one receipt, in the order in which it came."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM deposit WHERE batch=? AND link=? ORDER BY id LIMIT ?", (batch, link, most)
    )
    return [_made(row) for row in rows]


def folder(connection: Connection, link: int, batch: bytes, path: str) -> Deposit | None:
    """The folder that a path of the same receipt has become."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM deposit WHERE batch=? AND link=? AND path=? AND withdrawn IS NULL"
        " ORDER BY id DESC LIMIT 1",
        (batch, link, path),
    ).fetchone()
    return None if row is None else _made(row)


def count(connection: Connection, link: int, batch: bytes) -> int:
    """How much was left under one receipt."""
    row = connection.execute("SELECT count(*) FROM deposit WHERE batch=? AND link=?", (batch, link)).fetchone()
    return int(row[0])


def withdraw(connection: Connection, number: int, now: int) -> None:
    """Note that the visitor has taken one back."""
    connection.execute("UPDATE deposit SET withdrawn=? WHERE id=? AND withdrawn IS NULL", (now, number))


def forget(connection: Connection, before: int) -> int:
    """Remove those of before a time; how many there were."""
    return connection.execute("DELETE FROM deposit WHERE created<?", (before,)).rowcount


def any_before(connection: Connection, before: int) -> bool:
    """Whether there are any of before a time."""
    return connection.execute("SELECT 1 FROM deposit WHERE created<? LIMIT 1", (before,)).fetchone() is not None


def _made(row: tuple[object, ...]) -> Deposit:
    found = Deposit._make(row)
    sha256 = None if found.sha256 is None else bytes(found.sha256)
    return found._replace(batch=bytes(found.batch), sha256=sha256)
