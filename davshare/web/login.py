"""Signing in and out: pages for people, tokens for programs, logouts that providers tell of."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from davshare.errors import (
    BadRequest,
    DavshareError,
    Forbidden,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    TooLarge,
)
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity import apptokens, jwt
from davshare.identity.logins import PATIENCE, Logins
from davshare.identity.narrow import narrowed
from davshare.identity.oidc import Refused
from davshare.identity.sessions import BROWSER, HALF_DAY, HOUR, PROGRAM, Session, Sessions
from davshare.model.people import Actor
from davshare.web import forms, origin
from davshare.web.browse import POLICY, environment

if TYPE_CHECKING:
    from davshare.files.service import Files

_LARGEST = 64 * 1024
_START = "/dav/home/"
#: Where browsers look at files.
_FILES = ("/dav", "/remote.php")
_NO_STORE = ("Cache-Control", "no-store")
#: Seconds that a token lasts when nobody says otherwise.
_QUARTER = 900


class Door:
    """Answers below ``/login`` and at ``/logout``.

    :param public_url: scheme and host under which people reach the server; empty: as each request says.
    :param who: finds out who sends a request.
    """

    def __init__(
        self, files: Files, sessions: Sessions, logins: Logins, public_url: str, who: Callable[[Request], Actor]
    ) -> None:
        self._files = files
        self._sessions = sessions
        self._logins = logins
        self._public_url = public_url
        self._who = who

    def instead(self, request: Request) -> Response | None:
        """What a browser gets that nobody has signed in with and that opens a page: the way to do so.

        None for programs, and where there are no providers to sign in at.
        """
        headers = request.headers
        if request.method != "GET" or not request.path.startswith(_FILES) or not self._logins.labels:
            return None
        if "authorization" in headers or "text/html" not in headers.get("accept", ""):
            return None
        here = f"{request.path}?{request.query}" if request.query else request.path
        return _redirect(f"/login?next={quote(here, safe='/')}")

    def respond(self, request: Request, segments: tuple[str, ...]) -> Response:
        """The answer.

        :raises DavshareError: it is no.
        """
        match segments:
            case ("login",):
                return _only(request, GET=self._page)
            case ("login", "oidc", number):
                return _only(request, GET=lambda asked: self._kindly(asked, lambda: self._begin(asked, number)))
            case ("login", "callback"):
                return _only(request, GET=lambda asked: self._kindly(asked, lambda: self._finish(asked)))
            case ("login", "password"):
                return _only(request, GET=self._by_password, POST=self._by_form)
            case ("login", "token"):
                return _only(request, POST=self._grant, DELETE=self._revoke)
            case ("login", "backchannel"):
                return _only(request, POST=self._told)
            case ("logout",):
                return _only(request, POST=self._leave)
        raise NotFound

    # -- people -------------------------------------------------------------------------

    def _page(self, request: Request) -> Response:
        query = _query(request)
        return self._shown(request, 200, "", onward(query.get("next", "")), again=query.get("again") == "1")

    def _shown(self, request: Request, status: int, message: str, target: str, again: bool = False) -> Response:
        """The page.

        :param again: whoever is signed in is to do so once more, perhaps as somebody else.
        """
        actor = None
        if not again and origin.session(request) is not None:
            try:
                actor = self._who(request)
            except DavshareError:
                actor = None
        body = (
            environment()
            .get_template("login.html")
            .render(
                title="Sign in",
                message=message,
                labels=self._logins.labels,
                next=quote(target, safe="/"),
                user=None if actor is None else actor.display_name or actor.name,
            )
        )
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            # Not less than this: without an origin the sign-out form could not be told from those of others.
            ("Referrer-Policy", "same-origin"),
            _NO_STORE,
        ]
        return Response(status, headers, body.encode())

    def _kindly(self, request: Request, answer: Callable[[], Response]) -> Response:
        """The answer; a no is a page from which people can start again."""
        try:
            return answer()
        except NotAuthenticated:
            raise
        except DavshareError as error:
            page = self._shown(request, error.status, error.message, "")
            page.headers += error.headers
            return page

    def _begin(self, request: Request, number: str) -> Response:
        query = _query(request)
        link = None
        if query.get("link") == "1":
            # A foreign page must not link its own identity to whoever happens to be signed in here.
            origin.demand_own_page(request, self._public_url)
            actor = self._who(request)
            if apptokens.is_limited(actor):
                raise Forbidden("Identities are linked with all of your rights, not with a token.")
            link = actor.user
        redirect = f"{origin.site(request, self._public_url)}/login/callback"
        begun = self._logins.begin(
            int(number) if number.isascii() and number.isdigit() and len(number) < 4 else 0,
            redirect,
            onward(query.get("next", "")),
            link,
            origin.binding(request),
        )
        return _redirect(begun.location, origin.binding_cookie(request, begun.binding, PATIENCE))

    def _finish(self, request: Request) -> Response:
        done = self._logins.finish(_query(request), origin.binding(request))
        target = done.next or ("/dav/" if done.guest else _START)
        return _redirect(target, origin.session_cookie(request, *done.opened))

    def _by_password(self, request: Request) -> Response:
        """Name and password, asked for by the browser, for the same cookie that providers lead to."""
        if "authorization" not in request.headers:
            raise NotAuthenticated
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            # A link of others can hold a name and password of theirs.
            raise Forbidden("This request does not come from a page of this site.")
        opened = self._sessions.open(self._with_credentials(request), BROWSER, HALF_DAY, "browser")
        target = onward(_query(request).get("next", "")) or _START
        return _redirect(target, origin.session_cookie(request, *opened))

    def _by_form(self, request: Request) -> Response:
        """The same, asked for by our own page, where a second factor has a field of its own."""
        origin.demand_own_page(request, self._public_url)
        target = onward(_query(request).get("next", ""))
        form = forms.read(request)
        pair = f"{form.get('name', '')}:{form.get('password', '')}{form.get('code', '').strip()}"
        shown = "Basic " + base64.b64encode(pair.encode("utf-8", "replace")).decode()
        try:
            actor = self._who(replace(request, headers={**request.headers, "authorization": shown}))
        except NotAuthenticated as error:
            usual = type(error) is NotAuthenticated
            message = "Name or password is wrong." if usual else error.message
            return self._shown(request, 403, message, target, again=True)
        except DavshareError as error:
            page = self._shown(request, error.status, error.message, target, again=True)
            page.headers += error.headers
            return page
        opened = self._sessions.open(actor, BROWSER, HALF_DAY, "browser")
        return _redirect(target or _START, origin.session_cookie(request, *opened))

    def _leave(self, request: Request) -> Response:
        origin.demand_own_page(request, self._public_url)
        session = self._session(origin.session(request) or "", BROWSER)
        if session is not None:
            self._sessions.close(session.id)
        return _redirect("/login", origin.session_cookie(request, "", 0))

    # -- programs -----------------------------------------------------------------------

    def _grant(self, request: Request) -> Response:
        actor = self._with_credentials(request)
        asked = _body(request)
        seconds = _lifetime(asked.get("lifetime"))
        actor = narrowed(self._files, actor, _string(asked.get("scope")))
        opened = self._sessions.open(actor, PROGRAM, seconds, "token")
        return _json(200, {"access_token": opened.token, "token_type": "Bearer", "expires_in": opened.seconds})

    def _with_credentials(self, request: Request) -> Actor:
        """Who shows a password or an app token: a token for a token would never end."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic" or (scheme.lower() == "bearer" and apptokens.looks_like(value.strip())):
            return self._who(request)
        raise NotAuthenticated

    def _revoke(self, request: Request) -> Response:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        session = self._session(value.strip(), PROGRAM) if scheme.lower() == "bearer" else None
        if session is None:
            raise NotAuthenticated
        self._sessions.close(session.id)
        return Response(204, [_NO_STORE])

    def _session(self, text: str, kind: str) -> Session | None:
        """The session of one of our own tokens; None when it is not good."""
        try:
            return self._sessions.found(jwt.parse(text), kind)
        except Refused:
            return None

    # -- providers ----------------------------------------------------------------------

    def _told(self, request: Request) -> Response:
        """A logout elsewhere (OpenID Connect Back-Channel Logout 1.0 section 2.5)."""
        try:
            self._logins.told(_string(_body(request).get("logout_token")))
        except BadRequest as error:
            return _json(400, {"error": "invalid_request", "error_description": error.message})
        return _json(200, {})


def onward(target: str) -> str:
    """A path of this site, as it is asked for; empty for anything that could lead elsewhere.

    Browsers take backslashes for slashes and ignore tabs and line breaks.
    """
    local = target.startswith("/") and not target.startswith("//") and "\\" not in target
    if not local or not target.isascii() or not target.isprintable() or " " in target or len(target) > 2000:
        return ""
    return target


def _only(request: Request, **known: Callable[[Request], Response]) -> Response:
    """What answers the method of a request.

    :raises MethodNotAllowed: nothing does.
    """
    if request.method not in known:
        raise MethodNotAllowed(", ".join(["OPTIONS", *known]))
    return known[request.method](request)


def _redirect(location: str, *headers: tuple[str, str]) -> Response:
    return Response(302, [("Location", location), _NO_STORE, *headers])


def _json(status: int, value: Mapping[str, Any]) -> Response:
    headers = [("Content-Type", "application/json"), _NO_STORE, ("X-Content-Type-Options", "nosniff")]
    return Response(status, headers, json.dumps(value).encode())


def _query(request: Request) -> dict[str, str]:
    return _pairs(request.query)


def _pairs(text: str) -> dict[str, str]:
    """What a form or query says.

    :raises BadRequest: it says something twice, or too much.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise BadRequest from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadRequest("A parameter came twice.")
    return found


def _body(request: Request) -> Mapping[str, Any]:
    """A form or a JSON object.

    :raises BadRequest: it is neither.
    :raises TooLarge: it is longer than any that makes sense.
    """
    data = b""
    while piece := request.body.read(_LARGEST):
        data += piece
        if len(data) > _LARGEST:
            raise TooLarge
    if not data:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            found = json.loads(data)
            if isinstance(found, dict):
                return found
        elif kind == "application/x-www-form-urlencoded":
            return _pairs(data.decode())
    except (ValueError, RecursionError):
        pass
    raise BadRequest("The body is a form or a JSON object.")


def _lifetime(value: Any) -> int:
    """Seconds.

    :raises BadRequest: they are none, or more than an hour.
    """
    if value is None or value == "":
        return _QUARTER
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= HOUR:
        raise BadRequest(f"A lifetime is 1 to {HOUR} seconds.")
    return value


def _string(value: Any) -> str:
    """A text, empty when there is none.

    :raises BadRequest: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        raise BadRequest("A text was expected.")
    return value
