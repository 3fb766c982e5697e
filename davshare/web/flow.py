"""The page on which somebody lets a device in, of both versions of the login flow.

It works without script, says plainly who asks and for what, and takes the
answer only from itself.  Whoever is not signed in is sent to where people sign
in, and comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from davshare.errors import BodyCut, DavshareError, Forbidden, MethodNotAllowed, NotAuthenticated
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity import apptokens
from davshare.identity.flows import Flows
from davshare.identity.throttle import network_of
from davshare.model.people import Actor
from davshare.web import forms, origin

#: Nothing but our own style sheet works on these pages.  An answer leads to this site, and in the first version of the
#: flow from there to the program: browsers hold the form to that, too.
_page = partial(forms.page, "flow.html")


class FlowDoor:
    """Answers below ``/login/v2/flow`` and at and below ``/login/flow``.

    :param public_url: scheme and host under which people reach the server; empty: as each request says.
    :param who: finds out who sends a request.
    """

    def __init__(self, flows: Flows, public_url: str, who: Callable[[Request], Actor]) -> None:
        self._flows = flows
        self._public_url = public_url
        self._who = who

    def begin(self, request: Request) -> Response:
        """Version 1: the way to the page, for programs that show pages themselves.

        :raises MethodNotAllowed: it is no GET.
        :raises Forbidden: it is a browser of its own that asks.
        :raises TooManyAttempts: too many wait already.
        """
        if request.method != "GET":
            raise MethodNotAllowed("OPTIONS, GET")
        if request.headers.get("ocs-apirequest", "").strip().lower() != "true":
            return _page(403, "closed", "'self'", message="This address is for programs; open it from yours.")
        begun = self._flows.begin(request.headers.get("user-agent", ""), request.peer, polled=False)
        return forms.redirect(_address(begun.page, False))

    def respond(self, request: Request, page: str, polled: bool) -> Response:
        """The page of a flow, and what becomes of the answer that is given there.

        :param page: the secret in its address.
        :param polled: whether a program waits (version 2).
        :raises MethodNotAllowed: neither GET nor POST.
        """
        if request.method not in ("GET", "POST"):
            raise MethodNotAllowed("OPTIONS, GET, POST")
        try:
            if request.method == "POST":
                return self._answered(request, page, polled)
            return self._asked(request, page, polled)
        except BodyCut:
            raise
        except DavshareError as error:
            answer = _page(error.status, "closed", "'self'", message=error.message)
            answer.headers += error.headers
            return answer

    def _asked(self, request: Request, page: str, polled: bool) -> Response:
        flow = self._flows.find(page, polled)
        actor = self._signed_in(request)
        if actor is not None and apptokens.is_limited(actor):
            raise Forbidden(
                "You have signed in with an app token, which lets nobody in. Sign out, and use the password."
            )
        return _page(
            200,
            "ask",
            "'self'" if polled else "'self' nc:",
            device=flow.device,
            peer=flow.peer,
            elsewhere=network_of(flow.peer) != network_of(request.peer),
            began=datetime.fromtimestamp(flow.began, UTC).strftime("%H:%M"),
            user=None if actor is None else actor.name,
            display_name="" if actor is None else actor.display_name,
            seal="" if actor is None else self._flows.seal(page, actor),
            here=_address(page, polled),
        )

    def _answered(self, request: Request, page: str, polled: bool) -> Response:
        origin.demand_own_page(request, self._public_url)
        actor = self._signed_in(request)
        if actor is None:
            return forms.redirect(_address(page, polled))
        form = forms.read(request)
        seal = form.get("seal", "")
        if form.get("answer") != "yes":
            self._flows.refuse(page, polled, actor, seal)
            return _page(200, "refused", "'self'")
        granted = self._flows.grant(page, polled, actor, seal)
        if granted is None:
            return _page(200, "granted", "'self'")
        site = origin.site(request, self._public_url)
        target = (
            f"nc://login/server:{site}&user:{quote(granted.name, safe='')}&password:{quote(granted.secret, safe='')}"
        )
        return forms.redirect(target)

    def _signed_in(self, request: Request) -> Actor | None:
        try:
            return self._who(request)
        except NotAuthenticated:
            return None


def _address(page: str, polled: bool) -> str:
    return f"/login/{'v2/' if polled else ''}flow/{quote(page, safe='')}"
