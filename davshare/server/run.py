"""The master process: one listening socket, several workers, one keeper, and nobody left behind."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from davshare.http.application import Application
from davshare.http.proxy import parse_networks
from davshare.server.children import fork, pin
from davshare.server.limits import Limits
from davshare.server.listener import bind, url_of
from davshare.server.worker import run_worker

log = logging.getLogger("davshare.server")

#: A child that lived shorter than this is replaced later and later.
_SHORT_LIFE = 5.0
_LONGEST_PAUSE = 10.0
#: What the master waits on top of the workers' own grace before it kills.
_MARGIN = 2.0
_OPEN_FILES = 65536

_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass(slots=True)
class Seat:
    """The place of one child: what to run, and how often it failed lately."""

    name: str
    main: Callable[[], int]
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    due: float = 0.0


def serve(
    listen: tuple[str, int],
    workers: int,
    make_application: Callable[[], Application],
    *,
    trusted_proxies: Sequence[str] = (),
    before_start: Callable[[], None],
    on_worker_exit: Callable[[], None],
    keeper: Callable[[], None] | None,
    announce: Callable[[str], None],
    threads: int,
    grace: float = 10.0,
    limits: Limits | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT; the exit status (0, or 1 when no worker could even start).

    ``before_start`` runs once the address is ours and before any child exists,
    ``on_worker_exit`` after a child died and before it is replaced, both in
    the master.  ``make_application`` runs in each worker.  ``keeper`` has a
    process of its own and returns on SIGTERM.  ``announce`` gets the URL when
    all workers are ready.

    :raises UsageError: the address is taken or wrong, or a trusted proxy is not an address.
    """
    networks = parse_networks(trusted_proxies)
    listener = bind(listen)
    pipe: list[int] = []
    try:
        before_start()
        _allow_many_files()
        ready_read, ready_write = os.pipe()
        pipe += [ready_read, ready_write]

        def seat(index: int) -> Seat:
            def main() -> int:
                pin(index, workers)
                return run_worker(
                    listener, make_application, networks, threads, limits or Limits(), grace,
                    lambda: void(os.write(ready_write, b"!")),
                )  # fmt: skip

            return Seat(f"worker {index + 1}", main)

        seats = [seat(index) for index in range(max(1, workers))]
        if keeper is not None:
            seats.append(Seat("keeper", lambda: _keep(keeper, listener)))
        master = Master(seats, len(seats) - (keeper is not None), ready_read, on_worker_exit)
        return master.run(lambda: announce(url_of(listener)), listener.close, grace)
    finally:
        listener.close()
        for end in pipe:
            os.close(end)


def void(_: Any) -> None:
    """Forget a result."""


class Master:
    """Watches the children: announces, replaces, and ends them."""

    def __init__(self, seats: list[Seat], workers: int, ready: int, on_exit: Callable[[], None]) -> None:
        self._seats = seats
        self._missing = workers
        self._workers = workers
        self._ready = ready
        self._on_exit = on_exit
        self._stops = 0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self, announce: Callable[[], None], close_listener: Callable[[], None], grace: float) -> int:
        """Start all children and stay until a signal ends the server."""
        before = {number: signal.signal(number, self._signalled) for number in _HANDLED}
        wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            for seat in self._seats:
                self._start(seat)
            status = self._watch(announce)
            close_listener()
            self._end(grace)
            return status
        finally:
            self._signal_all(signal.SIGKILL)
            signal.set_wakeup_fd(wakeup)
            for number, action in before.items():
                signal.signal(number, action)
            os.close(self._wake_read)
            os.close(self._wake_write)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stops += 1

    def _start(self, seat: Seat) -> None:
        seat.started = time.monotonic()
        seat.pid = fork(seat.main)

    def _watch(self, announce: Callable[[], None]) -> int:
        """Until a stop signal (0), or until a process dies before any worker was ready for the first time (1)."""
        while not self._stops:
            self._wait(self._pause())
            missing = self._missing
            self._count_ready()
            if missing and not self._missing:
                announce()
            if self._reap() and not self._serves and not self._stops:
                log.error("a process ended before the server was ready")
                return 1
            now = time.monotonic()
            for seat in self._seats:
                if not seat.pid and seat.due <= now and not self._stops:
                    self._start(seat)
        return 0

    @property
    def _serves(self) -> bool:
        """Whether a worker was ready: somebody may have been answered, and what dies then is replaced."""
        return self._missing < self._workers

    def _pause(self) -> float | None:
        vacant = [seat.due for seat in self._seats if not seat.pid]
        return max(0.0, min(vacant) - time.monotonic()) if vacant else None

    def _wait(self, seconds: float | None) -> None:
        readable, _, _ = select.select([self._wake_read, self._ready], [], [], seconds)
        if self._wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)

    def _count_ready(self) -> None:
        """Replacements report too: their word has to be taken from the pipe, or the next wait ends at once."""
        if select.select([self._ready], [], [], 0)[0]:
            self._missing = max(0, self._missing - len(os.read(self._ready, 4096)))

    def _reap(self) -> bool:
        """Take note of children that ended; True if one did."""
        ended = False
        for seat in self._seats:
            if not seat.pid or not _gone(seat.pid):
                continue
            seat.pid = 0
            ended = True
            now = time.monotonic()
            seat.failures = seat.failures + 1 if now - seat.started < _SHORT_LIFE else 0
            seat.due = now + (min(_LONGEST_PAUSE, 0.1 * 2**seat.failures) if seat.failures > 1 else 0.0)
            if not self._stops and self._serves:
                log.error("%s ended unexpectedly and is being replaced", seat.name)
                self._recover()
        return ended

    def _recover(self) -> None:
        try:
            self._on_exit()
        except Exception:
            log.exception("recovery after the end of a process failed")

    def _end(self, grace: float) -> None:
        """SIGTERM for everybody, and SIGKILL for those who do not listen."""
        asked = self._stops
        self._signal_all(signal.SIGTERM)
        until = time.monotonic() + grace + _MARGIN
        while any(seat.pid for seat in self._seats):
            left = until - time.monotonic()
            if left <= 0 or self._stops > asked + 1:
                log.warning("some processes did not end in time and were killed")
                return
            self._wait(left)
            self._reap()

    def _signal_all(self, number: signal.Signals) -> None:
        for seat in self._seats:
            if seat.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(seat.pid, number)
                if number == signal.SIGKILL:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(seat.pid, 0)
                    seat.pid = 0


def _gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _keep(keeper: Callable[[], None], listener: socket.socket) -> int:
    listener.close()
    keeper()
    return 0


def _allow_many_files() -> None:
    """As many connections and files as the system lets us have without asking."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
