"""Counts the statements of what reads the index, whatever database that is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from davshare.files.service import Files


class _Counted:
    """A connection that tells of its statements."""

    def __init__(self, connection: Any, statements: list[str]) -> None:
        self._connection = connection
        self._statements = statements

    def execute(self, sql: str, *parameters: Any) -> Any:
        self._statements.append(sql)
        return self._connection.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@contextmanager
def counted(files: Files) -> Iterator[list[str]]:
    """The statements of snapshots that are taken meanwhile."""
    statements: list[str] = []
    before = files.db.snapshot

    @contextmanager
    def snapshot() -> Iterator[Any]:
        with before() as connection:
            yield _Counted(connection, statements)

    files.db.snapshot = snapshot  # type: ignore[method-assign, assignment]
    try:
        yield statements
    finally:
        del files.db.snapshot
