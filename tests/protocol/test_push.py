"""Nextcloud's push: a WebSocket in which a client signs in and then hears of its files."""

from __future__ import annotations

import http.client
import time

import pytest

from support.api import Api
from support.listening import Refused, Socket, push
from support.ocs import Ocs
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

TICKETS = "/index.php/apps/notify_push/pre_auth"


def ticket(server: Server, authorization: str | None, method: str = "POST", **headers: str) -> tuple[int, str]:
    """Status and body of ``pre_auth``."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization is not None:
        sent["Authorization"] = authorization
    link.request(method, TICKETS, headers=sent)
    answer = link.getresponse()
    body = answer.read().decode()
    link.close()
    return answer.status, body


def alice(server: Server) -> str:
    """Alice's header."""
    return basic("alice", server.users["alice"])


def test_capability(server: Server) -> None:
    """Clients learn both addresses, on the host that they have asked."""
    told = Ocs(server, "alice").get("capabilities").ok()["capabilities"]["notify_push"]
    host = f"127.0.0.1:{server.port}"
    assert told == {
        "type": ["files"],
        "endpoints": {"websocket": f"ws://{host}/push/ws", "pre_auth": f"http://{host}{TICKETS}"},
    }


def test_files(server: Server) -> None:
    """A change is a word, and with a wish which files it was about."""
    plain = [push(server, "alice", server.users["alice"]) for _ in range(4)]
    wishing = [push(server, "alice", server.users["alice"], "listen notify_file_id") for _ in range(4)]
    time.sleep(0.5)
    dav = server.dav("alice")
    dav.put("pushed", b"1")
    node = dav.text("pushed", "{http://owncloud.org/ns}fileid")
    root = dav.text("", "{http://owncloud.org/ns}fileid")
    for link in plain:
        assert link.read() == "notify_file"
        link.close()
    for link in wishing:
        text = link.read()
        assert text is not None and text.startswith("notify_file_id [")
        assert {node, root} <= set(text.removeprefix("notify_file_id ").strip("[]").split(","))
        link.close()


def test_nobody_else_hears(server: Server) -> None:
    """What bob cannot see is nothing to him."""
    with push(server, "bob", server.users["bob"]) as link:
        server.dav("alice").put("not-for-bob", b"1")
        assert link.silent(1.0)


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("nobody", "wrong"), ("", "no-ticket"), ("", ""), ("a:b", "c"), ("alice", "")],
)
def test_wrong_credentials(module_server: Server, name: str, password: str) -> None:
    """The answer is the same for all, and the end."""
    with Socket(module_server, "/push/ws") as link:
        link.send(name)
        link.send(password)
        assert link.read() == "err: Invalid credentials"
        assert link.read() is None


@pytest.mark.slow
def test_guessing_is_slowed_down(own_server) -> None:
    """Guesses here count like all others."""
    server: Server = own_server(workers=1)
    for number in range(8):
        with Socket(server, "/push/ws") as link:
            link.send("bob")
            link.send(f"guess {number}")
            assert link.read(30) == "err: Invalid credentials"
    assert server.rows("SELECT count(*) FROM throttle")[0][0] > 0


def test_app_tokens_and_their_end(server: Server) -> None:
    """A device signs in with its token; when that is revoked, the socket ends."""
    made = Api.of(server, "alice").post("/me/tokens", {}).ok(201)
    with push(server, "alice", made["secret"]) as link:
        Api.of(server, "alice").delete(f"/me/tokens/{made['token']['id']}").ok(204)
        assert link.read() == "err: Invalid credentials"
        assert link.read() is None


def test_tickets(server: Server) -> None:
    """A ticket is good once, stands for the credentials that it was made with, and is worth nothing later."""
    made = Api.of(server, "alice").post("/me/tokens", {}).ok(201)
    status, secret = ticket(server, basic("alice", made["secret"]))
    assert status == 200 and len(secret) > 30
    assert secret.encode() not in b"".join(bytes(row[0]) for row in server.rows("SELECT hash FROM onetime"))
    with push(server, "", secret) as link:
        with Socket(server, "/push/ws") as again:
            again.send("")
            again.send(secret)
            assert again.read() == "err: Invalid credentials"
        server.dav("alice").put("by-ticket", b"1")
        assert link.read() == "notify_file"
        Api.of(server, "alice").delete(f"/me/tokens/{made['token']['id']}").ok(204)
        assert link.read() == "err: Invalid credentials"


def test_who_gets_tickets(server: Server) -> None:
    """Only who signs in, not with GET, and no page of another site."""
    assert ticket(server, None)[0] == 401
    assert ticket(server, alice(server), "GET")[0] == 405
    assert ticket(server, alice(server), Origin="https://evil.example.org")[0] == 403
    assert ticket(server, alice(server), Sec_Fetch_Site="cross-site")[0] == 403
    status, secret = ticket(server, alice(server))
    assert status == 200
    push(server, "", secret).close()


def test_no_websocket(server: Server) -> None:
    """Other requests are told what is spoken here."""
    dav = server.dav("alice", "/push/")
    assert dav.get("ws").status == 426
    assert dav.put("ws", b"").status == 405
    with pytest.raises(Refused):
        Socket(server, "/push/other")


@pytest.mark.slow
def test_patience(server: Server) -> None:
    """Who does not sign in goes after a quarter of a minute, and so do tickets."""
    status, secret = ticket(server, alice(server))
    assert status == 200
    with Socket(server, "/push/ws") as link:
        link.send("alice")
        assert link.read(25) == "err: Authentication timeout"
        assert link.read() is None
    with Socket(server, "/push/ws") as link:
        link.send("")
        link.send(secret)
        assert link.read() == "err: Invalid credentials"


def test_long_words(server: Server) -> None:
    """Nobody has such a name."""
    with Socket(server, "/push/ws") as link:
        link.send("x" * 9000)
        assert link.read() is None
