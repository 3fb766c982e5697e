"""Browsers: the cookie that signs somebody in, and whether a request comes from one of our own pages."""

from __future__ import annotations

from davshare.errors import Forbidden
from davshare.http import origins
from davshare.http.request import Request

#: Methods that change nothing: a page of another site could make a browser send them, and learns nothing by it.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"})
_SESSION, _BINDING, _LINK = "davshare", "davshare-login", "davshare-link"


def authorization(request: Request, public_url: str) -> str | None:
    """The credentials in the cookie of a browser, in the form of an Authorization header; None without a cookie.

    :raises Forbidden: the request would change something and does not come from one of our pages.
    """
    token = session(request)
    if token is None:
        return None
    if request.method not in _SAFE:
        demand_own_page(request, public_url)
    return f"Cookie {token}"


def session(request: Request) -> str | None:
    """The token in the cookie, None when there is none."""
    return _cookie(request, _SESSION)


def binding(request: Request) -> str:
    """What ties a sign-in under way to this browser; empty when nothing does."""
    return _cookie(request, _BINDING) or ""


def session_cookie(request: Request, token: str, seconds: int) -> tuple[str, str]:
    """The header that signs a browser in; with no seconds, out."""
    return _set(request, _SESSION, token, seconds)


def binding_cookie(request: Request, value: str, seconds: int) -> tuple[str, str]:
    """The header that ties a sign-in to a browser."""
    return _set(request, _BINDING, value, seconds)


def link_session(request: Request) -> str | None:
    """What says that this browser has shown the password of a public link, None when nothing does."""
    return _cookie(request, _LINK, "__Secure-")


def link_cookie(request: Request, path: str, value: str, seconds: int) -> tuple[str, str]:
    """The header that says so, for the addresses of that link only."""
    return _set(request, _LINK, value, seconds, path, "__Secure-")


def site(request: Request, public_url: str) -> str:
    """Scheme and host as people reach us."""
    return public_url or f"{request.scheme}://{request.host}"


def demand_own_page(request: Request, public_url: str) -> None:
    """Return when a request comes from one of our own pages.

    What browsers say of their own accord counts first (Fetch Metadata), then
    the origin (RFC 6454); a request that says neither is not one of ours.

    :raises Forbidden: it does not.
    """
    said = request.headers.get("sec-fetch-site")
    if said is None:
        said = "same-origin" if origins.same(request.headers.get("origin", ""), site(request, public_url)) else ""
    if said.strip().lower() != "same-origin":
        raise Forbidden("This request does not come from a page of this site.")


def _name(request: Request, name: str, prefix: str) -> str:
    """A cookie with a prefix can only come over HTTPS, from this very host (RFC 6265bis section 4.1.3)."""
    return f"{prefix}{name}" if request.scheme == "https" else name


def _cookie(request: Request, name: str, prefix: str = "__Host-") -> str | None:
    wanted = _name(request, name, prefix)
    for pair in request.headers.get("cookie", "").split(";"):
        found, equals, value = pair.strip().partition("=")
        if equals and found == wanted and value:
            return value
    return None


def _set(
    request: Request, name: str, value: str, seconds: int, path: str = "/", prefix: str = "__Host-"
) -> tuple[str, str]:
    secure = "; Secure" if request.scheme == "https" else ""
    age = f"Max-Age={max(0, seconds)}"
    return "Set-Cookie", f"{_name(request, name, prefix)}={value}; Path={path}; {age}; HttpOnly; SameSite=Lax{secure}"
