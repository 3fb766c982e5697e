"""Drives: homes and spaces as ownCloud's newest programs see them, by libregraph and at addresses by id."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.client import Answer, Dav
from support.server import ADMIN, Server

pytestmark = pytest.mark.slow

PROPS = (
    '<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/><d:resourcetype/>'
    "<oc:id/><oc:fileid/><oc:permissions/><oc:size/></d:prop></d:propfind>"
)
REPORT = (
    '<d:sync-collection xmlns:d="DAV:"><d:sync-token>{}</d:sync-token><d:sync-level>infinite</d:sync-level>'
    "<d:prop><d:getetag/></d:prop></d:sync-collection>"
)
LOCK = (
    '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
    "<d:locktype><d:write/></d:locktype></d:lockinfo>"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Alice edits a space with bob in it, carol is in none, and bob has granted alice a folder."""
    users = {"alice": "alice-pass-1", "bob": "bob-pass-22", "carol": "carol-pass-3"}
    server = Server.start(tmp_path_factory.mktemp("drives"), users=users)
    server.cli("space", "add", "lab", "--quota", "1000000", "--member", "alice:editor", "--member", "bob:viewer")
    server.cli("space", "add", "vault", "--member", "carol:editor")
    server.cli("user", "set", "carol", "--quota", "4000", "--email", "carol@example.org")
    server.cli("group", "add", "physics")
    server.cli("group", "add-member", "physics", "alice")
    server.cli("group", "add-member", "physics", "bob")
    server.dav("bob").request("MKCOL", "shown")
    server.dav("bob").put("shown/a.txt", b"a")
    server.dav("bob").put("hidden.txt", b"hidden")
    server.cli("acl", "grant", "/dav/users/bob/shown", "alice", "read")
    server.dav("alice").put("/dav/spaces/lab/data.bin", b"x" * 1000)
    yield server
    server.discard()


def graph(server: Server, user: str | None, path: str) -> Any:
    """What a call answers."""
    found = server.dav(user).request("GET", f"/graph/v1.0/{path}")
    assert found.status == 200 and found["Content-Type"].startswith("application/json"), repr(found)
    return json.loads(found.body)


def refused(found: Answer, status: int) -> None:
    """It is no, in the words of the API."""
    assert found.status == status, repr(found)
    assert set(json.loads(found.body)["error"]) == {"code", "message"}


def drives(server: Server, user: str) -> dict[str, dict[str, Any]]:
    """Somebody's drives by name."""
    return {each["name"]: each for each in graph(server, user, "me/drives")["value"]}


def folder(server: Server, user: str, name: str) -> str:
    """The path of one of somebody's drives."""
    return drives(server, user)[name]["root"]["webDavUrl"].removeprefix(server.url)


def test_mine(site: Server) -> None:
    """One's home, the spaces that one is in, and what others have granted: nothing else, and always the same ids."""
    mine = drives(site, "alice")
    assert {name: each["driveType"] for name, each in mine.items()} == {
        "alice": "personal",
        "lab": "project",
        "bob": "project",
    }
    assert next(iter(mine)) == "alice"
    for each in mine.values():
        assert each["root"]["id"] == each["id"] and each["root"]["webDavUrl"] == f"{site.url}/dav/spaces/{each['id']}"
        assert {"driveAlias", "webUrl", "special", "eTag"} <= set(each)
    assert mine["alice"]["owner"]["user"]["id"] == graph(site, "alice", "me")["id"]
    assert mine["lab"]["id"] == drives(site, "bob")["lab"]["id"]
    assert {name: each["driveType"] for name, each in drives(site, "carol").items()} == {
        "carol": "personal",
        "vault": "project",
    }
    assert graph(site, "alice", "me/drive")["name"] == "alice"
    assert [each["id"] for each in graph(site, "alice", "drives")["value"]] == [each["id"] for each in mine.values()]
    kinds = "me/drives?$filter=driveType%20eq%20'project'"
    assert {each["name"] for each in graph(site, "alice", kinds)["value"]} == {"lab", "bob"}
    refused(site.dav("alice").request("GET", "/graph/v1.0/me/drives?$filter=name%20eq%20'x'"), 400)


def test_quota(site: Server) -> None:
    """What is in a drive, and what there is room for: as it is, and as WebDAV tells it."""
    carol = drives(site, "carol")["carol"]
    assert carol["quota"] == {"total": 4000, "used": 0, "remaining": 4000, "state": "normal"}
    for size, state in ((3200, "nearing"), (3700, "critical"), (4000, "exceeded")):
        assert site.dav("carol").put("f", b"x" * size).status in (201, 204)
        told = drives(site, "carol")["carol"]["quota"]
        assert told == {"total": 4000, "used": size, "remaining": 4000 - size, "state": state}
    assert site.dav("carol").request("DELETE", "f").status == 204
    lab = drives(site, "alice")["lab"]["quota"]
    assert (lab["total"], lab["used"], lab["remaining"]) == (1000000, 1000, 999000)
    alice = drives(site, "alice")["alice"]["quota"]
    assert alice["total"] == alice["used"] + alice["remaining"]


def test_nothing_is_told_of_what_only_leads_somewhere(site: Server) -> None:
    """Of bob's home alice knows the folder that she was granted: not how full it is."""
    bob = drives(site, "alice")["bob"]
    assert "quota" not in bob and "lastModifiedDateTime" not in bob
    home = site.dav("alice", folder(site, "alice", "bob") + "/")
    assert home.names() == {"shown"} and home.get("shown/a.txt").body == b"a"
    assert home.get("hidden.txt").status == home.get("missing.txt").status == 404
    assert home.put("new.txt", b"").status == 404 and home.put("shown/new.txt", b"").status == 403


def test_strangers(site: Server) -> None:
    """What is not theirs is not there: the same answer as for ids that nobody has, whatever they try."""
    carol = site.dav("carol", "/")
    for name in ("alice", "lab", "bob"):
        number = drives(site, "alice")[name]["id"]
        refused(carol.request("GET", f"/graph/v1.0/drives/{number}"), 404)
        refused(carol.request("GET", "/graph/v1.0/drives/davshare$ffff"), 404)
        for prefix in ("/dav/spaces/", "/remote.php/dav/spaces/"):
            for method, rest, body, headers in (
                ("GET", "/data.bin", None, {}),
                ("GET", "/", None, {}),
                ("PROPFIND", "/", PROPS, {"Depth": "1"}),
                ("PROPFIND", "", PROPS, {"Depth": "0"}),
                ("PUT", "/new", b"x", {}),
                ("MKCOL", "/new", None, {}),
                ("DELETE", "/data.bin", None, {}),
                ("LOCK", "/data.bin", LOCK, {}),
                ("REPORT", "/", REPORT.format(""), {}),
                ("COPY", "/data.bin", None, {"Destination": "/dav/home/got"}),
            ):
                theirs = carol.request(method, f"{prefix}{number}{rest}", body, headers)
                nobodys = carol.request(method, f"{prefix}davshare$ffff{rest}", body, headers)
                assert theirs.status == nobodys.status == 404, (method, theirs)
                assert theirs.body == nobodys.body
            sent = carol.request("PUT", "/dav/home/mine", b"x")
            assert sent.status in (201, 204)
            for target in (number, "davshare$ffff"):
                moved = carol.request("MOVE", "/dav/home/mine", None, {"Destination": f"{prefix}{target}/mine"})
                assert moved.status in (404, 409), repr(moved)
    assert not (site.home("alice") / "mine").exists()


def test_two_addresses_of_one_tree(site: Server) -> None:
    """Ids, ETags and rights are those of the usual addresses; hrefs are below the address that was asked."""
    alice = site.dav("alice", "/")
    box = f"box-{secrets.token_hex(4)}"
    for name, usual in (("alice", "/dav/home"), ("lab", "/dav/spaces/lab")):
        number = drives(site, "alice")[name]["id"]
        assert alice.request("MKCOL", f"/dav/spaces/{number}/{box}").status == 201
        made = alice.request("PUT", f"/remote.php/dav/spaces/{number}/{box}/ü 1.txt".replace("ü 1", "%C3%BC%201"), b"1")
        assert made.status == 201
        told = {}
        for base in (
            usual,
            f"/dav/spaces/{number}",
            f"/remote.php/dav/spaces/{number}",
            f"/dav/spaces/other${number[9:]}",
        ):
            found = alice.request("PROPFIND", f"{base}/{box}/", PROPS, {"Depth": "1"}).multistatus
            hrefs = [found[each].raw_href for each in found]
            assert hrefs == [f"{base}/{box}/", f"{base}/{box}/%C3%BC%201.txt"]
            told[base] = [
                [
                    found[each].text(prop)
                    for prop in ("getetag", *[f"{{http://owncloud.org/ns}}{p}" for p in ("id", "permissions", "size")])
                ]
                for each in found
            ]
        assert len({json.dumps(each) for each in told.values()}) == 1, told
        assert told[usual][1][1] == made["OC-FileId"] and told[usual][1][0] == made["ETag"]
    home, lab = (f"/dav/spaces/{drives(site, 'alice')[name]['id']}/{box}" for name in ("alice", "lab"))
    alice.request("PUT", f"{home}/two.txt", b"2")
    moved = alice.request("MOVE", f"{home}/two.txt", None, {"Destination": f"{site.url}/remote.php{lab}/two.txt"})
    assert moved.status == 201 and alice.request("GET", f"/dav/spaces/lab/{box}/two.txt").body == b"2"
    assert alice.request("DELETE", f"/remote.php{lab}").status == 204
    root = alice.request("DELETE", home.rpartition("/")[0])
    assert root.status == 403, "a drive itself stays"


def test_locks_and_reports(site: Server) -> None:
    """A lock holds at every address of a file; a sync report tells of the address that was asked."""
    alice = site.dav("alice", "/")
    lab = folder(site, "alice", "lab")
    alice.request("PUT", f"{lab}/locked.txt", b"1")
    lock = alice.request("LOCK", f"{lab}/locked.txt", LOCK)
    assert lock.status == 200 and f"{lab}/locked.txt" in lock.body.decode()
    assert alice.request("PUT", "/dav/spaces/lab/locked.txt", b"2").status == 423
    freed = alice.request("UNLOCK", f"/remote.php{lab}/locked.txt", None, {"Lock-Token": f"<{lock.lock_token}>"})
    assert freed.status == 204
    report = alice.request("REPORT", f"{lab}/", REPORT.format(""))
    assert report.status == 207
    found = [each.text for each in report.xml.iter("{DAV:}href")]
    assert found and all(each.startswith(f"{lab}/") for each in found)


def test_chunks_end_there(site: Server) -> None:
    """A large file comes in chunks, as elsewhere, and its last step names the drive."""
    alice = site.dav("alice", "/")
    for name in ("alice", "lab"):
        there = f"/remote.php/dav/uploads/alice/{secrets.token_hex(8)}"
        assert alice.request("MKCOL", there).status == 201
        assert alice.request("PUT", f"{there}/00001", b"one").status == 201
        assert alice.request("PUT", f"{there}/00002", b"two").status == 201
        target = f"{folder(site, 'alice', name)}/large.bin"
        done = alice.request("MOVE", f"{there}/.file", None, {"Destination": target, "OC-Total-Length": "6"})
        assert done.status == 201, repr(done)
        assert alice.request("GET", target).body == b"onetwo"


def test_uploads_end_there(site: Server) -> None:
    """With tus, at the address that the drive says, with and without the slash."""
    alice = site.dav("alice", "/")
    for name, slash in (("alice", ""), ("lab", "/")):
        there = folder(site, "alice", name)
        said = f"filename {base64.b64encode(b'tus.bin').decode()}"
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "6", "Upload-Metadata": said}
        made = alice.request("POST", there + slash, None, headers)
        assert made.status == 201, repr(made)
        kind = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        done = alice.request("PATCH", made["Location"].removeprefix(site.url), b"onetwo", kind)
        assert done.status in (200, 204) and done["OC-FileId"], repr(done)
        assert alice.request("GET", f"{there}/tus.bin").body == b"onetwo"
    carol = site.dav("carol", "/")
    for there in (folder(site, "alice", "lab"), "/dav/spaces/davshare$ffff"):
        assert carol.request("POST", there, None, headers).status in (403, 404, 409), there
    same = [
        carol.request("POST", there, None, headers).body for there in (folder(site, "alice", "lab"), "/dav/spaces/x$ff")
    ]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    "name", ["$", "x$", "x$zz", "x$-1", "x$+2", "x$0x2", "x$1_0", "x$ 2", "x$2!3", "x$" + "9" * 40, "x$٢"]
)
def test_odd_ids(site: Server, name: str) -> None:
    """They are nobody's."""
    from urllib.parse import quote

    for prefix in ("/dav/spaces/", "/remote.php/dav/spaces/"):
        found = site.dav(ADMIN[0]).request("PROPFIND", prefix + quote(name) + "/", headers={"Depth": "0"})
        assert found.status == 404, repr(found)
    refused(site.dav("alice").request("GET", "/graph/v1.0/drives/" + quote(name)), 404)


def test_people(site: Server) -> None:
    """Everybody finds themselves and who is in a group with them, by part of the name; administrators find all."""

    def names(user: str, query: str = "") -> set[str]:
        return {each["onPremisesSamAccountName"] for each in graph(site, user, f"users{query}")["value"]}

    assert names("alice") == {"alice", "bob"} and names("carol") == {"carol"}
    assert names("alice", "?$search=%22bo%22") == {"bob"} and names("alice", "?$search=car") == set()
    assert names(ADMIN[0]) == {"admin", "alice", "bob", "carol"} and names(ADMIN[0], "?$search=car") == {"carol"}
    bob = graph(site, "alice", "users/bob")
    assert graph(site, "alice", f"users/{bob['id']}") == bob and "accountEnabled" not in bob
    assert graph(site, "bob", "me")["id"] == bob["id"]
    carol = graph(site, "carol", "me")
    assert carol["mail"] == "carol@example.org" and carol["userType"] == "Member"
    for path in ("users/carol", f"users/{carol['id']}", "users/nobody", "users/99999999999999999"):
        refused(site.dav("alice").request("GET", f"/graph/v1.0/{path}"), 404)
    first = graph(site, ADMIN[0], "users?$top=3")
    more = first["@odata.nextLink"].removeprefix(f"{site.url}/graph/v1.0/")
    rest = graph(site, ADMIN[0], more)
    assert len(first["value"]) == 3 and len(rest["value"]) == 1 and "@odata.nextLink" not in rest


def test_groups(site: Server) -> None:
    """Who is in them knows them."""
    (physics,) = graph(site, "alice", "groups")["value"]
    assert physics["displayName"] == "physics"
    assert graph(site, "alice", f"groups/{physics['id']}") == graph(site, ADMIN[0], "groups/physics") == physics
    assert graph(site, "carol", "groups")["value"] == []
    for path in (f"groups/{physics['id']}", "groups/physics", "groups/none", f"users/{physics['id']}"):
        refused(site.dav("carol").request("GET", f"/graph/v1.0/{path}"), 404)
    refused(site.dav("alice").request("GET", f"/graph/v1.0/users/{physics['id']}"), 404)


def test_graph_needs_a_name(site: Server) -> None:
    """Nobody is told anything, not even what there is to be asked; a challenge says how to sign in."""
    for path in ("me", "me/drives", "users", "nothing"):
        found = site.dav(None).request("GET", f"/graph/v1.0/{path}")
        refused(found, 401)
        assert [each.split()[0] for each in found.headers.get_all("WWW-Authenticate", [])] == ["Basic", "Bearer"]
    refused(site.dav("alice", password="wrong").request("GET", "/graph/v1.0/me"), 401)
    alice = site.dav("alice")
    for path in ("/graph/v1.0/nothing", "/graph/v2.0/me", "/graph", "/graph/v1.0"):
        refused(alice.request("GET", path), 404)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused(alice.request(method, "/graph/v1.0/me/drives", b"{}"), 405)
    refused(alice.request("GET", "/graph/v1.0/users?$search=%FF"), 400)


def test_a_token_for_a_part(site: Server) -> None:
    """Sees the drive that leads to it, and nobody else."""
    site.dav("alice").request("MKCOL", "part")
    token = site.cli("token", "add", "alice", "--scope", "path:home/part").stdout.split()[-1]
    dav = Dav(site.port, "/", f"Bearer {token}")
    found = json.loads(dav.request("GET", "/graph/v1.0/me/drives").body)["value"]
    assert [each["name"] for each in found] == ["alice"] and "quota" not in found[0]
    people = json.loads(dav.request("GET", "/graph/v1.0/users").body)["value"]
    assert [each["onPremisesSamAccountName"] for each in people] == ["alice"]
    assert json.loads(dav.request("GET", "/graph/v1.0/groups").body)["value"] == []


@pytest.mark.slow
def test_guests_and_administrators(own_server: Callable[..., Server]) -> None:
    """A guest has a home with no room in it; an administrator sees every space and nobody's home."""
    server = own_server(workers=1)
    server.cli("user", "add", "gast", "--guest", "--password-stdin", input="guest-pass-1")
    server.users["gast"] = "guest-pass-1"
    server.cli("space", "add", "lab", "--member", "gast:viewer")
    assert set(drives(server, "gast")) == {"gast", "lab"} and graph(server, "gast", "me")["userType"] == "Guest"
    assert graph(server, "gast", "me/drive")["quota"]["total"] == 0
    assert set(drives(server, ADMIN[0])) == {"admin", "lab"}
    server.cli("space", "remove", "lab")
    assert set(drives(server, "gast")) == {"gast"}


@pytest.mark.slow
def test_a_home_is_no_space(own_server: Callable[..., Server]) -> None:
    """Whoever rules their home by its id changes no project space that happens to be called the same."""
    server = own_server(workers=1)
    server.cli("space", "add", "alice", "--member", "bob:manager")
    home = next(each["id"] for each in graph(server, "alice", "me/drives")["value"])
    bob, nobody = next(each["id"] for each in graph(server, "bob", "me/drives")["value"]), "davshare$ffff"
    alice = server.dav("alice", "/")
    kind = {"Content-Type": "application/json"}
    for number in (home, bob, nobody, "alice"):
        for method, rest, body in (
            ("GET", "", None),
            ("PATCH", "", b'{"archived": true}'),
            ("GET", "/members", None),
            ("PUT", "/members/users/alice", b'{"role": "manager"}'),
        ):
            found = alice.request(method, f"/api/v1/spaces/{number}{rest}", body, kind)
            assert found.status == 404, (number, method, rest, found)
    server.cli("space", "add", "admin")
    admin = next(each["id"] for each in graph(server, ADMIN[0], "me/drives")["value"])
    assert server.dav(ADMIN[0]).request("DELETE", f"/api/v1/spaces/{admin}?files=true").status == 404
    left = json.loads(server.cli("space", "list", "--json").stdout)
    assert {each["name"] for each in left if each["kind"] == "space"} == {"admin", "alice"}
    (space,) = (each["id"] for each in graph(server, "bob", "me/drives")["value"] if each["name"] == "alice")
    assert server.dav("bob").request("GET", f"/api/v1/spaces/{space}").status == 200, "spaces go by their ids, too"
