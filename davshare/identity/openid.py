"""The OpenID provider of this site, for programs that sign in by nothing else (OpenID Connect Core, RFC 9700).

One flow only: authorization code with PKCE (S256), the answer in the query of
an address that the program is known for.  Whoever is signed in says yes on a
page, every time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError

from davshare.errors import BadRequest, Conflict, NotFound
from davshare.identity import jwt, programs
from davshare.identity.authorization import Answer, Asked, Authorization, SignedIn
from davshare.identity.consents import Consents, Tokens
from davshare.identity.issuers import Issuer
from davshare.identity.programs import AUTHENTICATION, SCOPES, Program
from davshare.identity.providers import DOMESTIC
from davshare.identity.sessions import HOUR, PROGRAM, Sessions
from davshare.identity.signing import ALGORITHM, Signing
from davshare.index import people
from davshare.model.people import Actor, User

if TYPE_CHECKING:
    from davshare.files.service import Files

#: Seconds within which somebody has signed in who is asked to do so now.
JUST_NOW = 60
#: Characters of a question: it goes through the pages on which people sign in.
_LONGEST = 1500
_MOST = 30
_MALFORMED = "What the program asks for that has sent you here is malformed."


class Declined(Exception):
    """A program is told no: that is where the browser goes."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(location)


class Wish(NamedTuple):
    """What a program asks a person for: a question that makes sense.

    ``redirect`` is where the answer goes; ``prompts`` are the words of
    ``prompt``; ``fresh`` are the seconds within which the person must have signed in
    (None: however long ago).
    """

    program: Program
    redirect: str
    scope: tuple[str, ...]
    prompts: frozenset[str]
    fresh: int | None
    values: Mapping[str, str]


class OpenIdProvider:
    """The provider of one site.

    :param issuers: the providers that the configuration names, which go before this one.
    :param secret: the site's key.
    """

    def __init__(self, files: Files, sessions: Sessions, issuers: Sequence[Issuer], secret: bytes) -> None:
        self._files = files
        self._sessions = sessions
        self._signing = Signing(secret)
        self.external = next((each for each in issuers if each.provider.accounts == DOMESTIC), None)
        self.consents = Consents(files.db, sessions, secret)
        self._server = Authorization(self.consents, self._told, self._owner_of)

    @property
    def is_open(self) -> bool:
        """Whether programs sign in here: the settings say so, and the configuration names nobody else.

        For whoever has asked for the generation in the same request: settings follow it.
        """
        return self.external is None and bool(self._files.settings.get("auth.openid_provider"))

    def demand_open(self) -> None:
        """Return when programs sign in here.

        :raises NotFound: they do not.
        """
        self._files.generation()
        if not self.is_open:
            raise NotFound

    def issuer(self, site: str) -> str | None:
        """Whom programs sign in at; None: at nobody.

        :param site: scheme and host as people know them.
        """
        if self.external is not None:
            return self.external.provider.issuer
        self._files.generation()
        return site if self.is_open else None

    @staticmethod
    def metadata(site: str) -> dict[str, Any]:
        """What there is here (OpenID Connect Discovery 1.0 section 3, RFC 8414)."""
        return {
            "issuer": site,
            "authorization_endpoint": f"{site}/oidc/authorize",
            "token_endpoint": f"{site}/oidc/token",
            "userinfo_endpoint": f"{site}/oidc/userinfo",
            "jwks_uri": f"{site}/oidc/keys",
            "end_session_endpoint": f"{site}/oidc/logout",
            "revocation_endpoint": f"{site}/oidc/revoke",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "token_endpoint_auth_methods_supported": list(AUTHENTICATION),
            "revocation_endpoint_auth_methods_supported": list(AUTHENTICATION),
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name",
                                 "preferred_username", "email"],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "authorization_response_iss_parameter_supported": True,
        }  # fmt: skip

    def keys(self) -> dict[str, Any]:
        """The keys that ID tokens are signed with (RFC 7517 section 5)."""
        return {"keys": self._signing.published(self._files.db)}

    # -- people --------------------------------------------------------------------------

    def wish(self, query: str, site: str) -> Wish:
        """What a program asks for (OpenID Connect Core section 3.1.2.1).

        :param query: of the address that it has sent the browser to.
        :raises BadRequest: it cannot be told who asks, or where the answer would go: nobody is sent there.
        :raises Declined: the program is told no at once.
        """
        values = _values(query, _LONGEST)
        program = programs.find(values.get("client_id"))
        redirect = values.get("redirect_uri", "")
        if program is None or not program.check_redirect_uri(redirect):
            raise BadRequest("The program that has sent you here is not known, or asks for an answer at another place.")
        if values.get("response_type") != "code":
            raise self._declined(values, site, "unsupported_response_type")
        for name in ("request", "request_uri"):
            if name in values:
                raise self._declined(values, site, f"{name}_not_supported")
        if values.get("response_mode", "query") != "query":
            raise self._declined(values, site, "invalid_request")
        try:
            self._server.get_consent_grant(Asked("GET", site, values, {}))
        except OAuth2Error as error:
            raise self._declined(values, site, error.error) from None
        prompts = frozenset(values.get("prompt", "").split())
        if "none" in prompts and len(prompts) > 1:
            raise self._declined(values, site, "invalid_request")
        age = values.get("max_age")
        if age is not None and not (age.isascii() and age.isdecimal() and len(age) < 10):
            raise self._declined(values, site, "invalid_request")
        fresh = None if age is None else int(age) or JUST_NOW
        if "login" in prompts:
            fresh = min(JUST_NOW, JUST_NOW if fresh is None else fresh)
        scope = tuple(program.get_allowed_scope(values.get("scope")).split())
        return Wish(program, redirect, scope, prompts, fresh, values)

    def grant(self, wish: Wish, site: str, who: SignedIn) -> str:
        """Somebody has said yes: where the browser goes.

        :raises Forbidden, Conflict, TooManyAttempts: as :meth:`davshare.identity.consents.Consents.grant`.
        """
        asked = Asked("GET", site, wish.values, {})
        grant = self._server.get_consent_grant(asked)
        answer: Answer = self._server.create_authorization_response(asked, who, grant)
        location = next(value for name, value in answer.headers if name == "Location")
        return f"{location}&{urlencode({'iss': site})}"

    def no(self, wish: Wish, site: str, code: str = "access_denied") -> str:
        """Somebody has said no, or cannot be asked: where the browser goes."""
        return self._declined(wish.values, site, code).location

    @staticmethod
    def _declined(values: Mapping[str, str], site: str, code: str) -> Declined:
        told = {"error": code, "iss": site, **({"state": values["state"]} if "state" in values else {})}
        return Declined(f"{values['redirect_uri']}?{urlencode(told)}")

    # -- programs --------------------------------------------------------------------------

    def token(self, body: str, site: str, headers: Mapping[str, str]) -> Answer:
        """Tokens for a code or a refresh token (RFC 6749 section 3.2)."""
        try:
            values = _values(body)
        except BadRequest:
            values = {}
        if values.get("grant_type") not in ("authorization_code", "refresh_token"):
            code = "unsupported_grant_type" if values.get("grant_type") else "invalid_request"
            return self._server.handle_error_response(None, OAuth2Error(error=code, status_code=400))
        if "scope" in values:
            values["scope"] = " ".join(word for word in values["scope"].split() if word in SCOPES)
        try:
            answer: Answer = self._server.create_token_response(Asked("POST", site, values, headers))
        except Conflict:  # the person has got too many devices since they were asked
            return self._server.handle_error_response(None, InvalidGrantError())
        return answer

    def revoke(self, body: str, site: str, headers: Mapping[str, str]) -> Answer:
        """End what a token belongs to (RFC 7009 section 2)."""
        try:
            values = _values(body)
        except BadRequest:
            values = {}
        answer: Answer = self._server.create_endpoint_response("revocation", Asked("POST", site, values, headers))
        return answer

    def userinfo(self, actor: Actor) -> dict[str, Any] | None:
        """Who somebody is (OpenID Connect Core section 5.3); None: they have granted that to nobody.

        :raises NotFound: they have just been removed.
        """
        consent = self.consents.consent(actor.device)
        if consent is None or "openid" not in consent.scope.split():
            return None
        with self._files.db.session() as connection:
            user = people.user_by_id(connection, actor.user)
        if user is None:
            raise NotFound
        return _claims(user, consent.scope)

    def leaving(self, query: str) -> str:
        """Where a browser goes that has signed out; empty: nowhere (OpenID Connect RP-Initiated Logout 1.0 section 3).

        :raises BadRequest: the query is malformed.
        """
        values = _values(query, 2 * jwt.LONGEST)
        program = programs.find(values.get("client_id") or self._hinted(values.get("id_token_hint", "")))
        target = values.get("post_logout_redirect_uri", "")
        if program is None or not target or not program.check_redirect_uri(target):
            return ""
        return f"{target}?{urlencode({'state': values['state']})}" if "state" in values else target

    def _hinted(self, text: str) -> str | None:
        """The program that an ID token was made for, however long ago."""
        try:
            token = jwt.parse(text)
            with self._files.db.session() as connection:
                self._signing.demand_ours(connection, token)
        except jwt.Refused:
            return None
        return jwt.text(token.claims, "aud")

    def _told(self, tokens: Tokens, asked: Asked, nonce: str) -> dict[str, Any]:
        """The ID token that comes with others (section 2)."""
        if "openid" not in tokens.scope.split():
            return {}
        now = int(time.time())
        claims = {
            "iss": asked.site,
            "aud": asked.client.client_id,
            "iat": now,
            "exp": now + HOUR,
            "auth_time": tokens.signed_in,
            "at_hash": jwt.half_hash(tokens.access.token, ALGORITHM),
            **({"nonce": nonce} if nonce else {}),
            **_claims(tokens.user, tokens.scope),
        }
        with self._files.db.session() as connection:  # there is a key: it has just signed the access token
            return {"id_token": self._signing.sign(connection, claims)}

    def _owner_of(self, text: str) -> tuple[int, str] | None:
        """The device, and the id of the program, that one of our tokens was made for."""
        if not jwt.looks_like(text):
            return self.consents.owner(text)
        try:
            device = self._sessions.found(jwt.parse(text), PROGRAM).device
        except jwt.Refused:
            return None
        consent = self.consents.consent(device)
        return None if consent is None else (consent.device, consent.client)


def _claims(user: User, scope: str) -> dict[str, Any]:
    """What a scope tells of somebody (section 5.4); addresses are not verified, so that is not said."""
    words = scope.split()
    found: dict[str, Any] = {"sub": str(user.id)}
    if "profile" in words:
        found |= {"name": user.display_name or user.name, "preferred_username": user.name}
    if "email" in words and user.email:
        found["email"] = user.email
    return found


def _values(text: str, longest: int = 1 << 16) -> dict[str, str]:
    """Parameters: each once, and of characters that addresses are made of.

    :raises BadRequest: they are not.
    """
    try:
        pairs = parse_qsl(text[: longest + 1], keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise BadRequest(_MALFORMED) from None
    found = dict(pairs)
    plain = all(value.isascii() and value.isprintable() for value in found.values())
    if len(text) > longest or len(found) < len(pairs) or not plain:
        raise BadRequest(_MALFORMED)
    return found
