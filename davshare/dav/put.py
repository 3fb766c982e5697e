"""PUT (RFC 4918 section 9.7, RFC 9110 section 9.3.4)."""

from __future__ import annotations

import re

from davshare.dav import get
from davshare.dav.exchange import Exchange
from davshare.errors import BadRequest, UnsupportedMediaType
from davshare.files import upload
from davshare.http import digests
from davshare.http.responses import Response
from davshare.model import names

_SECONDS = re.compile(r"-?\d{1,11}(\.\d{1,9})?\Z")


def handle(x: Exchange) -> Response:
    """Store the body as the file at the request's address."""
    headers = x.headers
    if "content-range" in headers:
        raise BadRequest("A part of a file cannot be written with PUT.")
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise UnsupportedMediaType("A content coding is not accepted.")
    expected = digests.expected(headers)
    mtime_ns = mtime(headers.get("x-oc-mtime"))
    body = x.request.body
    stored = upload.put(x.files, x.asker, x.address, body.length, body.read, mtime_ns=mtime_ns, expected=expected)
    answer = [("ETag", stored.etag), ("OC-ETag", stored.etag), ("OC-FileId", f"{stored.node.id:08d}davshare")]
    if mtime_ns is not None:
        answer.append(("X-OC-MTime", "accepted"))
    if stored.created:
        answer.append(("Location", names.href(x.address.segments, False)))
    if x.prefers("return=representation"):
        return get.representation(x, x.address, 201 if stored.created else 200)
    return Response(201 if stored.created else 204, answer)


def mtime(text: str | None) -> int | None:
    """Nanoseconds of the time in X-OC-Mtime (seconds, perhaps with a fraction).

    :raises BadRequest: it is no time.
    """
    if text is None:
        return None
    if not _SECONDS.match(text.strip()):
        raise BadRequest("The stated time of modification is malformed.")
    whole, _, fraction = text.strip().partition(".")
    nanoseconds = int(fraction.ljust(9, "0")) if fraction else 0
    seconds = int(whole)
    value = seconds * 1_000_000_000 + (-nanoseconds if whole.startswith("-") else nanoseconds)
    if not -(2**63) <= value < 2**63:
        raise BadRequest("The stated time of modification is out of range.")
    return value
