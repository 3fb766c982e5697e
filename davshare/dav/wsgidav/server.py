"""WsgiDAV's request server with our methods: each one is answered by the WebDAV door."""

from __future__ import annotations

from collections.abc import Iterable

from wsgidav.request_resolver import RequestResolver
from wsgidav.request_server import RequestServer

from davshare.dav.wsgidav.answers import StartResponse, send
from davshare.dav.wsgidav.context import DOOR, EXCHANGE, Door, Environ
from davshare.dav.wsgidav.provider import Provider

_METHODS = (
    "OPTIONS", "GET", "HEAD", "PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPFIND", "PROPPATCH", "REPORT", "LOCK",
    "UNLOCK", "POST", "PATCH", "ACL", "SEARCH",
)  # fmt: skip


class DavRequestServer(RequestServer):
    """Made anew for every request, as WsgiDAV does it; keeps no state."""

    def __init__(self, dav_provider: Provider) -> None:
        super().__init__(dav_provider)
        self._possible_methods = list(_METHODS)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer; methods that nobody knows are refused where everything is refused.

        :raises davshare.errors.DavshareError: for the error printer.
        """
        if environ["REQUEST_METHOD"] in _METHODS:
            answer: Iterable[bytes] = super().__call__(environ, start_response)
            return answer
        return self.respond(environ, start_response)

    def respond(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """What the WebDAV door says."""
        door: Door = environ["wsgidav.config"][DOOR]
        return send(environ, start_response, door.respond(environ[EXCHANGE]))

    do_OPTIONS = do_GET = do_HEAD = do_PUT = do_DELETE = do_MKCOL = do_COPY = do_MOVE = respond
    do_PROPFIND = do_PROPPATCH = do_REPORT = do_LOCK = do_UNLOCK = respond
    do_POST = do_PATCH = do_ACL = do_SEARCH = respond


class Resolver(RequestResolver):
    """The last middleware: hands the request to our request server."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer of the server for the provider that WsgiDAV has chosen."""
        return DavRequestServer(environ["wsgidav.provider"])(environ, start_response)
