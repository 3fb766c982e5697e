"""Which code answers what sync clients ask before they have a password or token of their own, and after its end."""

from __future__ import annotations

from davshare.clients import flow, wiping
from davshare.clients.openid import OpenIdCalls
from davshare.errors import NotFound
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity.flows import Flows
from davshare.identity.wiping import Wiping
from davshare.web.authorize import AuthorizeDoor
from davshare.web.flow import FlowDoor

_OURS = frozenset([("login", "v2"), ("login", "flow"), ("core", "wipe")])


class Ways:
    """Login flows, the OpenID provider, and remote wipe.

    :param public_url: scheme and host under which people reach the server; empty: as each request says.
    """

    def __init__(
        self,
        flows: Flows,
        pages: FlowDoor,
        calls: OpenIdCalls,
        consent: AuthorizeDoor,
        wipes: Wiping,
        public_url: str,
    ) -> None:
        self._flows = flows
        self._pages = pages
        self._calls = calls
        self._consent = consent
        self._wipes = wipes
        self._public_url = public_url

    @staticmethod
    def lead(segments: tuple[str, ...]) -> bool:
        """Whether an address is one of these."""
        return segments[:2] in _OURS or segments[:1] == ("oidc",)

    def respond(self, request: Request, segments: tuple[str, ...]) -> Response:
        """The answer.

        :raises DavshareError: it is no.
        """
        site = self._public_url or f"{request.scheme}://{request.host}"
        match segments:
            case ("login", "v2"):
                return flow.begin(self._flows, request, site)
            case ("login", "v2", "poll"):
                return flow.poll(self._flows, request, site)
            case ("login", "v2", "flow", page):
                return self._pages.respond(request, page, polled=True)
            case ("login", "flow"):
                return self._pages.begin(request)
            case ("login", "flow", page):
                return self._pages.respond(request, page, polled=False)
            case ("oidc", "authorize"):
                return self._consent.authorize(request)
            case ("oidc", "logout"):
                return self._consent.logout(request)
            case ("oidc", name):
                return self._calls.respond(request, name, site)
            case ("core", "wipe", "check"):
                return wiping.check(self._wipes, request)
            case ("core", "wipe", "success"):
                return wiping.success(self._wipes, request)
        raise NotFound
