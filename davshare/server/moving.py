"""Moving the index of a data folder into another database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from davshare.errors import UsageError
from davshare.index import backends
from davshare.index.copying import Copied, copy, demand_empty
from davshare.index.database import REVISION, Database
from davshare.index.migrate import upgrade
from davshare.server import admin, tomlfile


class Moved(NamedTuple):
    """Where the index was, where it is now, and what was copied; names have no passwords."""

    source: str
    target: str
    tables: list[Copied]


def move_index(data: Path, url: str, step: Callable[[int], None]) -> Moved:
    """Copy the index into another database, verify it, and let the configuration name that one.

    :param url: of a PostgreSQL database; empty for SQLite in the data folder.
    :param step: told how many more rows were copied.
    :raises Conflict: a server is running, or the target is not empty.
    :raises UsageError: the index is there already, or the configuration is not the file's to say.
    :raises Unavailable: a database does not answer, or the copy is not what was sent.
    """
    with admin.serving(data):
        loaded = admin.load_config(data)
        if loaded.origins["database"] == "environment":
            raise UsageError("DAVSHARE_DATABASE is set and would go before the file that this command changes")
        if loaded.config.database == url:
            raise UsageError("the index is in this database already")
        source = admin.open_index(data, loaded.config)
        try:
            target = backends.database(data, url)
            try:
                return _move(data, url, source, target, step)
            finally:
                target.close()
        finally:
            source.close()


def _move(data: Path, url: str, source: Database, target: Database, step: Callable[[int], None]) -> Moved:
    found = target.revision()
    if found not in (None, REVISION):
        raise UsageError(f"{target.place} has tables of another version of davshare")
    if found is None:
        upgrade(target)
    demand_empty(target)
    done = copy(source, target, step)
    tomlfile.set_key(data, "database", url)
    return Moved(source.place, target.place, done)
