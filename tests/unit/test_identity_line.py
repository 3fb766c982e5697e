"""Standing in line: one at a time, and not too many while somebody sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from davshare.errors import TooManyAttempts
from davshare.identity.line import PLACES, SEATS, Lines


class Bed:
    """Where sleepers lie until they are woken."""

    def __init__(self) -> None:
        self.asleep = threading.Semaphore(0)
        self.wake = threading.Event()
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.asleep.release()
        assert self.wake.wait(20)


@pytest.fixture
def bed() -> Bed:
    """A replacement for time.sleep."""
    return Bed()


@contextmanager
def crowd(run: Callable[[], None], size: int) -> Iterator[None]:
    """So many threads, started one after the other, that have ended at the end of the block."""
    threads = [threading.Thread(target=run) for _ in range(size)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    """Wait for other threads."""
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def test_one_at_a_time_in_order_and_nobody_is_sent_away(bed: Bed) -> None:
    """A line in which nobody sleeps takes everyone."""
    lines, inside, seen = Lines(bed), [], []

    def run() -> None:
        with lines.turn("alice", "here"):
            inside.append(None)
            seen.append(len(inside))
            inside.pop()

    with lines.turn("alice", "here"), crowd(run, 60):
        until(lambda: len(lines._lines["alice", "here"].queue) == 61)
        seen.append(1)
        lines._lines["alice", "here"].queue[0].acquire()
        lines._leave(("alice", "here"), lines._lines["alice", "here"], lines._lines["alice", "here"].queue[0])
    assert seen == [1] * 61 and not lines
