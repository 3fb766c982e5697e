"""Guessing is slowed down, and whoever has the right password gets in (past failure 50)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from people_kit import SECRET, open_copy

from davshare.errors import Unavailable
from davshare.identity import throttle
from davshare.identity.throttle import (
    ACCOUNT_FREE,
    NETWORK_FREE,
    NETWORK_LONGEST,
    PAIR_FREE,
    PAIR_LONGEST,
    Throttle,
    network_of,
)
from davshare.index.database import Database, count

HERE, THERE = "192.0.2.7", "198.51.100.9"


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty index."""
    files = open_copy(tmp_path)
    yield files.db
    files.db.close()


@pytest.fixture
def clock() -> Clock:
    """A clock to set."""
    return Clock()


@pytest.fixture
def guard(database: Database, clock: Clock) -> Throttle:
    """What is tested."""
    return Throttle(database, SECRET, clock)


def wait(guard: Throttle, account: str, peer: str) -> float:
    """Seconds that the next guess has to wait."""
    return guard.delay(account, peer)


def fail(guard: Throttle, times: int, account: str, peer: str) -> None:
    """Guess wrongly."""
    for _ in range(times):
        guard.failed(account, peer)


def test_a_pair_waits_for_two_seconds_at_most(guard: Throttle, clock: Clock) -> None:
    """Ten are free, then there is a pause, which is over when it is over."""
    fail(guard, PAIR_FREE - 1, "alice", HERE)
    assert wait(guard, "alice", HERE) == 0
    waits = []
    for _ in range(5):
        guard.failed("alice", HERE)
        waits.append(wait(guard, "alice", HERE))
        clock.now += waits[-1]
        assert wait(guard, "alice", HERE) == 0
    assert waits == [1, 2, 2, 2, 2]
    fail(guard, 1000, "alice", HERE)
    assert wait(guard, "alice", HERE) == PAIR_LONGEST == 2


def test_only_what_is_left_of_the_pause(guard: Throttle, clock: Clock) -> None:
    """Counted from the last failure, in whichever worker it was."""
    fail(guard, PAIR_FREE + 3, "alice", HERE)
    clock.now += 1.5
    assert wait(guard, "alice", HERE) == 0.5
    clock.now += 1
    assert wait(guard, "alice", HERE) == 0


def test_asking_does_not_prolong_the_pause(guard: Throttle, clock: Clock) -> None:
    """Or a stubborn device would keep its owner out for ever."""
    fail(guard, PAIR_FREE + 3, "alice", HERE)
    for _ in range(20):
        wait(guard, "alice", HERE)
    clock.now += 2
    assert wait(guard, "alice", HERE) == 0


def test_the_owner_gets_in_from_elsewhere(guard: Throttle) -> None:
    """A pair says nothing about other networks, nor about other accounts of the same."""
    fail(guard, 30, "alice", HERE)
    assert wait(guard, "alice", HERE) > 0
    assert wait(guard, "alice", THERE) == 0
    assert wait(guard, "bob", HERE) == 0


def test_success_clears_the_pair(guard: Throttle) -> None:
    """Ten new ones are free afterwards."""
    fail(guard, PAIR_FREE, "alice", HERE)
    guard.succeeded("alice", HERE)
    fail(guard, PAIR_FREE - 1, "alice", HERE)
    assert wait(guard, "alice", HERE) == 0


def test_many_names_from_one_network(guard: Throttle) -> None:
    """Trying one password with many names is guessing, too; who is known there is not held up."""
    guard.succeeded("alice", HERE)
    for number in range(NETWORK_FREE + 5):
        guard.failed(f"user{number}", f"192.0.2.{number}")
    assert wait(guard, "bob", HERE) == NETWORK_LONGEST == 1
    assert wait(guard, "bob", THERE) == 0
    assert wait(guard, "alice", HERE) == 0


def test_one_name_from_many_networks(guard: Throttle, clock: Clock) -> None:
    """A pause of a second; the owner's own network is exempt."""
    guard.succeeded("alice", HERE)
    for number in range(ACCOUNT_FREE + 5):
        guard.failed("alice", f"10.{number}.0.1")
    assert wait(guard, "alice", THERE) == 1
    assert wait(guard, "alice", HERE) == 0
    clock.now += 1
    assert wait(guard, "alice", THERE) == 0


def test_an_hour_without_failures_forgets(guard: Throttle, clock: Clock) -> None:
    """Counts do not pile up over days."""
    fail(guard, PAIR_FREE + 5, "alice", HERE)
    clock.now += 3601
    guard.failed("alice", HERE)
    assert wait(guard, "alice", HERE) == 0


def test_a_clock_that_was_set_back_locks_nobody_out(guard: Throttle, clock: Clock) -> None:
    """Failures of the future do not count."""
    fail(guard, PAIR_FREE + 5, "alice", HERE)
    clock.now -= 86400
    assert wait(guard, "alice", HERE) == 0


def test_all_workers_count_together(database: Database, clock: Clock) -> None:
    """The counters are in the index."""
    first, second = Throttle(database, SECRET, clock), Throttle(database, SECRET, clock)
    fail(first, 6, "alice", HERE)
    fail(second, 6, "alice", HERE)
    assert wait(first, "alice", HERE) == wait(second, "alice", HERE) > 0


def test_rows_hold_no_names_and_do_not_wake_workers(guard: Throttle, database: Database) -> None:
    """Keys are keyed hashes; failing sign-ins leave the generation alone."""
    with database.session() as connection:
        before = count(connection, "generation")
        guard.failed("alice", HERE)
        rows = connection.execute("SELECT key FROM throttle").fetchall()
        assert count(connection, "generation") == before
    assert len(rows) == 3
    assert all(len(key) == 16 and b"alice" not in key for (key,) in rows)


def test_names_that_look_alike_count_as_one(guard: Throttle) -> None:
    """Capitals and spellings of accents do not multiply the guesses, NULs do not mix up keys."""
    fail(guard, 5, "zo\u00eb", HERE)
    fail(guard, 5, "ZOE\u0308", HERE)
    assert wait(guard, "Zo\u00eb", HERE) == 1
    assert guard._key("a", "b\0c") != guard._key("a\0b", "c")


@pytest.mark.parametrize(
    "peer, network",
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:/run/x", "unix:/run/x"),
    ],
)
def test_networks(peer: str, network: str) -> None:
    """What counts as one place."""
    assert network_of(peer) == network


def test_old_rows_go_away(guard: Throttle, database: Database, clock: Clock) -> None:
    """Whoever guesses for long does not fill the index."""
    fail(guard, 1, "alice", HERE)
    clock.now += 7200
    for number in range(256):
        guard.failed("bob", f"10.0.{number}.1")
    with database.session() as connection:
        assert connection.execute("SELECT count(*) FROM throttle").fetchone()[0] == 256 + 256 + 1


def test_the_self_test_notices_counters_that_do_not_count(
    guard: Throttle, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit that silently does nothing keeps the server from starting; a slow disk does not."""
    seconds = iter(range(100))
    monkeypatch.setattr(guard, "_clock", lambda: clock.now + 10 * next(seconds))
    guard.self_test()
    with database.session() as connection:
        assert connection.execute("SELECT count(*) FROM throttle").fetchone()[0] == 0
    monkeypatch.setattr(throttle.people, "add_failure", lambda *_: None)
    with pytest.raises(Unavailable):
        guard.self_test()
