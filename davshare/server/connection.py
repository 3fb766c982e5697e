"""One client's connection: from bytes to requests, and from answers to bytes.

A connection belongs to the loop's thread, except while its state is ``AWAY``:
then it belongs to the pool's thread that runs :meth:`Connection.communicate`.
The socket blocks (with time-outs in the kernel); the loop's thread says
``MSG_DONTWAIT`` with every call, so that no mode is ever switched.
"""

from __future__ import annotations

import logging
import socket
import struct
from time import monotonic
from typing import TYPE_CHECKING

from davshare.errors import BodyCut, FramingError, Unavailable
from davshare.http.parser import Head, find_head, parse_head
from davshare.http.proxy import drop_forwarded, resolve
from davshare.http.request import Body, BytesBody, EmptyBody, Request
from davshare.http.responses import Handover, Response
from davshare.server import writer
from davshare.server.body import SocketBody
from davshare.server.errand import CLOSE, EMPTY, GIVEN, KEEP, RESET, REST, Errand
from davshare.server.refusal import bare_failure, refuse

if TYPE_CHECKING:
    from davshare.server.loop import Loop

log = logging.getLogger("davshare.server")

#: Between requests; inside a head; inside a small body; in the pool; said goodbye and emptying the socket.
IDLE, HEAD, BODY, AWAY, LINGER = range(5)

_READ = 16 * 1024
_READ_BODY = 64 * 1024
_DONTWAIT = socket.MSG_DONTWAIT
_NOTHING = EmptyBody()
_RESET = struct.pack("ii", 1, 0)


class Connection:
    """The state of one accepted socket."""

    __slots__ = (
        "_buffer",
        "_errand",
        "_given",
        "_head",
        "_loop",
        "_scanned",
        "armed",
        "fate",
        "fd",
        "peer",
        "since",
        "socket",
        "state",
        "trusted",
    )  # fmt: skip

    def __init__(self, loop: Loop, sock: socket.socket, peer: str, trusted: bool) -> None:
        self.socket = sock
        self.fd = sock.fileno()
        self.peer = peer
        self.trusted = trusted
        self.state = IDLE
        self.since = loop.now
        #: Whether the poller watches the socket; changed by the loop's thread only.
        self.armed = True
        self.fate = KEEP
        self._loop = loop
        self._buffer: bytes | bytearray = b""
        self._scanned = 0
        self._head: Head | None = None
        self._errand: Errand | None = None
        self._given: Handover | None = None

    # -- on the loop's thread -------------------------------------------------------------------------

    def readable(self) -> None:
        """The poller says that there is something to read, or that the client left."""
        state = self.state
        if state >= AWAY:
            if state == AWAY:
                self._loop.disarm(self)
            else:
                self._throw_away()
            return
        try:
            data = self.socket.recv(_READ_BODY if state == BODY else _READ, _DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._loop.drop(self)
            return
        if self._buffer:
            if type(self._buffer) is bytes:
                self._buffer = bytearray(self._buffer)
            self._buffer += data
        else:
            self._buffer = data
        self.advance()

    def advance(self) -> None:
        """Take the next request out of what was read, if it is whole, and see to its answer."""
        if self.state == BODY:
            self.since = self._loop.now
            self._collect_body()
            return
        buffer = self._buffer
        try:
            begin, end = find_head(buffer, 0, self._scanned)
            if end < 0:
                self._wait_for_head(len(buffer))
                return
            head = parse_head(bytes(buffer[begin:end]))
        except FramingError as error:
            self._finish_early(refuse(error))
            return
        self._scanned = 0
        self._head = head
        self._buffer = buffer[end + 4 :]
        if head.length == 0:
            self._ask(head, _NOTHING)
        else:
            self._collect_body()

    def go_on(self) -> None:
        """It is this connection's turn again, if there still is something to do for it."""
        if self.state == IDLE and self._buffer:
            self.advance()

    def expired(self, now: float) -> bool:
        """Whether this connection has been silent for longer than its state allows."""
        limits = self._loop.limits
        state = self.state
        if state == AWAY:
            return False
        allowed = (limits.idle, limits.head, limits.body, 0.0, limits.linger)[state]
        return now - self.since > allowed

    def expire(self) -> None:
        """Say goodbye for being too slow (RFC 9110 section 15.5.9), or just go."""
        if self.state in (HEAD, BODY):
            self._finish_early(refuse(BodyCut("The request did not arrive in time.")))
        else:
            self._loop.drop(self)

    def come_back(self) -> None:
        """Go on after the pool: the loop has taken the connection over again."""
        fate = self.fate
        if fate == KEEP and not self._loop.draining:
            self._next()
        elif fate == REST and self._errand is not None:
            self._hand_over(self._errand)
        elif fate == GIVEN and self._given is not None:
            self._loop.forget(self)
            self._given.take(self.socket, bytes(self._buffer))
        elif fate == EMPTY or (fate == CLOSE and self._buffer):
            self.linger()
        else:
            if fate == RESET:
                self._set_reset()
            self._loop.drop(self)

    def linger(self) -> None:
        """No more answers; read on for a moment so that the client sees the last one."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._loop.drop(self)
            return
        self._buffer = b""
        self._scanned = 0
        self.since = self._loop.now
        self.state = LINGER
        self._loop.arm(self)

    def _wait_for_head(self, size: int) -> None:
        if self.state == IDLE:
            self.state = HEAD
            self.since = self._loop.now
        self._scanned = size
        self._loop.arm(self)

    def _collect_body(self) -> None:
        """Small bodies are waited for here, all others are read by a thread as the application asks for them."""
        head = self._head
        assert head is not None
        length, buffer = head.length, self._buffer
        if length is not None and len(buffer) >= length and length <= self._loop.limits.at_hand:
            self._buffer = buffer[length:]
            self._ask(head, BytesBody(bytes(buffer[:length])))
        elif length is None or head.awaits or length > self._loop.limits.at_hand:
            self._buffer = b""
            coming = SocketBody(self.socket, bytes(buffer), length, head.awaits)
            self._hand_over(Errand(head, self._make_request(head, coming, False), coming))
        else:
            if self.state != BODY:
                self.state = BODY
                self.since = self._loop.now
            self._loop.arm(self)

    def _make_request(self, head: Head, body: Body, at_hand: bool) -> Request:
        headers = head.headers
        if self.trusted:
            origin = resolve(self.peer, head.host, headers, self._loop.networks)
            peer, scheme, host = origin.peer, origin.scheme, origin.host
        else:
            drop_forwarded(headers)
            peer, scheme, host = self.peer, "http", head.host
        return Request(head.method, head.path, head.query, headers, host, scheme, peer, head.version, body, at_hand)

    def _ask(self, head: Head, body: Body) -> None:
        """A request is whole: the quick answer, or a thread."""
        request = self._make_request(head, body, True)
        application, short = self._loop.application, False
        try:
            response = application.quick(request)
            if response is None:
                short = application.short(request)
        except Exception:
            log.exception("the application failed in its quick answer")
            response = bare_failure()
        if response is None:
            self._hand_over(Errand(head, request, short=short))
            return
        keep = head.keep and not response.close and not self._loop.draining
        try:
            data = writer.whole(response, head.method, head.version, keep)
        except Exception as error:
            self._give_up(error)
            return
        if data is None:
            self._hand_over(Errand(head, response=response, keep=keep))
            return
        self._send_now(data, keep)

    def _give_up(self, error: Exception) -> None:
        """The answer could not even be begun."""
        if isinstance(error, writer.BrokenAnswer):
            log.warning("an answer broke: %s", error)
            self._set_reset()
            self._loop.drop(self)
            return
        log.error("an answer was impossible", exc_info=error)
        self._send_now(writer.BARE_500, False)

    def _send_now(self, data: bytes, keep: bool) -> None:
        """One send; what the socket does not take is left to a thread."""
        try:
            sent = self.socket.send(data, _DONTWAIT)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._loop.drop(self)
            return
        if sent != len(data):
            assert self._head is not None
            self._hand_over(Errand(self._head, tail=memoryview(data)[sent:], keep=keep))
        elif keep:
            self._next()
        elif self._buffer or (self._head is not None and self._head.keep and not self._loop.draining):
            # The client did not expect the end and may be sending: a plain close would take the answer with it.
            self.linger()
        else:
            self._loop.drop(self)

    def _next(self) -> None:
        """Wait for the next request, or queue up behind the others when it is here already."""
        loop = self._loop
        self.state = IDLE
        self.since = loop.now
        if self._buffer:
            loop.ready.append(self)
        elif not self.armed:
            loop.arm(self)

    def _finish_early(self, response: Response) -> None:
        """Answer without having understood the request, then end the connection."""
        self._buffer = b""
        try:
            self.socket.send(writer.whole(response, "GET", (1, 1), False) or b"", _DONTWAIT)
        except OSError:
            self._loop.drop(self)
            return
        self.linger()

    def _hand_over(self, errand: Errand) -> None:
        self._errand = errand
        self.state = AWAY
        if errand.short and self._loop.server.lane.submit(self):
            return
        errand.short = False
        if self._loop.submit(self):
            return
        self._errand = None
        errand.discard()
        if errand.tail is not None:
            # Half of an answer is out: whatever came now would be taken for the rest of it.
            self._set_reset()
            self._loop.drop(self)
            return
        self._finish_early(refuse(Unavailable("The server is busy; try again shortly.")))

    def _throw_away(self) -> None:
        """Empty the socket of a client that was said goodbye to."""
        try:
            data = self.socket.recv(_READ_BODY, _DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._scanned += len(data)
        if not data or self._scanned > self._loop.limits.linger_bytes:
            self._loop.drop(self)

    def _set_reset(self) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            return

    # -- on a thread of the pool ----------------------------------------------------------------------

    def communicate(self) -> bool:
        """Run the errand; True, because the loop takes the connection back in any case."""
        errand, loop = self._errand, self._loop
        if errand is not None:
            self.fate = errand.run(self.socket, loop.application, loop.limits, not loop.draining)
            if errand.leftover:
                self._buffer = errand.leftover
            self._given = errand.given
            if self.fate != REST:
                self._errand = None
        return True

    def go_idle(self) -> bool:
        """Wait for the next request without bothering the loop; False when the loop has to see to the connection.

        The loop looks at ``state`` after it has cleared ``armed``, the caller
        looks at ``armed`` after this has set ``state``: one of the two notices.
        """
        if self.fate != KEEP or self._buffer or self._loop.draining:
            return False
        self.since = monotonic()
        self.state = IDLE
        return True

    def close(self) -> None:
        """Close the socket; for cheroot, and the last step of everything else."""
        self.socket.close()
