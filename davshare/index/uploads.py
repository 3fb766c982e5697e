"""Rows of uploads that come in chunks, and of the chunks that are there already."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_UPLOAD = 'file, "user", name, space, total, touched'


class Upload(NamedTuple):
    """One open upload; ``file`` is the staged file to which chunks are appended, and stands for the upload.

    ``total`` is the announced number of bytes, ``touched`` when something last came, in seconds.
    """

    file: str
    user: int
    name: str
    space: int
    total: int | None
    touched: int


class Chunk(NamedTuple):
    """One whole chunk: ``size`` bytes from ``start`` of the staged file ``file``; ``name`` as its sender spells it."""

    number: int
    name: str
    file: str
    start: int
    size: int


def get(connection: Connection, user: int, name: str) -> Upload | None:
    """An open upload of a user."""
    row = connection.execute(f'SELECT {_UPLOAD} FROM upload WHERE "user"=? AND name=?', (user, name)).fetchone()
    return None if row is None else Upload._make(row)


def add(connection: Connection, new: Upload) -> bool:
    """Open an upload unless the user has one of that name; whether there was none."""
    statement = f"INSERT INTO upload ({_UPLOAD}) VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING"
    return connection.execute(statement, new).rowcount > 0


def is_open(connection: Connection, file: str) -> bool:
    """Whether an upload has neither ended nor been completed."""
    return connection.execute("SELECT 1 FROM upload WHERE file=?", (file,)).fetchone() is not None


def touch(connection: Connection, file: str, now: int) -> bool:
    """Something came; whether the upload is still open."""
    return connection.execute("UPDATE upload SET touched=? WHERE file=?", (now, file)).rowcount > 0


def remove(connection: Connection, file: str) -> bool:
    """End an upload with all its chunks; whether it was open."""
    connection.execute("DELETE FROM chunk WHERE upload=?", (file,))
    return connection.execute("DELETE FROM upload WHERE file=?", (file,)).rowcount > 0


def chunks(connection: Connection, file: str) -> list[Chunk]:
    """All chunks of an upload, by number."""
    statement = "SELECT number, name, file, start, size FROM chunk WHERE upload=? ORDER BY number"
    return [Chunk._make(row) for row in connection.execute(statement, (file,)).fetchall()]


def put(connection: Connection, file: str, new: Chunk) -> None:
    """Keep a chunk, in place of the one with its number."""
    connection.execute(
        "INSERT INTO chunk (upload, number, name, file, start, size) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (upload, number) DO UPDATE SET"
        " name=excluded.name, file=excluded.file, start=excluded.start, size=excluded.size",
        (file, *new),
    )


def drop(connection: Connection, file: str, number: int) -> None:
    """Forget one chunk."""
    connection.execute("DELETE FROM chunk WHERE upload=? AND number=?", (file, number))


def count(connection: Connection, user: int) -> int:
    """How many uploads a user has open."""
    row = connection.execute('SELECT count(*) FROM upload WHERE "user"=?', (user,)).fetchone()
    return int(row[0])


def pending(connection: Connection, space: int) -> int:
    """Bytes of all chunks that wait in a space."""
    row = connection.execute(
        "SELECT COALESCE(SUM(size), 0) FROM chunk WHERE upload IN (SELECT file FROM upload WHERE space=?)", (space,)
    ).fetchone()
    return int(row[0])


def staged(connection: Connection, space: int) -> set[str]:
    """The staged files that open uploads of a space need."""
    rows = connection.execute(
        "SELECT file FROM upload WHERE space=?"
        " UNION SELECT file FROM chunk WHERE upload IN (SELECT file FROM upload WHERE space=?)",
        (space, space),
    ).fetchall()
    return {row[0] for row in rows}


def idle(connection: Connection, before: int, most: int) -> list[Upload]:
    """Uploads to which nothing has come since ``before``."""
    statement = f"SELECT {_UPLOAD} FROM upload WHERE touched<? ORDER BY touched LIMIT ?"
    return [Upload._make(row) for row in connection.execute(statement, (before, most)).fetchall()]
