"""SQLite's log is written back beside the writers, not by whoever happens to commit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from davshare.index import migrate, sqlite
from davshare.index.database import advance
from davshare.index.sqlite import SqliteDatabase


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    """An index whose commits do not wait for the disk."""
    made = SqliteDatabase(tmp_path, durable=False)
    migrate.upgrade(made)
    yield made
    made.close()


def write(database: SqliteDatabase, times: int) -> None:
    """Commit often."""
    for _ in range(times):
        with database.write() as connection:
            advance(connection, "node")


def begun_anew(database: SqliteDatabase) -> bool:
    """Whether the log is small after the next commit."""
    write(database, 1)
    header = (database.folder / "index.sqlite-shm").read_bytes()
    return int.from_bytes(header[16:20], "little") < 50


def test_the_log_begins_anew(database: SqliteDatabase) -> None:
    write(database, sqlite._SOON)
    assert not begun_anew(database)
    database.relieve()
    assert begun_anew(database)


def test_not_for_a_few_commits(database: SqliteDatabase) -> None:
    write(database, sqlite._SOON)
    database.relieve()
    write(database, sqlite._SOON - 50)
    database.relieve()
    assert not begun_anew(database)


def test_while_others_write(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, and the log does not grow without end."""
    monkeypatch.setattr(sqlite, "_LEFT", 0)
    over = threading.Event()

    def relieve() -> None:
        while not over.is_set():
            database.relieve()

    thread = threading.Thread(target=relieve)
    thread.start()
    largest = 0
    for _ in range(10):
        write(database, 500)
        largest = max(largest, (database.folder / "index.sqlite-wal").stat().st_size)
    over.set()
    thread.join()
    with database.session() as connection:
        assert connection.execute("SELECT value FROM counter WHERE name='node'").fetchone()[0] >= 5000
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert largest < sqlite._CHECKPOINT_PAGES * 4096 / 4
