"""Tokens of OpenID providers, proven: access tokens, ID tokens and logout tokens."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from davshare.identity import jwt
from davshare.identity.issuers import Issuer
from davshare.identity.jwt import Refused, Token
from davshare.identity.outbound import Failed
from davshare.identity.providers import Provider

log = logging.getLogger("davshare.server")
#: Seconds for which a token of a provider is good at most, whatever it says: so long are logouts remembered.
LONGEST = 86400
#: The same for logout tokens, which come at once (OpenID Connect Back-Channel Logout 1.0 section 2.4).
_LOGOUT_LONGEST = 600
#: Characters of an ID token, which may name very many groups.
_ID_LONGEST = 131072
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Proof(NamedTuple):
    """What a provider says about somebody, verified.

    ``sid`` is empty when the token does not name a session there; ``ends`` and
    ``issued`` are seconds since 1970.
    """

    provider: Provider
    subject: str
    sid: str
    issued: float
    ends: float
    claims: Mapping[str, Any]


class Logout(NamedTuple):
    """A verified logout token; ``subject`` or ``sid`` may be empty, not both."""

    issuer: str
    subject: str
    sid: str
    issued: float
    jti: str


class Oidc:
    """All providers of one process, by issuer."""

    def __init__(self, issuers: Sequence[Issuer]) -> None:
        self.issuers = tuple(issuers)
        self._by_name = {issuer.provider.issuer: issuer for issuer in issuers}

    def access(self, text: str) -> Proof:
        """What an access token proves (RFC 9068 section 4, as far as providers keep to it).

        May wait for the provider, seconds at most.

        :raises Refused: it is not good, or of nobody whom the configuration names.
        :raises Failed: the provider's keys cannot be known at the moment.
        """
        token, issuer = self._opened(text)
        provider = issuer.provider
        claims = token.claims
        if _is_other_kind(token):
            raise Refused("no access token")
        meant = jwt.words(claims, "aud")
        if provider.accept_azp:
            meant |= {jwt.text(claims, "azp"), jwt.text(claims, "client_id")}
        if meant.isdisjoint(provider.audience):
            raise Refused("meant for somebody else")
        return _proof(issuer, token)

    def identity(self, issuer: Issuer, text: str, nonce: str, access: str | None) -> Proof:
        """What an ID token proves that came for a sign-in (OpenID Connect Core section 3.1.3.7).

        :param nonce: as it was sent with the sign-in.
        :param access: the access token that came with it.
        :raises Refused: it is not good.
        :raises Failed: the provider's keys cannot be known at the moment.
        """
        token, found = self._opened(text, _ID_LONGEST)
        claims, client = token.claims, issuer.provider.client_id
        if found is not issuer:
            raise Refused("another issuer")
        audience = jwt.words(claims, "aud")
        party = claims.get("azp", client if len(audience) == 1 else None)
        if client not in audience or party != client:
            raise Refused("meant for somebody else")
        if claims.get("nonce") != nonce:
            raise Refused("another sign-in")
        if "at_hash" in claims and claims["at_hash"] != jwt.half_hash(access or "", token.algorithm):
            raise Refused("another access token")
        return _proof(issuer, token)

    def logout(self, text: str) -> Logout:
        """What a logout token says (OpenID Connect Back-Channel Logout 1.0 section 2.6).

        :raises Refused: it is not good.
        :raises Failed: the provider's keys cannot be known at the moment.
        """
        token, issuer = self._opened(text)
        claims, provider = token.claims, issuer.provider
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict) or "nonce" in claims:
            raise Refused("no logout token")
        if provider.client_id not in jwt.words(claims, "aud"):
            raise Refused("meant for somebody else")
        jwt.demand_time(claims, time.time(), _LOGOUT_LONGEST)
        found = Logout(
            provider.issuer, _name(claims, "sub"), _name(claims, "sid"), jwt.moment(claims, "iat"), _name(claims, "jti")
        )
        if not found.jti or not (found.subject or found.sid):
            raise Refused("nothing that could be ended")
        return found

    def _opened(self, text: str, longest: int = jwt.LONGEST) -> tuple[Token, Issuer]:
        """A token of a known issuer with a right signature; its claims are still to be judged."""
        token = jwt.parse(text, longest)
        name = token.claims.get("iss")
        issuer = self._by_name.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Refused("an unknown issuer")
        jwt.verify(token, issuer.provider.algorithms, issuer.key(token))
        return token, issuer


def _is_other_kind(token: Token) -> bool:
    """Whether it is an ID token or a logout token: they have the same issuer and audience, and are shown to others.

    Not every provider gives access tokens a type of their own, and some put
    the nonce of the sign-in into them (RFC 8725 section 3.11, RFC 9068 section 2.1).
    """
    if not {"events", "at_hash", "c_hash"}.isdisjoint(token.claims):
        return True
    kind = str(token.header.get("typ", "")).lower().removeprefix("application/")
    inner = str(token.claims.get("typ", "")).lower()
    if kind == "logout+jwt" or inner in ("id", "logout", "refresh", "offline"):
        return True
    return "nonce" in token.claims and kind != "at+jwt" and inner != "bearer"


def _proof(issuer: Issuer, token: Token) -> Proof:
    ends = jwt.demand_time(token.claims, time.time(), LONGEST)
    subject = _name(token.claims, "sub")
    if not subject:
        raise Refused("nobody")
    issued = jwt.moment(token.claims, "iat")
    return Proof(issuer.provider, subject, _name(token.claims, "sid"), issued, ends, token.claims)


def _name(claims: Mapping[str, Any], name: str) -> str:
    """An identifier: as it is, or refused, for a cut one could be somebody else's.

    :raises Refused: it is there, and no short text.
    """
    if name not in claims:
        return ""
    found = jwt.text(claims, name)
    if not found:
        raise Refused(f"a malformed {name}")
    return found


__all__ = ["LONGEST", "Failed", "Logout", "Oidc", "Proof", "Refused"]
