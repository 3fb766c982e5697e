"""What stands in front of the request server: the entrance, the printer of refusals, and the gate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator

from wsgidav.dav_error import DAVError
from wsgidav.mw.base_mw import BaseMiddleware

from davshare.dav.wsgidav.answers import Started, StartResponse, send
from davshare.dav.wsgidav.context import ADDRESS, DOOR, EXCHANGE, REQUEST, START, Door, Environ, asking
from davshare.dav.wsgidav.refusals import from_wsgidav
from davshare.http.request import Request
from davshare.http.responses import Response

Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


class Entrance:
    """The WSGI callable in front of WsgiDAV's own.

    WsgiDAV resolves dot segments and breaks on bytes that are not UTF-8; so
    paths are judged here, before it sees them.  Here is also answered what
    needs no sign-in.
    """

    def __init__(self, app: Wsgi, door: Door) -> None:
        self._app = app
        self._door = door

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer."""
        request: Request = environ[REQUEST]
        found: Response | tuple[tuple[str, ...], bool]
        try:
            found = self._door.public(request)
        except Exception as error:
            found = self._door.failure(request, error)
        if isinstance(found, Response):
            return send(environ, start_response, found)
        environ[ADDRESS] = found
        environ[START] = start_response
        # Unread bodies are the connection's business: WsgiDAV would read them to their end.
        environ["wsgidav.all_input_read"] = True
        return self._app(environ, start_response)


class ErrorPrinter(BaseMiddleware):
    """Turns what is raised before the first byte into an answer."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer; what fails later breaks the answer off."""
        source: Iterable[bytes] = ()
        try:
            source = self.next_app(environ, start_response)
            pieces = iter(source)
            return Started(next(pieces, None), pieces, source)
        except Exception as error:
            close = getattr(source, "close", None)
            if close is not None:
                close()
            door: Door = self.config[DOOR]
            cause = from_wsgidav(error) if isinstance(error, DAVError) else error
            response = door.failure(environ[REQUEST], cause)
            return send(environ, start_response, response, sys.exc_info())


class Authentication(BaseMiddleware):
    """Lets in whom the gate knows, and tells WsgiDAV who that is."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        """The answer of what is behind.

        :raises davshare.errors.NotAuthenticated: nobody whom the gate knows.
        """
        door: Door = self.config[DOOR]
        request: Request = environ[REQUEST]
        actor = door.who(request)
        x = door.exchange(request, actor, environ[ADDRESS])
        environ[EXCHANGE] = x
        environ["wsgidav.auth.user_name"] = actor.name
        before = asking.get()
        asking.set(x)
        try:
            yield from self.next_app(environ, start_response)
        finally:
            asking.set(before)
