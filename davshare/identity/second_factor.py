"""The second factor: codes of an authenticator (RFC 6238), each good once.

The secret is kept encrypted with a key derived from the site's, so that the
index alone, or a backup of it, makes no codes.
"""

from __future__ import annotations

import hashlib
import hmac
import time

import pyotp

from davshare.identity.lookup import find_user
from davshare.index import onetime, people
from davshare.index.database import Connection, Database
from davshare.index.onetime import Once
from davshare.model.people import User
from davshare.model.sealing import seal, unseal

#: Digits of a code, and the seconds for which it is shown (RFC 6238 section 5.2).
DIGITS, STEP = 6, 30
#: How many steps a clock may be wrong, in both directions.
_SKEW = 1
_PURPOSE, _SEAL = "totp", "second factor"


def set_up(database: Database, key: bytes, name: str) -> str:
    """A new secret for a user's authenticator, as an ``otpauth://`` URI that cannot be had again.

    :param key: the site's key.
    :raises NotFound: there is no such user.
    """
    secret = pyotp.random_base32()
    with database.write() as connection:
        user = find_user(connection, name)
        people.update_user(connection, user._replace(totp=seal(key, _SEAL, user.id, secret.encode())))
        onetime.remove_of(connection, user.id, _PURPOSE)
    return pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name="davshare")


def remove(database: Database, name: str) -> bool:
    """Forget a user's secret; whether there was one.

    :raises NotFound: there is no such user.
    """
    with database.write() as connection:
        user = find_user(connection, name)
        people.update_user(connection, user._replace(totp=None))
        onetime.remove_of(connection, user.id, _PURPOSE)
    return user.totp is not None


def is_needed(user: User | None) -> bool:
    """Whether a password alone does not sign in: an administrator says so, or a factor is set up."""
    return user is not None and (user.second_factor or user.totp is not None)


def split(user: User | None, password: str) -> tuple[str, str | None]:
    """Password and code of what was sent as one; no code where none can be."""
    tail = password[-DIGITS:]
    if user is None or user.totp is None or len(password) <= DIGITS or not (tail.isascii() and tail.isdigit()):
        return password, None
    return password[:-DIGITS], tail


def spend(database: Database, key: bytes, user: User, code: str) -> bool:
    """Whether a code is the user's, now, and was not used before; it is used then."""
    if user.totp is None:
        return False
    secret = unseal(key, _SEAL, user.id, user.totp)
    if secret is None:
        return False
    now = time.time()
    with database.write() as connection:
        step = verify(secret.decode(), code, _last_used(connection, user.id, int(now)), now)
        if step is None:
            return False
        expires = int(now) + (2 * _SKEW + 2) * STEP
        onetime.put(connection, Once(_row(user.id), _PURPOSE, user.id, str(step), expires), int(now))
    return True


def verify(secret: str, code: str, last_used: int, now: float | None = None) -> int | None:
    """The time step that a code belongs to; None if it is wrong, or not later than ``last_used``."""
    codes = pyotp.TOTP(secret, digits=DIGITS, interval=STEP)
    present = int((time.time() if now is None else now) // STEP)
    for step in range(present - _SKEW, present + _SKEW + 1):
        if step > last_used and hmac.compare_digest(codes.generate_otp(step).encode(), code.encode("utf-8", "replace")):
            return step
    return None


def _last_used(connection: Connection, user: int, now: int) -> int:
    row = onetime.get(connection, _row(user), _PURPOSE, now)
    return -1 if row is None else int(row.payload)


def _row(user: int) -> bytes:
    return hashlib.sha256(f"totp\0{user}".encode()).digest()
