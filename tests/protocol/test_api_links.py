"""Public links over ``/api/v1``."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from support.api import Api
from support.client import Dav
from support.server import Server

pytestmark = pytest.mark.slow

PASSWORD = "some-pass-123"


class Maker(NamedTuple):
    """Somebody with ``/Box/a.txt``."""

    server: Server
    name: str
    dav: Dav
    api: Api

    def visit(self, link: dict[str, object]) -> Dav:
        """Whoever has the address."""
        token = str(link["url"]).rpartition("/s/")[2]
        return self.server.dav(None, f"/public.php/dav/files/{token}/")


@pytest.fixture
def maker(module_server: Server) -> Iterator[Maker]:
    """A fresh one."""
    name = f"r{secrets.token_hex(4)}"
    module_server.cli("user", "add", name, "--password-stdin", input=PASSWORD)
    module_server.users[name] = PASSWORD
    dav = module_server.dav(name)
    dav.mkcol("Box")
    dav.put("Box/a.txt", b"words")
    yield Maker(module_server, name, dav, Api.of(module_server, name))
    dav.close()
    module_server.cli("settings", "reset")


def test_the_life_of_a_link(maker: Maker) -> None:
    """Made, used, changed field by field, paused, revoked."""
    reply = maker.api.post("/links", {"path": "/dav/home/Box", "label": "for you", "note": "n<&", "max_uses": 100})
    made = reply.ok(201)
    assert reply.headers["Location"].endswith(f"/api/v1/links/{made['id']}")
    assert made["url"].startswith(maker.server.url + "/s/") and made["state"] == "live"
    assert (made["path"], made["kind"], made["role"]) == ("/dav/home/Box/", "folder", "viewer")
    assert (made["label"], made["note"], made["max_uses"], made["has_password"]) == ("for you", "n<&", 100, False)
    assert maker.visit(made).get("a.txt").body == b"words"
    path = f"/links/{made['id']}"
    used = maker.api.get(path).ok()
    assert used == {**made, "uses": 1} and maker.api.get("/links").ok()["items"] == [used]
    assert maker.api.patch(path, {}).ok() == used, "what is left out stays"
    for field, value in (
        ("label", "other"), ("note", ""), ("max_uses", None), ("hide_download", True), ("hide_download", False),
        ("role", "editor"), ("paused", True), ("paused", False),
    ):  # fmt: skip
        before = maker.api.get(path).ok()
        after = maker.api.patch(path, {field: value}).ok()
        changed = {name for name in before if before[name] != after[name]}
        assert after[field] == value and changed <= {field, "permissions", "state"}
    assert maker.visit(made).put("b.txt", b"new").status == 201
    maker.api.patch(path, {"paused": True}).ok()
    assert maker.visit(made).get("a.txt").status == 404 and maker.api.get(path).ok()["state"] == "paused"
    maker.api.delete(path).ok(204)
    maker.api.get(path).refused(404)
    assert maker.visit(made).get("a.txt").status == 404


def test_passwords(maker: Maker) -> None:
    """Asked for, changed, taken away, never told; the site may insist."""
    made = maker.api.post("/links", {"path": "/dav/home/Box", "password": "open-sesame"}).ok(201)
    path = f"/links/{made['id']}"
    assert made["has_password"] and "sesame" not in str(made)
    assert maker.visit(made).get("a.txt").status == 401
    maker.api.patch(path, {"password": "short"}).refused(422, "password")
    assert maker.api.patch(path, {"label": "x"}).ok()["has_password"], "left out is not taken away"
    maker.server.cli("settings", "set", "sharing.link.password_enforced.read_only", "on")
    maker.api.patch(path, {"password": None}).refused(403)
    maker.api.post("/links", {"path": "/dav/home/Box"}).refused(403)
    maker.server.cli("settings", "reset")
    assert not maker.api.patch(path, {"password": None}).ok()["has_password"]
    assert maker.visit(made).get("a.txt").status == 200


def test_ends(maker: Maker) -> None:
    """A time to come; the site may say the latest."""
    end = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    new = {"path": "/dav/home/Box"}
    made = maker.api.post("/links", {**new, "expires": end.isoformat()}).ok(201)
    assert datetime.fromisoformat(made["expires"]) == end
    maker.api.post("/links", {**new, "expires": "2001-01-01T00:00:00Z"}).refused(422, "expires")
    assert maker.api.patch(f"/links/{made['id']}", {"expires": None}).ok()["expires"] is None
    for name in ("expire_default", "expire_enforced"):
        maker.server.cli("settings", "set", f"sharing.link.{name}", "on")
    maker.api.patch(f"/links/{made['id']}", {"expires": None}).refused(422, "expires")
    assert maker.api.post("/links", new).ok(201)["expires"] is not None
    maker.server.cli("share", "expire", str(made["id"]))
    assert maker.api.get(f"/links/{made['id']}").ok()["state"] == "expired"


@pytest.mark.parametrize(
    ("given", "status", "field"),
    [
        ({"path": "/dav/home/none"}, 404, None),
        ({"path": "/dav/home/"}, 403, None),
        ({"path": "/dav/users"}, 405, None),
        ({"role": "king"}, 422, "role"),
        ({"max_uses": 0}, 422, "max_uses"),
        ({"label": "a\nb"}, 400, None),
        ({"note": "x" * 1001}, 422, "note"),
        ({"path": "/dav/home/Box/a.txt", "role": "drop-box"}, 400, None),
    ],
)
def test_what_no_link_can_be(maker: Maker, given: dict[str, object], status: int, field: str | None) -> None:
    """The answer says what is wrong, and nothing is made."""
    maker.api.post("/links", {"path": "/dav/home/Box", **given}).refused(status, field)
    assert maker.api.get("/links").ok()["items"] == []


def test_drop_box(maker: Maker) -> None:
    """Things come in, nothing is seen."""
    made = maker.api.post("/links", {"path": "/dav/home/Box", "role": "drop-box"}).ok(201)
    assert made["role"] == "drop-box" and made["permissions"] == ["bind"]
    assert maker.visit(made).put("a.txt", b"mine").status in (200, 201)
    assert maker.visit(made).get("a.txt").status in (403, 404)
    assert maker.dav.get("Box/a.txt").body == b"words"
    assert len(maker.dav.names("Box/")) == 2


def test_who_sees_which(maker: Maker) -> None:
    """Those of one thing or of the members of a folder; strangers see none."""
    one = maker.api.post("/links", {"path": "/dav/home/Box"}).ok(201)
    two = maker.api.post("/links", {"path": "/dav/home/Box/a.txt"}).ok(201)
    assert maker.api.get("/links?path=/dav/home/Box").ok()["items"] == [one]
    assert maker.api.get("/links?path=/dav/home/Box&members=true").ok()["items"] == [two]
    assert maker.api.get("/links?limit=1").ok() == {"items": [one], "next_offset": 1}
    for name in ("alice", "admin"):
        stranger = Api.of(maker.server, name)
        stranger.get(f"/links/{one['id']}").refused(404)
        stranger.patch(f"/links/{one['id']}", {"paused": True}).refused(404)
        stranger.delete(f"/links/{one['id']}").refused(404)
        stranger.get(f"/links?path=/dav/users/{maker.name}/Box").refused(404)


def test_a_receiver_who_may_not_manage_it(maker: Maker) -> None:
    """Whoever only reads what a link shows is not told of it; a co-owner manages it."""
    made = maker.api.post("/links", {"path": "/dav/home/Box"}).ok(201)
    share = {"path": "/dav/home/Box", "receiver": {"kind": "user", "name": "alice"}, "role": "viewer"}
    number = maker.api.post("/shares", share).ok(201)["id"]
    alice = Api.of(maker.server, "alice")
    alice.get(f"/links/{made['id']}").refused(404)
    maker.api.patch(f"/shares/{number}", {"role": "co-owner"}).ok()
    seen = alice.get(f"/links/{made['id']}").ok()
    assert seen["url"] == made["url"] and seen["maker"] == maker.name
    alice.delete(f"/links/{made['id']}").ok(204)


def test_what_visitors_see(maker: Maker) -> None:
    """Owners see a folder as those do who come by a link, and why they may do what they may."""
    maker.dav.mkcol("Box/In")
    read = maker.api.post("/links", {"path": "/dav/home/Box"}).ok(201)["id"]
    drop = maker.api.post("/links", {"path": "/dav/home/Box", "role": "drop-box"}).ok(201)["id"]
    seen = maker.api.get(f"/see-as?path=/dav/home/Box&link={read}").ok()
    assert [(each["name"], each["permissions"]) for each in seen["items"]] == [("In", ["read"]), ("a.txt", ["read"])]
    assert maker.api.get(f"/see-as?path=/dav/home/Box/In&link={read}").ok()["permissions"] == ["read"]
    told = maker.api.get(f"/see-as?path=/dav/home/Box&link={drop}").ok()
    assert not told["visible"] and told["items"] == []
    why = maker.api.get(f"/explain?path=/dav/home/Box&link={drop}").ok()
    assert why["permissions"] == ["bind"] and "links" in why["rule"]
    maker.api.get(f"/see-as?path=/dav/home&link={read}").refused(404)
    maker.api.get(f"/see-as?path=/dav/home/Box&link={read}&user=alice").refused(422, "link")
    maker.api.patch(f"/links/{read}", {"paused": True}).ok()
    assert maker.api.get(f"/see-as?path=/dav/home/Box&link={read}").ok()["permissions"] == []
    share = {"path": "/dav/home/Box", "receiver": {"kind": "user", "name": "alice"}, "role": "viewer"}
    maker.api.post("/shares", share).ok(201)
    Api.of(maker.server, "alice").get(f"/see-as?path=/dav/users/{maker.name}/Box&link={read}").refused(403)
    done = maker.server.cli("explain", str(drop), f"users/{maker.name}/Box", "--as", "link")
    assert "bind" in done.stdout
    assert maker.server.cli("explain", "7", f"users/{maker.name}/Box", "--as", "link", check=False).returncode == 3
