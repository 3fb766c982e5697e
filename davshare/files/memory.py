"""Answers that stay true as long as nothing in the index changes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from davshare.index.database import Database

#: Bytes, as their weights say, after which the older half of what is remembered is forgotten.
_MOST = 16 * 1024 * 1024
#: What the smallest value counts for: an object or two with their key.
_LEAST = 1024
#: What another key for the same value counts for.
_KEY = 128


class _State:
    """What is remembered in one version: the newer half, and the older one that goes next."""

    __slots__ = ("grown", "newer", "older", "version", "weight")

    def __init__(self, version: int) -> None:
        self.version = version
        self.newer: dict[Hashable, Any] = {}
        self.older: dict[Hashable, Any] = {}
        self.weight = 0
        #: How much of it came later.
        self.grown = 0


class Memory:
    """A bounded dictionary that empties itself when any process changes the index.

    The caller reads :meth:`version` before it reads the index, and hands that
    version in with what it found.
    """

    __slots__ = ("_database", "_state")

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Version and values in one object: threads that read different versions never mix them.
        self._state = _State(-1)

    def version(self) -> int:
        """The present version; odd while a change is being committed."""
        return self._database.version

    def get(self, version: int, key: Hashable) -> Any:
        """What was put under ``key`` in this version, else None."""
        state = self._state
        if version != state.version:
            return None
        found = state.newer.get(key)
        return state.older.get(key) if found is None else found

    def put(self, version: int, key: Hashable, value: Any, weight: int = 0) -> None:
        """Remember ``value``, which was read from the index after ``version``.

        :param weight: bytes that it holds on to, where these are many.
        """
        if version & 1:
            return
        state = self._state
        if version != state.version:
            self._state = state = _State(version)
        self._put(state, key, value, weight + _LEAST)

    def also(self, version: int, key: Hashable, value: Any, weight: int = 0) -> None:
        """The same for a value that is remembered already, and now gets one key more.

        :param weight: bytes of the key, where these may be many.
        """
        state = self._state
        if version == state.version:
            self._put(state, key, value, weight + _KEY)

    def grow(self, weight: int) -> bool:
        """Whether something that is remembered may hold on to so many bytes more.

        Small things come before large ones: many places are worth more than the content of a few.
        """
        state = self._state
        if state.grown + weight > _MOST // 8:
            return False
        state.grown += weight
        self._make_room(state, weight)
        return True

    @classmethod
    def _put(cls, state: _State, key: Hashable, value: Any, weight: int) -> None:
        cls._make_room(state, weight)
        state.newer[key] = value

    @staticmethod
    def _make_room(state: _State, weight: int) -> None:
        if state.weight + weight > _MOST // 2:
            state.older, state.newer, state.weight, state.grown = state.newer, {}, 0, 0
        state.weight += weight
