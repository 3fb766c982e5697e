"""Rows of uploads that come in parts, and of the parts that are there already.

A row stays for a while after the upload is complete: it has the answer then,
and neither chunks nor a staged file.
"""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_UPLOAD = 'file, "user", name, space, total, touched, kind, payload, answer'


class Upload(NamedTuple):
    """One upload; ``file`` is the staged file to which chunks are appended, and stands for the upload.

    ``total`` is the announced number of bytes, ``touched`` when something last came, in seconds.
    ``kind`` is chunks, old or tus; ``payload`` is what was said when it was opened, ``answer`` what was answered
    when it was complete, empty until then.
    """

    file: str
    user: int
    name: str
    space: int
    total: int | None
    touched: int
    kind: str = "chunks"
    payload: str = ""
    answer: str = ""


class Partly(NamedTuple):
    """An open upload with the bytes of it that are there."""

    upload: Upload
    received: int


class Chunk(NamedTuple):
    """One whole chunk: ``size`` bytes from ``start`` of the staged file ``file``; ``name`` as its sender spells it."""

    number: int
    name: str
    file: str
    start: int
    size: int


def get(connection: Connection, user: int, name: str) -> Upload | None:
    """An upload of a user, perhaps a complete one."""
    row = connection.execute(f'SELECT {_UPLOAD} FROM upload WHERE "user"=? AND name=?', (user, name)).fetchone()
    return None if row is None else Upload._make(row)


def by_file(connection: Connection, file: str) -> Upload | None:
    """An upload by its staged file, perhaps a complete one."""
    row = connection.execute(f"SELECT {_UPLOAD} FROM upload WHERE file=?", (file,)).fetchone()
    return None if row is None else Upload._make(row)


def add(connection: Connection, new: Upload) -> bool:
    """Open an upload unless the user has one of that name; a complete one gives way.  Whether it was opened."""
    connection.execute("DELETE FROM upload WHERE \"user\"=? AND name=? AND answer<>''", (new.user, new.name))
    statement = f"INSERT INTO upload ({_UPLOAD}) VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
    return connection.execute(statement, new).rowcount > 0


def is_open(connection: Connection, file: str) -> bool:
    """Whether an upload has neither ended nor been completed."""
    return connection.execute("SELECT 1 FROM upload WHERE file=? AND answer=''", (file,)).fetchone() is not None


def touch(connection: Connection, file: str, now: int, payload: str) -> bool:
    """Something came; whether the upload is still open."""
    statement = "UPDATE upload SET touched=?, payload=? WHERE file=? AND answer=''"
    return connection.execute(statement, (now, payload, file)).rowcount > 0


def complete(connection: Connection, file: str, now: int, answer: str) -> bool:
    """An upload is complete: what is left of it is the answer.  Whether it was open."""
    connection.execute("DELETE FROM chunk WHERE upload=?", (file,))
    statement = "UPDATE upload SET touched=?, answer=? WHERE file=? AND answer=''"
    return connection.execute(statement, (now, answer, file)).rowcount > 0


def reopen(connection: Connection, file: str) -> None:
    """Take back that an upload is complete; its chunks are put back by the caller."""
    connection.execute("UPDATE upload SET answer='' WHERE file=?", (file,))


def remove(connection: Connection, file: str) -> bool:
    """Forget an upload with all its chunks; whether it was open."""
    connection.execute("DELETE FROM chunk WHERE upload=?", (file,))
    return connection.execute("DELETE FROM upload WHERE file=? AND answer=''", (file,)).rowcount > 0


def forget(connection: Connection, before: int) -> int:
    """Forget uploads that were complete before ``before``; how many."""
    return connection.execute("DELETE FROM upload WHERE answer<>'' AND touched<?", (before,)).rowcount


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
    row = connection.execute("SELECT count(*) FROM upload WHERE \"user\"=? AND answer=''", (user,)).fetchone()
    return int(row[0])


def pending(connection: Connection, space: int) -> int:
    """Bytes of all chunks that wait in a space."""
    row = connection.execute(
        "SELECT COALESCE(SUM(size), 0) FROM chunk"
        " WHERE upload IN (SELECT file FROM upload WHERE space=? AND answer='')",
        (space,),
    ).fetchone()
    return int(row[0])


def staged(connection: Connection, space: int) -> set[str]:
    """The staged files that open uploads of a space need."""
    rows = connection.execute(
        "SELECT file FROM upload WHERE space=? AND answer=''"
        " UNION SELECT file FROM chunk WHERE upload IN (SELECT file FROM upload WHERE space=? AND answer='')",
        (space, space),
    ).fetchall()
    return {row[0] for row in rows}


def idle(connection: Connection, before: int, most: int) -> list[Upload]:
    """Uploads to which nothing has come since ``before``."""
    statement = f"SELECT {_UPLOAD} FROM upload WHERE touched<? AND answer='' ORDER BY touched LIMIT ?"
    return [Upload._make(row) for row in connection.execute(statement, (before, most)).fetchall()]


def open_of(connection: Connection, user: int, most: int) -> list[Partly]:
    """The open uploads of a user, the last touched first: one statement."""
    rows = connection.execute(
        f"SELECT {_UPLOAD}, (SELECT COALESCE(SUM(size), 0) FROM chunk WHERE chunk.upload=upload.file) FROM upload"
        " WHERE \"user\"=? AND answer='' ORDER BY touched DESC, file LIMIT ?",
        (user, most),
    ).fetchall()
    return [Partly(Upload._make(row[:-1]), int(row[-1])) for row in rows]
