"""Standing in line: one at a time, and not too many while somebody sleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

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


def waiting(lines: Lines, account: str = "alice", network: str = "here") -> int:
    """How many stand in a line, with the one whose turn it is."""
    line = lines._lines.get((account, network))
    return 0 if line is None else len(line.queue)


def sleeper(lines: Lines, account: str, network: str, refused: list[str]) -> Callable[[], None]:
    """Someone who wants to sign in and has to wait for two seconds."""

    def run() -> None:
        try:
            with lines.turn(account, network) as pause:
                pause(2)
        except TooManyAttempts as refusal:
            assert dict(refusal.headers) == {"Retry-After": "2"}
            refused.append(account)

    return run


def test_one_at_a_time_and_nobody_is_sent_away(bed: Bed) -> None:
    """A line in which nobody sleeps takes everyone; it is gone when it is empty."""
    lines, inside, most = Lines(bed), [], []

    def run() -> None:
        with lines.turn("alice", "here"):
            inside.append(None)
            most.append(len(inside))
            inside.pop()

    with ExitStack() as mine:
        mine.enter_context(lines.turn("alice", "here"))
        with crowd(run, 60):
            until(lambda: waiting(lines) == 61)
            mine.close()
    assert most == [1] * 60 and not len(lines) and not bed.seconds


def test_first_come_first_served(bed: Bed) -> None:
    """So nobody can be overtaken for ever."""
    lines, order = Lines(bed), []

    def run(number: int) -> None:
        with lines.turn("alice", "here"):
            order.append(number)

    with ExitStack() as mine, ExitStack() as others:
        mine.enter_context(lines.turn("alice", "here"))
        for number in range(20):
            others.enter_context(crowd(partial(run, number), 1))
            until(lambda count=number + 2: waiting(lines) == count)
        mine.close()
    assert order == list(range(20))


def test_lines_do_not_hold_up_each_other(bed: Bed) -> None:
    """Another account, or another network, is another line."""
    lines = Lines(bed)
    with crowd(sleeper(lines, "alice", "here", []), 1):
        assert bed.asleep.acquire(timeout=20)
        for other in (("bob", "here"), ("alice", "there")):
            with lines.turn(*other):
                assert len(lines) == 2
        bed.wake.set()
    assert bed.seconds == [2]


def test_few_may_stand_behind_a_sleeper(bed: Bed) -> None:
    """Those who come too late are sent away at once, and whoever stood already gets in."""
    lines, refused = Lines(bed), []
    run = sleeper(lines, "alice", "here", refused)
    with crowd(run, 1), crowd(run, PLACES):
        until(lambda: waiting(lines) == PLACES + 1)
        assert bed.asleep.acquire(timeout=20)
        for _ in range(3):
            with pytest.raises(TooManyAttempts), lines.turn("alice", "here"):
                pass
        bed.wake.set()
    assert len(bed.seconds) == PLACES + 1 and not refused and not len(lines) and not lines._seats


def test_a_long_line_that_becomes_slow_gets_short(bed: Bed) -> None:
    """Those at its end learn of it without waiting for their turn."""
    lines, refused = Lines(bed), []
    with ExitStack() as mine:
        pause = mine.enter_context(lines.turn("alice", "here"))
        with crowd(sleeper(lines, "alice", "here", refused), 30), crowd(partial(pause, 1), 1):
            until(lambda: len(refused) == 30 - PLACES)
            assert waiting(lines) == PLACES + 1
            bed.wake.set()
            until(lambda: bed.seconds == [1])
            mine.close()
    assert len(refused) == 30 - PLACES and bed.seconds == [1] + [2] * PLACES and not lines._seats


def test_seats_are_bounded_in_all_and_for_a_network(bed: Bed) -> None:
    """Guessing many names from one network leaves room for sleepers of other networks."""
    lines, refused = Lines(bed), []
    with ExitStack() as started:
        for network, at_most in (("a", SEATS // 2), ("b", SEATS // 2), ("c", 0)):
            before = len(refused)
            for number in range(20):
                started.enter_context(crowd(sleeper(lines, f"user{number}", network, refused), 1))
            until(lambda start=before, free=20 - at_most: len(refused) == start + free)
        assert len(lines._seats) == SEATS
        with lines.turn("user1", "c"):
            pass  # whoever need not wait needs no seat
        bed.wake.set()
    assert len(bed.seconds) == SEATS and not lines._seats and not len(lines)
