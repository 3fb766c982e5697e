"""Answers that stay true as long as nothing in the index changes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from davshare.index.database import Database

_MOST = 8192


class Memory:
    """A bounded dictionary that empties itself when any process changes the index.

    The caller reads :meth:`version` before it reads the index, and hands that
    version in with what it found.
    """

    __slots__ = ("_database", "_values", "_version")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._values: dict[Hashable, Any] = {}

    def version(self) -> int:
        """The present version; odd while a change is being committed."""
        return self._database.version

    def get(self, version: int, key: Hashable) -> Any:
        """What was put under ``key`` in this version, else None."""
        return self._values.get(key) if version == self._version else None

    def put(self, version: int, key: Hashable, value: Any) -> None:
        """Remember ``value``, which was read from the index after ``version``."""
        if version & 1:
            return
        if version != self._version or len(self._values) >= _MOST:
            self._values = {}
            self._version = version
        self._values[key] = value
