"""POST of many small files in one request, as Nextcloud's clients send them: ``/remote.php/dav/bulk``.

The body is multipart/related (RFC 2387), of which every part has a
Content-Length and is read by it.  What became of each file is told by its path.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from davshare.dav import post, put
from davshare.dav.exchange import Exchange
from davshare.errors import (
    BadRequest,
    BodyCut,
    DavshareError,
    FramingError,
    MethodNotAllowed,
    UnsupportedMediaType,
    Waits,
)
from davshare.files.bulk import Batch
from davshare.files.context import Address
from davshare.files.upload import Sent, Stored
from davshare.http import digests
from davshare.http.responses import Response
from davshare.model import names

_BASE = ("remote.php", "dav", "bulk")
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;\s"]{1,200}))', re.IGNORECASE).search
_SIZE = re.compile(r"[0-9]{1,18}\Z").match
_MD5 = re.compile(r"[0-9a-fA-F]{32}\Z").match
_BLOCK = 64 * 1024
#: Most files of one request, and bytes of the head of one.
MOST = 1000
_HEAD = 16 * 1024


def is_at(address: Address) -> bool:
    """Whether an address is the one for many files."""
    return address.segments == _BASE


def respond(x: Exchange) -> Response:
    """Store the files of the body.

    :raises Waits: only if ``x.patient`` is false.
    :raises BadRequest: it cannot be seen where a file ends; those before it may have been stored.
    """
    if not x.patient:
        raise Waits
    if x.request.method != "POST":
        raise MethodNotAllowed("OPTIONS, POST")
    post.demand_own_site(x)
    kind, _, parameters = x.headers.get("content-type", "").partition(";")
    found = _BOUNDARY(parameters)
    if kind.strip().lower() != "multipart/related" or found is None:
        raise UnsupportedMediaType("The body has to be multipart/related.")
    put.demand_plain(x.headers)
    told = _Reception(x).take_all(_Stream(x, f"--{found[1] or found[2]}".encode()))
    return Response(
        200, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], json.dumps(told).encode()
    )


class _Stream:
    """The body, read by lines and by counted bytes."""

    def __init__(self, x: Exchange, border: bytes) -> None:
        self._read = x.read
        self._border = border
        self._kept = b""
        #: Bytes of the present part that were not read yet.
        self.left = 0

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of the present part; ``b""`` at its end.

        :raises BadRequest: the body ends before it.
        """
        if not self.left:
            return b""
        data = self._kept or self._read(max(size, _BLOCK))
        if not data:
            raise BadRequest("The body ends within a part.")
        data, self._kept = data[: min(size, self.left)], data[min(size, self.left) :]
        self.left -= len(data)
        return data

    def next(self) -> dict[str, str] | None:
        """The head of the next part; None after the last one.

        :raises BadRequest: there is neither.
        """
        while self.read(_BLOCK):
            pass
        line = self._line(_HEAD)
        while line == b"":
            line = self._line(_HEAD)
        if line == self._border + b"--":
            while self._read(_BLOCK):
                pass
            return None
        if line != self._border:
            raise BadRequest("A part does not begin where the one before ends.")
        return self._head()

    def _head(self) -> dict[str, str]:
        found: dict[str, str] = {}
        room = _HEAD
        while line := self._line(room):
            room -= len(line)
            name, colon, value = line.partition(b":")
            try:
                found[name.decode("ascii").strip().lower()] = value.decode().strip()
            except UnicodeDecodeError:
                raise BadRequest("The head of a part is malformed.") from None
            if not colon:
                raise BadRequest("The head of a part is malformed.")
        size = found.get("content-length", "")
        if not _SIZE(size):
            raise BadRequest("A part needs a Content-Length.")
        self.left = int(size)
        return found

    def _line(self, most: int) -> bytes:
        while b"\n" not in self._kept:
            data = self._read(_BLOCK) if len(self._kept) <= most else b""
            if not data:
                raise BadRequest("The body ends within a head, or a line is too long.")
            self._kept += data
        line, _, self._kept = self._kept.partition(b"\n")
        return line.rstrip(b"\r")


class _Reception:
    """Takes files in, puts them in their places some at a time, and gathers what is told of each."""

    def __init__(self, x: Exchange) -> None:
        self._x = x
        self._batch = Batch(x.files, x.actor)
        self._paths: list[tuple[str, bool]] = []
        self._told: dict[str, dict[str, Any]] = {}
        self._letters: dict[tuple[str, ...], str] = {}

    def take_all(self, stream: _Stream) -> dict[str, dict[str, Any]]:
        """Every part of the body."""
        count = 0
        try:
            while (head := stream.next()) is not None:
                count += 1
                if count > MOST:
                    raise BadRequest("There are too many files in one request.")
                self._take(stream, head)
                if self._batch.is_full:
                    self._commit()
            self._commit()
        finally:
            self._batch.discard()
        return self._told

    def _take(self, stream: _Stream, head: dict[str, str]) -> None:
        path = head.get("x-file-path", "")
        try:
            address = self._address(path)
            sent = _sent(stream, head)
            self._batch.take(self._x.storing(address, head).asker, address, sent)
        except (BodyCut, FramingError):
            raise
        except DavshareError as error:
            self._told[path] = _refusal(error)
        else:
            self._paths.append((path, sent.mtime_ns is not None))

    def _address(self, path: str) -> Address:
        """Where a file goes: paths begin at the home."""
        segments, slash = names.split(f"/{quote(path.lstrip('/'), safe='/')}")
        if not segments or slash:
            raise BadRequest("The path of a part is none of a file.")
        return Address(("remote.php", "dav", "files", self._x.actor.name, *segments))

    def _commit(self) -> None:
        paths, self._paths = self._paths, []
        for (path, timed), done in zip(paths, self._batch.commit(), strict=True):
            self._told[path] = _refusal(done) if isinstance(done, DavshareError) else self._stored(done, timed)

    def _stored(self, done: Stored, timed: bool) -> dict[str, Any]:
        number = put.file_id(done.node.id)
        told = {"error": False, "etag": done.etag.strip('"'), "fileid": number, "OC-FileID": number}
        told["permissions"] = self._permissions(done)
        return {**told, **({"X-OC-MTime": "accepted"} if timed else {})}

    def _permissions(self, done: Stored) -> str:
        """New files in a folder are alike: nothing was said about them yet."""
        folder = done.segments[:-1]
        if not done.created:
            return put.permissions(self._x, Address(done.segments))
        if folder not in self._letters:
            self._letters[folder] = put.permissions(self._x, Address(done.segments))
        return self._letters[folder]


def _sent(stream: _Stream, head: dict[str, str]) -> Sent:
    """The content of a part.

    :raises BadRequest: its time or a checksum is malformed, or they contradict each other.
    """
    put.demand_plain(head)
    expected = dict(digests.expected(head))
    if "x-file-md5" in head:
        if not _MD5(head["x-file-md5"]):
            raise BadRequest("A checksum is malformed.")
        if expected.setdefault("md5", bytes.fromhex(head["x-file-md5"])) != bytes.fromhex(head["x-file-md5"]):
            raise BadRequest("The stated digests contradict each other.")
    return Sent(stream.left, stream.read, put.mtime(head.get("x-oc-mtime", head.get("x-file-mtime"))), expected)


def _refusal(error: DavshareError) -> dict[str, Any]:
    return {"error": True, "message": error.message}
