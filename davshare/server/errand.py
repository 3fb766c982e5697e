"""What a thread of the pool does for a connection: ask the application, send the answer, see to the body's rest."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from davshare.errors import BodyCut, Waits
from davshare.http.application import Application
from davshare.http.parser import Head
from davshare.http.request import Request, again
from davshare.http.responses import Handover, Response
from davshare.server import writer
from davshare.server.body import SocketBody
from davshare.server.limits import Limits
from davshare.server.refusal import bare_failure, refuse

log = logging.getLogger("davshare.server")

#: What becomes of the connection: the next request, the end, the end after emptying the socket, a reset, it is
#: given away, or the errand is to be run once more, for what is left to do.
KEEP, CLOSE, EMPTY, RESET, GIVEN, REST = range(6)


@contextmanager
def _patience(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Python's own time-out while much is sent: it restarts with every byte that is taken, the kernel's does not."""
    sock.settimeout(seconds)
    try:
        yield
    finally:
        sock.settimeout(None)


@dataclass(slots=True)
class Errand:
    """One of three: a request to answer, a ready ``response`` to send, or the ``tail`` of one that did not fit."""

    head: Head
    request: Request | None = None
    body: SocketBody | None = None
    response: Response | None = None
    tail: memoryview | None = None
    keep: bool = True
    #: Whether it is run beside others, and must not wait.
    short: bool = False
    #: What followed the body that was read here.
    leftover: bytes = b""
    #: Who gets the connection.
    given: Handover | None = None

    def run(self, sock: socket.socket, application: Application, limits: Limits, keep: bool) -> int:
        """Do it, and say what becomes of the connection; raises nothing. ``keep`` is whether it may go on at all."""
        self.keep = self.keep and keep
        try:
            return self._run(sock, application, limits)
        except OSError:
            return RESET
        except Waits:
            assert self.request is not None
            self.request.body = again(self.request.body)
            self.short = False
            return REST
        except writer.BrokenAnswer as error:
            log.warning("an answer broke: %s", error)
        except BaseException:
            log.exception("an answer failed midway")
        return RESET

    def discard(self) -> None:
        """Release what the errand holds, instead of running it."""
        if self.response is not None:
            writer.close_body(self.response)

    def _run(self, sock: socket.socket, application: Application, limits: Limits) -> int:
        if self.tail is not None:
            with _patience(sock, limits.send):
                writer.send_all(sock, self.tail)
            return KEEP if self.keep else self._last()
        response, body = self.response, self.body
        if response is None:
            response = self._ask(application)
        if isinstance(response.body, Handover):
            return self._give_away(sock, response, response.body)
        if self.short:
            return self._send_now(sock, response)
        if body is not None and body.cut:
            return self._say_late(sock, body, response)
        keep = self.keep and self.head.keep and not response.close
        if body is not None and body.hopeless(limits):
            keep = False
        if body is not None and response.status >= 400 and body.length is None and not body.skim():
            keep = False  # nobody knows how long the rest of a refused chunked body is
        keep = self._send(sock, response, keep, limits)
        if body is None:
            return KEEP if keep else self._last()
        if not keep:
            return self._last() if body.done else EMPTY
        if not body.rest(limits):
            return EMPTY
        self.leftover = body.leftover()
        return KEEP

    def _give_away(self, sock: socket.socket, response: Response, handover: Handover) -> int:
        """Send the head, without a length or chunks: what follows is not ours."""
        if self.body is not None or not self.keep:
            handover.leave()
            return RESET
        try:
            if handover.head:
                switched = response.status == 101
                writer.send_all(sock, writer.head_bytes(response, self.head.version, switched, None))
        except BaseException:
            handover.leave()
            raise
        self.given = handover
        return GIVEN

    def _last(self) -> int:
        """A client that did not ask for the end may be sending already, and must not lose the answer over it."""
        return EMPTY if self.head.keep else CLOSE

    def _ask(self, application: Application) -> Response:
        assert self.request is not None
        try:
            return application.answer(self.request)
        except BodyCut as error:
            return refuse(error)
        except Waits:
            raise
        except BaseException:
            log.exception("the application failed")
            return bare_failure()

    def _send(self, sock: socket.socket, response: Response, keep: bool, limits: Limits) -> bool:
        head = self.head
        try:
            data = writer.whole(response, head.method, head.version, keep)
        except (ValueError, TypeError):
            log.exception("an answer was impossible")
            data, keep = writer.BARE_500, False
        if data is None:
            with _patience(sock, limits.send):
                return writer.stream(sock, response, head.version, keep)
        writer.send_all(sock, data)
        return keep

    def _send_now(self, sock: socket.socket, response: Response) -> int:
        """As much as the socket takes at once."""
        self.short = False
        keep = self.keep and self.head.keep and not response.close
        try:
            data = writer.whole(response, self.head.method, self.head.version, keep)
        except (ValueError, TypeError):
            log.exception("an answer was impossible")
            data, keep = writer.BARE_500, False
        self.keep = keep
        if data is None:
            self.response = response
            return REST
        try:
            sent = sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.tail = memoryview(data)[sent:]
            return REST
        return KEEP if keep else self._last()

    @staticmethod
    def _say_late(sock: socket.socket, body: SocketBody, response: Response) -> int:
        """Nobody is left to hear the answer, unless the client only fell silent (RFC 9110 section 15.5.9)."""
        writer.close_body(response)
        if not body.silent:
            return CLOSE
        writer.send_all(sock, writer.whole(refuse(BodyCut()), "GET", (1, 1), False) or b"")
        return EMPTY
