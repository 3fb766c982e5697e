"""Shares over ``/api/v1``."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from support.api import Api
from support.client import Dav
from support.ocs import Ocs
from support.server import Server

PASSWORD = "some-pass-123"


class People(NamedTuple):
    """Owner with ``/Box/a.txt``, friend, and a member of a group."""

    server: Server
    owner: str
    friend: str
    member: str
    group: str
    dav: Dav

    def api(self, name: str) -> Api:
        """Calls of one of them."""
        return Api.of(self.server, name)


@pytest.fixture
def people(module_server: Server) -> Iterator[People]:
    """Fresh ones."""
    group = f"g{secrets.token_hex(4)}"
    module_server.cli("group", "add", group)
    found = []
    for number in range(3):
        name = f"r{secrets.token_hex(4)}"
        more = ("--group", group) if number == 2 else ()
        module_server.cli("user", "add", name, *more, "--password-stdin", input=PASSWORD)
        module_server.users[name] = PASSWORD
        found.append(name)
    dav = module_server.dav(found[0])
    dav.mkcol("Box")
    dav.put("Box/a.txt", b"words")
    yield People(module_server, *found, group, dav)
    dav.close()
    module_server.cli("settings", "reset")


def to(name: str, kind: str = "user") -> dict[str, str]:
    """A receiver."""
    return {"kind": kind, "name": name}


def test_the_life_of_a_share(people: People) -> None:
    """Made, told to both, changed, declined, taken again, taken back."""
    mine, theirs = people.api(people.owner), people.api(people.friend)
    end = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    new = {"path": "/dav/home/Box", "receiver": to(people.friend), "role": "editor", "expires": end.isoformat()}
    reply = mine.post("/shares", new)
    made = reply.ok(201)
    assert reply.headers["Location"].endswith(f"/api/v1/shares/{made['id']}")
    assert made["path"] == "/dav/home/Box/" and made["kind"] == "folder" and made["role"] == "editor"
    assert made["receiver"] == to(people.friend) and made["state"] == "accepted" and made["sharer"] == people.owner
    assert datetime.fromisoformat(made["expires"]) == end
    assert mine.get("/shares").ok() == {"items": [made], "next_offset": None}
    (seen,) = theirs.get("/shares?received=true").ok()["items"]
    assert seen["path"].rstrip("/").endswith("/Box")
    assert people.server.dav(people.friend).put(f"/dav/users/{people.owner}/Box/b.txt", b"mine").status == 201
    number = made["id"]
    changed = mine.patch(f"/shares/{number}", {"role": "viewer", "note": "look", "expires": None}).ok()
    assert (changed["role"], changed["note"], changed["expires"]) == ("viewer", "look", None)
    assert mine.patch(f"/shares/{number}", {}).ok() == changed, "what is left out stays"
    assert people.server.dav(people.friend).put(f"/dav/users/{people.owner}/Box/b.txt", b"no").status == 403
    assert theirs.post(f"/shares/{number}/decline").ok()["state"] == "declined"
    assert theirs.get("/shares?received=true&state=accepted").ok()["items"] == []
    assert theirs.post(f"/shares/{number}/accept").ok()["state"] == "accepted"
    theirs.delete(f"/shares/{number}").refused(403)
    mine.delete(f"/shares/{number}").ok(204)
    mine.get(f"/shares/{number}").refused(404)
    assert theirs.get("/shares?received=true").ok()["items"] == []


def test_of_one_folder(people: People) -> None:
    """What is shared of a thing, or of the members of a folder."""
    mine = people.api(people.owner)
    one = mine.post("/shares", {"path": "home/Box", "receiver": to(people.group, "group")}).ok(201)
    two = mine.post("/shares", {"path": "home/Box/a.txt", "receiver": to(people.friend), "role": "viewer"}).ok(201)
    assert mine.get("/shares?path=/dav/home/Box").ok()["items"] == [one]
    assert mine.get("/shares?path=/dav/home/Box&members=true").ok()["items"] == [two]
    assert mine.get("/shares?limit=1").ok() == {"items": [one], "next_offset": 1}
    assert mine.get("/shares?limit=1&offset=1").ok() == {"items": [two], "next_offset": None}
    mine.get("/shares?path=/dav/home/none").refused(404)
    people.api(people.friend).get(f"/shares?path=/dav/users/{people.owner}/Box").refused(404)
    (seen,) = people.api(people.member).get("/shares?received=true").ok()["items"]
    assert seen["receiver"] == to(people.group, "group") and seen["id"] == one["id"]
    people.api(people.member).get(f"/shares/{two['id']}").refused(404)


def test_what_is_kept_from_somebody_is_not_told(people: People) -> None:
    """A group has it, and one of them may not read it: its name of now is in no list of theirs."""
    mine, theirs = people.api(people.owner), people.api(people.member)
    made = mine.post("/shares", {"path": "home/Box", "receiver": to(people.group, "group")}).ok(201)
    assert len(theirs.get("/shares?received=true").ok()["items"]) == 1
    denied = (
        '<d:acl xmlns:d="DAV:"><d:ace><d:principal><d:href>/dav/principals/users/{}/</d:href></d:principal>'
        "<d:deny><d:privilege><d:read/></d:privilege></d:deny></d:ace><d:ace><d:principal>"
        "<d:href>/dav/principals/groups/{}/</d:href></d:principal>"
        "<d:grant><d:privilege><d:read/></d:privilege></d:grant></d:ace></d:acl>"
    )
    assert people.dav.request("ACL", "Box", denied.format(people.member, people.group)).status == 200
    assert people.dav.move("Box", "Closed").status == 201
    theirs.get(f"/shares/{made['id']}").refused(404)
    assert theirs.get("/shares?received=true").ok()["items"] == []
    calls = Ocs(people.server, people.member, app="apps/files_sharing/api/v1")
    assert calls.call("GET", "shares", {"shared_with_me": "true", "state": "all"}).ok() == []


@pytest.mark.parametrize(
    ("given", "status", "field"),
    [
        ({"path": "/dav/home/none"}, 404, None),
        ({"path": "/dav/home/"}, 403, None),
        ({"path": "/dav/spaces"}, 405, None),
        ({"receiver": {"kind": "user", "name": "nobody-here"}}, 422, "receiver"),
        ({"receiver": {"kind": "link", "name": "x"}}, 422, "receiver.kind"),
        ({"role": "king"}, 422, "role"),
        ({"role": "viewer", "permissions": ["read"]}, 422, "role"),
        ({"permissions": []}, 422, "permissions"),
        ({"permissions": ["share"]}, 400, None),
        ({"expires": "2001-01-01T00:00:00Z"}, 422, "expires"),
        ({"expires": "soon"}, 422, "expires"),
        ({"note": "x" * 1001}, 422, "note"),
    ],
)
def test_what_cannot_be_shared(people: People, given: dict[str, object], status: int, field: str | None) -> None:
    """The answer says what is wrong, and nothing is shared."""
    mine = people.api(people.owner)
    new = {"path": "/dav/home/Box", "receiver": to(people.friend), **given}
    mine.post("/shares", new).refused(status, field)
    assert mine.get("/shares").ok()["items"] == []


def test_enforced_ends(people: People) -> None:
    """What the site says of ends holds here as well."""
    people.server.cli("settings", "set", "sharing.user.expire_default", "on")
    people.server.cli("settings", "set", "sharing.user.expire_enforced", "on")
    mine = people.api(people.owner)
    new = {"path": "/dav/home/Box", "receiver": to(people.friend)}
    mine.post("/shares", {**new, "expires": None}).refused(422, "expires")
    late = datetime.now(UTC) + timedelta(days=30)
    mine.post("/shares", {**new, "expires": late.isoformat()}).refused(422, "expires")
    assert mine.post("/shares", new).ok(201)["expires"] is not None


def test_co_owners(people: People) -> None:
    """They let others in, and see who is in."""
    mine, theirs = people.api(people.owner), people.api(people.friend)
    made = mine.post("/shares", {"path": "/dav/home/Box", "receiver": to(people.friend), "role": "co-owner"}).ok(201)
    assert made["role"] == "co-owner"
    path = f"/dav/users/{people.owner}/Box"
    passed = theirs.post("/shares", {"path": path, "receiver": to(people.member), "role": "viewer"}).ok(201)
    assert {each["id"] for each in theirs.get(f"/shares?path={path}").ok()["items"]} == {made["id"], passed["id"]}
    mine.delete(f"/shares/{made['id']}").ok(204)
    mine.get(f"/shares/{passed['id']}").refused(404)


def test_sharees(people: People) -> None:
    """Whom to share with: exactly, and by a part."""
    mine = people.api(people.owner)
    (found,) = mine.get(f"/sharees?search={people.friend}").ok()["items"]
    assert found == {"kind": "user", "name": people.friend, "display_name": people.friend, "exact": True}
    (found,) = mine.get(f"/sharees?search={people.group[:-1]}").ok()["items"]
    assert (found["kind"], found["name"], found["exact"]) == ("group", people.group, False)
    assert mine.get(f"/sharees?search={people.owner}").ok()["items"] == []
    mine.get("/sharees?search=").refused(422, "search")
