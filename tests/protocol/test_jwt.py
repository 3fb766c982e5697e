"""Our own short-lived tokens: got with other credentials, worth no more than those, and ended at once."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from davshare.index.backends import database
from support.client import Answer, Dav
from support.provider import SigningKey, b64, compact, hs256
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def asked(server: Server, credentials: str | tuple[str, str], body: Any = None, headers: Any = None) -> Answer:
    """The answer to somebody who wants a token."""
    client = Dav(server.port, "/", credentials)
    data = json.dumps(body) if isinstance(body, dict) else body
    answer = client.request("POST", "/login/token", data, headers or (JSON if data else {}))
    client.close()
    return answer


def token(server: Server, user: str = "alice", **body: Any) -> str:
    """A token of a user's."""
    answer = asked(server, (user, server.users[user]), body)
    assert answer.status == 200, repr(answer)
    return str(json.loads(answer.body)["access_token"])


def client(server: Server, secret: str, base: str = "/dav/home/") -> Dav:
    """A program with a token."""
    return Dav(server.port, base, f"Bearer {secret}")


def accepted(server: Server, secret: str) -> bool:
    """Whether a token is taken, by some worker."""
    program = client(server, secret)
    status = program.request("PROPFIND", "", headers={"Depth": "0"}).status
    program.close()
    assert status in (207, 401)
    return status == 207


def claims_of(secret: str) -> dict[str, Any]:
    """What a token says."""
    body = secret.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


@pytest.mark.rfc("6750", "4", "a token answer says token, kind and lifetime, and is stored by nobody")
def test_a_token(server: Server) -> None:
    """For a password or an app token, as form or JSON; it works on every path and says nothing about its owner."""
    answer = asked(server, ("alice", server.users["alice"]))
    assert answer.status == 200 and answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == "application/json"
    told = json.loads(answer.body)
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 900)
    claims = claims_of(told["access_token"])
    assert claims["exp"] - claims["iat"] == 900
    assert set(claims) == {"iss", "aud", "sub", "jti", "iat", "exp"} and "alice" not in json.dumps(claims)
    for base in ("/dav/home/", "/dav/", "/remote.php/webdav/"):
        assert client(server, told["access_token"], base).exists("")
    secret = server.cli("token", "add", "alice").stdout.strip()
    for credentials in (f"Bearer {secret}", ("alice", secret)):
        answer = asked(server, credentials, "lifetime=60", FORM)
        assert json.loads(answer.body)["expires_in"] == 60
        assert accepted(server, json.loads(answer.body)["access_token"])


def test_credentials_for_a_token(server: Server) -> None:
    """None, wrong ones, and a token for a token: that would never end."""
    got = token(server)
    for credentials in (None, "Bearer x", f"Bearer {got}", f"Cookie {got}", ("alice", got)):
        answer = asked(server, credentials)  # type: ignore[arg-type]
        assert answer.status == 401 and answer["WWW-Authenticate"], credentials


@pytest.mark.parametrize(
    "body, headers, status",
    [
        ({"lifetime": 0}, JSON, 400),
        ({"lifetime": 3601}, JSON, 400),
        ({"lifetime": True}, JSON, 400),
        ({"lifetime": 1.5}, JSON, 400),
        ({"lifetime": "-1"}, JSON, 400),
        ({"lifetime": "9" * 5000}, JSON, 400),
        ({"scope": 7}, JSON, 400),
        ({"scope": "admin"}, JSON, 400),
        ({"scope": "read write"}, JSON, 400),
        ({"scope": "path:home/a path:home/b"}, JSON, 400),
        ({"scope": "path:home/../.."}, JSON, 400),
        ({"scope": "path:etc/passwd"}, JSON, 400),
        ({"scope": "path:home/missing"}, JSON, 404),
        ({"scope": "space:missing"}, JSON, 404),
        ({"scope": "path:users/bob"}, JSON, 404),
        ("[]", JSON, 400),
        ("[" * 9000, JSON, 400),
        ("{", JSON, 400),
        ("x" * 100_000, JSON, 413),
        ("scope=read", {"Content-Type": "text/plain"}, 400),
        ("scope=read&scope=write", FORM, 400),
        ("&".join(f"a{n}=1" for n in range(99)), FORM, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_requests(server: Server, body: Any, headers: dict[str, str], status: int) -> None:
    """What makes no sense is a clear no."""
    assert asked(server, ("alice", server.users["alice"]), body, headers).status == status


def test_scopes_take_away(server: Server) -> None:
    """Of what the credentials can do, and of nothing else; also for those who have asked before with all rights."""
    full = server.dav("alice")
    box = full.fresh_box()
    folder = box.base.removeprefix("/dav/")
    box.put("in", b"x")
    name = folder.rstrip("/").rsplit("/", 1)[1]
    assert box.get("in").status == 200
    reader = client(server, token(server, scope="read"), box.base)
    assert reader.get("in").body == b"x"
    assert reader.put("in", b"y").status == 403 and reader.delete("in").status == 403
    inside = client(server, token(server, scope=f"path:{folder}"))
    assert inside.put(f"{name}/made", b"x").status == 201
    assert inside.put("outside", b"x").status in (403, 404)
    assert inside.names("") == {name}
    both = client(server, token(server, scope=f"read,path:{folder}"))
    assert both.get(f"{name}/in").status == 200 and both.put(f"{name}/more", b"x").status == 403
    assert box.put("in", b"z").status == 204, "nobody else is limited by that"


def test_scopes_of_limited_credentials(server: Server) -> None:
    """A token got with an app token has its limits, and ends with it."""
    full = server.dav("alice")
    box, other = full.fresh_box(), full.fresh_box()
    inner = box.below("inner")
    full.mkcol(inner.base)
    path = box.base.removeprefix("/dav/")
    made = json.loads(server.cli("token", "add", "alice", "--scope", f"read,path:{path}", "--json").stdout)
    credentials = f"Bearer {made['token']}"
    got = json.loads(asked(server, credentials, {"scope": "write"}).body)["access_token"]
    program = client(server, got, box.base)
    assert program.exists("") and program.put("x", b"x").status == 403
    assert client(server, got, other.base).get("").status == 404
    assert asked(server, credentials, {"scope": f"path:{other.base.removeprefix('/dav/')}"}).status == 404
    assert asked(server, credentials, {"scope": f"path:{inner.base.removeprefix('/dav/')}"}).status == 403
    assert asked(server, credentials, {"scope": f"path:{path}"}).status == 200
    server.cli("token", "revoke", str(made["id"]))
    assert [program.get("").status for _ in range(2)] == [401] * 2
    assert [accepted(server, got) for _ in range(4)] == [False] * 4


def test_a_token_ends_with_the_app_token(server: Server) -> None:
    """Whatever lifetime was asked for, it is not longer than that of the credentials."""
    secret = server.cli("token", "add", "alice", "--expires", "3s").stdout.strip()
    told = json.loads(asked(server, f"Bearer {secret}", {"lifetime": 3600}).body)
    assert 0 < told["expires_in"] <= 3
    assert accepted(server, told["access_token"])
    time.sleep(told["expires_in"] + 0.1)
    assert not accepted(server, told["access_token"])


def test_changes_are_signed_with_the_device(server: Server) -> None:
    """The journal names the app token that a token was got with."""
    box = server.dav("alice").fresh_box()
    made = json.loads(server.cli("token", "add", "alice", "--json").stdout)
    got = json.loads(asked(server, f"Bearer {made['token']}").body)["access_token"]
    assert client(server, got, box.base).put("signed", b"x").status == 201
    assert server.rows("SELECT device FROM journal ORDER BY at DESC, seq DESC LIMIT 1") == [(made["id"],)]


def test_revoking(server: Server) -> None:
    """By the token itself, by the command line, by another password: at once, in every worker."""
    got, other = token(server), token(server)
    assert accepted(server, got) and accepted(server, other)
    ended = client(server, got, "/").delete("/login/token")
    assert ended.status == 204
    assert [accepted(server, got) for _ in range(6)] == [False] * 6
    assert accepted(server, other)
    for secret in (got, "x", server.cli("token", "add", "alice").stdout.strip()):
        assert client(server, secret, "/").delete("/login/token").status == 401
    assert server.dav("alice", "/").delete("/login/token").status == 401
    listed = json.loads(server.cli("token", "sessions", "alice", "--json").stdout)
    assert listed and listed[0]["label"] == "token" and other not in json.dumps(listed)
    server.cli("token", "end", "alice")
    assert [accepted(server, other) for _ in range(6)] == [False] * 6
    assert json.loads(server.cli("token", "sessions", "alice", "--json").stdout) == []
    assert server.cli("token", "end", "nobody", check=False).returncode == 3


def test_accounts(module_server: Server) -> None:
    """Who is disabled, removed or has another password has no tokens."""
    server = module_server
    got = token(server, "bob")
    server.cli("user", "disable", "bob")
    assert [accepted(server, got) for _ in range(4)] == [False] * 4
    assert asked(server, ("bob", server.users["bob"])).status == 401
    server.cli("user", "enable", "bob")
    assert accepted(server, got)
    server.cli("user", "passwd", "bob", "--password-stdin", input="another-pass-3")
    assert [accepted(server, got) for _ in range(4)] == [False] * 4
    server.users["bob"] = "another-pass-3"
    got = token(server, "bob")
    server.cli("user", "remove", "bob")
    assert not accepted(server, got)
    assert server.rows("SELECT count(*) FROM session") == [(0,)]


def test_time(server: Server) -> None:
    """A token ends at its second, also where it is remembered."""
    got = token(server, lifetime=2)
    assert accepted(server, got)
    until = time.time() + 5
    while accepted(server, got):
        assert time.time() < until
        time.sleep(0.1)
    assert time.time() >= claims_of(got)["exp"]


@pytest.mark.rfc("8725", "3.1", "our own tokens have exactly one algorithm, and the key that is ours")
def test_forgeries(server: Server) -> None:
    """Whoever knows a token, but not the site's key, makes no other one of it."""
    got = token(server)
    head, _, tail = got.split(".")
    header, claims = json.loads(base64.urlsafe_b64decode(head + "==")), claims_of(got)
    key = SigningKey()
    forged = [
        f"{head}.{b64(json.dumps({**claims, 'sub': '1'}).encode())}.{tail}",
        compact({**header, "alg": "none"}, claims, lambda data: b""),
        compact(header, claims, hs256(b"")),
        compact(header, claims, hs256(header["kid"].encode())),
        compact({**header, "kid": "made-up"}, claims, hs256(b"x")),
        compact({**header, "kid": ""}, claims, hs256(b"x")),
        compact({**header, "alg": "RS256"}, claims, key.sign),
        compact({**header, "alg": "HS512"}, claims, hs256(b"x")),
        got[:-4] + ("AAAA" if got[-4:] != "AAAA" else "BBBB"),
        got + "A",
        got + ".x",
    ]
    assert [accepted(server, each) for each in forged] == [False] * len(forged)
    assert accepted(server, got)


@pytest.mark.parametrize(
    "header, changes",
    [
        ({"crit": ["exp"]}, {}),
        ({"alg": "HS384"}, {}),
        ({"zip": "DEF"}, {}),
        ({}, {"aud": "davshare:browser"}),
        ({}, {"aud": ["davshare:program"]}),
        ({}, {"iss": "davshare:another"}),
        ({}, {"sub": "1"}),
        ({}, {"sub": 2}),
        ({}, {"jti": "made-up"}),
        ({}, {"exp": 1}),
        ({}, {"exp": None}),
        ({}, {"iat": 2**40}),
        ({}, {"iat": "now"}),
        ({}, {"nbf": 2**40}),
    ],
    ids=str,
)
def test_with_the_key_of_the_site(server: Server, header: dict[str, Any], changes: dict[str, Any]) -> None:
    """A right signature is not enough: each claim has to say what it should."""
    from davshare.identity.sessions import Sessions

    got = token(server)
    head = json.loads(base64.urlsafe_b64decode(got.split(".")[0] + "=="))
    claims = {name: value for name, value in {**claims_of(got), **changes}.items() if value is not None}
    index = database(server.data, server.database)
    key = Sessions(index, (server.data / "secret.key").read_bytes())._key(head["kid"])
    index.close()
    assert accepted(server, compact(head, claims_of(got), key.sign))
    assert not accepted(server, compact({**head, **header}, claims, key.sign))


def test_keys_are_rotated(own_server: Any) -> None:
    """Tokens of the key before stay good; when their time is over, the keeper drops it, and with it whoever is left."""
    server = own_server()
    old = token(server)
    server.cli("token", "rotate-keys")
    new = token(server)
    assert old.split(".")[0] != new.split(".")[0]
    assert accepted(server, old) and accepted(server, new)
    assert server.rows("SELECT count(*) FROM signing_key") == [(2,)]
    with server.index() as connection:
        connection.execute("UPDATE signing_key SET created=created-?", (32 * 86400,))
        connection.execute("UPDATE session SET expires=?", (1,))
        connection.execute(
            "INSERT INTO onetime (hash, purpose, payload, expires) VALUES (?,?,?,?)", (b"x", "login", "{}", 1)
        )
    from davshare.files.service import Files
    from davshare.identity import sessions

    files = Files(server.data, database(server.data, server.database), False)
    now = int(time.time())
    assert sessions.rotate_old_key(files, now) == 2
    assert sessions.rotate_old_key(files, now) == 0
    assert sessions.drop_what_is_over(files, now) == 3
    assert sessions.drop_what_is_over(files, now) == 0
    files.db.close()
    assert server.rows("SELECT count(*) FROM signing_key") == [(2,)]
    assert not accepted(server, old)
    third = token(server)
    assert third.split(".")[0] not in (old.split(".")[0], new.split(".")[0])
    assert accepted(server, third)


def test_tokens_do_not_pile_up(own_server: Any) -> None:
    """The oldest of very many end."""
    server = own_server(workers=1)
    first = token(server)
    (user,) = (row[0] for row in server.rows("SELECT id FROM principal WHERE name='alice'"))
    now = int(time.time())
    with server.index() as connection:
        connection.execute("UPDATE session SET created=?", (now - 100,))
        connection.executemany(
            'INSERT INTO session (id, "user", mask, created, expires) VALUES (?,?,?,?,?)',
            [(f"s{number}", user, 255, now - 50, now + 900) for number in range(1000)],
        )
    last = token(server)
    assert server.rows("SELECT count(*) FROM session") == [(1000,)]
    assert accepted(server, last) and not accepted(server, first)


def test_a_token_in_clear(own_server: Any) -> None:
    """Is not given to other machines without HTTPS."""
    server = own_server(workers=1, env={"DAVSHARE_TRUSTED_PROXIES": "127.0.0.1"})
    far = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "http", "Authorization": basic("alice", "x")}
    answer = Dav(server.port, "/", None).request("POST", "/login/token", headers=far)
    assert answer.status == 403


def test_without_providers_nothing_leads_to_the_page(server: Server) -> None:
    """Browsers are asked for name and password as ever; the page is there, with that one button."""
    nobody = Dav(server.port, "/dav/home/", None)
    assert nobody.get("", {"Accept": "text/html"}).status == 401
    page = nobody.get("/login")
    assert page.status == 200 and b"/login/password" in page.body and b"/login/oidc" not in page.body
    assert nobody.get("/login/oidc/1").status == 404
