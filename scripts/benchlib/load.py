"""Closed-loop load by forked client processes, and what the server spends on it meanwhile."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import NamedTuple

from benchlib import machine, worker
from benchlib.client import BenchError
from benchlib.servers import Server
from benchlib.worker import Client, Script, Tally

_CLIENTS = 2
_SAMPLE, _PATIENCE = 0.25, 600.0
_fork = multiprocessing.get_context("fork")


class Measured(NamedTuple):
    """One round of one test on one server.

    ``rate``: right answers per second (or MiB per second).  ``cpu``: seconds
    of user and system time of the server's processes for each of them.
    ``memory``: highest sum of their proportional set sizes, in bytes.
    ``others``: processors that were busy with neither server nor clients.
    ``wrong``: wrong answers by what was wrong; they are not in the rate.
    """

    rate: float
    cpu: float
    memory: int
    others: float
    right: int
    wrong: Counter[str]


def run(
    server: Server, script: Callable[[int], Script], connections: int, seconds: float, warm_up: bool = True
) -> Measured:
    """Load a server with ``script(0)``, ``script(1)`` and so on, each on a connection of its own.

    :raises BenchError: a client process failed.
    """
    clients = []
    for first in range(min(_CLIENTS, connections)):
        scripts = [script(number) for number in range(first, connections, _CLIENTS)]
        clients.append(worker.client(server.port, scripts, warm_up))
    return measure(server, clients, seconds)


def measure(server: Server, clients: Sequence[Client], seconds: float) -> Measured:
    """Let all clients warm up, then run together; nothing of the warm-up is in the figures.

    :raises BenchError: a client process failed or hangs.
    """
    pipes = [_begin(client, seconds) for client in clients]
    try:
        for pipe in pipes:
            _receive(pipe)
        watch = _Watch(server)
        for pipe in pipes:
            pipe.send(None)
        tallies = _collect(pipes, watch)
        return watch.result(tallies)
    finally:
        for pipe in pipes:
            pipe.close()


def _begin(client: Client, seconds: float) -> Pipe:
    pipe, other = _fork.Pipe()
    _fork.Process(target=_client, args=(pipe, other, client, seconds), daemon=True).start()
    other.close()
    return pipe


def _client(parent: Pipe, pipe: Pipe, client: Client, seconds: float) -> None:
    """A client process; ends with an error when the pipe does."""
    parent.close()

    def gate() -> float:
        pipe.send(None)
        pipe.recv()
        return time.monotonic() + seconds

    pipe.send(client(gate))


def _receive(pipe: Pipe) -> Tally | None:
    if not pipe.poll(_PATIENCE):
        raise BenchError("a client process hangs")
    try:
        received: Tally | None = pipe.recv()
    except EOFError:
        raise BenchError("a client process failed") from None
    return received


def _collect(pipes: Sequence[Pipe], watch: _Watch) -> list[Tally]:
    tallies: list[Tally] = []
    waiting = list(pipes)
    deadline = time.monotonic() + _PATIENCE
    while waiting:
        for pipe in wait(waiting, _SAMPLE):
            tally = _receive(pipe)  # type: ignore[arg-type]
            assert tally is not None
            tallies.append(tally)
            waiting.remove(pipe)  # type: ignore[arg-type]
        if waiting:
            watch.sample()
        if time.monotonic() > deadline:
            raise BenchError("a client process hangs")
    return tallies


class _Watch:
    """What the server and the rest of the machine do from the making of this on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.memory = server.memory()
        self._start = time.monotonic()
        self._server_cpu = server.cpu_seconds()
        self._busy = machine.busy_seconds()
        self._own = time.process_time()

    def sample(self) -> None:
        """Look at the memory."""
        self.memory = max(self.memory, self._server.memory())

    def result(self, tallies: Sequence[Tally]) -> Measured:
        """The figures up to now."""
        cpu = self._server.cpu_seconds() - self._server_cpu
        busy = machine.busy_seconds() - self._busy
        own = time.process_time() - self._own + sum(tally.cpu for tally in tallies)
        others = max(0.0, busy - cpu - own) / (time.monotonic() - self._start)
        self.sample()
        right = sum(tally.right for tally in tallies)
        wrong = sum((tally.wrong for tally in tallies), Counter[str]())
        if not right:
            wrong["no right answer at all"] += 1
        each = cpu / right if right else 0.0
        return Measured(sum(tally.rate for tally in tallies), each, self.memory, others, right, wrong)
