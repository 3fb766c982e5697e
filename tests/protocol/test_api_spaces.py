"""``/api/v1/spaces``: spaces made with their groups and members in one request, and who is in them."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from davshare.model.access import Permission
from support.api import Api
from support.client import Dav
from support.server import Server

PERMISSIONS = ["read", "write-content", "bind", "unbind", "write-properties", "unlock", "read-acl", "write-acl"]


def fresh(prefix: str = "s") -> str:
    """A name that nobody has."""
    return f"{prefix}{secrets.token_hex(4)}"


@pytest.fixture
def admin(module_server: Server) -> Api:
    """The administrator."""
    return Api.of(module_server, "admin")


@pytest.fixture
def space(admin: Api) -> str:
    """A space that alice manages, and that bob is not in."""
    name = fresh()
    admin.post("/spaces", {"name": name, "members": [{"user": "alice", "role": "manager"}]}).ok(201)
    return name


def dav(server: Server, user: str, space: str) -> Dav:
    """Files of a space."""
    return server.dav(user, f"/dav/spaces/{space}/")


def members(api: Api, space: str) -> dict[str, str | None]:
    """Names and roles of those in a space."""
    return {each["name"]: each["role"] for each in api.get(f"/spaces/{space}/members").ok()["items"]}


def test_group_and_space_in_one_request(admin: Api, module_server: Server) -> None:
    """Everything is there with the answer: group, members, roles, quota; the founder manages both."""
    name, group = fresh(), fresh("g")
    new = {
        "name": name,
        "description": "Spectra of 2026.",
        "quota": 1000,
        "group": {"name": group, "members": ["alice"], "display_name": "Spectroscopists"},
        "members": [{"user": "bob", "role": "viewer"}],
    }
    reply = admin.post("/spaces", new)
    made = reply.ok(201)
    assert reply.headers["Location"] == f"/api/v1/spaces/{name}"
    assert (made["description"], made["quota"], made["used"], made["archived"]) == ("Spectra of 2026.", 1000, 0, False)
    assert made["url"] == f"{module_server.url}/dav/spaces/{name}/"
    assert members(admin, name) == {group: "editor", "admin": "manager", "bob": "viewer"}
    assert [each["name"] for each in admin.get(f"/groups/{group}/members").ok()["items"]] == ["alice"]
    assert [each["name"] for each in admin.get(f"/groups/{group}/managers").ok()["items"]] == ["admin"]
    alice, bob = dav(module_server, "alice", name), dav(module_server, "bob", name)
    assert (alice.put("a", b"a").status, bob.get("a").status, bob.put("b", b"b").status) == (201, 200, 403)
    assert alice.put("large", b"x" * 1001).status == 507
    assert Api.of(module_server, "alice").get(f"/spaces/{name}").ok()["role"] == "editor"


def test_the_new_group_can_have_another_role(admin: Api) -> None:
    """Either with the group or among the members."""
    for with_group, among in (({"role": "viewer"}, False), ({}, True)):
        name, group = fresh(), fresh("g")
        seats = [{"group": group, "role": "viewer"}] if among else []
        new = {"name": name, "group": {"name": group, "members": [], **with_group}, "members": seats}
        admin.post("/spaces", new).ok(201)
        assert members(admin, name)[group] == "viewer"


FAULTS = {
    "space taken": ({"name": "TAKEN"}, 409),
    "group taken": ({"group": {"name": "TAKEN-GROUP", "members": []}}, 409),
    "no such member": ({"members": [{"user": "nobody", "role": "viewer"}]}, 404),
    "no such group": ({"members": [{"group": "nothing", "role": "viewer"}]}, 404),
    "no such user in group": ({"group": {"name": "GROUP", "members": ["alice", "nobody"]}}, 404),
    "a group is no user": ({"members": [{"user": "TAKEN-GROUP", "role": "viewer"}]}, 404),
    "group name": ({"group": {"name": "a/b", "members": []}}, 400),
    "group display name": ({"group": {"name": "GROUP", "members": [], "display_name": "a\nb"}}, 400),
    "space name": ({"name": "../up"}, 400),
    "role": ({"members": [{"user": "bob", "role": "owner"}]}, 422),
    "no role": ({"members": [{"user": "bob"}]}, 422),
    "two kinds": ({"members": [{"user": "bob", "group": "x", "role": "viewer"}]}, 422),
    "role and permissions": ({"members": [{"user": "bob", "role": "viewer", "permissions": ["read"]}]}, 422),
    "no permissions": ({"members": [{"user": "bob", "permissions": []}]}, 422),
    "over": ({"members": [{"user": "bob", "role": "viewer", "expires": "2001-01-01T00:00:00Z"}]}, 422),
    "unknown field": ({"members": [{"user": "bob", "role": "viewer", "x": 1}]}, 422),
    "quota": ({"quota": -1}, 422),
    "description": ({"description": "a\u0000b"}, 422),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_all_or_nothing(admin: Api, module_server: Server, fault: str) -> None:
    """Whatever fails, nothing is left: no space, no group, no membership, no folder."""
    taken, taken_group, name, group = fresh(), fresh("g"), fresh(), fresh("g")
    admin.post("/spaces", {"name": taken, "group": {"name": taken_group, "members": []}}).ok(201)
    names = {"TAKEN": taken, "TAKEN-GROUP": taken_group, "GROUP": group}

    def named(value):
        if isinstance(value, dict):
            return {key: named(each) for key, each in value.items()}
        if isinstance(value, list):
            return [named(each) for each in value]
        return names.get(value, value)

    part, status = FAULTS[fault]
    new = {"name": name, "group": {"name": group, "members": ["alice"]}, **named(part)}
    folders = sorted(path.name for path in (module_server.data / "spaces").iterdir())
    before = (admin.get("/spaces?limit=500").ok(), admin.get("/groups?limit=500").ok())
    reply = admin.post("/spaces", new)
    assert reply.status == status, reply
    assert (admin.get("/spaces?limit=500").ok(), admin.get("/groups?limit=500").ok()) == before
    assert sorted(path.name for path in (module_server.data / "spaces").iterdir()) == folders
    assert admin.post("/spaces", {"name": name, "group": {"name": group, "members": ["alice"]}}).status == 201


def test_one_of_many_makes_it(admin: Api, module_server: Server) -> None:
    """Many requests for one name at the same time: one makes it, the others leave it alone."""
    for _ in range(3):
        name = fresh()
        new = {"name": name, "group": {"name": name, "members": ["alice"]}}
        with ThreadPoolExecutor(6) as pool:
            replies = list(pool.map(lambda _, new=new: admin.post("/spaces", new).status, range(6)))
        assert sorted(replies) == [201] + [409] * 5
        assert dav(module_server, "alice", name).put("x", b"x").status == 201


def test_files_of_a_removed_space(admin: Api, module_server: Server, space: str) -> None:
    """Nobody gets, by a new space, what an old one of that name has left."""
    dav(module_server, "alice", space).put("secret", b"s")
    admin.delete(f"/spaces/{space}").ok(204)
    admin.get(f"/spaces/{space}").refused(404)
    assert (module_server.data / "spaces" / space / "secret").read_bytes() == b"s"
    admin.post("/spaces", {"name": space}).refused(409)
    assert (module_server.data / "spaces" / space / "secret").read_bytes() == b"s"


def test_remove_with_files(admin: Api, module_server: Server, space: str) -> None:
    """The files go only when that is said."""
    dav(module_server, "alice", space).put("x", b"s")
    Api.of(module_server, "alice").delete(f"/spaces/{space}?files=true").refused(403)
    admin.delete(f"/spaces/{space}?files=maybe").refused(422, "files")
    admin.delete(f"/spaces/{space}?files=true").ok(204)
    assert not (module_server.data / "spaces" / space).exists()
    admin.post("/spaces", {"name": space}).ok(201)


# who may make spaces


def test_who_may_make_spaces(admin: Api, module_server: Server) -> None:
    """Administrators; with the setting every user, but no guest."""
    guest = fresh("u")
    admin.post("/users", {"name": guest, "password": "some-pass-123", "guest": True}).ok(201)
    module_server.users[guest] = "some-pass-123"
    alice, name = Api.of(module_server, "alice"), fresh()
    alice.post("/spaces", {"name": name}).refused(403)
    admin.patch("/settings", {"spaces.create": True}).ok()
    try:
        made = alice.post("/spaces", {"name": name, "group": {"name": name, "members": ["bob"]}}).ok(201)
        assert made["role"] == "manager"
        assert alice.get("/me").ok()["manages"] == [name]
        alice.put(f"/groups/{name}/members/alice").ok(204)
        Api.of(module_server, guest).post("/spaces", {"name": fresh()}).refused(403)
        secret = module_server.cli("token", "add", "alice", "--scope", f"space:{name}").stdout.strip()
        Api.bearer(module_server, secret).post("/spaces", {"name": fresh()}).refused(403)
    finally:
        admin.patch("/settings", {"spaces.create": None}).ok()
    alice.post("/spaces", {"name": fresh()}).refused(403)


def test_quota_of_what_others_make(admin: Api, module_server: Server) -> None:
    """The setting is the quota, and the most that can be asked for."""
    alice = Api.of(module_server, "alice")
    admin.patch("/settings", {"spaces.create": True, "spaces.quota_bytes": 5000}).ok()
    try:
        assert alice.post("/spaces", {"name": fresh()}).ok(201)["quota"] == 5000
        assert alice.post("/spaces", {"name": fresh(), "quota": 100}).ok(201)["quota"] == 100
        alice.post("/spaces", {"name": fresh(), "quota": 5001}).refused(403)
        assert admin.post("/spaces", {"name": fresh(), "quota": 9000}).ok(201)["quota"] == 9000
        assert admin.post("/spaces", {"name": fresh()}).ok(201)["quota"] is None
    finally:
        admin.patch("/settings", {"spaces.create": None, "spaces.quota_bytes": None}).ok()


# looking and changing


def test_lists(admin: Api, module_server: Server) -> None:
    """Everybody has a list of what they are in; administrators have everything; pages fit together."""
    made = [fresh() for _ in range(5)]
    for name in made:
        admin.post("/spaces", {"name": name, "members": [{"user": "bob", "role": "viewer"}]}).ok(201)
    hidden = fresh()
    admin.post("/spaces", {"name": hidden}).ok(201)
    for api in (Api.of(module_server, "bob"), admin):
        whole = [each["name"] for each in api.get("/spaces?limit=500").ok()["items"]]
        assert set(made) <= set(whole) and whole == sorted(whole)
        assert (hidden in whole) == (api is admin)
        found, offset = [], 0
        while offset is not None:
            page = api.get(f"/spaces?limit=3&offset={offset}").ok()
            found += [each["name"] for each in page["items"]]
            offset = page["next"]
        assert found == whole


def test_denied_and_expired_memberships_do_not_show(admin: Api, module_server: Server, space: str) -> None:
    """A space is no more in one's list than in one's tree."""
    bob = Api.of(module_server, "bob")
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    admin.put(f"/spaces/{space}/members/user/bob", {"role": "viewer", "expires": soon.isoformat()}).ok()
    assert bob.get(f"/spaces/{space}").ok()["role"] == "viewer"
    while datetime.now(UTC) < soon + timedelta(seconds=1):
        time.sleep(0.1)
    bob.get(f"/spaces/{space}").refused(404)
    assert space not in [each["name"] for each in bob.get("/spaces?limit=500").ok()["items"]]
    assert dav(module_server, "bob", space).get("").status == 404


@pytest.mark.parametrize(
    ("field", "value"), [("description", "New."), ("archived", True), ("quota", 77), ("quota", None)]
)
def test_change_one_field(admin: Api, space: str, field: str, value: object) -> None:
    """One field changes, and only that one."""
    admin.patch(f"/spaces/{space}", {"description": "Old.", "quota": 50}).ok()
    before = admin.get(f"/spaces/{space}").ok()
    after = admin.patch(f"/spaces/{space}", {field: value}).ok()
    assert {key for key in after if after[key] != before[key]} - {"role", "permissions"} == {field}
    assert after[field] == value
    assert admin.patch(f"/spaces/{space}", {}).ok() == after


def test_managers_archive_and_open_again(module_server: Server, space: str) -> None:
    """An archived space can only be read, and its manager can open it again."""
    alice, files = Api.of(module_server, "alice"), dav(module_server, "alice", space)
    files.put("x", b"x")
    archived = alice.patch(f"/spaces/{space}", {"archived": True}).ok()
    assert archived["permissions"] == ["read", "read-acl"]
    assert (files.put("y", b"y").status, files.get("x").status) == (403, 200)
    assert alice.patch(f"/spaces/{space}", {"archived": False}).ok()["role"] == "manager"
    assert files.put("y", b"y").status == 201


def test_what_managers_may_not(module_server: Server, space: str) -> None:
    """The quota is the administrators' business, and so is removing a space."""
    alice = Api.of(module_server, "alice")
    alice.patch(f"/spaces/{space}", {"quota": 10**15}).refused(403)
    alice.patch(f"/spaces/{space}", {"quota": None, "description": "x"}).refused(403)
    assert alice.get(f"/spaces/{space}").ok()["description"] == ""
    alice.delete(f"/spaces/{space}").refused(403)


# members


def test_membership(module_server: Server, space: str) -> None:
    """Let in, with another role, and out again, each with the next request."""
    alice, files = Api.of(module_server, "alice"), dav(module_server, "bob", space)
    told = alice.put(f"/spaces/{space}/members/user/bob", {"role": "viewer"}).ok()
    assert told == {"kind": "user", "name": "bob", "display_name": "bob", "denied": False, "role": "viewer",
                    "permissions": ["read"], "expires": None}  # fmt: skip
    assert (files.get("").status, files.put("x", b"x").status) == (200, 403)
    alice.put(f"/spaces/{space}/members/user/bob", {"role": "editor"}).ok()
    assert files.put("x", b"x").status == 201
    alice.delete(f"/spaces/{space}/members/user/bob").ok(204)
    assert files.get("x").status == 404
    alice.delete(f"/spaces/{space}/members/user/bob").refused(404)


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_single_permissions(admin: Api, module_server: Server, space: str, permission: str) -> None:
    """Each permission has a name and can be given alone."""
    wanted = [name for name in PERMISSIONS if name in ("read", permission)]
    told = admin.put(f"/spaces/{space}/members/user/bob", {"permissions": wanted}).ok()
    assert told["permissions"] == wanted
    assert Api.of(module_server, "bob").get(f"/spaces/{space}").ok()["permissions"] == wanted


@pytest.mark.parametrize(
    "body",
    [{}, {"role": "boss"}, {"role": "viewer", "permissions": ["read"]}, {"permissions": []}, {"role": None},
     {"permissions": ["fly"]}, {"permissions": "read"}, {"role": ["viewer"]}],
    ids=repr,
)  # fmt: skip
def test_odd_admissions(admin: Api, space: str, body: dict[str, object]) -> None:
    """What is neither a role nor permissions changes nothing."""
    before = members(admin, space)
    admin.put(f"/spaces/{space}/members/user/bob", body).ok(422)
    assert members(admin, space) == before


def test_groups_as_members(admin: Api, module_server: Server, space: str) -> None:
    """A group is let in by its kind and name, also if a user has the same name."""
    name = fresh("both")
    admin.post("/users", {"name": name}).ok(201)
    admin.post("/groups", {"name": name}).ok(201)
    admin.put(f"/groups/{name}/members/bob").ok(204)
    admin.put(f"/spaces/{space}/members/group/{name}", {"role": "editor"}).ok()
    assert dav(module_server, "bob", space).put("x", b"x").status == 201
    admin.delete(f"/spaces/{space}/members/user/{name}").refused(404)
    admin.delete(f"/spaces/{space}/members/group/{name}").ok(204)
    admin.put(f"/spaces/{space}/members/robot/{name}", {"role": "editor"}).refused(404)


def test_nobody_gives_more_than_they_have(admin: Api, module_server: Server, space: str) -> None:
    """Whoever may change the members, but not everything else, raises neither others nor themselves."""
    admin.put(f"/spaces/{space}/members/user/bob", {"permissions": ["read", "write-acl"]}).ok()
    bob, before = Api.of(module_server, "bob"), members(admin, space)
    for who, body in (
        ("bob", {"role": "manager"}),
        ("bob", {"permissions": ["read", "write-acl", "bind"]}),
        ("admin", {"role": "editor"}),
        ("alice", {"role": "viewer"}),
    ):
        bob.put(f"/spaces/{space}/members/user/{who}", body).refused(403)
    bob.delete(f"/spaces/{space}/members/user/alice").refused(403)
    assert members(admin, space) == before


def test_denials(admin: Api, module_server: Server, space: str) -> None:
    """What is denied shows among the members, and only who has the rights in question takes it back."""
    admin.put(f"/spaces/{space}/members/user/bob", {"permissions": ["read", "write-acl"]}).ok()
    victim = fresh("u")
    admin.post("/users", {"name": victim}).ok(201)
    with module_server.index() as connection:
        connection.execute(
            'INSERT INTO "grant" (node, principal, deny, rights) SELECT s.node, p.id, 1, ?'
            " FROM space s, principal p WHERE s.name=? AND s.kind='space' AND p.name=? AND p.kind='user'",
            (Permission.BIND, space, victim),
        )
    shown = admin.get(f"/spaces/{space}/members").ok()["items"]
    assert [each["permissions"] for each in shown if each["denied"]] == [["bind"]]
    Api.of(module_server, "bob").delete(f"/spaces/{space}/members/user/{victim}").refused(403)
    admin.delete(f"/spaces/{space}/members/user/{victim}").ok(204)
    assert not any(each["denied"] for each in admin.get(f"/spaces/{space}/members").ok()["items"])


@pytest.mark.parametrize("role", ["viewer", "contributor", "editor"])
def test_members_who_are_no_managers(admin: Api, module_server: Server, space: str, role: str) -> None:
    """They see who else is there and change nothing."""
    admin.put(f"/spaces/{space}/members/user/bob", {"role": role}).ok()
    bob = Api.of(module_server, "bob")
    assert members(bob, space) == members(admin, space)
    bob.put(f"/spaces/{space}/members/user/bob", {"role": "manager"}).refused(403)
    bob.delete(f"/spaces/{space}/members/user/alice").refused(403)
    bob.patch(f"/spaces/{space}", {"description": "mine"}).refused(403)


def test_strangers_see_nothing(module_server: Server, space: str) -> None:
    """A space that one is not in is as one that does not exist."""
    bob = Api.of(module_server, "bob")
    for method, path, body in (
        ("GET", "", ...),
        ("GET", "/members", ...),
        ("PATCH", "", {}),
        ("PUT", "/members/user/bob", {"role": "viewer"}),
        ("DELETE", "/members/user/alice", ...),
    ):
        there = bob.ask(method, f"/spaces/{space}{path}", body)
        assert there.refused(404) == bob.ask(method, f"/spaces/missing{path}", body).refused(404)


def test_pages_of_members(admin: Api, space: str) -> None:
    """Members come in pages that fit together."""
    for _ in range(4):
        name = fresh("u")
        admin.post("/users", {"name": name}).ok(201)
        admin.put(f"/spaces/{space}/members/user/{name}", {"role": "viewer"}).ok()
    whole = admin.get(f"/spaces/{space}/members").ok()["items"]
    found, offset = [], 0
    while offset is not None:
        page = admin.get(f"/spaces/{space}/members?limit=2&offset={offset}").ok()
        found += page["items"]
        offset = page["next"]
    assert found == whole and len(whole) == 6


def test_followers_learn_of_changed_members(admin: Api, module_server: Server, space: str) -> None:
    """Who may do what is an entry in the journal: a sync report tells it."""
    files = dav(module_server, "alice", space)
    token = files.text("", "sync-token")
    admin.put(f"/spaces/{space}/members/user/bob", {"role": "viewer"}).ok()
    assert files.text("", "sync-token") != token


# settings and server


def test_settings(admin: Api, module_server: Server) -> None:
    """Settings are changed together or not at all, and null is the default."""
    before = admin.get("/settings").ok()
    admin.patch("/settings", {"trash.keep_days": 3, "xml.max_bytes": 1}).refused(422, "xml.max_bytes")
    admin.patch("/settings", {"trash.keep_days": "3"}).refused(422, "trash.keep_days")
    admin.patch("/settings", {"trash.keep_days": True}).refused(422, "trash.keep_days")
    admin.patch("/settings", {"disk.watch": 1}).refused(422, "disk.watch")
    admin.patch("/settings", {"no.such": 1}).refused(422, "body")
    assert admin.get("/settings").ok() == before
    assert admin.patch("/settings", {"trash.keep_days": 3}).ok() == {**before, "trash.keep_days": 3}
    assert module_server.cli("settings", "get", "trash.keep_days").stdout.strip() == "3"
    assert admin.patch("/settings", {"trash.keep_days": None}).ok() == before


def test_server(module_server: Server) -> None:
    """Name and version, for whoever is signed in."""
    told = Api.of(module_server, "bob").get("/server").ok()
    assert told["name"] == "davshare" and told["version"]
