"""Access tokens of OpenID providers on WebDAV paths (RFC 6750, RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.client import Answer, Dav
from support.parallel import together
from support.provider import Provider, SigningKey, b64, compact, hs256
from support.server import Server

pytestmark = pytest.mark.slow

HOME = "/dav/home/"


def serve(folder: Path, *tables: str, workers: int = 2) -> Server:
    """A server that knows these providers."""
    server = Server.start(folder, workers=workers, serve=False)
    (server.data / "oidc.toml").write_text("\n".join(tables), "utf-8")
    with (server.data / "davshare.toml").open("a") as file:
        file.write('\noidc = "oidc.toml"\n')
    server.run()
    return server


@pytest.fixture(scope="module")
def lab() -> Iterator[Provider]:
    """The provider of the house."""
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def partner() -> Iterator[Provider]:
    """Another house's."""
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab: Provider, partner: Provider) -> Iterator[Server]:
    """A server that knows both, and trusts them differently."""
    tables = (
        lab.table(name="The lab", auto_create=True, groups_claim="groups", algorithms=["RS256", "ES256"]),
        partner.table(accounts="remote", auto_create=True, groups_claim="roles", group_prefix="partner-"),
    )
    server = serve(tmp_path_factory.mktemp("oidc"), *tables)
    yield server
    server.discard()


def ask(server: Server, token: str, path: str = HOME) -> Answer:
    """What somebody with this token is answered, on a new connection."""
    client = Dav(server.port, path, f"Bearer {token}")
    try:
        return client.request("PROPFIND", "", headers={"Depth": "0"})
    finally:
        client.close()


def accepted(server: Server, token: str) -> bool:
    """Whether a token is taken; the answer is either that or a challenge."""
    answer = ask(server, token)
    assert answer.status in (207, 401), repr(answer)
    if answer.status == 401:
        assert any(each.startswith("Bearer") for each in answer.headers.get_all("WWW-Authenticate", []))
    return answer.status == 207


def name_of(server: Server, token: str) -> str:
    """Whom a token makes of somebody."""
    client = Dav(server.port, HOME, f"Bearer {token}")
    element = client.prop("", "current-user-principal")[1]
    client.close()
    return element[0].text.rstrip("/").rsplit("/", 1)[1].replace("%40", "@")


def person(provider: Provider, **more: object) -> dict[str, object]:
    """Somebody new, who is the provider's person from now on."""
    sub = secrets.token_hex(6)
    provider.person = {"sub": sub, "preferred_username": f"p{sub}", **more}
    return provider.person


@pytest.mark.rfc("6750", "2.1", "an access token of a known issuer signs in on WebDAV paths")
def test_a_token_signs_in(site: Server, lab: Provider) -> None:
    """The account and its home are made at the first sight of somebody, and are the same ones later."""
    who = person(lab, name="Grace Hopper", email="grace@example.org", email_verified=True)
    client = Dav(site.port, HOME, f"Bearer {lab.mint()}")
    assert client.put("notes.txt", b"mine").status == 201
    assert (site.home(str(who["preferred_username"])) / "notes.txt").read_bytes() == b"mine"
    other = Dav(site.port, "/remote.php/webdav/", f"Bearer {lab.mint(jti='2')}")
    assert other.get("notes.txt").body == b"mine"
    rows = site.rows("SELECT display_name, email, source, password FROM principal WHERE kind='user'")
    assert ("Grace Hopper", "grace@example.org", "oidc", None) in rows


def test_many_first_requests_make_one_account(site: Server, lab: Provider) -> None:
    """Several workers may see somebody for the first time at once."""
    who = person(lab)
    answers = together([lambda n=n: ask(site, lab.mint(jti=str(n))) for n in range(6)])
    assert [answer.status for answer in answers] == [207] * 6
    found = site.rows(f"SELECT count(*) FROM principal WHERE name LIKE '{who['preferred_username']}%'")
    assert found[0][0] == 1


def now(offset: float) -> int:
    """Seconds since 1970."""
    return int(time.time() + offset)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"iss": ["x"]},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another", 7]},
        {"aud": {"davshare": 1}},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
        {"sub": "line\nbreak"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e308},
        {"exp": 10**400},
        {"iat": None},
        {"at_hash": "of an ID token"},
        {"typ": "ID"},
        {"events": {}},
        {"sid": 5},
    ],
    ids=str,
)
@pytest.mark.rfc("7519", "4.1", "tokens without, or with another, issuer, audience, subject or time are refused")
def test_wrong_claims(site: Server, lab: Provider, claims: dict[str, object]) -> None:
    """One claim that is not as it should be is enough."""
    person(lab)
    assert accepted(site, lab.mint())
    assert not accepted(site, lab.mint(**claims))


@pytest.mark.parametrize(
    "exp, nbf, iat, good",
    [
        (300, None, -1000, True),
        (-30, None, -1000, True),
        (-90, None, -1000, False),
        (300, 30, 0, True),
        (300, 90, 0, False),
        (300, None, 30, True),
        (300, None, 90, False),
        (300, None, -90_000, False),
        (10**6, None, -80_000, True),
    ],
)
def test_times(site: Server, lab: Provider, exp: int, nbf: int | None, iat: int, good: bool) -> None:
    """A minute of skew between clocks is taken, and no token counts for more than a day."""
    person(lab)
    token = lab.mint(exp=now(exp), nbf=None if nbf is None else now(nbf), iat=now(iat))
    assert accepted(site, token) is good


@pytest.mark.slow
def test_times_are_kept_to_when_a_token_is_remembered(site: Server, lab: Provider) -> None:
    """What was good a moment ago is over at its time, skew included."""
    person(lab)
    token = lab.mint(exp=now(-57), iat=now(-300))
    assert accepted(site, token)
    until = time.monotonic() + 10
    while accepted(site, token):
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.rfc("8725", "3.1", "the algorithm has to be one of the list and fit the key")
def test_algorithms(site: Server, lab: Provider) -> None:
    """No signature, a public key taken for a shared secret (CVE-2024-33663, past failure 48), another kind of key."""
    person(lab)
    key, claims = lab.keys[-1], lab.claims()
    header = {"kid": key.kid, "typ": "at+jwt"}
    forged = [
        compact({**header, "alg": "none"}, claims, lambda data: b""),
        compact({**header, "alg": "HS256"}, claims, hs256(key.pem())),
        compact({**header, "alg": "HS256"}, claims, hs256(key.pem().strip())),
        compact({**header, "alg": "HS256"}, claims, hs256(b"")),
        compact({**header, "alg": "ES256"}, claims, SigningKey("ES256").sign),
        compact({**header, "alg": "RS512"}, claims, key.sign),
        compact({**header, "alg": "rs256"}, claims, key.sign),
        compact({**header, "alg": ["RS256"]}, claims, key.sign),
        compact({**header, "alg": "dir", "enc": "A256GCM"}, claims, key.sign),
        compact({"kid": key.kid}, claims, key.sign),
        compact({**header, "alg": "RS256"}, claims, SigningKey().sign),
    ]
    assert [accepted(site, token) for token in forged] == [False] * len(forged)
    good = compact({**header, "alg": "RS256"}, claims, key.sign)
    assert accepted(site, good)
    assert not accepted(site, good[:-8] + "AAAAAAAA")
    assert not accepted(site, good.rpartition(".")[0] + ".")


@pytest.mark.rfc("7515", "4.1.11", "crit and everything else that a verifier would have to know is refused")
@pytest.mark.parametrize("name", ["crit", "zip", "enc", "jku", "jwk", "x5u", "b64"])
def test_header_parameters(site: Server, lab: Provider, name: str) -> None:
    """python-jose 3.5.0 ignores crit (its issue 413)."""
    person(lab)
    values = {"crit": ["exp"], "jwk": lab.keys[-1].jwk(), "b64": False}
    assert not accepted(site, lab.mint({name: values.get(name, "x")}))


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "a.b.c.d.e",
        "..",
        f"{b64(b'[]')}.{b64(b'{}')}.AA",
        f"{b64(b'{' * 3000)}.{b64(b'{}')}.AA",
        f"{b64(b'[' * 3000)}.{b64(b'[' * 3000)}.AA",
        b64(b'{"alg":"RS256","alg":"none"}') + "." + b64(b"{}") + ".AA",
        b64(b'{"alg":NaN}') + "." + b64(b"{}") + ".AA",
        b64(b'{"alg":"RS256"}') + "." + b64(b'{"exp":' + b"9" * 5000 + b"}") + ".AA",
        b64(b"\xff\xfe") + "." + b64(b"{}") + ".AA",
        "x" * 7000 + "." + "y" * 7000 + ".z",
    ],
    ids=lambda token: token[:24],
)
def test_garbage(site: Server, token: str) -> None:
    """Whatever it is, it is no token."""
    assert not accepted(site, token)


def test_two_issuers_with_the_same_subject(site: Server, lab: Provider, partner: Provider) -> None:
    """A subject is one of its issuer; accounts of the remote one say where they come from."""
    lab.person = partner.person = {"sub": "same-" + secrets.token_hex(4), "preferred_username": "twin"}
    assert name_of(site, lab.mint()) == "twin"
    assert name_of(site, partner.mint()) == "twin@127.0.0.1"
    assert not accepted(site, lab.mint(iss=partner.issuer)), "signed with the other's key"


def test_a_name_alone_opens_nothing(site: Server, lab: Provider, partner: Provider) -> None:
    """Somebody called alice at a provider is not alice here."""
    person(lab)["preferred_username"] = "alice"
    assert name_of(site, lab.mint()) == "alice-2"
    person(lab)["preferred_username"] = "alice"
    assert name_of(site, lab.mint()) == "alice-3"
    person(lab)["preferred_username"] = "../../etc"
    made = name_of(site, lab.mint())
    assert "/" not in made and (site.data / "homes" / made).is_dir()
    who = person(lab)
    who["preferred_username"] = "\u202e\u0000" * 40
    assert name_of(site, lab.mint()).startswith("user-")


def test_linked_by_hand(site: Server, lab: Provider) -> None:
    """The command line says who somebody is, and that they are not any more."""
    who = person(lab)
    site.cli("user", "link", "bob", lab.issuer, str(who["sub"]))
    token = lab.mint()
    assert name_of(site, token) == "bob"
    shown = json.loads(site.cli("user", "show", "bob", "--json").stdout)
    assert shown["identities"] == [f"{lab.issuer} {who['sub']}"]
    assert site.cli("user", "link", "alice", lab.issuer, str(who["sub"]), check=False).returncode == 4
    assert site.cli("user", "link", "nobody", lab.issuer, "1", check=False).returncode == 3
    site.cli("user", "unlink", "bob", lab.issuer, str(who["sub"]))
    assert name_of(site, token) != "bob"
    assert site.cli("user", "unlink", "bob", lab.issuer, check=False).returncode == 3


def test_a_disabled_account(site: Server, lab: Provider) -> None:
    """It is refused in every worker from the next request on, and let in again."""
    who = person(lab)
    token = lab.mint()
    assert accepted(site, token)
    site.cli("user", "disable", str(who["preferred_username"]))
    assert [accepted(site, token) for _ in range(6)] == [False] * 6
    site.cli("user", "enable", str(who["preferred_username"]))
    assert accepted(site, token)


def groups_of(server: Server, name: object) -> set[str]:
    """The groups that somebody is in."""
    rows = server.rows(
        'SELECT g.name FROM member m JOIN principal g ON g.id=m."group" JOIN principal u ON u.id=m."user"'
        f" WHERE u.name='{name}'"
    )
    return {row[0] for row in rows}


def test_groups_are_joined_and_left(site: Server, lab: Provider) -> None:
    """As the newest token says; what was done by hand stays, and opens what groups open."""
    who = person(lab, groups=["physics", "/night shift", "no:name", 7])
    name = str(who["preferred_username"])
    old = lab.mint(iat=now(-20))
    assert accepted(site, old)
    assert groups_of(site, name) == {"physics", "night shift"}
    site.cli("group", "add", f"hand-{name}")
    site.cli("group", "add-member", f"hand-{name}", name)
    site.cli("space", "add", f"s{name}", "--member", "physics:editor")
    assert ask(site, old, f"/dav/spaces/s{name}/").status == 207
    who["groups"] = ["chemistry", f"hand-{name}"]
    new = lab.mint(iat=now(-10))
    assert ask(site, new, f"/dav/spaces/s{name}/").status == 404
    assert groups_of(site, name) == {"chemistry", f"hand-{name}"}
    assert accepted(site, old)
    assert groups_of(site, name) == {"chemistry", f"hand-{name}"}, "an older token brings nothing back"
    del who["groups"]
    assert accepted(site, lab.mint(iat=now(-5)))
    assert groups_of(site, name) == {"chemistry", f"hand-{name}"}, "an access token may say nothing of groups"
    who["groups"] = []
    assert accepted(site, lab.mint(iat=now(-4)))
    assert groups_of(site, name) == {f"hand-{name}"}


def test_groups_of_others_have_a_prefix(site: Server, partner: Provider) -> None:
    """The partner's physics is not ours."""
    who = person(partner, roles="physics")
    assert accepted(site, partner.mint())
    assert groups_of(site, f"{who['preferred_username']}@127.0.0.1") == {"partner-physics"}


Start = Callable[..., tuple[Server, Provider]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A server and a provider of one's own."""
    running: list[Server | Provider] = []

    def begin(workers: int = 1, **options: object) -> tuple[Server, Provider]:
        provider = Provider()
        person(provider)
        running.append(provider)
        server = serve(tmp_path, provider.table(**{"auto_create": True, **options}), workers=workers)
        running.append(server)
        return server, provider

    yield begin
    for each in running:
        each.close() if isinstance(each, Provider) else each.discard()


@pytest.mark.rfc("7517", "4.5", "the key is the one that the token names")
def test_keys(start: Start) -> None:
    """A key id that is not known, one of another kind, and none where several keys could be meant."""
    server, provider = start()
    rsa_key = provider.keys[-1]
    assert accepted(server, provider.mint())
    curve = provider.rotate("ES256", keep=True)
    assert accepted(server, provider.mint(key=curve)), "a new key is looked for"
    assert accepted(server, provider.mint(key=rsa_key))
    assert accepted(server, provider.mint({"kid": None}, key=rsa_key)), "only one key fits"
    assert not accepted(server, provider.mint({"kid": "unknown"}, key=rsa_key))
    assert not accepted(server, provider.mint({"kid": curve.kid}, key=rsa_key)), "a key of another kind"
    assert not accepted(server, provider.mint({"kid": rsa_key.kid}, key=curve))
    assert not accepted(server, provider.mint({"kid": "x" * 300}, key=rsa_key))


def test_keys_change_and_the_provider_goes_away(start: Start) -> None:
    """New keys are found at once, but not by everyone who names one; known ones go on while nobody answers."""
    server, provider = start()
    assert accepted(server, provider.mint())
    old = provider.keys[-1]
    provider.rotate()
    assert accepted(server, provider.mint()), "looked for at once"
    assert not accepted(server, provider.mint(key=old)), "an old key is no key any more"
    asked = provider.asked["/jwks"]
    for number in range(20):
        assert not accepted(server, provider.mint({"kid": f"made up {number}"}))
    assert provider.asked["/jwks"] == asked, "strangers cannot make the server ask"
    with provider.away():
        assert accepted(server, provider.mint(jti="away"))
        assert not accepted(server, provider.mint({"kid": "another"}))


@pytest.mark.slow
def test_a_provider_that_is_away_from_the_start(start: Start) -> None:
    """Nothing can be said about a token: that is no refusal (past failure 4), and the next one is not kept waiting."""
    server, provider = start()
    with provider.away():
        answer = ask(server, provider.mint())
        assert answer.status == 503 and int(answer["Retry-After"]) > 0
        assert server.dav("alice").exists("")
    provider.delays = {"/jwks": 30.0}
    server.restart()
    began = time.monotonic()
    waiting = [lambda n=n: ask(server, provider.mint(jti=str(n))) for n in range(12)]
    answers = together([*waiting, lambda: server.dav("alice").request("PROPFIND", "", headers={"Depth": "0"})])
    assert [answer.status for answer in answers] == [503] * 12 + [207]
    assert 4 < time.monotonic() - began < 9, "all of them wait for one and the same answer"
    began = time.monotonic()
    assert ask(server, provider.mint()).status == 503
    assert time.monotonic() - began < 2


DISCOVERY = "/.well-known/openid-configuration"
HOSTILE: dict[str, dict[str, dict[str, object]]] = {
    "another issuer": {"lies": {"issuer": "http://127.0.0.1:1"}},
    "nearly the issuer": {"lies": {"issuer": "PLUS/"}},
    "a file": {"lies": {"jwks_uri": "file:///etc/passwd"}},
    "a private network": {"lies": {"jwks_uri": "http://10.0.0.1/jwks"}},
    "no address": {"lies": {"jwks_uri": 7}},
    "a huge answer": {"bodies": {"/jwks": b'{"keys":[' + b'{"kty":"RSA"},' * 50_000 + b"{}]}"}},
    "many keys": {"bodies": {"/jwks": b'{"keys":[' + b'{"kty":"oct","k":"AAAA"},' * 200 + b"{}]}"}},
    "deep JSON": {"bodies": {"/jwks": b"[" * 100_000}},
    "a list": {"bodies": {"/jwks": b"[]"}},
    "no list": {"bodies": {"/jwks": b'{"keys":7}'}},
    "a page": {"bodies": {DISCOVERY: b"<html>"}},
    "redirected keys": {"redirects": {"/jwks": "ELSEWHERE"}},
    "a redirect": {"redirects": {DISCOVERY: "ELSEWHERE"}},
}


@pytest.mark.parametrize("attributes", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers(site: Server, tmp_path_factory: pytest.TempPathFactory, attributes: dict) -> None:
    """Whatever a provider says, it is not believed, not followed, and does not hurt others."""
    provider = Provider()
    person(provider)
    target = Provider()
    for name, value in attributes.items():
        if isinstance(value, dict) and "ELSEWHERE" in value.values():
            path = next(iter(value))
            value = {path: f"{target.issuer}{path}"}
        if value == {"issuer": "PLUS/"}:
            value = {"issuer": provider.issuer + "/"}
        setattr(provider, name, value)
    server = serve(tmp_path_factory.mktemp("hostile"), provider.table(auto_create=True), workers=1)
    try:
        began = time.monotonic()
        assert ask(server, provider.mint()).status == 503
        assert time.monotonic() - began < 7
        assert not target.asked
        assert server.dav("alice").exists("")
    finally:
        server.discard()
        provider.close()
        target.close()


def test_public_addresses_only(tmp_path: Path) -> None:
    """Without leave, a provider in this machine or a private network is not asked (past failure 45)."""
    provider = Provider()
    person(provider)
    tables = (
        provider.table(auto_create=True, allow_private=False, allow_http=False, issuer="https://127.0.0.1:1"),
        provider.table(auto_create=True, allow_private=False, allow_http=False, issuer="https://localhost:1"),
        provider.table(auto_create=True, allow_private=False, allow_http=False, issuer="https://[::ffff:10.1.1.1]"),
    )
    server = serve(tmp_path, *tables, workers=1)
    try:
        for issuer in ("https://127.0.0.1:1", "https://localhost:1", "https://[::ffff:10.1.1.1]"):
            began = time.monotonic()
            assert ask(server, provider.mint(iss=issuer)).status == 503
            assert time.monotonic() - began < 2
        assert server.log_tail().count("has no address that may be asked") == 3
    finally:
        server.discard()
        provider.close()


def test_without_auto_create_strangers_stay_outside(start: Start) -> None:
    """Only those who are linked come in; an e-mail address links where the configuration says so, and only then."""
    server, provider = start(auto_create=False)
    server.cli("user", "set", "bob", "--email", "bob@example.org")
    person(provider, email="bob@example.org", email_verified=True)
    assert not accepted(server, provider.mint())
    assert server.rows("SELECT count(*) FROM identity")[0][0] == 0


def test_verified_addresses_link_where_that_is_configured(start: Start) -> None:
    """One account with the address, and the provider has verified it."""
    server, provider = start(auto_create=False, link_by_email=True)
    server.cli("user", "set", "bob", "--email", "Bob@example.org")
    person(provider, email="bob@example.org", email_verified="true")
    assert not accepted(server, provider.mint())
    person(provider, email="", email_verified=True)
    assert not accepted(server, provider.mint())
    person(provider, email="bob@example.org", email_verified=True)
    assert not accepted(server, provider.mint()), "bob may have chosen the address himself"
    server.cli("settings", "set", "accounts.change_email", "off")
    assert name_of(server, provider.mint()) == "bob"
    server.cli("user", "set", "alice", "--email", "bob@example.org")
    person(provider, email="bob@example.org", email_verified=True)
    assert not accepted(server, provider.mint()), "two accounts have the address"


def test_guests(start: Start) -> None:
    """Who is made a guest can make nothing in the home, and sees what others granted."""
    server, provider = start(guests=True, accounts="remote")
    who = person(provider)
    client = Dav(server.port, "/dav/", f"Bearer {provider.mint()}")
    assert client.names("") == {"home", "principals", "spaces", "users"}
    assert client.put("home/a", b"x").status == 403
    server.cli("space", "add", "shared", "--member", f"{who['preferred_username']}@127.0.0.1:editor")
    assert client.put("spaces/shared/a", b"x").status == 201


def test_unlinking_takes_groups_and_sessions_along(start: Start) -> None:
    """What came from the provider goes with it; what was done by hand stays."""
    server, provider = start(auto_create=False, groups_claim="groups")
    who = person(provider, groups=["physics"])
    server.cli("user", "link", "bob", provider.issuer, str(who["sub"]))
    server.cli("group", "add", "by-hand")
    server.cli("group", "add-member", "by-hand", "bob")
    assert accepted(server, provider.mint())
    assert groups_of(server, "bob") == {"physics", "by-hand"}
    server.cli("user", "unlink", "bob", provider.issuer)
    assert not accepted(server, provider.mint())
    assert groups_of(server, "bob") == {"by-hand"}
    assert server.cli("user", "link", "bob", "ldap", "1", check=False).returncode == 2
    assert server.cli("user", "unlink", "bob", "ldap", check=False).returncode == 3


def test_audiences(start: Start) -> None:
    """Which audiences are meant is configured, and so is whether the party that asked counts."""
    server, provider = start(audience=["files", "https://files.example.org"], accept_azp=True)
    assert accepted(server, provider.mint(aud=["other", "files"]))
    assert accepted(server, provider.mint(aud="https://files.example.org"))
    assert accepted(server, provider.mint(aud="account", azp="files"))
    assert accepted(server, provider.mint(aud=None, client_id="files"))
    assert not accepted(server, provider.mint(aud="davshare"))
    assert not accepted(server, provider.mint(aud="account", azp="other"))
