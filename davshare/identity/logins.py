"""Signing in at an OpenID provider: authorization code with PKCE (OpenID Connect Core section 3.1, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_plus, urlencode

from davshare.errors import BadRequest, Forbidden, NotFound, TooManyAttempts, Unavailable
from davshare.identity import logouts, newcomers, outbound
from davshare.identity.gate import actor_of
from davshare.identity.issuers import Issuer, json_object
from davshare.identity.oidc import Failed, Oidc, Proof, Refused
from davshare.identity.outbound import Fetch
from davshare.identity.sessions import BROWSER, HALF_DAY, Opened, Sessions, Vouched
from davshare.index import onetime, people
from davshare.index.database import Taken
from davshare.index.onetime import Once
from davshare.model.people import User

if TYPE_CHECKING:
    from davshare.files.service import Files

log = logging.getLogger("davshare.server")
_PURPOSE = "login"
#: Seconds that a person has for a sign-in, and how many may be under way.
PATIENCE = 600
_MOST = 10_000


class Begun(NamedTuple):
    """A sign-in that has begun: where the browser goes, and what it has to bring back in a cookie."""

    location: str
    binding: str


class Done(NamedTuple):
    """A sign-in that has succeeded: the token for the cookie, and where the person wanted to go.

    ``next`` is empty when that was not said; guests can do nothing in their home.
    """

    opened: Opened
    next: str
    guest: bool


class Logins:
    """The sign-ins at all providers.

    :param fetch: sends requests; see :func:`davshare.identity.outbound.fetch`.
    """

    def __init__(self, files: Files, oidc: Oidc, sessions: Sessions, fetch: Fetch = outbound.fetch) -> None:
        self._files = files
        self._oidc = oidc
        self._sessions = sessions
        self._fetch = fetch

    @property
    def labels(self) -> list[str]:
        """What people read on the buttons, in the order of the configuration."""
        return [issuer.provider.label for issuer in self._oidc.issuers]

    def begin(self, number: int, redirect: str, onward: str, link: int | None, binding: str) -> Begun:
        """Begin a sign-in at one provider.

        :param number: of the provider, from 1.
        :param redirect: the URL to which the provider sends the browser back.
        :param onward: the local path to go to in the end; empty: wherever people begin.
        :param link: the user whom the identity is to be linked to; None: whoever it is.
        :param binding: from the cookie of the same browser: another tab may have begun as well.
        :raises NotFound: there is no such provider.
        :raises Unavailable: it does not answer.
        :raises TooManyAttempts: too many sign-ins are under way.
        """
        if not 1 <= number <= len(self._oidc.issuers):
            raise NotFound
        issuer = self._oidc.issuers[number - 1]
        try:
            endpoint = issuer.metadata().authorization_endpoint
        except Failed:
            endpoint = ""
        if not endpoint:
            raise Unavailable("The provider does not answer; try again shortly.")
        state, nonce, fresh = (secrets.token_urlsafe(32) for _ in range(3))
        binding = binding if len(binding) == len(fresh) else fresh
        verifier = secrets.token_urlsafe(48)
        kept = {
            "issuer": issuer.provider.issuer,
            "nonce": nonce,
            "verifier": verifier,
            "binding": _hashed(binding).hex(),
            "redirect": redirect,
            "next": onward,
        }
        now = int(time.time())
        with self._files.db.write() as connection:
            if onetime.number(connection, _PURPOSE, now) >= _MOST:
                raise TooManyAttempts("Too many sign-ins are under way; try again shortly.")
            onetime.put(connection, Once(_hashed(state), _PURPOSE, link, json.dumps(kept), now + PATIENCE), now)
        asked = {
            "response_type": "code",
            "client_id": issuer.provider.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(issuer.provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        return Begun(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", binding)

    def finish(self, query: Mapping[str, str], binding: str) -> Done:
        """Finish a sign-in with what the provider has sent the browser back with.

        :param binding: from the cookie; empty when there was none.
        :raises BadRequest: this is not the sign-in that this browser has begun, or the provider said no.
        :raises Forbidden: there is no account for this person here.
        :raises Conflict: the identity is linked to another account already.
        :raises Unavailable: the provider does not answer.
        """
        with self._files.db.write() as connection:
            found = onetime.take(connection, _hashed(query.get("state", "")), _PURPOSE, int(time.time()))
        kept = {} if found is None else json.loads(found.payload)
        if found is None or not hmac.compare_digest(_hashed(binding).hex(), kept["binding"]):
            raise BadRequest("This sign-in was not begun in this browser, or took too long; start again.")
        issuer = next((each for each in self._oidc.issuers if each.provider.issuer == kept["issuer"]), None)
        try:
            if issuer is None:
                raise Refused("a provider that is not there any more")
            _demand_issuer(issuer, query)
            proof = self._exchange(issuer, query.get("code", ""), kept)
            user = self._user(proof, found.user)
            opened = self._signed_in(user, proof)
        except Refused as refusal:
            log.warning("a sign-in failed: %s", refusal)
            raise BadRequest("The provider did not confirm the sign-in; start again.") from None
        except Failed as failure:
            log.warning("a sign-in failed: %s", failure)
            raise Unavailable("The provider does not answer; try again shortly.") from None
        except Taken:
            raise Unavailable("Your account was changed in this very moment; start again.") from None
        return Done(opened, kept["next"], user.guest)

    def told(self, text: str) -> None:
        """A provider says that somebody has signed out there.

        :param text: the logout token.
        :raises BadRequest: it is not good, or came before.
        :raises Unavailable: the provider's keys cannot be known at the moment.
        """
        try:
            logouts.carry_out(self._files.db, self._oidc.logout(text))
        except Refused as refusal:
            log.info("a logout token was refused: %s", refusal)
            raise BadRequest("The logout token is not good.") from None
        except Failed:
            raise Unavailable("The provider does not answer; try again shortly.") from None

    def _signed_in(self, user: User, proof: Proof) -> Opened:
        """The token of a person whom a provider vouches for."""
        newcomers.follow_groups(self._files, user, proof, complete=True)
        with self._files.db.snapshot() as connection:
            actor = actor_of(connection, user)
        vouched = Vouched(proof.provider.issuer, proof.subject, proof.sid)
        label = f"browser, {proof.provider.label}"
        # In the transaction that makes the session: a logout may come at any moment.
        alive = partial(logouts.demand_alive, proof=proof)
        return self._sessions.open(actor, BROWSER, HALF_DAY, label, vouched, alive)

    def _user(self, proof: Proof, link: int | None) -> User:
        if link is not None:
            with self._files.db.write() as connection:
                newcomers.link_to(connection, link, proof.provider.issuer, proof.subject)
                user = people.user_by_id(connection, link)
        else:
            user = newcomers.find_or_make(self._files, proof)
        if user is None or user.disabled:
            raise Forbidden("There is no account for you here; ask the people who run this server.")
        return user

    def _exchange(self, issuer: Issuer, code: str, kept: Mapping[str, str]) -> Proof:
        """What the provider says about whoever has signed in there (RFC 6749 section 4.1.3)."""
        if not code:
            raise Refused("the provider sent no code")
        provider, metadata = issuer.provider, issuer.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": kept["redirect"],
            "code_verifier": kept["verifier"],
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if provider.client_secret and metadata.basic:
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form["client_id"] = provider.client_id
            if provider.client_secret:
                form["client_secret"] = provider.client_secret
        until = time.monotonic() + outbound.SECONDS
        answer = self._fetch(metadata.token_endpoint, provider.reach, until, urlencode(form).encode(), headers)
        if answer.status != 200:
            raise Refused(f"the token endpoint answered {answer.status}")
        got = json_object(answer.body)
        token, access = got.get("id_token"), got.get("access_token")
        if not isinstance(token, str):
            raise Refused("the token endpoint gave no ID token")
        return self._oidc.identity(issuer, token, kept["nonce"], access if isinstance(access, str) else None)


def _demand_issuer(issuer: Issuer, query: Mapping[str, str]) -> None:
    """Return when the answer comes from the provider that was asked (RFC 9207 section 2.4)."""
    stated = query.get("iss")
    if stated is None and issuer.metadata().says_issuer:
        raise Refused("the answer does not say whose it is")
    if stated is not None and stated != issuer.provider.issuer:
        raise Refused("the answer of another provider")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _hashed(text: str) -> bytes:
    return hashlib.sha256(b"davshare login\0" + text.encode("utf-8", "surrogatepass")).digest()
