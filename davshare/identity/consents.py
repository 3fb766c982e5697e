"""What people grant to programs by OpenID Connect, and the tokens that come of it.

A consent makes a code, good once and for a minute.  Its exchange makes a
device, an app token that nobody knows the secret of: it stands for everything
that comes of the consent, and with it everything ends at once.  The device gets
short-lived access tokens (:mod:`davshare.identity.sessions`) and one refresh
token, which is replaced whenever it is used.  A code or refresh token that
comes a second time is in wrong hands, so the device ends (RFC 9700 section
4.14.2).  Of all secrets the index has the SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from typing import NamedTuple

from davshare.errors import Forbidden, NotAuthenticated, TooManyAttempts
from davshare.identity import apptokens
from davshare.identity.devices import name_of
from davshare.identity.sessions import HOUR, PROGRAM, Opened, Sessions
from davshare.index import consents, onetime, people, sessions
from davshare.index.consents import Consent
from davshare.index.database import Connection, Database, Taken
from davshare.index.onetime import Once
from davshare.index.people import AppToken
from davshare.model.access import Permission
from davshare.model.people import Actor, User

#: Seconds for which a code is good, and for which it is known that it was used.
PATIENCE, MEMORY = 60, 600
#: Seconds without a new access token after which a device ends.
IDLE = 90 * 86400
#: Codes that can wait to be exchanged: of one user, and of all.
MOST_OF_USER, _MOST = 20, 10_000
_CODE, _SPENT = "code", "spent"
#: Access tokens of one device that are good at the same time.
_LIVE = 10
#: A refresh token names its device, so that one that was replaced is known as such without being kept.
_FORM = re.compile(r"dsr_([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})\Z").match
_LONGEST_LABEL = 100


class Grant(NamedTuple):
    """What a code stands for; ``signed_in`` is the second at which its user had signed in."""

    client: str
    redirect: str
    challenge: str
    nonce: str
    scope: str
    signed_in: int


class Code(NamedTuple):
    """A code that was used for the first time."""

    text: str
    user: int
    grant: Grant


class Renewal(NamedTuple):
    """A refresh token that is the good one."""

    text: str
    token: AppToken
    consent: Consent


class Tokens(NamedTuple):
    """What a program gets; ``refresh`` is empty when it did not ask for it."""

    user: User
    access: Opened
    refresh: str
    scope: str
    signed_in: int


class Consents:
    """The consents of one site.

    :param opened: makes the access tokens.
    :param secret: the site's key.
    """

    def __init__(self, database: Database, opened: Sessions, secret: bytes) -> None:
        self._db = database
        self._sessions = opened
        self._secret = hashlib.blake2b(secret, person=b"openid consent").digest()

    def seal(self, query: str, actor: Actor) -> str:
        """What has to come back with an answer: only who was shown the question, as the same person, has it."""
        return hmac.digest(self._secret, f"{actor.user}:{query}".encode("utf-8", "replace"), "sha256").hex()

    def demand_seal(self, query: str, actor: Actor, seal: str) -> None:
        """Return when an answer was given on the page that asked.

        :raises Forbidden: it was not, or as somebody else.
        """
        if not hmac.compare_digest(self.seal(query, actor).encode(), seal.encode("utf-8", "replace")):
            raise Forbidden("This answer was not given on the page of this site, or as somebody else; open it again.")

    # -- codes ---------------------------------------------------------------------------

    def grant(self, actor: Actor, code: str, granted: Grant) -> None:
        """Somebody has said yes: ``code`` stands for it from now on.

        :raises Forbidden: the actor has only a part of their rights.
        :raises Conflict: the actor has too many devices.
        :raises TooManyAttempts: too many codes wait.
        """
        if apptokens.is_limited(actor):
            raise Forbidden("A token gives no access to others; sign in with the password.")
        now = int(time.time())
        try:
            with self._db.write() as connection:
                apptokens.demand_room(connection, actor.user)
                owner = f"{actor.user}\n"
                mine = onetime.number_of(connection, _CODE, owner, now)
                if mine >= MOST_OF_USER or onetime.number(connection, _CODE, now) >= _MOST:
                    raise TooManyAttempts("Too many programs wait for access; try again shortly.")
                payload = owner + json.dumps(granted)
                onetime.put(connection, Once(_digest(_CODE, code), _CODE, actor.user, payload, now + PATIENCE), now)
        except Taken:
            raise NotAuthenticated from None  # the account has just been removed

    def redeem(self, text: str) -> Code | None:
        """What a code stands for, the first time; the second time, what came of it ends."""
        digest, now = _digest(_CODE, text), int(time.time())
        with self._db.session() as connection:
            if not any(onetime.get(connection, digest, purpose, now) for purpose in (_CODE, _SPENT)):
                return None
        with self._db.write() as connection:
            row = onetime.take(connection, digest, _CODE, now)
            if row is None or row.user is None:
                self._end_spent(connection, digest, now)
                return None
            onetime.put(connection, Once(digest, _SPENT, row.user, "", now + MEMORY), now)
        return Code(text, row.user, Grant(*json.loads(row.payload.partition("\n")[2])))

    @staticmethod
    def _end_spent(connection: Connection, digest: bytes, now: int) -> None:
        spent = onetime.take(connection, digest, _SPENT, now)
        if spent is not None and spent.payload:
            people.remove_token(connection, int(spent.payload))

    def open(self, code: Code, program: str, agent: str) -> Tokens | None:
        """The tokens for a code, and the device that they belong to; None: it came a second time meanwhile.

        :param program: how the program is called.
        :param agent: what it calls itself.
        :raises Conflict: its user has too many devices.
        """
        digest, now = _digest(_CODE, code.text), int(time.time())
        lasting = "offline_access" in code.grant.scope.split()
        with self._db.write() as connection:
            user = people.user_by_id(connection, code.user)
            spent = onetime.take(connection, digest, _SPENT, now)
            if spent is None or spent.payload or user is None or user.disabled:
                return None
            apptokens.demand_room(connection, user.id)
            family, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(32) if lasting else ""
            label = f"{program}, {name_of(agent)}"[:_LONGEST_LABEL]
            ends = now + (IDLE if lasting else HOUR)
            new = AppToken(0, user.id, label, int(Permission.ALL), None, "", now, ends)
            device = people.add_token(connection, new, _digest("family", family))
            kept = _digest("refresh", refresh) if lasting else None
            consents.add(connection, Consent(device, code.grant.client, code.grant.scope, kept, code.grant.signed_in))
            onetime.put(connection, Once(digest, _SPENT, user.id, str(device), now + MEMORY), now)
            access = self._access(connection, user, device, label)
        text = f"dsr_{family}{refresh}" if lasting else ""
        return Tokens(user, access, text, code.grant.scope, code.grant.signed_in)

    # -- refresh tokens --------------------------------------------------------------------

    def renewal(self, text: str) -> Renewal | None:
        """What a refresh token is good for; one that was replaced ends its device."""
        found = self._found(text)
        if found is not None and found.consent.refresh != _secret_of(text):
            self._end(found.token.id)
            return None
        return found

    def renew(self, renewal: Renewal) -> Tokens | None:
        """New tokens; None: the refresh token was used meanwhile, which ends its device, or its user is gone."""
        now, refresh = int(time.time()), secrets.token_urlsafe(32)
        device, consent = renewal.token.id, renewal.consent
        family = _FORM(renewal.text)
        assert family is not None
        with self._db.write() as connection:
            user = people.user_by_id(connection, renewal.token.user)
            old, new = _secret_of(renewal.text), _digest("refresh", refresh)
            if user is None or user.disabled:
                return None
            if not consents.renew(connection, device, old, new, now + IDLE):
                people.remove_token(connection, device)
                return None
            sessions.trim_device(connection, device, _LIVE - 1)
            access = self._access(connection, user, device, renewal.token.label)
        return Tokens(user, access, f"dsr_{family[1]}{refresh}", consent.scope, consent.signed_in)

    # -- the end ---------------------------------------------------------------------------

    def consent(self, device: int | None) -> Consent | None:
        """What a device was granted; None: it came in by another way."""
        if device is None:
            return None
        with self._db.session() as connection:
            return consents.of_device(connection, device)

    def owner(self, text: str) -> tuple[int, str] | None:
        """The device, and the id of the program, that a refresh token was made for, whether or not it was replaced."""
        found = self._found(text)
        return None if found is None else (found.token.id, found.consent.client)

    def end(self, device: int) -> None:
        """End a device with all its tokens, in every worker from the next request on."""
        self._end(device)

    def _end(self, device: int) -> None:
        with self._db.write() as connection:
            people.remove_token(connection, device)

    def _found(self, text: str) -> Renewal | None:
        parts = _FORM(text)
        if parts is None:
            return None
        digest = _digest("family", parts[1])
        with self._db.snapshot() as connection:
            token, consent = people.token(connection, digest), consents.of_hash(connection, digest)
        if token is None or consent is None or consent.refresh is None:
            return None
        over = token.expires is not None and token.expires <= time.time()
        return None if over else Renewal(text, token, consent)

    def _access(self, connection: Connection, user: User, device: int, label: str) -> Opened:
        principals = people.principals_of(connection, user.id)
        actor = Actor(user.id, user.name, user.display_name, principals, user.admin, device=device)
        return self._sessions.issue(connection, actor, PROGRAM, HOUR, label)


def _secret_of(text: str) -> bytes:
    """What is kept of a refresh token."""
    parts = _FORM(text)
    return _digest("refresh", "" if parts is None else parts[2])


def _digest(purpose: str, secret: str) -> bytes:
    return hashlib.sha256(f"davshare openid {purpose}\0{secret}".encode("utf-8", "replace")).digest()
