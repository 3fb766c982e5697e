"""A strict reader of request heads and chunked bodies that does no I/O (RFC 9112).

:func:`find_head` says where a head ends in the bytes that came so far,
:func:`parse_head` reads it, :class:`ChunkDecoder` takes a chunked body apart.
All raise :class:`davshare.errors.FramingError`, whose ``status`` is the answer
to send before the connection ends.
"""

from __future__ import annotations

from dataclasses import dataclass

from davshare.errors import FramingError
from davshare.http import framing

#: The largest head, in bytes, and the most header fields in it.
HEAD_LIMIT = 64 * 1024
FIELD_LIMIT = 100

_LEGAL = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte in b"\t\r\n")
_METHODS = frozenset(
    (
        "ACL", "COPY", "DELETE", "GET", "HEAD", "LOCK", "MKCOL", "MOVE", "OPTIONS", "PATCH", "POST",
        "PROPFIND", "PROPPATCH", "PUT", "REPORT", "SEARCH", "UNLOCK",
    )
)  # fmt: skip
_VERSIONS = {"HTTP/1.1": (1, 1), "HTTP/1.0": (1, 0)}
_TOKEN_BYTES = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")

#: Field names already judged, as they came on the wire; bounded, filled by the parsing thread only.
_names: dict[str, str] = {}
_NAMES_LIMIT = 1024

#: Fields of whole heads, by the bytes after the request line; bounded in number and size, and never handed out itself.
_blocks: dict[bytes, dict[str, str]] = {}
_BLOCKS_LIMIT = 512
_BLOCK_SIZE = 2048


@dataclass(slots=True)
class Head:
    """One parsed request head.

    ``length`` is the announced length of the body, None when it is chunked;
    ``scheme`` is empty unless the target was a full URL; ``awaits`` says that
    the client waits for ``100 Continue``; ``keep`` that it wants to go on.
    """

    method: str
    path: str
    query: str
    version: tuple[int, int]
    headers: dict[str, str]
    host: str
    scheme: str
    length: int | None
    awaits: bool
    keep: bool


def find_head(data: bytes | bytearray, start: int = 0, seen: int = 0) -> tuple[int, int]:
    """``(begin, end)`` of the head in ``data``; ``end`` is -1 while it is incomplete.

    ``start`` is where the request begins; up to two empty lines before it are
    skipped (RFC 9112 section 2.2).  The four bytes after ``end`` close the
    head.  ``seen`` is the size of ``data`` at the last call, so that a head
    that trickles in is searched only once.

    :raises FramingError: it can no longer become a proper head.
    """
    for _ in range(2):
        if data[start : start + 2] == b"\r\n":
            start += 2
    end = data.find(b"\r\n\r\n", max(start, seen - 3))
    if 0 <= end <= start + HEAD_LIMIT:
        return start, end
    if start < len(data) and data[start] not in _TOKEN_BYTES and data[start:] != b"\r":
        raise FramingError("This is not an HTTP request.")
    if end >= 0 or len(data) - start > HEAD_LIMIT:
        if data.find(b"\r\n", start, start + HEAD_LIMIT) < 0:
            raise FramingError("The request line is too long.", 414)
        raise FramingError("The request head is too large.", 431)
    fresh = data[max(start, seen - 1) :]
    feeds = fresh.count(b"\n") - (1 if fresh[:1] == b"\n" and seen else 0)
    if feeds != fresh.count(b"\r\n") or fresh.count(b"\r") - fresh.endswith(b"\r") > fresh.count(b"\r\n"):
        raise FramingError("Lines must end in CR LF.")
    return start, -1


def parse_head(raw: bytes) -> Head:
    """Read a head: request line and fields, without the empty line at its end.

    :raises FramingError: anything but a well-formed, unambiguous head.
    """
    line, separator, block = raw.partition(b"\r\n")
    method, target, version = _request_line(line.decode("latin-1"))
    path, query, host, scheme = framing.split_target(method, target)
    headers = _read_block(block) if separator else {}
    stated = headers.get("host")
    if stated is None:
        if version >= (1, 1):
            raise FramingError("The Host header is missing.")
    elif not framing.is_host(stated):
        raise FramingError("The Host header is malformed.")
    length = framing.body_length(version, headers)
    return Head(
        method,
        path,
        query,
        version,
        headers,
        host or stated or "",
        scheme,
        length,
        length != 0 and framing.awaits_continue(version, headers.get("expect")),
        framing.keeps_alive(version, headers.get("connection")),
    )


def _request_line(line: str) -> tuple[str, str, tuple[int, int]]:
    """Method, target and version (RFC 9112 section 3)."""
    parts = line.split(" ")
    if len(parts) != 3 or not parts[1] or not (line.isascii() and line.isprintable()):
        raise FramingError("The request line is malformed.")
    method, target, protocol = parts
    if method not in _METHODS and not framing.is_token(method):
        raise FramingError("The method is malformed.")
    return method, target, _VERSIONS.get(protocol) or framing.http_version(protocol)


def _read_block(block: bytes) -> dict[str, str]:
    """The fields of all lines after the first; what was read once is remembered, since clients repeat themselves."""
    known = _blocks.get(block)
    if known is not None:
        return known.copy()
    if block.translate(None, _LEGAL):
        raise FramingError("The request head holds control characters.")
    text = block.decode("latin-1")
    lines = text.split("\r\n")
    ends = len(lines) - 1
    if text.count("\n") != ends or text.count("\r") != ends:
        raise FramingError("Lines must end in CR LF.")
    if ends >= FIELD_LIMIT:
        raise FramingError("The request has too many header fields.", 431)
    headers = _fields(lines)
    if len(block) <= _BLOCK_SIZE:
        if len(_blocks) >= _BLOCKS_LIMIT:
            _blocks.clear()
        _blocks[block] = headers.copy()
    return headers


def _fields(lines: list[str]) -> dict[str, str]:
    """The header fields, names in lower case (RFC 9112 section 5)."""
    headers: dict[str, str] = {}
    known = _names
    for line in lines:
        raw, colon, value = line.partition(":")
        if not colon:
            raise FramingError("A header line has no colon.")
        name = known.get(raw)
        if name is None:
            name = framing.field_name(raw)
            if len(known) < _NAMES_LIMIT and len(raw) <= 64:
                known[raw] = name
        value = value.strip(" \t")
        headers[name] = framing.join_values(name, headers[name], value) if name in headers else value
    return headers
