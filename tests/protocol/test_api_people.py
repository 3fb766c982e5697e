"""``/api/v1/users`` and ``/api/v1/groups``."""

from __future__ import annotations

import secrets

import pytest

from support.api import Api
from support.server import Server

PASSWORD = "some-pass-123"


@pytest.fixture
def admin(module_server: Server) -> Api:
    """The administrator."""
    return Api.of(module_server, "admin")


def new_user(server: Server, **more: object) -> str:
    """The name of a new user who can sign in with :data:`PASSWORD`."""
    name = f"u{secrets.token_hex(4)}"
    Api.of(server, "admin").post("/users", {"name": name, "password": PASSWORD, **more}).ok(201)
    server.users[name] = PASSWORD
    return name


def new_group(server: Server, *members: str) -> str:
    """The name of a new group."""
    name = f"g{secrets.token_hex(4)}"
    admin = Api.of(server, "admin")
    admin.post("/groups", {"name": name}).ok(201)
    for member in members:
        admin.put(f"/groups/{name}/members/{member}").ok(204)
    return name


def member_names(api: Api, group: str, query: str = "") -> list[str]:
    """Names of the members of a group."""
    return [each["name"] for each in api.get(f"/groups/{group}/members{query}").ok()["items"]]


# users


def test_add(admin: Api, module_server: Server) -> None:
    """A new user can sign in at once, and has a home."""
    group = new_group(module_server)
    reply = admin.post(
        "/users",
        {"name": "zoë", "password": PASSWORD, "email": "z@example.org", "groups": [group], "quota": 1000},
    )
    user = reply.ok(201)
    assert reply.headers["Location"] == "/api/v1/users/zo%C3%AB"
    assert admin.raw("GET", reply.headers["Location"]).ok() == user
    assert (user["display_name"], user["groups"], user["quota"], user["used"]) == ("zoë", [group], 1000, 0)
    module_server.users["zoë"] = PASSWORD
    home = module_server.dav("zoë")
    assert (home.put("small", b"x").status, home.put("large", b"x" * 1001).status) == (201, 507)


def test_add_refused(admin: Api, module_server: Server) -> None:
    """Nothing is left of what could not be made."""
    before = admin.get("/users").ok()
    admin.post("/users", {"name": "alice"}).refused(409)
    admin.post("/users", {"name": "../x"}).refused(400)
    admin.post("/users", {"name": ""}).refused(422, "name")
    admin.post("/users", {"name": "fresh", "password": "short"}).refused(400)
    admin.post("/users", {"name": "fresh", "groups": ["missing"]}).refused(404)
    admin.post("/users", {"name": "fresh", "guest": True, "admin": True}).refused(400)
    admin.post("/users", {"name": "fresh", "quota": -1}).refused(422, "quota")
    admin.post("/users", {"name": "fresh", "quota": 2**63}).refused(422, "quota")
    admin.post("/users", {"name": "fresh", "admin": 1}).refused(422, "admin")
    admin.post("/users", {"name": "fresh", "groups": [3]}).refused(422, "groups[0]")
    assert admin.get("/users").ok() == before
    assert not (module_server.data / "homes" / "fresh").exists()


def test_guests(admin: Api, module_server: Server) -> None:
    """A guest can make nothing in the home."""
    name = new_user(module_server, guest=True)
    user = admin.get(f"/users/{name}").ok()
    assert user["guest"] and user["used"] == 0
    assert module_server.dav(name).put("a", b"x").status == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [("display_name", "Zed"), ("email", "z@example.org"), ("admin", True), ("quota", 5), ("quota", None),
     ("portable", True)],
)  # fmt: skip
def test_change_one_field(admin: Api, module_server: Server, field: str, value: object) -> None:
    """One field changes, and only that one."""
    name = new_user(module_server, quota=7, email="old@example.org")
    before = admin.get(f"/users/{name}").ok()
    after = admin.patch(f"/users/{name}", {field: value}).ok()
    assert after == {**before, field: value}
    assert admin.get(f"/users/{name}").ok() == after


def test_changes_count_at_once(admin: Api, module_server: Server) -> None:
    """A new administrator is one with the next request, in every worker, and a former one is none."""
    name = new_user(module_server)
    user = Api.of(module_server, name)
    user.get("/users").refused(403)
    for flag, status in ((True, 200), (False, 403)):
        admin.patch(f"/users/{name}", {"admin": flag}).ok()
        assert {user.get("/users").status for _ in range(6)} == {status}


def test_disable_and_enable(admin: Api, module_server: Server) -> None:
    """Who is locked out cannot sign in, in any way, until let in again."""
    name = new_user(module_server)
    user = Api.of(module_server, name)
    secret = user.post("/me/tokens", {}).ok(201)["secret"]
    admin.post(f"/users/{name}/disable").ok(204)
    user.get("/me").refused(401)
    Api.bearer(module_server, secret).get("/me").refused(401)
    assert admin.get(f"/users/{name}").ok()["disabled"]
    admin.post(f"/users/{name}/enable").ok(204)
    user.get("/me").ok()


def test_remove(admin: Api, module_server: Server) -> None:
    """A removed user is gone; the files are kept under another name."""
    name = new_user(module_server)
    module_server.dav(name).put("kept", b"k")
    admin.delete(f"/users/{name}").ok(204)
    Api.of(module_server, name).get("/me").refused(401)
    admin.get(f"/users/{name}").refused(404)
    admin.delete(f"/users/{name}").refused(404)
    (kept,) = (module_server.data / "homes").glob(f"{name}.removed-*")
    assert (kept / "kept").read_bytes() == b"k"


def test_reset_link(admin: Api, module_server: Server) -> None:
    """A link to a new password works once, and only for whom it was made."""
    name = new_user(module_server)
    told = admin.post(f"/users/{name}/password-reset").ok(201)
    path = told["url"].removeprefix(module_server.url)
    assert path.startswith("/reset/") and told["expires"].endswith("Z")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"password=another-pass-1&again=another-pass-1"
    nobody = Api(module_server, None)
    assert nobody.raw("POST", path, body, form).status == 200
    assert nobody.raw("POST", path, body, form).status == 404
    Api.of(module_server, name).get("/me").refused(401)
    module_server.users[name] = "another-pass-1"
    Api.of(module_server, name).get("/me").ok()
    admin.post(f"/users/{name}/disable").ok(204)
    admin.post(f"/users/{name}/password-reset").refused(409)
    admin.post("/users/nobody/password-reset").refused(404)


def test_administrators_do_not_lock_themselves_out(admin: Api) -> None:
    """The last one stays."""
    for reply in (
        admin.delete("/users/admin"),
        admin.post("/users/admin/disable"),
        admin.patch("/users/admin", {"admin": False}),
    ):
        reply.refused(409)
    assert admin.get("/me").ok()["user"]["admin"]


def test_search_and_pages(admin: Api, module_server: Server) -> None:
    """Users are found by name, display name and address, in pages that fit together."""
    mark = secrets.token_hex(4)
    made = [new_user(module_server, display_name=f"{mark} {number}") for number in range(5)]
    found, offset = [], 0
    while offset is not None:
        page = admin.get(f"/users?search={mark}&limit=2&offset={offset}").ok()
        found += [each["name"] for each in page["items"]]
        offset = page["next"]
    assert found == sorted(made)
    assert admin.get("/users?search=%25").ok()["items"] == []
    assert admin.get("/users?search=%27%3B--").ok()["items"] == []


def test_oneself(module_server: Server) -> None:
    """Everybody may look at their own account, and at no other."""
    name = new_user(module_server)
    user = Api.of(module_server, name)
    assert user.get(f"/users/{name}").ok()["name"] == name
    user.patch(f"/users/{name}", {"admin": True}).refused(403)
    assert user.get("/users/bob").refused(403) == user.get("/users/nobody").refused(403)


def test_missing(admin: Api) -> None:
    """What is not there."""
    admin.get("/users/nobody").refused(404)
    admin.patch("/users/nobody", {}).refused(404)
    admin.post("/users/nobody/disable").refused(404)
    admin.post("/users/nobody/enable").refused(404)


# groups


def test_groups(admin: Api, module_server: Server) -> None:
    """A group is made, found, named, and removed; its members stay."""
    name = new_user(module_server)
    group = new_group(module_server, name)
    assert admin.get(f"/groups/{group}").ok()["display_name"] == group
    admin.patch(f"/groups/{group}", {"display_name": "Crew"}).ok()
    assert [each["name"] for each in admin.get("/groups?search=crew").ok()["items"]] == [group]
    admin.post("/groups", {"name": group}).refused(409)
    admin.post("/groups", {"name": "a/b"}).refused(400)
    admin.delete(f"/groups/{group}").ok(204)
    admin.get(f"/groups/{group}").refused(404)
    assert admin.get(f"/users/{name}").ok()["groups"] == []


def test_members(admin: Api, module_server: Server) -> None:
    """Who is in a group has what it has, from the next request on, and no longer than that."""
    name, space = new_user(module_server), f"s{secrets.token_hex(4)}"
    group = new_group(module_server)
    admin.post("/spaces", {"name": space, "members": [{"group": group, "role": "editor"}]}).ok(201)
    dav = module_server.dav(name, f"/dav/spaces/{space}/")
    assert dav.put("x", b"").status in (403, 404)
    for _ in range(2):
        admin.put(f"/groups/{group}/members/{name}").ok(204)
    assert dav.put("x", b"").status == 201
    for _ in range(2):
        admin.delete(f"/groups/{group}/members/{name}").ok(204)
    assert dav.get("x").status == 404
    admin.put(f"/groups/{group}/members/nobody").refused(404)
    admin.put(f"/groups/nothing/members/{name}").refused(404)


def test_nested_groups(admin: Api, module_server: Server) -> None:
    """Groups lie in groups, but never in themselves."""
    name = new_user(module_server)
    inner = new_group(module_server, name)
    outer = new_group(module_server)
    admin.put(f"/groups/{outer}/groups/{inner}").ok(204)
    assert member_names(admin, outer) == [inner]
    assert member_names(admin, outer, "?effective=true") == [inner, name]
    admin.put(f"/groups/{inner}/groups/{outer}").refused(409)
    admin.put(f"/groups/{inner}/groups/{inner}").refused(409)
    admin.delete(f"/groups/{outer}/groups/{inner}").ok(204)
    assert member_names(admin, outer, "?effective=true") == []


def test_managers(admin: Api, module_server: Server) -> None:
    """A manager changes who is in the group, and nothing else."""
    manager, name = new_user(module_server), new_user(module_server)
    group, other = new_group(module_server), new_group(module_server)
    admin.put(f"/groups/{group}/managers/{manager}").ok(204)
    boss = Api.of(module_server, manager)
    assert [each["name"] for each in boss.get("/groups").ok()["items"]] == [group]
    assert boss.get("/groups?search=zzz").ok()["items"] == []
    boss.put(f"/groups/{group}/members/{name}").ok(204)
    assert member_names(boss, group) == [name]
    boss.patch(f"/groups/{group}", {"display_name": "Ours"}).ok()
    for method, path in (
        ("PUT", f"/groups/{other}/members/{name}"),
        ("GET", f"/groups/{other}/members"),
        ("DELETE", f"/groups/{group}"),
        ("PUT", f"/groups/{group}/managers/{name}"),
        ("PUT", f"/groups/{group}/groups/{other}"),
        ("GET", f"/users/{name}"),
    ):
        boss.ask(method, path).refused(403)
    admin.delete(f"/groups/{group}/managers/{manager}").ok(204)
    boss.delete(f"/groups/{group}/members/{name}").refused(403)
    assert member_names(admin, group) == [name]


def test_a_token_of_a_manager(admin: Api, module_server: Server) -> None:
    """What a manager may do, a token with limits may not."""
    manager, name = new_user(module_server), new_user(module_server)
    group = new_group(module_server)
    admin.put(f"/groups/{group}/managers/{manager}").ok(204)
    for scope in ("read", "path:home"):
        secret = Api.of(module_server, manager).post("/me/tokens", {"scopes": [scope]}).ok(201)["secret"]
        Api.bearer(module_server, secret).put(f"/groups/{group}/members/{name}").refused(403)
    assert member_names(admin, group) == []
