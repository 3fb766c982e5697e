"""kill -9 while a space is made together with its group and members: afterwards all of it is there, or nothing."""

from __future__ import annotations

import contextlib
import http.client

import pytest

from support.api import Api

pytestmark = pytest.mark.slow

NEW = {
    "name": "lab",
    "quota": 1000,
    "group": {"name": "crew", "members": ["alice"]},
    "members": [{"user": "bob", "role": "viewer"}],
}


@pytest.mark.parametrize("point", ["space.prepared", "space.made"])
def test_crash_while_a_space_is_made(own_server, point: str) -> None:
    """What was begun leaves nothing in the way; what was committed is whole."""
    server = own_server(serve=False)
    server.run({"DAVSHARE_CRASH_AT": point})
    admin = Api.of(server, "admin")
    with contextlib.suppress(OSError, http.client.HTTPException):
        admin.post("/spaces", NEW)
        pytest.fail(f"{point} was never passed")
    server.kill9()
    server.run()
    admin = Api.of(server, "admin")
    if point == "space.prepared":
        admin.get("/spaces/lab").refused(404)
        admin.get("/groups/crew").refused(404)
        admin.post("/spaces", NEW).ok(201)
    else:
        admin.post("/spaces", NEW).refused(409)
    assert admin.get("/spaces/lab").ok()["quota"] == 1000
    roles = {each["name"]: each["role"] for each in admin.get("/spaces/lab/members").ok()["items"]}
    assert roles == {"crew": "editor", "admin": "manager", "bob": "viewer"}
    assert [each["name"] for each in admin.get("/groups/crew/members").ok()["items"]] == ["alice"]
    assert server.dav("alice", "/dav/spaces/lab/").put("x", b"x").status == 201
    assert server.cli("check").returncode == 0
