"""Request bodies that are still on their way."""

from __future__ import annotations

import socket
import struct
import time

from davshare.errors import BodyCut, FramingError
from davshare.http.chunks import ChunkDecoder
from davshare.server.limits import Limits

#: The most that one call asks the system for.
_PIECE = 1024 * 1024
_LINES = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def set_timeout(sock: socket.socket, which: int, seconds: float) -> None:
    """Let the kernel end blocking calls after ``seconds``: unlike ``settimeout``, this costs no call per read."""
    whole = int(seconds)
    sock.setsockopt(socket.SOL_SOCKET, which, struct.pack("ll", whole, int((seconds - whole) * 1_000_000)))


class SocketBody:
    """A body read from a blocking socket whose receive time-out is set (:class:`davshare.http.request.Body`).

    ``early`` is what came together with the head.  ``cut`` says that the
    client left or fell silent, ``silent`` that it was the latter.
    """

    __slots__ = ("_at", "_awaits", "_chunks", "_early", "_left", "_socket", "broken", "cut", "length", "silent")

    def __init__(self, sock: socket.socket, early: bytes, length: int | None, awaits: bool) -> None:
        self.length = length
        self.cut = False
        self.silent = False
        self.broken = False
        self._socket = sock
        self._early = early
        self._at = 0
        self._left = length or 0
        self._chunks = ChunkDecoder() if length is None else None
        self._awaits = awaits and not early

    @property
    def done(self) -> bool:
        """Whether the body was read to its proper end."""
        if self.broken or self.cut:
            return False
        return self._chunks.done if self._chunks is not None else not self._left

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; ``b""`` only at the proper end.

        The first call sends ``100 Continue`` when the client waits for it
        (RFC 9110 section 10.1.1).

        :raises BodyCut: the client left or fell silent early.
        :raises FramingError: the chunked framing is broken.
        """
        if size <= 0 or self.done:
            return b""
        if self.broken:
            raise FramingError("The chunks of the body are malformed.")
        if self._awaits:
            self._invite()
        return self._read_chunked(size) if self._chunks is not None else self._read_plain(size)

    def leftover(self) -> bytes:
        """What came after the end of the body: the next request. Only once :attr:`done`."""
        return self._early[self._at :]

    def hopeless(self, limits: Limits) -> bool:
        """Whether it is already clear that the rest will not be read to save the connection."""
        if self.done:
            return False
        return self._awaits or self.cut or self.broken or self._left > limits.drain_bytes

    def skim(self) -> bool:
        """Pass over what has arrived already of a chunked body; whether that was all of it."""
        chunks = self._chunks
        if chunks is not None and not self.broken and not self.cut:
            try:
                while not chunks.done and self._at < len(self._early):
                    _, self._at = chunks.step(self._early, self._at, _LINES)
            except FramingError:
                self.broken = True
        return self.done

    def rest(self, limits: Limits) -> bool:
        """Read what the application left unread; whether the connection can go on."""
        if self.hopeless(limits):
            return False
        if self.done:
            return True
        until = time.monotonic() + limits.drain
        budget = limits.drain_bytes
        try:
            set_timeout(self._socket, socket.SO_RCVTIMEO, limits.drain)
            while not self.done:
                budget -= len(self.read(_LINES))
                if budget < 0 or time.monotonic() > until:
                    return False
            set_timeout(self._socket, socket.SO_RCVTIMEO, limits.body)
        except (BodyCut, FramingError, OSError):
            return False
        return True

    def _invite(self) -> None:
        self._awaits = False
        try:
            self._socket.sendall(_CONTINUE)
        except OSError as error:
            raise self._cut_off() from error

    def _read_plain(self, size: int) -> bytes:
        piece = self._take_early(min(size, self._left)) or self._receive(min(size, self._left, _PIECE))
        self._left -= len(piece)
        return piece

    def _read_chunked(self, size: int) -> bytes:
        chunks = self._chunks
        assert chunks is not None
        while True:
            if self._at < len(self._early):
                try:
                    piece, self._at = chunks.step(self._early, self._at, size)
                except FramingError:
                    self.broken = True
                    raise
                if piece or chunks.done:
                    return piece
            if chunks.pending:
                piece = self._receive(min(size, chunks.pending, _PIECE))
                chunks.took(len(piece))
                return piece
            self._early, self._at = self._receive(_LINES), 0

    def _take_early(self, most: int) -> bytes:
        if self._at >= len(self._early):
            return b""
        piece = self._early[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def _receive(self, most: int) -> bytes:
        """At least one byte."""
        try:
            data = self._socket.recv(most)
        except BlockingIOError as error:
            self.silent = True
            raise self._cut_off() from error
        except OSError as error:
            raise self._cut_off() from error
        if not data:
            raise self._cut_off()
        return data

    def _cut_off(self) -> BodyCut:
        self.cut = True
        return BodyCut()
