"""Activity and audit: who is told who did what, and that nobody is told what they may not see."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from lxml import etree

from davshare.files import activity, record
from davshare.files.service import Files
from davshare.identity.gate import actor_of
from davshare.index import people
from davshare.index.backends import database
from support.api import Api
from support.ocs import Ocs
from support.server import Server
from support.statements import counted

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """alice, bob and carol; the space lab of alice and bob; the folder plans of alice's, shared with bob."""
    made = Server.start(tmp_path_factory.mktemp("activity"), users={})
    for name in ("alice", "bob", "carol"):
        made.users[name] = f"{name}-pass-123"
        made.cli("user", "add", name, "--display-name", name.title(), "--password-stdin", input=made.users[name])
    made.cli("space", "add", "lab", "--member", "alice:editor", "--member", "bob:editor")
    alice = made.dav("alice")
    alice.mkcol("plans")
    alice.put("plans/one.txt", b"1")
    alice.put("secret.txt", b"1")
    share(made, "plans", "bob", permissions=15)
    yield made
    made.discard()


@pytest.fixture
def files(site: Server) -> Iterator[Files]:
    """The file service of the same index."""
    made = Files(site.data, database(site.data, site.database), False)
    yield made
    made.db.close()


def share(site: Server, path: str, receiver: str, user: str = "alice", **more: object) -> int:
    """Share something."""
    given = {"path": path, "shareType": 0, "shareWith": receiver, **more}
    return int(Ocs(site, user, 2, app="apps/files_sharing").post("api/v1/shares", given).ok()["id"])


def feed(site: Server, user: str, query: str = "") -> list[tuple[str | None, str, str]]:
    """Who did what with what, all pages."""
    found, cursor = [], ""
    for _ in range(50):
        page = Api.of(site, user).get(f"/activity?cursor={cursor}&{query}".rstrip("&")).ok()
        found += [(each["user"] and each["user"]["name"], each["kind"], each["path"]) for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found
    raise AssertionError("there is no end")


def test_what_others_did(site: Server) -> None:
    """In the space and in what is shared, the newest first; with addresses of the reader's own."""
    bob, alice = site.dav("bob", "/dav/users/alice/"), site.dav("alice")
    assert bob.put("plans/two.txt", b"2").status == 201
    assert site.dav("alice", "/dav/spaces/lab/").put("data.csv", b"2").status == 201
    told = feed(site, "alice")
    assert told[0] == ("bob", "created", "/dav/home/plans/two.txt") and all(who == "bob" for who, _, _ in told)
    assert ("alice", "created", "/dav/spaces/lab/data.csv") in feed(site, "bob")
    assert ("alice", "created", "/dav/users/alice/plans/one.txt") in feed(site, "bob")
    assert not any("secret" in path for _, _, path in feed(site, "bob", "own=true"))
    assert ("alice", "created", "/dav/home/secret.txt") in feed(site, "alice", "own=true")
    assert feed(site, "carol") == []
    alice.close()


def test_moves_and_removals(site: Server) -> None:
    """Where a thing was before is told only to those who may see that place; what is gone has its last name."""
    alice = site.dav("alice")
    alice.put("from-home.txt", b"x")
    assert alice.move("from-home.txt", "plans/came.txt").status == 201
    assert alice.move("plans/came.txt", "plans/renamed.txt").status == 201
    page = Api.of(site, "bob").get("/activity").ok()["items"]
    moves = [(each["path"], each["old_path"]) for each in page if each["kind"] == "moved"]
    now = "/dav/users/alice/plans/renamed.txt"
    assert moves == [(now, "/dav/users/alice/plans/came.txt"), (now, None)]
    assert alice.delete("plans/renamed.txt").status == 204
    told = feed(site, "bob")
    assert told[0] == ("alice", "deleted", now) and not any("from-home" in path for _, _, path in told)
    assert [each for each in told if each[2] == now] == [told[0]]
    assert alice.delete("secret.txt").status == 204
    assert not any("secret" in path for _, _, path in feed(site, "bob"))
    assert ("alice", "deleted", "/dav/home/secret.txt") in feed(site, "alice", "own=1")


def test_what_may_not_be_seen_any_more(site: Server) -> None:
    """A share that has ended takes its past along."""
    alice = site.dav("alice")
    alice.mkcol("short")
    alice.put("short/a.txt", b"1")
    number = share(site, "short", "carol")
    assert len(feed(site, "carol")) == 2
    Ocs(site, "alice", 2, app="apps/files_sharing").delete(f"api/v1/shares/{number}").ok()
    assert feed(site, "carol") == []


def test_filters(site: Server) -> None:
    """By user, space and path; what cannot be known is not found."""
    site.dav("alice", "/dav/spaces/lab/").mkcol("deep")
    site.dav("alice", "/dav/spaces/lab/").put("deep/x.txt", b"x")
    site.dav("bob", "/dav/spaces/lab/").put("by-bob.txt", b"x")
    assert {who for who, _, _ in feed(site, "alice", "user=bob")} == {"bob"}
    assert all(path.startswith("/dav/spaces/lab/") for _, _, path in feed(site, "bob", "space=lab&own=true"))
    below = {path for _, _, path in feed(site, "bob", "space=lab&path=deep")}
    assert below == {"/dav/spaces/lab/deep", "/dav/spaces/lab/deep/x.txt"}
    assert {path for _, _, path in feed(site, "bob", "path=users/alice/plans")} >= {"/dav/users/alice/plans/one.txt"}
    carol = Api.of(site, "carol")
    for query in ("space=lab", "space=none", "path=users/alice/plans", "path=home/none", "path=x"):
        assert carol.get(f"/activity?{query}").refused(404)
    nobody, somebody = (carol.get(f"/activity?user={name}").ok() for name in ("none", "alice"))
    assert nobody == somebody, "that somebody has an account is not told"
    ((home,),) = site.rows("SELECT id FROM space WHERE name='alice' AND kind='home'")
    forged = activity.write_cursor({home: 2**40})
    assert carol.get(f"/activity?user=alice&limit=1&cursor={forged}").ok() == {"items": [], "next": None}
    for cursor in ("!", "AAAA", "1.2-" * 300, "-1.2", "1.2.3", f"1.{2**70:x}"):
        carol.get(f"/activity?cursor={cursor}").refused(400)


def test_pages(site: Server, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large they are, and whatever is in between, each change comes once and in order."""
    lab = site.dav("alice", "/dav/spaces/lab/")
    for number in range(12):
        assert lab.put(f"n{number}.txt", b"x").status == 201
    whole = feed(site, "bob", "space=lab")
    for size in (1, 2, 7):
        assert feed(site, "bob", f"space=lab&limit={size}") == whole
    assert sorted(feed(site, "bob", "limit=3")) == sorted(feed(site, "bob", "limit=400"))
    monkeypatch.setattr(activity, "WINDOW", 4)
    with files.db.session() as connection:
        bob = people.user(connection, "bob")
        assert bob is not None
        actor = actor_of(connection, bob)
    found, cursor, pages = [], "", 0
    while pages == 0 or cursor:
        page = activity.feed(files, actor, activity.Wanted(), cursor, 50)
        found += [deed.path for deed in page.deeds]
        cursor, pages = page.cursor, pages + 1
    assert pages > 3 and sorted(found) == sorted(path for _, _, path in feed(site, "bob"))


def test_costs(site: Server, files: Files) -> None:
    """A page costs a fixed number of statements."""
    for number in range(6):
        site.dav("alice").put(f"plans/cost-{number}.txt", b"x")
    with files.db.session() as connection:
        bob = people.user(connection, "bob")
        assert bob is not None
        actor = actor_of(connection, bob)
    with counted(files) as few:
        activity.feed(files, actor, activity.Wanted(), "", 1)
    with counted(files) as many:
        assert len(activity.feed(files, actor, activity.Wanted(), "", 50).deeds) > 5
    assert len(many) == len(few)


def test_feed_readers(site: Server) -> None:
    """Atom, with an app token as the password; names that XML has no form for do no harm."""
    secret = site.cli("token", "add", "bob", "--scope", "read").stdout.strip()
    assert site.dav("alice", "/dav/spaces/lab/").put("a%C2%AD%3Cb%3E.txt", b"x").status == 201
    from support.raw import basic

    reply = Api(site, basic("bob", secret)).raw("GET", "/api/v1/activity.atom")
    assert reply.status == 200 and reply.headers["Content-Type"] == "application/atom+xml"
    root = etree.fromstring(reply.body)
    entries = root.findall(ATOM + "entry")
    assert root.tag == ATOM + "feed" and entries
    (first,) = [each for each in entries if each.findtext(ATOM + "title") == "Alice created a\ufffd<b>.txt"]
    assert first.findtext(f"{ATOM}author/{ATOM}name") == "Alice"
    ids = [each.findtext(ATOM + "id") for each in entries]
    assert len(set(ids)) == len(ids) and all(each.findtext(ATOM + "updated") for each in [root, *entries])
    assert first.find(ATOM + "link").get("href") == f"{site.url}/dav/spaces/lab/a%C2%AD%3Cb%3E.txt"
    assert Api(site, None).raw("GET", "/api/v1/activity.atom").status == 401


def test_by_a_link(site: Server) -> None:
    """Whoever came by a public link is nobody in particular, and not who made it."""
    mine = Ocs(site, "alice", 2, app="apps/files_sharing")
    link = mine.post("api/v1/shares", {"path": "plans", "shareType": 3, "permissions": 15, "name": "Drop"}).ok()
    visitor = site.dav(None, f"/remote.php/dav/public-files/{link['token']}/")
    assert visitor.put("dropped.txt", b"x").status == 201
    for reader in ("alice", "bob"):
        items = Api.of(site, reader).get("/activity").ok()["items"]
        (one,) = [each for each in items if each["path"].endswith("dropped.txt")]
        assert one["user"] is None and one["link"]
    (record_,) = audit(site, "path=users/alice/plans/dropped.txt")
    assert record_["device"] == "link Drop"
    assert mine.call("DELETE", f"api/v1/shares/{link['id']}").status == 200
    (one,) = [each for each in Api.of(site, "bob").get("/activity").ok()["items"] if each["node"] == one["node"]][:1]
    assert one["user"] is None and one["link"], "that it was revoked makes nothing of it the deed of its maker"
    (record_,) = [each for each in audit(site, "path=users/alice/plans") if each["device"] == f"link {link['id']}"][:1]


def test_tokens_for_a_part(site: Server) -> None:
    """Tell of that part only."""
    secret = site.cli("token", "add", "alice", "--scope", "path:home/plans").stdout.strip()
    items = Api.bearer(site, secret).get("/activity?own=true").ok()["items"]
    assert items and all(each["path"].startswith("/dav/home/plans") for each in items)


# audit


def audit(site: Server, query: str = "") -> list[dict]:
    """All records that are asked for."""
    return Api.of(site, "admin").get(f"/audit?limit=500&{query}".rstrip("&")).ok()["items"]


def test_the_life_of_a_share(site: Server) -> None:
    """Made, changed, declined, accepted, taken back: by whom, to whom, from where, with what."""
    site.dav("alice").put("life.txt", b"x")
    number = share(site, "life.txt", "bob", permissions=3)
    mine, theirs = (Ocs(site, user, 2, app="apps/files_sharing") for user in ("alice", "bob"))
    mine.call("PUT", f"api/v1/shares/{number}", {"permissions": 1}, {"User-Agent": "tester/1"}).ok()
    theirs.delete(f"api/v1/shares/pending/{number}").ok()
    theirs.post(f"api/v1/shares/pending/{number}").ok()
    mine.delete(f"api/v1/shares/{number}").ok()
    found = [each for each in audit(site, "path=users/alice/life.txt") if each["kind"].startswith("share.")]
    assert [(each["kind"], each["actor"], each["whom"]) for each in found] == [
        ("share.revoke", "alice", "user:bob"),
        ("share.accept", "bob", "user:bob"),
        ("share.decline", "bob", "user:bob"),
        ("share.update", "alice", "user:bob"),
        ("share.create", "alice", "user:bob"),
    ]
    assert {each["address"] for each in found} == {"127.0.0.1"} and found[3]["agent"].startswith("tester/1")
    assert all((each["space"], each["path"]) == ("users/alice", "life.txt") for each in found)
    facts = {each["name"]: each["value"] for each in found[4]["detail"]}
    assert "read" in facts["rights"] and facts["name"] == "life.txt"


def test_the_life_of_a_link(site: Server) -> None:
    """Made, changed and ended; its token and password are not told."""
    site.dav("alice").put("linked.txt", b"x")
    mine = Ocs(site, "alice", 2, app="apps/files_sharing")
    link = mine.post("api/v1/shares", {"path": "linked.txt", "shareType": 3}).ok()
    mine.put(f"api/v1/shares/{link['id']}", {"password": "link-pass-123"}).ok()
    mine.delete(f"api/v1/shares/{link['id']}").ok()
    found = audit(site, "path=users/alice/linked.txt")
    kinds = [each["kind"] for each in found if each["kind"].startswith("link.")]
    assert kinds == ["link.revoke", "link.update", "link.create"]
    kept = str(site.rows("SELECT detail FROM event"))
    assert link["token"] not in kept and "link-pass" not in kept and "argon2" not in kept


def test_shares_that_end_by_themselves(site: Server) -> None:
    """Nobody did it: what rests on another share ends with that."""
    site.cli("settings", "set", "sharing.resharing", "on")
    site.dav("alice").put("chain.txt", b"x")
    number = share(site, "chain.txt", "bob")
    share(site, "chain.txt", "carol", user="bob", space_ref="users/alice")
    Ocs(site, "alice", 2, app="apps/files_sharing").delete(f"api/v1/shares/{number}").ok()
    found = [(each["kind"], each["actor"], each["whom"]) for each in audit(site, "path=users/alice/chain.txt")]
    assert ("share.end", "", "user:carol") in found and ("share.revoke", "alice", "user:bob") in found


def test_accounts(site: Server) -> None:
    """What administrators do to them; nothing secret is kept."""
    admin = Api.of(site, "admin")
    admin.post("/users", {"name": "dora", "password": "dora-pass-1"}).ok(201)
    admin.patch("/users/dora", {"email": "dora@example.org"}).ok()
    admin.post("/users/dora/disable").ok(204)
    admin.post("/users/dora/enable").ok(204)
    site.cli("user", "passwd", "dora", "--password-stdin", input="dora-pass-2")
    admin.delete("/users/dora").ok(204)
    found = [each for each in audit(site) if each["whom"] == "user:dora"]
    kinds = ["remove", "disable", "password", "enable", "disable", "change", "add"]
    assert [each["kind"] for each in found] == [f"user.{each}" for each in kinds]
    assert [each["actor"] for each in found] == ["admin", "admin", "", *["admin"] * 4]
    assert not any("dora-pass" in str(row) or "dora@" in str(row) for row in site.rows("SELECT detail FROM event"))


def test_changes_of_files(site: Server) -> None:
    """Where a space, a path or a user is named; with the device by which they came."""
    secret = site.cli("token", "add", "bob", "--label", "Bob's laptop").stdout.strip()
    lab = site.dav("bob", "/dav/spaces/lab/", secret)
    assert lab.put("audited.txt", b"x").status == 201 and lab.put("audited.txt", b"y").status == 204
    found = audit(site, "path=spaces/lab/audited.txt")
    assert [(each["kind"], each["actor"], each["device"]) for each in found] == [
        ("file.modified", "bob", "Bob's laptop"),
        ("file.created", "bob", "Bob's laptop"),
    ]
    assert any(each["path"] == "audited.txt" for each in audit(site, "space=lab"))
    assert {each["actor"] for each in audit(site, "user=bob") if each["kind"].startswith("file.")} == {"bob"}
    assert not any(each["kind"].startswith("file.") for each in audit(site))
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    assert audit(site, f"space=lab&since={later}") == []


def test_pages_of_the_audit(site: Server) -> None:
    """Each record comes once."""
    for number in range(6):
        site.dav("alice").put(f"paged-{number}.txt", b"x")
        share(site, f"paged-{number}.txt", "carol")
    whole = audit(site, "space=alice")
    found, cursor = [], ""
    while True:
        page = Api.of(site, "admin").get(f"/audit?space=alice&limit=3&cursor={cursor}").ok()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    key = lambda each: json.dumps(each, sort_keys=True)  # noqa: E731
    assert sorted(found, key=key) == sorted(whole, key=key) and len(whole) > 10


def test_only_administrators(site: Server) -> None:
    """Nobody else, and nothing for what is not there."""
    Api.of(site, "alice").get("/audit").refused(403)
    for query in ("user=none", "space=none", "path=spaces/none/x", "path=users", "path=x/y"):
        Api.of(site, "admin").get(f"/audit?{query}").refused(404)


def test_command(site: Server) -> None:
    """The same at the console."""
    assert site.dav("alice", "/dav/spaces/lab/").put("console.csv", b"2").status == 201
    told = json.loads(site.cli("audit", "--space", "lab", "--json").stdout)
    assert any(each["path"] == "console.csv" and each["kind"] == "file.created" for each in told)
    assert "share.create" in site.cli("audit", "--user", "alice", "--limit", "5000").stdout
    assert site.cli("audit", "--since", "2099-01-01").stdout == ""
    assert site.cli("audit", "--user", "none", check=False).returncode == 3


def test_kept_for_some_days(site: Server, files: Files) -> None:
    """And no longer."""
    before = len(site.rows("SELECT id FROM event"))
    assert record.forget_old(files, int(time.time()) + 364 * 86400) == 0
    assert record.forget_old(files, int(time.time()) + 366 * 86400) == before
    assert audit(site) == []
