"""The gate: from an Authorization header to an Actor (RFC 7617, RFC 6750).

Credentials that were good are remembered for minutes under a keyed hash, so
that the second request costs a look-up in a dictionary.  What is remembered
counts in one generation of the index: after any change of people, groups,
tokens, spaces or settings it is compared with the rows once more, in every
worker.  That needs no hashing as long as the password is still the one that was
proven, so that such a change does not cost every active user a verification.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeVar

from davshare.errors import DavshareError, Forbidden, NotAuthenticated
from davshare.files.settings import Settings
from davshare.files.sitekey import read_secret
from davshare.identity import apptokens
from davshare.identity.basic import Basic, parse
from davshare.identity.bearers import Bearers
from davshare.identity.line import SEATS, Lines, too_many
from davshare.identity.proof import Account, Directory, Proofs, SecondFactorNeeded, state_of
from davshare.identity.throttle import Throttle, network_of
from davshare.index import people
from davshare.index.database import Connection, Database
from davshare.model.memo import Memo
from davshare.model.people import Actor, User

#: Seconds for which good credentials are remembered at most.
REMEMBER_FOR = 300.0
#: How many good, and how many wrong, credentials one process remembers.
REMEMBER = 4096
_LONGEST_HEADER = 8192

_V = TypeVar("_V")


class _Known(NamedTuple):
    """Good credentials.

    ``generation`` is that in which they were last compared with the index,
    ``until`` is monotonic, ``expires`` the end of an app token since 1970, and
    ``state`` what a password was verified against (None: a token).
    """

    actor: Actor
    generation: int
    until: float
    expires: float = float("inf")
    state: str | None = None

    def is_over(self) -> bool:
        """Whether this has been remembered for long enough."""
        return self.until < time.monotonic() or self.expires <= time.time()


class _Wrong(NamedTuple):
    """Credentials that do not sign in, until then (monotonic); ``enough``: the password was right."""

    until: float
    enough: bool = False


class Lasting(NamedTuple):
    """Good credentials of something that lasts, in a form that can be compared with the index again.

    One of three: the app token ``device``, a password (``state`` is a digest
    of what it was verified against), or a signed token with its scheme.
    """

    user: int
    expires: float
    state: str = ""
    device: int | None = None
    bearer: str = ""


class Gate:
    """Authentication for one worker process.

    :param basic_over_http: take credentials over unencrypted HTTP from other machines.
    :param directory: who keeps the accounts that are not ours.
    :param secret: the site's key; read from ``secret.key`` beside the index by default.
    :param clock: seconds since 1970, for the throttle.
    :param sleep: pauses the calling thread for seconds.
    :param seats: how many threads may be held by sign-ins that wait.
    :param bearers: judges signed tokens; without it there are none.
    :raises UsageError: there is no key.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        basic_over_http: bool,
        directory: Directory | None = None,
        secret: bytes | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        seats: int = SEATS,
        bearers: Bearers | None = None,
    ) -> None:
        self._db = database
        self._settings = settings
        self._open = basic_over_http
        self._bearers = bearers
        key = read_secret(database) if secret is None else secret
        self._proofs = Proofs(database, key, directory)
        self._throttle = Throttle(database, key, clock)
        self._lines = Lines(sleep, seats)
        self._salt = os.urandom(32)
        self._memo = Memo()
        self._known: dict[bytes, _Known] = {}
        self._wrong: dict[bytes, _Wrong] = {}
        self._mutex = threading.Lock()

    def challenges(self, bearer: bool = True) -> list[tuple[str, str]]:
        """The headers of a 401 answer; Basic first, since many clients read only one (RFC 7617 section 2.1).

        :param bearer: offer Bearer, too.
        """
        basic = ("WWW-Authenticate", 'Basic realm="davshare", charset="UTF-8"')
        return [basic, ("WWW-Authenticate", 'Bearer realm="davshare"')] if bearer else [basic]

    def recall(self, authorization: str, generation: int, secure: bool = True) -> Actor | None:
        """Who sent these credentials, if they are remembered; no SQL, no waiting.

        :param secure: as in :meth:`authenticate`; what may not come in clear is not recalled.
        """
        if not (secure or self._open):
            return None
        known = self._known.get(self._hash(authorization))
        return None if known is None or known.generation != generation or known.is_over() else known.actor

    def authenticate(self, authorization: str | None, peer: str, secure: bool, generation: int) -> Actor:
        """Who is asking; may wait for some seconds while somebody guesses.

        :param peer: address of the client.
        :param secure: the request came by HTTPS or from this machine.
        :param generation: the index's counter as read before the call.
        :raises NotAuthenticated: no, malformed or wrong credentials; the caller adds :meth:`challenges`.
        :raises TooManyAttempts: a wrong password that came too early after others, or too many wait
            already to be looked at; says when to come back.
        :raises Forbidden: credentials may not be sent in clear; raised even without any, so that none are sent.
        """
        self.demand_secure(secure)
        if not authorization or len(authorization) > _LONGEST_HEADER:
            raise NotAuthenticated
        actor = self.recall(authorization, generation)
        if actor is not None:
            return actor
        scheme, _, value = authorization.partition(" ")
        match scheme.lower():
            case "basic":
                basic = _named(value.strip())
                if "@" in basic.name and not self._settings.get("auth.login_by_name_only"):
                    basic = basic._replace(name=self._proofs.login_name(basic.name))
                return self._basic(authorization, basic, peer, generation)
            case "bearer":
                actor = self._by_token(authorization, value.strip(), None, generation)
                actor = actor or self._by_jwt(authorization, value.strip(), False, generation)
                if actor is not None:
                    return actor
            case "cookie":
                actor = self._by_jwt(authorization, value.strip(), True, generation)
                if actor is not None:
                    return actor
        raise NotAuthenticated

    def lasting(self, authorization: str, actor: Actor) -> Lasting:
        """Credentials that have just been found good, for as long as something goes on.

        :raises NotAuthenticated: they are not remembered any more.
        """
        known = self._known.get(self._hash(authorization))
        if known is None or known.actor.user != actor.user:
            raise NotAuthenticated
        if known.state is not None:
            # Only our own passwords can be compared: a directory has to be asked again after a while.
            ours = known.state.startswith("\n")
            expires = known.expires if ours else min(known.expires, time.time() + REMEMBER_FOR)
            return Lasting(actor.user, expires, state=_digest(known.state))
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic" or apptokens.looks_like(value.strip()):
            return Lasting(actor.user, known.expires, device=actor.device)
        return Lasting(actor.user, known.expires, bearer=authorization)

    def renew(self, lasting: Lasting, generation: int) -> Actor:
        """Who that is by now; no password is hashed for it.

        :raises NotAuthenticated: the credentials are not good any more.
        :raises Unavailable: a provider whose word is needed does not answer.
        """
        actor: Actor | None = None
        if lasting.expires > time.time():
            if lasting.bearer:
                scheme, _, value = lasting.bearer.partition(" ")
                actor = self._by_jwt(lasting.bearer, value.strip(), scheme.lower() == "cookie", generation)
            else:
                actor = self._by_rows(lasting, generation)
        if actor is None or actor.user != lasting.user:
            raise NotAuthenticated
        return actor

    def _by_rows(self, lasting: Lasting, generation: int) -> Actor | None:
        """Whose the app token is, or whose password is the same as it was."""
        with self._db.snapshot() as connection:
            user = people.user_by_id(connection, lasting.user)
            if user is None or user.disabled:
                return None
            if lasting.device is None:
                if _digest(state_of(user) or "") != lasting.state:
                    return None
                return replace(self._actor(connection, user, generation), by_password=True)
            token = people.token_by_id(connection, lasting.device)
            if token is None or token.user != user.id or (token.expires or float("inf")) <= time.time():
                return None
            return self._actor(connection, user, generation, token)

    def demand_secure(self, secure: bool) -> None:
        """Return when secrets may be sent over such a connection.

        :raises Forbidden: they may not.
        """
        if not secure and not self._open:
            raise Forbidden("Passwords are accepted over HTTPS only; open this address with https://.")

    def _basic(self, authorization: str, basic: Basic, peer: str, generation: int) -> Actor:
        actor = self._again(authorization, generation, basic.name)
        actor = actor or self._by_token(authorization, basic.password, basic.name, generation)
        if actor is None and apptokens.looks_like(basic.password):
            # The token has ended: nobody guesses one, and a device that is to be wiped asks why when it is told no.
            raise NotAuthenticated
        if actor is None:
            # A device that repeats an old password neither stands in line nor counts as a guesser.
            self._refuse_repeated(authorization, basic, peer)
            with self._lines.turn(basic.name, network_of(peer)) as pause:
                actor = self._again(authorization, generation, basic.name)
                actor = actor or self._by_password(authorization, basic, peer, generation, pause)
        return actor

    def _again(self, authorization: str, generation: int, name: str) -> Actor | None:
        """Who has proven this password before, if the index still has the same one; else it is forgotten."""
        key = self._hash(authorization)
        known = self._known.get(key)
        if known is None or known.state is None or known.is_over():
            return None
        if "@" in name and known.actor.name != name:
            return None  # the address may be somebody else's by now, or name nobody
        with self._db.snapshot() as connection:
            user = people.user_by_id(connection, known.actor.user)
            if user is not None and state_of(user) == known.state:
                actor = replace(self._actor(connection, user, generation), by_password=True)
                fresh = known._replace(actor=actor, generation=generation)
                return self._remember(authorization, fresh)
        with self._mutex:
            self._known.pop(key, None)
        return None

    def _refuse_repeated(self, authorization: str, basic: Basic, peer: str) -> None:
        """Raise what wrong credentials raise if these are known to be wrong."""
        account = self._proofs.account(basic.name)
        wrong = self._wrong.get(self._guess(account.state, authorization))
        if wrong is not None and wrong.until > time.monotonic():
            raise SecondFactorNeeded if wrong.enough else _refusal(self._throttle.delay(basic.name, peer))

    def _by_password(
        self, authorization: str, basic: Basic, peer: str, generation: int, pause: Callable[[float], None]
    ) -> Actor:
        self._refuse_repeated(authorization, basic, peer)
        delay = self._throttle.delay(basic.name, peer)
        if delay > 0:
            pause(delay)
        # Read after the pause: the password may have changed meanwhile.
        account = self._proofs.account(basic.name)
        try:
            user = self._proofs.judge(basic.name, account, basic.password)
        except SecondFactorNeeded:
            self._note_wrong(authorization, account, enough=True)
            raise
        if user is None:
            self._throttle.failed(basic.name, peer)
            self._note_wrong(authorization, account)
            raise _refusal(delay)
        self._throttle.succeeded(basic.name, peer)
        with self._db.session() as connection:
            actor = replace(self._actor(connection, user, generation), by_password=True)
        known = _Known(actor, generation, time.monotonic() + REMEMBER_FOR, state=state_of(user))
        return self._remember(authorization, known)

    def _note_wrong(self, authorization: str, account: Account, enough: bool = False) -> None:
        wrong = _Wrong(time.monotonic() + account.wrong_for, enough)
        with self._mutex:
            _put(self._wrong, self._guess(account.state, authorization), wrong)

    def _by_token(self, authorization: str, secret: str, name: str | None, generation: int) -> Actor | None:
        """The owner of an app token; ``name`` must be the owner's when it is given.

        A digest and some rows, so there is no shorter way when a token comes again in another generation.
        """
        if not apptokens.looks_like(secret):
            return None
        with self._db.snapshot() as connection:
            token = people.token(connection, apptokens.digest(secret))
            user = None if token is None else people.user_by_id(connection, token.user)
            if token is not None and user is not None and not user.disabled and name in (None, user.name):
                expires = float("inf") if token.expires is None else float(token.expires)
                actor = self._actor(connection, user, generation, token)
                known = _Known(actor, generation, time.monotonic() + REMEMBER_FOR, expires)
                if not known.is_over():
                    return self._remember(authorization, known)
        with self._mutex:
            self._known.pop(self._hash(authorization), None)
        return None

    def _by_jwt(self, authorization: str, text: str, cookie: bool, generation: int) -> Actor | None:
        """Whom a signed token speaks of: one of ours, or one of an OpenID provider.

        :param cookie: it is what a browser was given, and nothing else will do.
        """
        proven = None if self._bearers is None else self._bearers.prove(text, cookie)
        if proven is None or proven.user.disabled:
            with self._mutex:
                self._known.pop(self._hash(authorization), None)
            return None
        with self._db.session() as connection:
            actor = self._actor(connection, proven.user, generation)
        actor = replace(actor, mask=proven.mask, node=proven.node, device=proven.device, brief=not cookie)
        return self._remember(
            authorization, _Known(actor, generation, time.monotonic() + REMEMBER_FOR, expires=proven.ends)
        )

    def _actor(
        self, connection: Connection, user: User, generation: int, token: people.AppToken | None = None
    ) -> Actor:
        return replace(actor_of(connection, user, token), generation=generation, memo=self._memo)

    def _remember(self, authorization: str, known: _Known) -> Actor:
        with self._mutex:
            _put(self._known, self._hash(authorization), known)
        return known.actor

    def _guess(self, state: str | None, authorization: str) -> bytes:
        """What a wrong guess is remembered under; another one when the password changes."""
        return self._hash(f"{state}\n{authorization}")

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=16).digest()


def actor_of(connection: Connection, user: User, token: people.AppToken | None = None) -> Actor:
    """The actor that a user is, within the limits of an app token."""
    principals = people.principals_of(connection, user.id)
    actor = Actor(user.id, user.name, user.display_name, principals, user.admin)
    return actor if token is None else replace(actor, mask=token.mask, node=token.node, device=token.id)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def _refusal(delay: float) -> DavshareError:
    """What a wrong password gets, the same with and without an account: 429 if it came too early, else 401."""
    return too_many() if delay > 0 else NotAuthenticated()


def _named(value: str) -> Basic:
    """Credentials with a name (RFC 7617 section 2)."""
    basic = parse(value)
    if not basic.name:
        raise NotAuthenticated
    return basic


def _put(memory: dict[bytes, _V], key: bytes, value: _V) -> None:
    """Remember one more, and forget the oldest when there are too many; the caller holds the mutex."""
    memory.pop(key, None)
    while len(memory) >= REMEMBER:
        del memory[next(iter(memory))]
    memory[key] = value
