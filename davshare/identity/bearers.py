"""Signed tokens, ours and those of OpenID providers, as the gate asks about them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from davshare.errors import Conflict, Unavailable
from davshare.identity import jwt, logouts, newcomers
from davshare.identity.oidc import Failed, Oidc, Refused
from davshare.identity.sessions import BROWSER, PROGRAM, Sessions
from davshare.index import people
from davshare.index.database import Taken
from davshare.model.access import Permission, Rights
from davshare.model.people import User

if TYPE_CHECKING:
    from davshare.files.service import Files

log = logging.getLogger("davshare.server")


class Proven(NamedTuple):
    """The user whom a token speaks of, what it can be used for at most, and the second at which it ends."""

    user: User
    ends: float
    mask: Rights = Permission.ALL
    node: int | None = None
    device: int | None = None


class Bearers:
    """Judges signed tokens.

    :param sessions: our own.
    :param oidc: those of providers.
    """

    def __init__(self, files: Files, sessions: Sessions, oidc: Oidc) -> None:
        self._files = files
        self._sessions = sessions
        self._oidc = oidc

    def prove(self, text: str, cookie: bool) -> Proven | None:
        """Whom a token speaks of; None when it is not good, or of nobody here.

        May wait for a provider, and make an account with its home.

        :param cookie: it was given to a browser.
        :raises Unavailable: a provider whose word is needed does not answer.
        """
        if not jwt.looks_like(text):
            return None
        try:
            token = jwt.parse(text)
            if cookie or self._sessions.is_ours(token):
                return self._own(token, BROWSER if cookie else PROGRAM)
            return self._vouched(text)
        except Refused as refusal:
            log.info("a token was refused: %s", refusal)
        except Taken:
            log.info("a token was refused: its account has just been removed")
        except Failed:
            raise Unavailable("The provider that vouches for you does not answer; try again shortly.") from None
        return None

    def _own(self, token: jwt.Token, kind: str) -> Proven | None:
        with self._files.db.snapshot() as connection:
            session = self._sessions.find(connection, token, kind)
            user = people.user_by_id(connection, session.user)
        if user is None:
            return None
        return Proven(user, session.expires, session.mask, session.node, session.device)

    def _vouched(self, text: str) -> Proven | None:
        proof = self._oidc.access(text)
        with self._files.db.session() as connection:
            logouts.demand_alive(connection, proof)
        try:
            user = newcomers.find_or_make(self._files, proof)
        except Conflict:
            return None
        if user is None or user.disabled:
            return None
        newcomers.follow_groups(self._files, user, proof, complete=False)
        return Proven(user, proof.ends)
