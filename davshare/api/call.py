"""What a handler is told, and how an entry of the table of routes looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from davshare.errors import DavshareError, MethodNotAllowed
from davshare.files.following import Listener
from davshare.files.service import Files
from davshare.http import routes
from davshare.http.responses import Handover
from davshare.model.people import Actor

#: Where all routes begin.
BASE = "/api/v1"
#: Who asks where nobody has to sign in.
NOBODY = Actor(0, "", "", frozenset(), mask=0)


def _nowhere(listener: Listener, head: bool) -> Handover:
    raise MethodNotAllowed("GET, OPTIONS", "Only a GET without a body can wait for changes.")


@dataclass(slots=True)
class Call:
    """One request to a route: who asks, with the parameters of the path, the query and the body as models.

    ``site`` is scheme and host as people know them.
    """

    files: Files
    actor: Actor
    path: Mapping[str, str]
    site: str = ""
    query: Any = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Gives the connection to a listener, who waits there for changes in the name of the caller.
    listen: Callable[[Listener, bool], Handover] = _nowhere


class Who(NamedTuple):
    """A right that a route asks for; ``check`` raises what a caller without it is answered."""

    doc: str
    check: Callable[[Call], None]
    signed_in: bool = True


class Made(NamedTuple):
    """The answer of a handler that has made something: what, and at which address below :data:`BASE`."""

    what: Any
    path: tuple[str, ...]


class Route(NamedTuple):
    """One operation: this is all that the router and the OpenAPI document know of it.

    ``answers`` is the model of the answer (None: 204 without a body), ``takes``
    that of the body, ``query`` that of the query.  ``partial`` lets in app
    tokens that reach only a part of what their owner does.  ``media`` is the
    type of the answer.
    """

    method: str
    path: str
    summary: str
    who: Who
    handler: Callable[[Call], Any]
    answers: Any = None
    takes: Any = None
    query: type | None = None
    errors: tuple[type[DavshareError], ...] = ()
    status: int = 200
    partial: bool = False
    media: str = "application/json"

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path; ``{name}`` stands for a parameter."""
        return routes.parts(self.path)
