"""RFC 3744: access control."""

from __future__ import annotations

import secrets
import time

import pytest

from support.client import Answer, Dav
from support.follower import Follower, differences, walk
from support.multistatus import Response
from support.polling import eventually
from support.server import Server

D = "{DAV:}"


def ace(who: str, kind: str, *privileges: str, more: str = "") -> str:
    """One entry for a user or group (``users/bob``)."""
    told = "".join(f"<d:privilege><d:{name}/></d:privilege>" for name in privileges)
    principal = f"<d:href>/dav/principals/{who}/</d:href>" if "/" in who else f"<d:{who}/>"
    return f"<d:ace><d:principal>{principal}</d:principal><d:{kind}>{told}</d:{kind}>{more}</d:ace>"


def acl(dav: Dav, path: str, *aces: str) -> Answer:
    """The ACL method."""
    return dav.request("ACL", path, f'<d:acl xmlns:d="DAV:">{"".join(aces)}</d:acl>')


def report(dav: Dav, path: str, body: str, depth: str = "0") -> Answer:
    """A REPORT whose body needs only the prefix d."""
    return dav.request(
        "REPORT", path, body.replace(">", ' xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">', 1), {"Depth": depth}
    )


def privileges(dav: Dav, path: str) -> set[str]:
    """What the asker may do."""
    _, element = dav.prop(path, "current-user-privilege-set")
    return {each.tag.removeprefix(D) for each in element.findall(f"{D}privilege/*")}


class Space:
    """A space that alice manages and bob may read, with ``a/b/file``, ``a/file`` and ``top``; bob is in a group."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = f"s{secrets.token_hex(4)}"
        self.group = f"g{secrets.token_hex(4)}"
        server.cli("space", "add", self.name)
        server.cli("space", "set", self.name, "--member", "alice:manager", "--member", "bob:viewer")
        server.cli("group", "add", self.group)
        server.cli("group", "add-member", self.group, "bob")
        self.alice = server.dav("alice", f"/dav/spaces/{self.name}/")
        self.bob = server.dav("bob", f"/dav/spaces/{self.name}/")
        self.alice.mkcol("a")
        self.alice.mkcol("a/b")
        for path in ("a/b/file", "a/file", "top"):
            self.alice.put(path, path.encode())


@pytest.fixture
def space(module_server: Server) -> Space:
    """A space of its own."""
    return Space(module_server)


# -- the rule --------------------------------------------------------------------------------


def test_a_denial_hides(space: Space) -> None:
    """What is denied is not there: not listed, not read, not told apart from what does not exist."""
    assert acl(space.alice, "a/b", ace("users/bob", "deny", "read")).status == 200
    assert space.bob.names("a/") == {"file"}
    for path in ("a/b/", "a/b/file", "a/b/missing"):
        assert (space.bob.get(path).status, space.bob.request("PROPFIND", path).status) == (404, 404), path
    for method in ("PUT", "MKCOL", "LOCK", "DELETE", "PROPPATCH"):
        for hidden, missing in (("a/b", "a/x"), ("a/b/file", "a/x/file")):
            answers = [space.bob.request(method, path) for path in (hidden, missing)]
            assert answers[0].status == answers[1].status, (method, hidden, answers)
    assert space.alice.names("a/") == {"b", "file"}, "nobody else is concerned"


def test_the_nearest_decides(space: Space) -> None:
    """A grant further down overrides a denial above it, and the other way round."""
    acl(space.alice, "a", ace("users/bob", "deny", "read"))
    acl(space.alice, "a/b", ace("users/bob", "grant", "read"))
    assert space.bob.get("a/b/file").body == b"a/b/file"
    assert space.bob.get("a/file").status == 404
    assert space.bob.names() == {"a", "top"}, "the folder on the way can be walked through"
    assert space.bob.names("a/") == {"b"}
    acl(space.alice, "a/b/file", ace("users/bob", "deny", "read"))
    assert space.bob.names("a/b/") == set()


def test_denials_go_first_and_groups_count_together(space: Space) -> None:
    acl(space.alice, "a", ace(f"groups/{space.group}", "deny", "read"), ace("users/bob", "grant", "read", "bind"))
    assert space.bob.get("a/file").status == 404
    acl(space.alice, "a", ace(f"groups/{space.group}", "deny", "bind"), ace("users/bob", "grant", "read", "bind"))
    assert space.bob.get("a/file").status == 200
    assert space.bob.put("a/new", b"1").status == 403


def test_nested_groups_count(space: Space) -> None:
    outer = f"o{secrets.token_hex(4)}"
    space.server.cli("group", "add", outer)
    space.server.cli("group", "add-member", "--group", outer, space.group)
    acl(space.alice, "a", ace(f"groups/{outer}", "grant", "write"))
    assert space.bob.put("a/new", b"1").status == 201
    space.server.cli("group", "remove-member", "--group", outer, space.group)
    assert space.bob.put("a/new2", b"1").status == 403


def test_each_permission_for_itself(space: Space) -> None:
    """A node that says something about writing says nothing about reading."""
    acl(space.alice, "a", ace("users/bob", "grant", "write-content"))
    assert space.bob.put("a/file", b"other").status == 204
    assert space.bob.put("a/new", b"1").status == 403
    assert space.bob.delete("a/file").status == 403
    assert space.bob.put("top", b"1").status == 403
    assert {"read", "write-content"} <= privileges(space.bob, "a/file")
    assert "write-content" not in privileges(space.bob, "top")


def test_privileges_of_members_are_their_own(space: Space) -> None:
    acl(space.alice, "a/b", ace("users/bob", "grant", "write"))
    listing = space.bob.propfind("a/", "current-user-privilege-set", depth="1")

    def told(path: str) -> set[str]:
        _, element = listing[space.bob.href(path)].props[f"{D}current-user-privilege-set"]
        return {each.tag.removeprefix(D) for each in element.findall(f"{D}privilege/*")}

    assert "bind" in told("a/b/")
    assert "bind" not in told("a/")
    assert "bind" not in told("a/file")


def test_infinite_listings_and_copies_leave_out_what_is_denied(space: Space) -> None:
    space.server.cli("settings", "set", "dav.depth_infinity", "on")
    acl(space.alice, "a/b", ace("users/bob", "deny", "read"))
    acl(space.alice, "", ace("users/alice", "grant", "all"), ace("users/bob", "grant", "read", "bind"))
    found = space.bob.propfind("", "getetag", depth="infinity")
    assert {href for href, _ in found.items()} == {space.bob.href(path) for path in ("", "a/", "a/file", "top")}
    assert space.bob.copy("a/", "copy").status == 201
    assert set(walk(space.alice, "copy/")) == {space.alice.href("copy/file")}
    assert space.alice.text("copy/", "{http://owncloud.org/ns}size") == str(len("a/file"))


def test_what_is_kept_from_somebody_is_not_taken_away_by_them(space: Space) -> None:
    """Deleting, moving or replacing a folder needs every right on what it holds."""
    acl(space.alice, "", ace("users/alice", "grant", "all"), ace("users/bob", "grant", "read", "write"))
    acl(space.alice, "a/b", ace("users/bob", "deny", "read"))
    assert space.bob.delete("a/").refused(403, condition="need-privileges")
    assert space.bob.move("a/", "elsewhere").status == 403
    space.bob.mkcol("other")
    assert space.bob.move("other/", "a", "T").status == 403
    assert space.alice.get("a/b/file").body == b"a/b/file"
    acl(space.alice, "a/b")
    assert space.bob.delete("a/").status == 204


# -- who may change it ---------------------------------------------------------------------------


def test_only_those_who_may(space: Space) -> None:
    acl(space.bob, "a", ace("users/bob", "grant", "all")).refused(403, condition="need-privileges")
    stranger = space.server.dav("bob", space.alice.base)
    acl(space.alice, "a", ace("users/bob", "deny", "read"))
    assert acl(stranger, "a", ace("users/bob", "grant", "all")).status == 404
    assert acl(stranger, "missing", ace("users/bob", "grant", "all")).status == 404


def test_nobody_gives_more_than_they_have(space: Space) -> None:
    acl(space.alice, "a", ace("users/bob", "grant", "read", "write-acl", "read-acl"))
    acl(space.bob, "a/b", ace("users/bob", "grant", "write")).refused(403, condition="need-privileges")
    assert acl(space.bob, "a/b", ace(f"groups/{space.group}", "grant", "read")).status == 200
    assert space.bob.put("a/b/file", b"1").status == 403


def test_a_lock_protects_the_list(space: Space) -> None:
    token = space.alice.locked("a/file")
    acl(space.alice, "a/file", ace("users/bob", "deny", "read")).refused(423)
    answer = space.alice.request(
        "ACL", "a/file", f'<d:acl xmlns:d="DAV:">{ace("users/bob", "deny", "read")}</d:acl>', {"If": f"(<{token}>)"}
    )
    assert answer.status == 200


@pytest.mark.rfc("3744", "8.1", "the ACL method replaces the list as a whole or not at all, and names what is wrong")
@pytest.mark.parametrize(
    ("body", "status", "condition"),
    [
        (ace("users/nobody-here", "grant", "read"), 403, "recognized-principal"),
        (ace("all", "grant", "read"), 403, "allowed-principal"),
        (ace("authenticated", "grant", "read"), 403, "allowed-principal"),
        (ace("users/bob", "grant", "fly"), 403, "not-supported-privilege"),
        (ace("users/bob", "grant", "read-current-user-privilege-set"), 403, "no-abstract"),
        (ace("users/bob", "grant", "read") + ace("users/bob", "deny", "write"), 403, "deny-before-grant"),
        (ace("users/bob", "deny", "read") + ace("users/bob", "grant", "read"), 403, "no-ace-conflict"),
        ("<d:ace><d:invert><d:principal><d:all/></d:principal></d:invert></d:ace>", 403, "no-invert"),
        (ace("users/bob", "grant"), 400, ""),
        ("<d:ace><d:principal><d:href>/dav/principals/users/bob/</d:href></d:principal></d:ace>", 400, ""),
        ("<d:other/>", 400, ""),
    ],
)
def test_bad_lists(space: Space, body: str, status: int, condition: str) -> None:
    acl(space.alice, "a", ace("users/bob", "grant", "write"))
    acl(space.alice, "a", ace(f"groups/{space.group}", "deny", "unbind"), body).refused(status, condition=condition)
    assert "write-content" in privileges(space.bob, "a"), "nothing was changed"
    assert "unbind" in privileges(space.bob, "a")


def test_owners_cannot_be_denied(module_server: Server) -> None:
    home = module_server.dav("alice").fresh_box()
    acl(home, "", ace("users/alice", "deny", "read")).refused(403, condition="no-protected-ace-conflict")


def test_a_list_that_was_read_can_be_sent_back(space: Space) -> None:
    """With its inherited entries, which are left out."""
    acl(space.alice, "a", ace("users/bob", "deny", "unbind"), ace("users/bob", "grant", "write"))
    _, element = space.alice.prop("a/", "acl")
    import lxml.etree as etree

    body = etree.tostring(element).decode()
    assert space.alice.request("ACL", "a/", body).status == 200
    _, again = space.alice.prop("a/", "acl")
    assert etree.tostring(again) == etree.tostring(element)


# -- properties ------------------------------------------------------------------------------


def entries(element) -> list[tuple[str, str, set[str], str]]:
    """(principal, kind, privileges, where it comes from) of every entry."""
    found = []
    for each in element.findall(f"{D}ace"):
        kind = "deny" if each.find(f"{D}deny") is not None else "grant"
        inherited = each.find(f"{D}inherited/{D}href")
        source = "protected" if each.find(f"{D}protected") is not None else "" if inherited is None else inherited.text
        names = {p[0].tag.removeprefix(D) for p in each.findall(f"{D}{kind}/{D}privilege")}
        found.append((each.find(f"{D}principal/{D}href").text, kind, names, source))
    return found


@pytest.mark.rfc("3744", "5.5", "DAV:acl tells the entries in the order in which they decide, inherited ones marked")
def test_acl_property(space: Space) -> None:
    acl(space.alice, "a", ace(f"groups/{space.group}", "deny", "unbind"), ace("users/bob", "grant", "write"))
    _, element = space.alice.prop("a/b/", "acl")
    group, bob, root = f"/dav/principals/groups/{space.group}/", "/dav/principals/users/bob/", space.alice.href("")
    assert entries(element) == [
        (group, "deny", {"unbind"}, space.alice.href("a/")),
        (bob, "grant", {"write"}, space.alice.href("a/")),
        ("/dav/principals/users/alice/", "grant", {"all"}, root),
        (bob, "grant", {"read"}, root),
    ]
    assert space.bob.prop("a/", "acl")[0] == 403
    listing = space.alice.propfind("", "acl", depth="1")
    assert entries(listing[space.alice.href("a/")].props[f"{D}acl"][1])[0] == (group, "deny", {"unbind"}, "")
    _, above = space.alice.prop("a/b/", "inherited-acl-set")
    assert [each.text for each in above.findall(f"{D}href")] == [space.alice.href("a/"), root]


@pytest.mark.rfc("3744", "5.3", "supported-privilege-set is a tree with descriptions")
def test_supported_privileges(box: Dav) -> None:
    _, element = box.prop("", "supported-privilege-set")
    names = [each[0].tag.removeprefix(D) for each in element.iter(f"{D}privilege")]
    assert names[0] == "all"
    assert set(names) >= {"read", "write", "bind", "unbind", "write-content", "write-properties", "unlock", "read-acl"}
    assert all(each.text for each in element.iter(f"{D}description"))


@pytest.mark.rfc("3744", "5.6", "acl-restrictions tells what lists cannot hold")
def test_restrictions(box: Dav) -> None:
    _, element = box.prop("", "acl-restrictions")
    assert {each.tag.removeprefix(D) for each in element} == {"no-invert", "deny-before-grant"}


@pytest.mark.rfc("3744", "7.1.1", "a refusal names the resource and the privileges that are missing")
def test_need_privileges(space: Space) -> None:
    answer = space.bob.put("a/new", b"1").refused(403, condition="need-privileges")
    (resource,) = answer.xml.iter(f"{D}resource")
    assert resource.find(f"{D}href").text == space.bob.href("a/")
    assert [each[0].tag for each in resource.findall(f"{D}privilege")] == [f"{D}bind"]


@pytest.mark.rfc("3744", "7.2", "OPTIONS announces access-control and the ACL method")
def test_announced(box: Dav) -> None:
    answer = box.request("OPTIONS")
    assert "access-control" in [word.strip() for word in answer["DAV"].split(",")]
    assert "ACL" in [word.strip() for word in answer["Allow"].split(",")]


# -- reports -----------------------------------------------------------------------------------


@pytest.mark.rfc("3744", "9.2", "acl-principal-prop-set gives properties of everybody in the list")
def test_acl_principal_prop_set(space: Space) -> None:
    body = "<d:acl-principal-prop-set><d:prop><d:displayname/></d:prop></d:acl-principal-prop-set>"
    acl(space.alice, "a", ace(f"groups/{space.group}", "deny", "unbind"))
    found = report(space.alice, "a/file", body).multistatus
    assert {href for href, _ in found.items()} == {
        f"/dav/principals/groups/{space.group}/", "/dav/principals/users/alice/", "/dav/principals/users/bob/",
    }  # fmt: skip
    report(space.bob, "a/", body).refused(403, condition="need-privileges")


@pytest.mark.rfc("3744", "9.3", "principal-match finds the asker and the asker's groups")
def test_principal_match(space: Space) -> None:
    body = "<d:principal-match><d:self/><d:prop><d:displayname/></d:prop></d:principal-match>"
    people = report(space.bob, "/dav/principals/users/", body).multistatus
    assert [href for href, _ in people.items()] == ["/dav/principals/users/bob/"]
    groups = report(space.bob, "/dav/principals/groups/", body).multistatus
    assert f"/dav/principals/groups/{space.group}/" in {href for href, _ in groups.items()}
    report(space.bob, "/dav/principals/users/", body, "1").refused(400)


def test_principal_match_by_owner(module_server: Server) -> None:
    home = module_server.dav("alice").fresh_box()
    home.put("file", b"1")
    body = "<d:principal-match><d:principal-property><d:owner/></d:principal-property></d:principal-match>"
    found = report(home, "", body).multistatus
    assert {href for href, _ in found.items()} == {home.href("file")}


def search(dav: Dav, match: str, test: str = "", prop: str = "d:displayname") -> dict[str, Response]:
    """A principal-property-search everywhere."""
    body = (
        f"<d:principal-property-search><d:property-search><d:prop><{prop}/></d:prop><d:match>{match}</d:match>"
        "</d:property-search><d:apply-to-principal-collection-set/><d:prop><d:displayname/></d:prop>"
        "</d:principal-property-search>"
    )
    return dict(report(dav, "/dav/principals/", body).multistatus.items())


@pytest.mark.rfc("3744", "9.4", "principal-property-search finds people and groups by parts of their names")
def test_principal_property_search(space: Space) -> None:
    group = f"/dav/principals/groups/{space.group}/"
    assert group in search(space.bob, space.group[:5].upper())
    assert search(space.bob, "%") == {}
    assert "/dav/principals/users/alice/" in search(space.bob, "alice"), "the whole name is enough"
    assert "/dav/principals/users/alice/" not in search(space.bob, "alic"), "and a part is not, among strangers"
    space.server.cli("group", "add-member", space.group, "alice")
    assert "/dav/principals/users/alice/" in search(space.bob, "alic"), "but in one's own groups"
    assert search(space.bob, "alice", prop="d:getetag") == {}


@pytest.mark.rfc("3744", "9.5", "principal-search-property-set tells what can be searched")
def test_principal_search_property_set(box: Dav) -> None:
    answer = report(box, "/dav/principals/", "<d:principal-search-property-set></d:principal-search-property-set>")
    assert answer.status == 200
    assert answer.xml.find(f"{D}principal-search-property/{D}prop/{D}displayname") is not None


# -- followers, time, explanation ----------------------------------------------------------------


def test_losing_and_gaining_access_is_followed(space: Space) -> None:
    """As removal and creation, and nothing else is told."""
    follower = Follower(space.bob)
    follower.catch_up()
    acl(space.alice, "a/b", ace("users/bob", "deny", "read"))
    gone = space.bob.report_sync("", follower.token).multistatus
    assert gone[space.bob.href("a/b/")].status == 404
    assert space.bob.href("top") not in gone
    assert differences(follower.catch_up(), walk(space.bob)) == []
    space.alice.put("a/b/hidden", b"1")
    assert not [href for href, _ in space.bob.report_sync("", follower.token).multistatus.items() if "hidden" in href]
    acl(space.alice, "a/b")
    assert differences(follower.catch_up(), walk(space.bob)) == []
    assert space.bob.href("a/b/hidden") in follower.state
    space.server.cli("group", "add-member", space.group, "alice")
    acl(space.alice, "a/b", ace(f"groups/{space.group}", "deny", "read"))
    assert differences(follower.catch_up(), walk(space.bob)) == []
    assert space.bob.href("a/b/") not in follower.state
    space.server.cli("group", "remove-member", space.group, "bob")
    assert differences(follower.catch_up(), walk(space.bob)) == []
    assert space.bob.href("a/b/hidden") in follower.state


def test_a_grant_in_somebody_s_home_is_followed(module_server: Server) -> None:
    """It shows below /dav/users/, and goes when it ends."""
    box = module_server.dav("alice").fresh_box()
    box.mkcol("shared")
    box.put("shared/file", b"1")
    box.put("private", b"1")
    bob = module_server.dav("bob", "/dav/users/")
    path = box.base.removeprefix("/dav/home/")
    follower = Follower(bob)
    follower.catch_up()
    acl(box, "shared", ace("users/bob", "grant", "read"))
    assert bob.get(f"alice/{path}shared/file").body == b"1"
    assert bob.get(f"alice/{path}private").status == 404
    seen = follower.catch_up()
    assert bob.href(f"alice/{path}shared/file") in seen
    assert not [href for href in seen if "private" in href]
    assert differences(seen, walk(bob)) == []
    acl(box, "shared")
    assert bob.get(f"alice/{path}shared/file").status == 404
    assert differences(follower.catch_up(), walk(bob)) == []


def test_grants_end_on_time(space: Space) -> None:
    """From that second on, and the follower hears of it."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    path = f"spaces/{space.name}/a/b"
    space.server.cli("acl", "deny", path, "bob", "read", "--expires", end)
    follower = Follower(space.bob)
    assert space.bob.href("a/b/") not in follower.catch_up()
    eventually(lambda: space.bob.exists("a/b/file"))
    eventually(lambda: space.bob.href("a/b/file") in follower.catch_up())
    assert differences(follower.catch_up(), walk(space.bob)) == []


def test_explained(space: Space) -> None:
    """The explanation names what decided."""
    import json

    acl(space.alice, "a", ace(f"groups/{space.group}", "deny", "read"))
    space.server.cli("acl", "grant", f"spaces/{space.name}/a/b", "user:bob", "viewer,bind")

    def explain(who: str, path: str, *options: str) -> dict:
        return json.loads(space.server.cli("explain", who, f"spaces/{space.name}/{path}", "--json", *options).stdout)

    found = explain("bob", "a/file")
    assert (found["rights"], found["visible"]) == ([], False)
    first, second = found["considered"]
    assert (first["kind"], first["principal"], first["decides"]) == ("deny", f"group:{space.group}", ["read"])
    assert (second["principal"], second["decides"], second["inherited"]) == ("user:bob", [], True)
    found = explain("bob", "a/b/file")
    assert found["rights"] == ["read", "bind"]
    assert explain("alice", "a")["role"] == "manager"
    assert explain(space.group, "a", "--as", "group")["rights"] == []
    admin = explain("admin", "a")
    assert "administrators" in (admin["rule"] or "")
