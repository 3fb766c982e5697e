"""Login flows: a program asks for an app token, and somebody says yes to it in a browser.

Two secrets of 256 random bits: the browser's leads to the page, the program's
to the token; the index has the SHA-256 of both, and neither leads to the other.
In the second version of the flow the program asks until somebody has said yes,
and its token is made at the moment in which it is handed over, so it never lies
anywhere.  In the first the browser itself hands it over.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import NamedTuple

from davshare.errors import Forbidden, NotAuthenticated, NotFound, TooManyAttempts
from davshare.identity import apptokens
from davshare.identity.devices import name_of
from davshare.identity.throttle import network_of
from davshare.index import onetime, people
from davshare.index.database import Connection, Database, Taken
from davshare.index.onetime import Once
from davshare.model.people import Actor

#: Seconds from the beginning of a flow to its end.
PATIENCE = 1200
#: How many may wait for an answer: of one network, and of all.
MOST_OF_NETWORK, MOST = 200, 10_000
_ASKED, _GRANTED = "flow", "poll"


class Begun(NamedTuple):
    """The secrets of a new flow: for the address of the page, and for the program that waits (empty: none does)."""

    page: str
    poll: str


class Flow(NamedTuple):
    """A flow that waits for an answer: what the device calls itself, and where and when it has asked.

    ``poll`` is the hash of the program's secret, in hexadecimal digits; empty
    when the browser hands the token over.
    """

    device: str
    peer: str
    began: int
    poll: str


class AppPassword(NamedTuple):
    """What a program signs in with."""

    name: str
    secret: str


class Flows:
    """The login flows of one site.

    :param secret: the site's key.
    """

    def __init__(self, database: Database, secret: bytes) -> None:
        self._db = database
        self._secret = hashlib.blake2b(secret, person=b"login flow").digest()

    def begin(self, agent: str, peer: str, polled: bool) -> Begun:
        """Begin a flow.

        :param agent: the User-Agent of whoever asks.
        :param polled: a program waits for the token.
        :raises TooManyAttempts: too many wait already.
        """
        begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32) if polled else "")
        now = int(time.time())
        flow = Flow(name_of(agent), peer, now, _digest(_GRANTED, begun.poll).hex() if polled else "")
        network = f"{network_of(peer)}\n"
        with self._db.session() as connection:
            _demand_room(connection, network, now)
        new = Once(_digest(_ASKED, begun.page), _ASKED, None, network + json.dumps(flow), now + PATIENCE)
        with self._db.write() as connection:
            _demand_room(connection, network, now)
            onetime.put(connection, new, now)
        return begun

    def find(self, page: str, polled: bool) -> Flow:
        """The flow that a page is about.

        :raises NotFound: there is none, or somebody has answered already, or it took too long.
        """
        with self._db.session() as connection:
            return _flow(onetime.get(connection, _digest(_ASKED, page), _ASKED, int(time.time())), polled)

    def seal(self, page: str, actor: Actor) -> str:
        """What has to come back with somebody's answer: only who was shown the page, as the same person, has it."""
        text = f"{len(page)}:{page}:{actor.user}".encode("utf-8", "replace")
        return hmac.digest(self._secret, text, "sha256").hex()

    def grant(self, page: str, polled: bool, actor: Actor, seal: str) -> AppPassword | None:
        """Say yes, once; the app password where no program waits for it.

        :param seal: of the page on which it was said.
        :raises NotFound: as :meth:`find`.
        :raises Forbidden: the answer was not given on the page, or the actor has only a part of their rights.
        :raises Conflict: the actor has too many app tokens.
        """
        self._demand_seal(page, actor, seal)
        if apptokens.is_limited(actor):
            raise Forbidden("A token gives no access to others; sign in with the password.")
        try:
            with self._db.write() as connection:
                apptokens.demand_room(connection, actor.user)
                row = _take(connection, page)
                flow = _flow(row, polled)
                if not polled:
                    _, secret = apptokens.issue(connection, actor.user, flow.device)
                    return AppPassword(actor.name, secret)
                assert row is not None
                granted = Once(bytes.fromhex(flow.poll), _GRANTED, actor.user, flow.device, row.expires)
                onetime.put(connection, granted, int(time.time()))
        except Taken:
            raise NotAuthenticated from None  # the account has just been removed
        return None

    def refuse(self, page: str, polled: bool, actor: Actor, seal: str) -> None:
        """Say no, for good.

        :raises NotFound, Forbidden: as :meth:`grant`.
        """
        self._demand_seal(page, actor, seal)
        with self._db.write() as connection:
            _flow(_take(connection, page), polled)

    def poll(self, secret: str) -> AppPassword:
        """The app password for a program, once.

        :raises NotFound: nobody has said yes yet; or it was handed over, or took too long.
        """
        digest, now = _digest(_GRANTED, secret), int(time.time())
        with self._db.session() as connection:
            if onetime.get(connection, digest, _GRANTED, now) is None:
                raise NotFound
        with self._db.write() as connection:
            row = onetime.take(connection, digest, _GRANTED, now)
            user = None if row is None or row.user is None else people.user_by_id(connection, row.user)
            if row is None or user is None or user.disabled:
                raise NotFound
            _, made = apptokens.issue(connection, user.id, row.payload)
        return AppPassword(user.name, made)

    def _demand_seal(self, page: str, actor: Actor, seal: str) -> None:
        if not hmac.compare_digest(self.seal(page, actor).encode(), seal.encode("utf-8", "replace")):
            raise Forbidden("This answer was not given on the page of this site, or as somebody else; open it again.")


def _take(connection: Connection, page: str) -> Once | None:
    return onetime.take(connection, _digest(_ASKED, page), _ASKED, int(time.time()))


def _flow(row: Once | None, polled: bool) -> Flow:
    flow = None if row is None else Flow(*json.loads(row.payload.partition("\n")[2]))
    if flow is None or bool(flow.poll) != polled:
        raise NotFound("This request for access is unknown, over, or was answered already.")
    return flow


def _demand_room(connection: Connection, network: str, now: int) -> None:
    here = onetime.number_of(connection, _ASKED, network, now)
    if here >= MOST_OF_NETWORK or onetime.number(connection, _ASKED, now) >= MOST:
        raise TooManyAttempts(
            "Too many devices wait for an answer; try again shortly.", headers=(("Retry-After", "60"),)
        )


def _digest(purpose: str, secret: str) -> bytes:
    return hashlib.sha256(f"davshare {purpose}\0{secret}".encode("utf-8", "replace")).digest()
