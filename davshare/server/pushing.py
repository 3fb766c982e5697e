"""Nextcloud's push: its WebSocket and its tickets, between the gate and the hub."""

from __future__ import annotations

import base64
from collections.abc import Callable

from davshare.clients import push
from davshare.clients.push import Proof, Push
from davshare.errors import Forbidden, MethodNotAllowed, NotAuthenticated
from davshare.files.following import Follower
from davshare.files.service import Files
from davshare.http import origins, websocket
from davshare.http.request import Request
from davshare.http.responses import Response
from davshare.identity import tickets
from davshare.identity.gate import Gate, Lasting
from davshare.model.people import Actor
from davshare.server.hub import Hub


class Pushing:
    """What is below the two addresses.

    :param enough: the actor, if what was shown is enough for an address; raises NotAuthenticated.
    """

    def __init__(
        self, files: Files, gate: Gate, hub: Hub, public_url: str, enough: Callable[[Request, Actor], Actor]
    ) -> None:
        self._files = files
        self._gate = gate
        self._hub = hub
        self._public_url = public_url
        self._enough = enough

    def socket(self, request: Request, secure: bool) -> Response:
        """A WebSocket, in which the client says who it is.

        :raises Forbidden: nobody may say that on such a connection.
        :raises UpgradeRequired: it is not asked for.
        :raises Unavailable: too many are here.
        """
        self._gate.demand_secure(secure)
        if request.method != "GET" or request.body.length != 0:
            raise MethodNotAllowed("OPTIONS, GET")
        websocket.demand(request.headers)
        listener = Push(
            lambda name, password: self._prove(request, secure, name, password),
            lambda actor: Follower(self._files, actor, ()),
        )
        return websocket.accepted(request.headers, self._hub.admit(listener))

    def ticket(self, request: Request, actor: Actor, authorization: str) -> Response:
        """A token for the WebSocket, good once and for seconds.

        :raises Forbidden: a page of another site asks.
        """
        if origins.is_foreign(request, self._public_url):
            raise Forbidden("Pages of other sites may not change anything here.")
        lasting = self._gate.lasting(authorization, actor)
        return push.ticket(request, lambda: tickets.issue(self._files.db, lasting))

    def _prove(self, request: Request, secure: bool, name: str, password: str) -> Proof:
        """Whose name and password, or ticket, that is.

        :raises NotAuthenticated: nobody's.
        :raises TooManyAttempts: somebody guesses.
        """
        generation = self._files.generation()
        if not name:
            return self._proof(request, tickets.redeem(self._files.db, password), generation)
        if ":" in name:
            raise NotAuthenticated
        pair = f"{name}:{password}".encode("utf-8", "surrogatepass")
        authorization = f"Basic {base64.b64encode(pair).decode()}"
        actor = self._gate.authenticate(authorization, request.peer, secure, generation)
        return self._proof(request, self._gate.lasting(authorization, actor), generation)

    def _proof(self, request: Request, lasting: Lasting, generation: int) -> Proof:
        def renew(generation: int) -> Actor:
            return self._enough(request, self._gate.renew(lasting, generation))

        return Proof(renew(generation), lasting.expires, renew)
