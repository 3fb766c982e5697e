"""A program that signs in by OpenID Connect, and the person in front of the browser that it opens."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from support.browser import Browser
from support.client import Answer, Dav
from support.flows import FORM, OWN, post, seal
from support.raw import basic
from support.server import Server

DESKTOP = (
    "xdXOt13JKxym1B1QcEncf2XDkLAexMBFwiT9j6EfhhHFJhs2KM9jbjTmf8JBXE69",
    "UBntmLjC2yYCeHwsyj73Uwo9TAaecAetRwMw0xYcvNL9yRdLSUi0hUAHfvCHFeFh",
)
ANDROID = (
    "e4rAsNUSIUs0lF4nbv9FmCeUkTlV9GdgTLDH1b5uie7syb90SzEVrbN7HIpmWJeD",
    "dInFYGV33xKzhbRmpqQltYNdfLdJIfJ9L5ISoKhNoT9qZftpdWSP71VrpGR9pmoD",
)
SCOPE = "openid offline_access email profile"
AGENT = "Mozilla/5.0 (Linux) mirall/7.0.0 (ownCloud, ubuntu ClientArchitecture: x86_64)"


class Program:
    """ownCloud's program for desktops, as it signs in."""

    def __init__(
        self, server: Server, client: tuple[str, str] = DESKTOP, redirect: str = "", scope: str = SCOPE
    ) -> None:
        self.server = server
        self.client = client
        self.redirect = redirect or f"http://127.0.0.1:{20000 + secrets.randbelow(40000)}"
        self.verifier = secrets.token_urlsafe(96)
        self.state = secrets.token_urlsafe(32) + "="
        self.scope = scope

    def question(self, **changes: str | None) -> str:
        """The path that it opens in the browser; a change to None leaves a parameter out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client[0],
            "redirect_uri": self.redirect,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "scope": self.scope,
            "prompt": "consent select_account",
            "state": self.state,
            **changes,
        }
        return "/oidc/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def code(self, browser: Browser, **changes: str | None) -> str:
        """What it is sent when the person says yes."""
        told = self.told(say(browser, self.question(**changes)))
        assert set(told) == {"code", "state", "iss"}, told
        return told["code"]

    def told(self, answer: Answer) -> dict[str, str]:
        """What the browser brings it."""
        assert answer.status == 302, repr(answer)
        assert answer["Location"].startswith(self.redirect + "?"), repr(answer)
        found = {name: value for name, (value,) in parse_qs(urlsplit(answer["Location"]).query).items()}
        assert found["state"] == self.state and found["iss"] == self.server.url, repr(answer)
        return found

    def token(self, client: tuple[str, str] | None = None, **form: str) -> Answer:
        """An answer of the token endpoint."""
        headers = {"Content-Type": FORM + "; charset=UTF-8", "User-Agent": AGENT}
        headers["Authorization"] = basic(*(client or self.client))
        return post(self.server, "/oidc/token", urlencode({**form, "scope": SCOPE}), headers)

    def exchange(self, code: str, **changes: str) -> Answer:
        """Tokens for a code."""
        form = {"code": code, "redirect_uri": self.redirect, "code_verifier": self.verifier, **changes}
        return self.token(grant_type="authorization_code", **form)

    def refresh(self, token: str, client: tuple[str, str] | None = None) -> Answer:
        """Tokens for a refresh token."""
        return self.token(client, grant_type="refresh_token", refresh_token=token)

    def sign_in(self, browser: Browser) -> dict[str, Any]:
        """The whole way."""
        return told(self.exchange(self.code(browser)))


def say(browser: Browser, path: str, answer: str = "yes", **changes: str) -> Answer:
    """Open the page of a program's question, and press a button."""
    page = browser.request("GET", path)
    assert page.status == 200, repr(page)
    return browser.request("POST", path, OWN, urlencode({"seal": seal(page), "answer": answer, **changes}))


def told(answer: Answer, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer that nobody may keep."""
    assert answer.status == status, repr(answer)
    assert answer["Content-Type"].startswith("application/json") and answer["Cache-Control"] == "no-store"
    return json.loads(answer.body)


def bearer(server: Server, token: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """One request with an access token."""
    dav = Dav(server.port, "/", f"Bearer {token}")
    try:
        return dav.request(method, path, body, {"User-Agent": AGENT, **headers})
    finally:
        dav.close()


def opens(server: Server, token: str) -> int:
    """What a look at the home gets."""
    return bearer(server, token, "PROPFIND", "/remote.php/webdav/", Depth="0").status


def claims(token: str) -> dict[str, Any]:
    """What an ID token says, unproven."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def sign_in_form(page: Answer) -> str:
    """Where the form of the page for signing in goes."""
    found = re.search(r'action="(/login/password\?next=[^"]+)"', page.body.decode())
    assert found, repr(page)
    return unescape(found[1])
