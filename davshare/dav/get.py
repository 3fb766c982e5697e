"""GET and HEAD of files: conditions, ranges and digests (RFC 9110 sections 13 and 14)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from urllib.parse import quote

from davshare.dav.exchange import Exchange
from davshare.dav.properties import content_type
from davshare.errors import DavshareError, Waits
from davshare.files import reading
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.reading import Content, Ready
from davshare.http import conditions, digests, ranges
from davshare.http.conditions import http_date
from davshare.http.ranges import Span
from davshare.http.request import Request
from davshare.http.responses import FileBody, Response

#: Files up to this size are read at once.
SMALL = 64 * 1024
#: Files up to this size are kept in memory with their answer while nothing changes.
READY = 4 * 1024
_BLOCK = 1024 * 1024
#: Bytes that an answer takes besides the content.
_ANSWER = 2048
#: What is noted at a place of which a file was asked for: only what is asked for again is kept.
_ONCE = object()
_WANTS = frozenset({"want-repr-digest", "want-content-digest", "want-digest"})
_SPECIAL = _WANTS | {"range"}
_CONDITIONS = conditions.FIELDS | {"if"}
#: Types that a browser may show by itself; everything else is offered for download.
_INLINE = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "audio/",
    "video/",
    "text/plain",
    "application/pdf",
)
#: User content never runs in our origin.
SHIELD = [
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; sandbox",
    ),
]


def handle(x: Exchange, place: Place) -> Response:
    """The file at ``place``, or the parts of it that are asked for."""
    plain = _SPECIAL.isdisjoint(x.headers) and not x.request.query
    ready = place.ready
    if plain and isinstance(ready, Ready) and x.files.store(place.space).still(ready.path, ready.facts):
        return _told(x, ready)
    content = reading.open_content(x.files, x.asker, x.address, place, x.patient)
    try:
        if plain:
            size = content.node.size
            if ready is _ONCE and size <= READY and x.files.memory.grow(size + _ANSWER):
                place.ready = prepared = _prepared(x, content)
                return _told(x, prepared)
            place.ready = _ONCE
        return _respond(x, content)
    except BaseException:
        os.close(content.fd)
        raise


def is_plain(request: Request) -> bool:
    """Whether the file as it is, whole and in any case, is what is asked for."""
    headers = request.headers
    return not request.query and _SPECIAL.isdisjoint(headers) and _CONDITIONS.isdisjoint(headers)


def _told(x: Exchange, ready: Ready) -> Response:
    """A small file as it is kept in memory, or what HEAD tells of it."""
    if x.request.method == "HEAD":
        return Response(200, [*ready.headers, ("Content-Length", str(len(ready.data)))])
    return Response(200, ready.headers.copy(), ready.data)


def _prepared(x: Exchange, content: Content) -> Ready:
    """A small file with its answer; the descriptor is closed."""
    node = content.node
    kind = content_type(node.name)
    headers = [*_headers(x, content, kind), ("Content-Type", kind)]
    path = x.files.store(content.place.space).full(content.path)
    return Ready(path, content.facts, headers, _read(content.fd, 0, node.size))


def _headers(x: Exchange, content: Content, kind: str) -> list[tuple[str, str]]:
    """What is told of a file whatever part of it is asked for."""
    headers = [
        ("ETag", content.etag),
        ("Last-Modified", http_date(content.node.mtime_ns // 1_000_000_000)),
        ("Accept-Ranges", "bytes"),
        ("OC-ETag", content.etag),
        ("Cache-Control", "private, no-cache"),
        *SHIELD,
    ]
    # A query that asks for a download gets one of what could be shown, too.
    if not kind.startswith(_INLINE) or x.request.query == "download":
        headers.append(("Content-Disposition", f"attachment; filename*=UTF-8''{quote(content.node.name, safe='')}"))
    checksum = digests.oc_checksum(reading.known_checksums(x.files, content.place))
    if checksum:
        headers.append(("OC-Checksum", checksum))
    return headers


def representation(x: Exchange, address: Address, status: int) -> Response:
    """The file as it is now, as the answer to another method (RFC 8144 sections 2.4 and 3.2)."""
    content = reading.open_content(x.files, Asker(x.actor), address)
    node = content.node
    headers = [
        ("ETag", content.etag),
        ("Last-Modified", http_date(node.mtime_ns // 1_000_000_000)),
        ("Content-Location", content.place.href),
        ("Content-Type", content_type(node.name)),
        ("Preference-Applied", "return=representation"),
        ("Vary", "Prefer"),
        *SHIELD,
    ]
    return Response(status, headers, FileBody(content.fd, 0, node.size))


def _respond(x: Exchange, content: Content) -> Response:
    """An answer that owns the descriptor, or has closed it."""
    node = content.node
    modified = node.mtime_ns // 1_000_000_000
    kind = content_type(node.name)
    headers = _headers(x, content, kind)
    spans = None
    if x.request.method == "GET" and "range" in x.headers and ranges.applies(x.headers, content.etag, modified):
        spans = ranges.parse(x.headers["range"], node.size)
    if not _WANTS.isdisjoint(x.headers):
        if not x.patient:
            raise Waits
        _add_digests(x, content, spans, headers)
    if x.request.method == "HEAD":
        os.close(content.fd)
        return Response(200, [*headers, ("Content-Type", kind), ("Content-Length", str(node.size))])
    if spans is None:
        return Response(200, [*headers, ("Content-Type", kind)], _body(content.fd, 0, node.size))
    if len(spans) == 1:
        start, length = spans[0]
        headers.append(("Content-Range", f"bytes {start}-{start + length - 1}/{node.size}"))
        return Response(206, [*headers, ("Content-Type", kind)], _body(content.fd, start, length))
    return _multipart(content, kind, spans, headers)


def _body(fd: int, start: int, length: int) -> bytes | FileBody:
    """Small spans are read now, large ones are sent by the kernel."""
    return FileBody(fd, start, length) if length > SMALL else _read(fd, start, length)


def _read(fd: int, start: int, length: int) -> bytes:
    """A span, whole; the descriptor is closed."""
    data = os.pread(fd, length, start) if length else b""
    if len(data) != length:
        raise DavshareError("The file was cut short.")
    os.close(fd)
    return data


def _multipart(content: Content, kind: str, spans: list[Span], headers: list[tuple[str, str]]) -> Response:
    """Several ranges (RFC 9110 section 14.6)."""
    boundary = secrets.token_hex(12)
    size = content.node.size
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n"
        f"Content-Range: bytes {start}-{start + length - 1}/{size}\r\n\r\n".encode()
        for start, length in spans
    ]
    end = f"\r\n--{boundary}--\r\n".encode()
    total = sum(len(head) for head in heads) + sum(length for _, length in spans) + len(end)
    headers += [
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        ("Content-Length", str(total)),
    ]
    return Response(206, headers, _Parts(content.fd, heads, spans, end))


class _Parts:
    """The body of a multipart answer; closes the file at its end."""

    def __init__(self, fd: int, heads: list[bytes], spans: list[Span], end: bytes) -> None:
        self._fd = fd
        self._pieces = self._read(heads, spans, end)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Give the descriptor back; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self, heads: list[bytes], spans: list[Span], end: bytes) -> Iterator[bytes]:
        for head, (start, length) in zip(heads, spans, strict=True):
            yield head
            while length:
                data = os.pread(self._fd, min(length, _BLOCK), start)
                if not data:
                    raise DavshareError("The file was cut short.")
                yield data
                start += len(data)
                length -= len(data)
        yield end


def _add_digests(x: Exchange, content: Content, spans: list[Span] | None, headers: list[tuple[str, str]]) -> None:
    """Digest headers that were asked for (RFC 9530 section 4, RFC 3230 section 4.3.1)."""
    asked = x.headers
    whole = digests.wanted(asked.get("want-repr-digest"), digests.RFC9530)
    part = digests.wanted(asked.get("want-content-digest"), digests.RFC9530)
    old = digests.wanted(asked.get("want-digest"), digests.RFC3230)
    algorithms = {algorithm for _, algorithm in (*whole, *old, *(part if spans is None else ()))}
    values = reading.checksums(x.files, content, sorted(algorithms)) if algorithms else {}
    if whole:
        headers.append(("Repr-Digest", ", ".join(digests.structured(n, values[a]) for n, a in whole)))
    if old:
        headers.append(("Digest", ", ".join(digests.instance(n, a, values[a]) for n, a in old)))
    if part and x.request.method == "GET" and (spans is None or len(spans) == 1):
        if spans is not None:
            start, length = spans[0]
            values = reading.checksums_of_part(content, [a for _, a in part], start, length)
        headers.append(("Content-Digest", ", ".join(digests.structured(n, values[a]) for n, a in part)))
