"""A whole index from one database into another, row by row, and the proof that it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Table

from davshare.errors import Conflict, Unavailable
from davshare.index.database import Connection, Database, count
from davshare.index.schema import lease, metadata

#: Rows that are in memory at a time.
_BATCH = 1000


class Copied(NamedTuple):
    """One table: how many rows it has, and the SHA-256 over them in the order of their keys."""

    table: str
    rows: int
    checksum: str


def demand_empty(database: Database) -> None:
    """Return when nothing is in the tables but what a new index begins with.

    :raises Conflict: something is.
    """
    with database.session() as connection:
        for table in tables():
            if table.name != "counter" and connection.execute(f'SELECT 1 FROM "{table.name}" LIMIT 1').fetchone():
                raise Conflict(f"{database.place} is not empty: it has rows in the table {table.name}")


def copy(source: Database, target: Database, step: Callable[[int], None]) -> list[Copied]:
    """Copy everything in one transaction of the target; the source is only read.

    :param target: has the tables, with nothing in them.
    :param step: told how many more rows were copied.
    :raises Unavailable: what arrived is not what was sent; the target is empty as before then.
    """
    done = []
    with source.turn(), source.snapshot() as old, target.write() as new:
        new.execute("DELETE FROM counter")
        for table in tables():
            sent = _copy(table, old, new, step)
            if _measured(table.name, _rows(table, new)) != sent:
                raise Unavailable(f"the table {table.name} did not arrive as it was sent; nothing was changed")
            if table.dialect_kwargs.get("sqlite_autoincrement"):
                target.set_last_id(new, table.name, source.last_id(old, table.name))
            done.append(sent)
        commits = count(old, "commits")
    target.shared.commits = commits
    target.shared.progress = source.shared.progress
    target.shared.settle_in()
    return done


def tables() -> list[Table]:
    """Every table of the index, those first that others refer to; not the leases, which are about this moment."""
    return [table for table in metadata.sorted_tables if table is not lease]


def _copy(table: Table, old: Connection, new: Connection, step: Callable[[int], None]) -> Copied:
    columns = [f'"{column.name}"' for column in table.columns]
    insert = f'INSERT INTO "{table.name}" ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})'

    def sent() -> Iterator[list[Any]]:
        for page in _rows(table, old):
            new.executemany(insert, page)
            step(len(page))
            yield page

    return _measured(table.name, sent())


def _rows(table: Table, connection: Connection) -> Iterator[list[Any]]:
    """Pages of rows in the order of the primary key, which is that of code points and bytes in every database."""
    columns = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    places = [columns.index(key) for key in keys]
    wanted, order = (", ".join(f'"{name}"' for name in some) for some in (columns, keys))
    after: tuple[Any, ...] = ()
    while True:
        where = f" WHERE ({order})>({', '.join('?' * len(keys))})" if after else ""
        page = connection.execute(
            f'SELECT {wanted} FROM "{table.name}"{where} ORDER BY {order} LIMIT ?', (*after, _BATCH)
        ).fetchall()
        if page:
            yield page
        if len(page) < _BATCH:
            return
        after = tuple(page[-1][place] for place in places)


def _measured(name: str, pages: Iterator[list[Any]]) -> Copied:
    digest = hashlib.sha256()
    rows = 0
    for page in pages:
        rows += len(page)
        for row in page:
            digest.update(b"".join(map(_canonical, row)) + b"\n")
    return Copied(name, rows, digest.hexdigest())


def _canonical(value: Any) -> bytes:
    """A value in one form, whichever database it comes from; no two values have the same."""
    if value is None:
        return b"-;"
    if isinstance(value, int):
        return b"i%d;" % value
    kind, raw = (b"t", value.encode()) if isinstance(value, str) else (b"b", bytes(value))
    return b"%b%d:%b;" % (kind, len(raw), raw)
