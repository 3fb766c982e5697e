"""Whether a browser sends a request on behalf of somebody else's page (Fetch Metadata, RFC 6454 section 7).

Browsers send remembered Basic credentials with what other sites make them
send; such a request must not change anything.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from davshare.http.request import Request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PORTS = {"http": 80, "https": 443}


def is_foreign(request: Request, public_url: str = "") -> bool:
    """Whether the request says of itself that it comes from a page that is not ours.

    Programs that are no browsers send neither header, and are not foreign.

    :param public_url: the site's address as people know it; empty when it is what Host says.
    """
    if request.headers.get("sec-fetch-site", "none").strip().lower() == "cross-site":
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False
    return not same(origin, public_url or f"{request.scheme}://{request.host}")


def same(stated: str, own: str) -> bool:
    """Whether two URLs have the same origin; a default port may be left out."""
    return _origin(stated) is not None and _origin(stated) == _origin(own)


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None for what is none, such as ``null``."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme.lower())
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None
    return parts.scheme.lower(), parts.hostname.lower(), port
