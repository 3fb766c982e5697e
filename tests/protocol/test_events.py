"""``/api/v1/events``: streams of changes, as server-sent events and as WebSockets, from every worker."""

from __future__ import annotations

import secrets
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from support.api import Api
from support.client import Dav
from support.listening import Refused, Socket, Stream
from support.polling import eventually
from support.raw import basic
from support.server import Server


def below(box: Dav) -> str:
    """The address of a folder, as a path below ``/dav/``."""
    return box.base.removeprefix("/dav/").strip("/")


def signed(server: Server, user: str = "alice") -> dict[str, str]:
    """The headers of somebody's WebSocket."""
    return {"Authorization": basic(user, server.users[user])}


def opened(server: Server, count: int, query: str = "", user: str = "alice") -> list[Stream]:
    """Several streams: with so many, each of two workers has some."""
    streams = [Stream(server, query, user) for _ in range(count)]
    for stream in streams:
        first = stream.read()
        assert first is not None and first["event"] == "ready" and first["id"] == first.data["token"]
    return streams


@pytest.mark.parametrize("how", ["webdav", "disk", "move"])
def test_every_worker_tells(server: Server, box: Dav, how: str) -> None:
    """A change comes to all who follow, wherever they are connected, within a second or so."""
    here = below(box)
    box.put("old", b"1")
    streams = opened(server, 8, f"?address={here}")
    began = time.monotonic()
    if how == "webdav":
        box.put("new", b"1")
    elif how == "move":
        box.move("old", "new")
    else:
        (server.home() / here.removeprefix("home/") / "new").write_text("1")
    for stream in streams:
        change = stream.until_told(f"{here}/new")
        assert change["kind"] == ("moved" if how == "move" else "created")
        stream.close()
    assert time.monotonic() - began < (10 if how == "disk" else 5)


def test_reconnecting_misses_nothing(server: Server, box: Dav) -> None:
    """Whoever comes back with the last id that they have read is told what happened meanwhile."""
    query = f"?address={below(box)}"
    seen: set[str] = set()
    last = ""
    for number in range(12):
        with Stream(server, query, headers={"Last-Event-ID": last} if last else {}) as stream:
            first = stream.read()
            assert first is not None and first["event"] == "ready"
            box.put(f"while-connected-{number}", b"1")
            seen |= {change["path"] for change in stream.changes()}
            last = stream.last
        box.put(f"while-away-{number}", b"1")
    with Stream(server, query, headers={"Last-Event-ID": last}) as stream:
        stream.read()
        seen |= {change["path"] for change in stream.changes()}
    wanted = {f"{below(box)}/while-{how}-{number}" for how in ("connected", "away") for number in range(12)}
    assert seen == wanted


def test_ids_that_are_too_old(server: Server, box: Dav) -> None:
    """A browser cannot be told by a status to begin anew, so an event says it, and the stream goes on."""
    with Stream(server, f"?address={below(box)}", headers={"Last-Event-ID": "urn:davshare:sync:0-0-0"}) as stream:
        stream.read()
        event = stream.read()
        assert event is not None and event["event"] == "begin-anew" and event["id"] == event.data["token"]
        box.put("x", b"1")
        assert stream.until_told(f"{below(box)}/x")


def test_bursts_come_together(server: Server, box: Dav) -> None:
    """A hundred changes are few events, and none is missing."""
    with Stream(server, f"?address={below(box)}") as stream:
        stream.read()
        for number in range(100):
            box.put(f"f{number}", b"1")
        seen: set[str] = set()
        events = 0
        while len(seen) < 100:
            seen |= {change["path"] for change in stream.changes()}
            events += 1
        assert events < 60


def test_websocket(server: Server, box: Dav) -> None:
    """The same as JSON texts; a token in the query is where it goes on."""
    query = f"/api/v1/events?address={below(box)}"
    with Socket(server, query, signed(server)) as link:
        token = link.json()["token"]
        box.put("x", b"123")
        told = link.json()
        assert told["event"] == "changes" and [each["path"] for each in told["changes"]] == [f"{below(box)}/x"]
        link.send("nobody listens")
        assert link.silent(0.3)
    with Socket(server, f"{query}&token={token}", signed(server)) as link:
        assert link.json()["event"] == "ready"
        assert link.json()["changes"] == told["changes"]


def test_websockets_of_other_pages(server: Server) -> None:
    """A page of another site could read what its socket says, so it gets none."""
    headers = {**signed(server), "Origin": "https://evil.example.org"}
    with pytest.raises(Refused, match="403"):
        Socket(server, "/api/v1/events", headers)
    with Socket(server, "/api/v1/events", {**signed(server), "Origin": server.url}) as link:
        assert link.json()["event"] == "ready"
    with pytest.raises(Refused, match="401"):
        Socket(server, "/api/v1/events")


@pytest.mark.rfc("6455", "4.2.1", "a handshake of another version, or with a key that is none, is refused with 426")
@pytest.mark.parametrize(
    "lines",
    [
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short",
        "Sec-WebSocket-Version: 13",
    ],
)
def test_handshakes(server: Server, lines: str) -> None:
    """The answer says which version is spoken."""
    head = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {signed(server)['Authorization']}\r\n"
        f"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n{lines}\r\n\r\n"
    )
    answer = server.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 426 ") and b"Sec-WebSocket-Version: 13\r\n" in answer


def test_only_what_one_may_see(server: Server, team: tuple[Dav, Dav]) -> None:
    """A change in a folder that is kept from somebody tells them nothing."""
    mine, theirs = team
    mine.mkcol("open")
    mine.mkcol("secret")
    alice = Api.of(server, "admin")
    alice.put(f"/acl/denials/user/bob?path={mine.base}secret/", {"permissions": ["read"]}).ok()
    (stream,) = opened(server, 1, f"?address={below(theirs)}", "bob")
    mine.put("secret/x", b"1")
    mine.put("secret/y", b"1")
    mine.put("open/z", b"1")
    paths = {change["path"] for change in stream.changes()}
    assert paths <= {f"{below(mine)}/open", f"{below(mine)}/open/z"} and paths
    stream.close()


def test_what_happens_beside_a_shared_file(own_server) -> None:
    """Who was granted one file is not even told that something else has changed in the same home."""
    server: Server = own_server()
    dav = server.dav("alice")
    dav.mkcol("a")
    dav.put("a/shared", b"1")
    Api.of(server, "alice").put("/acl/grants/user/bob?path=/dav/home/a/shared", {"role": "viewer"}).ok()
    streams = opened(server, 4, user="bob")
    dav.put("a/beside", b"1")
    dav.put("above", b"1")
    dav.delete("a/beside")
    time.sleep(1.0)
    dav.put("a/shared", b"12")
    for stream in streams:
        (change,) = stream.changes()
        assert (change["kind"], change["path"], change["size"]) == ("modified", "users/alice/a/shared", 2)
        stream.close()


def test_losing_a_space(own_server) -> None:
    """The tree ends, and from then on there is silence; what comes later is told from the beginning."""
    server: Server = own_server()
    admin = Api.of(server, "admin")
    admin.post("/spaces", {"name": "lab"}).ok(201)
    admin.put("/spaces/lab/members/user/bob", {"role": "viewer"}).ok()
    lab = server.dav("admin", "/dav/spaces/lab/")
    lab.put("before", b"1")
    streams = opened(server, 6, user="bob")
    inside = opened(server, 6, "?space=lab", user="bob")
    began = time.monotonic()
    admin.delete("/spaces/lab/members/user/bob").ok(204)
    lab.put("after", b"1")
    for stream in streams:
        (gone,) = stream.changes()
        assert (gone["kind"], gone["path"]) == ("removed", "spaces/lab")
    for stream in inside:
        assert stream.ended() or not stream.sock.close()
        assert time.monotonic() - began < 10
    lab.put("later", b"1")
    time.sleep(1.0)
    for stream in streams:
        with pytest.raises(TimeoutError):
            stream.read(0.05)
    admin.put("/spaces/lab/members/user/bob", {"role": "viewer"}).ok()
    for stream in streams:
        assert stream.until_told("spaces/lab/later")["kind"] == "created"
        stream.close()


@pytest.mark.parametrize("how", ["revoked", "expired", "signed", "disabled", "password", "removed", "tokens only"])
def test_ending_credentials_end_streams(own_server, how: str) -> None:
    """Whatever a stream rests on: when it is gone, so is the stream, in every worker, within seconds."""
    server: Server = own_server()
    headers, user, number = {}, "alice", 0
    if how in ("revoked", "expired", "signed"):
        ends = (datetime.now(UTC) + timedelta(seconds=3)).isoformat() if how == "expired" else None
        made = Api.of(server, "alice").post("/me/tokens", {"expires": ends}).ok(201)
        headers, number = {"Authorization": f"Bearer {made['secret']}"}, made["token"]["id"]
    if how == "signed":
        told = Api.bearer(server, made["secret"]).raw("POST", "/login/token").ok()
        headers = {"Authorization": f"Bearer {told['access_token']}"}
    streams = [Stream(server, "", None if headers else user, headers) for _ in range(6)]
    others = opened(server, 2, user="bob")
    assert all(stream.status == 200 and stream.read() for stream in streams)
    match how:
        case "revoked" | "signed":
            Api.of(server, "alice").delete(f"/me/tokens/{number}").ok(204)
        case "disabled":
            server.cli("user", "disable", "alice")
        case "password":
            server.cli("user", "passwd", "alice", "--password-stdin", input="another-pass-9")
        case "removed":
            server.cli("user", "remove", "alice")
        case "tokens only":
            Api.of(server, "admin").patch("/settings", {"auth.app_tokens_only": True}).ok()
            assert all(stream.ended() for stream in others)
            others = []
    for stream in streams:
        assert stream.ended(10)
    for stream in others:
        with pytest.raises(TimeoutError):
            stream.read(0.2)


def test_slow_readers_are_dropped_or_wait(own_server) -> None:
    """Who does not read costs a bounded buffer, and nobody else waits for them."""
    server: Server = own_server(workers=1)
    dav = server.dav("alice")
    slow = Stream(server)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.read()
    (quick,) = opened(server, 1)
    name = "n" * 200
    dav.mkcol("d")
    for number in range(60):
        dav.put(f"d/{name}{number}", b"1")
    assert quick.until_told(f"home/d/{name}59")
    # Reading on later, the slow one has missed nothing, or was dropped and comes back with its last id.
    seen = {change["path"] for change in slow.changes()}
    while f"home/d/{name}59" not in seen:
        seen |= {change["path"] for change in slow.changes()}
    assert {f"home/d/{name}{number}" for number in range(60)} <= seen


def test_limits(own_server) -> None:
    """One user cannot take all places; who goes makes room."""
    server: Server = own_server(workers=1)
    admin = Api.of(server, "admin")
    admin.patch("/settings", {"events.listeners_of_user": 3, "events.listeners": 5}).ok()
    streams = opened(server, 3)
    with Stream(server) as refused:
        assert refused.status == 503 and "Retry-After: 60" in refused.head
    more = opened(server, 2, user="bob")
    assert Stream(server, user="admin").status == 503
    streams.pop().close()
    eventually(lambda: Stream(server).status == 200, 5)
    for each in more:
        each.close()


@pytest.mark.parametrize("gateway", ["direct", "wsgidav"])
def test_stopping(own_server, gateway: str) -> None:
    """A server that ends says so, at once, and both gateways have listeners."""
    server: Server = own_server(env={"DAVSHARE_GATEWAY": gateway})
    streams = opened(server, 4)
    links = [Socket(server, "/api/v1/events", signed(server)) for _ in range(4)]
    assert all(link.json()["event"] == "ready" for link in links)
    server.dav("alice").put("x", b"1")
    assert all(stream.until_told("home/x") for stream in streams)
    assert all(link.json()["event"] == "changes" for link in links)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5
    assert all(stream.ended(1) for stream in streams)
    assert all(link.read(1) is None for link in links)


def test_chatter(server: Server) -> None:
    """A stream is no place to talk."""
    with Stream(server) as stream:
        stream.read()
        try:
            for _ in range(100):
                stream.sock.sendall(b"x" * 4096)
                time.sleep(0.005)
        except OSError:
            return
        assert stream.ended(3)


@pytest.mark.slow
def test_five_hundred_wait_while_others_work(own_server) -> None:
    """With four threads five hundred listen, and requests are served as ever; each of them hears of a change."""
    server: Server = own_server(workers=2, env={"DAVSHARE_THREADS": "4"})
    Api.of(server, "admin").patch("/settings", {"events.listeners_of_user": 1000}).ok()
    dav = server.dav("alice")
    dav.put("file", b"1" * 1000)
    streams = opened(server, 250)
    links = [Socket(server, "/api/v1/events", signed(server)) for _ in range(250)]
    assert all(link.json()["event"] == "ready" for link in links)
    slowest = 0.0
    for _ in range(300):
        began = time.monotonic()
        assert dav.get("file").status == 200
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 2.0
    name = secrets.token_hex(4)
    dav.put(name, b"1")
    for stream in streams:
        assert stream.until_told(f"home/{name}")
    for link in links:
        assert f"home/{name}" in {each["path"] for each in link.json()["changes"]}
