"""Nextcloud's push of file changes: a WebSocket in which a client names itself and then hears when to look.

Texts of the client: its name, then its password; an empty name goes with a
token from ``pre_auth``.  After ``listen notify_file_id`` it
hears which files, too (github.com/nextcloud/notify_push, README and DEVELOPING).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from davshare.errors import DavshareError, MethodNotAllowed, NotAuthenticated
from davshare.files.changes import Page
from davshare.files.following import NOTHING, Follower, Listener, Out
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.http.websocket import GOING_AWAY, NORMAL, TRY_LATER, WebSocket
from davshare.model.people import Actor

#: Seconds in which a client has to say who it is.
_PATIENCE = 15.0
_ENTRANCE = "/push/ws"
_TICKETS = "/index.php/apps/notify_push/pre_auth"
#: The segments of both; ``index.php`` may stand before all that is not WebDAV.
SOCKET, TICKETS = tuple(_ENTRANCE[1:].split("/")), tuple(_TICKETS.removeprefix("/index.php/").split("/"))


class Proof(NamedTuple):
    """Who somebody has proven to be, until when, and how they are asked for later."""

    actor: Actor
    expires: float
    renew: Callable[[int], Actor]


def capability(site: str) -> dict[str, object]:
    """What clients are told about it."""
    scheme, _, host = site.partition("://")
    web = "wss" if scheme == "https" else "ws"
    return {
        "type": ["files"],
        "endpoints": {"websocket": f"{web}://{host}{_ENTRANCE}", "pre_auth": f"{site}{_TICKETS}"},
    }


def ticket(request: Request, make: Callable[[], str]) -> Response:
    """The answer to a client that wants a token for the WebSocket; ``make`` makes one.

    :raises MethodNotAllowed: it does not POST.
    """
    if request.method != "POST":
        raise MethodNotAllowed("OPTIONS, POST")
    return Response(
        200, [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")], make().encode()
    )


class Push(Listener):
    """One client.

    :param prove: whose name and password, or token, that is; raises NotAuthenticated, and may wait.
    :param follow: makes a follower of everything that somebody can see.
    """

    answers_pings = True

    def __init__(self, prove: Callable[[str, str], Proof], follow: Callable[[Actor], Follower]) -> None:
        self.until = monotonic() + _PATIENCE
        self._prove = prove
        self._follow = follow
        self._socket = WebSocket()
        self._name: str | None = None
        self._asked = False
        self._ids = False
        self._found: tuple[Proof, Follower] | DavshareError | None = None

    def begin(self) -> Out:
        """The client speaks first."""
        return NOTHING

    def told(self, page: Page, anew: bool = False) -> Out:
        """That there is something, or what."""
        ids = sorted({each.id for each in page.changes if each.id is not None})
        if self._ids and ids and not anew:
            return self._say(f"notify_file_id {json.dumps(ids, separators=(',', ':'))}")
        return self._say("notify_file")

    def ended(self, error: DavshareError | None) -> Out:
        """A close frame; clients come again, and are refused then if need be."""
        if self.follower is None and error is None:
            return self._refusal("err: Authentication timeout")
        if isinstance(error, NotAuthenticated):
            return self._refusal("err: Invalid credentials")
        return Out(self._socket.close(GOING_AWAY if error is None else TRY_LATER), over=True)

    def received(self, data: bytes) -> Out:
        """The name, the password, and wishes."""
        texts, reply, over = self._socket.received(data)
        work = None
        for text in texts:
            if self._name is None:
                self._name = text
            elif not self._asked:
                self._asked = True
                work = self._work(self._name, text)
            elif text.strip() == "listen notify_file_id":
                self._ids = True
        return Out(reply, over, work)

    def worked(self) -> Out:
        """Whether the credentials were good."""
        found, self._found = self._found, None
        if not isinstance(found, tuple):
            return self._refusal("err: Invalid credentials")
        proof, self.follower = found
        self.until = float("inf")
        self.expires, self.renew = proof.expires, proof.renew
        return self._say("authenticated")

    def ping(self) -> bytes:
        """A ping."""
        return self._socket.ping()

    def _work(self, name: str, password: str) -> Callable[[], None]:
        """Finding out who that is; on a thread that may wait."""

        def work() -> None:
            try:
                proof = self._prove(name, password)
                self._found = proof, self._follow(proof.actor)
            except DavshareError as error:
                self._found = error

        return work

    def _say(self, text: str) -> Out:
        return Out(self._socket.text(text))

    def _refusal(self, text: str) -> Out:
        return Out(self._socket.text(text) + self._socket.close(NORMAL), over=True)
