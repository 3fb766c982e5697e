"""OPTIONS (RFC 4918 section 10.1); webdav.md section 1.11."""

from __future__ import annotations

from davshare.files.upload import FILE_METHODS, FOLDER_METHODS
from davshare.http.responses import Response

#: The same on every resource; "1, 2" first, because some clients look no further.
CLASSES = "1, 2, 3, extended-mkcol"
ALLOW = "OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, LOCK, UNLOCK"
_KINDS = {"file": FILE_METHODS, "folder": FOLDER_METHODS}


def handle(kind: str = "") -> Response:
    """What can be done; ``kind`` is file or folder where it is known and may be known."""
    headers = [
        ("DAV", CLASSES),
        ("Allow", _KINDS.get(kind, ALLOW)),
        ("MS-Author-Via", "DAV"),
        ("Accept-Ranges", "bytes"),
    ]
    return Response(200, headers)
