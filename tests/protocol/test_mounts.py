"""What was received is seen in the home of its receiver."""

from __future__ import annotations

import base64
import json
import re
import secrets
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from support.client import Dav
from support.follower import PROPS, Follower
from support.polling import eventually
from support.raw import basic
from support.server import Server
from support.sharers import PASSWORD, Person, person

pytestmark = pytest.mark.slow

OC = "{http://owncloud.org/ns}"
ETAG = re.compile(r'"[0-9a-f:.]{1,32}"').fullmatch


class Cast(NamedTuple):
    """An owner with ``Box/a.txt`` and ``Box/In/b.txt``, a friend, somebody in a group, and a stranger."""

    server: Server
    owner: Person
    friend: Person
    member: Person
    stranger: Person
    group: str


@pytest.fixture
def cast(module_server: Server) -> Iterator[Cast]:
    """Fresh ones."""
    group = f"g{secrets.token_hex(4)}"
    module_server.cli("group", "add", group)
    people = [person(module_server), person(module_server), person(module_server, group), person(module_server)]
    for folder in ("Box", "Box/In"):
        assert people[0].dav.mkcol(folder).status == 201
    for path in ("Box/a.txt", "Box/In/b.txt", "c.txt"):
        assert people[0].dav.put(path, path.encode()).status == 201
    yield Cast(module_server, *people, group)
    for each in people:
        each.dav.close()
    module_server.cli("settings", "reset")


# seeing


def test_a_received_folder_is_in_the_home(cast: Cast) -> None:
    """In the share folder, with its own id, under hrefs of the receiver's home."""
    cast.owner.share("/Box", cast.friend.name)
    friend = cast.friend
    assert friend.names() == ["Shares/"]
    assert friend.names("Shares/") == ["Box/"]
    assert friend.names("Shares/Box/") == ["In/", "a.txt"]
    assert friend.dav.get("Shares/Box/a.txt").body == b"Box/a.txt"
    assert friend.dav.get("Shares/Box/In/b.txt").body == b"Box/In/b.txt"
    for here, there in (("Shares/Box/", "Box/"), ("Shares/Box/a.txt", "Box/a.txt")):
        for name in ("id", "fileid"):
            assert friend.dav.text(here, OC + name) == cast.owner.dav.text(there, OC + name)
    assert friend.dav.text("Shares/Box/", OC + "owner-id") == cast.owner.name
    listed = friend.list("Shares/", OC + "owner-id")[friend.dav.href("Shares/Box/")]
    assert listed.text(OC + "owner-id") == cast.owner.name
    assert cast.stranger.names() == [] and cast.owner.names() == ["Box/", "c.txt"]


def test_a_received_file_is_in_the_home(cast: Cast) -> None:
    """As a file, which no address with a slash leads to."""
    cast.owner.share("/c.txt", cast.friend.name)
    assert cast.friend.names("Shares/") == ["c.txt"]
    assert cast.friend.dav.get("Shares/c.txt").body == b"c.txt"
    cast.friend.dav.get("Shares/c.txt/").refused(404)
    cast.friend.dav.get("Shares/c.txt/x").refused(404)
    assert cast.friend.dav.put("Shares/c.txt", b"new").status == 204
    assert cast.owner.dav.get("c.txt").body == b"new"


def test_all_addresses_of_the_home_show_it(cast: Cast) -> None:
    """Also those that clients are built with; depth infinity goes through."""
    cast.owner.share("/Box", cast.friend.name)
    cast.friend.names()
    name, dav = cast.friend.name, cast.friend.dav
    drive = cast.server.rows(f"SELECT id FROM space WHERE kind='home' AND name='{name}'")[0][0]
    bases = [
        "/dav/home/", f"/dav/users/{name}/", "/remote.php/webdav/", f"/remote.php/dav/files/{name}/",
        f"/dav/spaces/x%24{drive:x}/", f"/remote.php/dav/spaces/x%24{drive:x}/",
    ]  # fmt: skip
    cast.server.cli("settings", "set", "dav.depth_infinity", "on")
    for base in bases:
        assert dav.get(f"{base}Shares/Box/a.txt").body == b"Box/a.txt", base
        found = {href.removeprefix(dav.href(base)) for href in dav.propfind(base, "getetag", depth="infinity")}
        assert found == {"", "Shares/", "Shares/Box/", "Shares/Box/a.txt", "Shares/Box/In/", "Shares/Box/In/b.txt"}
        page = dav.get(f"{base}Shares/", {"Accept": "text/html"})
        assert b"Box/" in page.body


def test_nobody_else_sees_it_there(cast: Cast) -> None:
    """Not even who may see the whole home of the receiver."""
    cast.owner.share("/Box", cast.friend.name)
    assert cast.friend.names("Shares/") == ["Box/"]
    cast.friend.share("/Shares", cast.stranger.name)
    there = f"/dav/users/{cast.friend.name}/Shares/"
    assert cast.stranger.dav.propfind(there, "getetag", depth="1").keys() == {cast.stranger.dav.href(there)}
    cast.stranger.dav.get(f"{there}Box/a.txt").refused(404)
    assert cast.stranger.names("Shares/Shares/") == []


def test_groups_and_several_ways_make_one_mount(cast: Cast) -> None:
    """Everybody has a place of their own; whoever leaves the group sees it no more."""
    first = cast.owner.share("/Box", cast.group, shareType=1)
    assert cast.member.names("Shares/") == ["Box/"]
    second = cast.owner.share("/Box", cast.member.name)
    assert cast.member.names("Shares/") == ["Box/"]
    inside = cast.owner.share("/Box/In", cast.member.name)
    assert cast.member.names("Shares/") == ["Box/", "In/"]
    cast.owner.revoke(first)
    assert cast.member.names("Shares/") == ["Box/", "In/"]
    cast.owner.revoke(second)
    assert cast.member.names("Shares/") == ["In/"]
    cast.owner.revoke(inside)
    assert cast.member.names("Shares/") == []
    cast.owner.share("/Box", cast.group, shareType=1)
    assert cast.member.names("Shares/") == ["Box/"]
    cast.server.cli("group", "remove-member", cast.group, cast.member.name)
    assert cast.member.names("Shares/") == []
    cast.member.dav.get("Shares/Box/a.txt").refused(404)


def test_names_that_clash(cast: Cast) -> None:
    """The second gets a number before its ending, and both keep their names."""
    cast.stranger.dav.put("c.txt", b"another")
    cast.owner.share("/c.txt", cast.friend.name)
    assert cast.friend.names("Shares/") == ["c.txt"]
    cast.stranger.share("/c.txt", cast.friend.name)
    assert cast.friend.names("Shares/") == ["c%20%282%29.txt", "c.txt"]
    assert cast.friend.dav.get("Shares/c.txt").body == b"c.txt"
    assert cast.friend.dav.get("Shares/c%20(2).txt").body == b"another"


def test_a_real_file_goes_before_a_mount(cast: Cast) -> None:
    """What somebody puts on disk under the name of a mount keeps the name."""
    cast.owner.share("/c.txt", cast.friend.name)
    assert cast.friend.names("Shares/") == ["c.txt"]
    (cast.server.data / "homes" / cast.friend.name / "Shares" / "c.txt").write_bytes(b"real")
    eventually(lambda: cast.friend.names("Shares/") == ["c%20%282%29.txt", "c.txt"])
    assert cast.friend.dav.get("Shares/c.txt").body == b"real"
    assert cast.friend.dav.get("Shares/c%20(2).txt").body == b"c.txt"


def test_the_share_folder_is_a_setting(cast: Cast) -> None:
    """The home itself, or a folder in a folder; what has a place stays there."""
    cast.server.cli("settings", "set", "sharing.share_folder", "/")
    cast.owner.share("/c.txt", cast.friend.name)
    assert cast.friend.names() == ["c.txt"]
    cast.server.cli("settings", "set", "sharing.share_folder", "/Von anderen/Neu")
    cast.owner.share("/Box", cast.friend.name)
    assert cast.friend.names() == ["Von%20anderen/", "c.txt"]
    assert cast.friend.names("Von%20anderen/Neu/") == ["Box/"]


def test_letters(cast: Cast) -> None:
    """S and M for what was received and all in it, R by the share; to rename and leave it is the receiver's own."""
    cast.owner.share("/Box", cast.friend.name, permissions=1)
    cast.owner.share("/c.txt", cast.friend.name, permissions=19)
    seen = {
        path: set(cast.friend.dav.text(path, OC + "permissions"))
        for path in ("Shares/", "Shares/Box/", "Shares/Box/a.txt", "Shares/c.txt")
    }
    assert seen == {
        "Shares/": set("RGDNVCK"), "Shares/Box/": set("SMGDNV"), "Shares/Box/a.txt": set("SMG"),
        "Shares/c.txt": set("SMRGDNVW"),
    }  # fmt: skip
    listed = cast.friend.list("Shares/", OC + "permissions")
    for path in ("Shares/Box/", "Shares/c.txt"):
        assert set(listed[cast.friend.dav.href(path)].text(OC + "permissions")) == seen[path]


def test_what_is_done_inside_is_done_to_the_original(cast: Cast) -> None:
    """All of it as far as the share goes."""
    cast.owner.share("/Box", cast.friend.name, permissions=15)
    dav = cast.friend.dav
    assert dav.put("Shares/Box/new.txt", b"new").status == 201
    assert dav.mkcol("Shares/Box/New").status == 201
    assert dav.move("Shares/Box/new.txt", "Shares/Box/New/moved.txt").status == 201
    assert dav.copy("Shares/Box/a.txt", "Shares/Box/New/copy.txt").status == 201
    assert dav.delete("Shares/Box/In/").status == 204
    assert cast.owner.names("Box/") == ["New/", "a.txt"]
    assert cast.owner.names("Box/New/") == ["copy.txt", "moved.txt"]
    token = dav.locked("Shares/Box/a.txt")
    cast.owner.dav.put("Box/a.txt", b"no").refused(423)
    assert token in cast.owner.dav.propfind("Box/a.txt", "lockdiscovery").only["lockdiscovery"][1].xpath("string()")
    cast.stranger.dav.put("Shares/Box/x", b"").refused(404, 409)


def test_reading_only(cast: Cast) -> None:
    """Nothing in it can be changed, and nobody is told where the owner has it."""
    cast.owner.share("/Box", cast.friend.name, permissions=1)
    dav = cast.friend.dav
    dav.put("Shares/Box/x", b"").refused(403)
    dav.put("Shares/Box/a.txt", b"").refused(403)
    dav.mkcol("Shares/Box/x").refused(403)
    dav.delete("Shares/Box/a.txt").refused(403)
    dav.move("Shares/Box/a.txt", "a.txt").refused(403)
    assert dav.copy("Shares/Box/a.txt", "a.txt").status == 201
    assert dav.get("a.txt").body == b"Box/a.txt"


# rearranging and leaving


def test_the_receiver_renames_and_moves_it(cast: Cast) -> None:
    """Within their home; neither the owner's name nor anybody else's changes, and it follows its folder."""
    cast.owner.share("/Box", cast.group, shareType=1, permissions=1)
    cast.owner.share("/Box", cast.friend.name, permissions=1)
    assert cast.member.names("Shares/") == ["Box/"]
    dav = cast.friend.dav
    answer = dav.move("Shares/Box", "Shares/Mine")
    assert answer.status == 201 and answer["OC-FileId"] == cast.owner.dav.text("Box/", OC + "id")
    assert cast.friend.names("Shares/") == ["Mine/"]
    assert dav.text("Shares/Mine/", "displayname") == "Mine"
    dav.mkcol("Work")
    assert dav.move("Shares/Mine/", "Work/Deep").status == 201
    assert (cast.friend.names("Shares/"), cast.friend.names("Work/")) == ([], ["Deep/"])
    assert dav.move("Work", "Office").status == 201
    assert dav.get("Office/Deep/a.txt").body == b"Box/a.txt"
    assert cast.owner.dav.move("Box", "Kiste").status == 201
    assert dav.get("Office/Deep/a.txt").body == b"Box/a.txt"
    assert cast.member.names("Shares/") == ["Box/"] and cast.owner.names() == ["Kiste/", "c.txt"]
    assert dav.move("Office/Deep", "Top").status == 201
    assert cast.friend.names() == ["Office/", "Shares/", "Top/"]


def test_where_it_cannot_be_moved(cast: Cast) -> None:
    """Out of the home, into itself, over something else without leave, or under a name that nothing may have."""
    cast.server.cli("space", "add", f"{cast.group}s", "--member", f"{cast.friend.name}:manager")
    cast.owner.share("/Box", cast.friend.name)
    cast.owner.share("/c.txt", cast.friend.name)
    dav = cast.friend.dav
    dav.put("real.txt", b"real")
    dav.move("Shares/Box", f"/dav/spaces/{cast.group}s/Box").refused(403)
    dav.move("Shares/Box", "Shares/Box/In/Box").refused(403)
    dav.move("Shares/c.txt", "Shares/Box/c.txt").refused(403)
    dav.move("Shares/Box", "Shares/Box").refused(403)
    dav.move("Shares/Box", "Shares").refused(403)
    dav.move("Shares/Box", "Shares/c.txt").refused(403)
    dav.move("Shares/Box", "nowhere/Box").refused(409)
    dav.move("Shares/Box", ".davshare").refused(404)
    dav.move("Shares/c.txt", "real.txt", overwrite="F").refused(412)
    assert cast.friend.names("Shares/") == ["Box/", "c.txt"]
    assert dav.move("Shares/c.txt", "real.txt").status == 204
    assert dav.get("real.txt").body == b"c.txt"
    assert cast.owner.dav.get("c.txt").body == b"c.txt"


def test_nothing_is_made_under_its_name(cast: Cast) -> None:
    """Nor put over it."""
    cast.owner.share("/Box", cast.friend.name, permissions=1)
    dav = cast.friend.dav
    dav.put("real.txt", b"real")
    dav.mkcol("real")
    dav.mkcol("Shares/Box").refused(405)
    dav.put("Shares/Box", b"x").refused(403, 405)
    for method in (dav.copy, dav.move):
        method("real.txt", "Shares/Box").refused(403)
        method("real", "Shares/Box").refused(403)
    assert cast.owner.names("Box/") == ["In/", "a.txt"]


def test_between_the_home_and_what_was_received(cast: Cast) -> None:
    """As between spaces: the bytes go, and count where they are."""
    cast.owner.share("/Box", cast.friend.name)
    dav = cast.friend.dav
    dav.put("mine.txt", b"mine")
    assert dav.move("mine.txt", "Shares/Box/mine.txt").status == 201
    assert cast.owner.dav.get("Box/mine.txt").body == b"mine"
    assert dav.move("Shares/Box/In", "In").status == 201
    assert cast.owner.names("Box/") == ["a.txt", "mine.txt"]
    assert dav.get("In/b.txt").body == b"Box/In/b.txt"
    assert dav.copy("Shares/Box", "Copy").status == 201
    assert cast.friend.names("Copy/") == ["a.txt", "mine.txt"]
    assert dav.text("Copy/", OC + "owner-id") == cast.friend.name
    assert dav.delete("Copy").status == 204 and cast.owner.names("Box/") == ["a.txt", "mine.txt"]


def test_to_delete_it_is_to_decline_it(cast: Cast) -> None:
    """Its owner keeps all of it, others in the group theirs; and it can be accepted again, where it was."""
    number = cast.owner.share("/Box", cast.group, shareType=1)
    dav = cast.member.dav
    assert dav.move("Shares/Box", "Kiste").status == 201
    assert dav.delete("Kiste").status == 204
    assert cast.member.names() == ["Shares/"] and cast.owner.names("Box/") == ["In/", "a.txt"]
    dav.get("Kiste/a.txt").refused(404)
    cast.member.answer(number, True).ok()
    assert cast.member.names() == ["Kiste/", "Shares/"]
    dav.delete("Kiste")
    dav.mkcol("Kiste")
    cast.member.answer(number, True).ok()
    assert cast.member.names() == ["Kiste%20%282%29/", "Kiste/", "Shares/"]


def test_a_folder_that_holds_mounts(cast: Cast) -> None:
    """Deleted by its owner it takes them along; gone from the disk, they are in the share folder again."""
    cast.owner.share("/Box", cast.friend.name)
    cast.owner.share("/c.txt", cast.friend.name)
    dav = cast.friend.dav
    dav.mkcol("Work")
    dav.mkcol("Work/Deep")
    assert dav.move("Shares/Box", "Work/Deep/Box").status == 201
    assert dav.move("Shares/c.txt", "Work/c.txt").status == 201
    (cast.server.data / "homes" / cast.friend.name / "Work" / "Deep").rmdir()
    eventually(lambda: cast.friend.names("Work/") == ["c.txt"])
    assert cast.friend.names("Shares/") == ["Box/"]
    assert dav.delete("Work").status == 204
    assert cast.friend.names() == ["Shares/"] and cast.friend.names("Shares/") == ["Box/"]
    assert dav.delete("Shares").status == 204
    assert cast.friend.names() == []
    assert cast.owner.names() == ["Box/", "c.txt"] and cast.owner.names("Box/") == ["In/", "a.txt"]


def test_locks_in_the_home_hold(cast: Cast) -> None:
    """Who has not the token of the folder takes nothing from it, and puts nothing into it."""
    cast.owner.share("/Box", cast.friend.name)
    dav = cast.friend.dav
    cast.friend.names()
    dav.mkcol("Work")
    shares, work = dav.locked("Shares/"), dav.locked("Work/")
    dav.delete("Shares/Box").refused(423)
    dav.move("Shares/Box", "Work/Box").refused(423)
    one = {"If": f"<{dav.full('Shares/')}> (<{shares}>)"}
    dav.move("Shares/Box", "Work/Box", headers=one).refused(423)
    both = {"If": f"{one['If']} <{dav.full('Work/')}> (<{work}>)"}
    assert dav.move("Shares/Box", "Work/Box", headers=both).status == 201
    dav.unlock("Work/", work)
    inside = dav.locked("Work/Box/a.txt")
    roots = dav.propfind("Work/Box/a.txt", "lockdiscovery").only["lockdiscovery"][1]
    assert roots.findtext(".//{DAV:}lockroot/{DAV:}href") == dav.href("Work/Box/a.txt")
    other = cast.owner.dav.propfind("Box/a.txt", "lockdiscovery").only["lockdiscovery"][1]
    assert other.findtext(".//{DAV:}lockroot/{DAV:}href") == cast.owner.dav.href("Box/a.txt")
    cast.owner.dav.put("Box/a.txt", b"").refused(423)
    assert dav.put("Work/Box/a.txt", b"x", {"If": f"(<{inside}>)"}).status == 204
    assert dav.unlock("Work/Box/a.txt", inside).status == 204
    cast.owner.dav.locked("Box/", depth="infinity")
    dav.put("Work/Box/a.txt", b"x").refused(423)
    told = dav.propfind("Work/Box/a.txt", "lockdiscovery").only["lockdiscovery"][1]
    assert told.findtext(".//{DAV:}lockroot/{DAV:}href") == dav.href("Work/Box/")


def test_a_token_for_a_part(cast: Cast) -> None:
    """It reaches no further through a mount than without."""
    cast.owner.share("/Box", cast.friend.name)
    cast.friend.dav.mkcol("Work")
    assert cast.friend.dav.move("Shares/Box", "Work/Box").status == 201
    for scope, sees, reaches in (("path:home/Work", [""], False), (f"path:users/{cast.owner.name}/Box/In", None, True)):
        token = cast.server.cli("token", "add", cast.friend.name, "--scope", scope).stdout.split()[-1]
        limited = Dav(cast.server.port, "/dav/home/", f"Bearer {token}")
        if sees is not None:
            found = limited.propfind("Work/", "getetag", depth="1")
            assert [href.removeprefix(limited.href("Work/")) for href in found] == sees
        assert limited.get("Work/Box/a.txt").status == 404
        assert limited.get("Work/Box/In/b.txt").status == (200 if reaches else 404)
        assert limited.delete("Work/Box").status in (403, 404)
        limited.close()
    reader = cast.server.cli("token", "add", cast.friend.name, "--scope", "read").stdout.split()[-1]
    limited = Dav(cast.server.port, "/dav/home/", f"Bearer {reader}")
    limited.delete("Work/Box").refused(403)
    limited.move("Work/Box", "Box").refused(403)
    assert limited.get("Work/Box/a.txt").status == 200
    limited.close()


# entity tags


def test_the_tags_of_all_folders_above_follow_it(cast: Cast) -> None:
    """Whatever changes in it, and when it comes, goes or is renamed; the same wherever a tag is told."""
    seen: list[tuple[str, str]] = []

    def changed() -> None:
        found = cast.friend.etag(), cast.friend.etag("Shares/")
        assert all(ETAG(each) for each in found), found
        assert not seen or (found[0] != seen[-1][0] and found[1] != seen[-1][1])
        assert found == (cast.friend.etag(), cast.friend.etag("Shares/"))
        listed = cast.friend.list("", "getetag", depth="1")
        assert listed[cast.friend.dav.href("Shares/")].text("getetag") == found[1]
        assert listed[cast.friend.dav.href()].text("getetag") == found[0]
        seen.append(found)

    cast.owner.share("/c.txt", cast.friend.name)
    changed()
    number = cast.owner.share("/Box", cast.friend.name)
    changed()
    for what in (
        lambda: cast.owner.dav.put("Box/In/b.txt", b"x"),
        lambda: cast.owner.dav.put("c.txt", b"x"),
        lambda: cast.owner.dav.mkcol("Box/New"),
        lambda: cast.owner.dav.move("Box/New", "Box/Newer"),
        lambda: cast.owner.dav.delete("Box/Newer"),
        lambda: cast.owner.dav.proppatch("Box/a.txt", {"{urn:x}a": "1"}),
        lambda: cast.friend.dav.put("Shares/Box/d.txt", b"x"),
        lambda: cast.friend.dav.move("Shares/Box", "Shares/Kiste"),
        lambda: cast.owner.calls.call("PUT", f"shares/{number}", {"permissions": 1}),
        lambda: cast.owner.revoke(number),
    ):
        what()
        changed()
    other = cast.friend.etag()
    cast.owner.dav.put("elsewhere", b"x")
    assert cast.friend.etag() == other
    assert len({each for pair in seen for each in pair}) == 2 * len(seen)


def test_conditions_know_these_tags(cast: Cast) -> None:
    """If-Match and If of a folder above a mount, and the page that a browser gets."""
    cast.owner.share("/Box", cast.friend.name)
    dav = cast.friend.dav
    old = cast.friend.etag("Shares/")
    cast.owner.dav.put("Box/a.txt", b"x")
    now = cast.friend.etag("Shares/")
    for headers, good in (({"If-Match": old}, False), ({"If": f"([{old}])"}, False), ({"If": f"([{now}])"}, True)):
        answer = dav.request("PROPFIND", "Shares/", headers={"Depth": "0", **headers})
        assert answer.status == (207 if good else 412), headers
    first = dav.get("Shares/", {"Accept": "text/html"})["ETag"]
    assert dav.get("Shares/", {"Accept": "text/html"})["ETag"] == first
    cast.owner.dav.put("Box/a.txt", b"y")
    assert dav.get("Shares/", {"Accept": "text/html"})["ETag"] != first
    assert (
        dav.put("Shares/Box/a.txt", b"z")["ETag"]
        == cast.owner.etag("Box/a.txt")
        == cast.friend.etag("Shares/Box/a.txt")
    )


def test_a_share_that_ends_is_gone_at_once(cast: Cast) -> None:
    """Also from what workers remember."""
    cast.owner.share("/Box", cast.friend.name)
    before = cast.friend.etag()
    for _ in range(3):
        assert cast.friend.names("Shares/") == ["Box/"]
        assert cast.friend.dav.get("Shares/Box/a.txt").status == 200
    cast.server.cli("acl", "grant", f"users/{cast.owner.name}/Box", cast.friend.name, "editor", "--expires", "3s")
    until = time.monotonic() + 3.1
    assert cast.friend.names("Shares/") == ["Box/"]
    assert cast.friend.etag() != before
    time.sleep(until - time.monotonic())
    assert cast.friend.names("Shares/") == []
    cast.friend.dav.get("Shares/Box/a.txt").refused(404)


# the sharing calls


def test_where_it_is_told(cast: Cast) -> None:
    """To the receiver where they have it, to the owner where they have it themselves."""
    number = cast.owner.share("/Box/In", cast.friend.name)
    told = cast.owner.told(number)
    assert (told["path"], told["file_target"]) == ("/Box/In", "/Shares/In")
    told = cast.friend.told(number)
    assert (told["path"], told["file_target"], told["state"]) == ("/Shares/In", "/Shares/In", 0)
    other = cast.owner.share("/Box", cast.group, shareType=1)
    assert cast.owner.told(other)["file_target"] == "/Shares/Box"
    assert cast.member.told(other)["path"] == "/Shares/Box"
    cast.friend.dav.move("Shares/In", "Mine")
    assert cast.friend.told(number)["path"] == "/Mine" and cast.owner.told(number)["file_target"] == "/Mine"
    listed = cast.friend.calls.call("GET", "shares", {"shared_with_me": "true"}).ok()
    assert [each["path"] for each in listed] == ["/Mine"]
    listed = cast.friend.calls.call("GET", "shares", {"shared_with_me": "true", "path": "/Mine"}).ok()
    assert [each["id"] for each in listed] == [str(number)]


def test_accepted_and_declined(cast: Cast) -> None:
    """A share that waits is not in the home; one that was declined can be taken again; receivers only let go."""
    cast.server.cli("settings", "set", "sharing.auto_accept", "off")
    number = cast.owner.share("/Box", cast.friend.name)
    assert cast.friend.names() == [] and cast.friend.told(number)["state"] == 1
    cast.friend.answer(number, True).ok()
    assert cast.friend.names("Shares/") == ["Box/"] and cast.friend.told(number)["state"] == 0
    cast.friend.answer(number, False).ok()
    assert cast.friend.names("Shares/") == [] and cast.friend.told(number)["state"] == 2
    cast.friend.answer(number, True).ok()
    assert cast.friend.names("Shares/") == ["Box/"]
    cast.friend.revoke(number)
    assert cast.friend.names("Shares/") == [] and cast.friend.told(number)["state"] == 2
    assert cast.owner.told(number)["id"] == str(number) and cast.owner.names("Box/") == ["In/", "a.txt"]


def test_shared_on_by_its_path(cast: Cast) -> None:
    """The path in the home of whoever shares it on; and what it was shared on to is found by it."""
    cast.owner.share("/Box", cast.friend.name, permissions=17)
    number = cast.friend.share("/Shares/Box/In", cast.stranger.name, permissions=1)
    assert cast.stranger.names("Shares/In/") == ["b.txt"]
    whole = cast.friend.share("/Shares/Box", cast.stranger.name, permissions=1)
    assert cast.stranger.names("Shares/") == ["Box/", "In/"]
    listed = cast.friend.calls.call("GET", "shares", {"path": "/Shares/Box"}).ok()
    assert [each["id"] for each in listed] == [str(whole)]
    listed = cast.friend.calls.call("GET", "shares", {"path": "/Shares/Box", "subfiles": "true"}).ok()
    assert [each["id"] for each in listed] == [str(number)]
    refused = cast.friend.calls.post("shares", {"path": "/Shares/Box", "shareType": 0, "shareWith": cast.owner.name})
    assert refused.code == 403


# followers


def test_followers_of_the_home_are_told(cast: Cast) -> None:
    """By reports: what changes in it under hrefs of the home, its end as a removal, its return as a whole."""
    follower = Follower(cast.friend.dav)
    follower.catch_up()
    here = cast.friend.dav.href("Shares/")

    def news() -> dict[str, bool]:
        page = cast.friend.dav.report_sync("", follower.token, "infinite", None, PROPS).multistatus
        assert not page.truncated and page.sync_token
        follower.token = page.sync_token
        return {href.removeprefix(here) or "Shares/": response.status != 404 for href, response in page.items()}

    number = cast.owner.share("/Box", cast.friend.name)
    everything = {"Shares/": True, "Box/": True, "Box/In/": True, "Box/a.txt": True, "Box/In/b.txt": True}
    assert news() == everything and news() == {}
    cast.owner.dav.put("Box/In/b.txt", b"x")
    assert news() == {"Shares/": True, "Box/": True, "Box/In/": True, "Box/In/b.txt": True}
    cast.owner.dav.delete("Box/a.txt")
    assert news() == {"Shares/": True, "Box/": True, "Box/a.txt": False}
    cast.owner.dav.put("c.txt", b"not theirs")
    assert news() == {}
    cast.friend.dav.move("Shares/Box", "Shares/Kiste")
    assert news() == {
        "Shares/": True, "Box/": False, "Kiste/": True, "Kiste/In/": True, "Kiste/In/b.txt": True,
    }  # fmt: skip
    cast.friend.answer(number, False)
    assert news() == {"Shares/": True, "Kiste/": False}
    cast.friend.answer(number, True)
    assert news() == {"Shares/": True, "Kiste/": True, "Kiste/In/": True, "Kiste/In/b.txt": True}
    cast.owner.revoke(number)
    assert news() == {"Shares/": True, "Kiste/": False}
    assert follower.token.startswith("urn:davshare:sync:")


def test_bad_tokens(cast: Cast) -> None:
    """None of them is more than a reason to begin anew."""
    cast.owner.share("/Box", cast.friend.name)
    follower = Follower(cast.friend.dav)
    follower.catch_up()
    prefix = "urn:davshare:home:"
    packed = [
        base64.urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")
        for text in (b"", b"1;x;1-1-1;", b"zz;;;", b"9999;;1-1-1;", b"1;;1-1-1;q1:a:b:c", b"x" * 3_000_000, b"\xff")
    ]
    for token in (prefix, prefix + "x", prefix + "\u00fc", follower.token[:-9], *[prefix + each for each in packed]):
        cast.friend.dav.report_sync("", token, "infinite", None, PROPS).refused(403, condition="valid-sync-token")


def test_the_changes_as_json(cast: Cast) -> None:
    """At the address of the home: the same, and whoever waits is woken by what the owner does."""
    login = {"Authorization": basic(cast.friend.name, PASSWORD)}
    dav = cast.friend.dav

    def ask(**given: str) -> dict[str, Any]:
        answer = dav.get(f"/api/v1/changes?{urlencode({'address': 'home', **given})}", login)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    token = ask()["token"]
    number = cast.owner.share("/Box", cast.friend.name)
    page = ask(token=token)
    paths = [(each["kind"], each["path"]) for each in page["changes"]]
    assert ("created", "home/Shares/Box/a.txt") in paths and ("created", "home/Shares/Box") in paths
    assert {each["space"] for each in page["changes"]} == {"home"}
    waiting = threading.Timer(1.0, lambda: cast.owner.dav.put("Box/a.txt", b"news"))
    waiting.start()
    page = ask(token=page["token"], wait="20")
    assert ("modified", "home/Shares/Box/a.txt") in [(each["kind"], each["path"]) for each in page["changes"]]
    waiting.join()
    cast.owner.revoke(number)
    page = ask(token=page["token"])
    assert (page["changes"][0]["kind"], page["changes"][0]["path"]) == ("removed", "home/Shares/Box")


def test_what_is_kept_from_a_receiver_has_no_end_for_them(cast: Cast) -> None:
    """Whatever becomes of it, by no sync token its name is told: in the mount, at the owner's, or by their link."""
    mine, reader = cast.owner, cast.friend
    mine.dav.mkcol("Plans"), mine.dav.mkcol("Plans/kept"), mine.dav.mkcol("Aside")
    mine.dav.put("Plans/kept.txt", b"1"), mine.dav.put("Plans/kept/inner.txt", b"1"), mine.dav.put("Plans/b", b"1")
    for path in ("Plans/kept", "Plans/kept.txt"):
        denied = (
            '<d:acl xmlns:d="DAV:"><d:ace><d:principal><d:href>/dav/principals/users/{}/</d:href></d:principal>'
            "<d:deny><d:privilege><d:read/></d:privilege></d:deny></d:ace></d:acl>"
        )
        assert mine.dav.request("ACL", path, denied.format(reader.name)).status == 200
    mine.share("Plans", reader.name), mine.share("Aside", reader.name)
    link = reader.calls.post("shares", {"path": "/Shares/Plans", "shareType": 3}).ok()
    home, shared = reader.dav, cast.server.dav(reader.name, f"/dav/users/{mine.name}/")
    visitor = cast.server.dav(None, f"/s/{link['token']}/")
    everybody = cast.server.dav(reader.name, "/dav/users/")
    followers = [(home, ""), (home, "Shares/Plans/"), (everybody, ""), (shared, "Plans/"), (visitor, "")]
    tokens = [dav.report_sync(path).multistatus.sync_token for dav, path in followers]
    mine.dav.move("Plans/kept.txt", "Plans/kept2.txt"), mine.dav.delete("Plans/kept/inner.txt")
    mine.dav.delete("Plans/kept"), mine.dav.move("Plans/b", "Plans/c")
    for (dav, path), token in zip(followers, tokens, strict=True):
        told = dav.report_sync(path, token)
        assert told.status == 207 and b"/c<" in told.body and b"/b<" in told.body, repr(told)
        assert b"kept" not in told.body and b"inner" not in told.body, repr(told)


def test_large_files_come_into_it(cast: Cast) -> None:
    """In chunks and with tus; they count where they are."""
    cast.owner.share("/Box", cast.friend.name)
    dav, name = cast.friend.dav, cast.friend.name
    uploads, files = f"/remote.php/dav/uploads/{name}/x1/", f"/remote.php/dav/files/{name}/Shares/Box/"
    there = {"Destination": dav.full(f"{files}big.bin")}
    assert dav.mkcol(uploads, None).status == 201
    assert dav.put(f"{uploads}00001", b"a" * 1000, there).status == 201
    assert dav.put(f"{uploads}00002", b"b" * 500, there).status == 201
    done = dav.request("MOVE", f"{uploads}.file", headers={**there, "OC-Total-Length": "1500"})
    assert done.status == 201 and done["OC-FileId"] == cast.owner.dav.text("Box/big.bin", OC + "id")
    assert cast.owner.dav.get("Box/big.bin").body == b"a" * 1000 + b"b" * 500
    sent = {
        "Tus-Resumable": "1.0.0", "Upload-Length": "5", "Content-Type": "application/offset+octet-stream",
        "Upload-Metadata": f"filename {base64.b64encode(b'tus.txt').decode()}",
    }  # fmt: skip
    done = dav.request("POST", files, b"words", sent)
    assert done.status == 201 and set(done["OC-Perm"]) == set("SMRGDNVW"), done
    assert cast.owner.dav.get("Box/tus.txt").body == b"words"
    cast.server.cli("user", "set", cast.owner.name, "--quota", "2000")
    dav.put("Shares/Box/more.bin", b"x" * 1000).refused(507)
    assert dav.put("own.bin", b"x" * 1000).status == 201


def test_what_the_owner_deletes_and_brings_back(cast: Cast) -> None:
    """It goes from the receiver's home without a trace, and comes back where it was."""
    cast.owner.share("/Box", cast.friend.name)
    cast.friend.dav.move("Shares/Box", "Mine")
    before = cast.friend.etag()
    assert cast.owner.dav.delete("Box").status == 204
    assert cast.friend.names() == ["Shares/"] and cast.friend.etag() != before
    cast.friend.dav.get("Mine/a.txt").refused(404)
    assert cast.friend.dav.put("Mine", b"a file of that name").status == 201
    assert cast.friend.names() == ["Mine", "Shares/"]


def test_a_mount_of_somebody_who_is_removed(cast: Cast) -> None:
    """Ends with the account of whoever shared it."""
    cast.owner.share("/Box", cast.friend.name)
    assert cast.friend.names("Shares/") == ["Box/"]
    cast.server.cli("user", "remove", cast.owner.name)
    assert cast.friend.names("Shares/") == []
