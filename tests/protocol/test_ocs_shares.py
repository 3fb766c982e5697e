"""The sharing calls of ownCloud 10 and Nextcloud: users and groups."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from support.client import Dav
from support.ocs import Answer, Ocs
from support.server import Server

pytestmark = pytest.mark.slow

APP = "apps/files_sharing/api/v1"
PASSWORD = "some-pass-123"
NO_PATH = "Wrong path, file/folder doesn't exist"
NO_SHARE = "Wrong share ID, share doesn't exist"


class Person(NamedTuple):
    """Somebody with a home, and their calls."""

    name: str
    dav: Dav
    calls: Ocs

    def share(self, path: str, receiver: str, **given: Any) -> Answer:
        """Share with a user, unless ``shareType`` says otherwise."""
        return self.calls.post("shares", {"path": path, "shareType": 0, "shareWith": receiver, **given})

    def list(self, **given: Any) -> list[dict[str, Any]]:
        """What is listed."""
        return self.calls.call("GET", "shares", given).ok()


def person(server: Server, *groups: str) -> Person:
    """A new one, in some groups."""
    name = f"s{secrets.token_hex(4)}"
    options = [word for group in groups for word in ("--group", group)]
    server.cli("user", "add", name, "--display-name", f"{name} Doe", *options, "--password-stdin", input=PASSWORD)
    server.users[name] = PASSWORD
    return Person(name, server.dav(name), Ocs(server, name, app=APP))


class Cast(NamedTuple):
    """A sharer with ``Box/a.txt``, a receiver, somebody in inner (which is in outer), and a stranger."""

    server: Server
    owner: Person
    friend: Person
    member: Person
    stranger: Person
    inner: str
    outer: str


@pytest.fixture
def cast(module_server: Server) -> Iterator[Cast]:
    """Fresh ones."""
    inner, outer = f"i{secrets.token_hex(4)}", f"o{secrets.token_hex(4)}"
    for group in (inner, outer):
        module_server.cli("group", "add", group)
    module_server.cli("group", "add-member", outer, inner, "--group")
    people = [person(module_server), person(module_server), person(module_server, inner), person(module_server)]
    people[0].dav.mkcol("Box")
    people[0].dav.put("Box/a.txt", b"words")
    yield Cast(module_server, *people, inner, outer)
    for each in people:
        each.dav.close()
    module_server.cli("settings", "reset")


def switch(cast: Cast, name: str, value: str) -> None:
    """Change a setting on the running server."""
    cast.server.cli("settings", "set", name, value)


def test_a_share_is_told_in_full(cast: Cast) -> None:
    """Everything that clients look for."""
    made = cast.owner.share("/Box/a.txt", cast.friend.name, permissions=31, expireDate="2031-05-06", note="n<&").ok()
    expected = {
        "share_type": 0, "uid_owner": cast.owner.name, "displayname_owner": f"{cast.owner.name} Doe",
        "permissions": 19, "expiration": "2031-05-06 00:00:00", "uid_file_owner": cast.owner.name, "note": "n<&",
        "path": "/Box/a.txt", "item_type": "file", "mimetype": "text/plain", "share_with": cast.friend.name,
        "share_with_displayname": f"{cast.friend.name} Doe", "state": 0, "mail_send": 0, "token": None,
        "storage_id": f"home::{cast.owner.name}",
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    assert made["item_source"] == made["file_source"] > 0
    assert abs(made["stime"] - time.time()) < 60
    folder = cast.owner.share("Box", cast.outer, shareType=1).ok()
    assert (folder["share_type"], folder["item_type"], folder["mimetype"], folder["permissions"]) == (
        1, "folder", "httpd/unix-directory", 31,
    )  # fmt: skip
    assert folder["share_with"] == cast.outer and folder["file_parent"] != folder["item_source"]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "xml"])
def test_both_versions_and_formats(cast: Cast, version: int, as_json: bool) -> None:
    """Success is 100 or 200, refusals are HTTP 200 in the first; lists stay lists."""
    calls = Ocs(cast.server, cast.owner.name, version, as_json, APP)
    given = {"path": "/Box", "shareType": "0", "shareWith": cast.friend.name}
    made = calls.post("shares", given)
    assert made.code == (100 if version == 1 else 200) and made.ok()["share_with"] == cast.friend.name
    number = made.data["id"]
    for listed in (calls.get("shares"), calls.get(f"shares/{number}")):
        assert [each["id"] for each in listed.ok()] == [number]
    missing = calls.get("shares/999999999")
    assert (missing.status, missing.code, missing.meta["message"]) == (200 if version == 1 else 404, 404, NO_SHARE)
    assert calls.delete(f"shares/{number}").ok() in ([], "")
    assert calls.get("shares").ok() in ([], "")


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"path": ""}, 404, "Please specify a file or folder path"),
        ({"path": "/none"}, 404, NO_PATH),
        ({"path": "/../Box"}, 404, NO_PATH),
        ({"path": "/Box/a.txt/b"}, 404, NO_PATH),
        ({"space_ref": "spaces"}, 404, NO_PATH),
        ({"path": "/"}, 403, "You can't share your root folder"),
        ({"shareWith": "nobody-here"}, 404, "Please specify a valid user"),
        ({"shareWith": ""}, 404, "Please specify a valid user"),
        ({"shareType": "1"}, 404, "Please specify a valid group"),
        ({"shareType": "6"}, 400, "Unknown share type"),
        ({"permissions": "32"}, 404, "invalid permissions"),
        ({"permissions": "many"}, 404, "invalid permissions"),
        ({"permissions": "-1"}, 404, "invalid permissions"),
        ({"permissions": "0"}, 400, "Cannot remove all permissions"),
        ({"expireDate": "soon"}, 404, "Invalid date, date format must be YYYY-MM-DD"),
        ({"expireDate": "2001-01-01"}, 404, "Expiration date is in the past"),
        ({"note": "x" * 1001}, 400, "The note is too long."),
    ],
)
def test_what_cannot_be_shared(cast: Cast, given: dict[str, str], code: int, message: str) -> None:
    """Each refusal with its code and words; nothing has been shared then."""
    whole = {"path": "/Box", "shareType": "0", "shareWith": cast.friend.name, **given}
    cast.owner.calls.post("shares", whole).refused(code, message)
    assert cast.owner.list() == [] and cast.friend.list(shared_with_me="true") == []


def test_with_whom_nobody_shares(cast: Cast) -> None:
    """With themselves, with the owner, and not what they may not."""
    cast.owner.share("/Box", cast.owner.name).refused(403, "Can't share with yourself")
    cast.owner.share("/Box", cast.friend.name, permissions=15).ok()
    there = {"space_ref": f"users/{cast.owner.name}"}
    cast.friend.share("/Box", cast.stranger.name, **there).refused(403, "You are not allowed to share this")
    cast.owner.share("/Box", cast.friend.name, permissions=17).ok()
    cast.friend.share("/Box", cast.owner.name, **there).refused(403, "Can't share with the share owner")
    cast.friend.share("/Box", cast.stranger.name, permissions=3, **there).refused(403, "Cannot increase permissions")
    assert cast.friend.share("/Box", cast.stranger.name, **there).ok()["permissions"] == 17
    cast.stranger.share("/Box", cast.member.name, space_ref=f"users/{cast.member.name}").refused(404, NO_PATH)


def test_listings(cast: Cast) -> None:
    """One's own, those of a thing or of the members of a folder, everybody's, and what was received."""
    box = cast.owner.share("/Box", cast.friend.name).ok()["id"]
    file = cast.owner.share("/Box/a.txt", cast.outer, shareType=1).ok()["id"]
    again = cast.friend.share("/Box", cast.stranger.name, space_ref=f"users/{cast.owner.name}").ok()["id"]

    def ids(who: Person, **given: Any) -> list[str]:
        return [each["id"] for each in who.list(**given)]

    assert ids(cast.owner) == [box, file] and ids(cast.friend) == [again] and ids(cast.stranger) == []
    assert ids(cast.owner, share_types="1") == [file] and ids(cast.owner, share_types="0,1") == [box, file]
    assert ids(cast.owner, path="/Box") == [box] and ids(cast.owner, path="/Box", reshares="true") == [box, again]
    assert ids(cast.owner, path="/Box", subfiles="true") == [file]
    cast.owner.calls.call("GET", "shares", {"path": "/Box/a.txt", "subfiles": "true"}).refused(400, "Not a directory")
    cast.owner.calls.call("GET", "shares", {"path": "/none"}).refused(404, NO_PATH)
    assert ids(cast.friend, shared_with_me="true") == [box]
    assert ids(cast.member, shared_with_me="true") == [file] and ids(cast.owner, shared_with_me="true") == []
    there = {"space_ref": f"users/{cast.owner.name}", "shared_with_me": "true"}
    assert ids(cast.member, path="/Box/a.txt", **there) == [file] == ids(cast.member, path="Box/a.txt", **there)
    for who in (cast.stranger, cast.member):
        who.calls.get(f"shares/{box}").refused(404, NO_SHARE)
    for who in (cast.owner, cast.friend):
        assert who.calls.get(f"shares/{box}").ok()[0]["id"] == box


OC = "{http://owncloud.org/ns}"


def types(dav: Dav, depth: str = "1") -> dict[str, list[str]]:
    """The types of the shares of a folder and its members, by the last segment; what has none is left out."""
    body = (
        '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:share-types/></d:prop></d:propfind>'
    )
    found = {}
    for response in dav.request("PROPFIND", "", body, {"Depth": depth}).xml.iter("{DAV:}response"):
        href = response.findtext("{DAV:}href") or ""
        told = [each.text or "" for each in response.iter(f"{OC}share-type")]
        assert response.find(f".//{OC}share-types") is not None
        if told:
            found[href.rstrip("/").rpartition("/")[2]] = told
    return found


def test_listings_tell_what_is_shared(cast: Cast) -> None:
    """To the owner everything, to others what they share themselves; remembered answers follow every change."""
    box = cast.owner.dav.below("Box/")
    there = cast.server.dav(cast.friend.name, f"/dav/users/{cast.owner.name}/Box/")
    assert types(box) == {} == types(box)
    first = cast.owner.share("/Box", cast.friend.name).ok()["id"]
    assert types(box) == {"Box": ["0"]} == types(box, "0") and types(there) == {}
    cast.owner.share("/Box/a.txt", cast.outer, shareType=1).ok()
    cast.friend.share("/Box/a.txt", cast.stranger.name, space_ref=f"users/{cast.owner.name}").ok()
    assert types(box) == {"Box": ["0"], "a.txt": ["0", "1"]} and types(there) == {"a.txt": ["0"]}
    cast.server.cli("group", "remove", cast.outer)
    assert types(box) == {"Box": ["0"], "a.txt": ["0"]}
    cast.owner.calls.delete(f"shares/{first}").ok()
    assert types(box) == {} == types(cast.owner.dav)
    box.close(), there.close()


def test_listings_tell_whose_it_is(cast: Cast) -> None:
    """The owner of the home, by name and as others see it; a project space is nobody's."""
    cast.owner.share("/Box", cast.friend.name).ok()
    space = f"p{secrets.token_hex(4)}"
    cast.server.cli("space", "add", space, "--member", f"{cast.friend.name}:viewer")
    body = (
        '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><oc:owner-id/><oc:owner-display-name/>'
        "</d:prop></d:propfind>"
    )
    expected = [cast.owner.name, f"{cast.owner.name} Doe"]
    for who, base, told in (
        (cast.owner, "/dav/home/Box/", expected),
        (cast.owner, f"/remote.php/dav/files/{cast.owner.name}/Box/", expected),
        (cast.friend, f"/dav/users/{cast.owner.name}/Box/", expected),
        (cast.friend, f"/dav/spaces/{space}/", [None, None]),
    ):
        dav = cast.server.dav(who.name, base)
        root = dav.request("PROPFIND", "", body, {"Depth": "1"}).xml
        for response in root.iter("{DAV:}response"):
            values = [response.findtext(f".//{OC}{name}") or None for name in ("owner-id", "owner-display-name")]
            assert values == told
        dav.close()


def test_updates(cast: Cast) -> None:
    """Field by field: what is not given stays; an empty date ends the expiry; others change nothing."""
    number = cast.owner.share("/Box", cast.friend.name, permissions=1, expireDate="2031-01-01", note="n").ok()["id"]

    def update(**given: Any) -> tuple[int, str | None, str]:
        told = cast.owner.calls.put(f"shares/{number}", given).ok()
        return told["permissions"], told["expiration"], told["note"]

    assert update(permissions=15) == (15, "2031-01-01 00:00:00", "n")
    assert update(note="") == (15, "2031-01-01 00:00:00", "")
    assert update(expireDate="2032-01-01") == (15, "2032-01-01 00:00:00", "")
    assert update(expireDate="", permissions=31) == (31, None, "")
    cast.owner.calls.put(f"shares/{number}", {}).refused(400, "Wrong or no update parameter given")
    cast.owner.calls.put(f"shares/{number}", {"permissions": 0}).refused(400, "Cannot remove all permissions")
    cast.owner.calls.put(f"shares/{number}", {"expireDate": "2001-01-01"}).refused(404)
    cast.friend.calls.put(f"shares/{number}", {"permissions": 1}).refused(403)
    for bad in ("x", "999999999", "99999999999999999999"):
        cast.owner.calls.put(f"shares/{bad}", {"permissions": 1}).refused(404, NO_SHARE)
    cast.stranger.calls.put(f"shares/{number}", {"permissions": 1}).refused(404, NO_SHARE)
    assert cast.owner.list()[0]["permissions"] == 31


def test_accepting_and_declining(cast: Cast) -> None:
    """Each receiver for themselves, again and again; deleting what one has received declines it."""
    switch(cast, "sharing.auto_accept", "off")
    number = cast.owner.share("/Box", cast.inner, shareType=1).ok()["id"]

    def states(who: Person) -> list[int]:
        return [each["state"] for each in who.list(shared_with_me="true", state="all")]

    assert cast.member.list(shared_with_me="true") == [] and states(cast.member) == [1]
    assert cast.member.list(shared_with_me="true", state="1")[0]["id"] == number
    assert cast.member.calls.post(f"shares/pending/{number}").ok()[0]["state"] == 0 == states(cast.member)[0]
    assert cast.member.calls.delete(f"shares/pending/{number}").ok()[0]["state"] == 2 == states(cast.member)[0]
    cast.member.calls.post(f"shares/pending/{number}").ok()
    cast.member.calls.delete(f"shares/{number}").ok()
    assert states(cast.member) == [2] and cast.member.list(shared_with_me="true", state="2")[0]["id"] == number
    cast.member.calls.get("shares", shared_with_me="true", state="9").refused(400)
    for who in (cast.stranger, cast.owner):
        who.calls.post(f"shares/pending/{number}").refused(404, NO_SHARE)
        who.calls.delete("shares/pending/999999999").refused(404, NO_SHARE)
    cast.stranger.calls.delete(f"shares/{number}").refused(404, NO_SHARE)
    assert cast.owner.list()[0]["id"] == number


def test_revoking_ends_what_was_passed_on(cast: Cast) -> None:
    """Access is gone with the answer, in every worker."""
    there = f"/dav/users/{cast.owner.name}/Box/"
    number = cast.owner.share("/Box", cast.friend.name).ok()["id"]
    cast.friend.share("/Box", cast.stranger.name, space_ref=f"users/{cast.owner.name}").ok()
    seen = [cast.server.dav(who.name, there) for who in (cast.friend, cast.stranger)]
    assert [dav.get("a.txt").status for dav in seen] == [200, 200]
    cast.owner.calls.delete(f"shares/{number}").ok()
    assert [dav.get("a.txt").status for dav in seen] == [404, 404]
    assert cast.friend.list() == [] == cast.stranger.list(shared_with_me="true", state="all")
    for dav in seen:
        dav.close()


def test_out_of_a_project_space(cast: Cast) -> None:
    """As out of a home; whoever belongs to the space shares no more than they may."""
    space = f"p{secrets.token_hex(4)}"
    cast.server.cli("space", "add", space, "--member", f"{cast.owner.name}:manager",
                    "--member", f"{cast.friend.name}:editor")  # fmt: skip
    dav = cast.server.dav(cast.owner.name, f"/dav/spaces/{space}/")
    dav.mkcol("d")
    dav.put("d/f", b"1")
    made = cast.owner.share("d", cast.stranger.name, space_ref=f"spaces/{space}", permissions=1).ok()
    assert (made["path"], made["storage_id"], made["uid_file_owner"]) == ("/d", f"space::{space}", cast.owner.name)
    received = cast.server.dav(cast.stranger.name, f"/dav/spaces/{space}/d/")
    assert received.get("f").body == b"1" and received.put("g", b"1").status == 403
    cast.friend.share("d", cast.member.name, space_ref=f"spaces/{space}").refused(403)
    dav.close(), received.close()


@pytest.mark.parametrize(
    ("name", "value", "given", "code", "message"),
    [
        ("sharing.enabled", "off", {}, 403, "Share API is disabled"),
        ("sharing.group_sharing", "off", {"shareType": 1}, 404, "Group sharing is disabled by the administrator"),
        ("sharing.only_with_group_members", "on", {}, 403, "Only sharing with group members is allowed"),
        ("sharing.only_with_own_groups", "on", {"shareType": 1}, 403, "Only sharing within your own groups is allowed"),
    ],
)
def test_settings_decide(cast: Cast, name: str, value: str, given: dict[str, Any], code: int, message: str) -> None:
    """Changed while the server runs."""
    switch(cast, name, value)
    cast.owner.share("/Box", cast.inner if given else cast.friend.name, **given).refused(code, message)
    cast.server.cli("settings", "reset", name)
    cast.owner.share("/Box", cast.inner if given else cast.friend.name, **given).ok()


def test_expiry_that_the_site_wants(cast: Cast) -> None:
    """The default is filled in; where it is enforced, nothing later goes."""
    switch(cast, "sharing.user.expire_default", "on")
    switch(cast, "sharing.user.expire_days", "3")
    day = time.strftime("%Y-%m-%d 00:00:00", time.gmtime(time.time() + 3 * 86400))
    assert cast.owner.share("/Box", cast.friend.name).ok()["expiration"] == day
    switch(cast, "sharing.user.expire_enforced", "on")
    later = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 5 * 86400))
    cast.owner.share("/Box", cast.member.name, expireDate=later).refused(404)
    cast.owner.share("/Box", cast.member.name, expireDate="").refused(404, "Expiration date is enforced")
    assert cast.owner.share("/Box", cast.member.name, expireDate=day[:10]).ok()["expiration"] == day


def test_limited_tokens_share_nothing(cast: Cast) -> None:
    """An app token for reading, or for a part of the files, is no way around."""
    for scope in ("read", "path:home/Box"):
        secret = cast.server.cli("token", "add", cast.owner.name, "--scope", scope).stdout.strip()
        calls = Ocs(cast.server, cast.owner.name, app=APP)
        calls.authorization = f"Bearer {secret}"
        calls.post("shares", {"path": "/Box", "shareWith": cast.friend.name}).refused(403)
        calls.get("shares").refused(403)
    Ocs(cast.server, None, app=APP).get("shares").refused(997)


def test_whom_one_can_share_with(cast: Cast) -> None:
    """Exactly what was typed, and others in whose name it occurs; oneself never."""

    def found(text: str, **given: Any) -> tuple[list[str], list[str]]:
        data = cast.owner.calls.get("sharees", search=text, itemType="file", **given).ok()
        assert set(data) == {"exact", *data["exact"]} and data["remotes"] == data["exact"]["emails"] == []
        names = [[each["value"]["shareWith"] for kind in ("users", "groups") for each in part[kind]]
                 for part in (data["exact"], data)]  # fmt: skip
        return names[0], names[1]

    assert found(cast.friend.name) == ([cast.friend.name], [])
    assert found(f"{cast.friend.name} DOE") == ([cast.friend.name], [])
    assert found(cast.friend.name[:-1])[1] == [cast.friend.name]
    assert found(cast.inner) == ([cast.inner], []) and found(cast.inner, shareType=0) == ([], [])
    assert found(cast.owner.name) == ([], []) and found("") == ([], []) and found("%") == ([], [])
    everybody = found(" doe", perPage=2)[1]
    assert len(everybody) == 2 and not set(everybody) & set(found(" doe", perPage=2, page=2)[1])
    switch(cast, "sharing.search.enumeration", "off")
    assert found(cast.friend.name[:-1]) == ([], []) and found(cast.friend.name) == ([cast.friend.name], [])
    switch(cast, "sharing.search.enumeration", "on")
    switch(cast, "sharing.search.min_length", "9")
    assert found(cast.friend.name[:-1]) == ([], [])
    switch(cast, "sharing.search.min_length", "2")
    switch(cast, "sharing.search.only_group_members", "on")
    assert found(cast.friend.name[:-1]) == ([], [])
    switch(cast, "sharing.only_with_group_members", "on")
    assert found(cast.friend.name) == ([], [])
    switch(cast, "sharing.enabled", "off")
    assert found(cast.friend.name) == ([], [])
    for bad in ({"itemType": ""}, {"page": "0"}, {"perPage": "0"}, {"page": "x"}):
        cast.owner.calls.get("sharees", **{"search": "x", "itemType": "file", **bad}).refused(400)


def test_there_are_no_shares_of_other_servers(cast: Cast) -> None:
    """The lists are empty, and every number is wrong."""
    for path in ("remote_shares", "remote_shares/pending"):
        assert cast.owner.calls.get(path).ok() == []
    cast.owner.calls.get("remote_shares/1").refused(404, NO_SHARE)
    for call in (cast.owner.calls.post, cast.owner.calls.delete):
        call("remote_shares/pending/1").refused(404, NO_SHARE)
    cast.owner.calls.delete("remote_shares/1").refused(404, NO_SHARE)
