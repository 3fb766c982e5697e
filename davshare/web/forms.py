"""Pages of ours that ask something, and what their forms send."""

from __future__ import annotations

from urllib.parse import parse_qs

from davshare.errors import BadRequest, UnsupportedMediaType
from davshare.http import content
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.web.browse import environment

_LONGEST = 16384
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action {}; base-uri 'none'; frame-ancestors 'none'"


def page(template: str, status: int, state: str, forms_go: str, **values: object) -> Response:
    """A page without script that nobody can frame; ``forms_go``: sources of the policy that its forms may lead to."""
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", _POLICY.format(forms_go)),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        # Not less than this: without an origin the form could not be told from those of others.
        ("Referrer-Policy", "same-origin"),
        ("Cache-Control", "no-store"),
    ]
    return Response(status, headers, environment().get_template(template).render(state=state, **values).encode())


def redirect(location: str) -> Response:
    """On to where the answer to a form leads."""
    return Response(302, [("Location", location), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")])


def read(request: Request) -> dict[str, str]:
    """The last value of each field of a form; see :func:`read_all`."""
    return {name: values[-1] for name, values in read_all(request, 10, _LONGEST).items()}


def read_all(request: Request, most: int = 2000, longest: int = 2**18) -> dict[str, list[str]]:
    """The fields of a form (HTML, section "URL-encoded form data") with all their values.

    :raises UnsupportedMediaType: it is no form.
    :raises TooLarge: it is longer than any of ours.
    :raises BadRequest: it is malformed.
    """
    kind, _ = content.media_type(request.headers.get("content-type"))
    if kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType
    data = content.read_all(request.body, longest)
    try:
        return parse_qs(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError:
        raise BadRequest("The form is not correctly encoded.") from None
