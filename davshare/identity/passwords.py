"""Passwords: Argon2id with fixed costs (RFC 9106; about 20 ms and 19 MiB)."""

from __future__ import annotations

import os
import secrets
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from davshare.errors import BadRequest

#: Longest password in bytes; more would only be a way to keep the server busy.
LONGEST = 1024

_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
#: The hash of a password that nobody has, with the costs of real ones: looked
#: at when there is no account, so that the answer takes as long as with one.
DUMMY = "$argon2id$v=19$m=19456,t=2,p=1$so5PrMWpv2JYjwjbt66qkw$dP/rfoPUSsXq5+EXWQjv42P0hxR96CBDPPhS36a8cDA"
#: Hashing gives the interpreter lock away: more at once than cores would only take memory.
_AT_ONCE = threading.BoundedSemaphore(os.cpu_count() or 1)
#: No 0, 1, l, o: people copy these from a screen.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def check_new(password: str, min_length: int) -> None:
    """Judge a password that somebody wants to have.

    :raises BadRequest: it is too short, too long, or holds control characters.
    """
    plain = unicodedata.normalize("NFC", password)
    if len(plain) < max(1, min_length):
        raise BadRequest(f"A password needs at least {max(1, min_length)} characters.")
    if len(plain.encode("utf-8", "surrogatepass")) > LONGEST:
        raise BadRequest(f"A password may be up to {LONGEST} bytes long.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in plain):
        raise BadRequest("A password may not hold control characters.")


def make_hash(password: str) -> str:
    """The salted hash to be kept, with its costs in it."""
    with _AT_ONCE:
        return _HASHER.hash(_bytes(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one that ``stored`` was made from.

    Takes as long when there is none (``stored`` is None), and says no.
    """
    plain = _bytes(password)
    if len(plain) > LONGEST:
        return False
    try:
        with _AT_ONCE:
            _HASHER.verify(stored or DUMMY, plain)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other costs than today's."""
    try:
        return _HASHER.check_needs_rehash(stored)
    except InvalidHashError:
        return True


def generate(min_length: int = 0) -> str:
    """A password that is easy to copy and has about 98 bits or more."""
    groups = max(4, -(-(min_length + 1) // 6))
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(groups))


def _bytes(password: str) -> bytes:
    """The same for every way in which a keyboard may spell an accent."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
