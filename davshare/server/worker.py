"""One process that serves: cheroot's HTTP server with our own connections, parser and writer."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from cheroot.server import HTTPServer

from davshare.http.application import Application
from davshare.http.proxy import Networks
from davshare.server import heap
from davshare.server.connection import Connection
from davshare.server.lane import Lane
from davshare.server.limits import Limits
from davshare.server.loop import Loop
from davshare.server.pool import Pool

log = logging.getLogger("davshare.server")

#: How often threads and memory that were not needed are let go, in seconds.
_TRIM = 30.0
#: How long a busy thread may keep the loop waiting for the interpreter: the usual 5 ms would cost every quick answer
#: 10 ms as soon as one thread computes something.
_SWITCH = 0.001


class Worker(HTTPServer):
    """The life cycle is cheroot's: ``prepare``, ``serve``, ``stop``."""

    def __init__(
        self, listener: socket.socket, application: Application, networks: Networks, threads: int, limits: Limits
    ) -> None:
        super().__init__(listener.getsockname()[:2], gateway=None, minthreads=1, maxthreads=max(1, threads))
        self.socket: socket.socket | None = listener
        self.application = application
        self.networks = networks
        self.limits = limits
        self.requests = self.pool = Pool(self, max(1, threads), limits.queue)
        self.lane = Lane(self._made)
        self.loop: Loop | None = None
        self._trimmed = 0.0
        self._master = os.getppid()

    def prepare(self) -> None:
        """Get everything ready on the socket that the master has bound."""
        self._interrupt = None
        self.loop = self._connections = Loop(self)
        self.requests.start()
        self.lane.start()
        self.ready = True

    def put_conn(self, conn: Connection) -> None:
        """A thread gives a connection back."""
        assert self.loop is not None
        self.pool.finished()
        self.loop.put(conn)

    def _made(self, conn: Connection) -> None:
        """The lane gives a connection back."""
        assert self.loop is not None
        self.loop.put(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """cheroot's own words, into our log; its farewells interest nobody."""
        log.log(level if level > logging.INFO else logging.DEBUG, "%s", msg, exc_info=traceback)

    def stop(self) -> None:
        """Stop for good; the listening socket stays with the master."""
        self.socket = None
        self.lane.stop(self.shutdown_timeout)
        super().stop()

    def housekeeping(self, now: float) -> None:
        """Let go of threads and memory that are not needed; end when the master is gone."""
        if now - self._trimmed > _TRIM:
            self._trimmed = now
            self.pool.trim()
            heap.give_back()
        if os.getppid() != self._master:
            log.error("the main process is gone")
            os._exit(1)


def run_worker(
    listener: socket.socket,
    make_application: Callable[[], Application],
    networks: Networks,
    threads: int,
    limits: Limits,
    grace: float,
    ready: Callable[[], None],
) -> int:
    """Serve until SIGTERM; the exit status of the process. Runs in a fresh child of the master."""
    sys.setswitchinterval(_SWITCH)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    application = make_application()
    server = Worker(listener, application, networks, threads, limits)
    server.shutdown_timeout = 1
    server.prepare()
    loop = server.loop
    assert loop is not None
    signal.signal(signal.SIGTERM, lambda *_: loop.drain(grace))
    heap.settle_in()
    if stopping.is_set():
        loop.drain(grace)
    ready()
    with contextlib.suppress(SystemExit):
        server.serve()
    application.close(bool(server.pool.busy or server.lane.busy))
    sys.stdout.flush()
    sys.stderr.flush()
    return 0
