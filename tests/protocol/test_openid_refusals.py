"""The OpenID provider says no: to other programs, other addresses, other pages, and to whatever comes twice."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest

from davshare.index.backends import database
from support.browser import Browser
from support.client import Dav
from support.flows import FORM, OWN, post, seal, signed_in
from support.openid import ANDROID, DESKTOP, Program, bearer, opens, say, told
from support.parallel import together
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def alice(module_server: Server) -> Iterator[Browser]:
    """A browser in which alice is signed in."""
    yield signed_in(module_server, "alice")


def error(answer) -> str:
    """What the token endpoint calls it."""
    assert answer.status in (400, 401), repr(answer)
    found = told(answer, answer.status)
    assert set(found) == {"error", "error_description"}
    return found["error"]


def devices(server: Server, user: str = "alice") -> list[int]:
    """Ids of somebody's devices."""
    return [each["id"] for each in json.loads(server.cli("device", "list", user, "--json").stdout)]


# the question


@pytest.mark.rfc(9700, "4.1.1", "answers go to addresses of the program only, compared letter by letter")
@pytest.mark.parametrize(
    "redirect",
    [
        "https://127.0.0.1:4711",
        "http://127.0.0.2:4711",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:80@evil.example",
        "http://evil.example#http://127.0.0.1:80",
        "http://evil.example/http://127.0.0.1:80",
        "http://127.0.0.1:4711/path",
        "http://127.0.0.1:4711?x=1",
        "http://127.0.0.1:4711#",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:4711\n",
        "http://[::1]:4711",
        "HTTP://127.0.0.1:4711",
        "oc://ios.owncloud.com",
        "javascript:alert(1)",
        "//evil.example",
        "",
        None,
    ],
)
def test_answers_go_nowhere_else(module_server: Server, alice: Browser, redirect: str | None) -> None:
    """Then there is a page that leads nowhere, and nothing can be granted on it."""
    question = Program(module_server).question(redirect_uri=redirect)
    for method in ("GET", "POST"):
        found = alice.request(method, question, OWN, urlencode({"seal": "0" * 64, "answer": "yes"}))
        assert found.status == 400 and found.headers["Location"] is None, repr(found)
        assert b"evil" not in found.body and b"<form" not in found.body


@pytest.mark.parametrize(
    "changes", [{"client_id": "unknown"}, {"client_id": None}, {"state": "x\u00e9"}, {"state": "a\tb"}]
)
def test_nobody_is_asked_for_strangers(module_server: Server, alice: Browser, changes: dict[str, str | None]) -> None:
    """Unknown programs, and characters that do not belong there."""
    found = alice.request("GET", Program(module_server).question(**changes))
    assert found.status == 400 and found.headers["Location"] is None


def test_twice_is_malformed(module_server: Server, alice: Browser) -> None:
    """A parameter that comes twice could be read in two ways; a question that is too long is none."""
    program = Program(module_server)
    question = program.question()
    assert alice.request("GET", f"{question}&redirect_uri=http%3A%2F%2F127.0.0.1%3A1").status == 400
    assert alice.request("GET", program.question(login_hint="x" * 2000)).status == 400
    assert alice.request("PUT", question).status == 405


@pytest.mark.rfc(6749, "4.1.2.1", "a program is told what is wrong with its question, with its state")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none"}, "consent_required"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "x"}, "invalid_request"),
    ],
)
def test_the_program_is_told(module_server: Server, alice: Browser, changes: dict[str, str | None], code: str) -> None:
    """What is wrong with a question, at its own address and with its state."""
    program = Program(module_server)
    found = program.told(alice.request("GET", program.question(**changes)))
    assert found == {"error": code, "state": program.state, "iss": module_server.url}


def test_nobody_there(module_server: Server) -> None:
    """``prompt=none`` asks nobody."""
    program = Program(module_server)
    found = program.told(Browser(module_server.url).request("GET", program.question(prompt="none")))
    assert found["error"] == "login_required"


# the answer


def test_no(module_server: Server, alice: Browser) -> None:
    """Whatever is not yes is no."""
    for answer in ("no", "", "YES"):
        program = Program(module_server)
        assert program.told(say(alice, program.question(), answer))["error"] == "access_denied"


@pytest.mark.rfc(6749, "10.12", "access is granted on our own page only")
def test_other_pages_grant_nothing(module_server: Server, alice: Browser) -> None:
    """Neither by what browsers say of the page, nor without the seal of the page, nor with another one."""
    program = Program(module_server)
    question = program.question()
    good = seal(alice.request("GET", question))
    fields = urlencode({"seal": good, "answer": "yes"})
    for headers in (
        {"Content-Type": FORM},
        {"Content-Type": FORM, "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": FORM, "Sec-Fetch-Site": "same-site"},
        {"Content-Type": FORM, "Origin": "https://evil.example"},
        {"Content-Type": FORM, "Origin": "null"},
    ):
        found = alice.request("POST", question, headers, fields)
        assert found.status == 403 and found.headers["Location"] is None, headers
    other = Program(module_server)
    bob = signed_in(module_server, "bob")
    theirs = seal(bob.request("GET", question))
    for path, wrong in (
        (question, ""),
        (question, "0" * 64),
        (question, theirs),
        (question, seal(alice.request("GET", other.question()))),
        (other.question(), good),
        (program.question(redirect_uri="http://127.0.0.1:9"), good),
        (program.question(scope="openid"), good),
    ):
        found = alice.request("POST", path, OWN, urlencode({"seal": wrong, "answer": "yes"}))
        assert found.status == 403 and found.headers["Location"] is None, path
    gone = Browser(module_server.url).request("POST", question, OWN, fields)
    assert gone.status == 302 and gone["Location"].startswith("/login?")
    assert alice.request("POST", question, {"Content-Type": FORM, "Origin": module_server.url}, fields).status == 302


def test_tokens_let_nobody_in(module_server: Server) -> None:
    """An app token that a browser shows grants nothing."""
    secret = module_server.cli("token", "add", "alice").stdout.split()[-1]
    shown = {"Authorization": basic("alice", secret)}
    program = Program(module_server)
    assert Browser(module_server.url).request("GET", program.question(), shown).status == 403
    fields = urlencode({"seal": "0" * 64, "answer": "yes"})
    assert Browser(module_server.url).request("POST", program.question(), {**OWN, **shown}, fields).status == 403


@pytest.mark.slow
def test_too_many_devices(own_server: Callable[..., Server]) -> None:
    """Nobody has more than an administrator would give."""
    server = own_server(workers=1)
    alice = signed_in(server, "alice")
    program = Program(server)
    code = program.code(alice)
    (number,) = server.rows("SELECT id FROM principal WHERE name='alice'")[0]
    with server.index() as connection:
        connection.executemany(
            'INSERT INTO apptoken ("user", label, hash, mask, created) VALUES (?,?,?,?,?)',
            [(number, "x", bytes([n, 1]), 255, 1) for n in range(200)],
        )
    assert error(program.exchange(code)) == "invalid_grant"
    found = say(alice, Program(server).question())
    assert found.status == 409 and b"too many app tokens" in found.body


def test_many_codes(own_server: Callable[..., Server]) -> None:
    """Nobody keeps others waiting by asking all the time."""
    server = own_server(workers=1)
    alice, bob = signed_in(server, "alice"), signed_in(server, "bob")
    question = Program(server).question()
    found = [say(alice, question).status for _ in range(21)]
    assert found == [302] * 20 + [429]
    assert say(bob, question).status == 302


# the code


@pytest.mark.rfc(7636, "4.6", "a code is worth nothing without the verifier of its challenge")
def test_a_wrong_verifier(module_server: Server, alice: Browser) -> None:
    """Whoever has stolen a code cannot use it, and has only one attempt."""
    for wrong in ("x" * 64, "", "short"):
        program = Program(module_server)
        code = program.code(alice)
        assert error(program.exchange(code, code_verifier=wrong)) in ("invalid_grant", "invalid_request")
        assert error(program.exchange(code)) == "invalid_grant"
    program = Program(module_server)
    plain = base64.urlsafe_b64encode(hashlib.sha256(program.verifier.encode()).digest()).rstrip(b"=").decode()
    assert error(program.exchange(program.code(alice), code_verifier=plain)) == "invalid_grant", "not the challenge"


@pytest.mark.rfc(6749, "4.1.3", "a code is for the program and the address that it was made for")
def test_a_code_is_for_one(module_server: Server, alice: Browser) -> None:
    """For the program that has asked, at the address where it was sent, and for nothing else."""
    for changes in ({"redirect_uri": "http://127.0.0.1:1"}, {"redirect_uri": ""}):
        program = Program(module_server)
        assert error(program.exchange(program.code(alice), **changes)) == "invalid_grant"
    program = Program(module_server)
    form = {"code_verifier": program.verifier, "redirect_uri": program.redirect}
    code = program.code(alice)
    stolen = program.token(ANDROID, grant_type="authorization_code", code=code, **form)
    assert error(stolen) == "invalid_grant" and error(program.exchange(code)) == "invalid_grant"
    assert bearer(module_server, program.code(alice), "GET", "/dav/home/").status == 401


@pytest.mark.slow
@pytest.mark.rfc(6749, "4.1.2", "a code that comes twice is refused, and ends all tokens that came of it")
def test_a_code_twice(own_server: Callable[..., Server]) -> None:
    """Then it is in wrong hands: what came of it ends at once, in every worker."""
    server = own_server(workers=2)
    alice = signed_in(server, "alice")
    program, other = Program(server), Program(server)
    code = program.code(alice)
    tokens, others = told(program.exchange(code)), other.sign_in(alice)
    assert {opens(server, tokens["access_token"]) for _ in range(4)} == {207}
    assert error(program.exchange(code, code_verifier="x" * 64)) == "invalid_grant"
    assert {opens(server, tokens["access_token"]) for _ in range(6)} == {401}
    assert error(program.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert opens(server, others["access_token"]) == 207, "another device of the same person"
    assert len(devices(server)) == 1


@pytest.mark.slow
@pytest.mark.rfc(6749, "4.1.2", "a code is good for a minute")
def test_a_code_ends(own_server: Callable[..., Server]) -> None:
    """After a minute."""
    server = own_server(workers=1)
    program = Program(server)
    code = program.code(signed_in(server, "alice"))
    ((left,),) = server.rows("SELECT expires FROM onetime WHERE purpose='code'")
    assert 0 < left - time.time() <= 60
    assert code.encode() not in b"".join(bytes(row[0]) for row in server.rows("SELECT hash FROM onetime"))
    with server.index() as connection:
        connection.execute("UPDATE onetime SET expires=?", (int(time.time()) - 1,))
    assert error(program.exchange(code)) == "invalid_grant" and devices(server) == []


@pytest.mark.parametrize("round_", range(3))
def test_many_at_once(module_server: Server, alice: Browser, round_: int) -> None:
    """Of many who come with one code, or one refresh token, at most one gets anything, and nobody keeps it."""
    program = Program(module_server)
    before = devices(module_server)
    code = program.code(alice)
    found = together([lambda: program.exchange(code) for _ in range(8)])
    won = [each for each in found if each.status == 200]
    assert len(won) <= 1 and {each.status for each in found} <= {200, 400}
    assert devices(module_server) == before
    for each in won:
        assert opens(module_server, told(each)["access_token"]) == 401
    tokens = Program(module_server).sign_in(alice)
    found = together([lambda: program.refresh(tokens["refresh_token"]) for _ in range(8)])
    assert [each.status for each in found].count(200) <= 1 and {each.status for each in found} <= {200, 400}
    assert devices(module_server) == before and opens(module_server, tokens["access_token"]) == 401


# the refresh token


@pytest.mark.slow
@pytest.mark.rfc(9700, "4.14.2", "a refresh token that was replaced ends everything that came of its consent")
def test_a_refresh_token_twice(own_server: Callable[..., Server]) -> None:
    """Then one of two has stolen it: everything of that device ends, and nothing of another."""
    server = own_server(workers=2)
    alice = signed_in(server, "alice")
    program = Program(server)
    first, others = program.sign_in(alice), Program(server).sign_in(alice)
    second = told(program.refresh(first["refresh_token"]))
    third = told(program.refresh(second["refresh_token"]))
    assert opens(server, third["access_token"]) == opens(server, first["access_token"]) == 207
    assert error(program.refresh(first["refresh_token"])) == "invalid_grant"
    for tokens in (first, second, third):
        assert {opens(server, tokens["access_token"]) for _ in range(4)} == {401}
        assert error(program.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert opens(server, others["access_token"]) == 207


def test_a_greedy_device(own_server: Callable[..., Server]) -> None:
    """Who takes new tokens all the time ends its own older ones, and nobody else's."""
    server = own_server(workers=2)
    alice = signed_in(server, "alice")
    program = Program(server)
    found = [program.sign_in(alice)]
    for _ in range(12):
        found.append(told(program.refresh(found[-1]["refresh_token"])))
    assert server.rows("SELECT count(*) FROM session WHERE device IS NOT NULL") == [(10,)]
    assert opens(server, found[-1]["access_token"]) == 207 and alice.request("GET", "/dav/home/").status == 200
    states = [opens(server, each["access_token"]) for each in found]
    assert states.count(207) == 10


def test_refresh_tokens_are_secrets(own_server: Callable[..., Server]) -> None:
    """The index does not have them, they open nothing themselves, and are good for their program only."""
    server = own_server(workers=1)
    alice = signed_in(server, "alice")
    program = Program(server)
    token = program.sign_in(alice)["refresh_token"]
    kept = server.rows("SELECT * FROM consent") + server.rows("SELECT * FROM apptoken")
    assert token.removeprefix("dsr_")[22:] not in repr(kept) and token[4:26] not in repr(kept)
    for credentials in (f"Bearer {token}", basic("alice", token)):
        assert Dav(server.port, "/", credentials).request("GET", "/dav/home/").status == 401
    assert error(program.refresh(token, ANDROID)) == "invalid_grant"
    for wrong in ("", "dsr_", "dsr_" + "A" * 65, token + "A", token[:-1], "\u00e9"):
        assert error(program.refresh(wrong)) in ("invalid_grant", "invalid_request")
    assert told(program.refresh(token))["access_token"]


def test_who_is_gone(own_server: Callable[..., Server]) -> None:
    """Whoever is locked out gets no new token; an idle device ends, and is forgotten."""
    server = own_server(workers=1)
    program, code = Program(server), Program(server)
    tokens = program.sign_in(signed_in(server, "alice"))
    waiting = code.code(signed_in(server, "alice"))
    server.cli("user", "disable", "alice")
    assert opens(server, tokens["access_token"]) == 401
    assert error(program.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert error(code.exchange(waiting)) == "invalid_grant"
    server.cli("user", "enable", "alice")
    tokens = told(program.refresh(tokens["refresh_token"]))
    with server.index() as connection:
        connection.execute("UPDATE apptoken SET expires=?", (int(time.time()) - 1,))
    assert error(program.refresh(tokens["refresh_token"])) == "invalid_grant"
    from davshare.files.service import Files
    from davshare.identity import sessions

    files = Files(server.data, database(server.data, server.database), False)
    sessions.drop_what_is_over(files, int(time.time()))
    files.db.close()
    assert devices(server) == [] and server.rows("SELECT * FROM consent") == []


@pytest.mark.slow
def test_a_removed_user(own_server: Callable[..., Server]) -> None:
    """Nothing is left of them."""
    server = own_server(workers=1)
    program = Program(server)
    bob = signed_in(server, "bob")
    tokens, code = program.sign_in(bob), program.code(bob)
    server.cli("user", "remove", "bob")
    assert opens(server, tokens["access_token"]) == 401
    assert error(program.refresh(tokens["refresh_token"])) == error(program.exchange(code)) == "invalid_grant"
    assert server.rows("SELECT * FROM consent") == []


def test_the_log_keeps_secrets(own_server: Callable[..., Server]) -> None:
    """Whatever it is told to tell: neither codes nor tokens nor verifiers."""
    server = own_server(workers=1, env={"DAVSHARE_LOG_LEVEL": "debug"})
    program = Program(server)
    code = program.code(signed_in(server, "alice"))
    tokens = told(program.exchange(code))
    again = told(program.refresh(tokens["refresh_token"]))
    assert error(program.refresh(tokens["refresh_token"])) == "invalid_grant"
    log = server.log_tail(10**6)
    kinds = ("access_token", "refresh_token", "id_token")
    for secret in (code, program.verifier, *[each[kind] for each in (tokens, again) for kind in kinds]):
        assert secret not in log


# programs


@pytest.mark.rfc(6749, "3.2.1", "programs show who they are before they get or end tokens")
@pytest.mark.parametrize("path", ["/oidc/token", "/oidc/revoke"])
def test_programs_show_who_they_are(module_server: Server, alice: Browser, path: str) -> None:
    """By what is built into them; anything else is refused, and never an error of ours."""
    token = Program(module_server).sign_in(alice)["refresh_token"]
    form = urlencode({"grant_type": "refresh_token", "refresh_token": token, "token": token})
    wrong: tuple[dict[str, str], ...] = (
        {},
        {"Authorization": basic(DESKTOP[0], "wrong")},
        {"Authorization": basic(DESKTOP[0], "")},
        {"Authorization": basic("unknown", DESKTOP[1])},
        {"Authorization": basic("alice", module_server.users["alice"])},
        {"Authorization": "Basic"},
        {"Authorization": "Basic  "},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"Authorization": "Bearer x"},
    )
    for headers in wrong:
        found = post(module_server, path, form, {"Content-Type": FORM, **headers})
        assert error(found) == "invalid_client", headers
    secret = {"client_id": DESKTOP[0], "client_secret": DESKTOP[1]}
    for body in ("", "=", "%", "a=1&a=2", "grant_type=password", "grant_type=%00", "\x00", "grant_type=" + "x" * 5000):
        found = post(module_server, path, body, {"Content-Type": FORM, "Authorization": basic(*DESKTOP)})
        assert found.status == 400, repr(found)
    both = {"Content-Type": "application/json", "Authorization": basic(*DESKTOP)}
    assert post(module_server, path, json.dumps(secret), both).status == 400
    assert post(module_server, path, "x" * 100_000, {"Content-Type": FORM}).status == 413
    done = post(module_server, path, form + "&" + urlencode(secret), {"Content-Type": FORM})
    assert done.status == 200, "the other way to show it"
    assert module_server.dav(None).request("GET", path).status == 405


@pytest.mark.rfc(7009, "2.1", "a token is ended by the program that it was made for, with all that belongs to it")
def test_revocation(module_server: Server, alice: Browser) -> None:
    """Of either token, by the program that it was made for; what is unknown is gone already (RFC 7009 section 2.2)."""

    def revoke(token: str, client: tuple[str, str] = DESKTOP) -> int:
        headers = {"Content-Type": FORM, "Authorization": basic(*client)}
        return post(module_server, "/oidc/revoke", urlencode({"token": token}), headers).status

    for kind in ("access_token", "refresh_token"):
        program = Program(module_server)
        tokens = program.sign_in(alice)
        assert revoke("dsr_" + "A" * 65) == revoke("x") == revoke("a.b.c") == 200
        assert revoke(tokens[kind], ANDROID) == 400 and opens(module_server, tokens["access_token"]) == 207
        assert revoke(tokens[kind]) == 200
        assert opens(module_server, tokens["access_token"]) == 401
        assert error(program.refresh(tokens["refresh_token"])) == "invalid_grant"
        assert revoke(tokens[kind]) == 200
    own = json.loads(module_server.dav("alice").request("POST", "/login/token").body)["access_token"]
    assert revoke(own) == 200 and opens(module_server, own) == 207, "no program's"


def test_userinfo_is_for_programs(module_server: Server, alice: Browser) -> None:
    """With an access token that was granted, and nothing else."""
    server = module_server
    assert alice.request("GET", "/oidc/userinfo").status == 401
    assert server.dav("alice").request("GET", "/oidc/userinfo").status == 401
    secret = server.cli("token", "add", "alice").stdout.split()[-1]
    assert bearer(server, secret, "GET", "/oidc/userinfo").status == 403
    tokens = Program(server).sign_in(alice)
    assert bearer(server, tokens["id_token"], "GET", "/oidc/userinfo").status == 401, "an ID token opens nothing"
    assert opens(server, tokens["id_token"]) == 401
    assert told(bearer(server, tokens["access_token"], "POST", "/oidc/userinfo"))["preferred_username"] == "alice"


def test_nothing_in_clear(own_server: Callable[..., Server]) -> None:
    """From other machines without HTTPS neither pages nor tokens are to be had."""
    server = own_server(workers=1, env={"DAVSHARE_TRUSTED_PROXIES": "127.0.0.1"})
    far = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "http"}
    assert Browser(server.url).request("GET", Program(server).question(), far).status == 403
    assert post(server, "/oidc/token", "", {**far, "Content-Type": FORM}).status == 403
    near = {**far, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "files.example.org"}
    found = server.dav(None).request("GET", "/.well-known/openid-configuration", headers=near)
    assert told(found)["issuer"] == "https://files.example.org"
