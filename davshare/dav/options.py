"""OPTIONS (RFC 4918 section 10.1); webdav.md section 1.11."""

from __future__ import annotations

from davshare.dav import tus
from davshare.dav.patch import TYPE
from davshare.files import methods
from davshare.http.responses import Response

#: The same on every resource; "1, 2" first, because some clients look no further.
CLASSES = "1, 2, 3, access-control, extended-mkcol, sabredav-partialupdate"


def handle(allow: str = methods.ALL, largest: int = 0) -> Response:
    """What can be done; ``allow`` are the methods of a resource that is known and may be known.

    :param largest: the size of the largest file that may come; 0: there is no limit.
    """
    headers = [
        ("DAV", CLASSES),
        ("Allow", allow),
        ("MS-Author-Via", "DAV"),
        ("Accept-Ranges", "bytes"),
        *tus.offer(largest),
    ]
    if "PATCH" in allow.split(", "):
        headers.append(("Accept-Patch", TYPE))
    return Response(200, headers)
