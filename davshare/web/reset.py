"""The page behind a link with which somebody chooses a new password.

Whoever has the link may use it: there is no session that another site could
abuse, and nothing on the page says whose password it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader

from davshare.errors import BadRequest, MethodNotAllowed, NotFound
from davshare.files.service import Files
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity import reset
from davshare.web import forms

#: Nothing but our own style sheet works on this page, and its form goes nowhere else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("davshare.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def respond(files: Files, request: Request, rest: Sequence[str]) -> Response:
    """The form, or what became of it; one and the same 404 for links that are unknown, expired or used.

    :raises MethodNotAllowed: neither GET, HEAD nor POST.
    :raises TooLarge, UnsupportedMediaType, BadRequest: what was sent is no form of ours.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        raise MethodNotAllowed("GET, HEAD, POST")
    secret = rest[0] if len(rest) == 1 else ""
    if not reset.is_good(files.db, secret):
        return _page(request, 404, "gone")
    if request.method != "POST":
        return _page(request, 200, "form", least=files.settings.get("password.min_length"))
    return _change(files, request, secret)


def _change(files: Files, request: Request, secret: str) -> Response:
    least = files.settings.get("password.min_length")
    form = forms.read(request)
    password = form.get("password", "")
    try:
        if password != form.get("again"):
            raise BadRequest("The two passwords are not the same.")
        reset.use(files.db, secret, password, least)
    except NotFound:
        return _page(request, 404, "gone")
    except BadRequest as error:
        return _page(request, 400, "form", least=least, problem=error.message)
    return _page(request, 200, "done")


def _page(request: Request, status: int, state: str, least: int = 0, problem: str = "") -> Response:
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    ]
    text = _environment().get_template("reset.html").render(state=state, least=least, problem=problem)
    return Response(status, headers, b"" if request.method == "HEAD" else text.encode())
