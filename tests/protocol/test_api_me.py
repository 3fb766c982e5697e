"""``/api/v1/me``: one's own name, address and app tokens."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from support.api import Api
from support.raw import basic
from support.server import Server


@pytest.fixture
def alice(module_server: Server) -> Api:
    """Alice."""
    return Api.of(module_server, "alice")


def test_me(alice: Api, module_server: Server) -> None:
    """Who one is, with groups and what one manages."""
    module_server.cli("group", "add", "crew")
    module_server.cli("group", "add-member", "crew", "alice")
    Api.of(module_server, "admin").put("/groups/crew/managers/alice").ok(204)
    me = alice.get("/me").ok()
    assert (me["user"]["name"], me["user"]["groups"], me["manages"]) == ("alice", ["crew"], ["crew"])
    assert not me["user"]["admin"] and me["user"]["used"] == 0
    assert me["user"]["created"].startswith(str(datetime.now(UTC).year))


def test_changes(alice: Api, module_server: Server) -> None:
    """What is given is changed, everything else stays."""
    before = alice.get("/me").ok()["user"]
    assert alice.patch("/me", {"display_name": "Älice"}).ok()["user"] == {**before, "display_name": "Älice"}
    after = alice.patch("/me", {"email": "a@example.org"}).ok()["user"]
    assert after == {**before, "display_name": "Älice", "email": "a@example.org"}
    assert alice.patch("/me", {}).ok()["user"] == after
    assert module_server.dav("alice").text("/dav/principals/users/alice/", "displayname") == "Älice"


@pytest.mark.parametrize("field", ["display_name", "email"])
def test_settings_say_no(alice: Api, module_server: Server, field: str) -> None:
    """Where the settings forbid it, only administrators change this, and nothing of the request is done."""
    setting = f"accounts.change_{field}"
    other = {"display_name": "email", "email": "display_name"}[field]
    before = alice.get("/me").ok()
    module_server.cli("settings", "set", setting, "off")
    try:
        alice.patch("/me", {field: "new"}).refused(403)
        alice.patch("/me", {field: "new", other: "new"}).refused(403)
        assert alice.get("/me").ok() == before
        alice.patch("/me", {other: before["user"][other]}).ok()
        Api.of(module_server, "admin").patch("/me", {field: "x"}).ok()
    finally:
        module_server.cli("settings", "set", setting, "on")


@pytest.mark.parametrize(
    "field", ["admin", "quota", "disabled", "guest", "name", "password", "groups", "second_factor"]
)
def test_nobody_promotes_themselves(alice: Api, field: str) -> None:
    """Only two fields can be changed here."""
    before = alice.get("/me").ok()
    alice.patch("/me", {field: True}).refused(422, "body")
    assert alice.get("/me").ok() == before


@pytest.mark.parametrize("text", ["line\nbreak", "\x00", "x" * 201, None, 3, ["x"], "\ud800"], ids=repr)
def test_texts(alice: Api, text: object) -> None:
    """Names and addresses are one line that can be shown."""
    before = alice.get("/me").ok()
    for field in ("display_name", "email"):
        assert alice.patch("/me", {field: text}).status in (400, 422)
    assert alice.get("/me").ok() == before


def test_tokens(alice: Api, module_server: Server) -> None:
    """A token is made, shown once, used, listed and ended."""
    made = alice.post("/me/tokens", {"label": "laptop"}).ok(201)
    token, secret = made["token"], made["secret"]
    assert (token["label"], token["scopes"], token["expires"], token["expired"]) == ("laptop", ["write"], None, False)
    listed = alice.get("/me/tokens").ok()["items"]
    assert token in listed and secret not in str(listed)
    device = Api(module_server, basic("alice", secret))
    assert device.get("/me").ok()["user"]["name"] == "alice"
    assert module_server.dav("alice", password=secret).put("by-token", b"x").status == 201
    alice.delete(f"/me/tokens/{token['id']}").ok(204)
    device.get("/me").refused(401)
    alice.delete(f"/me/tokens/{token['id']}").refused(404)


def test_tokens_make_no_tokens(alice: Api, module_server: Server) -> None:
    """A stolen token cannot be made to last: it makes no others, sees no others, and ends no others."""
    first = alice.post("/me/tokens", {}).ok(201)
    second = alice.post("/me/tokens", {}).ok(201)
    device = Api.bearer(module_server, first["secret"])
    device.post("/me/tokens", {}).refused(403)
    assert [each["id"] for each in device.get("/me/tokens").ok()["items"]] == [first["token"]["id"]]
    device.delete(f"/me/tokens/{second['token']['id']}").refused(404)
    device.delete(f"/me/tokens/{first['token']['id']}").ok(204)
    device.get("/me").refused(401)


def test_location(alice: Api) -> None:
    """What was made is at the address that the answer names."""
    reply = alice.post("/me/tokens", {})
    address = reply.headers["Location"]
    assert address == f"/api/v1/me/tokens/{reply.json['token']['id']}"
    assert alice.raw("DELETE", address).status == 204


def test_scopes(alice: Api, module_server: Server) -> None:
    """A token reaches what its scopes say."""
    home = module_server.dav("alice")
    home.mkcol("docs")
    home.put("docs/a", b"a")
    home.put("outside", b"o")
    secret = alice.post("/me/tokens", {"scopes": ["read", "path:home/docs"]}).ok(201)["secret"]
    device = module_server.dav("alice", password=secret)
    assert (device.get("docs/a").status, device.put("docs/b").status, device.get("outside").status) == (200, 403, 404)
    limited = Api.bearer(module_server, secret)
    limited.post("/me/tokens", {}).refused(403)
    limited.get("/me/tokens").refused(403)
    assert limited.get("/me").ok()["user"]["name"] == "alice"


@pytest.mark.parametrize(
    "scopes", [["admin"], ["read", "write"], ["path:elsewhere/x"], ["path:"], ["space:"], ["path:home", "space:x"]]
)
def test_odd_scopes(alice: Api, scopes: list[str]) -> None:
    """Scopes that make no sense, or lead nowhere."""
    before = alice.get("/me/tokens").ok()
    assert alice.post("/me/tokens", {"scopes": scopes}).status in (400, 404)
    assert alice.get("/me/tokens").ok() == before


def test_scopes_tell_nothing(alice: Api, module_server: Server) -> None:
    """What one may not know of is as what is not there: spaces of others, files in their homes."""
    module_server.dav("bob").put("secret.txt", b"s")
    module_server.cli("space", "add", "hidden")
    answers = [
        alice.post("/me/tokens", {"scopes": [scope]})
        for scope in ("space:hidden", "space:missing", "path:users/bob/secret.txt", "path:users/bob/missing.txt",
                      "path:users/nobody", "path:spaces/hidden", "read, space:hidden")
    ]  # fmt: skip
    assert {reply.status for reply in answers} == {404}
    assert len({reply.body for reply in answers}) == 1


def test_end_of_tokens(alice: Api, module_server: Server) -> None:
    """A token ends when it should, and not in the past."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    made = alice.post("/me/tokens", {"expires": soon.isoformat()}).ok(201)
    device = Api.bearer(module_server, made["secret"])
    device.get("/me").ok()
    while datetime.now(UTC) < soon + timedelta(seconds=0.2):
        time.sleep(0.1)
    device.get("/me").refused(401)
    found = next(each for each in alice.get("/me/tokens").ok()["items"] if each["id"] == made["token"]["id"])
    assert found["expired"]
    for moment in ("2001-01-01T00:00:00Z", "soon", 12, "1900-01-01"):
        alice.post("/me/tokens", {"expires": moment}).refused(422, "expires")


def test_tokens_of_others(alice: Api, module_server: Server) -> None:
    """Nobody sees or ends the tokens of somebody else, not even an administrator here."""
    made = Api.of(module_server, "bob").post("/me/tokens", {"label": "bobs"}).ok(201)
    number = made["token"]["id"]
    for other in (alice, Api.of(module_server, "admin")):
        assert all(each["id"] != number for each in other.get("/me/tokens").ok()["items"])
        other.delete(f"/me/tokens/{number}").refused(404)
    for odd in ("0", "-1", "x", "1e3", "9" * 40, "%C2%B2"):
        alice.delete(f"/me/tokens/{odd}").refused(404)
    assert Api.bearer(module_server, made["secret"]).get("/me").ok()["user"]["name"] == "bob"


def test_pages_of_tokens(module_server: Server) -> None:
    """A list comes in pages that fit together."""
    bob = Api.of(module_server, "bob")
    for _ in range(5):
        bob.post("/me/tokens", {}).ok(201)
    whole = bob.get("/me/tokens").ok()["items"]
    found, offset = [], 0
    while offset is not None:
        page = bob.get(f"/me/tokens?offset={offset}&limit=2").ok()
        assert 0 < len(page["items"]) <= 2
        found += page["items"]
        offset = page["next"]
    assert found == whole
