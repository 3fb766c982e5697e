"""Standing in line: sign-ins of one account from one network go one at a time.

So the same credentials are hashed once, and no guess runs ahead of the counting
of others.  A line is fast as long as nobody in it has to wait for the throttle,
and takes everyone who comes.  Waiting holds a thread of the server, so a line
whose first one sleeps is short, and there are only so many seats in the
process; a part of them stays free of any single network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from davshare.errors import TooManyAttempts

#: How many may stand behind one who sleeps.
PLACES = 8
#: How many sleep, or stand behind one who does, in one process; half of them at most are of one network.
SEATS = 32
#: Seconds after which it makes sense to come back; the same whatever the reason.
COME_BACK_AFTER = 2


def too_many() -> TooManyAttempts:
    """The refusal, which says nothing about the account."""
    return TooManyAttempts(headers=(("Retry-After", str(COME_BACK_AFTER)),))


class _Line:
    """Those who want to sign in, the one whose turn it is first; ``slow`` while that one sleeps."""

    def __init__(self) -> None:
        self.queue: list[threading.Condition] = []
        self.slow = False


class Lines:
    """All lines of one process; a line exists only as long as someone stands in it.

    :param sleep: pauses the calling thread for seconds.
    :param seats: how many threads may be held by those who wait.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep, seats: int = SEATS) -> None:
        self._sleep = sleep
        self._most = seats
        self._mutex = threading.Lock()
        self._lines: dict[tuple[str, str], _Line] = {}
        self._seats: dict[threading.Condition, str] = {}

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    @contextmanager
    def turn(self, account: str, network: str) -> Iterator[Callable[[float], None]]:
        """Until the end of the block it is the caller's turn, first come, first served.

        The block gets a function that pauses for seconds and raises
        TooManyAttempts at once when no seat is free.

        :raises TooManyAttempts: too many stand in a line whose first one sleeps.
        """
        key = account, network
        me = threading.Condition(self._mutex)
        with self._mutex:
            line = self._lines.setdefault(key, _Line())
            line.queue.append(me)
        try:
            with self._mutex:
                while line.queue[0] is not me:
                    if line.slow:
                        self._sit(line, me, network)
                    me.wait()
            yield partial(self._pause, line, me, network)
        finally:
            with self._mutex:
                self._leave(key, line, me)

    def _pause(self, line: _Line, me: threading.Condition, network: str, seconds: float) -> None:
        with self._mutex:
            self._sit(line, me, network)
            line.slow = True
            for other in line.queue[1:]:
                other.notify()
        self._sleep(seconds)

    def _sit(self, line: _Line, me: threading.Condition, network: str) -> None:
        """Take a seat, or raise TooManyAttempts; the caller holds the mutex."""
        if me in self._seats:
            return
        here = sum(taken == network for taken in self._seats.values())
        if line.queue.index(me) > PLACES or here >= (self._most + 1) // 2 or len(self._seats) >= self._most:
            raise too_many()
        self._seats[me] = network

    def _leave(self, key: tuple[str, str], line: _Line, me: threading.Condition) -> None:
        """Make room, and let the next one in; the caller holds the mutex."""
        was_first = line.queue[0] is me
        line.queue.remove(me)
        self._seats.pop(me, None)
        if not line.queue:
            del self._lines[key]
        elif was_first:
            line.slow = False
            line.queue[0].notify()
