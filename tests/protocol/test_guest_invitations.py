"""Sharing with an e-mail address: accounts of guests, the link for their password, what they can do, and their end."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from davshare.files.service import Files
from davshare.sharing import guests
from support.api import Api
from support.mailbox import Mailbox, text_of
from support.ocs import Answer, Ocs
from support.polling import eventually
from support.server import Server

pytestmark = pytest.mark.slow

SITE = "https://files.example.org"
PASSWORD = "guest-pass-123"


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    """Where the mail of the site goes."""
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, box: Mailbox) -> Iterator[Server]:
    """A site that sends mail."""
    made = Server.start(tmp_path_factory.mktemp("guests"), env={**box.env, "DAVSHARE_PUBLIC_URL": SITE})
    yield made
    made.discard()


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A site that does not."""
    made = Server.start(tmp_path_factory.mktemp("silent"), workers=1)
    yield made
    made.discard()


def invite(server: Server, path: str, address: str, user: str = "alice", kind: str = "4", **more: object) -> Answer:
    """Share something of somebody's with an address."""
    given = {"path": path, "shareType": kind, "shareWith": address, **more}
    return Ocs(server, user, 2, app="apps/files_sharing").post("api/v1/shares", given)


def folder(server: Server, name: str, user: str = "alice") -> str:
    """A folder with a file."""
    dav = server.dav(user)
    assert dav.mkcol(name).status == 201 and dav.put(f"{name}/a.txt", b"from alice").status == 201
    return name


def choose(server: Server, link: str, password: str = PASSWORD) -> int:
    """Open the page of a link and choose a password; the status."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    body = urlencode({"password": password, "again": password})
    connection.request("POST", link, body, {"Content-Type": "application/x-www-form-urlencoded"})
    status = connection.getresponse().status
    connection.close()
    return status


def link_for(box: Mailbox, address: str, count: int = 1) -> str:
    """The way of the link in the last of so many messages."""
    found = eventually(lambda: box.to(address)[count - 1 :])
    match = re.search(rf"{SITE}(/reset/\S+)", text_of(found[-1]))
    assert match
    return match[1]


def signed_in(server: Server, name: str) -> None:
    """Let the tests know the password."""
    server.users[name] = PASSWORD


def test_from_the_invitation_to_the_files(site: Server, box: Mailbox) -> None:
    """The whole way of somebody new."""
    folder(site, "for-ann")
    answer = invite(site, "for-ann", "Ann@Example.org", note="The figures", permissions="3")
    told = answer.ok()
    assert told["share_with"] == "ann@example.org" and "invitation" not in told
    assert b"/reset/" not in answer.body
    link = link_for(box, "Ann@Example.org")
    (mail,) = box.to("Ann@Example.org")
    assert mail["Subject"] == "alice shares files with you" and "The figures" in text_of(mail)
    assert choose(site, link) == 200 and choose(site, link) == 404
    signed_in(site, "ann@example.org")
    ann = site.dav("ann@example.org", "/dav/users/alice/")
    assert ann.get("for-ann/a.txt").body == b"from alice"
    assert ann.put("for-ann/a.txt", b"from ann").status == 204
    assert ann.put("for-ann/b.txt", b"x").status == 403 and ann.delete("for-ann/a.txt").status == 403
    home = site.dav("ann@example.org", "/remote.php/dav/files/ann@example.org/")
    assert home.names() == {"for-ann"} and home.get("for-ann/a.txt").body == b"from ann"
    assert home.put("for-ann/a.txt", b"from home").status == 204 and home.put("own.txt", b"x").status == 403
    received = (
        Ocs(site, "ann@example.org", 2, app="apps/files_sharing").get("api/v1/shares", shared_with_me="true").ok()
    )
    assert [each["path"] for each in received] == ["/for-ann"]
    (notice,) = Api.of(site, "ann@example.org").get("/me/notifications").ok()["items"]
    assert notice["text"] == 'alice has shared "for-ann" with you.'
    assert Api.of(site, "admin").get("/users/ann@example.org").ok()["source"] == "invited"


def test_guests_keep_their_address(site: Server) -> None:
    """With that of somebody else they would get what is shared with those."""
    site.cli("user", "add", "sly", "--guest", "--password-stdin", input=PASSWORD)
    signed_in(site, "sly")
    Api.of(site, "sly").patch("/me", {"email": "boss@example.org"}).refused(403)
    assert Ocs(site, "sly", 2).call("PUT", "users/sly", {"key": "email", "value": "boss@example.org"}).status != 200
    assert Api.of(site, "sly").patch("/me", {"display_name": "Sly"}).ok()["user"]["email"] == ""
    folder(site, "for-boss")
    assert invite(site, "for-boss", "boss@example.org").ok()["share_with"] == "boss@example.org"


def test_the_home_of_a_guest(site: Server) -> None:
    """It is there for every client, and nothing can be made in it."""
    site.cli("user", "add", "visitor", "--guest", "--password-stdin", input=PASSWORD)
    signed_in(site, "visitor")
    for base in ("/dav/home/", "/remote.php/webdav/", "/remote.php/dav/files/visitor/"):
        dav = site.dav("visitor", base)
        assert dav.names() == set()
        assert dav.put("a.txt", b"x").status == dav.put("empty", b"").status == dav.mkcol("f").status == 403
        assert dav.text("", "{http://owncloud.org/ns}permissions") in ("", "G", "D", "GD", "S")
    assert dav.text("", "{DAV:}quota-available-bytes") == "0"
    assert not (site.home("visitor") / "a.txt").exists()


def test_guests_do_not_share(site: Server, box: Mailbox) -> None:
    """Unless the site says so, and then no more than they were given."""
    folder(site, "for-eve")
    invite(site, "for-eve", "eve@example.org").ok()
    choose(site, link_for(box, "eve@example.org"))
    signed_in(site, "eve@example.org")
    eve = Ocs(site, "eve@example.org", 2, app="apps/files_sharing")
    given = {"path": "/for-eve", "space_ref": "users/alice", "shareType": 0, "shareWith": "bob"}
    assert eve.post("api/v1/shares", given).status == 403
    assert eve.post("api/v1/shares", {**given, "shareType": 4, "shareWith": "x@example.org"}).status == 403
    site.cli("settings", "set", "sharing.guests_share", "on")
    assert eve.post("api/v1/shares", given).ok()["share_with"] == "bob"
    site.cli("settings", "set", "sharing.guests_share", "off")


def test_those_who_are_here_already(site: Server, box: Mailbox) -> None:
    """Users are found by their address; guests who have chosen a password get no other link."""
    Api.of(site, "bob").patch("/me", {"email": "bob@example.org"}).ok()
    site.dav("alice").put("for-bob.txt", b"x")
    assert invite(site, "for-bob.txt", "bob@example.org", kind="8").ok()["share_with"] == "bob"
    site.dav("alice").put("one.txt", b"x")
    site.dav("bob").put("two.txt", b"x")
    invite(site, "one.txt", "dan@example.org").ok()
    first = link_for(box, "dan@example.org")
    invite(site, "two.txt", "dan@example.org", user="bob").ok()
    second = link_for(box, "dan@example.org", 2)
    assert first != second and choose(site, second) == 200 and choose(site, first) == 404
    signed_in(site, "dan@example.org")
    invite(site, "one.txt", "dan@example.org", user="alice", note="again").ok()
    before = len(site.rows("SELECT hash FROM onetime WHERE purpose='reset'"))
    site.dav("alice").put("three.txt", b"x")
    invite(site, "three.txt", "DAN@example.org").ok()
    assert len(site.rows("SELECT hash FROM onetime WHERE purpose='reset'")) == before
    assert len([row for row in site.rows("SELECT name FROM principal WHERE guest=1") if "dan" in row[0]]) == 1


def test_who_may_invite_whom(site: Server) -> None:
    """Whoever may share; domains that are allowed and not blocked; nobody where guests are switched off."""
    folder(site, "closed")
    people = len(site.rows("SELECT id FROM principal"))
    for wrong in ("", "nobody", "a@b@c", "a b@example.org", "x@y\r\nBcc: z@example.org"):
        assert invite(site, "closed", wrong).status in (400, 404)
    assert invite(site, "no-such-thing", "new@example.org").status == 404
    assert invite(site, "/", "new@example.org").status == 403
    assert invite(site, "closed", "n%ew!@example.org").status == 400
    for name, value, address in (
        ("sharing.guests", "off", "new@example.org"),
        ("sharing.enabled", "off", "new@example.org"),
        ("sharing.guest_domains", "example.com,uni.example", "new@example.org"),
        ("sharing.guest_domains", "ample.org", "new@example.org"),
        ("sharing.guest_blocked_domains", "example.org", "new@EXAMPLE.org"),
        ("sharing.guest_blocked_domains", "example.org", "new@deep.example.org"),
    ):
        site.cli("settings", "set", name, value)
        assert invite(site, "closed", address).status == 403, name
        site.cli("settings", "reset", name)
    site.cli("group", "add", "interns")
    site.cli("group", "add-member", "interns", "alice")
    site.cli("settings", "set", "sharing.exclude_groups", "on")
    site.cli("settings", "set", "sharing.excluded_groups", "interns")
    assert invite(site, "closed", "new@example.org").status == 403
    site.cli("settings", "reset", "sharing.exclude_groups")
    assert len(site.rows("SELECT id FROM principal")) == people + 1, "the group, and nobody who was invited in vain"
    site.cli("settings", "set", "sharing.guest_domains", "uni.example")
    invite(site, "closed", "new@physics.uni.example").ok()
    site.cli("settings", "reset", "sharing.guest_domains")


def test_whom_to_share_with(site: Server) -> None:
    """An address that is nobody's is offered where it can be invited."""

    def emails(text: str, **more: object) -> list[dict]:
        calls = Ocs(site, "bob", 2, app="apps/files_sharing")
        return calls.get("api/v1/sharees", itemType="file", search=text, **more).ok()["exact"]["emails"]

    wanted = [{"label": "kim@example.org", "value": {"shareType": 4, "shareWith": "kim@example.org"}}]
    assert emails("kim@example.org") == emails("kim@example.org", shareType="4") == wanted
    assert emails("kim@example.org", shareType="0") == emails("kim") == emails("kim@") == []
    site.dav("bob").put("for-kim.txt", b"x")
    invite(site, "for-kim.txt", "kim@example.org", user="bob").ok()
    assert emails("kim@example.org") == []
    site.cli("settings", "set", "sharing.guests", "off")
    assert emails("lee@example.org") == []
    site.cli("settings", "reset", "sharing.guests")


def test_disabled_guests(site: Server) -> None:
    """Whoever was locked out stays so."""
    folder(site, "for-fay")
    invite(site, "for-fay", "fay@example.org").ok()
    site.cli("user", "disable", "fay@example.org")
    site.dav("alice").put("more.txt", b"x")
    assert invite(site, "more.txt", "fay@example.org").status == 404
    assert site.rows("SELECT disabled FROM principal WHERE name='fay@example.org'") == [(1,)]


def test_without_mail(silent: Server) -> None:
    """The link for somebody new is told to whoever invites, of others to nobody."""
    folder(silent, "for-gus")
    told = invite(silent, "for-gus", "gus@example.org").ok()
    assert told["invitation"].startswith(f"{silent.url}/reset/")
    silent.dav("bob").put("secret.txt", b"x")
    assert "invitation" not in invite(silent, "secret.txt", "gus@example.org", user="bob").ok()
    assert choose(silent, told["invitation"].removeprefix(silent.url)) == 200
    assert silent.dav("gus@example.org", "/dav/users/alice/", PASSWORD).get("for-gus/a.txt").body == b"from alice"
    assert json.loads(silent.cli("mail", "list", "--json").stdout or "[]") == []


def test_a_site_that_does_not_know_its_address(own_server, box: Mailbox) -> None:
    """Sends no links: that of the request could be anybody's."""
    server: Server = own_server(workers=1, env=box.env)
    folder(server, "a")
    assert invite(server, "a", "hal@example.org").status == 503
    assert server.rows("SELECT name FROM principal WHERE guest=1") == []


def test_guests_with_nothing_left_go(silent: Server) -> None:
    """After some days, with their homes; never those whom an administrator has made."""
    from davshare.index.backends import database

    silent.cli("user", "add", "made-by-hand", "--guest", "--no-password")
    folder(silent, "for-ian")
    number = invite(silent, "for-ian", "ian@example.org").ok()["id"]
    files = Files(silent.data, database(silent.data, silent.database), False)
    now, day = int(time.time()), 86400

    def guest_names() -> set[str]:
        return {row[0] for row in silent.rows("SELECT name FROM principal WHERE guest=1")}

    assert guests.retire(files, now) == 0 and guests.retire(files, now + 400 * day) == 0
    shares = Ocs(silent, "alice", 2, app="apps/files_sharing")
    shares.delete(f"api/v1/shares/{number}").ok()
    assert guests.retire(files, now) == 0 and guests.retire(files, now + 29 * day) == 0
    number = invite(silent, "for-ian", "ian@example.org").ok()["id"]
    assert guests.retire(files, now + 31 * day) == 0, "something is shared again"
    shares.delete(f"api/v1/shares/{number}").ok()
    assert guests.retire(files, now + 31 * day) == 0 and guests.retire(files, now + 60 * day) == 0
    assert "ian@example.org" in guest_names() and silent.home("ian@example.org").exists()
    assert guests.retire(files, now + 62 * day) == 1
    assert "ian@example.org" not in guest_names() and "made-by-hand" in guest_names()
    assert not list((silent.data / "homes").glob("ian@*"))
    silent.cli("settings", "set", "sharing.guest_days", "0")
    files.generation()
    number = invite(silent, "for-ian", "ian@example.org").ok()["id"]
    shares.delete(f"api/v1/shares/{number}").ok()
    assert guests.retire(files, now) == guests.retire(files, now + 1000 * day) == 0
    files.db.close()
