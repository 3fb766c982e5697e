"""Our own tokens: short-lived, signed, and worth nothing once their session has ended (RFC 7519, HS256).

A token names a row of the index, which says whose it is and what it may do;
the signature only keeps strangers from asking for rows.  So whatever ends the
row ends the token, in every worker from the next request on.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jose import jwk
from jose import jwt as jose_jwt
from jose.backends.base import Key

from davshare.errors import NotAuthenticated
from davshare.identity import jwt
from davshare.identity.jwt import Refused
from davshare.identity.lookup import find_user
from davshare.index import consents, onetime, sessions
from davshare.index.database import Connection, Database, Taken
from davshare.index.sessions import Session, SigningKey
from davshare.model.people import Actor

if TYPE_CHECKING:
    from davshare.files.service import Files

_ALGORITHM = "HS256"
#: For whom a token is: a program that sends it with each request, or a browser that keeps it in a cookie.
PROGRAM, BROWSER = "davshare:program", "davshare:browser"
#: Seconds that tokens of the two kinds last at most.
HOUR, HALF_DAY = 3600, 43200
#: Sessions that one user has at most; the oldest end first.
_MOST = 1000
#: Seconds for which a key signs.
_MONTH = 30 * 86400


class Vouched(NamedTuple):
    """Which provider's word a session rests on; empty without one."""

    issuer: str = ""
    subject: str = ""
    sid: str = ""


NOBODY = Vouched()


class Opened(NamedTuple):
    """A new token, and the seconds for which it is good."""

    token: str
    seconds: int


class Sessions:
    """Makes and judges the tokens of one site.

    :param secret: the site's key.
    """

    def __init__(self, database: Database, secret: bytes) -> None:
        self._db = database
        self._secret = secret
        self._issuer = "davshare:" + hashlib.sha256(b"davshare issuer\0" + secret).hexdigest()[:32]

    def open(
        self,
        actor: Actor,
        kind: str,
        seconds: int,
        label: str = "",
        vouched: Vouched = NOBODY,
        check: Callable[[Connection], None] | None = None,
    ) -> Opened:
        """A token for somebody who has just signed in, within the limits of the credentials that were used.

        :param kind: :data:`PROGRAM` or :data:`BROWSER`.
        :param check: raises what must not have happened in the meantime.
        :raises NotAuthenticated: the account, or the app token that was used, is gone.
        """
        try:
            with self._db.write() as connection:
                if check is not None:
                    check(connection)
                return self.issue(connection, actor, kind, seconds, label, vouched)
        except Taken:
            raise NotAuthenticated from None

    def issue(
        self,
        connection: Connection,
        actor: Actor,
        kind: str,
        seconds: int,
        label: str = "",
        vouched: Vouched = NOBODY,
    ) -> Opened:
        """The same, for code that has other things to do in its transaction.

        :raises Taken: the account, or the app token that was used, is gone.
        """
        now = int(time.time())
        number = secrets.token_urlsafe(24)
        limits = (int(actor.mask), actor.node, actor.device)
        ends = None if actor.device is None else sessions.end_of_device(connection, actor.device)
        expires = now + seconds if ends is None else min(now + seconds, ends)
        new = Session(number, actor.user, label, *limits, *vouched, now, expires)
        kid = present_key(connection, now)
        sessions.add(connection, new)
        sessions.trim(connection, actor.user, _MOST)
        claims = {
            "iss": self._issuer,
            "aud": kind,
            "sub": str(actor.user),
            "jti": number,
            "iat": now,
            "exp": new.expires,
        }
        return Opened(jose_jwt.encode(claims, self._key(kid), _ALGORITHM, {"kid": kid}), max(0, expires - now))

    def is_ours(self, token: jwt.Token) -> bool:
        """Whether a token says that it is one of this site; nothing is proven by that."""
        return token.claims.get("iss") == self._issuer

    def find(self, connection: Connection, token: jwt.Token, kind: str) -> Session:
        """The session that a token stands for.

        :raises Refused: the token is not good, or its session has ended.
        """
        if token.algorithm != _ALGORITHM or token.kid is None or not sessions.has_key(connection, token.kid):
            raise Refused("an algorithm or key that is not ours")
        jwt.verify(token, (_ALGORITHM,), self._key(token.kid))
        claims = token.claims
        if not self.is_ours(token) or claims.get("aud") != kind:
            raise Refused("for somebody else")
        now = time.time()
        jwt.demand_time(claims, now, HALF_DAY, skew=0)
        session = sessions.get(connection, jwt.text(claims, "jti"))
        if session is None or session.expires <= now or claims.get("sub") != str(session.user):
            raise Refused("its session has ended")
        return session

    def found(self, token: jwt.Token, kind: str) -> Session:
        """The same, on a connection of its own.

        :raises Refused: as :meth:`find`.
        """
        with self._db.snapshot() as connection:
            return self.find(connection, token, kind)

    def close(self, session: str) -> None:
        """End a session, in every worker from the next request on."""
        with self._db.write() as connection:
            sessions.remove(connection, session)

    def _key(self, kid: str) -> Key:
        derived = HKDF(SHA256(), 32, salt=None, info=b"davshare token\0" + kid.encode()).derive(self._secret)
        return jwk.construct(derived, _ALGORITHM)


def of_user(database: Database, name: str) -> list[Session]:
    """The sessions of a user that are not over, newest first.

    :raises NotFound: there is no such user.
    """
    now = time.time()
    with database.snapshot() as connection:
        found = sessions.of_user(connection, find_user(connection, name).id)
    return [session for session in found if session.expires > now]


def end_all(database: Database, name: str) -> int:
    """End every session of a user at once; how many there were.

    :raises NotFound: there is no such user.
    """
    with database.write() as connection:
        return sessions.remove_of_user(connection, find_user(connection, name).id)


def rotate_keys(database: Database) -> str:
    """Let another key sign from now on, and return its id; tokens that others have signed stay good until they end."""
    with database.write() as connection:
        return _add_key(connection, int(time.time()))


def present_key(connection: Connection, now: int) -> str:
    """The id of the key that signs now; there is one from then on."""
    known = sessions.keys(connection)
    return known[0].kid if known else _add_key(connection, now)


def _add_key(connection: Connection, now: int) -> str:
    known = sessions.keys(connection)
    # The newest signs: two within a second would be equally new.
    created = max(now, known[0].created + 1) if known else now
    new = SigningKey(secrets.token_urlsafe(12), created)
    sessions.add_key(connection, new)
    return new.kid


# what the keeper does


def rotate_old_key(files: Files, now: int) -> int:
    """Replace a signing key that has signed for a month, and drop those whose last token is over."""
    with files.db.session() as connection:
        known = sessions.keys(connection)
    over = [old.kid for newer, old in pairwise(known) if newer.created + HALF_DAY + 60 < now]
    due = bool(known) and known[0].created + _MONTH < now
    if not (over or due):
        return 0
    with files.db.write() as connection:
        for kid in over:
            sessions.remove_key(connection, kid)
        if due:
            _add_key(connection, now)
    return len(over) + due


def drop_what_is_over(files: Files, now: int) -> int:
    """Drop sessions, consents and one-time rows whose time is over; they have had no effect since then."""
    tables = (sessions, consents, onetime)
    with files.db.session() as connection:
        if not any(table.any_over(connection, now) for table in tables):
            return 0
    with files.db.write() as connection:
        return sum(table.expire(connection, now) for table in tables)
