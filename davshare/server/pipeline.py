"""From a request to its answer: address, asker, door, and every refusal in one place."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from functools import lru_cache

from davshare.abreast import demand_time
from davshare.api import problem
from davshare.api.router import Router
from davshare.clients import discovery, push, status
from davshare.clients.graph_router import Graph
from davshare.clients.ocs_router import Ocs
from davshare.dav import fault, get, options
from davshare.dav.dispatch import Dav
from davshare.dav.exchange import Exchange
from davshare.errors import (
    BadRequest,
    BodyCut,
    DavshareError,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    NotImplementedHere,
    Waits,
)
from davshare.files import kept, methods, placing
from davshare.files.context import Address, Asker
from davshare.files.following import Listener
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.view import Target
from davshare.http.request import Request
from davshare.http.responses import Handover, Response
from davshare.identity.gate import Gate
from davshare.identity.issuers import Issuer
from davshare.identity.openid import OpenIdProvider
from davshare.identity.sightings import Sightings
from davshare.model import names
from davshare.model.people import Actor
from davshare.server import health
from davshare.server.hub import Hub
from davshare.server.pushing import Pushing
from davshare.server.visits import Visits
from davshare.server.ways import Ways
from davshare.web import assets, browse, origin, reset
from davshare.web.login import Door

log = logging.getLogger("davshare.server")
_DOORS = frozenset({"dav", "remote.php"})
_KNOWN = frozenset(
    [
        "OPTIONS",
        "GET",
        "HEAD",
        "PUT",
        "POST",
        "PATCH",
        "DELETE",
        "MKCOL",
        "COPY",
        "MOVE",
        "PROPFIND",
        "PROPPATCH",
        "REPORT",
        "LOCK",
        "UNLOCK",
        "ACL",
        "SEARCH",
    ]
)
#: Addresses whose connections are given to listeners.
_GIVEN = frozenset({("api", "v1", "changes"), ("api", "v1", "events"), push.SOCKET})
_QUICK = frozenset({"GET", "HEAD", "PROPFIND", "OPTIONS"})
_SHORT = frozenset({"PUT", "MKCOL", "DELETE", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"})


class Pipeline:
    """The application of one worker; see :class:`davshare.http.application.Application`."""

    def __init__(self, files: Files, gate: Gate, public_url: str) -> None:
        self._files = files
        self._gate = gate
        self._public_url = public_url
        self._dav = Dav(self._browse)
        self._hub = Hub(files)
        self._api = Router(files, self.who, gate.challenges, public_url, self._listen)
        self._pushing = Pushing(files, gate, self._hub, public_url, self._enough)
        self._ocs = Ocs(files, self.who, gate.challenges, public_url)
        self._graph = Graph(files, self.who, gate.challenges, public_url)
        #: Where people sign in; None: nowhere.
        self.door: Door | None = None
        #: Where devices get in and are sent out; None: nowhere.
        self.ways: Ways | None = None
        #: The OpenID providers that people can sign in at.
        self.issuers: Sequence[Issuer] = ()
        #: Where ownCloud's programs let people sign in; None: nowhere.
        self.provider: OpenIdProvider | None = None
        #: Where those come who have no account, by public links; None: nowhere.
        self.visits: Visits | None = None
        #: Which devices were here.
        self.sightings = Sightings(files.db)

    def quick(self, request: Request) -> Response | None:
        """The answer if it needs no waiting."""
        if request.method not in _QUICK:
            return None
        try:
            if request.method in ("GET", "HEAD") and get.is_plain(request):
                found = self._again(request)
                if found is not None:
                    return found
            return self._respond(request, patient=False)
        except Waits:
            return None

    def _again(self, request: Request) -> Response | None:
        """A file that the same person has asked for before, or one beside it, while nothing has changed.

        Nothing but their credentials and the file itself need be looked at anew.
        """
        authorization = request.headers.get("authorization")
        if authorization is None:
            return None
        files = self._files
        try:
            actor = self._gate.recall(authorization, files.generation(), _is_secure(request))
            found = None if actor is None else kept.find(files, actor, request.path)
            if actor is None or found is None or placing.pending(files, actor):
                return None
            return get.handle(self.exchange(request, self._enough(request, actor), found[0], False), found[1])
        except DavshareError:
            return None  # the long way knows why

    def short(self, request: Request) -> bool:
        """Whether it is a change of files, by somebody who need not prove anew who they are.

        All other doors may take their time: they hash passwords, remove whole spaces, let guessers wait.
        """
        authorization = request.headers.get("authorization")
        if request.method not in _SHORT or authorization is None:
            return False
        try:
            segments, _ = names.split(request.path)
            by_link = self.visits is not None and self.visits.lead(segments)
            if by_link or not segments or segments[0] not in _DOORS:
                return False
            return self._gate.recall(authorization, self._files.generation(), _is_secure(request)) is not None
        except DavshareError:
            return False  # the answer will say it

    def answer(self, request: Request) -> Response:
        """The answer."""
        return self._respond(request, patient=True)

    def close(self, busy: bool = False) -> None:
        """Say goodbye to listeners, write what was seen, and close the index, unless that is in use still."""
        self._hub.close()
        if not busy:
            self.sightings.close()
            if self.visits is not None:
                self.visits.close()
            self._files.committer.close()
            self._files.db.close()

    # -- the way of a request ----------------------------------------------------------

    def _respond(self, request: Request, patient: bool) -> Response:
        try:
            found = self.public(request, patient)
            if isinstance(found, Response):
                return found
            return self.respond(self.exchange(request, self.who(request, patient), found, patient))
        except (BodyCut, Waits):
            raise
        except Exception as error:
            return self.failure(request, error)

    def failure(self, request: Request, error: Exception) -> Response:
        """The answer to a request that ended in an exception; for the code that has just caught it.

        :raises BodyCut: that was it, and nobody is left to answer.
        """
        if isinstance(error, BodyCut):
            raise error
        if not isinstance(error, DavshareError):
            log.exception("a request failed")
            error = DavshareError()
        if request.path.startswith("/api/"):
            return problem.response(error, request.method)
        response = fault.response(error, request.method)
        if isinstance(error, NotAuthenticated) and error.status == 401:
            instead = None if self.door is None else self.door.instead(request)
            if instead is not None:
                return instead
            # ownCloud's clients take Bearer here for the way to an OpenID provider.
            bearer = not request.path.startswith("/remote.php") or bool(self.issuers) or self._lets_sign_in()
            response.headers += [*self._gate.challenges(bearer), ("MS-Author-Via", "DAV")]
        return response

    def public(self, request: Request, patient: bool = True) -> Response | Address:
        """The answer to what needs no sign-in, else the address that is asked for.

        :raises Waits: only if ``patient`` is false.
        :raises DavshareError: the address is malformed or not ours.
        """
        if request.method == "OPTIONS":
            return self._options(request, patient)
        segments, slash = names.split(request.path)
        if self.visits is not None and self.visits.lead(segments):
            self._gate.demand_secure(_is_secure(request))
            return self.visits.respond(request, segments, slash, patient)
        if not segments or segments[0] not in _DOORS:
            return self._elsewhere(request, segments, patient)
        return Address(segments, slash)

    def _options(self, request: Request, patient: bool) -> Response:
        """Answered to everyone; those who show who they are learn what can be done just here."""
        largest = self._files.settings.get("upload.max_bytes")
        segments, slash = ((), True) if request.path == "*" else names.split(request.path)
        if segments and segments[0] == "api":
            return self._elsewhere(request, segments, patient)
        public = self.visits is not None and self.visits.lead(segments)
        if request.headers.get("authorization") is None or not segments or segments[0] not in _DOORS or public:
            return options.handle(largest=largest)
        try:
            asker = Asker(self.who(request, patient))
            target = self._files.glimpse(asker, Address(segments, slash))
        except DavshareError:
            return options.handle(largest=largest)
        if isinstance(target, Place) and target.node is not None and target.rights:
            return options.handle(methods.of(target.node, target.space), largest)
        if not isinstance(target, Place):
            return options.handle(methods.VIRTUAL, largest)
        return options.handle(largest=largest)

    def who(self, request: Request, patient: bool = True) -> Actor:
        """Who is asking; what is remembered is proven again when people, spaces or settings have changed.

        :raises Waits: only if ``patient`` is false.
        :raises NotAuthenticated: nobody whom we know.
        """
        generation = self._files.generation()
        authorization = self._credentials(request)
        secure = _is_secure(request)
        if authorization is not None:
            actor = self._gate.recall(authorization, generation, secure)
            if actor is not None:
                return self._enough(request, actor)
            if not patient:
                raise Waits
        demand_time()
        return self._enough(request, self._gate.authenticate(authorization, request.peer, secure, generation))

    def _credentials(self, request: Request) -> str | None:
        authorization = request.headers.get("authorization")
        if authorization is None and "cookie" in request.headers:
            authorization = origin.authorization(request, self._public_url)
        return authorization

    def _listen(self, request: Request, listener: Listener, head: bool) -> Handover:
        """Give the connection of a request to a listener, for as long as its credentials are good.

        :raises NotAuthenticated: they are not good any more.
        :raises Unavailable: there are too many listeners.
        """
        assert listener.follower is not None
        lasting = self._gate.lasting(self._credentials(request) or "", listener.follower.actor)
        listener.expires = lasting.expires
        listener.renew = lambda generation: self._enough(request, self._gate.renew(lasting, generation))
        return self._hub.admit(listener, head)

    def hands_over(self, request: Request) -> bool:
        """Whether the answer may be that the connection is given away."""
        try:
            return names.split(request.path)[0] in _GIVEN
        except BadRequest:
            return False

    def _enough(self, request: Request, actor: Actor) -> Actor:
        """The actor, if what was shown is enough for this address.

        :raises NotAuthenticated: it is not.
        """
        tokens_only = actor.by_password and self._files.settings.get("auth.app_tokens_only")
        if tokens_only and not request.path.removeprefix("/index.php").startswith("/login"):
            raise NotAuthenticated("Passwords are not accepted here; use an app token.")
        if actor.device is not None:
            self.sightings.note(actor.device, request.headers.get("user-agent", ""), request.peer)
        return actor

    def exchange(self, request: Request, actor: Actor, address: Address, patient: bool = True) -> Exchange:
        """The request, read by the WebDAV door."""
        return Exchange(self._files, request, actor, address, self._public_url, patient)

    def respond(self, x: Exchange) -> Response:
        """The answer of the WebDAV door.

        :raises DavshareError: it refuses.
        """
        response = self._dav.respond(x)
        if x.told and x.actor.device is not None:
            agent = x.headers.get("user-agent", "")
            for space, seq in x.told.items():
                self.sightings.note(x.actor.device, agent, x.request.peer, space, seq)
        return response

    def _elsewhere(self, request: Request, segments: tuple[str, ...], patient: bool) -> Response:
        """What is not WebDAV: health, administration, signing in, new passwords, and the way to the files."""
        if request.method not in _KNOWN and segments[:1] != ("api",):
            raise NotImplementedHere
        if segments[:1] == ("index.php",):
            segments = segments[1:]
        if self.ways is not None and self.ways.lead(segments):
            if not patient:
                raise Waits
            self._gate.demand_secure(_is_secure(request))
            return self.ways.respond(request, segments)
        if self.door is not None and segments[:1] in (("login",), ("logout",)):
            if not patient:
                raise Waits
            self._gate.demand_secure(_is_secure(request))
            return self.door.respond(request, segments)
        if segments and segments[0] == "api":
            if not patient:
                raise Waits
            return self._api.respond(request, segments)
        if segments and segments[0] == "ocs":
            if not patient:
                raise Waits
            return self._ocs.respond(request, segments)
        if segments and segments[0] == "graph":
            if not patient:
                raise Waits
            return self._graph.respond(request, segments)
        if segments[:1] == (".well-known",) and len(segments) == 2:
            if not patient:
                raise Waits
            return self._well_known(request, segments[1])
        if segments in (push.SOCKET, push.TICKETS):
            if not patient:
                raise Waits
            if segments == push.SOCKET:
                return self._pushing.socket(request, _is_secure(request))
            return self._pushing.ticket(request, self.who(request), self._credentials(request) or "")
        if segments == ("status.php",):
            return status.respond(request)
        if segments in (("readyz",), ("livez",), ("healthz",)):
            return health.respond(self._files, segments[0])
        if segments[:1] == (assets.PREFIX,):
            return assets.respond(request, segments[1:])
        if segments and segments[0] == "reset":
            if not patient:
                raise Waits
            self._gate.demand_secure(_is_secure(request))
            return reset.respond(self._files, request, segments[1:])
        if not segments and request.method in ("GET", "HEAD"):
            return Response(302, [("Location", "/dav/home/"), ("Cache-Control", "no-store")])
        if not segments and request.method != "PROPFIND":
            raise MethodNotAllowed("OPTIONS, GET, HEAD")
        raise NotFound

    def _lets_sign_in(self) -> bool:
        """Whether ownCloud's programs let people sign in at this very site."""
        return self.provider is not None and self.provider.is_open

    def _well_known(self, request: Request, name: str) -> Response:
        """What programs look for at every site (RFC 8615)."""
        site = origin.site(request, self._public_url)
        if self.provider is not None and name == "openid-configuration":
            return discovery.configuration(self.provider, request, site)
        if self.provider is not None and name == "webfinger":
            return discovery.webfinger(self.provider, request, site, self.who)
        raise NotFound

    def _browse(self, x: Exchange, target: Target) -> Response:
        if not x.patient:
            raise Waits
        if isinstance(target, Place):
            x.files.store(target.space).present()
            x.notice()
            target = x.files.glimpse(x.asker, x.address)
        with x.files.db.snapshot() as connection:
            return browse.page(x.files, connection, x.actor, target, x.request.method == "HEAD")


def _is_secure(request: Request) -> bool:
    """Whether nobody between here and there can read a request."""
    return request.scheme == "https" or is_loopback(request.peer)


@lru_cache(maxsize=1024)
def is_loopback(peer: str) -> bool:
    """Whether a request came from this machine."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer == "" or peer.startswith("unix:")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
