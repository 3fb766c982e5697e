"""From a request below ``/graph/`` to its answer, by the table of calls."""

from __future__ import annotations

import logging
from collections.abc import Callable

from davshare.clients import arguments, plain
from davshare.clients.graph import ROUTES, GraphCall
from davshare.errors import BodyCut, DavshareError, MethodNotAllowed, NotAuthenticated, NotFound
from davshare.files.service import Files
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.http.routes import matched, parts
from davshare.model.people import Actor

log = logging.getLogger("davshare.clients")
_VERSION = ("graph", "v1.0")
#: What errors are called (Microsoft REST API Guidelines section 7.10.2).
_CODES = {400: "invalidRequest", 401: "unauthenticated", 403: "accessDenied", 404: "itemNotFound", 405: "notAllowed",
          429: "activityLimitReached", 503: "serviceNotAvailable"}  # fmt: skip


class Graph:
    """The calls of one worker.

    :param who: tells who sends a request, and raises what the gate raises.
    :param challenges: headers of a 401 answer.
    :param public_url: the site's address as people know it; empty: whatever Host says.
    """

    def __init__(
        self,
        files: Files,
        who: Callable[[Request], Actor],
        challenges: Callable[[], list[tuple[str, str]]],
        public_url: str,
    ) -> None:
        self._files = files
        self._who = who
        self._challenges = challenges
        self._public_url = public_url
        self._routes = [(parts(route.path), route) for route in ROUTES]

    def respond(self, request: Request, segments: tuple[str, ...]) -> Response:
        """The answer; refusals are answers too.

        :param segments: of the path, beginning with ``graph``.
        :raises BodyCut: nobody is left to answer.
        """
        try:
            return plain.json(200, self._carry_out(request, segments))
        except BodyCut:
            raise
        except DavshareError as error:
            return self._refusal(error)
        except Exception:
            log.exception("a request failed")
            return self._refusal(DavshareError())

    def _carry_out(self, request: Request, segments: tuple[str, ...]) -> object:
        # Whoever asks for what there is not is told so after they have said who they are.
        actor = self._who(request)
        for there, route in self._routes:
            path = matched(there, segments[2:]) if segments[:2] == _VERSION else None
            if path is not None:
                if request.method != "GET":
                    raise MethodNotAllowed("OPTIONS, GET")
                site = self._public_url or f"{request.scheme}://{request.host}"
                return route.handler(GraphCall(self._files, actor, path, arguments.read(request), site))
        raise NotFound

    def _refusal(self, error: DavshareError) -> Response:
        code = _CODES.get(error.status, "generalException")
        response = plain.json(error.status, {"error": {"code": code, "message": error.message}})
        response.headers += error.headers
        response.close = error.close
        if isinstance(error, NotAuthenticated) and error.status == 401:
            response.headers += self._challenges()
        return response
