"""The answer as doors give it; the connection layer puts it on the wire."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

#: Reason phrases of every status that davshare sends (RFC 9110, RFC 4918, RFC 6585).
REASONS = {
    100: "Continue",
    101: "Switching Protocols",
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    206: "Partial Content",
    207: "Multi-Status",
    301: "Moved Permanently",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    423: "Locked",
    424: "Failed Dependency",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    460: "Checksum Mismatch",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}


class FileBody:
    """A span of an open file, sent without passing through Python where possible.

    The connection layer calls :meth:`close` when the answer is over, whatever
    happened.
    """

    __slots__ = ("_close", "fd", "length", "offset")

    def __init__(self, fd: int, offset: int, length: int) -> None:
        self.fd = fd
        self.offset = offset
        self.length = length

    def close(self) -> None:
        """Give the descriptor back; safe to call twice."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)


class BrokenAnswer(Exception):
    """The body ended in its middle: the connection must be reset, never closed as if all were well."""


def blocks(pieces: Iterator[bytes | FileBody], size: int = 512 * 1024) -> Iterator[bytes]:
    """The same bytes, with spans of files read; for who cannot send these.

    :raises BrokenAnswer: a file is shorter than announced.
    """
    try:
        for piece in pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            at, end = piece.offset, piece.offset + piece.length
            while at < end:
                data = os.pread(piece.fd, min(size, end - at), at)
                if not data:
                    raise BrokenAnswer("a file is shorter than announced")
                yield data
                at += len(data)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


@dataclass(slots=True)
class Handover:
    """Instead of a body: the connection is given away after the head, and is nobody else's any more.

    ``take`` gets the socket and what was read from it already; ``leave`` is
    called instead when the connection is gone before.  Without ``head``
    nothing at all has been sent.
    """

    take: Callable[[socket.socket, bytes], None]
    leave: Callable[[], None]
    head: bool = True

    def close(self) -> None:
        """The connection is not given away."""
        self.leave()


@dataclass(slots=True)
class Response:
    """Status, headers and a body.

    The connection layer adds Date, Server, Connection and, for ``bytes`` and
    :class:`FileBody`, Content-Length.  An iterator is sent in chunks unless
    ``headers`` holds a Content-Length; if it raises, the connection is broken
    so that nobody takes the torso for the whole (RFC 9112 section 8).
    With a Content-Length it may give spans of open files as well, which stay
    its own and open until it is asked for the next piece.
    For HEAD the door leaves ``body`` empty and sets Content-Length itself;
    statuses 204 and 304 never carry a body or a length.
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | FileBody | Iterator[bytes | FileBody] | Iterator[bytes] | Handover = b""
    close: bool = False
