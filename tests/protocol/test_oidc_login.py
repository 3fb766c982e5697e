"""Signing in with a browser at an OpenID provider, and out again, here and there."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from support.browser import PAGE, Browser
from support.client import Answer, Dav
from support.listening import Refused, Socket, Stream
from support.provider import LOGOUT_EVENT, Provider
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Provider]:
    """The first button."""
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def partner() -> Iterator[Provider]:
    """The second one."""
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab: Provider, partner: Provider) -> Iterator[Server]:
    """A server that knows both."""
    server = Server.start(tmp_path_factory.mktemp("login"), serve=False)
    tables = (
        lab.table(name="The <lab>", auto_create=True, groups_claim="groups"),
        partner.table(name="Partner", guests=True),
    )
    (server.data / "oidc.toml").write_text("\n".join(tables), "utf-8")
    server.run({"DAVSHARE_OIDC": "oidc.toml", "DAVSHARE_TRUSTED_PROXIES": "127.0.0.1"})
    yield server
    server.discard()


@pytest.fixture
def browser(site: Server) -> Browser:
    """A fresh one."""
    return Browser(site.url)


def person(provider: Provider, **more: object) -> str:
    """Somebody new, who is the provider's person from now on; the name of their account."""
    sub = secrets.token_hex(6)
    provider.person = {"sub": sub, "preferred_username": f"p{sub}", **more}
    return f"p{sub}"


def back(browser: Browser, number: int = 1, next: str = "/dav/home/") -> str:
    """Begin a sign-in and go through it at the provider; the URL on which it sends the browser back."""
    begun = browser.request("GET", f"/login/oidc/{number}?{urlencode({'next': next})}")
    assert begun.status == 302, repr(begun)
    there = browser.request("GET", begun["Location"])
    assert there.status == 302, repr(there)
    return there["Location"]


def changed(url: str, **parameters: str | None) -> str:
    """A URL with other parameters."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    query.update({name: value for name, value in parameters.items() if value is not None})
    for name, value in parameters.items():
        if value is None:
            query.pop(name, None)
    return f"{url.partition('?')[0]}?{urlencode(query)}"


def signed_in(browser: Browser) -> bool:
    """Whether the browser has got in."""
    answer = browser.request("GET", "/dav/home/")
    assert answer.status in (200, 302), repr(answer)
    return answer.status == 200


def failed(browser: Browser, answer: Answer, *statuses: int) -> None:
    """A page says no; nobody is signed in, and the page repeats nothing."""
    assert answer.status in (statuses or (400,)), repr(answer)
    assert answer["Content-Type"].startswith("text/html") and b'role="alert"' in answer.body
    assert "davshare" not in browser.cookies and not signed_in(browser)


def test_a_person_signs_in(site: Server, lab: Provider, browser: Browser) -> None:
    """From a folder's address over the page and the provider to the folder, which is there and is their own."""
    name = person(lab, name="Ada <Lovelace>", groups=["physics"])
    page = browser.open("/dav/home/?view=all")
    assert page.status == 200 and b"The &lt;lab&gt;" in page.body and b"Partner" in page.body
    assert page["Cache-Control"] == "no-store" and page["X-Frame-Options"] == "DENY"
    assert b"next=/dav/home/%3Fview%3Dall" in page.body
    answer = browser.request("GET", back(browser, next="/dav/home/?view=all"))
    assert (answer.status, answer["Location"]) == (302, "/dav/home/?view=all")
    assert "HttpOnly" in browser.settings["davshare"] and "SameSite=Lax" in browser.settings["davshare"]
    listing = browser.request("GET", "/dav/home/")
    assert listing.status == 200 and b"Ada &lt;Lovelace&gt;" in listing.body
    assert (site.data / "homes" / name).is_dir()
    told = site.rows("SELECT g.name FROM member m JOIN principal g ON g.id=m.\"group\" WHERE g.name='physics'")
    assert told == [("physics",)]
    assert b"Sign out" in browser.request("GET", "/login").body


def test_programs_and_passwords_are_as_before(site: Server, browser: Browser) -> None:
    """Who does not ask for a page, or shows credentials, is not sent to one."""
    nobody = Dav(site.port, "/dav/home/", None)
    assert "Basic" in nobody.get("").refused(401)["WWW-Authenticate"]
    assert nobody.request("PROPFIND", "", headers=PAGE).status == 401
    assert nobody.get("", {**PAGE, "Authorization": basic("alice", "wrong wrong")}).status == 401
    assert site.dav("alice").get("", PAGE).status == 200
    answer = browser.request("GET", "/dav/home/")
    assert (answer.status, answer["Location"]) == (302, "/login?next=/dav/home/")


def test_a_password_gives_the_same_cookie(site: Server, browser: Browser) -> None:
    """The last button; another password ends what it gave."""
    assert "Basic" in browser.request("GET", "/login/password").refused(401)["WWW-Authenticate"]
    answer = browser.request("GET", "/login/password?next=/dav/", {"Authorization": basic("bob", site.users["bob"])})
    assert (answer.status, answer["Location"]) == (302, "/dav/")
    assert signed_in(browser)
    site.cli("user", "passwd", "bob", "--password-stdin", input="another-pass-9")
    site.users["bob"] = "another-pass-9"
    assert [signed_in(browser) for _ in range(4)] == [False] * 4
    foreign = {"Authorization": basic("bob", site.users["bob"]), "Sec-Fetch-Site": "cross-site"}
    assert browser.request("GET", "/login/password", foreign).status == 403


def test_https_behind_a_proxy(site: Server, lab: Provider) -> None:
    """Cookies are those of this host over HTTPS only, and a cookie without the prefix is none."""
    person(lab)
    there = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "files.example.org"}
    browser = Browser(site.url)
    begun = browser.request("GET", "/login/oidc/1", there)
    query = parse_qs(urlsplit(begun["Location"]).query)
    assert query["redirect_uri"] == ["https://files.example.org/login/callback"]
    assert "Secure" in browser.settings["__Host-davshare-login"] and "Path=/" in begun["Set-Cookie"]
    url = browser.request("GET", begun["Location"])["Location"]
    answer = browser.request("GET", f"{site.url}/login/callback?{urlsplit(url).query}", there)
    assert answer.status == 302 and "Secure" in browser.settings["__Host-davshare"]
    assert browser.request("GET", "/dav/home/", there).status == 200
    browser.cookies["davshare"] = browser.cookies.pop("__Host-davshare")
    assert browser.request("GET", "/dav/home/", there).status == 302
    plain = {**there, "X-Forwarded-Proto": "http"}
    assert browser.request("GET", "/login", plain).status == 403
    assert browser.request("GET", "/login/oidc/1", plain).status == 403


@pytest.mark.rfc("6749", "10.12", "a sign-in that this browser has not begun is refused")
def test_state(site: Server, lab: Provider, browser: Browser) -> None:
    """State and browser belong together, and count once."""
    person(lab)
    url = back(browser)
    failed(browser, browser.request("GET", changed(url, state="made-up")))
    failed(browser, browser.request("GET", changed(url, state=None)))
    stranger = Browser(site.url)
    failed(stranger, stranger.request("GET", url))
    failed(browser, browser.request("GET", url))  # a stranger's attempt has used it up
    url = back(browser)
    browser.cookies["davshare-login"] = "x" * 43
    failed(browser, browser.request("GET", url))
    url = back(browser)
    kept = dict(browser.cookies)
    assert browser.request("GET", url).status == 302
    browser.cookies = kept
    failed(browser, browser.request("GET", url))


def test_two_tabs(lab: Provider, browser: Browser) -> None:
    """Sign-ins that were begun in one browser do not disturb each other."""
    person(lab)
    first, second = back(browser, next="/dav/?tab=1"), back(browser, next="/dav/?tab=2")
    assert browser.request("GET", second)["Location"] == "/dav/?tab=2"
    assert browser.request("GET", first)["Location"] == "/dav/?tab=1"


def test_state_is_given_up(site: Server, lab: Provider, browser: Browser) -> None:
    """After ten minutes."""
    person(lab)
    url = back(browser)
    with site.index() as connection:
        connection.execute("UPDATE onetime SET expires=expires-? WHERE purpose='login'", (601,))
    failed(browser, browser.request("GET", url))


@pytest.mark.rfc("9207", "2.4", "the answer of another provider is refused")
def test_issuer_of_the_answer(lab: Provider, browser: Browser) -> None:
    """A provider that says who it is has to say so, and to be the one that was asked."""
    person(lab)
    failed(browser, browser.request("GET", changed(back(browser), iss="http://127.0.0.1:1")))
    failed(browser, browser.request("GET", changed(back(browser), iss=None)))


@pytest.mark.rfc("7636", "4.6", "a code is of use with its verifier only")
def test_codes(site: Server, lab: Provider, browser: Browser) -> None:
    """A code of another sign-in, or none, opens nothing; the challenge is a hash."""
    person(lab)
    query = parse_qs(urlsplit(browser.request("GET", "/login/oidc/1")["Location"]).query)
    assert query["code_challenge_method"] == ["S256"] and len(query["code_challenge"][0]) == 43
    assert query["response_type"] == ["code"] and "openid" in query["scope"][0].split()
    thief = Browser(site.url)
    stolen = parse_qs(urlsplit(back(browser)).query)["code"][0]
    failed(thief, thief.request("GET", changed(back(thief), code=stolen)))
    failed(thief, thief.request("GET", changed(back(thief), code="made-up")))
    failed(thief, thief.request("GET", changed(back(thief), code=None)))
    failed(thief, thief.request("GET", changed(back(thief), code=None, error="access_denied")))


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "http://127.0.0.1:1"},
        {"aud": "another"},
        {"aud": ["davshare", "another"]},
        {"aud": ["davshare", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": 1},
        {"iat": None},
        {"sub": None},
        {"at_hash": "another"},
        {"at_hash": None, "nonce": ["x"]},
    ],
    ids=str,
)
def test_id_tokens(lab: Provider, browser: Browser, lie: dict[str, object]) -> None:
    """OpenID Connect Core section 3.1.3.7: each of its rules."""
    person(lab)
    with lab.lying(id_lies=lie):
        failed(browser, browser.request("GET", back(browser)))
    with lab.lying(id_lies={"aud": ["davshare", "another"], "azp": "davshare", "at_hash": None}):
        assert browser.request("GET", back(browser)).status == 302


def test_id_tokens_are_no_access_tokens(site: Server, lab: Provider) -> None:
    """They are shown to others."""
    person(lab)
    assert Dav(site.port, "/dav/home/", f"Bearer {lab.mint()}").exists("")
    for token, status in (
        (lab.mint({"typ": "JWT"}, nonce="n"), 401),
        (lab.mint({"typ": None}, nonce="n"), 401),
        (lab.mint({"typ": "JWT"}, nonce="n", typ="Bearer"), 200),
        (lab.mint({"typ": "application/at+jwt"}, nonce="n"), 200),
        (lab.mint({"typ": "JWT"}, typ="ID"), 401),
        (lab.mint({"typ": "logout+jwt"}), 401),
        (lab.logout_token(), 401),
    ):
        assert Dav(site.port, "/dav/home/", f"Bearer {token}").get("").status == status


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"id_token":7}', b'{"id_token":"a.b.c"}', b"{" * 600_000], ids=len
)
def test_hostile_token_endpoints(lab: Provider, browser: Browser, body: bytes) -> None:
    """Whatever it answers, the person sees a page that says no."""
    person(lab)
    with lab.lying(bodies={"/token": body}):
        failed(browser, browser.request("GET", back(browser)), 400, 503)


def test_the_token_endpoint_leads_nowhere(lab: Provider, partner: Provider, browser: Browser) -> None:
    """The secret is sent to nobody else (past failure 54)."""
    person(lab)
    before = partner.asked.copy()
    with lab.lying(redirects={"/token": f"{partner.issuer}/token"}):
        failed(browser, browser.request("GET", back(browser)))
    assert partner.asked == before


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/dav/\r\nSet-Cookie: davshare=x",
        "javascript:alert(1)",
        "dav/home/",
        "/dav/ home/",
        "/" + "x" * 3000,
        "",
    ],
)
def test_open_redirects(lab: Provider, browser: Browser, target: str) -> None:
    """The way after a sign-in stays on this site."""
    person(lab)
    answer = browser.request("GET", back(browser, next=target))
    assert (answer.status, answer["Location"]) == (302, "/dav/home/")
    page = browser.request("GET", f"/login?{urlencode({'next': target})}")
    assert b"evil" not in page.body and b"javascript" not in page.body


def test_a_cookie_changes_nothing_for_other_sites(site: Server, lab: Provider, browser: Browser) -> None:
    """Reading works; what changes something has to come from one of our pages."""
    person(lab)
    browser.request("GET", back(browser))
    own = f"http://127.0.0.1:{site.port}"
    for method in ("GET", "PROPFIND"):
        assert browser.request(method, "/dav/home/", {"Depth": "0"}).status in (200, 207)
    refused = (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{site.port + 1}"},
        {"Origin": f"https://127.0.0.1:{site.port}"},
        {"Origin": own, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    )
    for number, headers in enumerate(refused):
        for method in ("PUT", "MKCOL", "DELETE"):
            answer = browser.request(method, f"/dav/home/csrf{number}", headers, "x" if method == "PUT" else None)
            assert answer.status == 403, (method, headers)
        assert browser.request("POST", "/logout", headers).status == 403
    assert browser.request("PUT", "/dav/home/a", {"Origin": own}, "x").status == 201
    assert browser.request("PUT", "/dav/home/b", SAME, "x").status == 201
    assert browser.request("DELETE", "/dav/home/b", SAME).status == 204


def test_signing_out(site: Server, lab: Provider, browser: Browser) -> None:
    """The cookie is worth nothing afterwards, in no worker."""
    person(lab)
    browser.request("GET", back(browser))
    kept = dict(browser.cookies)
    assert signed_in(browser)
    answer = browser.request("POST", "/logout", SAME)
    assert (answer.status, answer["Location"]) == (302, "/login")
    assert "davshare" not in browser.cookies
    browser.cookies = kept
    assert [signed_in(browser) for _ in range(6)] == [False] * 6
    assert browser.request("POST", "/logout", SAME).status == 302, "twice is no mistake"


def test_signing_out_ends_streams(site: Server, lab: Provider, browser: Browser) -> None:
    """Pages that listen stop when the browser is signed out, in every worker; a page of another site never begins."""
    person(lab)
    browser.request("GET", back(browser))
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    streams = [Stream(site, user=None, headers=cookie) for _ in range(4)]
    assert all(stream.status == 200 and stream.read() for stream in streams)
    with Socket(site, "/api/v1/events", {**cookie, "Origin": site.url}) as link:
        assert link.json()["event"] == "ready"
        for foreign in ({"Origin": "https://evil.example.org"}, {"Sec-Fetch-Site": "cross-site"}):
            with pytest.raises(Refused, match="403"):
                Socket(site, "/api/v1/events", {**cookie, **foreign})
            assert Stream(site, user=None, headers={**cookie, **foreign}).status == 403
        assert browser.request("POST", "/logout", SAME).status == 302
        assert all(stream.ended(10) for stream in streams)
        assert link.read(10) is None


def test_linking(site: Server, lab: Provider, partner: Provider) -> None:
    """Who is signed in here with a password, and there, is the same person from then on."""
    person(partner)
    stranger = Browser(site.url)
    failed(stranger, stranger.request("GET", back(stranger, 2)), 403)
    browser = Browser(site.url)
    alice = {"Authorization": basic("alice", site.users["alice"])}
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        assert browser.request("GET", "/login/oidc/2?link=1", {**alice, **headers}).status == 403
    assert browser.request("GET", "/login/oidc/2?link=1", SAME).status in (302, 401)
    begun = browser.request("GET", "/login/oidc/2?link=1", {**alice, **SAME})
    url = browser.request("GET", begun["Location"])["Location"]
    assert browser.request("GET", url).status == 302
    assert b"alice" in browser.request("GET", "/login").body
    again = Browser(site.url)
    assert again.request("GET", back(again, 2)).status == 302
    assert b"alice" in again.request("GET", "/login").body
    begun = browser.request("GET", "/login/oidc/2?link=1", {"Authorization": basic("bob", site.users["bob"]), **SAME})
    url = browser.request("GET", begun["Location"])["Location"]
    assert browser.request("GET", url).status == 409
    site.cli("user", "unlink", "alice", partner.issuer)
    assert not signed_in(again), "sessions of the identity end with the link"
    secret = site.cli("token", "add", "alice", "--scope", "read").stdout.strip()
    limited = {"Authorization": f"Bearer {secret}", **SAME}
    assert Browser(site.url).request("GET", "/login/oidc/2?link=1", limited).status == 403
    person(lab)
    for token in (lab.mint(), json.loads(site.dav("alice", "/").request("POST", "/login/token").body)["access_token"]):
        brief = {"Authorization": f"Bearer {token}", **SAME}
        assert Browser(site.url).request("GET", "/login/oidc/2?link=1", brief).status == 403


def told(server: Server, token: str, kind: str = "application/x-www-form-urlencoded") -> Answer:
    """What the server says to a logout token."""
    client = Dav(server.port, "/", None)
    body = urlencode({"logout_token": token})
    answer = client.request("POST", "/login/backchannel", body, {"Content-Type": kind})
    client.close()
    return answer


def test_back_channel_logout_of_a_session(site: Server, lab: Provider) -> None:
    """One session there is one here; programs with its tokens are refused as well, also remembered ones."""
    person(lab, sid="first")
    first, second = Browser(site.url), Browser(site.url)
    first.request("GET", back(first))
    token = lab.mint()
    lab.person["sid"] = "second"
    second.request("GET", back(second))
    other = lab.mint()
    programs = [Dav(site.port, "/dav/home/", f"Bearer {each}") for each in (token, other, token)]
    assert [program.exists("") for program in programs] == [True] * 3
    assert signed_in(first) and signed_in(second)
    answer = told(site, lab.logout_token(sid="first"))
    assert answer.status == 200 and answer["Cache-Control"] == "no-store"
    assert [signed_in(first) for _ in range(6)] == [False] * 6
    assert [signed_in(second) for _ in range(4)] == [True] * 4
    for _ in range(4):
        fresh = Dav(site.port, "/dav/home/", f"Bearer {token}")
        assert fresh.get("").status == 401
        fresh.close()
    assert [program.get("").status for program in programs] == [401, 200, 401]
    time.sleep(1.1)
    lab.person["sid"] = "third"
    again = Dav(site.port, "/dav/home/", f"Bearer {lab.mint()}")
    assert again.exists(""), "a new session there is a new one here"


def test_back_channel_logout_of_a_person(site: Server, lab: Provider) -> None:
    """Without a session, everything of the subject ends; tokens issued later are good again."""
    person(lab, sid="only")
    browser = Browser(site.url)
    browser.request("GET", back(browser))
    program = Dav(site.port, "/dav/home/", f"Bearer {lab.mint(iat=int(time.time()) - 2)}")
    assert program.exists("") and signed_in(browser)
    assert told(site, lab.logout_token()).status == 200
    assert program.get("").status == 401 and not signed_in(browser)
    time.sleep(1.1)
    assert Dav(site.port, "/dav/home/", f"Bearer {lab.mint()}").exists("")
    assert browser.request("GET", back(browser)).status == 302
    assert signed_in(browser)


@pytest.mark.parametrize(
    "claims",
    [
        {"events": None},
        {"events": {}},
        {"events": {LOGOUT_EVENT: "yes"}},
        {"events": [LOGOUT_EVENT]},
        {"nonce": "n"},
        {"sub": None},
        {"sub": 7},
        {"iat": None},
        {"iat": 10**9},
        {"exp": 10**9},
        {"jti": None},
        {"aud": "another"},
        {"iss": "http://127.0.0.1:1"},
    ],
    ids=str,
)
def test_bad_logout_tokens(site: Server, lab: Provider, claims: dict[str, object]) -> None:
    """OpenID Connect Back-Channel Logout 1.0 section 2.6: each of its rules; nobody is signed out."""
    person(lab)
    browser = Browser(site.url)
    browser.request("GET", back(browser))
    answer = told(site, lab.logout_token(**claims))
    assert answer.status == 400 and b"invalid_request" in answer.body
    assert signed_in(browser)


def test_logout_tokens_count_once(site: Server, lab: Provider, browser: Browser) -> None:
    """A replayed one signs nobody out; one of somebody else's key, and no token at all, neither."""
    person(lab)
    token = lab.logout_token()
    assert told(site, token).status == 200
    time.sleep(1.1)
    browser.request("GET", back(browser))
    assert told(site, token).status == 400
    assert told(site, token[:-6] + "AAAAAA").status == 400
    assert told(site, "").status == 400
    assert told(site, lab.logout_token(), kind="text/plain").status == 400
    assert told(site, "x" * 100_000).status == 413
    assert told(site, lab.mint()).status == 400, "an access token is none"
    assert signed_in(browser)


def test_a_disabled_person(site: Server, lab: Provider, browser: Browser) -> None:
    """Is out at once, and does not get in again."""
    name = person(lab)
    browser.request("GET", back(browser))
    site.cli("user", "disable", name)
    assert [signed_in(browser) for _ in range(4)] == [False] * 4
    browser.cookies.clear()
    failed(browser, browser.request("GET", back(browser)), 403)


def test_very_many_groups(site: Server, lab: Provider, browser: Browser) -> None:
    """An ID token may be long; a limit of groups is kept."""
    name = person(lab, groups=[f"{name}-{secrets.token_hex(20)}" for name in range(300)])
    assert browser.request("GET", back(browser)).status == 302
    query = f"SELECT count(*) FROM member m JOIN principal u ON u.id=m.\"user\" WHERE u.name='{name}'"
    assert site.rows(query) == [(200,)]


def test_groups_are_left_at_a_sign_in(site: Server, lab: Provider, browser: Browser) -> None:
    """A provider that says nothing of groups in an ID token means that there are none."""
    name = person(lab, groups=["chemistry"], iat=int(time.time()) - 5)
    browser.request("GET", back(browser))
    groups = f"SELECT count(*) FROM member m JOIN principal u ON u.id=m.\"user\" WHERE u.name='{name}'"
    assert site.rows(groups) == [(1,)]
    lab.person = {"sub": lab.person["sub"], "preferred_username": name}
    browser.request("GET", back(browser))
    assert site.rows(groups) == [(0,)]


def test_addresses_and_methods(site: Server, browser: Browser) -> None:
    """Everything else is a clear no."""
    for path in (
        "/login/oidc/0",
        "/login/oidc/3",
        "/login/oidc/x",
        "/login/oidc/%C2%B2",
        "/login/oidc/99999",
        "/login/no",
    ):
        assert browser.request("GET", path).status == 404
    assert browser.request("PUT", "/login", SAME, "x")["Allow"] == "OPTIONS, GET"
    assert browser.request("GET", "/logout").status == 405
    assert browser.request("GET", "/login/callback?state=a&state=b").status == 400
    assert browser.request("GET", "/login?" + "&".join(f"a{n}=1" for n in range(80))).status == 400
    assert browser.request("GET", "/login?next=%ff%fe").status == 400


def test_a_provider_that_is_away(lab: Provider, browser: Browser) -> None:
    """The button says so, with a page's status that lets people try again."""
    person(lab)
    url = back(browser)
    with lab.away():
        failed(browser, browser.request("GET", url), 503)


def test_a_button_of_a_provider_that_was_never_there(tmp_path: Path) -> None:
    """A page says so; the password still works."""
    provider = Provider()
    server = Server.start(tmp_path, workers=1, serve=False)
    (server.data / "oidc.toml").write_text(provider.table(), "utf-8")
    server.run({"DAVSHARE_OIDC": "oidc.toml"})
    browser = Browser(server.url)
    try:
        with provider.away():
            failed(browser, browser.request("GET", "/login/oidc/1"), 503)
        browser.request("GET", "/login/password", {"Authorization": basic("alice", server.users["alice"])})
        assert signed_in(browser)
    finally:
        server.discard()
        provider.close()


def test_guests_begin_elsewhere(tmp_path: Path) -> None:
    """They have no home to go to, unless they say where."""
    provider = Provider()
    person(provider)
    server = Server.start(tmp_path, workers=1, serve=False)
    (server.data / "oidc.toml").write_text(provider.table(guests=True, auto_create=True), "utf-8")
    server.run({"DAVSHARE_OIDC": "oidc.toml"})
    browser = Browser(server.url)
    try:
        assert browser.request("GET", back(browser, next=""))["Location"] == "/dav/"
        assert browser.request("GET", "/dav/").status == 200
        assert browser.request("GET", back(browser, next="/dav/spaces/"))["Location"] == "/dav/spaces/"
    finally:
        server.discard()
        provider.close()


@pytest.mark.parametrize(
    "text, said",
    [
        ("provider = 7", "expected [[provider]] tables"),
        ("[[provider]]\nissuer = 'https://a.example'", "client_id is missing"),
        ("[[provider]]\nissuer = 'http://a.example'\nclient_id = 'x'", "expected https://"),
        ("[[provider]]\nissuer = 'https://u:p@a.example'\nclient_id = 'x'", "expected https://"),
        ("[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\nalgorithms = ['HS256']", "algorithms: expected"),
        ("[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\nalgorithms = ['none']", "algorithms: expected"),
        ("[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\nclaim = 'y'", "unknown key 'claim'"),
        ("[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\nscopes = ['email']", "expected openid"),
        (
            "[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\naccounts = 'remote'\ngroups_claim = 'g'",
            "group_prefix is missing",
        ),
        (
            "[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\nclient_secret_file = 'none'",
            "client_secret_file cannot be read",
        ),
        ("[[provider]]\nissuer = 'https://a.example'\nclient_id = 'x'\n" * 2, "an issuer is named twice"),
        ("[[provider", "is not valid TOML"),
    ],
)
def test_mistakes_in_the_file_are_explained(tmp_path: Path, text: str, said: str) -> None:
    """Before the server serves."""
    from davshare.errors import UsageError
    from davshare.identity import providers

    (tmp_path / "oidc.toml").write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        providers.load(tmp_path, "oidc.toml")
    assert said in caught.value.message


def test_a_server_does_not_start_with_a_mistake(tmp_path: Path) -> None:
    """One line says what is wrong; a secret can be in a file of its own."""
    server = Server.start(tmp_path, serve=False, users={})
    done = server.cli("serve", str(server.data), "--oidc", "missing.toml", check=False)
    assert done.returncode == 2 and "missing.toml cannot be read" in done.stderr
    from davshare.identity import providers

    (server.data / "secret").write_text("hidden\n", "utf-8")
    table = "[[provider]]\nissuer='https://a.example'\nclient_id='x'\nclient_secret_file='secret'\n"
    (server.data / "oidc.toml").write_text(table, "utf-8")
    (found,) = providers.load(server.data, "oidc.toml")
    assert (found.client_secret, found.audience, found.label) == ("hidden", ("x",), "a.example")
    server.discard()
