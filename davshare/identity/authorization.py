"""OAuth 2.0 requests, taken apart and judged by Authlib (RFC 6749, RFC 7636, RFC 7009).

Here its grants and endpoints are tied to :mod:`davshare.identity.consents`.
Nothing of what a program has sent is repeated to it: of every error it learns
the code, and words that are always the same.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidGrantError, InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge

from davshare.identity import programs
from davshare.identity.consents import Code, Consents, Grant, Renewal, Tokens
from davshare.identity.programs import AUTHENTICATION, Program
from davshare.model.people import Actor

#: What programs show to people of an error (RFC 6749 section 5.2).
_WORDS = {
    "invalid_request": "The request is incomplete or malformed.",
    "invalid_client": "The program did not show that it is one that is known here.",
    "invalid_grant": "The access was used up, has ended, or was given to another program. Sign in again.",
    "unauthorized_client": "The program may not do this.",
    "unsupported_grant_type": "This way to a token is not known here.",
    "invalid_scope": "Less was granted than is asked for.",
    "unsupported_token_type": "Tokens of this type are not known here.",
}
_NO_STORE = ("Cache-Control", "no-store")


class Answer(NamedTuple):
    """What a program gets: status, JSON object and headers."""

    status: int
    body: dict[str, Any]
    headers: list[tuple[str, str]]


class SignedIn(NamedTuple):
    """Somebody who says yes, and the second at which they had signed in."""

    actor: Actor
    at: int


class Asked(OAuth2Request):
    """A request of a program.

    :param site: scheme and host as people know them.
    """

    def __init__(self, method: str, site: str, values: Mapping[str, str], headers: Mapping[str, str]) -> None:
        # Whether the connection is safe enough was decided before: this machine needs no HTTPS.
        super().__init__(method, "https://davshare.invalid/", headers=_spelled(headers))
        self.payload = BasicOAuth2Payload(dict(values))
        self.site = site
        self.agent = headers.get("user-agent", "")

    @property
    def args(self) -> Mapping[str, str]:
        """The parameters."""
        found: Mapping[str, str] = self.payload.data
        return found

    form = args


class _Opening(NamedTuple):
    """Somebody's tokens to be, in the place of a user: Authlib asks for the tokens of somebody."""

    make: Callable[[], Tokens | None]
    asked: Asked
    nonce: str


class _Codes(AuthorizationCodeGrant):
    """Section 4.1."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION

    def save_authorization_code(self, code: str, request: Asked) -> None:
        """Somebody has said yes."""
        data, user = request.payload.data, request.user
        granted = Grant(
            request.client.client_id,
            request.payload.redirect_uri,
            data["code_challenge"],
            data.get("nonce", ""),
            request.scope,
            user.at,
        )
        self.server.consents.grant(user.actor, code, granted)

    def query_authorization_code(self, code: str, client: Program) -> _Kept | None:
        """Used up by this, whatever becomes of the request."""
        found = self.server.consents.redeem(code)
        return _Kept(found) if found is not None and found.grant.client == client.client_id else None

    def authenticate_user(self, authorization_code: _Kept) -> _Opening:
        """Whose tokens they will be."""
        code, asked, name = authorization_code.code, self.request, self.client.name
        return _Opening(lambda: self.server.consents.open(code, name, asked.agent), asked, code.grant.nonce)

    def delete_authorization_code(self, authorization_code: _Kept) -> None:
        """It is gone already."""


class _Kept:
    """A code, as Authlib looks at it."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.code_challenge = code.grant.challenge
        self.code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        """Where it was sent."""
        return self.code.grant.redirect

    def get_scope(self) -> str:
        """What was granted."""
        return self.code.grant.scope


class _Challenge(CodeChallenge):
    """RFC 7636: nobody goes without, and only hashed ones count (RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Return when there is one.

        :raises InvalidRequestError: there is none.
        """
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError
        super().validate_code_challenge(grant, redirect_uri)


class _Refreshing(RefreshTokenGrant):
    """Section 6: every time another refresh token comes back."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTHENTICATION
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> _Good | None:
        """The consent that it stands for."""
        found = self.server.consents.renewal(refresh_token)
        return None if found is None else _Good(found)

    def authenticate_user(self, refresh_token: _Good) -> _Opening:
        """Whose tokens they will be."""
        return _Opening(lambda: self.server.consents.renew(refresh_token.renewal), self.request, "")

    def revoke_old_credential(self, refresh_token: _Good) -> None:
        """It was replaced already."""


class _Good:
    """A refresh token, as Authlib looks at it."""

    def __init__(self, renewal: Renewal) -> None:
        self.renewal = renewal

    def check_client(self, client: Program) -> bool:
        """Whether it was made for this program."""
        return self.renewal.consent.client == client.client_id

    def get_scope(self) -> str:
        """What was granted."""
        return self.renewal.consent.scope


class _Revocation(RevocationEndpoint):
    """RFC 7009."""

    CLIENT_AUTH_METHODS = AUTHENTICATION

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Ending | None:
        """What a token of either kind belongs to."""
        found = self.server.owner_of(token_string)
        return None if found is None else _Ending(*found)

    def revoke_token(self, token: _Ending, request: Asked) -> None:
        """The device ends, with all that belongs to it (section 2.1)."""
        self.server.consents.end(token.device)


class _Ending(NamedTuple):
    """The device behind a token, and the program that the token was made for."""

    device: int
    client: str

    def check_client(self, client: Program) -> bool:
        """Whether it is that program's to end."""
        return self.client == client.client_id


class Authorization(AuthorizationServer):
    """The endpoints of one site.

    :param told: what a program is told beside the tokens: (tokens, request, nonce) to members of the answer.
    :param owner_of: the device, and the id of the program, that a token was made for.
    """

    def __init__(
        self,
        consents: Consents,
        told: Callable[[Tokens, Asked, str], Mapping[str, Any]],
        owner_of: Callable[[str], tuple[int, str] | None],
    ) -> None:
        super().__init__()
        self.consents = consents
        self.owner_of = owner_of
        self._told = told
        self.register_grant(_Codes, [_Challenge()])
        self.register_grant(_Refreshing)
        self.register_endpoint(_Revocation)

    def query_client(self, client_id: str) -> Program | None:
        """One of the programs that are known."""
        return programs.find(client_id)

    def create_oauth2_request(self, request: Asked) -> Asked:
        """What comes from a door is one already."""
        return request

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def save_token(self, token: Mapping[str, Any], request: Asked) -> None:
        """They were kept when they were made: in one transaction with what they replace."""

    def generate_token(
        self, grant_type: str, client: Program, user: _Opening | None = None, scope: str | None = None, **more: object
    ) -> dict[str, Any]:
        """The answer with the tokens (section 5.1).

        :raises InvalidGrantError: somebody was faster.
        """
        made = None if user is None else user.make()
        if user is None or made is None:
            raise InvalidGrantError
        found: dict[str, Any] = {
            "access_token": made.access.token,
            "token_type": "Bearer",
            "expires_in": made.access.seconds,
            "scope": made.scope,
        }
        if made.refresh:
            found["refresh_token"] = made.refresh
        return {**found, **self._told(made, user.asked, user.nonce)}

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        """What a door makes an answer of."""
        return Answer(status, body or {}, list(headers))

    def handle_error_response(self, request: Asked | None, error: OAuth2Error) -> Answer:
        """The code of an error, and our own words for it."""
        headers = [_NO_STORE]
        if error.status_code == 401:
            headers.append(("WWW-Authenticate", 'Basic realm="davshare"'))
        body = {"error": error.error, "error_description": _WORDS.get(error.error, _WORDS["invalid_request"])}
        return Answer(error.status_code, body, headers)


def _spelled(headers: Mapping[str, str]) -> dict[str, str]:
    """The one header that Authlib looks at, as it spells it; what it would stumble over counts as none."""
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    try:
        base64.b64decode(value.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return {}
    return {"Authorization": f"Basic {value.strip()}"} if scheme.lower() == "basic" and value.strip() else {}
