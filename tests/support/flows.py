"""A program that lets a browser sign in for it, and the person in front of the browser."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

from support.browser import Browser
from support.client import Answer
from support.server import Server

FORM = "application/x-www-form-urlencoded"
OWN = {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM}
DEVICE = "Thinkpad (Desktop Client - Linux)"
_SEAL = re.compile(r'name="seal" value="([0-9a-f]{64})"')


def post(
    server: Server, path: str, body: str | bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """A POST without credentials over a connection of its own."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        link.request("POST", path, body or b"", dict(headers or {}))
        response = link.getresponse()
        return Answer(f"POST {path}", response.status, response.headers, response.read())
    finally:
        link.close()


class Program:
    """Has begun a login flow of version 2."""

    def __init__(self, server: Server, agent: str = DEVICE, prefix: str = "", **headers: str) -> None:
        self.server = server
        answer = post(server, f"{prefix}/login/v2", headers={"User-Agent": agent, **headers})
        assert answer.status == 200, repr(answer)
        assert answer["Content-Type"].startswith("application/json") and answer["Cache-Control"] == "no-store"
        told = json.loads(answer.body)
        assert set(told) == {"poll", "login"} and set(told["poll"]) == {"token", "endpoint"}
        self.token: str = told["poll"]["token"]
        self.endpoint: str = urlsplit(told["poll"]["endpoint"]).path
        self.login: str = told["login"]

    @property
    def page(self) -> str:
        """The path of the page."""
        return urlsplit(self.login).path

    def poll(self) -> Answer:
        """Ask once."""
        return post(self.server, self.endpoint, urlencode({"token": self.token}), {"Content-Type": FORM})

    def granted(self) -> dict[str, Any]:
        """What it was given."""
        answer = self.poll()
        assert answer.status == 200, repr(answer)
        return json.loads(answer.body)


def signed_in(server: Server, user: str, password: str | None = None) -> Browser:
    """A browser in which somebody has signed in with the form."""
    browser = Browser(server.url)
    fields = {"name": user, "password": password or server.users[user]}
    answer = browser.request("POST", "/login/password?next=/dav/", OWN, urlencode(fields))
    assert (answer.status, answer["Location"]) == (302, "/dav/"), repr(answer)
    return browser


def seal(page: Answer) -> str:
    """The hidden field of the page."""
    found = _SEAL.search(page.body.decode())
    assert found, repr(page)
    return unescape(found[1])


def answer(browser: Browser, path: str, say: str = "yes", **changes: str) -> Answer:
    """Open the page, and press a button."""
    page = browser.request("GET", path)
    assert page.status == 200, repr(page)
    return browser.request("POST", path, OWN, urlencode({"seal": seal(page), "answer": say, **changes}))
