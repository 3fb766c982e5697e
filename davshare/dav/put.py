"""PUT (RFC 4918 section 9.7, RFC 9110 section 9.3.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from davshare.dav import get, properties
from davshare.dav.exchange import Exchange
from davshare.errors import BadRequest, Conflict, DavshareError, MethodNotAllowed, NotFound, UnsupportedMediaType
from davshare.files import tree, upload
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.upload import Sent, Stored
from davshare.http import digests
from davshare.http.request import BytesBody
from davshare.http.responses import Response
from davshare.model import names

_SECONDS = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,20})?\Z")
_LENGTH = re.compile(r"\d{1,18}\Z")
#: Levels of folders that one upload makes.
_MOST_FOLDERS = 32


def handle(x: Exchange) -> Response:
    """Store the body as the file at the request's address."""
    sent = content(x)
    if x.headers.get("x-nc-webdav-auto-mkcol", "").strip() == "1":
        _make_folders(x, x.address.segments[:-1])
    stored = upload.put(x.files, x.asker, x.address, sent)
    if x.prefers("return=representation"):
        with suppress(DavshareError):  # it is stored, whatever somebody else has done with it since
            return get.representation(x, x.address, 201 if stored.created else 200)
    answer = [*told(stored), *accepted(sent)]
    if stored.created:
        answer.append(("Location", names.href(x.address.segments, False)))
    return Response(201 if stored.created else 204, answer)


def _make_folders(x: Exchange, segments: tuple[str, ...]) -> None:
    """Make what is missing above a file, as Nextcloud's app for iOS wants it.

    :raises Conflict: nothing is there of so many levels.
    """
    missing = [segments]
    while True:
        try:
            tree.make_folder(x.files, Asker(x.actor), Address(missing[-1]))
        except MethodNotAllowed:
            break  # here already
        except Conflict:
            if len(missing) == _MOST_FOLDERS or not missing[-1]:
                raise
            missing.append(missing[-1][:-1])
        else:
            break
    for each in reversed(missing[:-1]):
        with suppress(MethodNotAllowed):  # somebody else was quicker
            tree.make_folder(x.files, Asker(x.actor), Address(each))


def content(x: Exchange) -> Sent:
    """The body of a request that brings a whole file.

    :raises BadRequest: it is only a part of one (RFC 9110 section 14.5, or as ownCloud's oldest clients
        send it), or a header is malformed.
    :raises UnsupportedMediaType: it is coded.
    """
    headers = x.headers
    if "content-range" in headers or "oc-chunked" in headers:
        raise BadRequest("A part of a file cannot be written like this.")
    demand_plain(headers)
    hint = headers.get("x-expected-entity-length", "").strip()
    data = x.peek()
    return Sent(
        x.request.body.length,
        x.read if data is None else BytesBody(data).read,
        mtime(headers.get("x-oc-mtime")),
        digests.expected(headers),
        int(hint) if _LENGTH.match(hint) else None,
        data,
    )


def demand_plain(headers: Mapping[str, str]) -> None:
    """Return when the body is what it is, without a content coding."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise UnsupportedMediaType("A content coding is not accepted.")


def told(stored: Stored) -> list[tuple[str, str]]:
    """What an answer says of the file that was stored."""
    return described(stored.etag, stored.node.id)


def described(etag: str, node: int) -> list[tuple[str, str]]:
    """The same of a file by its tag and number."""
    return [("ETag", etag), ("OC-ETag", etag), ("OC-FileId", file_id(node))]


def file_id(node: int) -> str:
    """The lasting id of a file, as ``oc:id``."""
    return f"{node:08d}davshare"


def permissions(x: Exchange, address: Address) -> str:
    """What the asker may do with a file that was just stored, in the letters of ``oc:permissions``."""
    with x.files.db.snapshot() as connection:
        try:
            place = x.files.target(connection, Asker(x.actor), address)
        except NotFound:
            return ""
        if not isinstance(place, Place):
            return ""
        return properties.letters_of(x.files, connection, x.actor, place)


def accepted(sent: Sent) -> list[tuple[str, str]]:
    """That the time which came with a file was taken."""
    return [] if sent.mtime_ns is None else [("X-OC-MTime", "accepted")]


def mtime(text: str | None) -> int | None:
    """Nanoseconds of the time in X-OC-Mtime (seconds, perhaps with a fraction).

    :raises BadRequest: it is no time.
    """
    if text is None:
        return None
    if not _SECONDS.match(text.strip()):
        raise BadRequest("The stated time of modification is malformed.")
    whole, _, fraction = text.strip().partition(".")
    nanoseconds = int(fraction[:9].ljust(9, "0")) if fraction else 0
    seconds = int(whole)
    value = seconds * 1_000_000_000 + (-nanoseconds if whole.startswith("-") else nanoseconds)
    if not -(2**63) <= value < 2**63:
        raise BadRequest("The stated time of modification is out of range.")
    return value
