"""The pages of the OpenID provider: whether a program gets access, and signing out for one.

They work without script, name the program and where the answer goes, and take
it only from themselves.  Whoever is not signed in is sent to where people sign
in, and comes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlsplit

from davshare.errors import BodyCut, DavshareError, Forbidden, MethodNotAllowed, NotAuthenticated
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity import apptokens, jwt
from davshare.identity.authorization import SignedIn
from davshare.identity.openid import Declined, OpenIdProvider, Wish
from davshare.identity.sessions import BROWSER, Session, Sessions
from davshare.model.people import Actor
from davshare.web import forms, origin

#: Nothing but our own style sheet works on these pages.  The answer leads from this site to the program: browsers hold
#: the form to both.
_page = partial(forms.page, "authorize.html")

#: Seconds that somebody has to read the page, where they have to have signed in just now.
_READING = 600


class AuthorizeDoor:
    """Answers at ``/oidc/authorize`` and ``/oidc/logout``.

    :param public_url: scheme and host under which people reach the server; empty: as each request says.
    :param who: finds out who sends a request.
    """

    def __init__(
        self, provider: OpenIdProvider, sessions: Sessions, public_url: str, who: Callable[[Request], Actor]
    ) -> None:
        self._provider = provider
        self._sessions = sessions
        self._public_url = public_url
        self._who = who

    def authorize(self, request: Request) -> Response:
        """The question of a program, and what becomes of the answer that is given there.

        :raises NotFound: programs do not sign in here.
        :raises MethodNotAllowed: neither GET nor POST.
        """
        return self._kindly(request, self._asked, self._answered)

    def logout(self, request: Request) -> Response:
        """Whether somebody wants to sign out, and where they go then.

        :raises NotFound, MethodNotAllowed: as :meth:`authorize`.
        """
        return self._kindly(request, self._leaving, self._left)

    def _kindly(
        self, request: Request, get: Callable[[Request], Response], post: Callable[[Request], Response]
    ) -> Response:
        self._provider.demand_open()
        if request.method not in ("GET", "POST"):
            raise MethodNotAllowed("OPTIONS, GET, POST")
        try:
            return (post if request.method == "POST" else get)(request)
        except BodyCut:
            raise
        except Declined as no:
            return forms.redirect(no.location)
        except DavshareError as error:
            answer = _page(error.status, "closed", "'self'", message=error.message)
            answer.headers += error.headers
            return answer

    # -- access --------------------------------------------------------------------------

    def _asked(self, request: Request) -> Response:
        site = origin.site(request, self._public_url)
        wish = self._provider.wish(request.query, site)
        who = self._signed_in(request, wish)
        if "none" in wish.prompts:
            return forms.redirect(
                self._provider.no(wish, site, "login_required" if who is None else "consent_required")
            )
        if who is None:
            return forms.redirect(_sign_in(request))
        if apptokens.is_limited(who.actor):
            raise Forbidden(
                "You have signed in with an app token, which lets nobody in. Sign out, and use the password."
            )
        return _page(
            200,
            "ask",
            f"'self' {_source(wish)}",
            program=wish.program.name,
            onward=urlsplit(wish.redirect).hostname if wish.redirect.startswith("http") else "",
            scope=wish.scope,
            user=who.actor.name,
            display_name=who.actor.display_name,
            seal=self._provider.consents.seal(request.query, who.actor),
            other=_sign_in(request),
        )

    def _answered(self, request: Request) -> Response:
        origin.demand_own_page(request, self._public_url)
        site = origin.site(request, self._public_url)
        wish = self._provider.wish(request.query, site)
        who = self._signed_in(request, wish, _READING)
        if who is None:
            return forms.redirect(_sign_in(request))
        form = forms.read(request)
        self._provider.consents.demand_seal(request.query, who.actor, form.get("seal", ""))
        if form.get("answer") != "yes":
            return forms.redirect(self._provider.no(wish, site))
        return forms.redirect(self._provider.grant(wish, site, who))

    def _signed_in(self, request: Request, wish: Wish, since: int = 0) -> SignedIn | None:
        """Who is signed in, recently enough for what is asked.

        :param since: seconds that may have gone by since it was recent enough.
        """
        try:
            actor = self._who(request)
        except NotAuthenticated:
            return None
        # A password that is shown with the request is as fresh as can be.
        session = self._session(request) if "authorization" not in request.headers else None
        at = int(time.time()) if session is None else session.created
        return None if wish.fresh is not None and at + wish.fresh + since < time.time() else SignedIn(actor, at)

    def _session(self, request: Request) -> Session | None:
        """The session of the cookie."""
        try:
            return self._sessions.found(jwt.parse(origin.session(request) or ""), BROWSER)
        except jwt.Refused:
            return None

    # -- signing out ---------------------------------------------------------------------

    def _leaving(self, request: Request) -> Response:
        target = self._provider.leaving(request.query)
        if self._session(request) is None:
            return self._gone(request, target)
        return _page(200, "leave", "'self'" if not target else f"'self' {_origin_of(target)}")

    def _left(self, request: Request) -> Response:
        origin.demand_own_page(request, self._public_url)
        target = self._provider.leaving(request.query)
        session = self._session(request)
        if session is not None:
            self._sessions.close(session.id)
        return self._gone(request, target)

    @staticmethod
    def _gone(request: Request, target: str) -> Response:
        answer = forms.redirect(target) if target else _page(200, "left", "'self'")
        answer.headers.append(origin.session_cookie(request, "", 0))
        return answer


def _sign_in(request: Request) -> str:
    """Where somebody signs in, or in as somebody else, and comes back."""
    return f"/login?again=1&next={quote(f'/oidc/authorize?{request.query}', safe='/')}"


def _source(wish: Wish) -> str:
    return _origin_of(wish.redirect)


def _origin_of(address: str) -> str:
    """An address of a program as a source of the policy (CSP3 section 2.3.1): its origin, or its scheme."""
    parts = urlsplit(address)
    return f"http://{parts.netloc}" if parts.scheme == "http" else f"{parts.scheme}:"
