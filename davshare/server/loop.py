"""The loop of one worker: all connections that wait, none that work (cheroot's connection manager)."""

from __future__ import annotations

import errno
import logging
import socket
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from davshare.http.proxy import is_trusted, plain_address
from davshare.server.body import set_timeout
from davshare.server.connection import AWAY, IDLE, Connection
from davshare.server.poller import Waker, make_poller

if TYPE_CHECKING:
    from davshare.server.worker import Worker

log = logging.getLogger("davshare.server")

_EVENTS = 256
#: How long a half-sent request may keep a stopping worker up.
_PATIENCE = 2.0
_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Loop:
    """Watches the listening socket and the connections, and runs whatever is quick.

    Everything here belongs to one thread, but :meth:`put`, which the pool's
    threads call, and :meth:`drain`, which a signal handler calls.
    """

    def __init__(self, server: Worker) -> None:
        self.server = server
        self.application = server.application
        self.limits = server.limits
        self.networks = server.networks
        self.now = monotonic()
        self.draining = False
        #: Connections with another request already read; one per turn each.
        self.ready: deque[Connection] = deque()
        self._connections: dict[int, Connection] = {}
        self._returned: deque[Connection] = deque()
        #: Connections that are idle again and whose socket is not watched.
        self._unwatched: deque[Connection] = deque()
        self._poller = make_poller()
        self._waker = Waker()
        self._listener: socket.socket | None = server.socket
        self._listening = False
        self._swept = self.now
        self._drain_until = float("inf")
        self._drain_started = 0.0
        self._poller.add(self._waker.fd)
        self._listen()

    # -- called by cheroot ----------------------------------------------------------------------------

    def run(self, expiration_interval: float) -> None:
        """Serve until :meth:`drain` was called and everything is finished."""
        poll = self._poller.poll
        connections, ready = self._connections, self.ready
        sweep = self.limits.sweep
        while True:
            events = poll(0 if ready else sweep if not self.draining else 0.02, _EVENTS)
            self.now = monotonic()
            for fd, _ in events:
                connection = connections.get(fd)
                if connection is not None:
                    try:
                        connection.readable()
                    except Exception:
                        self._give_up(connection)
                elif fd == self._waker.fd:
                    self._take_back()
                else:
                    self._accept()
            for _ in range(len(ready)):
                connection = ready.popleft()
                try:
                    connection.go_on()
                except Exception:
                    self._give_up(connection)
            self.server.lane.go()
            if self.now - self._swept >= sweep or self.draining:
                self._sweep()
                if self.draining and self._drained():
                    self.server.interrupt = SystemExit(0)
                    return

    def put(self, conn: Connection) -> None:
        """A thread of the pool is done with ``conn``."""
        if conn.go_idle():
            if not conn.armed:
                self._unwatched.append(conn)
                self._waker.ring()
        else:
            self._returned.append(conn)
            self._waker.ring()

    def stop(self) -> None:
        """Nothing to wait for: :meth:`run` has ended before the server is stopped."""

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()
        self._poller.close()
        self._waker.close()

    # -- called by connections ------------------------------------------------------------------------

    def arm(self, connection: Connection) -> None:
        """Watch the connection's socket again."""
        if not connection.armed:
            connection.armed = True
            self._poller.add(connection.fd)

    def disarm(self, connection: Connection) -> None:
        """Look away from a socket that a thread is using."""
        connection.armed = False
        self._poller.remove(connection.fd)
        if connection.state == IDLE:
            self.arm(connection)

    def drop(self, connection: Connection) -> None:
        """Close the connection and forget it."""
        self.forget(connection)
        connection.close()

    def forget(self, connection: Connection) -> None:
        """The connection is somebody else's from now on, or nobody's."""
        if self._connections.get(connection.fd) is connection:
            del self._connections[connection.fd]
            if connection.armed:
                connection.armed = False
                self._poller.remove(connection.fd)
        connection.state = AWAY

    def submit(self, connection: Connection) -> bool:
        """Let a thread run the connection's errand; False when there are too many already."""
        return self.server.pool.submit(connection)

    def drain(self, grace: float) -> None:
        """Accept nothing more, finish what was begun within ``grace`` seconds, then let :meth:`run` end."""
        if not self.draining:
            self.draining = True
            self._drain_started = monotonic()
            self._drain_until = self._drain_started + grace
        self._waker.ring()

    # -- inside ---------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self._listener is not None and not self._listening:
            self._poller.add(self._listener.fileno(), shared=True)
            self._listening = True

    def _deafen(self) -> None:
        if self._listener is not None and self._listening:
            self._poller.remove(self._listener.fileno())
            self._listening = False

    def _stop_listening(self) -> None:
        """Take those who wait already, then close our end: whoever comes later is to see a closed door."""
        if self._listener is not None:
            self._deafen()
            while self._accept():
                pass
            self._listener.close()
            self._listener = None

    def _accept(self) -> bool:
        """Take one connection; the next turn takes the next, so that other workers get their share."""
        if self._listener is None:
            return False
        try:
            sock, address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno in _FULL:
                log.warning("no more connections can be accepted for now: %s", error.strerror)
                self._deafen()
                return False
            raise
        sock.setblocking(True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        set_timeout(sock, socket.SO_RCVTIMEO, self.limits.body)
        set_timeout(sock, socket.SO_SNDTIMEO, self.limits.send)
        peer = plain_address(address[0])
        connection = Connection(self, sock, peer, bool(self.networks) and is_trusted(peer, self.networks))
        self._connections[connection.fd] = connection
        self._poller.add(connection.fd)
        # The kernel wakes the process that began to watch first: stand in line again behind the others.
        if self._listening:
            self._deafen()
            self._listen()
        try:
            connection.readable()
        except Exception:
            self._give_up(connection)
        return True

    def _take_back(self) -> None:
        self._waker.hush()
        while self._returned:
            connection = self._returned.popleft()
            try:
                connection.come_back()
            except Exception:
                self._give_up(connection)
        while self._unwatched:
            connection = self._unwatched.popleft()
            # By now it may have been found idle, served, and given away again: then it is none of our business.
            if connection.state != AWAY:
                self.arm(connection)

    def _give_up(self, connection: Connection) -> None:
        """A bug must not cost more than the one connection that met it."""
        log.exception("a connection failed")
        self.drop(connection)

    def _sweep(self) -> None:
        """Every second or so: end what has been silent for too long, and do what can wait."""
        now = self._swept = self.now
        for connection in [each for each in self._connections.values() if each.expired(now)]:
            try:
                connection.expire()
            except Exception:
                self._give_up(connection)
        if not self.draining:
            self._listen()
            self.server.housekeeping(now)

    def _drained(self) -> bool:
        """Say goodbye to all that are idle; whether nobody is left to be served."""
        self._stop_listening()
        patient = self.now - self._drain_started < _PATIENCE
        busy = False
        for connection in list(self._connections.values()):
            if connection.state == AWAY:
                busy = True
            else:
                if connection.state == IDLE:
                    # A request that crossed our goodbye on the wire is still answered.
                    connection.readable()
                if connection.state == IDLE or not (patient or connection.state == AWAY):
                    self.drop(connection)
                busy = busy or connection.fd in self._connections
        return self.now > self._drain_until or not (busy or self._returned or self.ready)
