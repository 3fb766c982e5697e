"""How the pages of public links look, and what programs read instead of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from davshare.http.request import Request
from davshare.http.responses import REASONS, Response
from davshare.web import assets
from davshare.web.browse import environment

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Every page of a link has these: nothing of it runs or is loaded from elsewhere, is indexed or kept.
HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Cache-Control", "private, no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Vary", "Accept, Cookie"),
)
_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_HOUR, _DAY = 3600, 86400


class Head(NamedTuple):
    """What every page says of its link; ``frozen`` is when the copy was made that it shows, in seconds since 1970."""

    title: str
    owner: str
    note: str
    ends: str
    home: str
    frozen: int | None = None

    @property
    def frozen_day(self) -> str:
        """The day of the copy as people write it; empty where it is no copy."""
        return "" if self.frozen is None else day(self.frozen)


def page(request: Request, status: int, template: str, head: Head | None, **values: Any) -> Response:
    """One of the pages."""
    text = (
        environment()
        .get_template(template)
        .render(head=head, css=assets.url("link.css"), script=assets.url("link.js"), **values)
    )
    headers = [("Content-Type", "text/html; charset=utf-8"), *HEADERS]
    return _answer(request, status, headers, text.encode())


def told(request: Request, status: int, values: Mapping[str, Any]) -> Response:
    """The same for programs."""
    return _answer(request, status, [("Content-Type", "application/json"), *HEADERS], _json(values))


def problem(request: Request, status: int, detail: str, code: str = "") -> Response:
    """Why a program gets nothing (RFC 9457)."""
    values = {"type": "about:blank", "title": REASONS[status], "status": status, "detail": detail}
    if code:
        values["state"] = code
    return _answer(request, status, [("Content-Type", "application/problem+json"), *HEADERS], _json(values))


def wants_json(request: Request) -> bool:
    """Whether a program asks, and no browser."""
    accept = request.headers.get("accept", "").lower()
    return "application/json" in accept and "text/html" not in accept


def see_other(location: str, *headers: tuple[str, str]) -> Response:
    """On to the page that shows what became of a form (RFC 9110 section 15.4.4)."""
    return Response(303, [("Location", location), *headers, *HEADERS])


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=1).encode() + b"\n"


def _answer(request: Request, status: int, headers: list[tuple[str, str]], data: bytes) -> Response:
    if request.method == "HEAD":
        return Response(status, [*headers, ("Content-Length", str(len(data)))])
    return Response(status, headers, data)


def day(seconds: float) -> str:
    """A day as people write it."""
    try:
        then = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return "some day"
    return f"{then.day} {_MONTHS[then.month - 1]} {then.year}"


def ends_in(expires: int | None, now: float) -> str:
    """When a link ends, in words; empty where it does not."""
    if expires is None:
        return ""
    left = expires - now
    if left < _HOUR:
        return "Ends within the hour"
    if left < 2 * _DAY:
        hours = int(left // _HOUR)
        return f"Ends in {hours} hour{'s' if hours > 1 else ''}"
    # A link that ends at midnight is good for the whole day before.
    return f"Ends in {int(left // _DAY)} days, on {day(expires - 1)}"


def iso(seconds: float | None) -> str | None:
    """A moment for programs."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + "Z"
    except (OverflowError, OSError, ValueError):
        return None


def readable_time(seconds: float) -> str:
    """A moment for people."""
    return (iso(seconds) or "")[:16].replace("T", " ")
