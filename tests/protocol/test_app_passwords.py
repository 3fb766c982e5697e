"""App passwords over OCS: one for the password, one for a one-time password, and the end of one."""

from __future__ import annotations

import re
import secrets

import pytest

from support.api import Api
from support.client import Dav
from support.ocs import Answer, Ocs
from support.parallel import together
from support.raw import basic
from support.server import Server

DIALECTS = pytest.mark.parametrize(
    ("version", "as_json"),
    [(1, True), (1, False), (2, True), (2, False)],
    ids=["v1-json", "v1-xml", "v2-json", "v2-xml"],
)


def ask(
    server: Server,
    authorization: str | None,
    method: str,
    path: str,
    version: int = 2,
    as_json: bool = True,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One call below ``core/``."""
    ocs = Ocs(server, None, version, as_json, "core")
    ocs.authorization = authorization
    return ocs.call(method, path, headers=headers)


def password(server: Server, user: str) -> str:
    """The header with somebody's password."""
    return basic(user, server.users[user])


def opens(server: Server, user: str, secret: str) -> int:
    """What a PROPFIND of the home gets."""
    dav = Dav(server.port, "/dav/home/", (user, secret))
    found = dav.request("PROPFIND", "", headers={"Depth": "0"}).status
    dav.close()
    return found


@DIALECTS
def test_one_for_the_password(server: Server, version: int, as_json: bool) -> None:
    """It signs in, is named after the program, and gets no other one."""
    agent = f"Phone {secrets.token_hex(4)}"
    found = ask(server, password(server, "alice"), "GET", "getapppassword", version, as_json, {"User-Agent": agent})
    secret = found.ok()["apppassword"]
    assert found.headers["Cache-Control"] == "no-store"
    assert opens(server, "alice", secret) == 207
    assert agent in [each["label"] for each in Api.of(server, "alice").get("/me/tokens?limit=500").ok()["items"]]
    again = ask(server, basic("alice", secret), "GET", "getapppassword", version, as_json)
    assert (again.status, again.code) == (200 if version == 1 else 403, 403)
    nobody = ask(server, None, "GET", "getapppassword", version, as_json)
    assert nobody.status == 401 and nobody.code == 997


@DIALECTS
def test_its_end(server: Server, version: int, as_json: bool) -> None:
    """Ends the one that was used, at once, and no other."""
    mine = ask(server, password(server, "alice"), "GET", "getapppassword").ok()["apppassword"]
    other = ask(server, password(server, "alice"), "GET", "getapppassword").ok()["apppassword"]
    assert opens(server, "alice", mine) == 207
    ask(server, basic("alice", mine), "DELETE", "apppassword", version, as_json).ok()
    assert (opens(server, "alice", mine), opens(server, "alice", other)) == (401, 207)
    refused = ask(server, password(server, "alice"), "DELETE", "apppassword", version, as_json)
    assert (refused.status, refused.code) == (200 if version == 1 else 403, 403)


def test_a_limited_one_ends_itself(server: Server) -> None:
    """And gets no larger one."""
    for scope in ("read", "path:home"):
        secret = server.cli("token", "add", "alice", "--scope", scope).stdout.strip()
        assert ask(server, basic("alice", secret), "GET", "getapppassword").status == 403
        assert ask(server, basic("alice", secret), "GET", "getapppassword-onetime").status == 403
        ask(server, basic("alice", secret), "DELETE", "apppassword").ok()
        assert opens(server, "alice", secret) == 401


def test_pages_make_none(server: Server) -> None:
    """A picture on another site makes a browser send its password, but not the header of programs."""
    label = f"Browser {secrets.token_hex(4)}"
    for headers in ({"OCS-APIRequest": "false"}, {"OCS-APIRequest": ""}):
        sent = {**headers, "User-Agent": label}
        assert ask(server, password(server, "alice"), "GET", "getapppassword", headers=sent).status == 403
    assert label not in server.cli("token", "list", "alice").stdout


def test_short_lived_tokens_get_none(server: Server) -> None:
    """What ends soon makes nothing that lasts, and ends nothing else."""
    secret = server.cli("token", "add", "alice").stdout.strip()
    for shown in (password(server, "alice"), basic("alice", secret)):
        brief = Dav(server.port, "/", None).request("POST", "/login/token", headers={"Authorization": shown})
        token = re.search(rb'"access_token": "([^"]+)"', brief.body)
        assert token
        bearer = f"Bearer {token[1].decode()}"
        for path in ("getapppassword", "getapppassword-onetime"):
            assert ask(server, bearer, "GET", path).status == 403
        assert ask(server, bearer, "DELETE", "apppassword").status == 403
    assert opens(server, "alice", secret) == 207


# one-time passwords


def one_time(server: Server, user: str) -> str:
    """A new one, from its address."""
    told = Api.of(server, user).post("/me/one-time-password").ok(201)
    found = re.fullmatch(rf"nc://onetime-login/user:{user}&password:([A-Za-z0-9_-]+)&server:(.+)", told["url"])
    assert found and found[2] == server.url
    return found[1]


@DIALECTS
def test_exchanged_once(server: Server, version: int, as_json: bool) -> None:
    """For an app password with all rights; it is worth nothing else, and nothing afterwards."""
    secret = one_time(server, "bob")
    dav = Dav(server.port, "/dav/home/", ("bob", secret))
    assert dav.request("PROPFIND", "", headers={"Depth": "1"}).status in (403, 404)
    assert dav.put("x", b"x").status in (403, 404)
    assert Api.bearer(server, secret).patch("/me", {}).status == 403
    assert ask(server, basic("bob", secret), "GET", "getapppassword").status == 403
    found = ask(
        server, basic("bob", secret), "GET", "getapppassword-onetime", version, as_json, {"User-Agent": "Tablet"}
    )
    assert opens(server, "bob", found.ok()["apppassword"]) == 207
    assert ask(server, basic("bob", secret), "GET", "getapppassword-onetime").status == 401
    assert ask(server, password(server, "bob"), "GET", "getapppassword-onetime").status == 403


def test_exchanged_by_two_at_once(server: Server) -> None:
    """One of them gets it."""
    secret = one_time(server, "bob")
    found = [
        each.status
        for each in together([lambda: ask(server, basic("bob", secret), "GET", "getapppassword-onetime")] * 6)
    ]
    assert sorted(found)[0] == 200 and set(sorted(found)[1:]) <= {401, 403}


def test_the_last_one_counts(server: Server) -> None:
    """Another one ends the one before; tokens get none; they end soon."""
    first, second = one_time(server, "bob"), one_time(server, "bob")
    assert ask(server, basic("bob", first), "GET", "getapppassword-onetime").status == 401
    full = ask(server, basic("bob", second), "GET", "getapppassword-onetime").ok()["apppassword"]
    Api.bearer(server, full).post("/me/one-time-password").refused(403)
    third = one_time(server, "bob")
    with server.index() as index:
        index.execute("UPDATE apptoken SET expires=? WHERE scope=?", (1, "onetime"))
        index.execute("UPDATE counter SET value=value+1 WHERE name=?", ("generation",))
    assert ask(server, basic("bob", third), "GET", "getapppassword-onetime").status == 401
