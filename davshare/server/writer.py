"""Answers as bytes on the wire (RFC 9112 sections 4 to 9)."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Iterator
from email.utils import formatdate
from time import time
from typing import cast

from davshare.http.responses import REASONS, BrokenAnswer, FileBody, Response, blocks

#: Files up to this size are read and sent together with the head.
SMALL_FILE = 64 * 1024

#: What is left to say when an answer turns out to be impossible.
BARE_500 = b"HTTP/1.1 500 Internal Server Error\r\nServer: davshare\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

#: Bytes that the kernel is asked to send at a time: with more it runs ahead of the reader, and what that copies has
#: left the processor's cache (in four runs on loopback 256 KiB came out 14 to 88 % faster than 4 MiB).
_SPAN = 256 * 1024
_MORE = getattr(socket, "MSG_MORE", 0)
_HTTP_10 = (1, 0)

_status_lines = {status: f"HTTP/1.1 {status} {reason}\r\n" for status, reason in REASONS.items()}
_date: tuple[int, str] = (0, "")


def date_lines() -> str:
    """The Date and Server fields, made once a second."""
    global _date
    now = int(time())
    known = _date
    if known[0] != now:
        known = _date = (now, f"Date: {formatdate(now, usegmt=True)}\r\nServer: davshare\r\n")
    return known[1]


def bodiless(method: str, status: int) -> bool:
    """Whether the answer has no body whatever its headers say (RFC 9112 section 6.3)."""
    return method == "HEAD" or status in (204, 304) or status < 200


def stated_length(headers: list[tuple[str, str]]) -> int | None:
    """The Content-Length among ``headers``, if there is one."""
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value)
    return None


def head_bytes(answer: Response, version: tuple[int, int], keep: bool, length: int | None, more: str = "") -> bytes:
    """Status line and fields; ``length`` is that of the body, if it is known, and ``more`` are further lines.

    :raises ValueError: a field holds a line break, NUL or something beyond
        latin-1, or states another length.
    """
    status = answer.status
    headers = answer.headers
    if status in (204, 304) or status < 200:
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    lines = len(headers)
    if fields.count("\n") != lines or fields.count("\r") != lines or "\0" in fields:
        raise ValueError("a response header holds a line break or NUL")
    if length is not None:
        if "ontent-length: " in fields.lower() and (stated := stated_length(headers)) is not None:
            if stated != length:
                raise ValueError("the stated Content-Length differs from the body")
        else:
            more = f"Content-Length: {length}\r\n"
    connection = "Connection: close\r\n"
    if keep:
        connection = "Connection: keep-alive\r\n" if version == _HTTP_10 else ""
    line = _status_lines.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
    return f"{line}{date_lines()}{fields}{more}{connection}\r\n".encode("latin-1")


def whole(answer: Response, method: str, version: tuple[int, int], keep: bool) -> bytes | None:
    """The answer as one piece, or None when its body has to be streamed.

    The body is closed unless None is returned.

    :raises BrokenAnswer: a file is shorter than announced.
    :raises ValueError: a header is impossible.
    """
    body = answer.body
    if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
        return _head_only(answer, method, version, keep)
    if isinstance(body, bytes):
        return head_bytes(answer, version, keep, len(body)) + body
    if not isinstance(body, FileBody) or body.length > SMALL_FILE:
        return None
    try:
        data = os.pread(body.fd, body.length, body.offset)
        if len(data) != body.length:
            raise BrokenAnswer("a file is shorter than announced")
        return head_bytes(answer, version, keep, body.length) + data
    finally:
        body.close()


def _head_only(answer: Response, method: str, version: tuple[int, int], keep: bool) -> bytes:
    """An answer without a body; the length of a body that HEAD does not send is told if it is certain."""
    body, length = answer.body, None
    try:
        if method == "HEAD" and body:
            length = len(body) if isinstance(body, bytes) else body.length if isinstance(body, FileBody) else None
        return head_bytes(answer, version, keep, length)
    finally:
        close_body(answer)


def stream(sock: socket.socket, answer: Response, version: tuple[int, int], keep: bool) -> bool:
    """Send an answer for which :func:`whole` gave None ; whether the connection can go on.

    The socket has a time-out, which counts from the last bytes that the client
    took.  The body is closed in any case.

    :raises BrokenAnswer: the body ended in its middle.
    :raises OSError: the client left or takes no bytes any more.
    :raises Exception: whatever the iterator raised.
    """
    try:
        if isinstance(answer.body, FileBody):
            _send_file(sock, answer, answer.body, version, keep)
            return keep
        pieces = cast("Iterator[bytes | FileBody]", answer.body)
        length = stated_length(answer.headers)
        if length is not None:
            _send_counted(sock, head_bytes(answer, version, keep, None), pieces, length)
            return keep
        if version == _HTTP_10:
            _send_until_close(sock, head_bytes(answer, version, False, None), blocks(pieces))
            return False
        _send_chunked(sock, head_bytes(answer, version, keep, None, "Transfer-Encoding: chunked\r\n"), blocks(pieces))
        return keep
    finally:
        close_body(answer)


def send_all(sock: socket.socket, data: bytes | memoryview) -> None:
    """Send everything; the time-out counts from the last byte that was taken.

    :raises OSError: the client left, or took nothing for too long.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[sock.send(rest) :]


def close_body(answer: Response) -> None:
    """Release a file or an iterator that is not needed (any more)."""
    close = getattr(answer.body, "close", None)
    if close is not None:
        close()


def _send_file(sock: socket.socket, answer: Response, body: FileBody, version: tuple[int, int], keep: bool) -> None:
    head = memoryview(head_bytes(answer, version, keep, body.length))
    while head:
        head = head[sock.send(head, _MORE) :]
    _send_span(sock, body)


def _send_span(sock: socket.socket, body: FileBody) -> None:
    """The bytes of a file, within the kernel."""
    offset, end = body.offset, body.offset + body.length
    target = sock.fileno()
    while offset < end:
        try:
            sent = os.sendfile(target, body.fd, offset, min(end - offset, _SPAN))
        except BlockingIOError:
            _wait_for_room(sock)
            continue
        if not sent:
            raise BrokenAnswer("a file is shorter than announced")
        offset += sent


def _wait_for_room(sock: socket.socket) -> None:
    """Until the client has taken some bytes.

    :raises TimeoutError: it took none for as long as the socket's time-out.
    """
    seconds = sock.gettimeout()
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    if not poll.poll(None if seconds is None else seconds * 1000):
        raise TimeoutError("the client takes no bytes")


def _send_counted(sock: socket.socket, head: bytes, pieces: Iterator[bytes | FileBody], length: int) -> None:
    for piece in pieces:
        length -= piece.length if isinstance(piece, FileBody) else len(piece)
        if length < 0:
            break
        if isinstance(piece, FileBody):
            if head:
                send_all(sock, head)
                head = b""
            _send_span(sock, piece)
            continue
        if head:
            piece, head = head + piece, b""
        send_all(sock, piece)
    if length:
        raise BrokenAnswer("the body has another length than announced")
    if head:
        send_all(sock, head)


def _send_until_close(sock: socket.socket, head: bytes, pieces: Iterator[bytes]) -> None:
    send_all(sock, head)
    for piece in pieces:
        send_all(sock, piece)


def _send_chunked(sock: socket.socket, head: bytes, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        if piece:
            send_all(sock, b"%b%x\r\n%b\r\n" % (head, len(piece), piece))
            head = b""
    send_all(sock, head + b"0\r\n\r\n")
