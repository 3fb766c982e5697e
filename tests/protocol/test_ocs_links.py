"""Public links in the sharing calls of ownCloud 10 and Nextcloud."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from support.client import Dav
from support.ocs import Answer, Ocs
from support.server import Server

pytestmark = pytest.mark.slow

APP = "apps/files_sharing/api/v1"
PASSWORD = "some-pass-123"
NO_SHARE = "Wrong share ID, share doesn't exist"


class Person(NamedTuple):
    """Somebody with ``Box/a.txt``, and their calls."""

    server: Server
    name: str
    dav: Dav
    calls: Ocs

    def make(self, path: str = "/Box", **given: Any) -> Answer:
        """Make a link."""
        return self.calls.post("shares", {"path": path, "shareType": 3, **given})

    def change(self, link: dict[str, Any], **given: Any) -> Answer:
        """Change one."""
        return self.calls.call("PUT", f"shares/{link['id']}", given)

    def now(self, link: dict[str, Any]) -> dict[str, Any]:
        """What it is by now."""
        (found,) = self.calls.get(f"shares/{link['id']}").ok()
        return found

    def status(self, link: dict[str, Any], password: str | None = None) -> int:
        """What somebody gets who reads the file in it."""
        auth = None if password is None else ("public", password)
        visitor = Dav(self.server.port, f"/public.php/dav/files/{link['token']}/", auth)
        status = visitor.get("a.txt").status
        visitor.close()
        return status


def person(server: Server, *options: str) -> Person:
    """A new one."""
    name = f"s{secrets.token_hex(4)}"
    server.cli("user", "add", name, "--display-name", f"{name} Doe", *options, "--password-stdin", input=PASSWORD)
    server.users[name] = PASSWORD
    dav = server.dav(name)
    dav.mkcol("Box")
    dav.put("Box/a.txt", b"words")
    return Person(server, name, dav, Ocs(server, name, app=APP))


@pytest.fixture
def owner(module_server: Server) -> Iterator[Person]:
    """A fresh one."""
    found = person(module_server)
    yield found
    found.dav.close()
    module_server.cli("settings", "reset")


def test_a_link_is_told_in_full(owner: Person) -> None:
    """Everything that clients look for."""
    made = owner.make(
        "/Box/a.txt", name="For all", note="n<&", expireDate="2031-05-06", password="open-sesame", hideDownload="true"
    ).ok()
    expected = {
        "share_type": 3, "uid_owner": owner.name, "displayname_owner": f"{owner.name} Doe", "permissions": 1,
        "expiration": "2031-05-06 00:00:00", "uid_file_owner": owner.name, "note": "n<&", "path": "/Box/a.txt",
        "item_type": "file", "mimetype": "text/plain", "share_with": "***redacted***",
        "share_with_displayname": "***redacted***", "password": "***redacted***", "name": "For all",
        "label": "For all", "hide_download": 1, "url": f"{owner.server.url}/s/{made['token']}", "mail_send": 0,
        "storage_id": f"home::{owner.name}", "send_password_by_talk": False, "state": 0,
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert len(made["token"]) == 15 and made["token"].isalnum() and int(made["id"]) > 1_000_000_000
    assert owner.now(made) == made
    plain = owner.make(permissions=31).ok()
    assert (plain["permissions"], plain["share_with"], plain["item_type"]) == (15, None, "folder")
    assert [each["id"] for each in owner.calls.get("shares").ok()] == [made["id"], plain["id"]]
    secret = owner.server.rows("SELECT token_hash, token_sealed, password FROM link")
    assert not any(made["token"].encode() in bytes(cell) for row in secret for cell in row[:2])
    assert owner.dav.prop("Box", "{http://owncloud.org/ns}share-types")[1][0].text == "3"


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "xml"])
def test_both_versions_and_formats(owner: Person, version: int, as_json: bool) -> None:
    """Beside a share of the same folder; each is found and ended by its number."""
    friend = person(owner.server)
    calls = Ocs(owner.server, owner.name, version, as_json, APP)
    share = calls.post("shares", {"path": "/Box", "shareType": "0", "shareWith": friend.name}).ok()
    link = calls.post("shares", {"path": "/Box", "shareType": "3"}).ok()
    assert link["token"] and link["url"].endswith(f"/s/{link['token']}")
    for given in ({}, {"path": "/Box"}, {"path": "/", "subfiles": "true"}, {"path": "/Box", "reshares": "true"}):
        assert [each["id"] for each in calls.call("GET", "shares", given).ok()] == [share["id"], link["id"]], given
    assert [each["id"] for each in calls.call("GET", "shares", {"share_types": "3"}).ok()] == [link["id"]]
    assert [each["id"] for each in calls.call("GET", "shares", {"share_types": "0,1"}).ok()] == [share["id"]]
    assert calls.delete(f"shares/{link['id']}").ok() in ([], "")
    missing = calls.get(f"shares/{link['id']}")
    assert (missing.status, missing.code, missing.meta["message"]) == (200 if version == 1 else 404, 404, NO_SHARE)
    assert [each["id"] for each in calls.get("shares").ok()] == [share["id"]]


def test_public_upload(owner: Person) -> None:
    """The old word for all permissions; folders only."""
    link = owner.make(publicUpload="true").ok()
    assert link["permissions"] == 15
    assert owner.change(link, publicUpload="false").ok()["permissions"] == 1
    assert owner.change(link, permissions=4).ok()["permissions"] == 4
    assert owner.change(link, permissions=5).ok()["permissions"] == 5
    owner.make("/Box/a.txt", publicUpload="true").refused(404)
    owner.make("/Box/a.txt", permissions=4).refused(400)
    owner.make(permissions=2).refused(400)
    assert owner.make("/Box/a.txt", permissions=15).ok()["permissions"] == 3


def test_what_is_not_given_stays(owner: Person) -> None:
    """Field by field: above all, a password is not lost by saying nothing of it."""
    link = owner.make(
        permissions=5, password="open-sesame", expireDate="2031-05-06", name="a", note="b", hideDownload="true"
    ).ok()
    for field, given, told in (
        ("permissions", "15", 15), ("expireDate", "2031-05-07", "2031-05-07 00:00:00"), ("name", "c", "c"),
        ("label", "d", "d"), ("note", "e", "e"), ("hideDownload", "false", 0), ("permissions", "1", 1),
        ("attributes", '[{"scope":"permissions","key":"download","enabled":false}]', 1),
        ("password", "other-pass", None),
        ("expireDate", "", None), ("name", "", ""), ("note", "", ""),
    ):  # fmt: skip
        before = owner.now(link)
        after = owner.change(link, **{field: given}).ok()
        told_as = {"expireDate": ["expiration"], "name": ["name", "label"], "label": ["name", "label"],
                   "hideDownload": ["hide_download"], "attributes": ["hide_download"]}.get(field, [field])  # fmt: skip
        for name in before:
            if name in told_as and field != "password":
                assert after[name] == told, (field, name)
            else:
                assert after[name] == before[name], (field, name)
        right = "open-sesame" if field != "password" and owner.status(link, "other-pass") == 401 else "other-pass"
        shown = 403 if after["hide_download"] else 200
        assert (owner.status(link), owner.status(link, right)) == (401, shown), field
    owner.calls.call("PUT", f"shares/{link['id']}", {}).refused(400, "Wrong or no update parameter given")
    assert owner.change(link, password="", hideDownload="false").ok()["password"] is None
    assert owner.status(link) == 200


@pytest.mark.parametrize(
    ("permissions", "setting"),
    [(1, "read_only"), (5, "read_write"), (7, "read_write"), (15, "read_write_delete"), (4, "upload_only")],
)
def test_passwords_are_enforced(owner: Person, permissions: int, setting: str) -> None:
    """By what a link lets do; neither making, changing nor leaving out gets around it."""
    open_link = owner.make(permissions=permissions).ok()
    other = owner.make(permissions=1 if permissions != 1 else 15).ok()
    owner.server.cli("settings", "set", f"sharing.link.password_enforced.{setting}", "on")
    owner.make(permissions=permissions).refused(403, "Passwords are enforced for link shares")
    owner.change(other, permissions=permissions).refused(403, "Passwords are enforced for link shares")
    link = owner.make(permissions=permissions, password="open-sesame").ok()
    owner.change(link, password="").refused(403, "Passwords are enforced for link shares")
    assert owner.change(link, note="x").ok()["password"] == "***redacted***"
    assert owner.change(open_link, note="x").ok()["note"] == "x"
    assert owner.change(other, permissions=permissions, password="open-sesame").ok()["permissions"] == permissions


def test_ends(owner: Person) -> None:
    """Enforced ones cannot be passed; in the past none can be; ended ones are not told."""
    owner.make(expireDate="2001-01-01").refused(404, "Expiration date is in the past")
    owner.make(expireDate="tomorrow").refused(404)
    link = owner.make().ok()
    assert link["expiration"] is None
    cli = owner.server.cli
    cli("settings", "set", "sharing.link.expire_default", "on")
    cli("settings", "set", "sharing.link.expire_days", "3")
    assert owner.make().ok()["expiration"] is not None
    assert owner.make(expireDate="").ok()["expiration"] is None
    cli("settings", "set", "sharing.link.expire_enforced", "on")
    owner.make(expireDate="").refused(404, "Expiration date is enforced")
    owner.change(link, expireDate="2031-01-01").refused(404, "Cannot set expiration date that far in the future")
    assert owner.change(link, note="x").ok()["expiration"] is None
    cli("share", "expire", link["id"])
    owner.calls.get(f"shares/{link['id']}").refused(404, NO_SHARE)
    assert link["id"] not in [each["id"] for each in owner.calls.get("shares").ok()]
    assert owner.status(link) == 404


def test_settings(owner: Person) -> None:
    """Who may make links, and for what; at once."""
    cli, link = owner.server.cli, owner.make(permissions=15).ok()
    visitor = Dav(owner.server.port, f"/public.php/dav/files/{link['token']}/", None)
    cli("settings", "set", "sharing.link.upload", "off")
    owner.make(permissions=15).refused(403, "Public upload disabled by the administrator")
    owner.change(link, permissions=5).refused(403, "Public upload disabled by the administrator")
    visitor.put("new", b"x").refused(403)
    assert visitor.get("a.txt").status == 200
    cli("settings", "set", "sharing.link.upload", "on")
    assert visitor.put("new", b"x").status == 201
    group = f"g{secrets.token_hex(4)}"
    cli("group", "add", group)
    cli("settings", "set", "sharing.link.restrict_groups", "on")
    owner.make().refused(404, "Public link sharing is disabled by the administrator")
    cli("settings", "set", "sharing.link.allowed_groups", f'["{group}"]')
    owner.make().refused(404)
    cli("group", "add-member", group, owner.name)
    cli("settings", "set", "sharing.link.token_length", "40")
    assert len(owner.make().ok()["token"]) == 40
    cli("settings", "set", "sharing.link.enabled", "off")
    owner.make().refused(404, "Public link sharing is disabled by the administrator")
    assert visitor.get("a.txt").status == 404
    assert owner.calls.delete(f"shares/{link['id']}").ok() in ([], "")
    cli("settings", "set", "password.min_length", "12")
    cli("settings", "reset", "sharing.link.enabled")
    owner.make(password="short").refused(400)


def test_capabilities(owner: Person) -> None:
    """They are what the settings say."""

    def public() -> dict[str, Any]:
        return Ocs(owner.server, None).get("capabilities").ok()["capabilities"]["files_sharing"]["public"]

    kinds = dict.fromkeys(("read_only", "read_write", "upload_only", "read_write_delete"), False)
    assert public() == {
        "enabled": True, "upload": True, "upload_files_drop": True, "supports_upload_only": True, "multiple": True,
        "multiple_links": True, "send_mail": False, "social_share": True, "expire_date": {"enabled": False},
        "password": {"enforced": False, "enforced_for": kinds, "askForOptionalPassword": False},
    }  # fmt: skip
    cli = owner.server.cli
    for name, value in (("password_enforced.upload_only", "on"), ("expire_default", "on"), ("mail", "on")):
        cli("settings", "set", f"sharing.link.{name}", value)
    found = public()
    assert found["password"]["enforced_for"] == {**kinds, "upload_only": True} and found["send_mail"]
    assert found["expire_date"] == {"enabled": True, "days": 7, "enforced": False}
    cli("settings", "set", "sharing.link.enabled", "off")
    assert public() == {"enabled": False}


def test_whose_links_they_are(owner: Person) -> None:
    """The owner of the folder sees and ends those of whom it is shared with; others know of none."""
    friend, stranger = person(owner.server), person(owner.server)
    share = owner.calls.post(
        "shares", {"path": "/Box", "shareType": 0, "shareWith": friend.name, "permissions": 17}
    ).ok()
    given = {"space_ref": f"users/{owner.name}", "path": "/Box", "shareType": 3}
    friend.calls.post("shares", {**given, "permissions": 15}).refused(403)
    link = friend.calls.post("shares", {**given, "permissions": 1}).ok()
    assert owner.status(link) == 200
    friend.calls.call("PUT", f"shares/{link['id']}", {"permissions": 15}).refused(403)
    for calls in (stranger.calls,):
        for call in (calls.get, calls.delete):
            call(f"shares/{link['id']}").refused(404, NO_SHARE)
        calls.call("PUT", f"shares/{link['id']}", {"permissions": 1}).refused(404, NO_SHARE)
    mine = owner.make().ok()
    friend.calls.get(f"shares/{mine['id']}").refused(404, NO_SHARE)
    assert owner.calls.call("GET", "shares", {"path": "/Box"}).ok()[-1]["id"] == mine["id"]
    seen = owner.calls.call("GET", "shares", {"path": "/Box", "reshares": "true"}).ok()
    assert [(each["id"], each["token"]) for each in seen[1:]] == [
        (link["id"], link["token"]), (mine["id"], mine["token"])
    ]  # fmt: skip
    # When the maker loses the folder, the link does.
    owner.calls.call("PUT", f"shares/{share['id']}", {"permissions": 1}).ok()
    assert owner.status(link) == 404
    owner.calls.call("PUT", f"shares/{share['id']}", {"permissions": 17}).ok()
    assert owner.status(link) == 200
    owner.calls.delete(f"shares/{share['id']}").ok()
    assert owner.status(link) == 404
    assert owner.calls.delete(f"shares/{link['id']}").ok() in ([], "")


def test_what_the_maker_may_not_see_nobody_does(owner: Person) -> None:
    """What is denied to the maker below the folder is denied to whoever comes by the link."""
    friend = person(owner.server)
    owner.dav.mkcol("Box/In")
    owner.dav.put("Box/In/b.txt", b"hidden")
    owner.calls.post("shares", {"path": "/Box", "shareType": 0, "shareWith": friend.name, "permissions": 31}).ok()
    given = {"space_ref": f"users/{owner.name}", "path": "/Box", "shareType": 3, "permissions": 15}
    link = friend.calls.post("shares", given).ok()
    visitor = Dav(owner.server.port, f"/public.php/dav/files/{link['token']}/", None)
    assert visitor.get("In/b.txt").status == 200
    owner.server.cli("acl", "deny", f"users/{owner.name}/Box/In", friend.name, "read")
    assert visitor.get("In/b.txt").status == 404 and visitor.names() == {"a.txt"}
    assert visitor.put("In/b.txt", b"x").status in (404, 409)
    owner.server.cli("acl", "deny", f"users/{owner.name}/Box/a.txt", friend.name, "write-content")
    visitor.put("a.txt", b"x").refused(403)


def test_the_command_line_lists_them(owner: Person) -> None:
    """After shares, without tokens, and for administrators only."""
    import json

    link = owner.make(name="mine").ok()
    text = owner.server.cli("share", "list", owner.name, "--json").stdout
    (row,) = json.loads(text)
    assert (row["id"], row["by"], row["link"], row["with"]) == (int(link["id"]), owner.name, "live", "everybody")
    assert link["token"] not in text
    owner.server.cli("share", "expire", link["id"])
    assert json.loads(owner.server.cli("share", "list", owner.name, "--json").stdout)[0]["link"] == "expired"
    assert owner.server.cli("share", "expire", "1999999999", check=False).returncode == 3
