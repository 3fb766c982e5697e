"""One client process: connections that each send their next request when the last one is answered."""

from __future__ import annotations

import os
import select
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from benchlib.checks import Check
from benchlib.client import Answer, BenchError, Connection

_WARM_UP = 0.2
_STALLED = 120.0


class Step(NamedTuple):
    """A request and what is right as its answer; one that is not ``timed`` only prepares the next."""

    request: bytes
    right: Check
    timed: bool = True


#: The requests of one connection; gets the answer of each before it gives the next.
Script = Generator[Step, Answer, None]


class Tally(NamedTuple):
    """What a client process has counted: right answers, their rate, wrong ones by what was wrong, its own CPU."""

    right: int
    rate: float
    wrong: Counter[str]
    cpu: float


#: Waits until all clients are ready, and gives the moment (of time.monotonic) at which to stop.
Gate = Callable[[], float]
#: Everything that a client process does.
Client = Callable[[Gate], Tally]


class Line:
    """A connection with its script."""

    def __init__(self, port: int, script: Script) -> None:
        self.connection = Connection(port)
        self._script = script
        self._step: Step | None = None
        self._sent = 0.0
        self._again = False
        self._answer: Answer | None = None
        self.wrong: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Count right answers from here on; wrong ones count always."""
        self.right = 0
        self.busy = 0.0

    def next(self) -> bool:
        """Send the next request; False when there is none."""
        try:
            self._step = next(self._script) if self._answer is None else self._script.send(self._answer)
        except StopIteration:
            return False
        self._again = False
        self._sent = time.perf_counter()
        self._send()
        return True

    def _send(self) -> None:
        assert self._step is not None
        try:
            self.connection.send(self._step.request)
        except OSError:
            # An idle connection that the server has given up meanwhile.
            self.connection.reopen()
            self.connection.send(self._step.request)

    def readable(self) -> bool:
        """Read; True when the request is done with."""
        try:
            answer = self.connection.receive()
        except ConnectionError:
            return self._broken()
        if answer is None:
            return False
        self._count(answer)
        if answer.closes:
            self.connection.reopen()
        return True

    def _broken(self) -> bool:
        """A connection may end between two requests: then the request is sent once more, on the same clock."""
        untouched = not self.connection.begun and not self._again
        self.connection.reopen()
        if untouched:
            self._again = True
            self._send()
            return False
        self.wrong["connection closed"] += 1
        self._answer = Answer(0, b"", b"", True)
        return True

    def _count(self, answer: Answer) -> None:
        now = time.perf_counter()
        assert self._step is not None
        self._answer = answer
        fault = self._step.right(answer)
        if self._step.timed:
            self.busy += now - self._sent
            self.right += not fault
        if fault:
            self.wrong[fault] += 1


class Loop:
    """The lines of one client process in one epoll loop; a single one needs no epoll."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._all = lines
        self._ended: set[Line] = set()
        self._waiting: dict[int, Line] = {}
        self._poll = select.epoll()

    def run(self, until: float) -> None:
        """Every line asks once at least, and again until ``until``; returns when all have their answers.

        :raises BenchError: an answer does not come.
        """
        for line in self._all:
            if line not in self._ended:
                self._next(line)
        while self._waiting:
            for number in self._ready():
                line = self._waiting[number]
                done = line.readable()
                if line.connection.socket.fileno() != number:
                    # It was opened anew; closing the old one has ended its registration.
                    del self._waiting[number]
                    self._watch(line)
                if done and time.monotonic() < until:
                    self._next(line)
                elif done:
                    self._rest(line)

    def _ready(self) -> list[int]:
        if len(self._all) == 1:
            return list(self._waiting)
        ready = [number for number, _ in self._poll.poll(_STALLED)]
        if not ready:
            raise BenchError(f"{len(self._waiting)} requests were not answered within {_STALLED:.0f} s")
        return ready

    def _next(self, line: Line) -> None:
        before = line.connection.socket.fileno()
        going = line.next()
        if not going:
            self._ended.add(line)
            self._rest(line)
        elif self._waiting.get(before) is not line or line.connection.socket.fileno() != before:
            self._waiting.pop(before, None)
            self._watch(line)

    def _watch(self, line: Line) -> None:
        number = line.connection.socket.fileno()
        self._waiting[number] = line
        self._poll.register(number, select.EPOLLIN)

    def _rest(self, line: Line) -> None:
        number = line.connection.socket.fileno()
        if self._waiting.pop(number, None):
            self._poll.unregister(number)


def client(port: int, scripts: Sequence[Script], warm_up: bool = True) -> Client:
    """Runs each script on a connection of its own."""

    def work(gate: Gate) -> Tally:
        lines = [Line(port, script) for script in scripts]
        loop = Loop(lines)
        loop.run(time.monotonic() + (_WARM_UP if warm_up else 0.0))
        for line in lines:
            line.reset()
        until = gate()
        before = sum(os.times()[:2])
        loop.run(until)
        return total(lines, sum(os.times()[:2]) - before)

    return work


def total(lines: Sequence[Line], cpu: float) -> Tally:
    """The sum; each line's rate is over the time in which one of its timed requests was under way."""
    rate = sum(line.right / line.busy for line in lines if line.busy)
    wrong = sum((line.wrong for line in lines), Counter[str]())
    return Tally(sum(line.right for line in lines), rate, wrong, cpu)
