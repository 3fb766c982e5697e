"""Data folders for tests of accounts: made once, copied for each test."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from davshare.files.service import Files
from davshare.identity.people import add_user
from davshare.index.backends import database
from davshare.index.migrate import upgrade
from davshare.index.sqlite import SqliteDatabase
from support import cluster

SECRET = bytes(range(32))


@cache
def _template() -> tempfile.TemporaryDirectory[str]:
    """Removed when the tests end."""
    made = tempfile.TemporaryDirectory(prefix="davshare-template-")
    folder = Path(made.name)
    upgrade(SqliteDatabase(folder, durable=False))
    (folder / "secret.key").write_bytes(SECRET)
    for name in ("homes", "spaces"):
        (folder / name).mkdir()
    return made


def open_copy(folder: Path) -> Files:
    """The file service on a fresh data folder without anybody in it."""
    data = folder / "data"
    shutil.copytree(_template().name, data)
    return Files(data, database(data, cluster.new_database(template=True), durable=False), False)


def with_people(folder: Path) -> Files:
    """The same with alice, and bob in the group staff."""
    from davshare.identity.groups import add_group

    files = open_copy(folder)
    add_group(files.db, "staff")
    add_user(files, "alice", "alice-pass-1")
    add_user(files, "bob", "bob-pass-22", member_of=["staff"])
    return files
