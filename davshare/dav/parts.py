"""PUT of ``NAME-chunking-ID-COUNT-INDEX`` with ``OC-Chunked``: how ownCloud's oldest clients send large files.

Parts come in any order.  Conditions, time and checksum are those of the request
that brings the last one; its answer is that of the whole file.
"""

from __future__ import annotations

import re

from davshare.dav import put, uploads
from davshare.dav.exchange import Exchange
from davshare.errors import BadRequest
from davshare.files import parts
from davshare.files.assembly import Whole
from davshare.files.context import Address
from davshare.files.parts import Part
from davshare.files.upload import Sent
from davshare.http import digests
from davshare.http.responses import Response

_NAME = re.compile(r"(.+)-chunking-([0-9A-Za-z]{1,64})-([0-9]{1,5})-([0-9]{1,5})\Z").match


def handle(x: Exchange) -> Response:
    """Take in one part."""
    *folder, last = x.address.segments or ("",)
    found = _NAME(last)
    if found is None or x.address.slash or "content-range" in x.headers:
        raise BadRequest("A part of a file cannot be written like this.")
    put.demand_plain(x.headers)
    name, transfer, count, index = found.groups()
    there = x.storing(Address((*folder, name)))
    part = Part(there.address, transfer, int(count), int(index))
    # The digest fields are about the message (RFC 9530 appendix B), OC-Checksum is about the file.
    sent = Sent(x.request.body.length, x.read, expected=digests.stated(x.headers), hint=uploads.total(x))
    whole = Whole(uploads.total(x), put.mtime(x.headers.get("x-oc-mtime")), digests.of_file(x.headers))
    answer = parts.put(x.files, there.asker, part, sent, whole)
    if answer is None:
        return Response(201)
    return uploads.told(answer, whole.mtime_ns is not None)
