"""Public links over ``/api/v1``."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from support.api import Api
from support.client import Dav
from support.server import Server

PASSWORD = "some-pass-123"


class Owner(NamedTuple):
    """Somebody with ``/Box/a.txt``."""

    server: Server
    name: str
    dav: Dav
    api: Api

    def status(self, link: dict[str, Any], password: str = "") -> int:
        """What somebody gets who reads the file in it."""
        visitor = Dav(self.server.port, f"/s/{link['token']}/", ("", password) if password else None)
        status = visitor.get("a.txt").status
        visitor.close()
        return status


def person(server: Server) -> str:
    """A new one."""
    name = f"r{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--password-stdin", input=PASSWORD)
    server.users[name] = PASSWORD
    return name


@pytest.fixture
def owner(module_server: Server) -> Iterator[Owner]:
    """A fresh one."""
    name = person(module_server)
    dav = module_server.dav(name)
    dav.mkcol("Box")
    dav.put("Box/a.txt", b"words")
    yield Owner(module_server, name, dav, Api.of(module_server, name))
    dav.close()
    module_server.cli("settings", "reset")


def test_the_life_of_a_link(owner: Owner) -> None:
    """Made, told, changed, paused, gone on with, ended."""
    end = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    new = {"path": "/dav/home/Box", "role": "editor", "label": "For all", "password": "open-sesame",
           "expires": end.isoformat(), "max_uses": 9}  # fmt: skip
    reply = owner.api.post("/links", new)
    made = reply.ok(201)
    assert reply.headers["Location"].endswith(f"/api/v1/links/{made['id']}")
    expected = {"path": "/dav/home/Box/", "kind": "folder", "creator": owner.name, "role": "editor", "note": "",
                "label": "For all", "password": True, "uses": 0, "max_uses": 9, "paused": False, "state": "live",
                "hide_download": False, "url": f"{owner.server.url}/s/{made['token']}"}  # fmt: skip
    assert {name: made[name] for name in expected} == expected and datetime.fromisoformat(made["expires"]) == end
    assert owner.api.get("/links").ok() == {"items": [made], "next_offset": None}
    assert owner.api.get("/links?path=/dav/home/Box").ok()["items"] == [made]
    assert owner.api.get("/links?path=/dav/home&members=true").ok()["items"] == [made]
    at = f"/links/{made['id']}"
    assert owner.status(made) == 401 and owner.status(made, "open-sesame") == 200
    assert owner.api.get(at).ok() == {**made, "uses": 1}
    assert owner.api.patch(at, {}).ok()["password"], "what is left out stays"
    changed = owner.api.patch(at, {"role": "viewer", "note": "look", "expires": None, "password": None}).ok()
    assert (changed["role"], changed["note"], changed["expires"]) == ("viewer", "look", None)
    assert not changed["password"]
    assert owner.status(made) == 200
    assert owner.api.patch(at, {"paused": True}).ok()["state"] == "paused"
    assert owner.status(made) == 404
    assert owner.api.patch(at, {"paused": False, "max_uses": 2}).ok()["state"] == "exhausted"
    assert owner.status(made) == 404
    assert owner.api.patch(at, {"max_uses": None}).ok()["state"] == "live" and owner.status(made) == 200
    owner.api.delete(at).ok(204)
    assert owner.status(made) == 404 and owner.api.get(at).status == 404


def test_roles(owner: Owner) -> None:
    """Each is told as it was given; files have fewer."""
    for role in ("viewer", "uploader", "editor", "sender"):
        assert owner.api.post("/links", {"path": "/dav/home/Box", "role": role}).ok(201)["role"] == role
    for role in ("viewer", "editor"):
        assert owner.api.post("/links", {"path": "/dav/home/Box/a.txt", "role": role}).ok(201)["role"] == role
    assert owner.api.post("/links", {"path": "/dav/home/Box/a.txt", "role": "sender"}).status == 400


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"path": "/dav/home/none"}, 404), ({"path": "/dav/home"}, 403), ({"path": "/dav/users"}, 405),
        ({"role": "manager"}, 422), ({"password": "short"}, 422), ({"password": ""}, 422), ({"max_uses": 0}, 422),
        ({"expires": "2001-01-01T00:00:00Z"}, 422), ({"label": "x" * 300}, 422), ({"label": "a\nb"}, 400),
    ],
)  # fmt: skip
def test_what_cannot_be(owner: Owner, given: dict[str, Any], status: int) -> None:
    """Said clearly; nothing was made."""
    reply = owner.api.post("/links", {"path": "/dav/home/Box", **given})
    assert reply.status == status, reply
    assert owner.api.get("/links").ok()["items"] == []


def test_who_sees_what(owner: Owner) -> None:
    """Who may only see who has access is told no token; app tokens that share nothing are not, either."""
    made = owner.api.post("/links", {"path": "/dav/home/Box", "role": "editor"}).ok(201)
    reader, stranger = (person(owner.server) for _ in range(2))
    owner.server.cli("acl", "grant", f"users/{owner.name}/Box", reader, "read,read-acl")
    at = f"/links/{made['id']}"
    seen = Api.of(owner.server, reader).get(at).ok()
    assert seen["token"] is seen["url"] is None and seen["creator"] == owner.name
    assert Api.of(owner.server, reader).patch(at, {"label": "mine"}).status == 403
    assert Api.of(owner.server, reader).delete(at).status == 403
    for call in (Api.of(owner.server, stranger).get, Api.of(owner.server, stranger).delete):
        assert call(at).status == 404
    token = owner.server.cli("token", "add", owner.name, "--scope", "read").stdout.strip()
    limited = Api.bearer(owner.server, token)
    assert limited.get(at).ok()["token"] is None
    assert limited.post("/links", {"path": "/dav/home/Box"}).status == 403


def test_pages(owner: Owner) -> None:
    """A listing comes in parts."""
    for n in range(7):
        owner.api.post("/links", {"path": "/dav/home/Box", "label": str(n)}).ok(201)
    first = owner.api.get("/links?limit=4").ok()
    assert [each["label"] for each in first["items"]] == ["0", "1", "2", "3"] and first["next_offset"] == 4
    assert [each["label"] for each in owner.api.get("/links?limit=4&offset=4").ok()["items"]] == ["4", "5", "6"]
