"""Waiting for what happens soon, with deadlines that only a broken server misses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
#: Seconds after which something that should happen soon counts as never happening.
SOON = 20.0


def eventually(check: Callable[[], Found], seconds: float = SOON) -> Found:
    """What ``check`` returns as soon as it is true and raises no AssertionError.

    :raises AssertionError: it never was; the last one that ``check`` raised, if it did.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            found = check()
            assert found, f"still {found!r} after {seconds} s"
            return found
        except AssertionError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


def soon_equal(look: Callable[[], object], wanted: object, seconds: float = SOON) -> None:
    """Return as soon as ``look()`` gives ``wanted``."""

    def check() -> bool:
        found = look()
        assert found == wanted, f"{found!r} is not {wanted!r}"
        return True

    eventually(check, seconds)
