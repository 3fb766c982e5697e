"""What was received is seen in the home of its receiver."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from support.polling import eventually
from support.server import Server
from support.sharers import Person, person

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
