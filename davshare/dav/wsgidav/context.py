"""What the parts of the WsgiDAV application know of the request that they serve."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Protocol

from davshare.dav.exchange import Exchange
from davshare.files.context import Address
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.model import names
from davshare.model.people import Actor

Environ = dict[str, Any]

#: Keys in the WSGI environment.
REQUEST = "davshare.request"
ADDRESS = "davshare.address"
EXCHANGE = "davshare.exchange"
RESOURCES = "davshare.resources"
START = "davshare.start_response"
#: Key of the :class:`Door` in WsgiDAV's configuration.
DOOR = "davshare"

#: The exchange that this thread serves.  WsgiDAV calls lock managers without saying for whom.
asking: ContextVar[Exchange | None] = ContextVar("asking", default=None)


class Door(Protocol):
    """The decisions that are the same however requests come in."""

    def public(self, request: Request) -> Response | Address:
        """The answer to what needs no sign-in, else the address that is asked for.

        :raises davshare.errors.DavshareError: the address is malformed or not ours.
        """
        ...

    def who(self, request: Request) -> Actor:
        """Who is asking.

        :raises davshare.errors.NotAuthenticated: nobody whom we know.
        """
        ...

    def exchange(self, request: Request, actor: Actor, address: Address) -> Exchange:
        """The request, read by the WebDAV door."""
        ...

    def respond(self, x: Exchange) -> Response:
        """The answer of the WebDAV door.

        :raises davshare.errors.DavshareError: it refuses.
        """
        ...

    def failure(self, request: Request, error: Exception) -> Response:
        """The answer to a request that ended in an exception."""
        ...


def address_of(path: str) -> Address:
    """The address behind a decoded path as WsgiDAV uses them, judged like any path of a request.

    :raises davshare.errors.BadRequest: no name can be like this.
    """
    segments = [segment for segment in path.split("/") if segment]
    return Address(*names.split(names.href(segments, path.endswith("/"))))
