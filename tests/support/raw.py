"""Requests written byte by byte, and a reader for whatever comes back."""

from __future__ import annotations

import contextlib
import socket
import time
from base64 import b64encode
from dataclasses import dataclass


@dataclass
class RawAnswer:
    """One HTTP/1.1 response cut out of a byte stream."""

    status: int
    headers: dict[str, str]
    body: bytes


def basic(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def connect(port: int, timeout: float = 10) -> socket.socket:
    """A plain connection to the server."""
    link = socket.create_connection(("127.0.0.1", port), timeout)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def message(
    method: str,
    target: str,
    *lines: str,
    body: bytes = b"",
    auth: tuple[str, str] | None = None,
    host: str = "127.0.0.1",
) -> bytes:
    """A request as bytes: request line, Host, login, ``lines`` as they are, an empty line, ``body``."""
    head = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if auth is not None:
        head.append(f"Authorization: {basic(*auth)}")
    return "\r\n".join([*head, *lines, "", ""]).encode("utf-8", "surrogateescape") + body


def cut_off(port: int, data: bytes) -> bytes:
    """Send ``data``, end the sending side and wait until the server has ended the connection; its answer."""
    with connect(port) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
        return read_all(link, 10.0, 15.0)


def read_all(link: socket.socket, quiet: float = 1.0, limit: float = 10.0) -> bytes:
    """All bytes until the peer closes, is silent for ``quiet`` seconds after its first byte, or ``limit`` passed."""
    parts: list[bytes] = []
    until = time.monotonic() + limit
    while time.monotonic() < until:
        link.settimeout(quiet if parts else max(0.01, until - time.monotonic()))
        try:
            block = link.recv(65536)
        except (TimeoutError, ConnectionError):
            break
        if not block:
            break
        parts.append(block)
    return b"".join(parts)


def exchange(port: int, data: bytes, quiet: float = 0.5, limit: float = 10.0) -> bytes:
    """Send ``data`` on a new connection; all bytes of the answer(s)."""
    with connect(port) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(data)
        return read_all(link, quiet, limit)


def read_one(link: socket.socket, head_only: bool) -> RawAnswer:
    """The next final answer on a connection that stays open; interim ones (1xx) are passed over."""
    data = b""
    while True:
        block = link.recv(65536)
        data += block
        if b"\r\n\r\n" not in data or not block:
            assert block, f"the connection ended: {data[:200]!r}"
            continue
        found = [each for each in answers(data, head_only) if each.status >= 200]
        if found and _is_whole(found[0], data, head_only):
            return found[0]


def _is_whole(answer: RawAnswer, data: bytes, head_only: bool) -> bool:
    if head_only or answer.status in (204, 304):
        return True
    if "content-length" in answer.headers:
        return len(answer.body) == int(answer.headers["content-length"])
    return data.endswith(b"0\r\n\r\n")


def invited(port: int, head: bytes, body: bytes) -> list[RawAnswer]:
    """Send ``head``, which expects 100-continue, and ``body`` only when it is asked for; all answers."""
    with connect(port) as link:
        link.sendall(head)
        first = link.recv(65536)
        if first.startswith(b"HTTP/1.1 100 "):
            link.sendall(body)
            first += read_all(link, 0.5)
        return answers(first)


def answers(data: bytes, head_only: bool = False) -> list[RawAnswer]:
    """Cut a stream into responses; interim ones (1xx) are entries of their own.

    :raises AssertionError: the bytes are not a sequence of HTTP/1.1 responses.
    """
    found: list[RawAnswer] = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator and head.startswith(b"HTTP/1.1 "), f"not a response: {head[:200]!r}"
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        status = int(lines[0].split()[1])
        body = b""
        if status >= 200 and status not in (204, 304) and not head_only:
            if headers.get("transfer-encoding", "").lower() == "chunked":
                body, data = _unchunk(data)
            elif "content-length" in headers:
                size = int(headers["content-length"])
                body, data = data[:size], data[size:]
            else:
                body, data = data, b""
        found.append(RawAnswer(status, headers, body))
    return found


def _unchunk(data: bytes) -> tuple[bytes, bytes]:
    parts = []
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            return b"".join(parts), data.partition(b"\r\n")[2]
        parts.append(data[:size])
        data = data[size + 2 :]
