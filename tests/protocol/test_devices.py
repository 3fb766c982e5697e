"""Devices: when each was seen last, how far it has read, their end, and what a lost one is told."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from support import cluster
from support.api import Api
from support.client import Dav
from support.flows import FORM, post
from support.server import ADMIN, Server, davshare

REPORT = (
    '<d:sync-collection xmlns:d="DAV:"><d:sync-token>{}</d:sync-token><d:sync-level>infinite</d:sync-level>'
    "<d:prop><d:getetag/></d:prop></d:sync-collection>"
)
AGENT = "Mozilla/5.0 (Linux) mirall/3.7.3git (Nextcloud)"


class Phone:
    """A program with an app token."""

    def __init__(self, server: Server, user: str, *scope: str) -> None:
        self.server = server
        self.user = user
        self.label = f"phone {secrets.token_hex(4)}"
        made = json.loads(server.cli("token", "add", user, "--label", self.label, "--json", *scope).stdout)
        self.id: int = made["id"]
        self.secret: str = made["token"]

    def ask(self, method: str, path: str, body: str = "", **headers: str):
        """One request."""
        dav = Dav(self.server.port, "/", (self.user, self.secret))
        found = dav.request(method, path, body or None, {"User-Agent": AGENT, **headers})
        dav.close()
        return found

    def propfind(self, path: str = "/remote.php/webdav/", depth: str = "0") -> int:
        """The status of a PROPFIND."""
        return self.ask("PROPFIND", path, Depth=depth).status

    def report(self, path: str = "/dav/home/", token: str = "") -> str:
        """A sync report; its token."""
        found = self.ask("REPORT", path, REPORT.format(token))
        assert found.status == 207, repr(found)
        return found.xml.findtext("{DAV:}sync-token")

    def check(self, way: str = "check", prefix: str = "/index.php") -> tuple[int, Any]:
        """What it is told when its token does not sign in any more."""
        while True:
            found = post(self.server, f"{prefix}/core/wipe/{way}", f"token={self.secret}", {"Content-Type": FORM})
            if found.status != 429:
                break
            time.sleep(int(found["Retry-After"]))  # others have asked for tokens that nobody has
        return found.status, json.loads(found.body)


def written(server: Server) -> None:
    """Let the workers write what they have seen: they do so when they end."""
    server.restart()


def of(server: Server, phone: Phone) -> dict[str, Any]:
    """What the list says of a device."""
    items = Api.of(server, phone.user).get("/me/devices?limit=500").ok()["items"]
    (found,) = [each for each in items if each["id"] == phone.id]
    return found


def positions(server: Server, phone: Phone) -> dict[tuple[str, str], tuple[int, int]]:
    """Where it stands, and where the journals end."""
    return {(each["kind"], each["name"]): (each["seq"], each["last"]) for each in of(server, phone)["positions"]}


def seq(token: str) -> int:
    """The entry that a sync token stands for."""
    return int(token.split("-")[2], 16)


@pytest.mark.slow
def test_seen_and_positions(own_server: Callable[..., Server]) -> None:
    """After a listing of a root, after a sync report, in a space; what others do is not taken for it."""
    server = own_server()
    server.cli("space", "add", "lab")
    server.cli("space", "set", "lab", "--member", "alice:editor")
    lister, syncer, idle, other = (Phone(server, "alice") for _ in range(4))
    viewer = Phone(server, "alice")
    dav = server.dav("alice")
    dav.put("one", b"1")
    dav.put("/dav/spaces/lab/two", b"2")
    assert lister.propfind() == 207 and lister.propfind("/remote.php/dav/files/alice/", "1") == 207
    assert lister.propfind("/dav/spaces/lab/", "1") == 207
    token = syncer.report()
    assert other.ask("GET", "/dav/home/one").status == 200
    assert other.propfind("/dav/home/one") == 207
    views = viewer.report("/dav/spaces/")
    assert "urn:davshare:view:" in views
    dav.put("three", b"3")
    written(server)

    seen = of(server, lister)["seen"]
    assert abs(datetime.fromisoformat(seen["at"]).timestamp() - time.time()) < 60
    assert (seen["agent"], seen["address"]) == (AGENT, "127.0.0.1")
    (home, last), (space, space_last) = (
        positions(server, lister)[("home", "alice")],
        positions(server, lister)[("space", "lab")],
    )
    assert home < last and space == space_last
    assert positions(server, syncer) == {("home", "alice"): (seq(token), last)} and home <= seq(token) < last
    assert set(positions(server, viewer)) == {("space", "lab")}
    assert of(server, idle)["seen"] is None and of(server, idle)["positions"] == []
    assert of(server, other)["seen"] is not None and of(server, other)["positions"] == []

    later = syncer.report(token=token)
    assert lister.propfind(depth="1") == 207
    written(server)
    assert positions(server, syncer)[("home", "alice")] == (seq(later), last) and seq(later) >= last
    assert positions(server, lister)[("home", "alice")] == (last, last)

    told = json.loads(server.cli("device", "list", "alice", "--json").stdout)
    by_id = {each["id"]: each for each in told}
    assert by_id[syncer.id]["agent"] == AGENT and by_id[syncer.id]["behind"] == []
    assert by_id[lister.id]["positions"][0]["seq"] == last and by_id[idle.id]["seen"] is None
    assert lister.label in server.cli("device", "list").stdout

    server.cli("space", "set", "lab", "--drop-member", "alice")
    assert set(positions(server, lister)) == {("home", "alice")}, "nothing is told of spaces that are closed to her"


@pytest.mark.slow
def test_a_root_that_was_asked_for_in_vain_counts_for_nothing(own_server: Callable[..., Server]) -> None:
    """Refused and unmet requests tell nothing, and neither does an infinite listing."""
    server = own_server(workers=1)
    phone = Phone(server, "alice")
    assert phone.propfind(depth="infinity") == 403
    assert phone.ask("PROPFIND", "/dav/home/", Depth="0", If="(<urn:x>)").status == 412
    assert phone.propfind("/remote.php/dav/files/bob/") == 404
    assert phone.ask("REPORT", "/dav/home/", REPORT.format("urn:davshare:sync:0-1-1")).status == 403
    written(server)
    assert of(server, phone)["seen"] is not None and of(server, phone)["positions"] == []


@pytest.mark.slow
def test_it_is_written_while_the_server_runs(own_server: Callable[..., Server]) -> None:
    """Twice a minute; and what is killed loses no more than that."""
    from support.polling import eventually

    server = own_server()
    phone = Phone(server, "alice")
    assert phone.propfind() == 207
    eventually(lambda: of(server, phone)["positions"], 40)
    server.kill9()
    server.run()
    assert of(server, phone)["seen"] is not None


# the list


def test_everybody_sees_their_own(server: Server) -> None:
    """A token sees only itself; strangers and administrators see what they may."""
    mine, theirs, limited = Phone(server, "alice"), Phone(server, "bob"), Phone(server, "alice", "--scope", "path:home")
    ids = [each["id"] for each in Api.of(server, "alice").get("/me/devices?limit=500").ok()["items"]]
    assert mine.id in ids and limited.id in ids and theirs.id not in ids and ids == sorted(ids)
    (only,) = Api.bearer(server, mine.secret).get("/me/devices").ok()["items"]
    assert only["id"] == mine.id and only["current"] is True and only["label"] == mine.label
    assert Api.bearer(server, mine.secret).get("/me/devices?offset=1").ok()["items"] == []
    Api.bearer(server, limited.secret).get("/me/devices").refused(403)
    found = Api.of(server, "admin").get("/users/bob/devices?limit=500").ok()["items"]
    assert theirs.id in [each["id"] for each in found] and mine.id not in [each["id"] for each in found]
    Api.of(server, "alice").get("/users/bob/devices").refused(403)
    Api.of(server, "admin").get("/users/nobody-here/devices").refused(404)


def test_pages(server: Server) -> None:
    """The list comes in pages."""
    for _ in range(3):
        Phone(server, "bob")
    api = Api.of(server, "bob")
    whole = [each["id"] for each in api.get("/me/devices?limit=500").ok()["items"]]
    found, offset = [], 0
    while offset is not None:
        told = api.get(f"/me/devices?limit=2&offset={offset}").ok()
        found += [each["id"] for each in told["items"]]
        offset = told["next"]
    assert found == whole


def ways_to_end(server: Server, phone: Phone) -> list[Callable[[], Any]]:
    """Every one of them."""
    me, admin, path = Api.of(server, phone.user), Api.of(server, "admin"), f"/users/{phone.user}/devices/{phone.id}"
    return [
        lambda: me.delete(f"/me/devices/{phone.id}").ok(204),
        lambda: admin.delete(path).ok(204),
        lambda: server.cli("device", "revoke", str(phone.id)),
        lambda: Api.bearer(server, phone.secret).delete(f"/me/devices/{phone.id}").ok(204),
        lambda: me.post(f"/me/devices/{phone.id}/wipe").ok(204),
        lambda: admin.post(path + "/wipe").ok(204),
        lambda: server.cli("device", "wipe", str(phone.id)),
    ]


@pytest.mark.parametrize("way", range(7))
def test_the_end_of_a_device(server: Server, way: int) -> None:
    """Is at once, on every worker; only a wipe is remembered."""
    phone = Phone(server, "alice")
    assert [phone.propfind() for _ in range(4)] == [207] * 4
    ways_to_end(server, phone)[way]()
    assert [phone.propfind() for _ in range(8)] == [401] * 8
    assert phone.check() == ((200, {"wipe": True}) if way > 3 else (404, []))
    Api.of(server, "alice").delete(f"/me/devices/{phone.id}").refused(404)
    assert server.cli("device", "wipe", str(phone.id), check=False).returncode == 3


def test_devices_of_others(server: Server) -> None:
    """Are not there; a lost device ends itself and no other."""
    theirs, mine, other = Phone(server, "bob"), Phone(server, "alice"), Phone(server, "alice")
    alice, token = Api.of(server, "alice"), Api.bearer(server, mine.secret)
    for api, number in ((alice, theirs.id), (alice, 10**9), (token, other.id)):
        api.delete(f"/me/devices/{number}").refused(404)
    for bad in ("x", "-1", "9" * 30, "%C2%B2"):
        alice.delete(f"/me/devices/{bad}").refused(404)
        alice.post(f"/me/devices/{bad}/wipe").refused(404)
    alice.post(f"/me/devices/{theirs.id}/wipe").refused(404)
    token.post(f"/me/devices/{other.id}/wipe").refused(403)
    token.post(f"/me/devices/{mine.id}/wipe").refused(403)
    admin = Api.of(server, "admin")
    admin.delete(f"/users/alice/devices/{theirs.id}").refused(404)
    admin.post(f"/users/alice/devices/{theirs.id}/wipe").refused(404)
    assert [theirs.propfind(), mine.propfind(), other.propfind()] == [207] * 3


# remote wipe


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "/index.php"])
def test_a_lost_device(server: Server, prefix: str) -> None:
    """Its token is dead at once; it is told to forget everything until it says that it has."""
    phone = Phone(server, "alice")
    assert phone.check("check", prefix) == (404, []) and phone.check("success", prefix) == (404, [])
    assert phone.propfind() == 207
    session = phone.ask("POST", "/login/token")
    bearer = {"Authorization": f"Bearer {json.loads(session.body)['access_token']}"}
    assert phone.ask("PROPFIND", "/dav/home/", Depth="0", **bearer).status == 207
    Api.of(server, "alice").post(f"/me/devices/{phone.id}/wipe").ok(204)
    assert phone.propfind() == 401
    assert phone.ask("PROPFIND", "/dav/home/", Depth="0", **bearer).status == 401, "and what was got with it"
    for _ in range(3):
        assert phone.check("check", prefix) == (200, {"wipe": True})

    def wiped(path: str, user: str) -> list[dict[str, Any]]:
        return [each for each in Api.of(server, user).get(path).ok()["items"] if each["label"] == phone.label]

    (asked,) = wiped("/me/wipes", "alice")
    assert asked["done"] is None and wiped("/users/alice/wipes", "admin") == [asked]
    assert wiped("/me/wipes", "bob") == []
    assert phone.check("success", prefix) == (200, [])
    assert wiped("/me/wipes", "alice")[0]["done"] is not None
    assert phone.label in server.cli("device", "list", "alice", "--wiped").stdout
    assert phone.check("check", prefix) == (404, []) and phone.check("success", prefix) == (404, [])


def test_forms_of_the_question(server: Server) -> None:
    """Form, JSON or query; only POST; and the index does not know the token."""
    phone = Phone(server, "alice")
    server.cli("device", "wipe", str(phone.id))
    secret = phone.secret
    for path, body, kind in [
        ("", f"token={secret}", FORM),
        ("", json.dumps({"token": secret}), "application/json"),
        (f"?token={secret}", "", FORM),
    ]:
        assert post(server, "/core/wipe/check" + path, body, {"Content-Type": kind}).status == 200
    for body in ("", "token=", "token=x", "token=" + "x" * 5000):
        assert post(server, "/core/wipe/check", body, {"Content-Type": FORM}).status == 404
    assert Dav(server.port, "/", None).request("GET", f"/core/wipe/check?token={secret}").status == 405
    assert Dav(server.port, "/", None).request("POST", "/core/wipe/other").status == 404
    assert secret not in repr(server.rows("SELECT hash, label FROM wipe"))


@pytest.mark.slow
def test_guessing_is_slowed_down(own_server: Callable[..., Server]) -> None:
    """Who names tokens that nobody has is sent away; who names the right one, or signs in, does not notice."""
    server = own_server()
    phone = Phone(server, "alice")
    server.cli("device", "wipe", str(phone.id))
    sent = {"Content-Type": FORM}
    answers = [
        post(server, "/core/wipe/check", f"token=dst_{secrets.token_urlsafe(32)}", sent).status for _ in range(15)
    ]
    assert answers[:10] == [404] * 10 and 429 in answers[10:]
    assert phone.check() == (200, {"wipe": True})
    begun = time.monotonic()
    assert server.dav("bob").request("PROPFIND", "", headers={"Depth": "0"}).status == 207
    assert time.monotonic() - begun < 1


# when the index is away


@pytest.mark.slow
def test_an_outage_loses_nothing(tmp_path) -> None:
    """What was seen before the database went away is written when it is back."""
    with cluster.own() as mine:
        server = Server(tmp_path, 1, {"admin": ADMIN[1]})
        davshare("init", str(server.data), "--database", mine.create(), "--password-stdin", input=ADMIN[1])
        server.run()
        server.users["admin"] = ADMIN[1]
        phone = Phone(server, "admin")
        assert phone.propfind() == 207
        mine.stop()
        time.sleep(35)
        assert server.dav("admin").put("new", b"1").status == 503 and server.alive()
        mine.start()
        written(server)
        assert of(server, phone)["positions"]
        server.kill9()
