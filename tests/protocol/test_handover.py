"""Everything of somebody who leaves goes to somebody else: receivers keep what they have, and nothing is ever half."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from support.api import Api
from support.client import Dav
from support.ocs import Ocs
from support.server import ROOT, Server, environment

pytestmark = pytest.mark.slow

FOLDER = re.compile(r"from alice \d{4}-\d\d-\d\d\Z").match


@pytest.fixture
def site(own_server: Callable[..., Server]) -> Server:
    """alice, who leaves, bob, who gets it all, and carol; alice has files and folders, shared with carol and bob."""
    server = own_server(workers=1, users={name: f"{name}-pass-123" for name in ("alice", "bob", "carol")})
    alice = server.dav("alice")
    alice.mkcol("plans")
    alice.mkcol("plans/deep")
    alice.put("plans/deep/a.txt", b"deep")
    alice.put("plans/b.txt", b"b" * 100)
    alice.put("note.txt", b"note")
    return server


def shares(server: Server, user: str) -> Ocs:
    """The sharing calls of a user."""
    return Ocs(server, user, 2, app="apps/files_sharing")


def share(server: Server, path: str, receiver: str, user: str = "alice", **more: object) -> int:
    """Share something."""
    given = {"path": path, "shareType": 0, "shareWith": receiver, **more}
    return int(shares(server, user).post("api/v1/shares", given).ok()["id"])


def file_id(dav: Dav, path: str) -> str:
    """The id that clients know a thing by."""
    return dav.text(path, "{http://owncloud.org/ns}fileid")


def handed(server: Server, *options: str, check: bool = True) -> dict:
    """Hand alice's things over to bob."""
    done = server.cli("user", "handover", "alice", "bob", "--json", *options, check=check)
    return json.loads(done.stdout) if done.returncode == 0 else {"code": done.returncode}


def enc_folder(server: Server) -> str:
    """The folder that bob has got, as a part of a path."""
    (name,) = [name for name in server.dav("bob").names() if name.startswith("from alice")]
    assert FOLDER(name)
    return name.replace(" ", "%20")


def test_files_and_shares(site: Server) -> None:
    """Ids and contents stay; carol sees and writes what she could; bob is the one who shares now."""
    mine = share(site, "plans", "carol", permissions=15)
    to_bob = share(site, "note.txt", "bob")
    alice = site.dav("alice")
    ids = {path: file_id(alice, path) for path in ("plans", "plans/deep/a.txt", "note.txt")}
    alice.locked("note.txt")
    told = handed(site)
    assert FOLDER(told["folder"]) and told["size"] == 108 and (told["shares"], told["left"]) == (2, 0)
    assert alice.names() == set()
    bob, folder = site.dav("bob"), enc_folder(site)
    assert {path: file_id(bob, f"{folder}/{path}") for path in ids} == ids
    assert bob.get(f"{folder}/plans/deep/a.txt").body == b"deep" and bob.get(f"{folder}/note.txt").body == b"note"
    carol = site.dav("carol", "/dav/users/bob/")
    assert carol.get(f"{folder}/plans/b.txt").body == b"b" * 100
    assert carol.put(f"{folder}/plans/new.txt", b"x").status == 201
    assert carol.get(f"{folder}/note.txt").status == 404
    (received,) = shares(site, "carol").get("api/v1/shares", shared_with_me="true").ok()
    assert (int(received["id"]), received["uid_owner"], received["uid_file_owner"]) == (mine, "bob", "bob")
    (made,) = shares(site, "bob").get("api/v1/shares").ok()
    assert int(made["id"]) == mine != to_bob
    assert shares(site, "alice").get("api/v1/shares").ok() == []
    shares(site, "bob").delete(f"api/v1/shares/{mine}").ok()
    assert carol.get(f"{folder}/plans/b.txt").status == 404
    assert site.cli("check").returncode == 0
    (record,) = [each for each in json.loads(site.cli("audit", "--json").stdout) if each["kind"] == "user.handover"]
    assert record["whom"] == "user:bob" and record["detail"] == {"of": "alice"}


def test_the_account_can_go_then(site: Server) -> None:
    """Nothing that went over goes with it; what is on disk is where the index says."""
    share(site, "plans", "carol")
    reshared = share(site, "plans", "bob", permissions=31)
    site.cli("acl", "grant", "users/alice/", "carol", "viewer")
    handed(site)
    site.cli("user", "remove", "alice")
    folder = enc_folder(site)
    assert site.dav("carol", "/dav/users/bob/").get(f"{folder}/plans/b.txt").status == 200
    assert site.dav("carol", "/dav/users/bob/").get(f"{folder}/note.txt").body == b"note"
    assert (site.home("bob") / folder.replace("%20", " ") / "note.txt").read_bytes() == b"note"
    assert reshared and site.cli("check").returncode == 0


def test_public_links(site: Server) -> None:
    """Go on: the same link, by the one who has the files now; others stay where the new one may not make such."""
    site.dav("carol").put("hers.txt", b"x")
    share(site, "hers.txt", "alice", user="carol", permissions=17)
    made = shares(site, "alice").post("api/v1/shares", {"path": "plans", "shareType": 3}).ok()
    shares(site, "alice").post("api/v1/shares", {"path": "hers.txt", "space_ref": "users/carol", "shareType": 3}).ok()
    told = handed(site)
    assert (told["links"], told["left"]) == (1, 1)
    visitor = site.dav(None, f"/remote.php/dav/public-files/{made['token']}/")
    first = visitor.get("b.txt")
    assert first.body == b"b" * 100, (repr(first), first.body)
    assert visitor.get("deep/a.txt").body == b"deep"
    site.cli("user", "remove", "alice")
    assert visitor.get("b.txt").body == b"b" * 100
    (link,) = [each for each in shares(site, "bob").get("api/v1/shares").ok() if each["share_type"] == 3]
    assert link["token"] == made["token"] and link["uid_owner"] == "bob"
    shares(site, "bob").delete(f"api/v1/shares/{link['id']}").ok()
    assert visitor.get("b.txt").status == 404


def test_what_is_shared_of_things_of_others(site: Server) -> None:
    """Goes over as far as the new one may share it, too."""
    carol = site.dav("carol")
    for name in ("both.txt", "only-alice.txt"):
        carol.put(name, b"x")
        share(site, name, "alice", user="carol", permissions=17)
    share(site, "both.txt", "bob", user="carol", permissions=17)
    site.cli("user", "add", "dave", "--password-stdin", input="dave-pass-123")
    for name in ("both.txt", "only-alice.txt"):
        share(site, name, "dave", space_ref="users/carol", permissions=1)
    told = handed(site)
    assert (told["shares"], told["left"]) == (1, 1)
    assert [each["path"] for each in shares(site, "bob").get("api/v1/shares").ok()] == ["/both.txt"]
    assert [each["path"] for each in shares(site, "alice").get("api/v1/shares").ok()] == ["/only-alice.txt"]
    assert site.dav("dave", "/dav/users/carol/", "dave-pass-123").get("both.txt").status == 200
    assert site.dav("dave", "/dav/users/carol/", "dave-pass-123").get("only-alice.txt").status == 200


def test_groups_and_spaces(site: Server) -> None:
    """Whoever rules them, and what was shared on the strength of that."""
    site.cli("group", "add", "crew")
    site.cli("group", "add-manager", "crew", "alice")
    site.cli("space", "add", "lab", "--member", "alice:manager", "--member", "bob:viewer")
    site.cli("space", "add", "other", "--member", "alice:editor")
    assert site.dav("alice", "/dav/spaces/lab/").put("data.csv", b"x").status == 201
    share(site, "data.csv", "carol", space_ref="spaces/lab")
    told = handed(site)
    assert (told["groups"], told["spaces"], told["shares"]) == (1, 1, 1)
    assert [each["name"] for each in json.loads(site.cli("group", "managers", "crew", "--json").stdout)] == ["bob"]
    roles = {each["name"]: each["role"] for each in Api.of(site, "admin").get("/spaces/lab/members").ok()["items"]}
    assert roles == {"bob": "manager"}
    assert site.dav("carol", "/dav/spaces/lab/").get("data.csv").body == b"x"
    assert {each["name"] for each in Api.of(site, "admin").get("/spaces/other/members").ok()["items"]} == {"alice"}


def test_quota(site: Server) -> None:
    """Refused before anything is touched; not where somebody insists."""
    site.cli("user", "set", "bob", "--quota", "50")
    before = site.dav("alice").names()
    assert handed(site, check=False) == {"code": 5}
    assert Api.of(site, "admin").post("/users/alice/handover", {"to": "bob"}).status == 507
    assert site.dav("alice").names() == before and site.dav("bob").names() == set()
    assert Api.of(site, "admin").post("/users/alice/handover", {"to": "bob", "force": True}).ok()["size"] == 108
    assert enc_folder(site)


def test_refusals(site: Server) -> None:
    """To nobody, oneself, a guest or a closed account; and by nobody but administrators."""
    site.cli("user", "add", "visitor", "--guest", "--no-password")
    site.cli("user", "disable", "carol")
    admin = Api.of(site, "admin")
    for to, status in (("none", 404), ("alice", 400), ("visitor", 400), ("carol", 409)):
        assert admin.post("/users/alice/handover", {"to": to}).status == status, to
    admin.post("/users/none/handover", {"to": "bob"}).refused(404)
    Api.of(site, "bob").post("/users/alice/handover", {"to": "bob"}).refused(403)
    assert site.dav("alice").names() == {"plans", "note.txt"}


def test_again_and_with_nothing(site: Server) -> None:
    """A second time there is nothing; what came meanwhile gets a folder of its own."""
    first = handed(site)["folder"]
    assert handed(site) == {"folder": "", "size": 0, "shares": 0, "links": 0, "left": 0, "groups": 0, "spaces": 0}
    site.dav("alice").put("late.txt", b"x")
    second = handed(site)["folder"]
    assert second == f"{first} (2)" and site.dav("bob").names() == {first, second}


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["handover.folder", "handover.gathered", "commit.done", "effect.done", "handover.done"]
)
def test_killed_at_any_moment(site: Server, moment: str) -> None:
    """What was begun goes on when it is asked for again; carol can read all the time, once the server is up."""
    share(site, "plans", "carol")
    number = file_id(site.dav("alice"), "plans/b.txt")
    site.stop()
    command = [sys.executable, "-m", "davshare", "--data", str(site.data), "user", "handover", "alice", "bob"]
    env = environment({"DAVSHARE_CRASH_AT": moment})
    # The hook kills the whole process group.
    done = subprocess.run(command, env=env, cwd=ROOT, timeout=60, start_new_session=True)
    assert done.returncode != 0, f"{moment} was never passed"
    site.run()
    owner = "bob" if site.dav("bob").names() else "alice"
    seen = [path for path, _, body in walked(site, owner) if body == b"b" * 100]
    assert len(seen) == 1 and site.dav("carol", f"/dav/users/{owner}/").get(seen[0]).body == b"b" * 100
    handed(site)
    (found,) = [file for _, file, body in walked(site, "bob") if body == b"b" * 100]
    assert found == number and site.dav("alice").names() == set()
    assert site.cli("check").returncode == 0


def walked(server: Server, user: str, path: str = "") -> list[tuple[str, str, bytes]]:
    """Every file of a home: path, id and content."""
    dav, found = server.dav(user), []
    for name in sorted(dav.names(path)):
        below = f"{path}{name.replace(' ', '%20')}"
        answer = dav.get(below, {"Accept": "x/x"})
        if dav.prop(below, "{DAV:}resourcetype")[1].find("{DAV:}collection") is not None:
            found += walked(server, user, f"{below}/")
        else:
            found.append((below, file_id(dav, below), answer.body))
    return found
