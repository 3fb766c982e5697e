"""Answers that give many files in one: a ZIP archive with length, tag and ranges, and lists of their checksums."""

from __future__ import annotations

import hashlib
import json
import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qs, quote

from davshare.errors import BadRequest, DavshareError, PreconditionFailed
from davshare.http import conditions, ranges
from davshare.http.conditions import Verdict
from davshare.http.responses import BrokenAnswer, FileBody, Response
from davshare.http.zip import Layout, Member

#: Contents up to this size are read and sent together with the headers around them.
_SMALL = 64 * 1024
_GATHERED = 256 * 1024
#: Nobody waits for more than this to be gathered before anything is sent.
_FIRST = 4 * 1024
_UNTOLD = -(2**63)
#: Most names that one request can ask for.
_MOST_NAMES = 10_000
#: What no name holds, and neither UTF-8 nor every database can.
_NO_NAME = re.compile("[\x00\ud800-\udfff]").search
#: Opens the content of the member with this index; the end of the context says whether it has stayed what it was.
Open = Callable[[int], AbstractContextManager[int]]


class Listed(Member, Protocol):
    """A member of which more is known than a ZIP archive needs."""

    @property
    def id(self) -> int:
        """The number of the node."""

    @property
    def stamp(self) -> int:
        """The number of its content."""

    @property
    def sha256(self) -> bytes:
        """The checksum that lists tell."""


def wanted(query: str) -> tuple[str, list[str] | None]:
    """What a query asks for instead of the page of a folder, and names of members: None stands for all of them.

    ``accept`` is zip, sha256 or json (else empty); ``files`` is a name, can be
    repeated, or is a JSON list of names.

    :raises BadRequest: it is malformed.
    """
    try:
        fields = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_NAMES)
    except ValueError:
        raise BadRequest("The query is not correctly encoded.") from None
    kind = fields.get("accept", [""])[-1]
    names: list[str] = []
    for text in fields.get("files", []):
        names += _listed(text) if text.startswith("[") else [text]
    names = [name for name in (each.strip("/") for each in names) if name]
    if any(_NO_NAME(name) for name in names):
        raise BadRequest("The query holds something that no name can be.")
    return kind if kind in ("zip", "sha256", "json") else "", names or None


def _listed(text: str) -> list[str]:
    """The names of a JSON list; a file may be called like the beginning of one, too."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else [text]


def zip_response(
    method: str, headers: Mapping[str, str], members: Sequence[Listed], title: str, epoch: int, open_: Open
) -> Response:
    """The archive of some members, or the range of it that is asked for.

    :param epoch: the one of the index: with the ids and stamps it names every content.
    :raises PreconditionFailed: by If-Match.
    :raises RangeNotSatisfiable: the range is behind its end.
    """
    layout, tag = Layout(members), _tag(members, epoch)
    told = [
        ("Content-Type", "application/zip"),
        ("Content-Disposition", disposition(f"{title}.zip")),
        ("ETag", tag),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "private, no-cache"),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ("Vary", "Accept"),
    ]
    verdict = conditions.judge(headers, method, tag, None)
    if verdict is Verdict.FAILED:
        raise PreconditionFailed
    if verdict is Verdict.NOT_MODIFIED:
        return Response(304, [each for each in told if each[0] in ("ETag", "Cache-Control", "Vary")])
    status, start, length = 200, 0, layout.size
    if method == "GET" and "range" in headers and ranges.applies(headers, tag, -1):
        spans = ranges.parse(headers["range"], layout.size)
        if spans is not None and len(spans) == 1:
            status, (start, length) = 206, spans[0]
            told.append(("Content-Range", f"bytes {start}-{start + length - 1}/{layout.size}"))
    told.append(("Content-Length", str(length)))
    return Response(status, told, b"" if method == "HEAD" else _stream(layout, start, length, open_))


def disposition(name: str) -> str:
    """The header that offers a download under a name, in both forms (RFC 6266)."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _tag(members: Sequence[Listed], epoch: int) -> str:
    """A strong tag: everything that the bytes follow from is in it."""
    digest = hashlib.sha256(f"{epoch}\n".encode())
    digest.update("/".join([member.name for member in members]).encode())
    for column in (
        [member.id for member in members],
        [member.stamp for member in members],
        [member.size for member in members],
        [member.crc32 for member in members],
        [_UNTOLD if member.modified is None else member.modified for member in members],
    ):
        digest.update(array("q", column))
    return f'"{digest.hexdigest()[:32]}"'


def _stream(layout: Layout, start: int, length: int, open_: Open) -> Iterator[bytes | FileBody]:
    """The bytes; small contents and headers in large pieces.

    :raises BrokenAnswer: a file has changed, so the archive that was announced cannot be given any more.
    """
    gathered, most = bytearray(), _FIRST
    try:
        for piece in layout.pieces(start, length):
            if isinstance(piece, bytes):
                gathered += piece
            else:
                with open_(piece.member) as fd:
                    if piece.length > _SMALL:
                        yield bytes(gathered)
                        gathered.clear()
                        yield FileBody(fd, piece.offset, piece.length)
                    else:
                        data = os.pread(fd, piece.length, piece.offset)
                        if len(data) != piece.length:
                            raise BrokenAnswer("a file is shorter than announced")
                        gathered += data
            if len(gathered) >= most:
                yield bytes(gathered)
                gathered.clear()
                most = _GATHERED
    except DavshareError as error:
        raise BrokenAnswer("a file of an archive has changed meanwhile") from error
    yield bytes(gathered)


def sums(members: Iterable[Listed]) -> Iterator[bytes]:
    """Lines that ``sha256sum --check`` reads where the archive of the same members was unpacked."""
    for member in members:
        if not member.name.endswith("/"):
            yield sum_line(member.name, member.sha256).encode()


def sum_line(name: str, sha256: bytes) -> str:
    """One line as coreutils write it: a backslash before it says that the name is escaped."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{sha256.hex()}  {escaped}\n"


def listing(members: Iterable[Listed], title: str) -> Iterator[bytes]:
    """The same as JSON, with sizes, times and ids."""
    yield b'{"name": ' + json.dumps(title).encode() + b', "files": ['
    comma = ""
    for member in members:
        if not member.name.endswith("/"):
            told = {
                "name": member.name,
                "size": member.size,
                "sha256": member.sha256.hex(),
                "modified": _moment(member.modified),
                "id": member.id,
            }
            yield f"{comma}\n{json.dumps(told)}".encode()
            comma = ","
    yield b"\n]}\n"


def _moment(seconds: int | None) -> str | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
    except (OverflowError, OSError, ValueError):
        return None


def list_response(kind: str, method: str, members: Iterator[Listed], title: str) -> Response:
    """The checksums of some members, sent as they become known; ``kind`` is sha256 or json.

    Breaks where a file has changed meanwhile.
    """
    headers = [
        ("Content-Type", "application/json" if kind == "json" else "text/plain; charset=utf-8"),
        ("Content-Disposition", disposition(f"{title}.json" if kind == "json" else "SHA256SUMS")),
        ("Cache-Control", "private, no-cache"),
        ("X-Content-Type-Options", "nosniff"),
        ("Vary", "Accept"),
    ]
    if method == "HEAD":
        return Response(200, headers)
    return Response(200, headers, _gathered(listing(members, title) if kind == "json" else sums(members)))


def _gathered(lines: Iterator[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    try:
        for line in lines:
            gathered += line
            if len(gathered) >= _SMALL:
                yield bytes(gathered)
                gathered.clear()
    except DavshareError as error:
        raise BrokenAnswer("a file of a list has changed meanwhile") from error
    yield bytes(gathered)
