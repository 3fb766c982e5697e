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

    __slots__ = ("_database", "_state")

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Version and values in one: threads that read different versions never mix them.
        self._state: tuple[int, dict[Hashable, Any]] = (-1, {})

    def version(self) -> int:
        """The present version; odd while a change is being committed."""
        return self._database.version

    def get(self, version: int, key: Hashable) -> Any:
        """What was put under ``key`` in this version, else None."""
        known, values = self._state
        return values.get(key) if version == known else None

    def put(self, version: int, key: Hashable, value: Any) -> None:
        """Remember ``value``, which was read from the index after ``version``."""
        if version & 1:
            return
        state = self._state
        if version != state[0] or len(state[1]) >= _MOST:
            self._state = state = (version, {})
        state[1][key] = value
