"""A small memory with a limit."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any


class Memo:
    """Remembers values, the ones used last, up to a total weight; safe between threads.

    :param capacity: the most weight that is kept.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self._capacity = capacity
        self._weight = 0
        self._values: dict[Hashable, tuple[Any, int]] = {}
        self._mutex = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """What is remembered under a key, or None."""
        with self._mutex:
            found = self._values.pop(key, None)
            if found is None:
                return None
            self._values[key] = found
            return found[0]

    def put(self, key: Hashable, value: object, weight: int = 1) -> None:
        """Remember a value; the ones not used for longest are forgotten where there are too many."""
        with self._mutex:
            _, old = self._values.pop(key, (None, 0))
            self._weight -= old
            if weight > self._capacity:
                return
            self._values[key] = (value, weight)
            self._weight += weight
            while self._weight > self._capacity:
                _, gone = self._values.pop(next(iter(self._values)))
                self._weight -= gone
