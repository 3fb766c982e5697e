"""What signs in, and what does not, as the settings say."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from support.client import Dav
from support.server import Server

PASSWORD = "some-pass-123"


@pytest.fixture
def site(module_server: Server) -> Iterator[Server]:
    """A server whose settings are put back."""
    yield module_server
    for name in ("auth.app_tokens_only", "auth.login_by_name_only"):
        module_server.cli("settings", "reset", name)


def person(server: Server, email: str) -> str:
    """A fresh account with an address."""
    name = f"u{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--email", email, "--password-stdin", input=PASSWORD)
    return name


def status(server: Server, name: str, password: str = PASSWORD, path: str = "/dav/home/") -> int:
    """What a sign-in gets."""
    dav = Dav(server.port, "/", (name, password))
    answer = dav.request("PROPFIND", path, headers={"Depth": "0"})
    dav.close()
    return answer.status


def test_by_address(site: Server) -> None:
    """An e-mail address names an account while it is nobody else's."""
    mark = secrets.token_hex(4)
    name = person(site, f"Ann.{mark}@example.org")
    token = site.cli("token", "add", name).stdout.strip()
    address = f"ann.{mark}@EXAMPLE.org"
    assert (status(site, address), status(site, address, token), status(site, name)) == (207, 207, 207)
    assert status(site, address, "wrong-pass-000") == 401
    site.cli("settings", "set", "auth.login_by_name_only", "on")
    assert (status(site, address), status(site, name)) == (401, 207)
    site.cli("settings", "set", "auth.login_by_name_only", "off")
    assert status(site, address) == 207
    person(site, f"ann.{mark}@example.org")
    assert status(site, f"Ann.{mark}@example.ORG") == 401, "two have it"


def test_a_name_goes_before_an_address(site: Server) -> None:
    """Nobody takes over an account's name by calling it their address."""
    mark = secrets.token_hex(4)
    name = f"u{mark}@example.org"
    site.cli("user", "add", name, "--password-stdin", input="the-owners-pass")
    person(site, name)
    assert status(site, name) == 401
    assert status(site, name, "the-owners-pass") == 207


def test_tokens_only(site: Server) -> None:
    """Passwords, remembered ones too, are of no use but at the way in; tokens are."""
    name = person(site, "")
    token = site.cli("token", "add", name).stdout.strip()
    assert status(site, name) == 207
    site.cli("settings", "set", "auth.app_tokens_only", "on")
    assert (status(site, name), status(site, name, token)) == (401, 207)
    dav = Dav(site.port, "/", (name, PASSWORD))
    assert dav.get("/api/v1/me").status == 401
    brief = dav.request("POST", "/login/token")
    assert brief.status == 200
    import json

    bearer = Dav(site.port, "/", f"Bearer {json.loads(brief.body)['access_token']}")
    assert bearer.request("PROPFIND", "/dav/home/", headers={"Depth": "0"}).status == 207
    site.cli("settings", "set", "auth.app_tokens_only", "off")
    assert status(site, name) == 207
