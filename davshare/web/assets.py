"""The style sheet and the script of our own pages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources

from davshare.errors import MethodNotAllowed, NotFound
from davshare.http.request import Request
from davshare.http.responses import Response

#: The first segment of their addresses.
PREFIX = "assets"
_KINDS = {"link.css": "text/css; charset=utf-8", "link.js": "text/javascript; charset=utf-8"}


@cache
def _content(name: str) -> bytes:
    return resources.files("davshare.web").joinpath("static", name).read_bytes()


@cache
def url(name: str) -> str:
    """The address of one, another one after every change."""
    return f"/{PREFIX}/{name}?{hashlib.sha256(_content(name)).hexdigest()[:12]}"


def respond(request: Request, rest: Sequence[str]) -> Response:
    """One of them.

    :raises NotFound: there is no such one.
    """
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed("GET, HEAD, OPTIONS")
    kind = _KINDS.get(rest[0]) if len(rest) == 1 else None
    if kind is None:
        raise NotFound
    data = _content(rest[0])
    headers = [
        ("Content-Type", kind),
        ("Content-Length", str(len(data))),
        ("Cache-Control", "public, max-age=31536000, immutable" if request.query else "public, max-age=300"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ]
    return Response(200, headers, b"" if request.method == "HEAD" else data)
