"""Login flow of Nextcloud's clients: a program asks, a person says yes in a browser, the program gets an app token."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

import pyotp
import pytest

from support.browser import Browser
from support.client import Dav
from support.flows import DEVICE, FORM, OWN, Program, answer, post, seal, signed_in
from support.parallel import together
from support.provider import Provider
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

PREFIXES = pytest.mark.parametrize("prefix", ["", "/index.php"])


def opens(server: Server, name: str, password: str) -> int:
    """What a PROPFIND of the home gets."""
    dav = Dav(server.port, "/", (name, password))
    found = dav.request("PROPFIND", "/remote.php/webdav/", headers={"Depth": "0"}).status
    dav.close()
    return found


def tokens(server: Server, user: str) -> list[str]:
    """Labels of a user's app tokens."""
    return [each["label"] for each in json.loads(server.cli("token", "list", user, "--json").stdout)]


@PREFIXES
def test_the_whole_way(server: Server, prefix: str) -> None:
    """404 until somebody has said yes, then once an app password of that person, named after the device."""
    agent = f"Thinkpad {secrets.token_hex(4)}"
    program = Program(server, agent, prefix)
    assert program.login.startswith(f"{server.url}/login/v2/flow/")
    assert program.poll().status == 404 and program.poll().body == b"[]"
    browser = Browser(server.url)
    page = browser.request("GET", prefix + program.page)
    assert page.status == 200 and agent.encode() in page.body and b"Grant access" not in page.body
    way = re.search(rb'href="(/login\?next=[^"]+)"', page.body)
    assert way, repr(page)
    form = browser.request("GET", way[1].decode())
    action = re.search(rb'action="(/login/password\?next=[^"]+)"', form.body)
    assert action, repr(form)
    fields = urlencode({"name": "alice", "password": server.users["alice"], "code": ""})
    back = browser.request("POST", action[1].decode(), OWN, fields)
    assert (back.status, back["Location"]) == (302, program.page)
    assert program.poll().status == 404
    done = answer(browser, back["Location"])
    assert done.status == 200 and b"has access" in done.body
    assert agent not in tokens(server, "alice"), "it is made when it is handed over"
    told = program.granted()
    assert told == {"server": server.url, "loginName": "alice", "appPassword": told["appPassword"]}
    assert opens(server, "alice", told["appPassword"]) == 207
    assert agent in tokens(server, "alice")
    assert program.poll().status == 404, "once"
    assert browser.request("GET", program.page).status == 404
    assert "Sign in" not in browser.request("GET", program.page).body.decode()


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("", "token={}", FORM),
        ("", '{{"token": "{}"}}', "application/json"),
        ("?token={}", "", FORM),
        ("?token={}", "", None),
    ],
    ids=["form", "json", "query", "bare"],
)
@PREFIXES
def test_ways_to_poll(server: Server, prefix: str, path: str, body: str, kind: str | None) -> None:
    """In the body or in the query, as the apps do it."""
    program = Program(server)
    answer(signed_in(server, "bob"), program.page)
    headers = {} if kind is None else {"Content-Type": kind}
    found = post(server, prefix + program.endpoint + path.format(program.token), body.format(program.token), headers)
    assert found.status == 200 and json.loads(found.body)["loginName"] == "bob"


def test_strangers_poll_in_vain(server: Server) -> None:
    """Neither the page's secret nor any other leads to the app password, and asking spoils nothing."""
    program = Program(server)
    answer(signed_in(server, "alice"), program.page)
    for guess in ("", "x", program.page.rpartition("/")[2], secrets.token_urlsafe(32), program.token + "x", "\ud7ff"):
        found = post(server, program.endpoint, urlencode({"token": guess}), {"Content-Type": FORM})
        assert (found.status, found.body) == (404, b"[]")
    assert post(server, program.endpoint).status == 404
    assert program.granted()["loginName"] == "alice"


def test_two_poll_at_once(server: Server) -> None:
    """Over many connections, and so on every worker, exactly one gets it."""
    program = Program(server)
    answer(signed_in(server, "alice"), program.page)
    found = [each.status for each in together([program.poll] * 8)]
    assert sorted(found) == [200] + [404] * 7


def test_every_worker_knows(server: Server) -> None:
    """Each step is another connection; several flows at a time meet both workers."""
    assert server.workers == 2
    for _ in range(4):
        programs = [Program(server) for _ in range(4)]
        for program in programs:
            answer(signed_in(server, "alice"), program.page)
        assert all(program.granted()["loginName"] == "alice" for program in programs)


@pytest.mark.parametrize("granted", [False, True])
def test_it_takes_too_long(server: Server, granted: bool) -> None:
    """After twenty minutes nothing is left of it."""
    program = Program(server)
    browser = signed_in(server, "alice")
    if granted:
        answer(browser, program.page)
    left = server.rows("SELECT max(expires) FROM onetime WHERE purpose IN ('flow', 'poll')")[0][0] - time.time()
    assert 1190 < left <= 1200
    with server.index() as index:
        index.execute("UPDATE onetime SET expires=? WHERE purpose IN ('flow', 'poll')", (int(time.time()) - 1,))
    assert browser.request("GET", program.page).status == 404
    assert program.poll().status == 404


def test_the_index_knows_no_secret(server: Server) -> None:
    """What is stored leads neither to the page nor to the app password."""
    program = Program(server)
    secrets_ = [program.token, program.page.rpartition("/")[2]]

    def stored() -> str:
        rows = server.rows("SELECT hash, purpose, payload FROM onetime")
        return repr([(bytes(row[0]), *row[1:]) for row in rows])

    assert all(each not in stored() for each in secrets_)
    answer(signed_in(server, "alice"), program.page)
    before = server.rows("SELECT count(*) FROM apptoken")
    assert all(each not in stored() for each in secrets_)
    secret = program.granted()["appPassword"]
    assert server.rows("SELECT count(*) FROM apptoken")[0][0] == before[0][0] + 1
    assert secret not in repr(server.rows("SELECT * FROM apptoken"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
    ids=["nothing", "cross-site", "same-site", "origin", "null"],
)
def test_pages_of_others_grant_nothing(server: Server, headers: dict[str, str]) -> None:
    """Not even with everything that is on the page."""
    program = Program(server)
    browser = signed_in(server, "alice")
    fields = urlencode({"seal": seal(browser.request("GET", program.page)), "answer": "yes"})
    found = browser.request("POST", program.page, {"Content-Type": FORM, **headers}, fields)
    assert found.status == 403, repr(found)
    assert program.poll().status == 404


def test_the_seal_is_of_the_page_and_the_person(server: Server) -> None:
    """What was shown to somebody else, or for another device, grants nothing, and neither does nothing."""
    program, other = Program(server), Program(server)
    alice, bob = signed_in(server, "alice"), signed_in(server, "bob")
    theirs = seal(bob.request("GET", program.page))
    another = seal(alice.request("GET", other.page))
    for wrong in (theirs, another, "", "é", "0" * 64):
        for say in ("yes", "no"):
            assert answer(alice, program.page, say, seal=wrong).status == 403
    assert program.poll().status == 404
    assert answer(alice, program.page).status == 200
    assert program.granted()["loginName"] == "alice"


def test_a_token_too_many(module_server: Server) -> None:
    """Is said on the page, and the flow waits until there is room."""
    module_server.cli("user", "add", "max", "--password-stdin", input="maxs-pass-123")
    (user,) = module_server.rows("SELECT id FROM principal WHERE name='max'")
    with module_server.index() as index:
        for number in range(200):
            index.execute(
                'INSERT INTO apptoken ("user", label, hash, mask, created) VALUES (?,?,?,?,?)',
                (user[0], "x", f"{number:032}".encode(), 255, 1),
            )
    program = Program(module_server)
    browser = signed_in(module_server, "max", "maxs-pass-123")
    full = answer(browser, program.page)
    assert full.status == 409 and b"too many app tokens" in full.body and program.poll().status == 404
    with module_server.index() as index:
        index.execute("DELETE FROM apptoken WHERE hash=?", (f"{7:032}".encode(),))
    assert answer(browser, program.page).status == 200 and program.granted()["loginName"] == "max"


@pytest.mark.slow
def test_through_wsgidav(own_server) -> None:
    """The other gateway leads to the same pages, and sees devices, too."""
    server = own_server(workers=1, env={"DAVSHARE_GATEWAY": "wsgidav"})
    program = Program(server, prefix="/index.php")
    answer(signed_in(server, "alice"), program.page)
    assert opens(server, "alice", program.granted()["appPassword"]) == 207
    server.stop()
    (found,) = json.loads(server.cli("device", "list", "--json").stdout)
    assert found["seen"] and [each["name"] for each in found["positions"]] == ["alice"]


def test_no_is_an_answer(server: Server) -> None:
    """Then it is over."""
    program = Program(server)
    browser = signed_in(server, "alice")
    found = answer(browser, program.page, "no")
    assert found.status == 200 and b"no access" in found.body
    assert browser.request("GET", program.page).status == 404 and program.poll().status == 404


def test_who_is_not_signed_in_grants_nothing(server: Server) -> None:
    """The way leads back to the page."""
    program = Program(server)
    found = Browser(server.url).request("POST", program.page, OWN, urlencode({"seal": "0" * 64, "answer": "yes"}))
    assert (found.status, found["Location"]) == (302, program.page)
    assert program.poll().status == 404


@pytest.mark.parametrize("scope", ["write", "read", "path:home"])
def test_tokens_let_nobody_in(server: Server, scope: str) -> None:
    """A token, also one in a cookie, makes no other tokens."""
    secret = server.cli("token", "add", "alice", "--scope", scope).stdout.strip()
    browser = signed_in(server, "alice", secret)
    program = Program(server)
    assert browser.request("GET", program.page).status == 403
    assert browser.request("GET", program.page, {"Authorization": f"Bearer {secret}"}).status == 403
    assert program.poll().status == 404


def test_a_name_with_markup(server: Server) -> None:
    """What a device calls itself is text on the page, and one clean line in the list."""
    program = Program(server, "<script>alert(1)</script>\t<b>  \u202eé ✓".encode().decode("latin-1"))
    browser = signed_in(server, "alice")
    page = browser.request("GET", program.page)
    assert b"<script" not in page.body and b"&lt;script&gt;" in page.body and "é ✓".encode() in page.body
    answer(browser, program.page)
    program.granted()
    assert "<script>alert(1)</script> <b> é ✓" in tokens(server, "alice")


@pytest.mark.parametrize(
    ("agent", "label"), [("", "Unnamed program"), ("x" * 5000, "x" * 100), (" \t ", "Unnamed program")]
)
def test_odd_names(server: Server, agent: str, label: str) -> None:
    """Nothing, and too much."""
    program = Program(server, agent)
    answer(signed_in(server, "bob"), program.page)
    program.granted()
    assert label in tokens(server, "bob")


def test_the_page_is_strict(server: Server) -> None:
    """Nothing runs on it, nothing frames it, nobody keeps it; and it says from where the device asks."""
    browser = signed_in(server, "alice")
    program = Program(server)
    page = browser.request("GET", program.page)
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script" not in policy and "form-action 'self';" in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert page["X-Frame-Options"] == "DENY" and page["Cache-Control"] == "no-store"
    assert page["X-Content-Type-Options"] == "nosniff" and b"<script" not in page.body
    assert b"127.0.0.1" in page.body and b"alice" in page.body and DEVICE.encode() in page.body
    assert b"another network" not in page.body


@pytest.mark.slow
def test_a_device_elsewhere(own_server) -> None:
    """Whoever is sent the address of somebody else's device is warned."""
    server = own_server(workers=1, env={"DAVSHARE_TRUSTED_PROXIES": "127.0.0.1"})
    far = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    program = Program(server, **far)
    assert program.login.startswith("https://")
    page = Browser(server.url).request("GET", program.page)
    assert b"192.0.2.7" in page.body and b"another network than yours" in page.body
    plain = post(server, "/login/v2", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "http"})
    assert plain.status == 403, "secrets go over HTTPS only"


@pytest.mark.slow
def test_too_many(own_server) -> None:
    """One network can only have so many under way; others are let in, and an answer makes room."""
    server = own_server(workers=1, env={"DAVSHARE_TRUSTED_PROXIES": "127.0.0.1"})
    programs = [Program(server) for _ in range(200)]
    for _ in range(3):
        refused = post(server, "/login/v2")
        assert refused.status == 429 and int(refused["Retry-After"]) > 0
    assert Dav(server.port, "/", None).request("GET", "/login/flow", headers={"OCS-APIRequest": "true"}).status == 429
    Program(server, **{"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
    answer(signed_in(server, "alice"), programs[0].page)
    Program(server)


@pytest.mark.parametrize("path", ["/login/v2", "/login/v2/poll"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PROPFIND"])
def test_other_methods(server: Server, path: str, method: str) -> None:
    """Are 405; and there is nothing else below."""
    dav = Dav(server.port, "/", None)
    assert dav.request(method, path).status == 405
    assert dav.request("POST", path + "/more").status == 404


def test_a_malformed_poll(server: Server) -> None:
    """Is a mistake of the program, said clearly."""
    for body, kind, status in [("{", "application/json", 400), ("token=%ff", FORM, 400), ("x", "image/png", 415)]:
        assert post(server, "/login/v2/poll", body, {"Content-Type": kind}).status == status
    odd = post(server, "/login/v2/poll", '{"token": ["x"]}', {"Content-Type": "application/json"})
    assert odd.status == 404


def test_somebody_who_is_disabled_meanwhile(module_server: Server) -> None:
    """Gets nothing any more, even if they have said yes."""
    module_server.cli("user", "add", "eve", "--password-stdin", input="eves-pass-123")
    program = Program(module_server)
    answer(signed_in(module_server, "eve", "eves-pass-123"), program.page)
    module_server.cli("user", "disable", "eve")
    assert program.poll().status == 404


def test_with_a_second_factor(module_server: Server) -> None:
    """The form has a field for the code; without it, nobody is signed in."""
    module_server.cli("user", "add", "tess", "--password-stdin", input="tess-pass-123")
    code = pyotp.parse_uri(module_server.cli("user", "totp", "tess").stdout.split()[-1])
    browser = Browser(module_server.url)
    fields = {"name": "tess", "password": "tess-pass-123"}
    short = browser.request("POST", "/login/password", OWN, urlencode(fields))
    assert short.status == 403 and b"second factor" in short.body and not browser.cookies
    done = browser.request("POST", "/login/password", OWN, urlencode({**fields, "code": code.now()}))
    assert done.status == 302
    program = Program(module_server)
    answer(browser, program.page)
    told = program.granted()
    assert opens(module_server, "tess", told["appPassword"]) == 207, "app tokens need no code"


def test_where_passwords_count_at_the_door_only(module_server: Server) -> None:
    """With app tokens required, the flow is how people get them."""
    module_server.cli("settings", "set", "auth.app_tokens_only", "on")
    try:
        program = Program(module_server)
        answer(signed_in(module_server, "alice"), program.page)
        assert opens(module_server, "alice", program.granted()["appPassword"]) == 207
        assert opens(module_server, "alice", module_server.users["alice"]) == 401
        asked = Browser(module_server.url).request(
            "GET",
            "/index.php" + Program(module_server).page,
            {"Authorization": basic("alice", module_server.users["alice"])},
        )
        assert asked.status == 200 and b"Grant access" in asked.body
    finally:
        module_server.cli("settings", "reset", "auth.app_tokens_only")


# signing in with the form


def test_the_form_is_of_our_own_page(server: Server) -> None:
    """Pages of others sign nobody in, and a wrong password is told on the page, without a dialogue of the browser."""
    browser = Browser(server.url)
    right = urlencode({"name": "alice", "password": server.users["alice"]})
    for headers in ({"Content-Type": FORM}, {"Content-Type": FORM, "Sec-Fetch-Site": "cross-site"}):
        assert browser.request("POST", "/login/password", headers, right).status == 403
    wrong = browser.request("POST", "/login/password?next=/dav/", OWN, urlencode({"name": "alice", "password": "no"}))
    assert wrong.status == 403 and "WWW-Authenticate" not in wrong.headers
    assert b'role="alert"' in wrong.body and b"next=/dav/" in wrong.body and not browser.cookies
    assert browser.request("POST", "/login/password?next=//evil.example/", OWN, right)["Location"] == "/dav/home/"


def test_odd_forms_sign_nobody_in(server: Server) -> None:
    """Nor do they break anything."""
    browser = Browser(server.url)
    for fields in ({}, {"name": "alice"}, {"name": "", "password": "x"}, {"name": "a:b", "password": "\0"}):
        assert browser.request("POST", "/login/password", OWN, urlencode(fields)).status == 403
    assert browser.request("POST", "/login/password", OWN, "name=%ff").status == 400
    assert browser.request("POST", "/login/password", OWN, "x=" + "y" * 20000).status == 413
    assert not browser.cookies


# with a provider


@pytest.fixture(scope="module")
def provided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Provider]]:
    """A server at which people sign in elsewhere."""
    provider = Provider()
    server = Server.start(tmp_path_factory.mktemp("provided"), serve=False)
    (server.data / "oidc.toml").write_text(provider.table(name="Lab", auto_create=True), "utf-8")
    server.run({"DAVSHARE_OIDC": "oidc.toml"})
    yield server, provider
    server.discard()
    provider.close()


def test_by_a_provider(provided: tuple[Server, Provider]) -> None:
    """From the page to the provider, and back to the page."""
    server, provider = provided
    provider.person = {"sub": "p1", "preferred_username": "ada"}
    program = Program(server)
    browser = Browser(server.url)
    login = re.search(rb'href="(/login\?next=[^"]+)"', browser.request("GET", program.page).body)
    assert login
    page = browser.request("GET", login[1].decode())
    lab = re.search(rb'href="(/login/oidc/1\?next=[^"]+)"', page.body)
    assert lab, repr(page)
    found = browser.open(lab[1].decode())
    assert found.status == 200 and b"Grant access" in found.body and b"ada" in found.body
    answer(browser, program.page)
    told = program.granted()
    assert told["loginName"] == "ada" and opens(server, "ada", told["appPassword"]) == 207


def test_where_ownclouds_apps_sign_in(provided: tuple[Server, Provider]) -> None:
    """The provider's own document, and a challenge that leads there."""
    server, provider = provided
    nobody = Dav(server.port, "/", None)
    found = nobody.request("GET", "/.well-known/openid-configuration")
    assert found.status == 200 and found["Content-Type"].startswith("application/json")
    told = json.loads(found.body)
    assert told["issuer"] == provider.issuer and told["token_endpoint"].startswith(provider.issuer)
    there = nobody.request("GET", f"/.well-known/webfinger?resource={server.url}")
    assert [link["href"] for link in json.loads(there.body)["links"]] == [provider.issuer]
    assert nobody.request("GET", "/oidc/keys").status == 404, "nobody signs in at two providers"
    assert nobody.request("POST", "/.well-known/openid-configuration").status == 405
    asked = nobody.request("PROPFIND", "/remote.php/webdav/", headers={"Depth": "0"}).refused(401)
    assert [each.split()[0] for each in asked.headers.get_all("WWW-Authenticate", [])] == ["Basic", "Bearer"]


@pytest.mark.slow
def test_without_a_provider(own_server: Callable[..., Server]) -> None:
    """ownCloud's apps would go and look for one."""
    server = own_server(workers=1)
    server.cli("settings", "set", "auth.openid_provider", "off")
    nobody = Dav(server.port, "/", None)
    assert nobody.request("GET", "/.well-known/openid-configuration").status == 404
    asked = nobody.request("PROPFIND", "/remote.php/webdav/", headers={"Depth": "0"}).refused(401)
    assert [each.split()[0] for each in asked.headers.get_all("WWW-Authenticate", [])] == ["Basic"]


# version 1


@PREFIXES
def test_version_1(server: Server, prefix: str) -> None:
    """The browser itself hands the app password over, with an address that programs understand."""
    agent = f"Mozilla/5.0 (Android) Nextcloud-android/3.{secrets.randbelow(10**6)}"
    browser = signed_in(server, "alice")
    begun = browser.request("GET", f"{prefix}/login/flow", {"OCS-APIREQUEST": "true", "User-Agent": agent})
    assert begun.status == 302 and begun["Location"].startswith("/login/flow/"), repr(begun)
    page = browser.request("GET", begun["Location"])
    assert agent.encode() in page.body and "form-action 'self' nc:;" in page["Content-Security-Policy"]
    done = answer(browser, begun["Location"])
    found = re.fullmatch(r"nc://login/server:(.+)&user:alice&password:([A-Za-z0-9_-]+)", done["Location"])
    assert done.status == 302 and found and found[1] == server.url, repr(done)
    assert opens(server, "alice", found[2]) == 207 and agent in tokens(server, "alice")
    assert browser.request("GET", begun["Location"]).status == 404


def test_version_1_is_for_programs(server: Server) -> None:
    """A link leads nowhere; and the addresses of one version are not those of the other."""
    browser = signed_in(server, "alice")
    assert browser.request("GET", "/login/flow").status == 403
    assert browser.request("POST", "/login/flow", OWN).status == 405
    begun = browser.request("GET", "/login/flow", {"OCS-APIREQUEST": "true"})
    page = urlsplit(begun["Location"]).path
    assert browser.request("GET", page.replace("/flow/", "/v2/flow/")).status == 404
    assert browser.request("GET", Program(server).page.replace("/v2/", "/")).status == 404


def test_names_in_version_1(module_server: Server) -> None:
    """Are percent-encoded as the apps expect."""
    module_server.cli("user", "add", "zoé+1@example.org", "--password-stdin", input="zoes-pass-123")
    browser = signed_in(module_server, "zoé+1@example.org", "zoes-pass-123")
    begun = browser.request("GET", "/login/flow", {"OCS-APIREQUEST": "true"})
    done = answer(browser, begun["Location"])
    assert "&user:zo%C3%A9%2B1%40example.org&password:" in done["Location"]


def test_bad_pages(server: Server) -> None:
    """Secrets that nobody has lead nowhere, whoever asks and whatever they look like."""
    for browser in (Browser(server.url), signed_in(server, "alice")):
        for secret in ("x", "x" * 200, "%00", "..", secrets.token_urlsafe(32), "%C3%A9"):
            for way in ("/login/v2/flow/", "/login/flow/"):
                assert browser.request("GET", way + secret).status in (400, 404)
