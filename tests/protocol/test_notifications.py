"""Notifications: who is told of what, in which words, by which ways; and that nobody is told what they may not see."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from davshare.files.service import Files
from davshare.index.backends import database
from davshare.notices import notices, reminders
from support.api import Api
from support.client import enc
from support.mailbox import Mailbox, text_of
from support.ocs import Ocs
from support.polling import eventually
from support.server import Server
from support.statements import counted

pytestmark = pytest.mark.slow

SHARES = "api/v1/shares"


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    """Where the mail of the site goes."""
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, box: Mailbox) -> Iterator[Server]:
    """A site with alice, bob and carol, who have addresses, and the group staff of bob and carol."""
    env = {**box.env, "DAVSHARE_PUBLIC_URL": "https://files.example.org"}
    made = Server.start(tmp_path_factory.mktemp("notices"), env=env, users={})
    for name in ("alice", "bob", "carol"):
        made.users[name] = f"{name}-pass-123"
        made.cli("user", "add", name, "--display-name", name.title(), "--email", f"{name}@example.org",
                 "--password-stdin", input=made.users[name])  # fmt: skip
    made.cli("group", "add", "staff")
    made.cli("group", "add-member", "staff", "bob")
    made.cli("group", "add-member", "staff", "carol")
    yield made
    made.discard()


@pytest.fixture
def files(site: Server) -> Iterator[Files]:
    """The file service of the same index, as the keeper has it."""
    made = Files(site.data, database(site.data, site.database), False)
    yield made
    made.db.close()


@pytest.fixture(autouse=True)
def nothing_yet(site: Server) -> None:
    """Nobody has been told anything."""
    for name in ("alice", "bob", "carol"):
        Api.of(site, name).delete("/me/notifications").ok(204)


def share(site: Server, name: str, receiver: str = "bob", **more: object) -> int:
    """A file of alice's, shared."""
    assert site.dav("alice").put(enc(name), b"x").status in (201, 204)
    given = {"path": name, "shareType": 0, "shareWith": receiver, **more}
    return int(Ocs(site, "alice", 2, app="apps/files_sharing").post(SHARES, given).ok()["id"])


def told(site: Server, user: str, query: str = "") -> list[dict]:
    """What a user is told."""
    return Api.of(site, user).get(f"/me/notifications{query}").ok()["items"]


def test_a_share_is_told_to_its_receiver(site: Server, box: Mailbox) -> None:
    """And to nobody else; by mail as well, with the note."""
    number = share(site, "plan é.txt", note="Have a look")
    (one,) = told(site, "bob")
    assert (one["kind"], one["text"]) == ("share_received", 'Alice has shared "plan é.txt" with you.')
    assert one["path"] == "/dav/users/alice/plan%20%C3%A9.txt" and one["about"]["share"] == number
    assert one["about"]["user"] == "alice" and not one["read"]
    assert site.dav("bob", "").get(one["path"]).body == b"x"
    assert told(site, "alice") == told(site, "carol") == []
    (mail,) = eventually(lambda: box.to("bob@example.org"))
    assert mail["Subject"] == one["text"]
    assert text_of(mail) == f"{one['text']}\n\nHave a look\n\nhttps://files.example.org\n"
    share(site, "plan é.txt", note="again")
    assert len(told(site, "bob")) == 1


def test_members_of_groups(site: Server) -> None:
    """All of them are told, except who has shared."""
    share(site, "for-staff.txt", "staff", shareType=1)
    assert [each["text"] for user in ("bob", "carol") for each in told(site, user)] == [
        'Alice has shared "for-staff.txt" with the group staff.'
    ] * 2
    assert told(site, "alice") == []


def test_what_waits_for_an_answer(site: Server) -> None:
    """As the site says, and as each person does."""
    Api.of(site, "admin").patch("/users/bob/settings", {"sharing.auto_accept": False}).ok()
    try:
        share(site, "waits.txt", "staff", shareType=1)
    finally:
        Api.of(site, "admin").patch("/users/bob/settings", {"sharing.auto_accept": None}).ok()
    assert [each["kind"] for each in told(site, "bob")] == ["share_pending"]
    assert told(site, "bob")[0]["text"] == 'Alice wants to share "waits.txt" with you.'
    assert [each["kind"] for each in told(site, "carol")] == ["share_received"]


def test_names_that_may_not_be_seen_any_more(site: Server) -> None:
    """The name is that of now; without the right to read, or when it is deleted, there is none."""
    number = share(site, "old-name.txt")
    site.dav("alice").move("old-name.txt", "new-name.txt")
    (one,) = told(site, "bob")
    assert one["text"] == 'Alice has shared "new-name.txt" with you.'
    Ocs(site, "alice", 2, app="apps/files_sharing").delete(f"{SHARES}/{number}").ok()
    (one,) = told(site, "bob")
    assert (one["text"], one["path"], one["node"]) == ("Alice has shared something with you.", None, None)
    listed = Ocs(site, "bob", 2, app="apps/notifications/api/v2").get("notifications")
    assert b"-name.txt" not in listed.body
    share(site, "gone.txt")
    site.dav("alice").delete("gone.txt")
    assert {each["text"] for each in told(site, "bob")} == {"Alice has shared something with you."}
    rows = site.rows("SELECT subject FROM notification")
    assert rows and not any(".txt" in str(row) for row in rows)


def test_read_and_removed(site: Server) -> None:
    """One by one, and all; nobody reaches those of others."""
    for name in ("a.txt", "b.txt", "c.txt"):
        share(site, name)
    bob, carol = Api.of(site, "bob"), Api.of(site, "carol")
    numbers = [each["id"] for each in told(site, "bob")]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 3
    assert bob.patch(f"/me/notifications/{numbers[0]}", {"read": True}).ok()["read"]
    assert [each["id"] for each in told(site, "bob", "?unread=true")] == numbers[1:]
    assert not bob.patch(f"/me/notifications/{numbers[0]}", {"read": False}).ok()["read"]
    first = bob.get("/me/notifications?limit=2").ok()
    assert [each["id"] for each in first["items"]] == numbers[:2] and first["next"] == 2
    for path in (f"/me/notifications/{numbers[0]}", "/me/notifications/999999999", "/me/notifications/x"):
        assert carol.delete(path).refused(404) == carol.patch(path, {"read": True}).refused(404)
    bob.patch("/me/notifications", {"read": True}).ok(204)
    assert told(site, "bob", "?unread=1") == [] and len(told(site, "bob")) == 3
    bob.delete(f"/me/notifications/{numbers[1]}").ok(204)
    bob.delete(f"/me/notifications/{numbers[1]}").refused(404)
    assert [each["id"] for each in told(site, "bob")] == [numbers[0], numbers[2]]
    bob.delete("/me/notifications").ok(204)
    assert told(site, "bob") == []


def test_for_nextclouds_programs(site: Server) -> None:
    """List, one, delete one, delete all, in both forms; as it is announced."""
    announced = Ocs(site, None).get("capabilities").ok()["capabilities"]["notifications"]
    assert announced.pop("ocs-endpoints") == ["list", "get", "delete", "delete-all", "exists"]
    assert announced == {"push": [], "admin-notifications": []}
    share(site, "d.txt")
    number = share(site, "e.txt")
    bob = Ocs(site, "bob", 2, app="apps/notifications/api/v2")
    found = bob.get("notifications").ok()
    assert [each["subject"] for each in found] == [f'Alice has shared "{name}.txt" with you.' for name in "ed"]
    assert found[0]["object_id"] == str(number) and found[0]["user"] == "bob" and found[0]["actions"] == []
    assert found[0]["link"] == "https://files.example.org/dav/users/alice/e.txt" and found[0]["shouldNotify"] is True
    assert found[0]["app"] == "files_sharing" and found[0]["datetime"].endswith("+00:00")
    one = found[0]["notification_id"]
    assert bob.get(f"notifications/{one}").ok() == found[0]
    xml = Ocs(site, "bob", 2, False, "apps/notifications/api/v2").get("notifications").ok()
    assert [int(each["notification_id"]) for each in xml] == [each["notification_id"] for each in found]
    assert bob.post("notifications/exists", {"ids[]": [one, 10**12, "x"]}).ok() == [one]
    assert (
        Ocs(site, "carol", 2, app="apps/notifications/api/v2").post("notifications/exists", {"ids[]": [one]}).ok() == []
    )
    assert bob.post("notifications/exists").status == 400
    bob.delete(f"notifications/{one}").ok()
    for wrong in (one, "x", 10**12):
        assert bob.get(f"notifications/{wrong}").status == bob.delete(f"notifications/{wrong}").status == 404
    assert Ocs(site, "carol", 2, app="apps/notifications/api/v2").delete(
        f"notifications/{found[1]['notification_id']}"
    ).status == 404  # fmt: skip
    bob.delete("notifications").ok()
    assert bob.get("notifications").ok() == []
    assert Ocs(site, None, 2, app="apps/notifications/api/v2").get("notifications").status == 401


def test_who_wants_mail(site: Server, box: Mailbox) -> None:
    """Everybody chooses for themselves; the site says what others get."""
    bob = Api.of(site, "bob")
    usual = bob.get("/me/preferences").ok()["mail"]
    assert "share_received" in usual
    assert bob.patch("/me/preferences", {"mail": ["quota_nearly_full"]}).ok() == {"mail": ["quota_nearly_full"]}
    bob.patch("/me/preferences", {"mail": ["no-such-kind"]}).refused(422, "mail")
    share(site, "no-mail.txt", "staff", shareType=1)
    assert len(told(site, "bob")) == 1
    eventually(lambda: any("no-mail" in each["Subject"] for each in box.to("carol@example.org")))
    assert not any("no-mail" in each["Subject"] for each in box.to("bob@example.org"))
    assert bob.patch("/me/preferences", {"mail": None}).ok() == {"mail": usual}
    site.cli("settings", "set", "notices.mail", "link_expires")
    assert bob.get("/me/preferences").ok() == {"mail": ["link_expires"]}
    site.cli("settings", "reset", "notices.mail")


def test_no_mail_about_shares(site: Server, box: Mailbox) -> None:
    """Where the site wants none: what is shared is told in the product only, and clients know."""

    def sends() -> bool:
        sharing = Ocs(site, "alice", 2, app="cloud").get("capabilities").ok()["capabilities"]["files_sharing"]
        return sharing["user"]["send_mail"]

    assert sends()
    site.cli("settings", "set", "sharing.mail", "off")
    assert not sends()
    share(site, "silent.txt", "staff", shareType=1)
    site.cli("settings", "reset", "sharing.mail")
    share(site, "loud.txt", "staff", shareType=1)
    eventually(lambda: any("loud" in each["Subject"] for each in box.to("bob@example.org")))
    assert not any("silent" in each["Subject"] for each in box.to("bob@example.org"))
    assert len(told(site, "bob")) == 2


def test_bounded_for_each_person(site: Server, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, of nobody else."""
    monkeypatch.setattr(notices, "MOST", 3)
    share(site, "kept.txt", "carol")
    with files.db.write() as connection:
        from davshare.index import people

        bob = people.user(connection, "bob")
        assert bob is not None
        for number in range(5):
            notices.tell(files, connection, notices.Kind.QUOTA, None, {"percent": number}, [bob])
    assert [each["about"]["percent"] for each in told(site, "bob")] == [4, 3, 2]
    assert len(told(site, "carol")) == 1


def test_shares_that_end_soon(site: Server, files: Files) -> None:
    """Sharer and receiver are reminded once, some days before; again only when there is another end."""
    number = share(site, "ends.txt")
    share(site, "for-ever.txt")
    end = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 10 * 86400))
    Ocs(site, "alice", 2, app="apps/files_sharing").put(f"{SHARES}/{number}", {"expireDate": end}).ok()
    Api.of(site, "bob").delete("/me/notifications").ok(204)
    now = int(time.time())
    assert reminders.of_shares(files, now) == 0
    assert reminders.of_shares(files, now + 9 * 86400) == 1
    assert reminders.of_shares(files, now + 9 * 86400) == 0
    (mine,), (theirs,) = told(site, "alice"), told(site, "bob")
    assert mine["text"].startswith('Your share of "ends.txt" with Bob ends on 20')
    assert mine["path"] == "/dav/home/ends.txt"
    assert theirs["text"].startswith('Alice shares "ends.txt" with you until 20')
    assert theirs["about"]["expires"].startswith(time.strftime("%Y-%m-", time.gmtime(time.time() + 11 * 86400)))
    later = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 20 * 86400))
    Ocs(site, "alice", 2, app="apps/files_sharing").put(f"{SHARES}/{number}", {"expireDate": later}).ok()
    assert reminders.of_shares(files, now + 18 * 86400 + 86399) == 1
    assert len(told(site, "bob")) == 2
    assert reminders.forget(files, now + 30 * 86400) == 2
    site.cli("settings", "set", "notices.expire_days", "0")
    files.generation()
    assert reminders.of_shares(files, now + 18 * 86400) == 0
    site.cli("settings", "reset", "notices.expire_days")
    files.generation()


def test_links_that_end_soon(site: Server, files: Files) -> None:
    """Who has made it is reminded once."""
    site.dav("alice").put("linked.txt", b"x")
    end = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 10 * 86400))
    given = {"path": "linked.txt", "shareType": 3, "expireDate": end, "name": "For the press"}
    Ocs(site, "alice", 2, app="apps/files_sharing").post(SHARES, given).ok()
    now = int(time.time())
    assert reminders.of_links(files, now) == 0
    assert reminders.of_links(files, now + 9 * 86400) == 1 and reminders.of_links(files, now + 9 * 86400) == 0
    (one,) = told(site, "alice")
    assert one["text"].startswith('Your link For the press to "linked.txt" ends on 20')
    assert (one["kind"], one["about"]["label"]) == ("link_expires", "For the press")


def test_what_is_nearly_full(site: Server, files: Files) -> None:
    """Told once to whom it belongs, and once more when it was not full in between; of spaces to those who rule them."""
    site.cli("user", "set", "carol", "--quota", "1000")
    site.cli("space", "add", "lab", "--quota", "1000")
    site.cli("space", "set", "lab", "--member", "bob:manager", "--member", "alice:editor")
    now = int(time.time())
    assert reminders.of_quotas(files, now) == 0
    carol, lab = site.dav("carol"), site.dav("bob", "/dav/spaces/lab/")
    assert carol.put("big", b"x" * 899).status == 201 and reminders.of_quotas(files, now) == 0
    assert carol.put("more", b"x" * 10).status == 201
    assert lab.put("big", b"x" * 950).status == 201
    assert reminders.of_quotas(files, now) == 2 and reminders.of_quotas(files, now) == 0
    assert [each["text"] for each in told(site, "carol")] == ["Your files are at 90% of the quota."]
    assert [each["text"] for each in told(site, "bob")] == ["The space lab is at 95% of the quota."]
    assert told(site, "bob")[0]["about"]["space"] == "lab" and told(site, "bob")[0]["path"] == "/dav/spaces/lab/"
    assert told(site, "alice") == []
    assert carol.delete("more").status == 204 and reminders.of_quotas(files, now) == 0
    assert carol.put("more", b"x" * 50).status == 201 and reminders.of_quotas(files, now) == 1
    assert len(told(site, "carol")) == 2
    site.cli("space", "remove", "lab", "--yes", check=False)


@pytest.mark.slow
def test_the_keeper_does_it(own_server, tmp_path: Path) -> None:
    """Without anybody asking."""
    server: Server = own_server(workers=1)
    server.cli("user", "set", "bob", "--quota", "100")
    assert server.dav("bob").put("big", b"x" * 99).status == 201
    eventually(lambda: told(server, "bob"), 90)


def test_a_listing_costs_the_same_however_long(site: Server, files: Files) -> None:
    """A fixed number of statements."""
    from davshare.identity.gate import actor_of
    from davshare.index import people

    with files.db.session() as connection:
        bob = people.user(connection, "bob")
        assert bob is not None
        actor = actor_of(connection, bob)
    share(site, "one.txt")
    with counted(files) as few:
        assert len(notices.listed(files, actor)) == 1
    for number in range(5):
        share(site, f"one-{number}.txt")
    with counted(files) as many:
        assert len(notices.listed(files, actor)) == 6
    assert len(many) == len(few)
