"""``/api/v1/webhooks``: changes are sent to their receivers, signed, in order, and again until they arrive."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from support.api import Api
from support.polling import eventually, soon_equal
from support.receiver import Receiver
from support.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody on this machine."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(module_server: Server) -> Server:
    """A server whose webhooks may go to this machine."""
    Api.of(module_server, "admin").patch("/settings", {"webhooks.private": True, "webhooks.of_user": 1000}).ok()
    return module_server


@pytest.fixture
def alice(site: Server) -> Iterator[Api]:
    """Somebody, without webhooks before and after."""
    api = Api.of(site, "alice")
    yield api
    for hook in api.get("/webhooks?limit=500").ok()["items"]:
        api.delete(f"/webhooks/{hook['id']}").ok(204)


def made(api: Api, url: str, address: str = "") -> tuple[int, str]:
    """Id and secret of a new webhook."""
    reply = api.post("/webhooks", {"url": url, "address": address})
    told = reply.ok(201)
    assert reply.headers["Location"].endswith(f"/webhooks/{told['webhook']['id']}")
    return told["webhook"]["id"], told["secret"]


def test_a_message(site: Server, alice: Api, receiver: Receiver) -> None:
    """A change is sent as the list that ``/changes`` gives, signed with the secret that was shown once."""
    token = alice.get("/changes").ok()["token"]
    number, secret = made(alice, receiver.url)
    site.dav("alice").put("told", b"123")
    eventually(lambda: receiver.arrived)
    (message,) = receiver.messages
    assert message.headers["content-type"] == "application/json" and message.is_signed(secret)
    assert message.json == alice.get(f"/changes?token={token}").ok()
    assert "home/told" in message.paths
    soon_equal(lambda: alice.get(f"/webhooks/{number}").ok()["status"], "204")
    kept = bytes(site.rows("SELECT secret FROM webhook")[0][0])
    assert secret.encode() not in kept and secret not in str(alice.get("/webhooks").ok())


def test_only_what_its_owner_sees(site: Server, alice: Api, receiver: Receiver) -> None:
    """A webhook for a folder tells of nothing else, and nothing that others do."""
    dav = site.dav("alice")
    dav.mkcol("watched")
    made(alice, receiver.url, "home/watched")
    site.dav("bob").put("not-hers", b"1")
    dav.put("elsewhere", b"1")
    dav.put("watched/here", b"1")
    eventually(lambda: receiver.arrived)
    assert receiver.paths == ["home/watched/here"]


@pytest.mark.slow
def test_retries_and_order(site: Server, alice: Api, receiver: Receiver) -> None:
    """After failures all changes arrive in their order, each at least once, and repeated messages have the same id."""
    number, secret = made(alice, receiver.url)
    receiver.statuses = [500, 503, 302]
    receiver.location = receiver.url
    dav = site.dav("alice")
    dav.put("n0", b"1")
    eventually(lambda: len(receiver.messages) >= 2)
    told = alice.get(f"/webhooks/{number}").ok()
    assert told["attempts"] >= 1 and told["next"] is not None
    for each in range(1, 6):
        dav.put(f"n{each}", b"1")
    eventually(lambda: "home/n5" in receiver.paths, 30)
    paths = [path for path in receiver.paths if path.startswith("home/n")]
    assert list(dict.fromkeys(paths)) == [f"home/n{each}" for each in range(6)]
    assert b"GET" not in [message.body for message in receiver.messages]
    assert all(message.is_signed(secret) for message in receiver.messages)
    by_id: dict[str, set[bytes]] = {}
    for message in receiver.messages:
        by_id.setdefault(message.headers["webhook-id"], set()).add(message.body)
    assert all(len(bodies) == 1 for bodies in by_id.values())
    soon_equal(lambda: alice.get(f"/webhooks/{number}").ok()["attempts"], 0)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_restarts(own_server, receiver: Receiver, way: str) -> None:
    """What was not delivered when the server ended is delivered by the next one."""
    server: Server = own_server()
    Api.of(server, "admin").patch("/settings", {"webhooks.private": True}).ok()
    made(Api.of(server, "alice"), receiver.url)
    receiver.statuses = [500] * 3
    dav = server.dav("alice")
    dav.put("before", b"1")
    eventually(lambda: receiver.messages)
    dav.put("while-failing", b"1")
    server.stop() if way == "stop" else server.kill9()
    (server.home() / "while-down").write_text("1")
    server.run()
    eventually(lambda: {"home/before", "home/while-failing", "home/while-down"} <= set(receiver.paths), 40)


def test_slow_receivers_hold_up_nobody(site: Server, alice: Api, receiver: Receiver) -> None:
    """Each webhook has its own pace, and no user can take all the places at which messages are sent."""
    slow = Receiver()
    slow.delay = 6.0
    bob = Api.of(site, "bob")
    hooks = [made(bob, slow.url)[0] for _ in range(20)]
    hooks.append(made(alice, slow.url)[0])
    site.dav("bob").put("slowly", b"1")
    time.sleep(1.0)
    made(alice, receiver.url)
    began = time.monotonic()
    site.dav("alice").put("paced", b"1")
    eventually(lambda: "home/paced" in receiver.paths)
    assert time.monotonic() - began < 5
    assert len(slow.messages) <= 4
    for hook in hooks[:-1]:
        bob.delete(f"/webhooks/{hook}").ok(204)
    slow.close()


def test_many_changes_come_in_pages(site: Server, alice: Api, receiver: Receiver) -> None:
    """One message holds a hundred changes at most; the rest follows at once."""
    dav = site.dav("alice")
    number, _ = made(alice, receiver.url)
    alice.patch(f"/webhooks/{number}", {"paused": True}).ok()
    for each in range(230):
        dav.put(f"page{each:03}", b"")
    time.sleep(0.6)
    assert receiver.messages == []
    alice.patch(f"/webhooks/{number}", {"paused": False}).ok()
    eventually(lambda: "home/page229" in receiver.paths)
    paths = [path for path in receiver.paths if "page" in path]
    assert paths == [f"home/page{each:03}" for each in range(230)]
    assert [message.json["more"] for message in receiver.arrived][:2] == [True, True]


def test_tests_and_pauses(alice: Api, receiver: Receiver) -> None:
    """A test is a message without changes, also for a paused webhook, and its end can be seen."""
    number, secret = made(alice, receiver.url)
    alice.patch(f"/webhooks/{number}", {"paused": True}).ok()
    assert alice.post(f"/webhooks/{number}/test").ok(202)["status"] == "test"
    eventually(lambda: receiver.messages)
    assert receiver.messages[0].json["changes"] == [] and receiver.messages[0].is_signed(secret)
    soon_equal(lambda: alice.get(f"/webhooks/{number}").ok()["status"], "204")
    receiver.statuses = [418]
    alice.post(f"/webhooks/{number}/test").ok(202)
    soon_equal(lambda: alice.get(f"/webhooks/{number}").ok()["status"], "418")
    assert alice.get(f"/webhooks/{number}").ok()["paused"] is True


def test_gone(site: Server, alice: Api, receiver: Receiver) -> None:
    """A receiver that says Gone gets no more, until its owner lets it go on."""
    number, _ = made(alice, receiver.url)
    receiver.statuses = [410]
    site.dav("alice").put("gone", b"1")
    soon_equal(lambda: alice.get(f"/webhooks/{number}").ok()["paused"], True)
    time.sleep(1.5)
    assert len(receiver.messages) == 1
    alice.patch(f"/webhooks/{number}", {"paused": False}).ok()
    eventually(lambda: "home/gone" in receiver.paths)


@pytest.mark.slow
def test_disabled_owners(own_server, receiver: Receiver) -> None:
    """Who may not sign in is told nothing, and afterwards everything."""
    server: Server = own_server()
    Api.of(server, "admin").patch("/settings", {"webhooks.private": True}).ok()
    made(Api.of(server, "alice"), receiver.url)
    server.cli("user", "disable", "alice")
    (server.home() / "meanwhile").write_text("1")
    time.sleep(2.0)
    assert receiver.messages == []
    server.cli("user", "enable", "alice")
    eventually(lambda: "home/meanwhile" in receiver.paths)
    server.cli("user", "remove", "alice")
    assert server.rows("SELECT count(*) FROM webhook") == [(0,)]


@pytest.mark.slow
def test_losing_access(own_server, receiver: Receiver) -> None:
    """What its owner cannot see any more is not told to a webhook either."""
    server: Server = own_server()
    admin = Api.of(server, "admin")
    admin.patch("/settings", {"webhooks.private": True}).ok()
    admin.post("/spaces", {"name": "lab"}).ok(201)
    admin.put("/spaces/lab/members/user/bob", {"role": "viewer"}).ok()
    made(Api.of(server, "bob"), receiver.url)
    lab = server.dav("admin", "/dav/spaces/lab/")
    lab.put("seen", b"1")
    eventually(lambda: "spaces/lab/seen" in receiver.paths)
    admin.delete("/spaces/lab/members/user/bob").ok(204)
    lab.put("unseen", b"1")
    eventually(lambda: "spaces/lab" in receiver.paths[-1:])
    time.sleep(1.0)
    assert "spaces/lab/unseen" not in receiver.paths


@pytest.mark.slow
def test_private_addresses(own_server, receiver: Receiver) -> None:
    """Without the setting nothing goes to this machine or network, whatever its name; nor does it when taken back."""
    server: Server = own_server(workers=1)
    alice, admin = Api.of(server, "alice"), Api.of(server, "admin")
    alice.post("/webhooks", {"url": receiver.url}).refused(422, "url")
    number, _ = made(alice, receiver.url.replace("http:", "https:").replace("127.0.0.1", "localhost"))
    server.dav("alice").put("x", b"1")
    soon_equal(lambda: alice.get(f"/webhooks/{number}").ok()["status"], "the host has no address that may be asked")
    admin.patch("/settings", {"webhooks.private": True}).ok()
    number, _ = made(alice, receiver.url)
    admin.patch("/settings", {"webhooks.private": False}).ok()
    server.dav("alice").put("y", b"1")
    eventually(lambda: alice.get(f"/webhooks/{number}").ok()["attempts"])
    assert receiver.messages == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "ftp://example.org/",
        "https://",
        "https://user:pass@example.org/",
        "https://example.org/#x",
        "http://example.org/ä",
    ],
)
def test_urls(alice: Api, url: str) -> None:
    """Only what can be asked."""
    alice.post("/webhooks", {"url": url}).refused(422, "url")
    number, _ = made(alice, "https://example.org/")
    alice.patch(f"/webhooks/{number}", {"url": url}).refused(422, "url")


def test_addresses(alice: Api) -> None:
    """Only what one may follow."""
    for address in ("home/none", "users/bob", "nowhere"):
        alice.post("/webhooks", {"url": "https://example.org/", "address": address}).refused(404)


def test_whose_they_are(site: Server, alice: Api) -> None:
    """Others, and tokens, neither see nor change them; there are not too many."""
    number, _ = made(alice, "https://example.org/")
    bob = Api.of(site, "bob")
    assert bob.get("/webhooks").ok()["items"] == []
    bob.get(f"/webhooks/{number}").refused(404)
    bob.patch(f"/webhooks/{number}", {"paused": True}).refused(404)
    bob.post(f"/webhooks/{number}/test").refused(404)
    bob.delete(f"/webhooks/{number}").refused(404)
    bob.get("/webhooks/x").refused(404)
    secret = alice.post("/me/tokens", {}).ok(201)["secret"]
    program = Api.bearer(site, secret)
    assert [hook["id"] for hook in program.get("/webhooks").ok()["items"]] == [number]
    program.post("/webhooks", {"url": "https://example.org/"}).refused(403)
    program.delete(f"/webhooks/{number}").refused(403)
    Api.of(site, "admin").patch("/settings", {"webhooks.of_user": 2}).ok()
    made(alice, "https://example.org/")
    alice.post("/webhooks", {"url": "https://example.org/"}).refused(409)
    Api.of(site, "admin").patch("/settings", {"webhooks.of_user": 1000}).ok()
