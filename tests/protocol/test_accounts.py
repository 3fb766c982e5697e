"""Links to a new password and the second factor, as people meet them."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import pytest

from davshare.server.tomlfile import set_key
from support.client import Answer, Dav
from support.server import Server

pytestmark = pytest.mark.slow

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def nobody(module_server: Server) -> Dav:
    """A client that has not signed in."""
    return module_server.dav(None, "/")


def link(server: Server, *options: str) -> str:
    """The path of a fresh link for bob."""
    printed = server.cli("user", "reset", "bob", *options).stdout.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/reset/[\w-]{43}", printed)
    return urlsplit(printed).path


def send(client: Dav, path: str, password: str, again: str | None = None) -> Answer:
    """The form, filled in."""
    body = urlencode({"password": password, "again": password if again is None else again})
    return client.request("POST", path, body, FORM)


def test_a_new_password_by_a_link(module_server: Server, nobody: Dav) -> None:
    """The page, a mistake, another one, the password; then the link is over."""
    path, other = link(module_server), link(module_server)
    page = nobody.get(path)
    assert page.status == 200 and b"<form" in page.body and b"bob" not in page.body
    assert send(nobody, path, "short").status == 400
    problem = send(nobody, path, "a-new-password", "a-new-passwort")
    assert problem.status == 400 and b"not the same" in problem.body and b"a-new-pass" not in problem.body
    assert module_server.dav("bob").get().status == 200
    assert send(nobody, path, "grün & blau = 10%").status == 200
    assert module_server.dav("bob").get().status == 401
    assert module_server.dav("bob", password="grün & blau = 10%").get().status == 200
    for used in (path, other):
        assert nobody.get(used).status == send(nobody, used, "a-third-password").status == 404
    module_server.cli("user", "passwd", "bob", "--password-stdin", input=module_server.users["bob"])


@pytest.mark.slow
def test_the_page_in_a_server_that_goes_through_wsgidav(own_server: Callable[..., Server]) -> None:
    """The same page, form and second factor."""
    server = own_server(env={"DAVSHARE_GATEWAY": "wsgidav"})
    client, path = server.dav(None, "/"), link(server)
    assert client.get(path).status == 200 and send(client, path, "a-new-password").status == 200
    assert client.get(path).status == 404
    assert server.dav("bob", password="a-new-password").get().status == 200
    server.cli("user", "set", "bob", "--second-factor")
    answer = server.dav("bob", password="a-new-password").get()
    assert answer.status == 401 and b"app token" in answer.body


def test_links_that_do_not_work_look_the_same(module_server: Server, nobody: Dav) -> None:
    """Unknown, used and expired; by GET and by POST."""
    expired = link(module_server, "--expires", "1d")
    with module_server.index() as connection:
        connection.execute("UPDATE onetime SET expires=? WHERE purpose='reset'", (1,))
    bodies = {nobody.get(path).body for path in (expired, "/reset/" + "x" * 43, "/reset/", "/reset/a/b", "/reset")}
    bodies |= {send(nobody, path, "a-new-password").body for path in (expired, "/reset/x", "/reset/%F0%9F%98%80")}
    assert len(bodies) == 1 and b"does not work" in bodies.pop()
    assert nobody.get(expired).status == 404


def test_the_page_is_closed_to_others(module_server: Server, nobody: Dav) -> None:
    """No script, no frame, no referrer, not kept anywhere; only the methods and the form that it has."""
    path = link(module_server)
    page = nobody.get(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "frame-ancestors 'none'" in policy
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert b"<script" not in page.body and page.headers["X-Content-Type-Options"] == "nosniff"
    assert nobody.head(path).body == b""
    assert nobody.put(path, b"x").status == 405
    assert (
        nobody.request("POST", path, '{"password": "a-new-password"}', {"Content-Type": "application/json"}).status
        == 415
    )
    assert nobody.request("POST", path, "password=" + "x" * 20000, FORM).status == 413
    assert nobody.request("POST", path, "\xff\xfe", FORM).status == 400
    assert nobody.request("POST", path, "password=%FF&again=%FF", FORM).status == 400
    assert nobody.request("POST", path, "&".join(["a=b"] * 50), FORM).status == 400
    assert nobody.request("POST", path, "", FORM).status == 400
    assert nobody.get(path).status == 200


def test_where_the_link_leads(module_server: Server) -> None:
    """To the public address where there is one; nowhere without somebody who needs it."""
    set_key(module_server.data, "public_url", "https://files.example.org")
    printed = module_server.cli("user", "reset", "alice", "--json").stdout
    assert '"link": "https://files.example.org/reset/' in printed
    assert module_server.cli("user", "reset", "nobody", check=False).returncode == 3
    assert module_server.cli("user", "reset", "alice", "--expires", "2000-01-01", check=False).returncode == 2
    set_key(module_server.data, "public_url", "")


def test_the_second_factor(module_server: Server) -> None:
    """A password alone is 401 with the reason; with the code behind it, and by app token, everything works."""
    module_server.cli("user", "add", "carol", "--second-factor", "--password-stdin", input="carol-pass-1")
    for method in ("GET", "PROPFIND", "PUT"):
        answer = module_server.dav("carol", password="carol-pass-1").request(method, "x" if method == "PUT" else "")
        assert answer.status == 401 and b"app token" in answer.body and "WWW-Authenticate" in answer.headers
    wrong = module_server.dav("carol", password="wrong").get()
    assert wrong.status == 401 and b"app token" not in wrong.body
    token = module_server.cli("token", "add", "carol").stdout.strip()
    assert module_server.dav("carol", password=token).put("a.txt", b"a").status == 201
    uri = module_server.cli("user", "totp", "carol").stdout.strip()
    code = pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0]).now()
    assert module_server.dav("carol", password="carol-pass-1" + code).get("a.txt").body == b"a"
    assert module_server.dav("carol", password="wrong-pass-1" + code).get("a.txt").status == 401
    module_server.cli("user", "totp", "carol", "--remove")
    module_server.cli("user", "set", "carol", "--no-second-factor")
    assert module_server.dav("carol", password="carol-pass-1").get("a.txt").status == 200


def test_unlocking_by_command(module_server: Server) -> None:
    """After ten wrong guesses the next one waits; after the command it does not."""
    guesser = module_server.dav("bob", password="")
    statuses = []
    for number in range(12):
        guesser.auth = ("bob", f"wrong-{number}")
        answer = guesser.get()
        statuses.append(answer.status)
    assert statuses[:10] == [401] * 10 and 429 in statuses[10:] and "Retry-After" in answer.headers
    module_server.cli("user", "unlock", "bob")
    guesser.auth = ("bob", "wrong-again")
    assert guesser.get().status == 401
    assert module_server.cli("user", "unlock", "nobody", check=False).returncode == 3
