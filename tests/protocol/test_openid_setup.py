"""The OpenID provider of the site: ownCloud's newest programs are set up, and sync, as they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode, urlsplit

import pyotp
import pytest
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt as joserfc
from joserfc.jwk import KeySet

from support.browser import Browser
from support.client import Dav
from support.flows import OWN, post, seal, signed_in
from support.openid import (
    ANDROID,
    DESKTOP,
    SCOPE,
    Program,
    bearer,
    claims,
    opens,
    say,
    sign_in_form,
    told,
)
from support.server import Server

ISSUER = "http://openid.net/specs/connect/1.0/issuer"
INSTANCE = "http://webfinger.owncloud/rel/server-instance"
DISCOVERY = "/.well-known/openid-configuration"
IOS = ("mxd5OQDk6es5LzOzRvidJNfXLUZS2oN3oUFeXPP8LpPrhx3UroJFduGEYIBOxkY1",
       "KFeFWWEZO9TkisIQzR3fo7hfiMXlOpaqP8CFuTbSHzV1TUuGECglPxpiVKJfOXIx")  # fmt: skip


@pytest.fixture
def alice(module_server: Server) -> Iterator[Browser]:
    """A browser in which alice is signed in."""
    yield signed_in(module_server, "alice")


def get(server: Server, path: str) -> dict:
    """A JSON document, for nobody in particular."""
    return told(server.dav(None).request("GET", path))


def test_the_whole_way(module_server: Server) -> None:
    """From an address to a synced file, without anything that the program does not find out itself."""
    server = module_server
    found = get(server, f"/.well-known/webfinger?resource={quote(server.url, safe='')}")
    assert found == {"subject": server.url, "links": [{"rel": ISSUER, "href": server.url}]}
    known = get(server, urlsplit(found["links"][0]["href"]).path + DISCOVERY)
    assert known["issuer"] == server.url and "client_secret_basic" in known["token_endpoint_auth_methods_supported"]
    assert {"consent", "select_account"} <= set(known["prompt_values_supported"])
    asked = server.dav(None).request("PROPFIND", "/remote.php/webdav/", headers={"Depth": "0"}).refused(401)
    assert [each.split()[0] for each in asked.headers.get_all("WWW-Authenticate", [])] == ["Basic", "Bearer"]

    program, browser = Program(server), Browser(server.url)
    assert known["authorization_endpoint"] == server.url + "/oidc/authorize"
    way = browser.request("GET", program.question())
    assert way.status == 302 and way["Location"].startswith("/login?"), repr(way)
    form = sign_in_form(browser.open(way["Location"]))
    fields = urlencode({"name": "alice", "password": server.users["alice"], "code": ""})
    back = browser.request("POST", form, OWN, fields)
    assert (back.status, back["Location"]) == (302, program.question())
    page = browser.request("GET", back["Location"])
    assert b"ownCloud for desktops" in page.body and b"alice" in page.body and b"<script" not in page.body
    code = program.told(say(browser, back["Location"]))["code"]
    tokens = told(program.exchange(code))
    assert tokens["token_type"] == "Bearer" and tokens["expires_in"] <= 3600 and tokens["scope"].split()
    access = tokens["access_token"]

    where = told(bearer(server, access, "GET", "/.well-known/webfinger?resource=acct%3Ame%40127.0.0.1"))
    assert {"rel": INSTANCE, "href": server.url, "titles": {"en": "davshare"}} in where["links"]
    capabilities = json.loads(bearer(server, access, "GET", "/ocs/v2.php/cloud/capabilities?format=json").body)
    can = capabilities["ocs"]["data"]["capabilities"]
    assert can["core"]["status"]["productversion"] and can["spaces"]["enabled"] is True
    who = json.loads(bearer(server, access, "GET", "/ocs/v2.php/cloud/user?format=json").body)["ocs"]["data"]
    assert who["id"] == "alice"
    (drive,) = told(bearer(server, access, "GET", "/graph/v1.0/me/drives"))["value"]
    assert drive["driveType"] == "personal"
    folder = drive["root"]["webDavUrl"].removeprefix(server.url)
    made = bearer(server, access, "PUT", f"{folder}/notes.txt", b"hello")
    assert made.status == 201
    listing = bearer(server, access, "PROPFIND", folder, Depth="1").multistatus
    assert [listing[each].raw_href for each in listing] == [folder + "/", folder + "/notes.txt"]
    assert (server.home() / "notes.txt").read_bytes() == b"hello"

    again = told(program.refresh(tokens["refresh_token"]))
    assert again["refresh_token"] != tokens["refresh_token"] and again["access_token"] != access
    assert bearer(server, again["access_token"], "GET", f"{folder}/notes.txt").body == b"hello"
    assert server.dav("alice").request("PROPFIND", "/remote.php/webdav/", headers={"Depth": "0"}).status == 207, "Basic"


def test_an_independent_client(module_server: Server, alice: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Authlib's own: discovery, PKCE, the ID token by the published keys, refresh, userinfo and revocation."""
    server = module_server
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    known = get(server, DISCOVERY)
    redirect = "http://127.0.0.1:54321"
    session = OAuth2Session(*DESKTOP, scope=SCOPE, redirect_uri=redirect, code_challenge_method="S256")
    verifier = "v" * 64
    url, state = session.create_authorization_url(
        known["authorization_endpoint"], code_verifier=verifier, nonce="n-0S6_WzA2Mj"
    )
    answer = say(alice, url.removeprefix(server.url))
    token = session.fetch_token(
        known["token_endpoint"], authorization_response=answer["Location"], code_verifier=verifier, state=state
    )
    keys = KeySet.import_key_set(get(server, urlsplit(known["jwks_uri"]).path))
    found = joserfc.decode(token["id_token"], keys, algorithms=known["id_token_signing_alg_values_supported"]).claims
    assert found["iss"] == server.url and found["aud"] == DESKTOP[0] and found["nonce"] == "n-0S6_WzA2Mj"
    assert found["preferred_username"] == "alice" and abs(found["iat"] - time.time()) < 60 < found["exp"] - found["iat"]
    person = session.get(known["userinfo_endpoint"]).json()
    assert person["sub"] == found["sub"] and person["preferred_username"] == "alice"
    old = token["access_token"]
    fresh = session.refresh_token(known["token_endpoint"])
    assert fresh["access_token"] != old and opens(server, fresh["access_token"]) == 207
    done = session.revoke_token(known["revocation_endpoint"], fresh["refresh_token"], "refresh_token")
    assert done.status_code == 200
    assert opens(server, fresh["access_token"]) == opens(server, old) == 401


@pytest.mark.rfc(8252, "7.3", "any port of the own machine is taken as the address of a native program")
@pytest.mark.parametrize(
    ("client", "redirect"),
    [
        (DESKTOP, "http://localhost:12345"),
        (DESKTOP, "http://127.0.0.1:1/"),
        (DESKTOP, "http://localhost"),
        (ANDROID, "oc://android.owncloud.com"),
        (IOS, "oc://ios.owncloud.com"),
    ],
)
def test_known_programs(module_server: Server, alice: Browser, client: tuple[str, str], redirect: str) -> None:
    """Each at the addresses that it is known for, which are the only ones that the page lets its form lead to."""
    program = Program(module_server, client, redirect)
    page = alice.request("GET", program.question())
    source = redirect.rstrip("/") if redirect.startswith("http") else "oc:"
    assert f"form-action 'self' {source};" in page["Content-Security-Policy"]
    assert opens(module_server, program.sign_in(alice)["access_token"]) == 207


def test_the_page(module_server: Server, alice: Browser) -> None:
    """It runs no script, lies in no frame, is kept by nobody, and can be had as somebody else."""
    page = alice.request("GET", Program(module_server).question())
    policy = page["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';") and "script" not in policy
    assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
    assert page["X-Frame-Options"] == "DENY" and page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "same-origin"
    assert b'href="/login?again=1&amp;next=/oidc/authorize%3F' in page.body


def test_second_factor(own_server: Callable[..., Server]) -> None:
    """The pages on which people sign in ask for it, as always."""
    server = own_server()
    secret = pyotp.parse_uri(server.cli("user", "totp", "alice").stdout.strip().splitlines()[-1])
    server.cli("user", "set", "alice", "--second-factor")
    program, browser = Program(server), Browser(server.url)
    form = sign_in_form(browser.open(program.question()))
    fields = {"name": "alice", "password": server.users["alice"]}
    assert browser.request("POST", form, OWN, urlencode(fields)).status == 403
    assert browser.open(program.question()).body.count(b"Grant access") == 0
    back = browser.request("POST", form, OWN, urlencode({**fields, "code": secret.now()}))
    assert back["Location"] == program.question()
    assert opens(server, program.sign_in(browser)["access_token"]) == 207


def test_somebody_else(module_server: Server, alice: Browser) -> None:
    """Whoever is signed in already can sign in as somebody else, and comes back."""
    program = Program(module_server)
    page = alice.open("/login?again=1&next=" + quote(program.question(), safe="/"))
    fields = {"name": "bob", "password": "wrong", "code": ""}
    page = alice.request("POST", sign_in_form(page), OWN, urlencode(fields))
    assert page.status == 403 and b"is wrong" in page.body
    fields["password"] = module_server.users["bob"]
    back = alice.request("POST", sign_in_form(page), OWN, urlencode(fields))
    assert back["Location"] == program.question()
    assert claims(program.sign_in(alice)["id_token"])["preferred_username"] == "bob"


def test_scopes(module_server: Server, alice: Browser) -> None:
    """Nobody gets more than they ask for; what is not known here is left out."""
    server = module_server
    server.cli("user", "set", "alice", "--email", "alice@example.org")
    full = Program(server, scope=SCOPE + " groups").sign_in(alice)
    assert set(full["scope"].split()) == set(SCOPE.split())
    assert claims(full["id_token"])["email"] == "alice@example.org"
    bare = Program(server, scope="openid").sign_in(alice)
    assert "refresh_token" not in bare and {"name", "email", "preferred_username"}.isdisjoint(claims(bare["id_token"]))
    assert told(bearer(server, bare["access_token"], "GET", "/oidc/userinfo")) == {
        "sub": claims(bare["id_token"])["sub"]
    }
    none = Program(server, scope="offline_access").sign_in(alice)
    assert "id_token" not in none and opens(server, none["access_token"]) == 207
    assert bearer(server, none["access_token"], "GET", "/oidc/userinfo").status == 403


def test_it_is_a_device(own_server: Callable[..., Server]) -> None:
    """It is listed, seen, named after the program, and revoked like every other: at once, in every worker."""
    server = own_server(workers=2)
    alice = signed_in(server, "alice")
    tokens = Program(server).sign_in(alice)
    access = tokens["access_token"]
    assert {opens(server, access) for _ in range(6)} == {207}
    (device,) = json.loads(server.cli("device", "list", "alice", "--json").stdout)
    assert device["label"].startswith("ownCloud for desktops, Mozilla/5.0 (Linux) mirall/7.0.0")
    assert told(bearer(server, access, "GET", "/api/v1/me/devices"))["items"][0]["id"] == device["id"]
    server.cli("device", "revoke", str(device["id"]))
    assert {opens(server, access) for _ in range(6)} == {401}
    assert told(Program(server).refresh(tokens["refresh_token"]), 400)["error"] == "invalid_grant"
    secret = server.rows("SELECT count(*) FROM consent")
    assert secret == [(0,)]


def test_short_tokens_make_nothing_lasting(module_server: Server, alice: Browser) -> None:
    """An access token makes no app tokens, grants no consents, and is no cookie."""
    server = module_server
    access = Program(server).sign_in(alice)["access_token"]
    label, kind = b'{"label": "lasting"}', {"Content-Type": "application/json"}
    assert bearer(server, access, "POST", "/api/v1/me/tokens", label, **kind).status == 403
    asked = {"Authorization": f"Bearer {access}"}
    assert Browser(server.url).request("GET", Program(server).question(), asked).status == 403
    other = Browser(server.url)
    other.cookies["davshare"] = access
    assert other.request("GET", Program(server).question()).status == 302
    assert bearer(server, access, "POST", "/login/token").status == 401


def test_sign_in_just_now(own_server: Callable[..., Server]) -> None:
    """``prompt=login`` and ``max_age`` count from the sign-in of the browser; ``auth_time`` tells of it."""
    server = own_server()
    alice = signed_in(server, "alice")
    program = Program(server)
    question = program.question(prompt="login")
    fields = urlencode({"seal": seal(alice.request("GET", question)), "answer": "yes"})
    with server.index() as connection:
        connection.execute("UPDATE session SET created=created-?", (200,))
    assert program.told(alice.request("POST", question, OWN, fields))["code"], "who reads slowly is no other person"
    with server.index() as connection:
        connection.execute("UPDATE session SET created=created-?", (800,))
    assert alice.request("POST", question, OWN, fields)["Location"].startswith("/login?again=1&next=")
    for changes in ({"prompt": "login"}, {"max_age": "900"}, {"max_age": "0"}):
        way = alice.request("GET", program.question(**changes))
        assert way.status == 302 and way["Location"].startswith("/login?again=1&next="), changes
        assert b'name="password"' in alice.open(way["Location"]).body
    tokens = told(program.exchange(program.code(alice, max_age="2000")))
    assert 990 < time.time() - claims(tokens["id_token"])["auth_time"] < 1100


def test_switched_off(own_server: Callable[..., Server]) -> None:
    """Then nothing of it is there, programs ask for a password, and tokens that are out end when their time is over."""
    server = own_server()
    alice = signed_in(server, "alice")
    tokens = Program(server).sign_in(alice)
    server.cli("settings", "set", "auth.openid_provider", "off")
    nobody = Dav(server.port, "/", None)
    for path in (DISCOVERY, "/oidc/keys", Program(server).question(), "/oidc/userinfo", "/oidc/logout"):
        assert nobody.request("GET", path).status == 404, path
    assert post(server, "/oidc/token").status == post(server, "/oidc/revoke").status == 404
    asked = nobody.request("PROPFIND", "/remote.php/webdav/", headers={"Depth": "0"}).refused(401)
    assert [each.split()[0] for each in asked.headers.get_all("WWW-Authenticate", [])] == ["Basic"]
    assert get(server, f"/.well-known/webfinger?resource={server.url}")["links"] == []
    assert opens(server, tokens["access_token"]) == 207
    server.cli("settings", "reset", "auth.openid_provider")
    assert nobody.request("GET", DISCOVERY).status == 200


@pytest.mark.rfc(7033, "4.4", "what is asked for is the subject of the answer, and what is not known here is 404")
def test_webfinger(module_server: Server) -> None:
    """Of this site, and of one's own account; of nothing else, and accounts only to those who have signed in."""
    server, nobody, alice = module_server, module_server.dav(None), module_server.dav("alice")
    base = "/.well-known/webfinger"
    for resource, status in (
        (f"{server.url}/", 200),
        ("https://elsewhere.example", 404),
        (f"{server.url}/other", 404),
        ("mailto:alice@127.0.0.1", 404),
        ("", 400),
    ):
        assert nobody.request("GET", f"{base}?resource={quote(resource, safe='')}").status == status, resource
    assert nobody.request("GET", base).status == 400 and nobody.request("POST", base).status == 405
    mine = f"{base}?resource=acct:alice@127.0.0.1"
    assert nobody.request("GET", mine).status == 401
    assert {each["rel"] for each in told(alice.request("GET", mine))["links"]} == {ISSUER, INSTANCE}
    only = told(alice.request("GET", f"{mine}&rel={quote(INSTANCE, safe='')}"))
    assert [each["rel"] for each in only["links"]] == [INSTANCE]
    for account in ("bob@127.0.0.1", "nobody@127.0.0.1", "me@elsewhere.example", "me"):
        assert alice.request("GET", f"{base}?resource=acct:{account}").status == 404, account
    assert server.dav("alice", password="wrong").request("GET", f"{base}?resource={server.url}").status == 401


def test_signing_out(own_server: Callable[..., Server]) -> None:
    """Somebody is asked first; then they go where the program is known to be, or nowhere; devices keep their access."""
    server = own_server()
    alice = signed_in(server, "alice")
    tokens = Program(server).sign_in(alice)
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "http://127.0.0.1:4711", "state": "s"}
    path = "/oidc/logout?" + urlencode(asked)
    assert alice.request("GET", path).status == 200
    assert alice.request("POST", path, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert alice.request("GET", "/dav/home/").status == 200, "nobody was signed out"
    done = alice.request("POST", path, OWN)
    assert (done.status, done["Location"]) == (302, "http://127.0.0.1:4711?state=s")
    assert "davshare" not in alice.cookies and opens(server, tokens["access_token"]) == 207
    for changes in (
        {"post_logout_redirect_uri": "https://evil.example"},
        {"id_token_hint": "x.y.z"},
        {"id_token_hint": tokens["access_token"]},
    ):
        there = Browser(server.url).request("GET", "/oidc/logout?" + urlencode({**asked, **changes}))
        assert there.status == 200 and there.headers["Location"] is None, changes
    assert Browser(server.url).request("GET", "/oidc/logout").status == 200


def test_seal_is_on_the_page(module_server: Server, alice: Browser) -> None:
    """The same question has the same seal for the same person, and another one for others."""
    question = Program(module_server).question()
    first, second = (seal(alice.request("GET", question)) for _ in range(2))
    assert first == second != seal(signed_in(module_server, "bob").request("GET", question))
