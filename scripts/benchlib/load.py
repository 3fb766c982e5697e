"""Closed-loop load: two forked client processes, each with its share of the connections in one epoll loop."""

from __future__ import annotations

import multiprocessing
import select
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple

from benchlib.client import Answer, BenchError, Connection
from benchlib.servers import Server

_CLIENTS = 2
_START, _WARM_UP, _PATIENCE = 0.15, 0.3, 90.0
_fork = multiprocessing.get_context("fork")

#: Gives the requests of one connection, by its number; endless.
Requests = Callable[[int], Iterator[bytes]]


class Measured(NamedTuple):
    """Right answers per second, seconds of server CPU for each, and the wrong answers by what was wrong."""

    rate: float
    cpu: float
    wrong: Counter[str]


class Expected(NamedTuple):
    """What a right answer is; ``length`` None stands for any."""

    status: int
    length: int | None = None

    def fault(self, answer: Answer) -> str:
        """What is wrong with an answer; empty when nothing is."""
        if answer.status != self.status:
            return f"status {answer.status}"
        if self.length is not None and len(answer.body) != self.length:
            return f"{len(answer.body)} bytes"
        return ""


def run(server: Server, requests: Requests, expected: Expected, connections: int, seconds: float) -> Measured:
    """Load a server and count what arrives within ``seconds``, after a short warm-up.

    :raises BenchError: a client process failed.
    """
    start = time.monotonic() + _START + _WARM_UP
    end = start + seconds
    pipes = []
    for first in range(_CLIENTS):
        mine = range(first, connections, _CLIENTS)
        pipe, other = _fork.Pipe(duplex=False)
        _fork.Process(target=_client, args=(other, server, requests, mine, expected, start, end), daemon=True).start()
        other.close()
        pipes.append(pipe)
    time.sleep(max(0.0, start - time.monotonic()))
    before = server.cpu_seconds()
    time.sleep(max(0.0, end - time.monotonic()))
    cpu = server.cpu_seconds() - before
    done, wrong = _collect(pipes)
    if not done:
        wrong["no right answer at all"] += 1
    return Measured(done / seconds, cpu / done if done else 0.0, wrong)


def _collect(pipes: Sequence[Pipe]) -> tuple[int, Counter[str]]:
    done, wrong = 0, Counter[str]()
    for pipe in pipes:
        if not pipe.poll(_PATIENCE):
            raise BenchError("a client process hangs")
        try:
            count, faults = pipe.recv()
        except EOFError:
            raise BenchError("a client process failed") from None
        done += count
        wrong.update(faults)
    return done, wrong


def _client(
    pipe: Pipe,
    server: Server,
    requests: Requests,
    numbers: Sequence[int],
    expected: Expected,
    start: float,
    end: float,
) -> None:
    """One client process."""
    loop = _Loop(server.port, expected)
    for number in numbers:
        loop.add(requests(number))
    loop.run(start, end)
    pipe.send((loop.done, loop.wrong))


class _Loop:
    """Connections that each send their next request when the last one is answered."""

    def __init__(self, port: int, expected: Expected) -> None:
        self._port = port
        self._expected = expected
        self._poll = select.epoll()
        self._lines: dict[int, tuple[Connection, Iterator[bytes]]] = {}
        self.done = 0
        self.wrong: Counter[str] = Counter()

    def add(self, requests: Iterator[bytes]) -> None:
        """Open a connection and send its first request."""
        self._register(Connection(self._port), requests)

    def _register(self, connection: Connection, requests: Iterator[bytes]) -> None:
        self._lines[connection.fileno()] = (connection, requests)
        self._poll.register(connection.fileno(), select.EPOLLIN)
        connection.send(next(requests))

    def run(self, start: float, end: float) -> None:
        """Until ``end``; right answers count from ``start`` on, wrong ones always."""
        while (now := time.monotonic()) < end:
            for descriptor, _ in self._poll.poll(end - now):
                self._readable(descriptor, start)

    def _readable(self, descriptor: int, start: float) -> None:
        connection, requests = self._lines[descriptor]
        try:
            answer = connection.receive()
        except ConnectionError:
            self.wrong["connection closed"] += 1
            self._anew(descriptor)
            return
        if answer is None:
            return
        fault = self._expected.fault(answer)
        if fault:
            self.wrong[fault] += 1
        elif time.monotonic() >= start:
            self.done += 1
        if answer.closes:
            self._anew(descriptor)
        else:
            connection.send(next(requests))

    def _anew(self, descriptor: int) -> None:
        connection, requests = self._lines.pop(descriptor)
        self._poll.unregister(descriptor)
        connection.reopen()
        self._register(connection, requests)
