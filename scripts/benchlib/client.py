"""An HTTP client that costs little: prebuilt requests, one answer at a time on each connection."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE).search
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE).search
_CLOSE = re.compile(rb"\r\nconnection:[^\r]*close", re.IGNORECASE).search
_BLOCK = 262_144
_TIMEOUT = 120.0


class BenchError(Exception):
    """The run cannot go on; the text says why."""


class Answer(NamedTuple):
    """A complete answer; ``closes`` says that the server ends the connection after it."""

    status: int
    head: bytes
    body: bytes
    closes: bool


class Reader:
    """Puts one answer together from what arrives (RFC 9112, section 6.3)."""

    def __init__(self, bodyless: bool = False) -> None:
        self._bodyless = bodyless
        self._head = b""
        self._parts: list[bytes] = []
        self._have = 0
        self._length: int | None = None
        self._chunked = False

    @property
    def begun(self) -> bool:
        """Whether anything has arrived."""
        return bool(self._head or self._parts)

    def feed(self, data: bytes) -> Answer | None:
        """The answer, once it is complete; ``data`` is empty at the end of the connection.

        :raises ConnectionError: the connection has ended before the answer.
        """
        if not data:
            if self._head and self._length is None and not self._chunked:
                return self._answer(b"".join(self._parts))
            raise ConnectionError("the server closed the connection")
        if not self._head:
            rest = self._find_head(data)
            if rest is None:
                return None
            data = rest
        self._parts.append(data)
        self._have += len(data)
        return self._complete()

    def _find_head(self, data: bytes) -> bytes | None:
        """What comes after the head, which is remembered; interim answers are skipped."""
        data = b"".join([*self._parts, data])
        while True:
            head, separator, rest = data.partition(b"\r\n\r\n")
            if not separator:
                self._parts = [data]
                return None
            if head[9:10] != b"1":
                break
            data = rest
        self._parts = []
        self._head = head
        length = _LENGTH(head)
        if self._bodyless or head[9:12] in (b"204", b"304"):
            self._length = 0
        elif length is not None:
            self._length = int(length[1])
        else:
            self._chunked = _CHUNKED(head) is not None
        return rest

    def _complete(self) -> Answer | None:
        if self._length is not None:
            return self._answer(b"".join(self._parts)) if self._have >= self._length else None
        if not self._chunked or b"".join(self._parts[-5:])[-5:] != b"0\r\n\r\n":
            return None
        whole = joined(b"".join(self._parts))
        return None if whole is None else self._answer(whole)

    def _answer(self, body: bytes) -> Answer:
        head = self._head
        unmarked = self._length is None and not self._chunked
        closes = unmarked or head.startswith(b"HTTP/1.0") or _CLOSE(head) is not None
        return Answer(int(head[9:12]), head, body, closes)


def joined(data: bytes) -> bytes | None:
    """The content of a chunked body without trailers; None while the last chunk is missing."""
    parts: list[bytes] = []
    position = 0
    while True:
        end = data.find(b"\r\n", position)
        if end < 0:
            return None
        size = int(data[position:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(data[end + 2 : end + 2 + size])
        position = end + size + 4


class Connection:
    """A keep-alive connection to 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader = Reader()
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def reopen(self) -> None:
        """Begin anew after the server has ended the connection; the descriptor is another one afterwards."""
        fresh = self._connect()
        self.socket.close()
        self.socket = fresh

    def close(self) -> None:
        """Give the connection up."""
        self.socket.close()

    def expect(self, bodyless: bool = False) -> None:
        """The next bytes are the beginning of an answer, of one to HEAD when ``bodyless``."""
        self._reader = Reader(bodyless)

    @property
    def begun(self) -> bool:
        """Whether a part of the answer has arrived."""
        return self._reader.begun

    def send(self, request: bytes) -> None:
        """Send one whole request."""
        self.expect(request.startswith(b"HEAD "))
        self.socket.sendall(request)

    def receive(self) -> Answer | None:
        """Read once; the answer, if it is complete now.

        :raises ConnectionError: the server has ended the connection before that.
        """
        return self._reader.feed(self.socket.recv(_BLOCK))

    def wait(self) -> Answer:
        """Read until the answer is there."""
        while (answer := self.receive()) is None:
            pass
        if answer.closes:
            self.reopen()
        return answer

    def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self.send(request)
        return self.wait()


def demand(connection: Connection, request: bytes, *statuses: int) -> bytes:
    """The body of an answer.

    :raises BenchError: its status is another one.
    """
    answer = connection.ask(request)
    if answer.status not in statuses:
        line = request.partition(b"\r\n")[0].decode()
        raise BenchError(f"{line} was answered {answer.status}: {answer.body[:200].decode(errors='replace')}")
    return answer.body
