"""Answers of ours as WSGI answers (PEP 3333)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from davshare.dav.wsgidav.context import START, Environ
from davshare.errors import DavshareError
from davshare.http.responses import REASONS, FileBody, Handover, Response, blocks

StartResponse = Callable[..., Callable[[bytes], Any]]
_BLOCK = 512 * 1024


def send(environ: Environ, start_response: StartResponse, response: Response, exc_info: Any = None) -> Iterable[bytes]:
    """Start the answer and give its body.

    The server's own ``start_response`` is preferred to WsgiDAV's wrapper, which
    complains of repeated headers and closes the connection after every body
    without a length.
    """
    headers = [*response.headers]
    body = response.body
    assert not isinstance(body, Handover), "WSGI gives no connections away"
    if environ["REQUEST_METHOD"] != "HEAD" and response.status not in (204, 304):
        length = len(body) if isinstance(body, bytes) else body.length if isinstance(body, FileBody) else None
        if length is not None and not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(length)))
    if response.close:
        headers.append(("Connection", "close"))
    status = f"{response.status} {REASONS.get(response.status, 'Unknown')}"
    environ.get(START, start_response)(status, headers, exc_info)
    if isinstance(body, bytes):
        return [body]
    return FileBlocks(body) if isinstance(body, FileBody) else blocks(body)


class FileBlocks:
    """A span of an open file, block by block; owns the file."""

    def __init__(self, body: FileBody) -> None:
        self._body = body
        self._at = body.offset
        self._left = body.length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            self.close()
            raise StopIteration
        data = os.pread(self._body.fd, min(_BLOCK, self._left), self._at)
        if not data:
            raise DavshareError("The file was cut short.")
        self._at += len(data)
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Give the file back; safe to call twice."""
        self._left = 0
        self._body.close()


class Started:
    """Pieces of which the first was already taken; closing it closes where they come from."""

    def __init__(self, first: bytes | None, rest: Iterator[bytes], source: Iterable[bytes]) -> None:
        self._first = first
        self._rest = rest
        self._source = source

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        return next(self._rest) if first is None else first

    def close(self) -> None:
        """End the answer."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
