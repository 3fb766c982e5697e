"""The provisioning calls of ownCloud 10 and Nextcloud: users, groups, group administrators."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import pytest

from davshare.clients import ocs
from support.api import Api
from support.ocs import Ocs
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

PASSWORD = "some-pass-123"
#: Codes of version 1, and what version 2 makes of them (HTTP status, code).
IN_TWO = {100: (200, 200), 101: (400, 400), 102: (400, 400), 103: (400, 400), 104: (400, 400), 105: (400, 400),
          106: (400, 400), 403: (403, 403), 997: (401, 997), 998: (404, 404)}  # fmt: skip


class Cast(NamedTuple):
    """Who is there: a group administrator of ``group`` with a ward in it, and somebody whom only the boss took in."""

    boss: str
    ward: str
    chosen: str
    other: str
    group: str
    elsewhere: str


def new_user(server: Server, **more: object) -> str:
    """The name of a new user who signs in with :data:`PASSWORD`."""
    name = f"u{secrets.token_hex(4)}"
    Ocs(server, "admin").post("users", {"userid": name, "password": PASSWORD, **more}).ok()
    server.users[name] = PASSWORD
    return name


def new_group(server: Server, *members: str) -> str:
    """The name of a new group."""
    name = f"g{secrets.token_hex(4)}"
    admin = Ocs(server, "admin")
    admin.post("groups", {"groupid": name}).ok()
    for member in members:
        admin.post(f"users/{member}/groups", {"groupid": name}).ok()
    return name


def new_cast(server: Server) -> Cast:
    """A fresh cast."""
    boss, ward, chosen, other = (new_user(server) for _ in range(4))
    group, elsewhere = new_group(server, ward), new_group(server, other)
    Ocs(server, "admin").post(f"users/{boss}/subadmins", {"groupid": group}).ok()
    # A manager takes in whom they like, over the other door.
    Api.of(server, boss).put(f"/groups/{group}/members/{chosen}").ok(204)
    return Cast(boss, ward, chosen, other, group, elsewhere)


@pytest.fixture
def cast(module_server: Server) -> Cast:
    """A cast that the test may do anything to."""
    return new_cast(module_server)


@pytest.fixture(scope="module")
def standing_cast(module_server: Server) -> Cast:
    """A cast that no test changes."""
    return new_cast(module_server)


@pytest.fixture(params=[(1, True), (1, False), (2, True), (2, False)], ids=["v1-json", "v1-xml", "v2-json", "v2-xml"])
def dialect(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """Both versions in both formats."""
    yield request.param


def signed_in(server: Server, cast: Cast, who: str, *dialect: object) -> Ocs:
    """A client of one of the cast, of ``admin``, or of nobody."""
    return Ocs(server, None if who == "nobody" else getattr(cast, who, who), *dialect)  # type: ignore[arg-type]


# who, method, path, arguments, code, message (None: whatever it is)
CODES: list[tuple[str, str, str, dict[str, object] | None, int, str | None]] = [
    ("nobody", "GET", "user", None, 997, "Unauthorised"),
    ("nobody", "GET", "users", None, 997, None),
    ("nobody", "POST", "users", {"userid": "x"}, 997, None),
    ("ward", "GET", "user", None, 100, "OK"),
    # users
    ("admin", "GET", "users", None, 100, None),
    ("boss", "GET", "users", None, 100, None),
    ("ward", "GET", "users", None, 997, None),
    ("admin", "POST", "users", {"userid": "{ward}", "password": PASSWORD}, 102, "User already exists"),
    ("admin", "POST", "users", {"userid": "new", "password": "short"}, 101, None),
    ("admin", "POST", "users", {"userid": "new", "password": " "}, 101, None),
    ("admin", "POST", "users", {"userid": "new"}, 101, None),
    ("admin", "POST", "users", {"userid": "", "password": PASSWORD}, 101, None),
    ("admin", "POST", "users", {"userid": "a/b", "password": PASSWORD}, 101, None),
    ("admin", "POST", "users", {"password": PASSWORD}, 101, None),
    ("admin", "POST", "users", {"userid": "new", "password": PASSWORD, "groups[]": "none"}, 104,
     "group none does not exist"),
    ("admin", "POST", "users", {"userid": "new", "password": PASSWORD, "email": "nonsense"}, 102, None),
    ("admin", "POST", "users", {"userid": "new", "password": PASSWORD, "quota": "much"}, 103,
     "Invalid quota value much"),
    ("boss", "POST", "users", {"userid": "new", "password": PASSWORD}, 106,
     "no group specified (required for subadmins)"),
    ("boss", "POST", "users", {"userid": "new", "password": PASSWORD, "groups[]": "{elsewhere}"}, 105,
     "insufficient privileges for group {elsewhere}"),
    ("boss", "POST", "users", {"userid": "new", "password": PASSWORD, "groups[]": "admin"}, 105, None),
    ("ward", "POST", "users", {"userid": "new", "password": PASSWORD}, 997, None),
    # one user
    ("admin", "GET", "users/{ward}", None, 100, None),
    ("admin", "GET", "users/missing", None, 998, "The requested user could not be found"),
    ("boss", "GET", "users/{ward}", None, 100, None),
    ("boss", "GET", "users/{boss}", None, 100, None),
    ("boss", "GET", "users/{other}", None, 997, None),
    ("boss", "GET", "users/{chosen}", None, 997, None),
    ("boss", "GET", "users/admin", None, 997, None),
    ("boss", "GET", "users/missing", None, 997, None),
    ("ward", "GET", "users/{other}", None, 997, None),
    ("ward", "GET", "users/missing", None, 997, None),
    # changes
    ("admin", "PUT", "users/missing", {"key": "email", "value": "a@b.c"}, 997, None),
    ("admin", "PUT", "users/{ward}", {"key": "email", "value": "nonsense"}, 102, None),
    ("admin", "PUT", "users/{ward}", {"key": "quota", "value": "much"}, 103, "Invalid quota value much"),
    ("admin", "PUT", "users/{ward}", {"key": "shoe size", "value": "43"}, 997, None),
    ("admin", "PUT", "users/{ward}", {"key": "email"}, 997, None),
    ("admin", "PUT", "users/{ward}", None, 997, None),
    ("admin", "PUT", "users/{ward}", {"key": "password", "value": "short"}, 403, None),
    ("boss", "PUT", "users/{other}", {"key": "email", "value": "a@b.c"}, 997, None),
    ("boss", "PUT", "users/{chosen}", {"key": "password", "value": "taken-over-1"}, 997, None),
    ("boss", "PUT", "users/admin", {"key": "password", "value": "taken-over-1"}, 997, None),
    ("boss", "PUT", "users/{ward}", {"key": "two_factor_auth_enabled", "value": "false"}, 997, None),
    ("ward", "PUT", "users/{ward}", {"key": "quota", "value": "1 TB"}, 997, None),
    ("ward", "PUT", "users/{ward}", {"key": "two_factor_auth_enabled", "value": "false"}, 997, None),
    ("ward", "PUT", "users/{other}", {"key": "email", "value": "a@b.c"}, 997, None),
    # removing, disabling
    *[
        (who, method, path + end, None, code, None)
        for method, end in (("DELETE", ""), ("PUT", "/disable"), ("PUT", "/enable"))
        for who, path, code in (
            ("admin", "users/missing", 101),
            ("admin", "users/admin", 101),
            ("boss", "users/{other}", 997),
            ("boss", "users/{chosen}", 997),
            ("boss", "users/{boss}", 997),
            ("boss", "users/admin", 997),
            ("boss", "users/missing", 997),
            ("ward", "users/{other}", 997),
            ("ward", "users/{ward}", 997),
        )
    ],
    # groups of a user
    ("admin", "GET", "users/{ward}/groups", None, 100, None),
    ("admin", "GET", "users/missing/groups", None, 998, None),
    ("boss", "GET", "users/{other}/groups", None, 997, None),
    ("ward", "GET", "users/{ward}/groups", None, 100, None),
    ("ward", "GET", "users/{other}/groups", None, 997, None),
    ("admin", "POST", "users/{ward}/groups", {"groupid": ""}, 101, None),
    ("admin", "POST", "users/{ward}/groups", None, 101, None),
    ("admin", "POST", "users/{ward}/groups", {"groupid": "none"}, 102, None),
    ("admin", "POST", "users/missing/groups", {"groupid": "{group}"}, 103, None),
    ("boss", "POST", "users/{other}/groups", {"groupid": "{group}"}, 104, None),
    ("boss", "POST", "users/{boss}/groups", {"groupid": "admin"}, 104, None),
    ("ward", "POST", "users/{ward}/groups", {"groupid": "{elsewhere}"}, 997, None),
    ("admin", "DELETE", "users/{ward}/groups", {"groupid": ""}, 101, None),
    ("admin", "DELETE", "users/{ward}/groups", {"groupid": "none"}, 102, None),
    ("admin", "DELETE", "users/missing/groups", {"groupid": "{group}"}, 103, None),
    ("admin", "DELETE", "users/admin/groups", {"groupid": "admin"}, 105, "Cannot remove yourself from the admin group"),
    ("boss", "DELETE", "users/{other}/groups", {"groupid": "{elsewhere}"}, 104, None),
    ("boss", "DELETE", "users/{boss}/groups", {"groupid": "{group}"}, 105,
     "Cannot remove yourself from this group as you are a SubAdmin"),
    ("boss", "DELETE", "users/admin/groups", {"groupid": "admin"}, 104, None),
    ("boss", "DELETE", "users/admin/groups", {"groupid": "{group}"}, 104, None),
    ("ward", "DELETE", "users/{ward}/groups", {"groupid": "{group}"}, 997, None),
    # group administrators
    ("admin", "GET", "users/{boss}/subadmins", None, 100, None),
    ("admin", "GET", "users/{ward}/subadmins", None, 102, "Unknown error occurred"),
    ("admin", "GET", "users/missing/subadmins", None, 101, "User does not exist"),
    ("boss", "GET", "users/{boss}/subadmins", None, 997, None),
    ("admin", "POST", "users/missing/subadmins", {"groupid": "{group}"}, 101, "User does not exist"),
    ("admin", "POST", "users/{ward}/subadmins", {"groupid": "none"}, 102, "Group:none does not exist"),
    ("admin", "POST", "users/{ward}/subadmins", {"groupid": "admin"}, 103, "Cannot create subadmins for admin group"),
    ("admin", "POST", "users/{boss}/subadmins", {"groupid": "{group}"}, 100, None),
    ("boss", "POST", "users/{ward}/subadmins", {"groupid": "{group}"}, 997, None),
    ("ward", "POST", "users/{ward}/subadmins", {"groupid": "{group}"}, 997, None),
    ("admin", "DELETE", "users/missing/subadmins", {"groupid": "{group}"}, 101, "User does not exist"),
    ("admin", "DELETE", "users/{boss}/subadmins", {"groupid": "none"}, 101, "Group does not exist"),
    ("admin", "DELETE", "users/{ward}/subadmins", {"groupid": "{group}"}, 102, "User is not a subadmin of this group"),
    ("boss", "DELETE", "users/{boss}/subadmins", {"groupid": "{group}"}, 997, None),
    # groups
    ("admin", "GET", "groups", None, 100, None),
    ("boss", "GET", "groups", None, 100, None),
    ("ward", "GET", "groups", None, 997, None),
    ("admin", "POST", "groups", {"groupid": ""}, 101, "Invalid group name"),
    ("admin", "POST", "groups", None, 101, "Invalid group name"),
    ("admin", "POST", "groups", {"groupid": "a/b"}, 101, None),
    ("admin", "POST", "groups", {"groupid": "{group}"}, 102, None),
    ("admin", "POST", "groups", {"groupid": "admin"}, 102, None),
    ("boss", "POST", "groups", {"groupid": "another"}, 997, None),
    ("ward", "POST", "groups", {"groupid": "another"}, 997, None),
    ("admin", "GET", "groups/{group}", None, 100, None),
    ("admin", "GET", "groups/none", None, 998, "The requested group could not be found"),
    ("boss", "GET", "groups/{group}", None, 100, None),
    ("boss", "GET", "groups/{group}/users", None, 100, None),
    ("boss", "GET", "groups/{elsewhere}", None, 997, "User does not have access to specified group"),
    ("ward", "GET", "groups/{group}", None, 997, None),
    ("admin", "DELETE", "groups/none", None, 101, None),
    ("admin", "DELETE", "groups/admin", None, 102, None),
    ("boss", "DELETE", "groups/{group}", None, 997, None),
    ("ward", "DELETE", "groups/{group}", None, 997, None),
    ("admin", "GET", "groups/{group}/subadmins", None, 100, None),
    ("admin", "GET", "groups/none/subadmins", None, 101, "Group does not exist"),
    ("boss", "GET", "groups/{group}/subadmins", None, 997, None),
    # nothing
    ("admin", "GET", "nothing", None, 998, None),
    ("nobody", "POST", "user/x/y/z", None, 998, None),
]  # fmt: skip


@pytest.mark.parametrize("case", CODES, ids=lambda case: " ".join(map(str, case[:5])))
def test_codes(module_server: Server, standing_cast: Cast, case) -> None:
    """Every call has the code of ownCloud 10, and version 2 and XML say the same in their way."""
    who, method, path, given, code, message = case
    values = standing_cast._asdict()
    sent = None if given is None else {key: str(each).format_map(values) for key, each in given.items()}
    for version in (1, 2):
        for as_json in (True, False):
            client = signed_in(module_server, standing_cast, who, version, as_json)
            answer = client.call(method, path.format_map(values), sent)
            expected = (401 if code == 997 else 200, code) if version == 1 else IN_TWO[code]
            assert (answer.status, answer.code) == expected, answer
            assert answer.meta["status"] == ("ok" if code == 100 else "failure")
            assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
            assert answer.headers["Cache-Control"] == "no-store"
            if message is not None:
                assert answer.meta["message"] == message.format_map(values)
            if code != 100:
                assert answer.data in ([], ""), answer


def test_refusals_change_nothing(module_server: Server, cast: Cast) -> None:
    """After every refusal above, users, groups and memberships are what they were."""
    tables = ("SELECT name, display_name, email, password, admin, disabled, quota FROM principal ORDER BY kind, name",
              'SELECT "group", "user", source FROM member ORDER BY 1, 2',
              'SELECT "group", "user" FROM manager ORDER BY 1, 2')  # fmt: skip
    before = [module_server.rows(table) for table in tables]
    values = cast._asdict()
    for who, method, path, given, code, _ in CODES:
        if code != 100:
            sent = None if given is None else {key: str(each).format_map(values) for key, each in given.items()}
            signed_in(module_server, cast, who).call(method, path.format_map(values), sent)
    assert [module_server.rows(table) for table in tables] == before


def test_statuses_of_version_two() -> None:
    """The whole mapping (ocs-details: 101 to 199 are 400)."""
    for code in range(101, 200):
        assert (ocs.code_in_2(code), ocs.http_status(code, 2), ocs.http_status(code, 1)) == (400, 400, 200)
    for code in (200, 201, 403, 404, 409, 500, 503):
        assert (ocs.code_in_2(code), ocs.http_status(code, 2), ocs.http_status(code, 1)) == (code, code, 200)
    assert [ocs.code_in_2(code) for code in (100, 996, 997, 998, 999, 600, 99)] == [200, 500, 997, 404, 500, 400, 400]
    assert [ocs.http_status(997, version) for version in (1, 2)] == [401, 401]


# what is done


def test_signed_in_person(module_server: Server, dialect: tuple[int, bool]) -> None:
    """Who one is, in the words of both families."""
    name = new_user(module_server, email="x@example.org", displayName="Ex", quota="12MB")
    group = new_group(module_server, name)
    data = Ocs(module_server, name, *dialect).get("user").ok()
    assert (data["id"], data["email"], data["displayname"], data["display-name"]) == (name, "x@example.org", "Ex", "Ex")
    assert data["groups"] == [group] and str(data["enabled"]).lower() == "true"
    assert data["enabled"] is True or not dialect[1], "programs of Nextcloud's want no word"
    quota = {key: str(each) for key, each in data["quota"].items()}
    assert quota["definition"] == "12 MB"
    assert (quota["free"], quota["used"], quota["total"], quota["quota"]) == ("12582912", "0", "12582912", "12582912")
    assert float(quota["relative"]) == 0


def test_add(module_server: Server, dialect: tuple[int, bool]) -> None:
    """A new user is in the groups that were named, and can sign in at once."""
    name, groups = f"u{secrets.token_hex(4)}", [new_group(module_server), new_group(module_server)]
    admin = Ocs(module_server, "admin", *dialect)
    admin.post("users", {"userid": name, "password": PASSWORD, "groups[]": groups, "email": "n@example.org"}).ok()
    module_server.users[name] = PASSWORD
    assert admin.get(f"users/{name}/groups").ok() == {"groups": sorted(groups)}
    assert module_server.dav(name).put("x", b"x").status == 201
    assert name in admin.get("users", search=name).ok()["users"]


@pytest.mark.parametrize(
    "password", ["!@#$%^&*()-_+=[]{}:;,.<>?~/\\", "España§àôœ€-long", "नेपालीनेपाली", "spaces in my password"]
)
def test_passwords(module_server: Server, password: str) -> None:
    """Passwords with all kinds of characters."""
    name = f"u{secrets.token_hex(4)}"
    Ocs(module_server, "admin").post("users", {"userid": name, "password": password}).ok()
    module_server.users[name] = password
    Ocs(module_server, name).get("user").ok()


@pytest.mark.parametrize("name", ["a@-+_.b", "a space", "null", "nil", "123", "0.0", "Brand-New-User"])
def test_unusual_names(module_server: Server, name: str) -> None:
    """Names that ownCloud takes."""
    admin = Ocs(module_server, "admin")
    admin.post("users", {"userid": name, "password": PASSWORD}).ok()
    assert admin.get(f"users/{quote(name)}").ok()["id"] == name
    admin.delete(f"users/{quote(name)}").ok()


@pytest.mark.parametrize(
    ("key", "value", "field", "shown"),
    [("display", "Anne Brown", "displayname", "Anne Brown"), ("displayname", "Phil 🚴", "displayname", "Phil 🚴"),
     ("displayname", "", "displayname", None), ("email", "a@example.org", "email", "a@example.org"),
     ("email", "", "email", "")],
)  # fmt: skip
def test_edit(module_server: Server, cast: Cast, dialect: tuple[int, bool], key, value, field, shown) -> None:
    """Users, group administrators and administrators change names and addresses."""
    for who in ("ward", "boss", "admin"):
        Ocs(module_server, "admin").put(f"users/{cast.ward}", {"key": field, "value": "before@example.org"}).ok()
        signed_in(module_server, cast, who, *dialect).put(f"users/{cast.ward}", {"key": key, "value": value}).ok()
        data = Ocs(module_server, "admin", *dialect).get(f"users/{cast.ward}").ok()
        assert data[field] == (cast.ward if shown is None else shown)


@pytest.mark.parametrize(
    ("value", "size", "definition"),
    [("12MB", 12 * 1024**2, "12 MB"), ("12 mb", 12 * 1024**2, "12 MB"), ("1.5 GB", 3 * 1024**3 // 2, "1.5 GB"),
     ("1048576", 1024**2, "1 MB"), ("0", 0, "0 B"), ("500", 500, "500 B"), ("2 TB", 2 * 1024**4, "2 TB"),
     ("none", None, "default"), ("default", None, "default")],
)  # fmt: skip
def test_quota(module_server: Server, cast: Cast, value: str, size: int | None, definition: str) -> None:
    """Quotas in steps of 1,024, as ownCloud writes them."""
    Ocs(module_server, cast.boss).put(f"users/{cast.ward}", {"key": "quota", "value": value}).ok()
    quota = Ocs(module_server, cast.ward).get("user").ok()["quota"]
    assert (quota["definition"], quota["quota"]) == (definition, -3 if size is None else size)
    assert module_server.rows(f"SELECT quota FROM principal WHERE name='{cast.ward}'") == [(size,)]


@pytest.mark.parametrize("value", ["", "-1", "1e9", "1 XB", "NaN", "9" * 30, "12 MB x", "１２"])
def test_odd_quotas(module_server: Server, cast: Cast, value: str) -> None:
    """What is no quota."""
    Ocs(module_server, "admin").put(f"users/{cast.ward}", {"key": "quota", "value": value}).refused(103)


@pytest.mark.parametrize("who", ["ward", "boss", "admin"])
def test_password(module_server: Server, cast: Cast, who: str) -> None:
    """Another password counts at once."""
    signed_in(module_server, cast, who).put(f"users/{cast.ward}", {"key": "password", "value": "another-pass-2"}).ok()
    Ocs(module_server, cast.ward).get("user").refused(997)
    module_server.users[cast.ward] = "another-pass-2"
    Ocs(module_server, cast.ward).get("user").ok()


@pytest.mark.parametrize("field", ["display_name", "email"])
def test_settings_forbid_changes(module_server: Server, cast: Cast, field: str) -> None:
    """Where people may not change their name or address, those in charge still do."""
    setting, key = f"accounts.change_{field}", field.replace("_", "")
    module_server.cli("settings", "set", setting, "off")
    try:
        given = {"key": key, "value": "x@example.org"}
        Ocs(module_server, cast.ward).put(f"users/{cast.ward}", given).refused(997)
        Ocs(module_server, cast.boss).put(f"users/{cast.ward}", given).ok()
    finally:
        module_server.cli("settings", "set", setting, "on")


@pytest.mark.parametrize("who", ["boss", "admin"])
def test_disable_enable_delete(module_server: Server, cast: Cast, who: str) -> None:
    """Lock out, let in, and remove."""
    client, ward = signed_in(module_server, cast, who), Ocs(module_server, cast.ward)
    client.put(f"users/{cast.ward}/disable").ok()
    ward.get("user").refused(997)
    assert client.get(f"users/{cast.ward}").ok()["enabled"] is False
    client.put(f"users/{cast.ward}/enable").ok()
    ward.get("user").ok()
    client.delete(f"users/{cast.ward}").ok()
    ward.get("user").refused(997)
    Ocs(module_server, "admin").get(f"users/{cast.ward}").refused(998)


def test_groups(module_server: Server, dialect: tuple[int, bool]) -> None:
    """Groups are made, found, filled, emptied and removed."""
    admin, name = Ocs(module_server, "admin", *dialect), new_user(module_server)
    group = f"g{secrets.token_hex(4)}"
    admin.post("groups", {"groupid": group}).ok()
    assert admin.get("groups", search=group).ok() == {"groups": [group]}
    admin.post(f"users/{name}/groups", {"groupid": group}).ok()
    assert admin.get(f"groups/{group}").ok() == {"users": [name]} == admin.get(f"groups/{group}/users").ok()
    admin.delete(f"users/{name}/groups", {"groupid": group}).ok()
    assert admin.get(f"groups/{group}").ok()["users"] in ([], "")
    admin.delete(f"groups/{group}").ok()
    assert admin.get("groups", search=group).ok()["groups"] in ([], "")


def test_group_administrators(module_server: Server, dialect: tuple[int, bool]) -> None:
    """They are appointed and dismissed, and listed from both sides."""
    admin, name, group = Ocs(module_server, "admin", *dialect), new_user(module_server), new_group(module_server)
    for _ in range(2):
        admin.post(f"users/{name}/subadmins", {"groupid": group}).ok()
    assert admin.get(f"users/{name}/subadmins").ok() == [group]
    assert admin.get(f"groups/{group}/subadmins").ok() == [name]
    assert Ocs(module_server, name, *dialect).get("user").ok()["subadmin"] == [group]
    admin.delete(f"users/{name}/subadmins", {"groupid": group}).ok()
    assert admin.get(f"groups/{group}/subadmins").ok() in ([], "")


def test_what_group_administrators_see(module_server: Server, cast: Cast) -> None:
    """Those in their groups, their own groups among those of a ward, and nobody else."""
    boss = Ocs(module_server, cast.boss)
    assert boss.get("users").ok()["users"] == sorted([cast.ward, cast.chosen])
    assert boss.get("users", search=cast.other).ok()["users"] == []
    assert boss.get("users", offset=1, limit=1).ok()["users"] == sorted([cast.ward, cast.chosen])[1:]
    Ocs(module_server, "admin").post(f"users/{cast.ward}/groups", {"groupid": cast.elsewhere}).ok()
    assert boss.get(f"users/{cast.ward}/groups").ok()["groups"] == [cast.group]
    assert boss.get(f"groups/{cast.group}").ok()["users"] == sorted([cast.ward, cast.chosen])


def test_group_administrators_make_users(module_server: Server, cast: Cast) -> None:
    """In their own groups, and take people out of them."""
    boss, name = Ocs(module_server, cast.boss), f"u{secrets.token_hex(4)}"
    boss.post("users", {"userid": name, "password": PASSWORD, "groups[]": cast.group}).ok()
    assert boss.get(f"users/{name}").ok()["groups"] == [cast.group]
    boss.delete(f"users/{name}/groups", {"groupid": cast.group}).ok()
    boss.get(f"users/{name}").refused(997)


def test_nobody_becomes_master_of_an_account_by_taking_it_in(module_server: Server, cast: Cast) -> None:
    """Whoever may make a group, and take people into it, gets no power over their accounts."""
    module_server.cli("settings", "set", "spaces.create", "on")
    try:
        name = f"s{secrets.token_hex(4)}"
        thief = Api.of(module_server, cast.ward)
        thief.post("/spaces", {"name": name, "group": {"name": name, "members": [cast.other]}}).ok(201)
        thief.put(f"/groups/{name}/members/admin").ok(204)
        for victim in (cast.other, "admin"):
            client = Ocs(module_server, cast.ward)
            client.put(f"users/{victim}", {"key": "password", "value": "taken-over-1"}).refused(997)
            client.put(f"users/{victim}", {"key": "email", "value": "thief@example.org"}).refused(997)
            client.delete(f"users/{victim}").refused(997)
            client.put(f"users/{victim}/disable").refused(997)
            client.get(f"users/{victim}").refused(997)
        Ocs(module_server, cast.other).get("user").ok()
    finally:
        module_server.cli("settings", "set", "spaces.create", "off")


def test_without_group_administrators(module_server: Server, cast: Cast) -> None:
    """The setting takes it all away at once."""
    boss = Ocs(module_server, cast.boss)
    boss.get("users").ok()
    module_server.cli("settings", "set", "accounts.group_admins", "off")
    try:
        boss.get("users").refused(997)
        boss.get(f"users/{cast.ward}").refused(997)
        boss.delete(f"users/{cast.ward}").refused(997)
    finally:
        module_server.cli("settings", "set", "accounts.group_admins", "on")


def test_the_group_of_administrators(module_server: Server) -> None:
    """The group ``admin`` is everybody who administers the server."""
    admin, name = Ocs(module_server, "admin"), new_user(module_server)
    assert admin.get("groups").ok()["groups"][0] == "admin"
    assert admin.get("groups", search="dmi").ok()["groups"][:1] == ["admin"]
    admin.post(f"users/{name}/groups", {"groupid": "admin"}).ok()
    assert set(admin.get("groups/admin").ok()["users"]) >= {"admin", name}
    assert Ocs(module_server, name).get("user").ok()["groups"] == ["admin"]
    Ocs(module_server, name).get("users").ok()
    admin.delete(f"users/{name}/groups", {"groupid": "admin"}).ok()
    Ocs(module_server, name).get("users").refused(997)


def test_pages(module_server: Server) -> None:
    """Limit and offset, of users and of groups."""
    admin = Ocs(module_server, "admin")
    for _ in range(3):
        new_user(module_server)
        new_group(module_server)
    for kind in ("users", "groups"):
        whole = admin.get(kind).ok()[kind]
        found: list[str] = []
        while page := admin.get(kind, offset=len(found), limit=2).ok()[kind]:
            assert len(page) <= 2
            found += page
        assert found == whole
        assert admin.get(kind, limit=0).ok()[kind] == []
        assert admin.get(kind, limit="many", offset="-3").ok()[kind] == whole


# how it is asked


def test_formats(module_server: Server) -> None:
    """JSON where the query or Accept asks for it, else XML; the query goes first."""
    client = Ocs(module_server, "admin")
    kinds = {True: "application/json; charset=utf-8", False: "application/xml; charset=utf-8"}
    for path, accept, as_json in (
        ("user", None, False),
        ("user?format=json", None, True),
        ("user?format=xml", "application/json", False),
        ("user", "application/json", True),
        ("user", "application/json;q=0.9, text/html", True),
        ("user", "text/html, application/json", False),
        ("user?format=yaml", None, False),
    ):
        answer = client.raw("GET", path, headers={} if accept is None else {"Accept": accept})
        assert answer.headers["Content-Type"] == kinds[as_json], (path, accept)


def test_arguments(module_server: Server, cast: Cast) -> None:
    """Forms, JSON and queries, as different clients send them; lists in three spellings."""
    admin = Ocs(module_server, "admin")
    form, as_json = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
    admin.raw("PUT", f"users/{cast.ward}?key=display&value=Query").ok()
    assert Ocs(module_server, cast.ward).get("user").ok()["displayname"] == "Query"
    body = json.dumps({"key": "display", "value": "JSON"}).encode()
    admin.raw("PUT", f"users/{cast.ward}?value=Query", body, as_json).ok()
    assert Ocs(module_server, cast.ward).get("user").ok()["displayname"] == "JSON"
    for index, (kind, text) in enumerate(
        [
            (form, f"groups%5B%5D={cast.group}&groups%5B%5D={cast.elsewhere}"),
            (form, f"groups[0]={cast.group}&groups[1]={cast.elsewhere}"),
            (as_json, json.dumps([cast.group, cast.elsewhere])),
        ]
    ):
        name = f"u{secrets.token_hex(3)}{index}"
        text = (
            f"userid={name}&password={PASSWORD}&{text}"
            if kind is form
            else f'{{"userid":"{name}","password":"{PASSWORD}","groups":{text}}}'
        )
        admin.raw("POST", "users", text.encode(), kind).ok()
        assert admin.get(f"users/{name}/groups").ok()["groups"] == sorted([cast.group, cast.elsewhere])


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"[1]", "application/json", 400), (b"[" * 50_000, "application/json", 400),
     (b"a=%ff", "application/x-www-form-urlencoded", 400), (b"\xff=1", "application/x-www-form-urlencoded", 400),
     (b"&".join(b"a%d=1" % n for n in range(2000)), "application/x-www-form-urlencoded", 400),
     (b"<x/>", "text/xml", 415), (b"a=" + b"x" * 1_100_000, "application/x-www-form-urlencoded", 413)],
    ids=["cut", "list", "deep", "utf8-value", "utf8", "many", "xml", "large"],
)  # fmt: skip
def test_malformed_arguments(module_server: Server, body: bytes, kind: str, status: int) -> None:
    """What cannot be read is refused, in the envelope."""
    for version in (1, 2):
        answer = Ocs(module_server, "admin", version).raw("POST", "users", body, {"Content-Type": kind})
        assert answer.code == status and answer.meta["status"] == "failure"
        assert answer.status == (200 if version == 1 and status == 400 else status)


def test_odd_values(module_server: Server, cast: Cast) -> None:
    """Values of other types, control characters and markup do no harm."""
    admin = Ocs(module_server, "admin")
    for value in ({"a": 1}, [1], None, 3.5, "a\x00b", "a\nb", "\ud800", "x" * 100_000):
        for key in ("displayname", "email", "quota", "password"):
            body = json.dumps({"key": key, "value": value}).encode()
            answer = admin.raw("PUT", f"users/{cast.ward}", body, {"Content-Type": "application/json"})
            assert answer.meta["status"] == "failure" or value in (3.5,), (key, value, answer)
            assert answer.status < 500 and answer.code not in (996, 999)
    for as_json in (True, False):
        client = Ocs(module_server, "admin", 1, as_json)
        client.put(f"users/{cast.ward}", {"key": "display", "value": "<b>&amp;]]>"}).ok()
        assert client.get(f"users/{cast.ward}").ok()["displayname"] == "<b>&amp;]]>"


def test_the_header_is_not_needed(module_server: Server) -> None:
    """With Basic credentials ownCloud 10 does not ask for OCS-APIRequest."""
    Ocs(module_server, "admin").raw("GET", "users").ok()
    name = f"u{secrets.token_hex(4)}"
    Ocs(module_server, "admin").raw("POST", f"users?userid={name}&password={PASSWORD}").ok()


@pytest.mark.parametrize("headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_other_sites(module_server: Server, cast: Cast, headers: dict[str, str]) -> None:
    """A browser with remembered credentials changes nothing on behalf of another site."""
    answer = Ocs(module_server, "admin", 2).call("DELETE", f"users/{cast.ward}", None, headers)
    assert (answer.status, answer.code) == (403, 403)
    Ocs(module_server, cast.ward).get("user").ok()


def test_methods(module_server: Server) -> None:
    """What a call cannot do is 405, whoever asks."""
    answer = Ocs(module_server, None).raw("PUT", "user")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    head = module_server.dav("admin").head("/ocs/v1.php/cloud/user?format=json")
    assert (head.status, head.body) == (200, b"") and int(head["Content-Length"]) > 100


@pytest.mark.parametrize("path", ["/ocs", "/ocs/", "/ocs/v3.php/cloud/user", "/ocs/v1.php.bak/cloud/user"])
def test_other_versions(module_server: Server, path: str) -> None:
    """There are two versions."""
    assert module_server.dav("admin").get(path).status == 404


def test_limited_tokens(module_server: Server, cast: Cast) -> None:
    """An app token with limits tells who its owner is, and manages nothing; a full one is as good as the password."""
    for scope in ("read", "path:home"):
        secret = module_server.cli("token", "add", "admin", "--scope", scope).stdout.strip()
        client = Ocs(module_server, None, 2)
        client.authorization = basic("admin", secret)
        assert client.get("user").ok()["id"] == "admin"
        assert client.get("users/admin").ok()["id"] == "admin"
        assert client.get(f"users/{cast.ward}").status == 401
        for method, path in (("GET", "users"), ("DELETE", f"users/{cast.ward}"), ("PUT", "users/admin"),
                             ("POST", "groups"), ("GET", "groups/admin")):  # fmt: skip
            assert client.call(method, path, {}).status == 403
    secret = module_server.cli("token", "add", "admin").stdout.strip()
    client.authorization = f"Bearer {secret}"
    given = {"key": "password", "value": "another-pass-3"}
    assert client.put("users/admin", given).status == 403
    client.put(f"users/{cast.ward}", given).ok()
    client.delete(f"users/{cast.ward}").ok()


@pytest.mark.slow
def test_guessing_is_slowed_down_here_too(own_server) -> None:
    """The same gate as everywhere: wrong passwords end in 429 with Retry-After."""
    server = own_server()
    client = Ocs(server, None)
    client.authorization = basic("alice", "wrong")
    seen = set()
    for number in range(14):
        client.authorization = basic("alice", f"wrong-{number}")
        seen.add(client.get("user").status)
    assert seen == {401, 429}
