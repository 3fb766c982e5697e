"""From a request below ``/api/v1`` to its answer, by the table of routes and by nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from davshare.api import problem, reading
from davshare.api.call import BASE, NOBODY, Call, Made, Route
from davshare.api.listening import STREAM
from davshare.api.schema import plain
from davshare.api.table import ROUTES
from davshare.errors import BodyCut, DavshareError, Forbidden, MethodNotAllowed, NotAuthenticated, NotFound
from davshare.files.following import Listener
from davshare.files.record import came_from
from davshare.files.service import Files
from davshare.http import origins
from davshare.http.request import Request
from davshare.http.responses import Handover, Response
from davshare.http.routes import matched
from davshare.model.access import Permission
from davshare.model.people import Actor

log = logging.getLogger("davshare.api")
#: Segments of :data:`davshare.api.call.BASE`.
_BASE = ("api", "v1")


class Router:
    """The administration door of one worker.

    :param who: tells who sends a request, and raises what the gate raises.
    :param challenges: headers of a 401 answer.
    :param public_url: the site's address as people know it; empty: whatever Host says.
    :param listen: gives the connection of a request to a listener; see :attr:`davshare.api.call.Call.listen`.
    """

    def __init__(
        self,
        files: Files,
        who: Callable[[Request], Actor],
        challenges: Callable[[], list[tuple[str, str]]],
        public_url: str,
        listen: Callable[[Request, Listener, bool], Handover],
        routes: Sequence[Route] = ROUTES,
    ) -> None:
        self._files = files
        self._who = who
        self._challenges = challenges
        self._public_url = public_url
        self._listen = listen
        self._routes = [(route.segments, route) for route in routes]

    def respond(self, request: Request, segments: tuple[str, ...]) -> Response:
        """The answer; refusals are answers too.

        :raises BodyCut: nobody is left to answer.
        """
        try:
            return self._respond(request, segments)
        except BodyCut:
            raise
        except DavshareError as error:
            response = problem.response(error, request.method)
            if isinstance(error, NotAuthenticated) and error.status == 401:
                response.headers += self._challenges()
            return response
        except Exception:
            log.exception("a request failed")
            return problem.response(DavshareError(), request.method)

    def _respond(self, request: Request, segments: tuple[str, ...]) -> Response:
        if segments[: len(_BASE)] != _BASE:
            raise NotFound
        below = segments[len(_BASE) :]
        here = [(route, found) for parts, route in self._routes if (found := matched(parts, below)) is not None]
        if not here:
            raise NotFound
        method = "GET" if request.method == "HEAD" else request.method
        route, path = next(((route, found) for route, found in here if route.method == method), (None, {}))
        if route is None:
            allow = _allow([route for route, _ in here])
            if method == "OPTIONS":
                return Response(204, [("Allow", allow)])
            raise MethodNotAllowed(allow)
        return self._carry_out(route, path, request)

    def _carry_out(self, route: Route, path: Mapping[str, str], request: Request) -> Response:
        # A WebSocket can be read by whatever page has opened it, and every stream takes a place.
        guarded = request.method not in origins.SAFE or "upgrade" in request.headers or route.media == STREAM
        if guarded and origins.is_foreign(request, self._public_url):
            raise Forbidden("Pages of other sites may not change anything here.")
        actor = self._who(request) if route.who.signed_in else NOBODY
        actor = came_from(actor, request.peer, request.headers.get("user-agent", ""))
        demand_reach(route, actor)
        site = self._public_url or f"{request.scheme}://{request.host}"
        call = Call(self._files, actor, path, site.rstrip("/"), headers=request.headers)
        if request.method == "GET" and request.body.length == 0:
            call.listen = partial(self._listen, request)
        call.query = reading.query(request.query, route.query)
        route.who.check(call)
        if request.method not in origins.SAFE:
            call.body = reading.body(request, route.takes)
        answer = route.handler(call)
        if isinstance(answer, Response):
            return answer
        headers = []
        if isinstance(answer, Made):
            location = "/".join([BASE, *[quote(part, safe="") for part in answer.path]])
            headers, answer = [("Location", location)], answer.what
        if route.answers is None:
            return Response(204, [*headers, ("Cache-Control", "no-store")])
        return _json(route.status, plain(answer), request, headers)


def demand_reach(route: Route, actor: Actor) -> None:
    """Return when the limits of the app token, if one was used, allow the route.

    :raises Forbidden: they do not: only full credentials manage anything.
    """
    if actor.node is not None and not route.partial:
        raise Forbidden("This app token reaches only a part of the files, and manages nothing.")
    if route.who.signed_in and actor.mask != Permission.ALL and route.method != "GET":
        raise Forbidden("This app token can only read.")


def _allow(routes: Sequence[Route]) -> str:
    methods = {route.method for route in routes}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted({"OPTIONS", *methods}))


def _json(status: int, value: Any, request: Request, headers: Sequence[tuple[str, str]] = ()) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    told = [
        *headers,
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if request.method == "HEAD":
        return Response(status, [*told, ("Content-Length", str(len(body)))])
    return Response(status, told, body)
