"""JSON Web Tokens, read with suspicion (RFC 7519, RFC 7515, RFC 8725).

A token is taken apart and judged here before python-jose sees it: that library
ignores ``crit``, takes every algorithm that a header names, and unpacks
encrypted tokens.  It only computes signatures here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jose import jws
from jose.backends.base import Key
from jose.exceptions import JOSEError

#: The longest token that is looked at, in characters.
LONGEST = 8192
#: Seconds by which the clocks of two machines may differ.
SKEW = 60
#: Header parameters that bring keys, encryption or duties along: no token needs them (RFC 8725 section 3.10).
_REFUSED = frozenset({"crit", "zip", "enc", "jku", "jwk", "x5u", "b64"})
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z").match


class Refused(Exception):
    """A token is not good; the text says why, for the log and for tests, never for the one who sent it."""


class Token(NamedTuple):
    """A token taken apart.  Nothing in it is proven before :func:`verify` has returned."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def algorithm(self) -> str:
        """What it says that it is signed with."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """Which key it says that it is signed with."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def looks_like(text: str, longest: int = LONGEST) -> bool:
    """Whether ``text`` has the form of a signed token."""
    return len(text) <= longest and _FORM(text) is not None


def parse(text: str, longest: int = LONGEST) -> Token:
    """Take a token apart.

    :param longest: characters that are looked at; more when the token did not come in a header.
    :raises Refused: it is too long, no signed JWT, or its header asks for what no token needs.
    """
    if not looks_like(text, longest):
        raise Refused("not a signed token")
    head, body, _ = text.split(".")
    header, claims = _object(head), _object(body)
    if not _REFUSED.isdisjoint(header):
        raise Refused("a header parameter that is not taken")
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid", ""), str):
        raise Refused("a malformed header")
    if len(header.get("kid", "")) > 256:
        raise Refused("a long key id")
    return Token(text, header, claims)


def verify(token: Token, algorithms: Collection[str], key: Key) -> None:
    """Return when the signature is the one of ``key``, made with one of ``algorithms``.

    :param key: made for exactly one algorithm and only for that.
    :raises Refused: it is not.
    """
    if token.algorithm not in algorithms:
        raise Refused("an algorithm that is not allowed")
    try:
        jws.verify(token.text, key, [token.algorithm])
    except (JOSEError, ValueError, TypeError):
        raise Refused("a wrong signature") from None


def demand_time(claims: Mapping[str, Any], now: float, longest: float, skew: float = SKEW) -> float:
    """Return the second at which a token ends, when it has begun and not ended (RFC 7519 section 4.1).

    :param longest: seconds for which a token is good at most, whatever it says.
    :raises Refused: it is not its time, or ``exp`` or ``iat`` is missing.
    """
    issued = moment(claims, "iat")
    ends = min(moment(claims, "exp"), issued + longest)
    if ends + skew <= now:
        raise Refused("it is over")
    if issued - skew > now or ("nbf" in claims and moment(claims, "nbf") - skew > now):
        raise Refused("it has not begun")
    return ends


def moment(claims: Mapping[str, Any], name: str) -> float:
    """A point in time, in seconds since 1970.

    :raises Refused: it is missing or no number.
    """
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"no {name}")
    # Huge whole numbers cannot become floats at all.
    if not -(2**53) < value < 2**53 or not math.isfinite(value):
        raise Refused(f"an impossible {name}")
    return float(value)


def words(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """A claim that is a string or a list of them, such as ``aud``; others count as missing."""
    value = claims.get(name)
    if isinstance(value, str):
        return frozenset([value])
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()


def text(claims: Mapping[str, Any], name: str, longest: int = 255) -> str:
    """A claim that is a short printable string; anything else counts as missing: empty."""
    value = claims.get(name)
    return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""


def half_hash(value: str, algorithm: str) -> str:
    """What ``at_hash`` holds about an access token (OpenID Connect Core section 3.1.3.6)."""
    digest = hashlib.new(f"sha{algorithm[-3:]}", value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _object(part: str) -> Mapping[str, Any]:
    """One part as a JSON object."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_constant)
    except (binascii.Error, ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(found, dict):
        raise Refused("no JSON object")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names may come once (RFC 7515 section 4): two readers could take different ones."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _constant(word: str) -> None:
    raise ValueError(word)
