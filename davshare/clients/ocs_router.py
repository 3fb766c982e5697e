"""From a request below ``/ocs/`` to its answer, by the table of calls."""

from __future__ import annotations

import logging
from collections.abc import Callable

from davshare.clients import arguments, ocs
from davshare.clients.call import NOBODY, OcsCall
from davshare.clients.ocs import Refused, Result
from davshare.clients.table import ROUTES
from davshare.errors import BodyCut, DavshareError, Forbidden, MethodNotAllowed, NotAuthenticated, NotFound
from davshare.files import placing
from davshare.files.record import came_from
from davshare.files.service import Files
from davshare.http import origins
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.http.routes import matched, parts
from davshare.model.people import Actor

log = logging.getLogger("davshare.clients")
_VERSIONS = {"v1.php": 1, "v2.php": 2}
_NO_CALL = (
    "Invalid query, please check the syntax. API specifications are here:"
    " http://www.freedesktop.org/wiki/Specifications/open-collaboration-services.\n"
)
#: Refusals that every client understands by their HTTP status, also in version 1.
_PLAIN = (405, 408, 413, 415, 429, 503)


class Ocs:
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

        :param segments: of the path, beginning with ``ocs``.
        :raises BodyCut: nobody is left to answer.
        :raises NotFound: neither version is asked for.
        """
        version = _VERSIONS.get(segments[1] if len(segments) > 1 else "")
        if version is None:
            raise NotFound
        as_json = wants_json(request)
        try:
            response = ocs.respond(self._carry_out(request, segments[2:]), version, as_json)
        except BodyCut:
            raise
        except Refused as error:
            response = ocs.respond(Result(None, error.code, error.message), version, as_json)
        except DavshareError as error:
            response = _refusal(error, version, as_json)
        except Exception:
            log.exception("a request failed")
            response = ocs.respond(Result(None, ocs.SERVER_ERROR, DavshareError.message), version, as_json, 500)
        if response.status == 401:
            response.headers += self._challenges()
        if request.method == "HEAD" and isinstance(response.body, bytes):
            response.headers.append(("Content-Length", str(len(response.body))))
            response.body = b""
        return response

    def _carry_out(self, request: Request, segments: tuple[str, ...]) -> Result:
        self._files.generation()  # settings count from the next call on, whoever makes it
        here = [(route, found) for there, route in self._routes if (found := matched(there, segments)) is not None]
        if not here:
            raise Refused(ocs.NOT_FOUND, _NO_CALL)
        method = "GET" if request.method == "HEAD" else request.method
        known = {route.method: (route, path) for route, path in here}
        if method not in known:
            raise MethodNotAllowed(", ".join(sorted(known)))
        route, path = known[method]
        if request.method not in origins.SAFE and origins.is_foreign(request, self._public_url):
            raise Forbidden("Pages of other sites may not change anything here.")
        known_by_name = not route.public or "authorization" in request.headers
        actor = self._who(request) if known_by_name else NOBODY
        actor = came_from(actor, request.peer, request.headers.get("user-agent", ""))
        site = self._public_url or f"{request.scheme}://{request.host}"
        call = OcsCall(self._files, actor, path, arguments.read(request), request.headers, site.rstrip("/"))
        if call.limited and not route.partial:
            raise Forbidden("This app token cannot do this: it is limited to a part of what its owner may do.")
        if known_by_name:
            placing.settle(self._files, actor)
        return route.handler(call)


def _refusal(error: DavshareError, version: int, as_json: bool) -> Response:
    if isinstance(error, NotAuthenticated) and error.status == 401:
        return ocs.respond(Result(None, ocs.UNAUTHORISED, "Unauthorised"), version, as_json)
    status = error.status if error.status in _PLAIN or version == 2 else None
    response = ocs.respond(Result(None, error.status, error.message), version, as_json, status)
    response.headers += error.headers
    response.close = error.close
    return response


def wants_json(request: Request) -> bool:
    """Whether the answer is to be JSON: the query goes before Accept, and XML is what others get."""
    for pair in request.query.split("&"):
        name, _, value = pair.partition("=")
        if name == "format":
            return value.lower() == "json"
    accepted = request.headers.get("accept", "").split(",")[0]
    return accepted.partition(";")[0].strip().lower() == "application/json"
