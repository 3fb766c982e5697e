"""What providers publish about themselves: their addresses and their keys (OpenID Connect Discovery 1.0, RFC 7517).

Kept in memory and asked for again when it is old, or when a token names a key
that is not known, but seldom: strangers decide which keys tokens name.  While
a provider is away, what it said last counts for a day.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from jose import jwk
from jose.backends.base import Key
from jose.exceptions import JOSEError

from davshare.identity import outbound
from davshare.identity.jwt import Refused, Token
from davshare.identity.outbound import Failed, Fetch
from davshare.identity.providers import Provider

log = logging.getLogger("davshare.server")
#: Seconds after which a provider is asked again, and for which its last word counts while it does not answer.
FRESH, STALE = 600.0, 86400.0
#: Seconds between two requests that a failure, or an unknown key, gives rise to.
AGAIN = 10.0
_MOST_KEYS = 100
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
#: Sizes of RSA keys, in bits: smaller ones are weak, larger ones cost much time.
_BITS = range(2048, 8193)


class Metadata(NamedTuple):
    """What is needed of a provider's configuration; endpoints are empty when it has none."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool
    says_issuer: bool


class Known(NamedTuple):
    """What a provider said, and when (monotonic); ``document`` is all of its configuration."""

    metadata: Metadata
    keys: tuple[Mapping[str, Any], ...]
    at: float
    document: Mapping[str, Any] = MappingProxyType({})


class Issuer:
    """One provider, as one process knows it.

    :param fetch: sends requests; see :func:`davshare.identity.outbound.fetch`.
    :param clock: monotonic seconds.
    """

    def __init__(
        self, provider: Provider, fetch: Fetch = outbound.fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.provider = provider
        self._fetch = fetch
        self._clock = clock
        self._known: Known | None = None
        self._failed = float("-inf")
        self._searched = float("-inf")
        self._mutex = threading.Lock()

    def metadata(self) -> Metadata:
        """Its addresses.

        :raises Failed: it does not answer, or not as a provider does.
        """
        return self._present().metadata

    def document(self) -> Mapping[str, Any]:
        """All that it says of itself.

        :raises Failed: as :meth:`metadata`.
        """
        return self._present().document

    def key(self, token: Token) -> Key:
        """The key that a token says that it is signed with, made for its algorithm.

        :raises Refused: there is none, or it is of another kind.
        :raises Failed: it cannot be known at the moment.
        """
        if token.algorithm not in self.provider.algorithms:
            raise Refused("an algorithm that is not allowed")
        found = _fitting(self._present().keys, token)
        if found is None:
            found = _fitting(self._searched_again().keys, token)
        if found is None:
            raise Refused("an unknown key")
        try:
            return jwk.construct(dict(found), token.algorithm)
        except (JOSEError, ValueError, TypeError, KeyError):
            raise Refused("a malformed key") from None

    def _present(self) -> Known:
        """What it says; asked again when that is old."""
        now = self._clock()
        known = self._known
        if known is not None and now - known.at < FRESH:
            return known
        usable = known is not None and now - known.at < STALE
        # Who has something to go on with does not stand in line behind the one who asks.
        if not self._mutex.acquire(timeout=-1 if not usable else 0):
            assert known is not None
            return known
        try:
            return self._asked(now)
        finally:
            self._mutex.release()

    def _asked(self, now: float) -> Known:
        """Ask, unless somebody has just done so; the caller holds the mutex."""
        known = self._known
        if known is not None and now - known.at < FRESH:
            return known
        if self._clock() - self._failed >= AGAIN:
            try:
                self._known = known = self._learn()
                return known
            except Failed as error:
                self._failed = self._clock()
                log.warning("the OpenID provider %s: %s", self.provider.host, error)
        if known is None or self._clock() - known.at >= STALE:
            raise Failed("the provider does not answer")
        return known

    def _searched_again(self) -> Known:
        """What it says now: keys may be new, but who names unknown ones cannot make us ask all the time."""
        with self._mutex:
            now = self._clock()
            known = self._known
            if known is None or now - self._searched < AGAIN or now - self._failed < AGAIN:
                return known or self._asked(now)
            self._searched = now
            try:
                self._known = known = self._learn()
            except Failed as error:
                self._failed = self._clock()
                log.warning("the OpenID provider %s: %s", self.provider.host, error)
            return known

    def _learn(self) -> Known:
        until = time.monotonic() + outbound.SECONDS
        now = self._clock()
        address = self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = self._json(address, until)
        metadata = self._read(document)
        found = self._json(metadata.jwks_uri, until).get("keys")
        if not isinstance(found, list) or len(found) > _MOST_KEYS:
            raise Failed("its keys are no list, or too many")
        return Known(metadata, tuple(key for key in found if isinstance(key, dict)), now, document)

    def _json(self, url: str, until: float) -> Mapping[str, Any]:
        answer = self._fetch(url, self.provider.reach, until)
        if answer.status != 200:
            raise Failed(f"the answer is {answer.status}")
        return json_object(answer.body)

    def _read(self, found: Mapping[str, Any]) -> Metadata:
        """Section 4.3: the issuer must be the one that was asked."""
        if found.get("issuer") != self.provider.issuer:
            raise Failed("it speaks of another issuer")
        urls = [found.get(name, "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        for url in urls:
            if not isinstance(url, str) or (url and not outbound.is_url(url, self.provider.allow_http)):
                raise Failed("one of its addresses cannot be used")
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = not isinstance(methods, list) or "client_secret_basic" in methods
        says_issuer = found.get("authorization_response_iss_parameter_supported") is True
        return Metadata(urls[0], urls[1], urls[2], basic, says_issuer)


def json_object(data: bytes) -> Mapping[str, Any]:
    """A JSON object from a provider.

    :raises Failed: it is none.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Failed("the answer is not JSON") from None
    if not isinstance(found, dict):
        raise Failed("the answer is no JSON object")
    return found


def _fitting(keys: tuple[Mapping[str, Any], ...], token: Token) -> Mapping[str, Any] | None:
    """The key that a token names, if it is one for its algorithm (RFC 7517 section 4, RFC 8725 section 3.1).

    A token may name none only where one single key fits (OpenID Connect Core section 10.1).
    """
    fitting = [key for key in keys if _fits(key, token.algorithm)]
    if token.kid is None:
        return fitting[0] if len(fitting) == 1 else None
    return next((key for key in fitting if key.get("kid") == token.kid), None)


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key is a sound public key that may verify signatures of an algorithm."""
    operations = key.get("key_ops", ["verify"])
    if key.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return False
    if key.get("alg", algorithm) != algorithm:
        return False
    if algorithm.startswith("RS"):
        modulus, exponent = key.get("n"), key.get("e")
        if key.get("kty") != "RSA" or not isinstance(modulus, str) or not isinstance(exponent, str):
            return False
        return len(modulus) * 6 + 8 > _BITS.start and len(modulus) * 6 - 8 < _BITS.stop and len(exponent) <= 6
    sound = key.get("kty") == "EC" and key.get("crv") == _CURVES.get(algorithm)
    return sound and isinstance(key.get("x"), str) and isinstance(key.get("y"), str)
