"""An HTTP client that costs little: prebuilt requests, one answer at a time on each connection."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE).search
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE).search
_CLOSE = re.compile(rb"\r\nconnection:[^\r]*close", re.IGNORECASE).search
_BLOCK = 262_144
_TIMEOUT = 60.0


class BenchError(Exception):
    """The run cannot go on; the text says why."""


class Answer(NamedTuple):
    """A complete answer; ``closes`` says that the server ends the connection after it."""

    status: int
    body: bytes
    closes: bool


class Connection:
    """A keep-alive connection to 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = b""
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def fileno(self) -> int:
        """The descriptor, for epoll; another one after :meth:`reopen`."""
        return self._socket.fileno()

    def reopen(self) -> None:
        """Begin anew after the server has ended the connection."""
        self._socket.close()
        self._buffer = b""
        self._socket = self._connect()

    def close(self) -> None:
        """Give the connection up."""
        self._socket.close()

    def send(self, request: bytes) -> None:
        """Send one whole request."""
        self._socket.sendall(request)

    def receive(self) -> Answer | None:
        """Read once; the answer, if it is complete now.

        :raises ConnectionError: the server has ended the connection before that.
        """
        data = self._socket.recv(_BLOCK)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
        answer = parse(self._buffer)
        if answer is not None:
            self._buffer = b""
        return answer

    def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self.send(request)
        while (answer := self.receive()) is None:
            pass
        if answer.closes:
            self.reopen()
        return answer


def parse(data: bytes) -> Answer | None:
    """The answer that ``data`` is, or None while something is missing."""
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    status = int(head[9:12])
    length = _LENGTH(head)
    if status in (204, 304):
        body = b""
    elif length is not None:
        if len(body) < int(length[1]):
            return None
    elif _CHUNKED(head):
        whole = _joined(body)
        if whole is None:
            return None
        body = whole
    else:
        raise BenchError("an answer has neither a length nor chunks")
    return Answer(status, body, _CLOSE(head) is not None)


def _joined(data: bytes) -> bytes | None:
    """The content of a chunked body without trailers; None while the last chunk is missing."""
    if not data.endswith(b"0\r\n\r\n"):
        return None
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
