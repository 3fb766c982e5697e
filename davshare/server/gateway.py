"""Any WSGI application (PEP 3333) behind the same connections as everything else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from davshare.http.request import Body, Request
from davshare.http.responses import Response
from davshare.server.writer import bodiless

#: Headers that belong to the connection layer and are taken out of an application's answer.
_OURS = frozenset({"connection", "date", "keep-alive", "server", "transfer-encoding"})
_SLASH = re.compile("(%2F)", re.IGNORECASE)
_PIECE = 256 * 1024

StartResponse = Callable[..., Callable[[bytes], None]]
WsgiCallable = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class WsgiInput:
    """``wsgi.input`` over a request body; it ends where the body ends, also for chunked ones."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Exactly ``size`` bytes, fewer only at the end; all that is left for a negative size.

        :raises davshare.errors.BodyCut: the client left early.
        """
        parts = []
        while size:
            piece = self._take(_PIECE if size < 0 else size)
            if not piece:
                break
            parts.append(piece)
            size -= len(piece) if size > 0 else 0
        return b"".join(parts)

    def readline(self, size: int = -1) -> bytes:
        """Up to and with the next line feed, but not more than ``size`` bytes."""
        parts: list[bytes] = []
        while size:
            piece = self._take(_PIECE if size < 0 else size)
            if not piece:
                break
            stop = piece.find(b"\n") + 1
            if stop:
                parts.append(piece[:stop])
                self._rest = piece[stop:] + self._rest
                break
            parts.append(piece)
            size -= len(piece) if size > 0 else 0
        return b"".join(parts)

    def readlines(self, hint: int = -1) -> list[bytes]:
        """All lines, or as many as hold ``hint`` bytes together."""
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _take(self, most: int) -> bytes:
        if self._rest:
            piece, self._rest = self._rest[:most], self._rest[most:]
            return piece
        return self._body.read(most)


class WsgiApplication:
    """Runs a WSGI callable; every request goes to a thread (:class:`davshare.http.application.Application`)."""

    def __init__(self, callable_: WsgiCallable, close: Callable[[bool], None] | None = None) -> None:
        self._callable = callable_
        self._close = close

    def quick(self, request: Request) -> Response | None:
        """Never: a WSGI application may block."""
        return None

    def short(self, request: Request) -> bool:
        """Never: what WSGI calls cannot be asked once more."""
        return False

    def answer(self, request: Request) -> Response:
        """The application's answer; what it raises passes through."""
        started = _Started()
        result = self._callable(make_environ(request), started.start_response)
        return started.respond(request, result)

    def close(self, busy: bool = False) -> None:
        """Call what was given for the end."""
        if self._close is not None:
            self._close(busy)


class _Started:
    """What ``start_response`` and ``write`` were told."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._written: list[bytes] = []
        self._sent = False

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333: may come again with ``exc_info`` as long as nothing was sent."""
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status:
            raise AssertionError("start_response was called twice without exc_info")
        self._status = int(status[:3])
        self._headers = [(str(name), str(value)) for name, value in headers]
        return self._written.append

    def respond(self, request: Request, result: Iterable[bytes]) -> Response:
        """The answer; the first bytes are fetched before, because only then the status is certain."""
        close = getattr(result, "close", None)
        if isinstance(result, (list, tuple)):
            return self._whole(request, b"".join([*self._written, *result]))
        pieces = iter(result)
        try:
            first = next((piece for piece in pieces if piece), b"")
            streamed = bool(first) and not bodiless(request.method, self._status or 200)
            response = None if streamed else self._whole(request, b"".join([*self._written, first]))
        except BaseException:
            if close is not None:
                close()
            raise
        if response is not None:
            if close is not None:
                close()
            return response
        body = _chain([*self._written, first], pieces, close)
        next(body)  # up to its first stop, so that close() works even if nothing is ever sent
        headers, ends = self._finish()
        return Response(self._status, headers, body, ends)

    def _whole(self, request: Request, body: bytes) -> Response:
        headers, close = self._finish()
        if request.method == "HEAD":
            return Response(self._status, headers, b"", close)
        stated = [value for name, value in headers if name.lower() == "content-length"]
        if bodiless(request.method, self._status):
            body = b""
        elif stated and (len(stated) > 1 or stated[0] != str(len(body))):
            raise RuntimeError("the WSGI application announced another length than it sent")
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        return Response(self._status, kept, body, close)

    def _finish(self) -> tuple[list[tuple[str, str]], bool]:
        if not self._status:
            raise RuntimeError("the WSGI application did not call start_response")
        self._sent = True
        ends = any(name.lower() == "connection" and value.lower() == "close" for name, value in self._headers)
        return [(name, value) for name, value in self._headers if name.lower() not in _OURS], ends


def _chain(first: list[bytes], rest: Iterator[bytes], close: Callable[[], None] | None) -> Iterator[bytes]:
    """A generator over everything; ``close`` runs when it is exhausted or closed. It yields ``b""`` first."""
    try:
        yield b""
        yield from first
        yield from rest
    finally:
        if close is not None:
            close()


def decode_path(path: str) -> str:
    """PATH_INFO as cheroot makes it: decoded to latin-1, but an encoded slash stays ``%2F``."""
    if "%" not in path:
        return path
    parts = _SLASH.split(path)
    return "".join("%2F" if _SLASH.fullmatch(part) else unquote_to_bytes(part).decode("latin-1") for part in parts)


def make_environ(request: Request) -> dict[str, Any]:
    """The WSGI environment of a request; ``davshare.request`` holds the request itself."""
    name, _, port = request.host.rpartition(":") if not request.host.endswith("]") else (request.host, "", "")
    if not name:
        name, port = request.host, ""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": decode_path(request.path),
        "QUERY_STRING": request.query,
        "REQUEST_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "SERVER_NAME": name or "localhost",
        "SERVER_PORT": port or ("443" if request.scheme == "https" else "80"),
        "SERVER_PROTOCOL": f"HTTP/{request.version[0]}.{request.version[1]}",
        "SERVER_SOFTWARE": "davshare",
        "REMOTE_ADDR": request.peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": WsgiInput(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "davshare.request": request,
    }
    for field, value in request.headers.items():
        # "X_Y" and "X-Y" would become the same variable: only the honest spelling gets through.
        if "_" not in field:
            environ["HTTP_" + field.upper().replace("-", "_")] = value
    for variable in ("CONTENT_LENGTH", "CONTENT_TYPE"):
        if (value := environ.pop(f"HTTP_{variable}", None)) is not None:
            environ[variable] = value
    return environ
