"""The thread for short changes: alone with made-up jobs, and behind a real loop, seen through sockets."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from test_server_loop import CLOSE, LAST, Toy, get, put, running

from davshare.abreast import Abreast, Meeting
from davshare.errors import Unavailable, Waits
from davshare.http.request import Request
from davshare.server.lane import Lane
from davshare.server.pipeline import Pipeline
from support.raw import answers, read_all

SHORT = "X-Short: yes\r\n"
BIG = bytes(range(256)) * 256 * 128


# -- alone -------------------------------------------------------------------------------------------


class Job:
    """What the lane takes for a connection."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.communicate = work


class Bench:
    """A lane, and the jobs that came back from it."""

    def __init__(self) -> None:
        self.over: list[Any] = []
        self.lane = Lane(self.over.append)
        self.lane.start()

    def take(self, *works: Callable[[], Any]) -> list[Job]:
        """Jobs that were taken and begun at one moment."""
        jobs = [Job(work) for work in works]
        assert all(self.lane.submit(job) for job in jobs)  # type: ignore[arg-type]
        self.lane.go()
        return jobs

    def offer(self) -> bool:
        """Whether one more is taken."""
        return self.lane.submit(Job(lambda: None))  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A lane of one's own."""
    made = Bench()
    yield made
    made.lane.stop(10)


def until(condition: Callable[[], bool]) -> None:
    """Return when it holds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_what_came_together_meets(bench: Bench) -> None:
    met: list[int] = []
    meeting: Meeting[int] = Meeting(lambda items: met.append(len(items)))
    jobs = bench.take(*[lambda: meeting.join(1)] * 5)
    until(lambda: not bench.lane.busy and len(bench.over) == 5)
    assert met == [5] and bench.over == jobs


def test_what_comes_meanwhile_meets_afterwards(bench: Bench) -> None:
    """All that waited are made side by side, whenever they came."""
    begun, gate, met = threading.Event(), threading.Event(), []
    meeting: Meeting[int] = Meeting(lambda items: met.append(len(items)))
    bench.take(lambda: (begun.set(), gate.wait(10)))
    assert begun.wait(10)
    bench.lane._since = float("inf")  # however long this test takes to go on
    for _ in range(3):
        bench.take(lambda: meeting.join(1))
    gate.set()
    until(lambda: len(bench.over) == 4)
    assert met == [3]


def test_nothing_begins_by_itself(bench: Bench) -> None:
    assert bench.offer() and bench.lane.busy == 1
    time.sleep(0.05)
    assert bench.over == []
    bench.lane.go()
    until(lambda: len(bench.over) == 1)


def test_a_lane_that_is_held_up_takes_nothing(bench: Bench) -> None:
    gate = threading.Event()
    bench.take(lambda: gate.wait(10))
    time.sleep(0.1)
    assert not bench.offer() and bench.lane.busy == 1
    gate.set()
    until(lambda: not bench.lane.busy and bench.lane._since == float("inf"))
    assert bench.offer()
    bench.lane.go()
    until(lambda: len(bench.over) == 2)


def test_only_so_many_wait(bench: Bench) -> None:
    taken = 0
    while bench.offer():
        taken += 1
    assert taken == bench.lane.busy == 256
    bench.lane.go()
    until(lambda: not bench.lane.busy)
    assert len(bench.over) == 256


def test_a_job_that_fails_comes_back_as_well(bench: Bench) -> None:
    def fail() -> None:
        raise ValueError

    jobs = bench.take(fail, lambda: None)
    until(lambda: not bench.lane.busy and bench.lane._since == float("inf"))
    assert bench.over == jobs
    bench.take(lambda: None)
    until(lambda: len(bench.over) == 3)


def test_the_end_waits_for_what_was_begun() -> None:
    bench = Bench()
    bench.take(lambda: time.sleep(0.2))
    bench.take(lambda: None)
    bench.lane.stop(10)
    assert len(bench.over) == 2 and not bench.lane._thread.is_alive()


def test_the_end_does_not_wait_for_ever() -> None:
    bench, gate = Bench(), threading.Event()
    bench.take(lambda: gate.wait(10))
    started = time.monotonic()
    bench.lane.stop(0.1)
    assert time.monotonic() - started < 5 and bench.lane.busy == 1
    gate.set()


# -- who comes here ----------------------------------------------------------------------------------


def pipeline(recall: Callable[..., Any], generation: Callable[[], int] = lambda: 1) -> Pipeline:
    """As much of one as it takes to see who is asking."""
    made = Pipeline.__new__(Pipeline)
    made.visits = None
    made._files = SimpleNamespace(generation=generation)  # type: ignore[assignment]
    made._gate = SimpleNamespace(recall=recall, authenticate=lambda *_: pytest.fail("it was waited for"))  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    ("method", "headers", "known", "expected"),
    [
        ("PUT", {"authorization": "Basic x"}, True, True),
        ("UNLOCK", {"authorization": "Basic x"}, True, True),
        ("PUT", {"authorization": "Basic x"}, False, False),
        ("PUT", {}, True, False),
        ("GET", {"authorization": "Basic x"}, True, False),
        ("POST", {"authorization": "Basic x"}, True, False),
        ("PROPFIND", {"authorization": "Basic x"}, True, False),
    ],
)
def test_changes_of_those_who_are_known_are_short(method: str, headers: dict, known: bool, expected: bool) -> None:
    made = pipeline(lambda *_: object() if known else None)
    assert made.short(Request(method, "/dav/home/f", headers=headers)) is expected


def test_without_an_index_nothing_is_short() -> None:
    def generation() -> int:
        raise Unavailable

    made = pipeline(lambda *_: object(), generation)
    assert made.short(Request("PUT", "/dav/home/f", headers={"authorization": "Basic x"})) is False


def test_nobody_is_looked_at_while_others_wait() -> None:
    """Between the question and the answer people have changed: the proof takes long on purpose."""
    made, told = pipeline(lambda *_: None), []

    def ask() -> None:
        with pytest.raises(Waits):
            made.who(Request("PUT", "/dav/home/f", headers={"authorization": "Basic x"}))
        told.append(True)

    Abreast().run([ask])
    assert told == [True]


# -- behind a loop -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy() -> Iterator[Toy]:
    """One worker, the usual limits."""
    with running() as started:
        yield started


def where(toy: Toy, path: str = "/thread") -> bytes:
    """The thread in which a short request is answered."""
    (answer,) = answers(toy.raw(get(path, SHORT + CLOSE), quiet=5))
    assert answer.status == 200
    return answer.body.split()[0]


def settled(toy: Toy) -> None:
    """Return when the lane takes requests."""
    until(lambda: where(toy) == b"lane")


def test_short_requests_are_answered_in_the_lane(toy: Toy) -> None:
    with running() as fresh:
        assert where(fresh) == b"lane"
    (answer,) = answers(toy.raw(get("/thread", CLOSE)))
    assert answer.body.startswith(b"pool-")


def test_pipelined_requests_are_answered_in_order(toy: Toy) -> None:
    """Wherever each of them is answered."""
    parts = []
    for n in range(10):
        parts += [put(f"/thread?{n}", b"%d" % n, SHORT), get("/stream", SHORT), get("/quick"), get(f"/thread?{n}")]
    found = answers(toy.raw(b"".join(parts) + LAST))
    assert len(found) == 41 and {each.status for each in found} == {200}
    for n in range(10):
        short, stream, quick, other = found[n * 4 : n * 4 + 4]
        assert (short.headers["x-query"], short.body.split()[1]) == (str(n), b"%d" % n)
        assert (stream.body, quick.body, other.headers["x-query"]) == (b"abcabcabc", b"quick", str(n))


@pytest.mark.parametrize("wish", [CLOSE, ""])
@pytest.mark.parametrize(
    ("path", "status", "length"),
    [
        ("/empty", 204, 0),
        ("/nothing", 404, 7),
        ("/stream", 200, 9),
        ("/file?100", 200, 100),
        ("/file?70000", 200, 70_000),
    ],
)
def test_all_kinds_of_answers(toy: Toy, path: str, status: int, length: int, wish: str) -> None:
    data = toy.raw(get(path, SHORT + wish) + LAST)
    found = answers(data)
    assert [each.status for each in found] == ([status] if wish else [status, 200])
    assert len(found[0].body) == length


@pytest.mark.parametrize("path", ["/boom", "/bad-header"])
def test_bugs_are_bare_500s(toy: Toy, path: str) -> None:
    (answer,) = answers(toy.raw(get(path, SHORT) + get("/quick")))
    assert (answer.status, answer.body, answer.headers["connection"]) == (500, b"", "close")
    settled(toy)


def test_many_at_once(toy: Toy) -> None:
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(toy.connect()) for _ in range(100)]
        for n, link in enumerate(links):
            link.sendall(put("/thread", b"%d" % n, SHORT))
        for n, link in enumerate(links):
            link.sendall(put("/thread", b"next-%d" % n, SHORT + CLOSE))
        for n, link in enumerate(links):
            assert [each.body.split()[1] for each in answers(read_all(link, 5))] == [b"%d" % n, b"next-%d" % n]


def test_what_takes_long_is_asked_once_more_elsewhere(toy: Toy) -> None:
    """With its whole body, of which a part was read already."""
    settled(toy)
    found = answers(toy.raw(put("/hesitant?0", b"whole", SHORT) + put("/hesitant?0", b"x" * 60_000, SHORT) + LAST))
    assert [each.status for each in found] == [200, 200, 200]
    assert all(each.body.startswith(b"pool-") for each in found[:2])
    # The pool's threads have read three bytes themselves.
    assert [each.body.split()[1] for each in found[:2]] == [b"le", b"x" * 59_997]


def test_one_that_sleeps_holds_up_only_those_beside_it(toy: Toy) -> None:
    settled(toy)
    with toy.connect() as sleeper:
        sleeper.sendall(get("/slow?1", SHORT + CLOSE))
        time.sleep(0.2)
        started = time.monotonic()
        assert where(toy).startswith(b"pool-")
        assert time.monotonic() - started < 0.7
        assert answers(read_all(sleeper))[0].body == b"slow"
    settled(toy)


def test_a_client_that_does_not_read_holds_up_nobody(toy: Toy) -> None:
    settled(toy)
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", toy.port))
        link.sendall(get("/big", SHORT) + put("/thread", b"behind", SHORT + CLOSE))
        time.sleep(0.2)
        settled(toy)
        big, behind = answers(read_all(link, 5, 30))
    assert big.body == BIG and behind.body.endswith(b" behind")


@pytest.mark.parametrize("path", ["/slow?0.2", "/hesitant?0.2", "/big"])
@pytest.mark.parametrize("rudely", [True, False])
def test_a_client_that_leaves(toy: Toy, path: str, rudely: bool) -> None:
    with toy.connect() as link:
        link.sendall(put(path, b"body", SHORT) * 3)
        if rudely:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        time.sleep(0.05)
    time.sleep(0.3)
    settled(toy)
    assert toy.process.poll() is None


@pytest.mark.parametrize(("path", "body"), [("/slow?0.8", b"slow"), ("/hesitant?0.8", b"pool-")])
def test_stopping_waits_for_what_the_lane_does(path: str, body: bytes) -> None:
    """Also when a thread of the pool has to end it."""
    with running() as toy, toy.connect() as link, toy.connect() as beside:
        link.sendall(put(path, b"body", SHORT))
        beside.sendall(put("/thread", b"beside", SHORT))
        time.sleep(0.2)
        toy.process.terminate()
        assert answers(read_all(link, 5))[0].body.startswith(body)
        assert answers(read_all(beside, 5))[0].body.endswith(b" beside")
        assert toy.process.wait(15) == 0
        assert "closed" in toy.output.read()


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """One worker whose only pool thread is busy for a while."""
    monkeypatch.setenv("TOY_THREADS", "1")
    with running(queue=0) as toy, toy.connect() as busy:
        busy.sendall(get("/slow?1.5"))
        time.sleep(0.2)
        yield toy


def test_what_cannot_be_asked_elsewhere_is_refused(narrow: Toy) -> None:
    refused, last = answers(narrow.raw(put("/hesitant", b"x", SHORT))), answers(narrow.raw(LAST))
    assert [each.status for each in refused] == [503] and refused[0].headers["retry-after"]
    assert last[0].body == b"quick"


@pytest.mark.parametrize("path", ["/quick/big", "/big"])
def test_half_an_answer_is_not_followed_by_a_refusal(narrow: Toy, path: str) -> None:
    """Its client would take the refusal for the rest of the content."""
    received = b""
    with narrow.connect() as link:
        link.sendall(get(path, SHORT))
        time.sleep(0.2)
        with pytest.raises(ConnectionResetError):
            while piece := link.recv(1_000_000):
                received += piece
    assert b"503" not in received and len(received) < len(BIG)
