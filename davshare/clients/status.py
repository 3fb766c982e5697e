"""``/status.php``: what programs made for ownCloud and Nextcloud ask before anybody signs in."""

from __future__ import annotations

import json
from typing import Any

from davshare import __version__
from davshare.errors import MethodNotAllowed
from davshare.http.request import Request
from davshare.http.responses import Response

#: The version whose dialect is spoken, as (major, minor, micro, build).  Clients switch features on by the major
#: number and refuse what is too old; nothing later is implemented.
DIALECT = (20, 0, 0, 0)


def facts() -> dict[str, Any]:
    """What is said of this site; ``productname`` is never that of another product, which clients would believe."""
    return {
        "installed": True,
        "maintenance": False,
        "needsDbUpgrade": False,
        "version": ".".join(map(str, DIALECT)),
        "versionstring": ".".join(map(str, DIALECT[:3])),
        "edition": "",
        "productname": "davshare",
        "product": "davshare",
        "productversion": __version__,
        "extendedSupport": False,
    }


def respond(request: Request) -> Response:
    """The answer, the same for everybody.

    :raises MethodNotAllowed: it is not read.
    """
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("OPTIONS, GET, HEAD")
    body = json.dumps(facts()).encode()
    headers = [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store")]
    if request.method == "HEAD":
        return Response(200, [*headers, ("Content-Length", str(len(body)))])
    return Response(200, headers, body)
