"""Links with which somebody chooses a new password, once.

The secret in the link is 256 random bits; the index has only its SHA-256.
"""

from __future__ import annotations

import hashlib
import secrets
import time

from davshare.errors import BadRequest, Conflict, NotFound
from davshare.files import record
from davshare.identity import passwords
from davshare.identity.lookup import find_user
from davshare.identity.people import check_ours
from davshare.index import onetime, people, sessions
from davshare.index.database import Connection, Database
from davshare.index.onetime import Once
from davshare.model.people import User

#: Seconds for which a link is good unless somebody says otherwise.
GOOD_FOR = 86400
_PURPOSE = "reset"


def create(database: Database, name: str, expires: int | None = None) -> str:
    """A secret for a link, which cannot be had again.

    :param expires: seconds since 1970; a day from now by default.
    :raises NotFound: there is no such user.
    :raises Conflict: the account is disabled, or its password is kept elsewhere.
    :raises BadRequest: the end is in the past.
    """
    now = int(time.time())
    expires = now + GOOD_FOR if expires is None else expires
    if expires <= now:
        raise BadRequest("The link would have expired already.")
    with database.write() as connection:
        user = find_user(connection, name)
        if user.disabled:
            raise Conflict("The account is disabled.")
        check_ours(user)
        return issue(connection, user, expires)


def issue(connection: Connection, user: User, expires: int) -> str:
    """The same in a transaction of the caller's, who has looked whether the user may have one."""
    secret = secrets.token_urlsafe(32)
    onetime.put(connection, Once(_digest(secret), _PURPOSE, user.id, "", expires), int(time.time()))
    return secret


def is_good(database: Database, secret: str) -> bool:
    """Whether a link can still be used."""
    with database.session() as connection:
        return _owner(connection, secret) is not None


def use(database: Database, secret: str, password: str, min_length: int) -> User:
    """Set the password that somebody chose; this link and all others of the user are over.

    :raises NotFound: the link is unknown, expired or used.
    :raises BadRequest: the password cannot be accepted; the link stays good.
    """
    if not is_good(database, secret):
        raise NotFound
    passwords.check_new(password, min_length)
    hashed = passwords.make_hash(password)
    with database.write() as connection:
        user = _owner(connection, secret)
        if user is None:
            raise NotFound
        user = user._replace(password=hashed)
        people.update_user(connection, user)
        sessions.remove_of_user(connection, user.id)
        onetime.remove_of(connection, user.id, _PURPOSE)
        record.note(connection, "user.password", None, whom=user, by="link")
    return user


def _owner(connection: Connection, secret: str) -> User | None:
    """Whose password a good link changes."""
    row = onetime.get(connection, _digest(secret), _PURPOSE, int(time.time()))
    user = None if row is None or row.user is None else people.user_by_id(connection, row.user)
    return None if user is None or user.disabled or user.source == "ldap" else user


def _digest(secret: str) -> bytes:
    return hashlib.sha256(f"reset\0{secret}".encode("utf-8", "replace")).digest()
