"""PATCH with SabreDAV's partial update (sabre.io/dav/http-patch); webdav.md section 5."""

from __future__ import annotations

import re

from davshare.dav import get, put
from davshare.dav.exchange import Exchange
from davshare.errors import BadRequest, LengthRequired, UnsupportedMediaType
from davshare.files import patching
from davshare.files.patching import Change, Part
from davshare.http import digests
from davshare.http.responses import Response

TYPE = "application/x-sabredav-partialupdate"
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))\Z")


def handle(x: Exchange) -> Response:
    """Put the body into the file at the request's address."""
    with x.files.db.snapshot() as connection:
        patching.decide(x.files, connection, x.asker, x.address)
    headers = x.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != TYPE:
        raise UnsupportedMediaType("PATCH takes partial updates only.", headers=[("Accept-Patch", TYPE)])
    put.demand_plain(headers)
    part = _part(headers.get("x-update-range"))
    body = x.request.body
    if body.length is None:
        raise LengthRequired
    # The digest fields are about the message (RFC 9530 appendix B), OC-Checksum is about the file.
    change = Change(part, body.length, x.read, digests.stated(headers), digests.of_file(headers))
    stored = patching.patch(x.files, x.asker, x.address, change)
    if x.prefers("return=representation"):
        return get.representation(x, x.address, 200)
    return Response(204, put.told(stored))


def _part(text: str | None) -> Part:
    """What X-Update-Range says.

    :raises BadRequest: it is missing or malformed.
    """
    text = "" if text is None else "".join(text.split()).lower()
    if text == "append":
        return Part(0, from_end=True)
    match = _RANGE.match(text)
    if match is None:
        raise BadRequest("X-Update-Range is missing or malformed.")
    first, last, back = match.groups()
    if back is not None:
        return Part(int(back), from_end=True)
    return Part(int(first), None if last is None else int(last))
