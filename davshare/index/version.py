"""Which schema an index has, found out without the tools that change it."""

from __future__ import annotations

import sqlite3

from davshare.errors import Unavailable
from davshare.index.database import Database


def revision(database: Database) -> str | None:
    """Revision of the schema; None when the file holds no index.

    :raises Unavailable: the file cannot be read, or is no database.
    """
    try:
        with database.session() as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise Unavailable("The index cannot be opened.") from error
    except sqlite3.DatabaseError as error:
        raise Unavailable("The index is damaged.") from error
    return None if row is None else str(row[0])
