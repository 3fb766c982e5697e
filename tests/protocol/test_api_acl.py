"""``/api/v1/acl`` and ``/api/v1/explain``."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest

from support.api import Api
from support.client import Dav
from support.server import Server


@pytest.fixture
def alice(module_server: Server) -> Api:
    """Somebody with a home."""
    return Api.of(module_server, "alice")


@pytest.fixture
def bob(module_server: Server) -> Api:
    """Somebody else."""
    return Api.of(module_server, "bob")


@pytest.fixture
def folder(module_server: Server) -> Dav:
    """A folder of alice's with a file."""
    box = module_server.dav("alice").fresh_box()
    box.put("file", b"1")
    return box


def shared(folder: Dav, path: str = "file") -> str:
    """The address of something in the folder as others see it."""
    return folder.base.replace("/dav/home/", "/dav/users/alice/") + path


def test_grant_and_revoke(alice: Api, folder: Dav, module_server: Server) -> None:
    """A grant is there from the next request on, and gone after its end."""
    there = module_server.dav("bob", "/")
    assert there.get(shared(folder)).status == 404
    entry = alice.put(f"/acl/grants/user/bob?path={folder.base}", {"role": "viewer"}).ok()
    assert (entry["on"], entry["role"], entry["denied"]) == (folder.base, "viewer", False)
    assert there.get(shared(folder)).body == b"1"
    assert there.put(shared(folder), b"2").status == 403
    (told,) = alice.get(f"/acl?path={folder.base}file").ok()["items"]
    assert (told["name"], told["inherited"], told["permissions"]) == ("bob", True, ["read"])
    alice.delete(f"/acl/grants/user/bob?path={folder.base}").ok(204)
    assert there.get(shared(folder)).status == 404
    alice.delete(f"/acl/grants/user/bob?path={folder.base}").refused(404)


def test_expiry(alice: Api, folder: Dav, module_server: Server) -> None:
    """The end is a time to come, and holds."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    past = datetime.now(UTC) - timedelta(seconds=2)
    body = {"role": "viewer", "expires": past.isoformat()}
    alice.put(f"/acl/grants/user/bob?path={folder.base}", body).refused(422, "expires")
    alice.put(f"/acl/grants/user/bob?path={folder.base}", {**body, "expires": soon.isoformat()}).ok()
    there = module_server.dav("bob", "/")
    assert there.get(shared(folder)).status == 200
    time.sleep(2.1)
    assert there.get(shared(folder)).status == 404


def test_others_learn_nothing(bob: Api, alice: Api, folder: Dav) -> None:
    """The same for what is there and what is not."""
    path = shared(folder, "")
    for each in (path, path + "missing"):
        for route in (f"/acl?path={each}", f"/explain?path={each}"):
            bob.get(route).refused(404)
        bob.put(f"/acl/grants/user/bob?path={each}", {"role": "manager"}).refused(404)
    alice.put(f"/acl/grants/user/bob?path={folder.base}", {"role": "viewer"}).ok()
    bob.get(f"/acl?path={path}").refused(403)
    bob.put(f"/acl/grants/user/bob?path={path}", {"role": "manager"}).refused(403)


def test_explain(bob: Api, alice: Api, folder: Dav, module_server: Server) -> None:
    """One's own access is explained to everybody, that of others to those who may read the list."""
    group = f"g{secrets.token_hex(4)}"
    module_server.cli("group", "add", group)
    module_server.cli("group", "add-member", group, "bob")
    alice.put(f"/acl/grants/user/bob?path={folder.base}", {"role": "editor"}).ok()
    alice.put(f"/acl/denials/group/{group}?path={folder.base}file", {"permissions": ["write-content"]}).ok()
    path = shared(folder)
    own = bob.get(f"/explain?path={path}").ok()
    assert "write-content" not in own["permissions"]
    assert own["considered"] == [], "whom else the list names is not told"
    bob.get(f"/explain?path={path}&user=alice").refused(403)
    told = alice.get(f"/explain?path={folder.base}file&user=bob").ok()
    assert [(each["entry"]["name"], each["entry"]["denied"]) for each in told["considered"]] == [
        (group, True), ("bob", False),
    ]  # fmt: skip
    assert told["considered"][0]["decides"] == ["write-content"]
    assert set(told["permissions"]) == set(own["permissions"])
    assert alice.get(f"/explain?path={folder.base}file").ok()["rule"] is not None
    alice.get(f"/explain?path={folder.base}file&user=bob&group={group}").refused(422, "group")


def test_see_as(bob: Api, alice: Api, folder: Dav, module_server: Server) -> None:
    """An owner sees a folder as others do; that is what these see."""
    for name in ("open", "closed", "changeable"):
        folder.put(name, b"1")
    group = f"g{secrets.token_hex(4)}"
    module_server.cli("group", "add", group)
    see = f"/see-as?path={folder.base}"
    assert alice.get(f"{see}&user=bob").ok()["visible"] is False and alice.get(f"{see}&user=bob").ok()["items"] == []
    alice.put(f"/acl/grants/user/bob?path={folder.base}", {"role": "viewer"}).ok()
    alice.put(f"/acl/denials/user/bob?path={folder.base}closed", {"permissions": ["read"]}).ok()
    alice.put(f"/acl/grants/user/bob?path={folder.base}changeable", {"role": "editor"}).ok()
    alice.put(f"/acl/grants/group/{group}?path={folder.base}open", {"role": "viewer"}).ok()
    found = alice.get(f"{see}&user=bob").ok()
    assert [(each["name"], each["kind"]) for each in found["items"]] == [
        ("changeable", "file"), ("file", "file"), ("open", "file"),
    ]  # fmt: skip
    assert "write-content" in found["items"][0]["permissions"] and found["items"][1]["permissions"] == ["read"]
    assert found["visible"] and found["permissions"] == ["read"] and found["next_offset"] is None
    there = module_server.dav("bob", shared(folder, ""))
    assert there.names() == {each["name"] for each in found["items"]}
    assert bob.get(f"/see-as?path={shared(folder, '')}").ok()["items"] == found["items"]
    bob.get(f"/see-as?path={shared(folder, '')}&user=alice").refused(403)
    (only,) = alice.get(f"{see}&group={group}").ok()["items"]
    assert only["name"] == "open"
    page = alice.get(f"{see}&user=bob&limit=2&offset=1").ok()
    assert [each["name"] for each in page["items"]] == ["file", "open"] and page["next_offset"] is None
    assert alice.get(f"{see}&user=bob&limit=2").ok()["next_offset"] == 2
    assert len(alice.get(see).ok()["items"]) == 4


@pytest.mark.parametrize("path", ["", "/", "nonsense", "/dav/home/%00", "/dav/../etc", "x" * 5000, "/dav/spaces/"])
def test_bad_paths(alice: Api, path: str) -> None:
    """Clear refusals."""
    assert alice.get(f"/acl?path={path}").status in (400, 404, 405, 422)
    assert alice.put(f"/acl/grants/user/bob?path={path}", {"role": "viewer"}).status in (400, 404, 405, 422)
