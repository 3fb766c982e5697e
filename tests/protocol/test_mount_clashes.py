"""What was received, where something is in the way of it: the home goes on, and nobody loses anything."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import pytest

from support.follower import Follower, walk
from support.listening import Stream
from support.polling import eventually
from support.server import Server
from support.sharers import Person, person

pytestmark = pytest.mark.slow


class Pair(NamedTuple):
    """An owner with ``Box/a.txt``, and a friend in a group."""

    server: Server
    owner: Person
    friend: Person
    group: str


@pytest.fixture
def pair(module_server: Server) -> Iterator[Pair]:
    """Fresh ones."""
    group = f"g{secrets.token_hex(4)}"
    module_server.cli("group", "add", group)
    owner, friend = person(module_server), person(module_server, group)
    assert owner.dav.mkcol("Box").status == 201
    assert owner.dav.put("Box/a.txt", b"a").status == 201
    yield Pair(module_server, owner, friend, group)
    for each in (owner, friend):
        each.dav.close()
    module_server.cli("settings", "reset")


def test_a_clash_ends_where_the_share_folder_cannot_be_made(pair: Pair) -> None:
    """Somebody has locked the home, and no share folder is in it."""
    pair.owner.share("/Box", pair.friend.name)
    assert pair.friend.dav.move("Shares/Box", "Box").status == 201
    assert pair.friend.dav.delete("Shares/").status == 204
    token = pair.friend.dav.locked("", depth="0")
    (pair.server.data / "homes" / pair.friend.name / "Box").mkdir()
    eventually(lambda: pair.friend.names() == ["Box%20%282%29/", "Box/"])
    assert pair.friend.names("Box%20(2)/") == ["a.txt"]
    pair.friend.dav.unlock("", token)


def test_what_has_lost_its_folder_while_the_home_is_locked(pair: Pair) -> None:
    """It gets another place at once."""
    pair.owner.share("/Box", pair.friend.name)
    assert pair.friend.names("Shares/") == ["Box/"]
    token = pair.friend.dav.locked("", depth="0")
    (pair.server.data / "homes" / pair.friend.name / "Shares").rmdir()
    eventually(lambda: pair.friend.names() == ["Box/"])
    pair.friend.dav.unlock("", token)


def test_a_share_folder_whose_name_no_disk_holds(pair: Pair) -> None:
    """Is none: its name would be longer than 255 bytes."""
    refused = pair.server.cli("settings", "set", "sharing.share_folder", "/" + "\U0001f600" * 64, check=False)
    assert refused.returncode
    pair.server.cli("settings", "set", "sharing.share_folder", "/" + "\U0001f600" * 63)
    pair.owner.share("/Box", pair.friend.name)
    assert pair.friend.names() == [quote("\U0001f600" * 63) + "/"]


def test_nothing_goes_into_a_mount_that_is_in_it(pair: Pair) -> None:
    """By its address the target is in the source, or the source in the target."""
    pair.owner.share("/Box", pair.friend.name)
    assert pair.friend.dav.put("Shares/mine", b"mine").status == 201
    assert pair.friend.dav.move("Shares", "Shares/Box/Shares").status == 403
    assert pair.friend.dav.copy("Shares", "Shares/Box/Shares").status == 403
    assert pair.friend.dav.move("Shares/Box/a.txt", "Shares").status == 403
    assert pair.friend.dav.copy("Shares/Box/a.txt", "Shares").status == 403
    assert pair.friend.names("Shares/") == ["Box/", "mine"]
    assert pair.owner.names("Box/") == ["a.txt"]


def test_followers_with_long_names(pair: Pair) -> None:
    """A token holds the names of all folders above what was received."""
    pair.owner.share("/Box", pair.friend.name)
    here = ""
    for _ in range(10):
        here += quote("\u00e4" * 100) + "/"
        assert pair.friend.dav.mkcol(here).status == 201
    assert pair.friend.dav.move("Shares/Box", here + "Box").status == 201
    follower = Follower(pair.friend.dav)
    follower.catch_up()
    assert follower.state == walk(pair.friend.dav)
    pair.owner.dav.put("Box/a.txt", b"news")
    follower.catch_up()
    assert follower.state == walk(pair.friend.dav)


def test_who_waits_is_told_what_their_group_gets(pair: Pair) -> None:
    """Also where they could see something of its owner before."""
    pair.owner.dav.mkcol("Other")
    declined = pair.owner.share("/Other", pair.friend.name)
    pair.friend.names("Shares/")
    pair.friend.answer(declined, False)
    stream = Stream(pair.server, "?address=home", pair.friend.name)
    first = stream.read()
    assert first is not None and first["event"] == "ready"
    time.sleep(1.5)
    pair.owner.share("/Box", pair.group, shareType=1)
    told = stream.read()
    assert told is not None and "home/Shares/Box" in str(told.data)


def test_a_page_right_after_a_file_beside_it(pair: Pair) -> None:
    """What is remembered of a folder of the home does not hide what was received in the next one."""
    pair.owner.share("/Box", pair.friend.name)
    assert pair.friend.dav.put("mine", b"mine").status == 201
    assert pair.friend.dav.mkcol("Empty").status == 201
    for _ in range(4):  # there are several workers
        assert pair.friend.dav.get("mine").body == b"mine"
        page = pair.friend.dav.get("Shares/")
        assert page.status == 200 and b"Shares/Box/" in page.body
        assert page["ETag"][1:-3] == pair.friend.etag("Shares/")[1:-1]


@pytest.mark.parametrize("level", ["1", "infinite"])
def test_followers_of_everything_know_the_tag_of_the_home(pair: Pair, level: str) -> None:
    """It follows what was received, and the end of that."""
    follower = Follower(pair.friend.dav, "/dav/", level)

    def told() -> str:
        follower.catch_up()
        answer = follower.dav.report_sync("/dav/", follower.token, level, None, ("getetag",)).multistatus
        assert not answer and not answer.truncated, "nothing is told twice"
        return follower.state["/dav/home/"][0]

    def there() -> str:
        return pair.friend.dav.propfind("/dav/home/", "getetag", depth="0").only.text("getetag")

    assert told() == there()
    number = pair.owner.share("/Box", pair.friend.name)
    assert told() == there()
    before = there()
    pair.owner.dav.put("Box/a.txt", b"news")
    assert told() == there() != before
    pair.owner.revoke(number)
    assert told() == there()


def test_a_received_file_that_was_replaced_on_disk(pair: Pair) -> None:
    """Its receiver does not overwrite what they have not seen."""
    pair.server.cli("settings", "set", "disk.watch", "off")
    pair.owner.dav.put("c.txt", b"old")
    pair.owner.share("/c.txt", pair.friend.name)
    etag = pair.friend.etag("Shares/c.txt")
    time.sleep(1.5)
    home = pair.server.data / "homes" / pair.owner.name
    (home / "Box" / "new").write_bytes(b"newer")
    (home / "Box" / "new").rename(home / "c.txt")
    assert pair.friend.dav.put("Shares/c.txt", b"mine", headers={"If-Match": etag}).status == 412
    assert (home / "c.txt").read_bytes() == b"newer"
