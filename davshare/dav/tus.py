"""Resumable uploads with tus 1.0 (tus.io/protocols/resumable-upload), as ownCloud's clients and libraries use it.

POST on a folder opens an upload, perhaps with its first bytes; its address is
answered.  There HEAD tells how much has come, PATCH brings more, and DELETE
gives it up.  The answer to the last bytes is that of the file.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

from davshare.dav import put
from davshare.dav.exchange import Exchange
from davshare.errors import (
    BadRequest,
    Conflict,
    DavshareError,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    UnsupportedMediaType,
    Waits,
)
from davshare.files import resumable, upload
from davshare.files.assembly import Answer, answer_of
from davshare.files.context import Address
from davshare.files.pending import Intent
from davshare.files.resumable import Resumable
from davshare.files.upload import Sent
from davshare.http import digests
from davshare.http.conditions import http_date
from davshare.http.responses import Response
from davshare.model import names

VERSION = "1.0.0"
TYPE = "application/offset+octet-stream"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = ("sha1", "md5", "sha256", "sha512", "crc32", "adler32")
_BASE = ("remote.php", "dav", "tus")
_LONGEST = 8192
_SIZE = re.compile(r"[0-9]{1,18}\Z").match
_SPOKEN: tuple[tuple[str, str], ...] = (("Tus-Resumable", VERSION),)
#: Headers that are judged when the file is put in its place.
_CONDITIONS = ("if", "if-match", "if-none-match", "if-unmodified-since")


def offer(largest: int) -> list[tuple[str, str]]:
    """What OPTIONS tells; ``largest`` is the size of the largest file that may come, 0 when there is no limit."""
    told = [*_SPOKEN, ("Tus-Version", VERSION), ("Tus-Extension", EXTENSIONS)]
    told.append(("Tus-Checksum-Algorithm", ",".join(ALGORITHMS)))
    return [*told, ("Tus-Max-Size", str(largest))] if largest else told


def are_at(address: Address) -> bool:
    """Whether an address is one of uploads."""
    return address.segments[:3] == _BASE


def respond(x: Exchange) -> Response:
    """The answer to a request for an upload; others' uploads are nowhere.

    :raises Waits: only if ``x.patient`` is false.
    """
    if not x.patient:
        raise Waits
    method = x.request.method
    if method == "POST":
        method = x.headers.get("x-http-method-override", method).strip().upper()
    handler = _OF_UPLOAD.get(method)
    return _speaking(x, handler or _impossible)


def create(x: Exchange) -> Response:
    """Open an upload of a file that the folder at the request's address will hold."""
    return _speaking(x, _create)


def _speaking(x: Exchange, handler: Callable[[Exchange], Response]) -> Response:
    """The answer of a handler, which tells the version of the protocol whatever it is.

    :raises PreconditionFailed: the request is of another version.
    """
    try:
        if x.headers.get("tus-resumable", "").strip() != VERSION:
            raise PreconditionFailed("This version of tus is not spoken here.", headers=[("Tus-Version", VERSION)])
        response = handler(x)
    except DavshareError as error:
        error.headers = (*error.headers, *_SPOKEN)
        raise
    response.headers += _SPOKEN
    return response


def _impossible(x: Exchange) -> Response:
    _name(x)
    raise MethodNotAllowed(", ".join(["OPTIONS", *_OF_UPLOAD]))


def _name(x: Exchange) -> str:
    if len(x.address.segments) != len(_BASE) + 1:
        raise NotFound
    return x.address.segments[-1]


def _create(x: Exchange) -> Response:
    length = _size(x, "upload-length")
    if length is None:
        raise PreconditionFailed("The length of the upload is missing.")
    intent = _intent(x)
    there = _at(x, intent)
    body = x.request.body
    if body.length != 0:
        _demand_type(x)
    if (_size(x, "upload-offset") or 0) != 0:
        raise BadRequest("An upload begins at offset 0.")
    try:
        sent = _sent(x)
        if length == 0 or (body.length == length and not sent.expected):
            whole = sent._replace(
                length=length, mtime_ns=intent.mtime_ns, expected={**sent.expected, **intent.expected}
            )
            answer = answer_of(upload.put(x.files, there.asker, there.address, whole))
            location = names.href(answer.segments, False)
            return Response(
                201, [("Location", location), ("Upload-Offset", str(length)), *_finished(x, answer, intent)]
            )
        now = resumable.create(x.files, there.asker, length, intent)
    except MethodNotAllowed:
        raise Conflict("A folder is in the way.") from None
    if body.length != 0:
        now = _first(x, there, now)
    location = f"{x.public_url.rstrip('/') or f'{x.request.scheme}://{x.request.host}'}/{'/'.join(_BASE)}/{now.name}"
    return Response(201, [("Location", location), *_progress(x, now)])


def _first(x: Exchange, there: Exchange, now: Resumable) -> Resumable:
    """Append what came with the request; if that fails nobody will ever know the address of the upload."""
    try:
        return resumable.append(x.files, there.asker, now, 0, _sent(x))
    except BaseException:
        with suppress(NotFound):
            resumable.end(x.files, x.actor, now.name)
        raise


def _intent(x: Exchange) -> Intent:
    """What the request says of the file.

    :raises PreconditionFailed: not even its name.
    """
    text = x.headers.get("upload-metadata", "")
    if len(text) > _LONGEST or not text.isascii():
        raise BadRequest("Upload-Metadata is malformed or too long.")
    said = _metadata(text)
    if not said.get("filename", "").strip("/"):
        raise PreconditionFailed("The name of the file is missing.")
    below, slash = names.split(f"/{quote(said['filename'], safe='/')}")
    if slash:
        raise BadRequest("The name of a file does not end in a slash.")
    expected = dict(digests.of_file(x.headers))
    if "checksum" in said:
        for algorithm, value in digests.oc_checksums(said["checksum"].strip().replace(" ", ":", 1)).items():
            if expected.setdefault(algorithm, value) != value:
                raise BadRequest("The stated digests contradict each other.")
    mtime = put.mtime(x.headers.get("x-oc-mtime", said.get("mtime")))
    conditions = {name: x.headers[name] for name in _CONDITIONS if name in x.headers}
    return Intent((*x.address.segments, *below), None, mtime, expected, conditions, text)


def _metadata(text: str) -> dict[str, str]:
    """Keys and values of Upload-Metadata.

    :raises BadRequest: it is malformed.
    """
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadRequest("Upload-Metadata is malformed.") from None
    return found


def _at(x: Exchange, intent: Intent) -> Exchange:
    """The request as one for the file, under the conditions that were stated first and those of its own."""
    return x.storing(Address(intent.target), {**intent.conditions, **x.headers})


def _head(x: Exchange) -> Response:
    """All bytes are said to be there only once the file is in its place: clients look no further then."""
    now = resumable.state(x.files, x.actor, _name(x))
    if now.answer is None and now.offset == now.length:
        now = resumable.append(x.files, _at(x, now.intent).asker, now, now.offset, Sent(0, lambda size: b""))
    headers = [*_progress(x, now), ("Upload-Length", str(now.length)), ("Cache-Control", "no-store")]
    if now.intent.words:
        headers.append(("Upload-Metadata", now.intent.words))
    return Response(200, [*headers, ("Content-Length", "0")])


def _patch(x: Exchange) -> Response:
    name = _name(x)
    _demand_type(x)
    offset = _size(x, "upload-offset")
    if offset is None:
        raise BadRequest("Upload-Offset is missing.")
    before = resumable.state(x.files, x.actor, name)
    if offset != before.offset:
        raise Conflict("The offset is not the one of the upload.")
    now = resumable.append(x.files, _at(x, before.intent).asker, before, offset, _sent(x))
    return Response(204, _progress(x, now))


def _delete(x: Exchange) -> Response:
    resumable.end(x.files, x.actor, _name(x))
    return Response(204)


def _progress(x: Exchange, now: Resumable) -> list[tuple[str, str]]:
    """How far it is; once it is complete, what it became."""
    told = [("Upload-Offset", str(now.offset))]
    if now.answer is None:
        return [*told, ("Upload-Expires", http_date(now.expires))]
    return [*told, *_finished(x, now.answer, now.intent)]


def _finished(x: Exchange, answer: Answer, intent: Intent) -> list[tuple[str, str]]:
    told = put.described(answer.etag, answer.node)
    letters = put.permissions(x, Address(answer.segments))
    if letters:
        told.append(("OC-Perm", letters))
    return [*told, *([] if intent.mtime_ns is None else [("X-OC-MTime", "accepted")])]


def _sent(x: Exchange) -> Sent:
    """The body, with the checksums that it shall have.

    :raises BadRequest: the checksum is malformed, or of a kind that is not known.
    """
    expected = dict(digests.stated(x.headers))
    if "upload-checksum" in x.headers:
        algorithm, _, text = x.headers["upload-checksum"].strip().partition(" ")
        if algorithm.lower() not in ALGORITHMS:
            raise BadRequest("The algorithm of Upload-Checksum is not known.")
        value = digests.decoded(text)
        if expected.setdefault(algorithm.lower(), value) != value:
            raise BadRequest("The stated digests contradict each other.")
    return Sent(x.request.body.length, x.read, expected=expected)


def _demand_type(x: Exchange) -> None:
    if x.headers.get("content-type", "").partition(";")[0].strip().lower() != TYPE:
        raise UnsupportedMediaType(f"The body has to be {TYPE}.")
    put.demand_plain(x.headers)


def _size(x: Exchange, header: str) -> int | None:
    text = x.headers.get(header)
    if text is None:
        return None
    if not _SIZE(text.strip()):
        raise BadRequest("A size or an offset is malformed.")
    return int(text)


_OF_UPLOAD: dict[str, Callable[[Exchange], Response]] = {"HEAD": _head, "PATCH": _patch, "DELETE": _delete}
