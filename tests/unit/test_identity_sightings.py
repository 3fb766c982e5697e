"""What a worker remembers of devices: little, for free, and until it is written."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from test_costs import Counter, counter  # noqa: F401

from davshare.errors import Unavailable
from davshare.identity.sightings import Sightings
from support.server import Server


class Clock:
    """Stands still."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Away:
    """A database that comes and goes."""

    def __init__(self, database) -> None:
        self.database = database
        self.away = True

    @contextmanager
    def write(self) -> Iterator:
        """Raises, or writes."""
        if self.away:
            raise Unavailable
        with self.database.write() as connection:
            yield connection


@pytest.fixture
def index(tmp_path):
    """An index with the devices 1 and 2 of the administrator."""
    from davshare.index.backends import database

    server = Server.start(tmp_path, users={}, serve=False)
    for _ in range(2):
        server.cli("token", "add", "admin")
    found = database(server.data, server.database)
    yield found
    found.close()
    server.discard()


def rows(index) -> list[tuple]:
    """All that is known."""
    with index.session() as connection:
        return [tuple(row) for row in connection.execute("SELECT * FROM seen ORDER BY device, space")]


def test_what_is_written(index) -> None:
    """Once a minute for each device, whenever the position is another one; and not what is gone or older."""
    clock = Clock()
    seen = Sightings(index, clock=clock)
    for _ in range(3):
        seen.note(1, "agent", "192.0.2.1")
        seen.note(1, "agent", "192.0.2.1", 5, 7)
        seen.note(99, "nobody", "")
    assert seen.flush() == 3 and seen.flush() == 0
    assert rows(index) == [(1, 0, None, 1_000_000, "agent", "192.0.2.1"), (1, 5, 7, 1_000_000, "agent", "192.0.2.1")]
    clock.now += 30
    seen.note(1, "agent", "192.0.2.1")
    seen.note(1, "agent", "192.0.2.1", 5, 7)
    assert seen.flush() == 0
    seen.note(1, "agent", "192.0.2.1", 5, 8)
    assert seen.flush() == 1
    clock.now += 30
    seen.note(1, "other\n" + "x" * 500, "")
    assert seen.flush() == 1
    first, second = rows(index)
    assert first[3:] == (1_000_060, "other " + "x" * 194, "") and second[2:4] == (8, 1_000_030)
    late = Sightings(index, clock=lambda: 1_000_010)
    late.note(1, "late", "")
    assert late.flush() == 1 and rows(index) == [first, second]


def test_it_waits_for_the_index(index) -> None:
    """What cannot be written is kept, the newest of it counts, and it does not grow."""
    clock, away = Clock(), Away(index)
    seen = Sightings(away, clock=clock, most=2)  # type: ignore[arg-type]
    seen.note(1, "a", "")
    with pytest.raises(Unavailable):
        seen.flush()
    clock.now += 100
    seen.note(1, "b", "")
    seen.note(2, "c", "")
    for device in range(3, 50):
        seen.note(device, "d", "")
    with pytest.raises(Unavailable):
        seen.flush()
    away.away = False
    assert seen.flush() == 2
    assert [row[4] for row in rows(index)] == ["b", "c"]
    seen.note(3, "d", "")
    assert seen.flush() == 1, "what found no room is noted when it comes again"


def test_it_is_written_by_itself(index) -> None:
    """In a thread, and at the end."""
    seen = Sightings(index, pause=0.05)
    seen.start()
    seen.note(1, "a", "")
    until = time.monotonic() + 10
    while not rows(index) and time.monotonic() < until:
        time.sleep(0.02)
    assert len(rows(index)) == 1
    seen.close()
    last = Sightings(index, pause=1000)
    last.start()
    last.note(2, "a", "")
    last.close()
    assert len(rows(index)) == 2


def test_a_request_costs_no_statement(counter: Counter) -> None:  # noqa: F811
    """A device's request costs what the same request of a person costs, and nothing about devices is asked."""
    made = counter.ask("POST", "/api/v1/me/tokens", "{}", **{"content-type": "application/json"})
    login = "Basic " + base64.b64encode(f"admin:{json.loads(made[1])['secret']}".encode()).decode()
    report = (
        '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level>'
        "<d:prop><d:getetag/></d:prop></d:sync-collection>"
    )
    for method, body, depth in (("PROPFIND", "", "0"), ("PROPFIND", "", "1"), ("REPORT", report, "0")):
        costs = []
        for authorization in (None, login):
            sent = {"depth": depth} | ({} if authorization is None else {"authorization": authorization})
            for _ in range(3):
                status, _, cost = counter.ask(method, "/dav/home/", body, **sent)
                assert status == 207 and not any("seen" in each for each in counter.statements)
            costs.append(cost)
        assert costs[0] == costs[1]
