"""The gate: from an Authorization header to an Actor (RFC 7617, RFC 6750).

Credentials that were good are remembered for minutes under a keyed hash, so
that the second request costs a look-up in a dictionary.  The memory belongs to
one generation of the index: any change of people, groups or tokens ends it in
every worker.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple, TypeVar

from davshare.errors import Forbidden, NotAuthenticated, UsageError
from davshare.files.settings import Settings
from davshare.identity import apptokens, passwords
from davshare.identity.throttle import Throttle, network_of
from davshare.index import people
from davshare.index.database import Connection, Database
from davshare.model import names
from davshare.model.people import Actor, User

#: Seconds for which good credentials are remembered at most.
REMEMBER_FOR = 300.0
#: How many good, and how many wrong, credentials one process remembers.
REMEMBER = 4096
_LONGEST_HEADER = 8192

_V = TypeVar("_V")


class _Known(NamedTuple):
    """Good credentials; ``until`` is monotonic, ``expires`` the end of an app token since 1970."""

    actor: Actor
    until: float
    expires: float


class _Basic(NamedTuple):
    name: str
    password: str


class Gate:
    """Authentication for one worker process.

    :param basic_over_http: take credentials over unencrypted HTTP from other machines.
    :param secret: the site's key; read from ``secret.key`` beside the index by default.
    :raises UsageError: there is no key.
    """

    def __init__(
        self, database: Database, settings: Settings, *, basic_over_http: bool, secret: bytes | None = None
    ) -> None:
        self._db = database
        self._settings = settings
        self._open = basic_over_http
        self._throttle = Throttle(database, read_secret(database) if secret is None else secret)
        self._salt = os.urandom(32)
        self._generation = -1
        self._known: dict[bytes, _Known] = {}
        self._wrong: dict[bytes, None] = {}
        self._mutex = threading.Lock()
        self._lines: dict[tuple[str, str], tuple[threading.Lock, list[None]]] = {}

    def challenges(self) -> list[tuple[str, str]]:
        """The headers of a 401 answer; Basic first, since many clients read only one (RFC 7617 section 2.1)."""
        return [
            ("WWW-Authenticate", 'Basic realm="davshare", charset="UTF-8"'),
            ("WWW-Authenticate", 'Bearer realm="davshare"'),
        ]

    def recall(self, authorization: str, generation: int, secure: bool = True) -> Actor | None:
        """Who sent these credentials, if they are remembered; no SQL, no waiting.

        :param secure: as in :meth:`authenticate`; what may not come in clear is not recalled.
        """
        if generation != self._generation or not (secure or self._open):
            return None
        known = self._known.get(self._hash(authorization))
        if known is None or known.until < time.monotonic() or known.expires <= time.time():
            return None
        return known.actor

    def authenticate(self, authorization: str | None, peer: str, secure: bool, generation: int) -> Actor:
        """Who is asking.

        :param peer: address of the client.
        :param secure: the request came by HTTPS or from this machine.
        :param generation: the index's counter as read before the call.
        :raises NotAuthenticated: no, malformed or wrong credentials; the caller adds :meth:`challenges`.
        :raises TooManyAttempts: wrong passwords came too often; says when to come back.
        :raises Forbidden: credentials may not be sent in clear; raised even without any, so that none are sent.
        """
        if not secure and not self._open:
            raise Forbidden("Passwords are accepted over HTTPS only; open this address with https://.")
        if not authorization or len(authorization) > _LONGEST_HEADER:
            raise NotAuthenticated
        actor = self.recall(authorization, generation)
        if actor is not None:
            return actor
        scheme, _, value = authorization.partition(" ")
        match scheme.lower():
            case "basic":
                return self._basic(authorization, _parse_basic(value.strip()), peer, generation)
            case "bearer":
                known = self._by_token(value.strip(), None)
                if known is not None:
                    return self._remember(authorization, generation, known)
        raise NotAuthenticated

    def _basic(self, authorization: str, basic: _Basic, peer: str, generation: int) -> Actor:
        if apptokens.looks_like(basic.password):
            known = self._by_token(basic.password, basic.name)
            if known is not None:
                return self._remember(authorization, generation, known)
        # One at a time for each account and network: the same credentials are
        # hashed once, and no guess runs ahead of the counting of others.
        with self._line(basic.name, network_of(peer)):
            actor = self.recall(authorization, generation)
            if actor is None:
                known = self._by_password(authorization, basic, peer)
                actor = self._remember(authorization, generation, known)
        return actor

    def _by_password(self, authorization: str, basic: _Basic, peer: str) -> _Known:
        with self._db.session() as connection:
            user = people.user(connection, basic.name)
        stored = None if user is None or user.disabled else user.password
        # A device that repeats an old password is no guesser: each guess counts once.
        guess = self._hash(f"{stored}\n{authorization}")
        if guess in self._wrong:
            raise NotAuthenticated
        self._throttle.check(basic.name, peer)
        if not passwords.verify(stored, basic.password) or user is None or stored is None:
            self._throttle.failed(basic.name, peer)
            with self._mutex:
                _put(self._wrong, guess, None)
            raise NotAuthenticated
        self._throttle.succeeded(basic.name, peer)
        if passwords.is_outdated(stored):
            new = passwords.make_hash(basic.password)
            with self._db.write() as connection:
                people.set_password(connection, user.id, stored, new)
        with self._db.session() as connection:
            return _Known(actor_of(connection, user), time.monotonic() + REMEMBER_FOR, float("inf"))

    def _by_token(self, secret: str, name: str | None) -> _Known | None:
        """The owner of an app token; ``name`` must be the owner's when it is given."""
        if not apptokens.looks_like(secret):
            return None
        with self._db.snapshot() as connection:
            token = people.token(connection, apptokens.digest(secret))
            user = None if token is None else people.user_by_id(connection, token.user)
            if token is None or user is None or user.disabled or name not in (None, user.name):
                return None
            expires = float("inf") if token.expires is None else float(token.expires)
            if expires <= time.time():
                return None
            return _Known(actor_of(connection, user, token), time.monotonic() + REMEMBER_FOR, expires)

    def _remember(self, authorization: str, generation: int, known: _Known) -> Actor:
        with self._mutex:
            if generation != self._generation:
                self._known = {}
                self._generation = generation
            _put(self._known, self._hash(authorization), known)
        return known.actor

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=16).digest()

    @contextmanager
    def _line(self, name: str, network: str) -> Iterator[None]:
        """A lock for one account and network that exists only as long as someone wants it."""
        key = name, network
        with self._mutex:
            lock, waiting = self._lines.setdefault(key, (threading.Lock(), []))
            waiting.append(None)
        try:
            with lock:
                yield
        finally:
            with self._mutex:
                waiting.pop()
                if not waiting:
                    del self._lines[key]


def actor_of(connection: Connection, user: User, token: people.AppToken | None = None) -> Actor:
    """The actor that a user is, within the limits of an app token."""
    principals = people.principals_of(connection, user.id)
    actor = Actor(user.id, user.name, user.display_name, principals, user.admin)
    return actor if token is None else replace(actor, mask=token.mask, node=token.node, device=token.id)


def read_secret(database: Database) -> bytes:
    """The site's key.

    :raises UsageError: it is missing or too short to be one.
    """
    try:
        secret = database.path.with_name("secret.key").read_bytes()
    except OSError:
        secret = b""
    if len(secret) < 32:
        raise UsageError("secret.key is missing in the data folder, or cannot be read.")
    return secret


def _parse_basic(value: str) -> _Basic:
    """Name and password of Basic credentials (RFC 7617 section 2)."""
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise NotAuthenticated from None
    if not colon or not name:
        raise NotAuthenticated
    return _Basic(names.key(name), password)


def _put(memory: dict[bytes, _V], key: bytes, value: _V) -> None:
    """Remember one more, and forget the oldest when there are too many; the caller holds the mutex."""
    memory.pop(key, None)
    while len(memory) >= REMEMBER:
        del memory[next(iter(memory))]
    memory[key] = value
