"""What administrators change about sharing, and people about their own shares; effective at once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from protocol.test_ocs_shares import Person, person

from support.api import Api
from support.ocs import Ocs
from support.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def people(module_server: Server) -> Iterator[tuple[Server, str, Person, Person]]:
    """A group, one in it with ``/Box``, and one who is not."""
    group = f"g{secrets.token_hex(4)}"
    module_server.cli("group", "add", group)
    inside, outside = person(module_server, group), person(module_server)
    inside.dav.mkcol("Box")
    yield module_server, group, inside, outside
    for each in (inside, outside):
        each.dav.close()
    module_server.cli("settings", "reset")


def put(server: Server, name: str, value: str, *more: str) -> None:
    """Change a setting."""
    server.cli("settings", "set", name, value, *more)


def found(who: Person, text: str) -> list[dict[str, Any]]:
    """Users and groups that somebody finds."""
    told = who.calls.get("sharees", search=text, itemType="file", format="json").ok()
    return [*told["exact"]["users"], *told["exact"]["groups"], *told["users"], *told["groups"]]


def states(who: Person) -> list[int]:
    """Those of all that somebody has received."""
    return [each["state"] for each in who.list(shared_with_me="true", state="all")]


def test_excluded_groups_share_nothing(people: tuple[Server, str, Person, Person]) -> None:
    """While the switch is on; what they have shared before stays."""
    server, group, inside, outside = people
    put(server, "sharing.excluded_groups", json.dumps([group, "no such group"]))
    made = inside.share("/Box", outside.name).ok()
    put(server, "sharing.exclude_groups", "on")
    other = person(server)
    refused = inside.share("/Box", other.name)
    assert (refused.code, refused.meta["message"]) == (403, "You are not allowed to share")
    assert [each["id"] for each in outside.list(shared_with_me="true")] == [made["id"]]
    put(server, "sharing.excluded_groups", "")
    inside.share("/Box", other.name).ok()
    other.dav.close()


def test_groups_that_receive_nothing(people: tuple[Server, str, Person, Person]) -> None:
    """They are not found, and nothing can be shared with them."""
    server, group, inside, _ = people
    assert [each["value"]["shareWith"] for each in found(inside, group)] == [group]
    put(server, "sharing.excluded_receiver_groups", json.dumps([group]))
    assert found(inside, group) == []
    assert inside.share("/Box", group, shareType=1).code == 403


def test_inside_words(people: tuple[Server, str, Person, Person]) -> None:
    """People and groups are found by what stands inside their names, or only where a word begins."""
    server, group, inside, outside = people
    assert [each["value"]["shareWith"] for each in found(inside, outside.name[2:])] == [outside.name]
    assert [each["value"]["shareWith"] for each in found(inside, group[2:])] == [group]
    put(server, "sharing.search.users_inside_words", "off")
    assert found(inside, outside.name[2:]) == [] and len(found(inside, group[2:])) == 1
    put(server, "sharing.search.groups_inside_words", "off")
    assert found(inside, group[2:]) == []
    assert [each["value"]["shareWith"] for each in found(inside, outside.name[:6])] == [outside.name]
    assert outside.name in [each["value"]["shareWith"] for each in found(inside, "doe")], "a word of the display name"


def test_additional_info(people: tuple[Server, str, Person, Person]) -> None:
    """What is told of people beside their names: nothing, the name of the account, or the address."""
    server, _, inside, outside = people
    address = f"{outside.name}@example.org"
    server.cli("user", "set", outside.name, "--email", address)
    inside.share("/Box", outside.name).ok()
    for value, expected in (("", None), ("id", outside.name), ("email", address)):
        put(server, "sharing.search.additional_info", value)
        (who,) = found(inside, outside.name)
        assert who["value"].get("shareWithAdditionalInfo") == expected
        (share,) = inside.list()
        assert share["share_with_additional_info"] == expected
        assert share["additional_info_owner"] == (inside.name if value == "id" else None)


def test_one_persons_choice(people: tuple[Server, str, Person, Person]) -> None:
    """Shares are accepted at once or wait, as the site says or the receiver; alone or in a group."""
    server, group, inside, outside = people
    owner = person(server)
    owner.dav.mkcol("One")
    owner.dav.mkcol("Two")
    put(server, "sharing.auto_accept", "off", "--user", outside.name)
    assert server.cli("settings", "get", "sharing.auto_accept", "--user", outside.name).stdout == "off\n"
    assert server.cli("settings", "get", "sharing.auto_accept", "--user", inside.name).stdout == "on\n"
    owner.share("/One", outside.name).ok()
    owner.share("/One", group, shareType=1).ok()
    assert (states(outside), states(inside)) == ([1], [0])
    put(server, "sharing.auto_accept", "off")
    put(server, "sharing.auto_accept", "on", "--user", inside.name)
    owner.share("/Two", group, shareType=1).ok()
    owner.share("/Two", outside.name).ok()
    assert (states(outside), states(inside)) == ([1, 1], [0, 0])
    server.cli("settings", "reset", "sharing.auto_accept", "--user", inside.name)
    owner.dav.mkcol("Three")
    owner.share("/Three", group, shareType=1).ok()
    assert states(inside) == [0, 0, 1]
    owner.dav.close()


def test_over_the_api(people: tuple[Server, str, Person, Person]) -> None:
    """People set their own; administrators anybody's; what is for everybody is no one person's."""
    server, _, inside, outside = people
    mine = Api.of(server, inside.name)
    path = f"/users/{inside.name}/settings"
    usual = mine.get(path).ok()
    assert usual["sharing.auto_accept"] is True
    assert mine.patch(path, {"sharing.auto_accept": False}).ok() == {**usual, "sharing.auto_accept": False}
    mine.patch(path, {"sharing.auto_accept": "no"}).refused(422, "sharing.auto_accept")
    mine.patch(path, {"sharing.enabled": False}).refused(422, "body")
    assert mine.get(f"/users/{outside.name}/settings").status == 403
    assert Api.of(server, "admin").patch(path, {"sharing.auto_accept": None}).ok() == usual
    assert Api.of(server, "admin").get("/users/nobody-here/settings").status == 404


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("sharing.excluded_groups", '["a", "b c", "ü"]', ["a", "b c", "ü"]),
        ("sharing.excluded_groups", "a, b", ["a", "b"]),
        ("sharing.excluded_groups", "[]", []),
        ("sharing.excluded_groups", "", []),
        ("sharing.excluded_groups", "[1]", None),
        ("sharing.excluded_groups", '["a"', None),
        ("sharing.excluded_groups", '{"a": 1}', ['{"a": 1}']),
        ("sharing.share_folder", "/", "/"),
        ("sharing.share_folder", "/In/Boxes", "/In/Boxes"),
        ("sharing.share_folder", "", ""),
        ("sharing.share_folder", "In", None),
        ("sharing.share_folder", "/a/../b", None),
        ("sharing.search.additional_info", "phone", None),
        ("sharing.remote.expire_days", "0", None),
        ("locks.max_timeout", "60", 60),
    ],
)
def test_values(module_server: Server, name: str, value: str, kept: Any) -> None:
    """Texts and lists are taken in the forms that scripts use, empty ones too; others are refused with a message."""
    done = module_server.cli("settings", "set", name, value, check=kept is not None)
    if kept is None:
        assert done.returncode == 2 and "expected" in done.stderr
        return
    assert json.loads(module_server.cli("settings", "get", name, "--json").stdout) == kept
    assert Api.of(module_server, "admin").get("/settings").ok()[name] == kept
    module_server.cli("settings", "reset", name)


def test_capabilities_follow(module_server: Server) -> None:
    """Clients are told what holds now."""

    def told() -> dict[str, Any]:
        calls = Ocs(module_server, "admin", app="cloud")
        return calls.get("capabilities").ok()["capabilities"]["files_sharing"]

    before = told()
    assert before["api_enabled"] and before["resharing"] and before["group_sharing"]
    assert before["default_permissions"] == 31 and before["auto_accept_share"]
    assert before["user"]["expire_date"] == {"enabled": False}
    changes = {
        "sharing.resharing": "off", "sharing.group_sharing": "off", "sharing.default_permissions": "1",
        "sharing.auto_accept": "off", "sharing.search.enumeration": "off", "sharing.search.min_length": "4",
        "sharing.user.expire_default": "on", "sharing.user.expire_days": "9", "sharing.user.expire_enforced": "on",
    }  # fmt: skip
    for name, value in changes.items():
        put(module_server, name, value)
    after = told()
    assert not after["resharing"] and not after["group_sharing"] and after["default_permissions"] == 1
    assert not after["auto_accept_share"] and not after["user_enumeration"]["enabled"]
    assert after["search_min_length"] == 4
    assert after["user"]["expire_date"] == {"enabled": True, "days": 9, "enforced": True}
    put(module_server, "sharing.enabled", "off")
    assert told() == {"api_enabled": False, "public": {"enabled": False}}
    module_server.cli("settings", "reset")
    assert told() == before
