"""The database that a configuration names."""

from __future__ import annotations

from pathlib import Path

from davshare.index.database import Database
from davshare.index.sqlite import SqliteDatabase


def database(folder: Path, url: str, durable: bool = True) -> Database:
    """The index of a data folder, which may not be there yet; nothing is opened before it is used.

    :param url: of a PostgreSQL database; empty for a SQLite file in the folder.
    :raises UsageError: the driver that it needs is missing.
    """
    if not url:
        return SqliteDatabase(folder, durable)
    from davshare.index.postgresql import PostgresDatabase

    return PostgresDatabase(folder, url, durable)
