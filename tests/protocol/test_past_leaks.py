"""Ways in which somebody could learn, or do, what was not theirs; each was open once."""

from __future__ import annotations

import json
import secrets

import pytest
from protocol.test_rfc3744_acl import Space, ace, acl, report

from support.api import Api
from support.client import Dav
from support.ocs import Ocs
from support.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def space(module_server: Server) -> Space:
    """A space of its own: alice manages it, bob may read."""
    return Space(module_server)


def token_for(server: Server, user: str, *scopes: str) -> str:
    """A fresh app token."""
    options = [part for scope in scopes for part in ("--scope", scope)]
    return server.cli("token", "add", user, *options).stdout.strip().split()[-1]


# -- names ---------------------------------------------------------------------------------------


def test_locks_in_what_is_hidden_are_not_named(space: Space) -> None:
    """A lock below is in the way, and where it is stays unknown."""
    acl(space.alice, "", ace("users/alice", "grant", "all"), ace("users/bob", "grant", "read", "write"))
    space.alice.lock("a/b/file", depth="0")
    acl(space.alice, "a/b", ace("users/bob", "deny", "read"))
    answer = space.bob.lock("a/")
    answer.refused(423, condition="no-conflicting-lock")
    assert answer.condition_hrefs == [space.bob.href("a/")]
    answer = space.alice.lock("a/")
    assert answer.condition_hrefs == [space.alice.href("a/b/file")]


def test_what_came_and_went_after_the_end_of_access_is_not_told(space: Space) -> None:
    """To a follower who comes later, with a token from when it was theirs; grants elsewhere change nothing."""
    space.server.cli("space", "add", f"{space.name}y", "--member", "bob:viewer")
    token = space.bob.text("", "sync-token")
    acl(space.alice, "a/b", ace("users/bob", "deny", "read"))
    space.alice.put("a/b/layoffs", b"1")
    space.alice.delete("a/b/layoffs")
    space.alice.mkcol("a/b/plans")
    space.alice.put("a/b/plans/secret", b"1")
    space.alice.move("a/b/plans", "a/b/other")
    space.alice.delete("a/b/other")
    body = space.bob.report_sync("", token).body
    assert space.bob.href("a/b/").encode() in body
    for name in (b"layoffs", b"plans", b"secret", b"other"):
        assert name not in body
    space.alice.mkcol("a/b/last")
    space.alice.delete("a/b/last")
    token = space.bob.text("", "sync-token")
    space.alice.mkcol("a/b/newest")
    space.alice.delete("a/b/newest")
    space.alice.delete("a/b")
    for old in (space.bob.text("", "sync-token"), token):
        body = space.bob.report_sync("", old).body
        assert space.bob.href("a/b").encode() not in body, body


def test_tokens_from_before_the_beginning_of_access(space: Space) -> None:
    """Nobody had them: what went before somebody came is not told to them."""
    space.alice.mkcol("c")
    before = space.alice.text("c/", "sync-token")
    space.alice.put("c/layoffs", b"1")
    space.alice.delete("c/layoffs")
    space.server.cli("space", "add", f"{space.name}x", "--member", "alice:manager")
    other = space.server.dav("alice", f"/dav/spaces/{space.name}x/")
    early = other.text("", "sync-token")
    other.put("layoffs", b"1")
    other.delete("layoffs")
    space.server.cli("space", "set", f"{space.name}x", "--member", "bob:viewer")
    space.server.dav("bob", other.base).report_sync("", early).refused(403, condition="valid-sync-token")
    acl(space.alice, "c", ace("users/bob", "deny", "read"))
    acl(space.alice, "c")
    space.bob.report_sync("c/", before).refused(403, condition="valid-sync-token")


def test_groups_of_others_are_not_told(space: Space) -> None:
    """Fellows learn of the groups that they are in themselves."""
    server = space.server
    both = f"g{secrets.token_hex(4)}"
    server.cli("group", "add", both)
    for name in ("alice", "bob"):
        server.cli("group", "add-member", both, name)
    asked = "group-membership"
    alice = server.dav("alice", "/dav/principals/users/")
    _, told = alice.prop("bob/", asked)
    assert [each.text for each in told] == [f"/dav/principals/groups/{both}/"]
    _, told = server.dav("bob", alice.base).prop("bob/", asked)
    assert {each.text for each in told} >= {f"/dav/principals/groups/{name}/" for name in (both, space.group)}
    _, told = server.dav("admin", alice.base).prop("bob/", asked)
    assert len(told) >= 2


def test_tokens_for_a_part_find_nobody(space: Space) -> None:
    """Not those of administrators either."""
    server = space.server
    scoped = Dav(space.alice.port, "/dav/principals/", ("admin", token_for(server, "admin", f"space:{space.name}")))
    for path in ("users/bob/", f"groups/{space.group}/"):
        assert scoped.request("PROPFIND", path, headers={"Depth": "0"}).status == 404
    server.cli("group", "add-member", space.group, "alice")
    scoped = Dav(space.alice.port, "/dav/principals/", ("alice", token_for(server, "alice", f"space:{space.name}")))
    assert set(scoped.propfind("groups/", "displayname", depth="1")) == {"/dav/principals/groups/"}
    _, told = scoped.prop("users/alice/", "group-membership")
    assert len(told) == 0


def test_pages_of_ways_tell_names_only(space: Space) -> None:
    """Sizes and times of folders that may only be walked through would tell what is in them."""
    acl(space.alice, "a/b", ace("users/bob", "grant", "read"))
    acl(space.alice, "", ace("users/alice", "grant", "all"))
    space.alice.put("a/big", b"x" * 7_654_321)
    page = space.bob.get("", {"Accept": "text/html"}).body
    assert b"a/" in page and b"7.7 MB" not in page
    assert b"8 bytes" in space.bob.get("a/", {"Accept": "text/html"}).body
    whole = space.server.dav("bob", "/dav/spaces/").get("", {"Accept": "text/html"}).body
    assert space.name.encode() in whole and b"7.7 MB" not in whole


def test_own_things_found_through_a_token_for_a_part(server: Server, box: Dav) -> None:
    """What the token does not reach is not in the answer, and does not spoil it."""
    box.mkcol("way")
    box.mkcol("way/goal")
    box.put("way/goal/file", b"1")
    box.put("way/secret", b"1")
    path = (box.base + "way/goal").removeprefix("/dav/")
    scoped = Dav(box.port, box.base, ("alice", token_for(server, "alice", f"path:{path}")))
    body = (
        "<d:principal-match><d:principal-property><d:owner/></d:principal-property>"
        "<d:prop><d:getetag/></d:prop></d:principal-match>"
    )
    assert set(report(scoped, "way/", body).multistatus) == {scoped.href("way/goal/"), scoped.href("way/goal/file")}


# -- rights --------------------------------------------------------------------------------------


def test_lifting_a_denial_gives(space: Space) -> None:
    """Whoever was denied something does not give it back to themselves."""
    acl(
        space.alice, "a",
        ace("users/bob", "deny", "write-content"), ace("users/bob", "grant", "read", "read-acl", "write-acl"),
    )  # fmt: skip
    acl(space.bob, "a", ace("users/bob", "grant", "read", "read-acl", "write-acl")).refused(403)
    less = [ace("users/bob", "deny", "bind"), ace("users/bob", "grant", "read", "read-acl", "write-acl")]
    acl(space.bob, "a", *less).refused(403)
    assert acl(space.alice, "a").status == 200


def test_what_is_kept_from_somebody_as_a_whole(space: Space) -> None:
    """A folder whose content may not be taken away is not taken away with its content."""
    acl(space.alice, "", ace("users/alice", "grant", "all"), ace("users/bob", "grant", "read", "write"))
    acl(space.alice, "a", ace("users/bob", "deny", "write"))
    assert space.bob.delete("a/").refused(403, condition="need-privileges")
    assert space.bob.move("a/", "mine").status == 403
    assert space.bob.delete("top").status == 204


def test_changed_grants_keep_their_end(space: Space) -> None:
    """Other privileges over WebDAV, where no end can be said, make nothing last longer."""
    space.server.cli("acl", "grant", f"spaces/{space.name}/a", "bob", "read", "--expires", "2040-01-01T00:00:00Z")
    assert acl(space.alice, "a", ace("users/bob", "grant", "read", "bind")).status == 200
    shown = space.server.cli("explain", "bob", f"spaces/{space.name}/a", "--json").stdout
    assert next(each["expires"] for each in json.loads(shown)["considered"]) == "2040-01-01T00:00:00Z"


def test_tokens_set_no_passwords(space: Space) -> None:
    """Neither those that end soon nor app tokens make something of their own that lasts."""
    server = space.server
    granted = Api.of(server, "alice").raw("POST", "/login/token").json["access_token"]
    ocs = Ocs(server, "alice")
    ocs.authorization = f"Bearer {granted}"
    assert ocs.put("users/alice", {"key": "password", "value": "another-pass-1"}).code == 403
    secret = token_for(server, "admin")
    Api.bearer(server, secret).post("/users/admin/password-reset").refused(403)


@pytest.mark.parametrize("body", ["many", "long"])
def test_searches_are_bounded(server: Server, body: str) -> None:
    """Very many conditions and very long texts are the client's fault."""
    one = "<d:property-search><d:prop><d:displayname/></d:prop><d:match>{}</d:match></d:property-search>"
    inside = one.format("x") * 3000 if body == "many" else one.format("x" * 60_000)
    whole = f"<d:principal-property-search>{inside}<d:prop><d:displayname/></d:prop></d:principal-property-search>"
    assert 400 <= report(server.dav("alice", "/dav/principals/"), "users/", whole).status < 500


@pytest.mark.parametrize("number", ["7fffffffffffffff", "8000000000000000", "f" * 40, "-1", "0x_1", " 1"])
def test_impossible_ids_of_spaces(server: Server, number: str) -> None:
    alice = server.dav("alice", "/dav/spaces/")
    assert alice.request("PROPFIND", f"x%24{number.replace(' ', '%20')}/", headers={"Depth": "0"}).status == 404


@pytest.mark.slow
def test_a_space_whose_storage_is_away_stays_unknown(own_server) -> None:
    """Those who may see nothing in it are told the same as of one that does not exist."""
    server = own_server(workers=1)
    server.cli("space", "add", "away", "--member", "alice:editor")
    (server.data / "spaces/away").rename(server.data / "spaces/elsewhere")
    bob, alice = server.dav("bob", "/dav/spaces/"), server.dav("alice", "/dav/spaces/")
    for method in ("PROPFIND", "PUT", "DELETE", "GET", "MKCOL"):
        for path in ("away/", "away/x"):
            found = [bob.request(method, path.replace("away", name), headers={"Depth": "0"}) for name in ("away", "no")]
            assert [answer.status for answer in found] == [404, 404]
    assert alice.request("PROPFIND", "away/", headers={"Depth": "0"}).status == 503


def test_grants_are_not_carried_into_a_space(space: Space) -> None:
    """Who may not say who may do what there does not bring it along with a folder; a copy says nothing."""
    acl(space.alice, "", ace("users/alice", "grant", "all"), ace("users/bob", "grant", "read", "write"))
    box = space.server.dav("bob").fresh_box()
    box.mkcol("plain")
    for path in ("trojan", "trojan/inner"):
        box.mkcol(path)
    assert acl(box, "trojan/inner", ace("users/bob", "grant", "all")).status == 200
    answer = box.move("trojan/", space.bob.path("trojan"))
    answer.refused(403, condition="need-privileges")
    assert box.move("plain/", space.bob.path("plain")).status == 201
    assert box.copy("trojan/", space.bob.path("copy")).status == 201
    acl(space.alice, "", ace("users/alice", "grant", "all"))
    assert space.bob.request("PROPFIND", "copy/inner/", headers={"Depth": "0"}).status == 404
    own = space.server.dav("alice").fresh_box()
    own.mkcol("mine")
    assert acl(own, "mine", ace("users/bob", "grant", "read")).status == 200
    assert own.move("mine/", space.alice.path("mine")).status == 201
    assert space.bob.exists("mine/")


@pytest.mark.parametrize("how", ["grant", "token"])
def test_what_goes_beside_the_way_is_not_told(space: Space, how: str) -> None:
    """Whoever may only walk through a folder learns of nothing that is removed from it but the way itself."""
    server = space.server
    box = server.dav("alice").fresh_box()
    for path in ("way", "way/goal", "way/other", "way/goal/inner", "stays"):
        box.mkcol(path)
    if how == "grant":
        acl(box, "stays", ace("users/bob", "grant", "read"))
        acl(box, "way/goal", ace("users/bob", "grant", "read"))
        follower = server.dav("bob", "/dav/users/")
    else:
        scope = (box.base + "way/goal").removeprefix("/dav/")
        follower = Dav(box.port, "/dav/", ("alice", token_for(server, "alice", f"path:{scope}")))
    token = follower.report_sync("", "").multistatus.sync_token
    box.put("way/secret", b"1")
    box.delete("way/secret")
    box.delete("way/other")
    box.mkcol("beside")
    box.delete("beside")
    box.delete("way/goal/inner")
    answer = follower.report_sync("", token)
    assert b"way/goal/inner" in answer.body
    for name in (b"secret", b"other", b"beside"):
        assert name not in answer.body
    if how == "grant":
        box.delete("way/")
        answer = follower.report_sync("", answer.multistatus.sync_token)
        assert b"way/</d:href><d:status>HTTP/1.1 404" in answer.body


def test_the_last_denial_lifted_is_followed(own_server) -> None:
    """Also by somebody about whom nothing is said any more but in the root of the only space."""
    space = Space(own_server(workers=1))
    acl(space.alice, "a/b", ace("users/bob", "deny", "read"))
    token = space.bob.text("", "sync-token")
    acl(space.alice, "a/b")
    assert {space.bob.href("a/b/"), space.bob.href("a/b/file")} <= set(space.bob.report_sync("", token).multistatus)


@pytest.mark.parametrize("scope", ["path:home/\\u0000", "path:home/\\ud800", "space:\\ud800"])
def test_scopes_that_are_no_text(server: Server, scope: str) -> None:
    body = f'{{"scope": "{scope}"}}'.encode()
    answer = Api.of(server, "alice").raw("POST", "/login/token", body, {"Content-Type": "application/json"})
    assert answer.status == 400


# -- uploads that are not complete yet -----------------------------------------------------------


def test_a_token_that_only_reads_ends_no_upload(module_server: Server) -> None:
    """Neither one in chunks, nor one of its chunks, nor one with tus."""
    alice = module_server.dav("alice")
    reader = Dav(module_server.port, alice.base, ("alice", token_for(module_server, "alice", "read")))
    base, tus = f"/remote.php/dav/uploads/alice/{secrets.token_hex(6)}/", {"Tus-Resumable": "1.0.0"}
    assert alice.mkcol(base).status == 201
    assert alice.put(f"{base}1", b"1").status == 201
    opened = alice.request("POST", "", headers={**tus, "Upload-Length": "3", "Upload-Metadata": "filename YQ=="})
    assert opened.status == 201
    resumed = opened["Location"].partition(str(module_server.port))[2]
    reader.delete(f"{base}1").refused(403, condition="need-privileges")
    reader.delete(base).refused(403, condition="need-privileges")
    reader.request("DELETE", resumed, headers=tus).refused(403, condition="need-privileges")
    assert f"{base}1" in alice.propfind(base, "getcontentlength", depth="1")
    assert alice.request("HEAD", resumed, headers=tus).status == 200
    assert alice.delete(base).status == alice.request("DELETE", resumed, headers=tus).status == 204
