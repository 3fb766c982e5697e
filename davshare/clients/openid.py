"""What programs call of the OpenID provider: tokens, their end, who somebody is, and the keys (OpenID Connect Core)."""

from __future__ import annotations

from collections.abc import Callable

from davshare.clients import plain
from davshare.errors import BadRequest, Forbidden, MethodNotAllowed, NotAuthenticated, NotFound
from davshare.http import content
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.authorization import Answer
from davshare.identity.openid import OpenIdProvider
from davshare.model.people import Actor

_LONGEST = 1 << 16
_FORM = "application/x-www-form-urlencoded"


class OpenIdCalls:
    """Answers at ``/oidc/token``, ``/oidc/revoke``, ``/oidc/userinfo`` and ``/oidc/keys``.

    :param who: finds out who sends a request.
    """

    def __init__(self, provider: OpenIdProvider, who: Callable[[Request], Actor]) -> None:
        self._provider = provider
        self._who = who

    def respond(self, request: Request, name: str, site: str) -> Response:
        """The answer.

        :param site: scheme and host as people know them.
        :raises DavshareError: it is no.
        """
        provider = self._provider
        provider.demand_open()
        match name:
            case "token":
                return _answer(provider.token(_form(request), site, request.headers))
            case "revoke":
                return _answer(provider.revoke(_form(request), site, request.headers))
            case "keys":
                _demand(request, "GET")
                return plain.json(200, provider.keys())
            case "userinfo":
                _demand(request, "GET", "POST")
                return self._userinfo(request)
        raise NotFound

    def _userinfo(self, request: Request) -> Response:
        """RFC 6750: access tokens only, never a cookie or a password."""
        if request.headers.get("authorization", "")[:7].lower() != "bearer ":
            raise NotAuthenticated
        found = self._provider.userinfo(self._who(request))
        if found is None:
            raise Forbidden("This token was not given for that.")
        return plain.json(200, found)


def _form(request: Request) -> str:
    """The body of a form; empty where it is none.

    :raises MethodNotAllowed: it is no POST.
    :raises TooLarge: it is too long.
    """
    _demand(request, "POST")
    kind, _ = content.media_type(request.headers.get("content-type"))
    data = content.read_all(request.body, _LONGEST)
    if kind != _FORM:
        return ""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise BadRequest("The form is not correctly encoded.") from None


def _answer(told: Answer) -> Response:
    response = plain.json(told.status, told.body)
    response.headers += [header for header in told.headers if header[0] == "WWW-Authenticate"]
    response.headers.append(("Pragma", "no-cache"))
    return response


def _demand(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(", ".join(["OPTIONS", *methods]))
