"""Public links: who comes by them, as far as they go, and what has become of them."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from support.api import Api
from support.client import Dav
from support.ocs import Answer, Ocs
from support.polling import eventually
from support.server import Server

APP = "apps/files_sharing/api/v1"
PASSWORD = "some-pass-123"
LOCK = (
    '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
    "<d:locktype><d:write/></d:locktype></d:lockinfo>"
)
#: Every address of a link to a folder, and how its token is given there.
ADDRESSES = ("/remote.php/dav/public-files/{}/", "/public.php/dav/files/{}/", "/s/{}/", "/public.php/webdav/")


class Owner(NamedTuple):
    """Somebody with ``Box/a.txt``, ``Box/In/b.txt`` and ``other.txt``, and their calls."""

    server: Server
    name: str
    dav: Dav
    calls: Ocs

    def link(self, path: str = "Box", **given: Any) -> dict[str, Any]:
        """Make one."""
        return self.calls.post("shares", {"path": path, "shareType": 3, **given}).ok()

    def change(self, link: dict[str, Any], **given: Any) -> Answer:
        """Change one."""
        return self.calls.call("PUT", f"shares/{link['id']}", given)

    def visit(self, link: dict[str, Any], address: str = ADDRESSES[0], password: str | None = None) -> Dav:
        """A client of whoever comes by it."""
        token = link["token"]
        if "{}" not in address:
            return Dav(self.server.port, address, (token, password or ""))
        auth = None if password is None else ("public", password)
        return Dav(self.server.port, address.format(token), auth)


@pytest.fixture
def owner(module_server: Server) -> Iterator[Owner]:
    """A fresh one."""
    name = f"s{secrets.token_hex(4)}"
    module_server.cli("user", "add", name, "--password-stdin", input=PASSWORD)
    module_server.users[name] = PASSWORD
    dav = module_server.dav(name)
    for folder in ("Box", "Box/In"):
        dav.mkcol(folder)
    for path, data in (("Box/a.txt", b"words"), ("Box/In/b.txt", b"deep"), ("other.txt", b"secret")):
        dav.put(path, data)
    yield Owner(module_server, name, dav, Ocs(module_server, name, app=APP))
    dav.close()
    module_server.cli("settings", "reset")


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("password", [None, "Some-long-pass-1"])
def test_a_link_to_a_file_shows_nothing_beside_it(owner: Owner, address: str, password: str | None) -> None:
    """Not even after the file itself was asked for."""
    link = owner.link("Box/a.txt", **({} if password is None else {"password": password}))
    owner.dav.put("Box/hidden.txt", b"beside")
    visitor = owner.visit(link, address, password)
    for _ in range(3):
        assert visitor.get("a.txt").status == 200 or visitor.get("").status == 200
        assert visitor.get("hidden.txt").status == visitor.head("hidden.txt").status == 404
        assert owner.dav.get("Box/hidden.txt").body == b"beside"
    visitor.close()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_folder_is_seen_at_every_address(owner: Owner, address: str) -> None:
    """The same folder, with the hrefs of the address, and nothing of what is above it."""
    link = owner.link()
    visitor = owner.visit(link, address)
    found = visitor.request("PROPFIND", "", headers={"Depth": "1"})
    base = address.format(link["token"])
    assert sorted(found.multistatus) == sorted([base, base + "a.txt", base + "In/"])
    assert owner.name.encode() not in found.body and b"home" not in found.body
    assert visitor.get("a.txt").body == b"words" and visitor.get("In/b.txt").body == b"deep"
    for path in ("../other.txt", "%2e%2e/other.txt", "..%2fother.txt", "In/../../other.txt"):
        assert visitor.get(path).status in (400, 404), path


def test_a_file_is_the_one_member_of_a_folder(owner: Owner) -> None:
    """And at the old address the file itself; its neighbours cannot be asked for."""
    link = owner.link("Box/a.txt")
    for address in ADDRESSES[:3]:
        visitor = owner.visit(link, address)
        base = address.format(link["token"])
        assert list(visitor.propfind("", depth="1")) == [base, base + "a.txt"]
        assert visitor.get("a.txt").body == b"words"
        assert visitor.get("a.txt", {"Range": "bytes=1-2"}).body == b"or"
        for path in ("In/", "b.txt", "a.txt/", "a.txt/x", "other.txt", "A.txt"):
            assert visitor.get(path).status == 404, path
        assert visitor.put("b.txt", b"x").status in (403, 404)
        assert visitor.put("a.txt", b"x").status == 403
        assert visitor.get("").status == (200 if address.startswith("/s/") else 405)  # a page is one of its own
    old = owner.visit(link, ADDRESSES[3])
    for path in ("/public.php/webdav", "/public.php/webdav/"):
        assert list(old.propfind(path, depth="1")) == ["/public.php/webdav"]
        assert old.get(path).body == b"words"
    assert old.get("a.txt").status == old.get("b.txt").status == old.get("In").status == 404


def test_a_password_is_asked_for(owner: Owner) -> None:
    """By Basic, with no name, with ``public`` or the token; an account's credentials make no difference."""
    link = owner.link(password="open-sesame")
    assert link["password"] == link["share_with"] == "***redacted***" and "open-sesame" not in str(link)
    token = link["token"]
    for address in ADDRESSES:
        assert owner.visit(link, address, "open-sesame").get("a.txt").body == b"words", address
        refused = owner.visit(link, address, "wrong").get("a.txt")
        assert refused.status == 401 and refused["WWW-Authenticate"].startswith("Basic "), address
        assert b"a.txt" not in refused.body
    for name in ("", token, "public"):
        visitor = Dav(owner.server.port, f"/public.php/dav/files/{token}/", (name, "open-sesame"))
        assert visitor.get("a.txt").status == 200
    for auth in (None, (owner.name, PASSWORD), (owner.name, "open-sesame")):
        visitor = Dav(owner.server.port, f"/remote.php/dav/public-files/{token}/", auth)
        assert visitor.get("a.txt").status == 401
    assert Dav(owner.server.port, "/public.php/webdav/", None).get("a.txt").status == 401


def test_an_account_makes_no_difference(owner: Owner) -> None:
    """Whoever is signed in sees no more by a link, and may do no more."""
    link = owner.link()
    visitor = Dav(owner.server.port, f"/remote.php/dav/public-files/{link['token']}/", (owner.name, PASSWORD))
    assert visitor.get("a.txt").body == b"words"
    visitor.put("a.txt", b"x").refused(403)
    visitor.put("new", b"x").refused(403)
    principal = visitor.propfind("", "current-user-principal").only["{DAV:}current-user-principal"][1]
    assert principal[0].tag == "{DAV:}unauthenticated"


def test_nothing_of_people_is_told(owner: Owner) -> None:
    """But who has made the link, as ownCloud tells it."""
    link = owner.link("Box", permissions=15, expireDate="2031-05-06")
    owner.dav.lock("Box", owner=f"<d:href>{owner.name}</d:href>")
    visitor = owner.visit(link)
    oc = "{http://owncloud.org/ns}"
    asked = ["owner", "acl", "inherited-acl-set", "principal-collection-set", "lockdiscovery", "add-member", "group",
             f"{oc}owner-id", f"{oc}owner-display-name", f"{oc}share-types", "displayname"]  # fmt: skip
    found = visitor.request(
        "PROPFIND", "", "<d:propfind xmlns:d='DAV:' xmlns:oc='http://owncloud.org/ns'><d:prop>"
        + "".join(f"<oc:{name[len(oc):]}/>" if name.startswith(oc) else f"<d:{name}/>" for name in asked)
        + "</d:prop></d:propfind>", {"Depth": "1"},
    )  # fmt: skip
    assert found.status == 207 and owner.name.encode() not in found.body
    values = {name: visitor.text("", f"{oc}public-link-{name}") for name in ("permission", "item-type", "share-owner")}
    assert values == {"permission": "15", "item-type": "folder", "share-owner": owner.name}
    assert visitor.text("", f"{oc}public-link-expiration") == "Wed, 07 May 2031 00:00:00 GMT"
    assert visitor.text("", f"{oc}public-link-share-datetime").endswith("GMT")
    assert visitor.prop("In", f"{oc}public-link-permission")[0] == 404
    assert owner.dav.prop("Box", f"{oc}public-link-permission")[0] == 404


@pytest.mark.parametrize("state", ["revoked", "expired", "paused", "trashed", "disabled", "switched off"])
def test_a_link_that_is_over_shows_nothing(owner: Owner, state: str) -> None:
    """From the next request on, and the same whatever the reason."""
    link = owner.link()
    visitors = [owner.visit(link, address) for address in ADDRESSES]
    assert [visitor.get("a.txt").status for visitor in visitors] == [200] * 4
    cli = owner.server.cli
    if state == "revoked":
        owner.calls.delete(f"shares/{link['id']}").ok()
    elif state == "expired":
        cli("share", "expire", str(link["id"]))
    elif state == "paused":
        Api.of(owner.server, owner.name).patch(f"/links/{link['id']}", {"paused": True}).ok()
    elif state == "trashed":
        assert owner.dav.delete("Box").status == 204
    elif state == "disabled":
        cli("user", "disable", owner.name)
    else:
        cli("settings", "set", "sharing.link.enabled", "off")
    for visitor in visitors:
        answers = [visitor.get("a.txt"), visitor.get("nothing"), visitor.request("PROPFIND", "")]
        page = visitor.base.startswith("/s/")  # says it in words
        gone = 410 if page and state in ("expired", "paused") else 404
        assert [answer.status for answer in answers] == [gone, gone, 404]
        assert len({answer.body for answer in answers[: 2 if page else 3]}) == 1 and b"words" not in answers[0].body


@pytest.mark.parametrize("address", ADDRESSES)
def test_things_come_in_and_nothing_is_told(owner: Owner, address: str) -> None:
    """The answers are the same for names that are there and others; nothing is replaced."""
    link = owner.link("Box", permissions=4)
    assert link["permissions"] == 4
    visitor = owner.visit(link, address)
    for name in ("a.txt", "new.txt", "In", "In/b.txt", "In/c.txt", "a.txt/x.txt", "Far/away.txt"):
        answer = visitor.put(name, f"sent {name}".encode(), {"If-None-Match": "*"})
        assert answer.status == 201 and "Location" not in answer.headers, name
    for name in ("In", "Fresh", "a.txt", "In/Deep"):
        answer = visitor.mkcol(name)
        assert answer.status == 201 and "Location" not in answer.headers, name
    assert owner.dav.names("Box") == {
        "a.txt", "a (2).txt", "new.txt", "In", "In (2)", "a (3).txt", "Far", "In (3)", "Fresh", "a (4).txt",
    }  # fmt: skip
    assert owner.dav.names("Box/In") == {"b.txt", "b (2).txt", "c.txt", "Deep"}
    assert owner.dav.get("Box/a.txt").body == b"words" and owner.dav.get("Box/a%20(2).txt").body == b"sent a.txt"
    assert owner.dav.get("Box/a%20(3).txt/x.txt").body == b"sent a.txt/x.txt"


def test_where_things_come_in_nothing_else_can_be_done(owner: Owner) -> None:
    """The root is an empty folder that never changes; everything else is the same for all names."""
    visitor = owner.visit(owner.link("Box", permissions=4))
    before = visitor.request("PROPFIND", "", headers={"Depth": "1"})
    assert list(before.multistatus) == [visitor.base]
    owner.dav.put("Box/more", b"more")
    assert visitor.request("PROPFIND", "", headers={"Depth": "1"}).body == before.body
    assert visitor.text("", "{http://owncloud.org/ns}permissions") == "CK"
    visitor.request("REPORT", "", "<d:sync-collection xmlns:d='DAV:'><d:sync-token/><d:prop/></d:sync-collection>"
                    ).refused(400, 403, 404)  # fmt: skip
    target = {"Destination": visitor.path("z")}
    for method, body, headers in (
        ("GET", None, {}), ("HEAD", None, {}), ("PROPFIND", None, {"Depth": "0"}), ("DELETE", None, {}),
        ("COPY", None, target), ("MOVE", None, target), ("PROPPATCH", "<x/>", {}),
        ("UNLOCK", None, {"Lock-Token": "<a>"}), ("LOCK", LOCK, {}),
        ("REPORT", "<d:sync-collection xmlns:d='DAV:'/>", {}),
    ):  # fmt: skip
        there = visitor.request(method, "a.txt", body, headers)
        nowhere = visitor.request(method, "no.txt", body, headers)
        assert there.status == nowhere.status and there.body == nowhere.body, (there, nowhere)
        assert 400 <= there.status < 500, there
    assert owner.dav.get("Box/a.txt").body == b"words"


def test_no_number_tells_what_is_there(owner: Owner) -> None:
    """Where things come in only, an answer is the same whether a folder on the way was there or had to be made."""
    visitor = owner.visit(owner.link("Box", permissions=4))
    there, made = visitor.put("In/x.txt", b"x"), visitor.put("Guess/x.txt", b"x")
    plain = [{k: v for k, v in each.headers.items() if k != "Date"} for each in (there, made)]
    assert there.status == made.status == 201 and plain[0] == plain[1]
    assert visitor.mkcol("In").headers.keys() == visitor.mkcol("New").headers.keys()
    assert not {"ETag", "OC-FileId"} & set(plain[0])


def test_things_come_in_within_the_quota(owner: Owner) -> None:
    """And under legal names only."""
    visitor = owner.visit(owner.link("Box", permissions=4))
    owner.server.cli("user", "set", owner.name, "--quota", "1000")
    visitor.put("large", b"x" * 2000).refused(507)
    assert visitor.put("small", b"x").status == 201
    for name in ("a%5cb", "a%2fb", "..", "a%00b"):
        assert visitor.put(name, b"x").status in (400, 403, 404), name
    assert owner.dav.names("Box") == {"a.txt", "In", "small"}


def test_all_methods_within_the_link(owner: Owner) -> None:
    """By everyone who comes by one that lets do everything; what they have done is their maker's, by the link."""
    link = owner.link("Box", permissions=15)
    for address in ADDRESSES:
        visitor = owner.visit(link, address)
        assert visitor.put("new", b"new").status == 201 and visitor.put("new", b"newer").status == 204
        assert visitor.mkcol("folder").status == 201
        assert visitor.copy("new", "folder/copy").status == 201
        moved = visitor.move("folder/copy", "folder/moved")
        assert moved.status == 201 and moved["Location"] == visitor.path("folder/moved")
        assert visitor.proppatch("new", {"{urn:x}a": "1"}).multistatus.only["{urn:x}a"][0] == 200
        token = visitor.locked("new")
        owner.dav.put("Box/new", b"x").refused(423)
        visitor.put("new", b"x").refused(423)
        assert visitor.put("new", b"x", {"If": f"(<{token}>)"}).status == 204
        assert visitor.unlock("new", token).status == 204
        assert visitor.delete("new").status == 204 and visitor.delete("folder/").status == 204
        assert visitor.names() == {"a.txt", "In"}
    (user,) = owner.server.rows(f"SELECT id FROM principal WHERE name='{owner.name}'")
    entries = owner.server.rows(f"SELECT DISTINCT actor, device FROM journal WHERE device={link['id']}")
    assert entries == [(user[0], int(link["id"]))]


def test_locks_are_of_those_who_took_them(owner: Owner) -> None:
    """The maker's token is seen by the link, and is of no use there; what the link has locked its maker can end."""
    link = owner.link("Box", permissions=15)
    visitor, other = owner.visit(link), owner.visit(owner.link("Box", permissions=15))
    token = owner.dav.locked("Box/a.txt")
    visitor.put("a.txt", b"x", {"If": f"(<{token}>)"}).refused(423)
    visitor.unlock("a.txt", token).refused(403)
    locked = visitor.request("LOCK", "a.txt", LOCK)
    locked.refused(423)
    assert owner.dav.unlock("Box/a.txt", token).status == 204
    token = visitor.locked("a.txt")
    other.put("a.txt", b"x", {"If": f"(<{token}>)"}).refused(423)
    other.unlock("a.txt", token).refused(403)
    assert owner.dav.unlock("Box/a.txt", token).status == 204
    # One above all that the link shows has the top of it as its root.
    token = owner.dav.locked("", depth="infinity")
    refused = visitor.put("a.txt", b"x").refused(423)
    assert refused.condition_hrefs == [visitor.base]
    assert owner.dav.unlock("", token).status == 204


def test_nothing_outside_is_reached(owner: Owner) -> None:
    """Neither by what stands in an address nor by where things are to go."""
    link, other = owner.link("Box", permissions=15), owner.link("Box/In", permissions=15)
    visitor = owner.visit(link)
    outside = [
        "/dav/home/x", f"/remote.php/dav/files/{owner.name}/x", "/remote.php/webdav/x", "/public.php/webdav/x",
        f"/remote.php/dav/public-files/{other['token']}/x", f"/s/{link['token']}/x", f"/s/{other['token']}/x",
        "/remote.php/dav/public-files/x", f"/remote.php/dav/public-files/{link['token']}/../x", "../x", "%2e%2e/x",
    ]  # fmt: skip
    for target in outside:
        for method in (visitor.move, visitor.copy):
            assert method("a.txt", target).status in (400, 403, 404, 409), target
    for path in ("../other.txt", "..%2fother.txt", "%2e%2e%2fother.txt", "In/..%2f..%2fother.txt", "..", "%2e%2e/"):
        for method in ("GET", "PROPFIND", "PUT", "DELETE", "MKCOL"):
            assert visitor.request(method, path).status in (400, 404), (method, path)
    for method in ("DELETE", "MOVE"):
        assert visitor.request(method, "", headers={"Destination": visitor.path("z")}).status == 403
    assert visitor.copy("In", "").status == 403
    assert owner.dav.names() == {"Box", "other.txt"} and owner.dav.names("Box") == {"a.txt", "In"}
    # Accounts do not reach into links, either.
    assert owner.dav.copy("other.txt", f"/s/{link['token']}/x").status == 404
    for method, body in (("POST", b"x"), ("ACL", b"<d:acl xmlns:d='DAV:'/>"), ("SEARCH", b"")):
        assert visitor.request(method, "", body).status == 405
    search = "<d:principal-search-property-set xmlns:d='DAV:'/>"
    visitor.request("REPORT", "", search).refused(403)
    visitor.request("REPORT", "", "<d:acl-principal-prop-set xmlns:d='DAV:'/>").refused(403)


def test_a_link_follows_what_it_shows(owner: Owner) -> None:
    """Wherever its owner puts it and whatever they call it; and never what comes in its place."""
    link, file = owner.link("Box"), owner.link("Box/a.txt")
    visitor, single = owner.visit(link), owner.visit(file)
    assert owner.dav.move("Box", "Crate").status == 201 and visitor.get("a.txt").body == b"words"
    owner.dav.mkcol("Far")
    assert owner.dav.move("Crate", "Far/Crate").status == 201 and visitor.names() == {"a.txt", "In"}
    assert owner.dav.move("Far/Crate/a.txt", "Far/z.txt").status == 201
    assert visitor.get("a.txt").status == 404 and single.get("z.txt").body == b"words"
    assert owner.dav.put("Far/Crate/a.txt", b"another").status == 201
    assert single.get("a.txt").status == 404 and single.names() == {"z.txt"}
    assert owner.dav.delete("Far/Crate").status == 204 and visitor.request("PROPFIND", "").status == 404
    owner.dav.mkcol("Far/Crate")
    assert visitor.request("PROPFIND", "").status == 404
    assert visitor.put("x", b"x").status == 404


def test_a_link_is_followed(owner: Owner) -> None:
    """By sync tokens of its own folder, which tell nothing of what is beside or above it."""
    link = owner.link("Box", permissions=15)
    visitor = owner.visit(link)
    begun = visitor.report_sync().multistatus
    assert set(begun) >= {visitor.base + "a.txt", visitor.base + "In/b.txt"}
    owner.dav.put("Box/new", b"x")
    owner.dav.put("beside", b"x")
    owner.dav.move("other.txt", "renamed")
    owner.dav.move("Box/a.txt", "gone")
    after = visitor.report_sync("", begun.sync_token).multistatus
    assert set(after) == {visitor.base + "new", visitor.base + "a.txt"} and after.gone == {visitor.base + "a.txt"}
    text = visitor.text("", "sync-token")
    assert owner.name not in text and "Box" not in text


def test_uses_are_counted(owner: Owner) -> None:
    """Each GET of content; when there are no more, nothing is there, even for many at once."""
    from support.parallel import together

    link = owner.link()
    Api.of(owner.server, owner.name).patch(f"/links/{link['id']}", {"max_uses": 3}).ok()
    visitor = owner.visit(link)
    assert visitor.request("PROPFIND", "", headers={"Depth": "1"}).status == 207
    assert visitor.head("a.txt").status == 200 and visitor.get("none").status == 404
    statuses = together([lambda: owner.visit(link).get("a.txt").status for _ in range(8)])
    assert sorted(statuses) == [200] * 3 + [404] * 5
    assert visitor.request("PROPFIND", "").status == 404
    assert owner.server.rows(f"SELECT uses FROM link WHERE id={link['id']}") == [(3,)]
    free = owner.link()
    assert owner.visit(free).get("a.txt").status == 200
    eventually(lambda: owner.server.rows(f"SELECT uses FROM link WHERE id={free['id']}") == [(1,)])


@pytest.mark.slow
def test_passwords_cannot_be_guessed(owner: Owner) -> None:
    """Wrong ones slow down for the link and the network; accounts, other links, and the right one are not held up."""
    link, other = owner.link(password="open-sesame"), owner.link("Box/In", password="open-sesame")
    statuses = [owner.visit(link, password=f"guess {n}").get("a.txt").status for n in range(12)]
    assert set(statuses[:10]) == {401} and set(statuses[10:]) == {429}
    assert owner.visit(other, password="open-sesame").get("b.txt").status == 200
    assert owner.server.dav(owner.name).get("other.txt").status == 200
    assert owner.visit(link, password="open-sesame").get("a.txt").status == 200
    assert owner.visit(link, password="guess 1").get("a.txt").status in (401, 429)
    assert owner.visit(link, password="open-sesame").get("a.txt").status == 200


@pytest.mark.slow
def test_tokens_cannot_be_guessed(owner: Owner) -> None:
    """Whoever asks for many that there are not waits; those that there are open at once."""
    link = owner.link()
    begun = time.monotonic()
    for n in range(12):
        path = ADDRESSES[n % 3].format(secrets.token_hex(8))
        assert Dav(owner.server.port, path, None).get("a.txt").status in (404, 429)
    assert time.monotonic() - begun > 0.9
    begun = time.monotonic()
    assert owner.visit(link).get("a.txt").status == 200
    assert time.monotonic() - begun < 0.9
    for token in ("x" * 5000, "a%00b", "%F0%9F%92%A9", "-", "a%2Fb"):
        assert Dav(owner.server.port, f"/s/{token}/", None).request("PROPFIND", "").status in (400, 404, 429)


def test_answers_are_safe_to_show(owner: Owner) -> None:
    """Nothing runs in our origin, nothing is indexed, nobody learns the address; and no log holds a token."""
    owner.dav.put("Box/page.html", b"<script>alert(1)</script>")
    link = owner.link("Box", permissions=15)
    for address in ADDRESSES:
        visitor = owner.visit(link, address)
        for answer in (visitor.get("page.html"), visitor.get("none"), visitor.request("PROPFIND", "")):
            assert answer["Referrer-Policy"] == "no-referrer" and answer["X-Robots-Tag"].startswith("noindex")
            assert answer.headers["Cache-Control"].startswith(("private", "no-store"))
        page = visitor.get("page.html")
        assert page["Content-Disposition"].startswith("attachment") and "sandbox" in page["Content-Security-Policy"]
        assert page["X-Content-Type-Options"] == "nosniff"
        visitor.put("new", b"x" * 10, {"OC-Checksum": "SHA1:00"})
    log = owner.server.log_tail(10_000_000)
    assert link["token"] not in log
    for (cells,) in owner.server.rows("SELECT old_name FROM journal WHERE old_name IS NOT NULL"):
        assert link["token"] not in cells


def test_what_is_remembered_of_a_link(owner: Owner) -> None:
    """Two links to one folder do not share what is told of them; a changed one is another one at once."""
    first, second = owner.link(permissions=15), owner.link(permissions=15, expireDate="2031-05-06")
    name = "{http://owncloud.org/ns}public-link-expiration"
    for address in (ADDRESSES[3], ADDRESSES[0]):
        for _ in range(2):
            assert owner.visit(first, address).prop("", name)[0] == 404
            assert owner.visit(second, address).prop("", name)[0] == 200
    visitor = owner.visit(first)
    assert visitor.put("new", b"x").status == 201
    owner.change(first, permissions=1).ok()
    visitor.put("new", b"x").refused(403)
    assert visitor.text("", "{http://owncloud.org/ns}public-link-permission") == "1"
    owner.change(first, password="open-sesame").ok()
    assert visitor.get("a.txt").status == 401
    locked = owner.visit(first, password="open-sesame")
    assert locked.get("a.txt").status == locked.get("a.txt").status == 200
    owner.change(first, password="other-sesame").ok()
    assert locked.get("a.txt").status == 401


def test_the_other_gateway(own_server: Callable[..., Server]) -> None:
    """Links are the same there."""
    server = own_server(workers=1, env={"DAVSHARE_GATEWAY": "wsgidav"})
    server.dav("alice").mkcol("Box")
    server.dav("alice").put("Box/a.txt", b"words" * 100_000)
    calls = Ocs(server, "alice", app=APP)
    for permissions in (15, 4):
        link = calls.post("shares", {"path": "Box", "shareType": 3, "permissions": permissions}).ok()
        visitor = Dav(server.port, ADDRESSES[0].format(link["token"]), None)
        assert visitor.put("new", b"new").status == 201
        assert visitor.put("new", b"newer").status == (204 if permissions == 15 else 201)
        assert visitor.get("a.txt").status == (200 if permissions == 15 else 404)
        assert len(visitor.propfind("", depth="1")) == (3 if permissions == 15 else 1)
        assert visitor.put("../x", b"x").status == 400
    assert server.dav("alice").names("Box") == {"a.txt", "new", "new (2)", "new (3)"}
    assert server.dav("alice").get("Box/new").body == b"newer"


def test_what_its_maker_has_received(owner: Owner) -> None:
    """It is linked to as far as it may be shared on; and a link to the folder that it appears in does not show it."""
    friend = f"s{secrets.token_hex(4)}"
    owner.server.cli("user", "add", friend, "--password-stdin", input=PASSWORD)
    owner.server.users[friend] = PASSWORD
    theirs = owner.server.dav(friend)
    theirs.mkcol("Given")
    theirs.put("Given/g.txt", b"given")
    given = {"path": "/Given", "shareType": 0, "shareWith": owner.name, "permissions": 17}
    share = Ocs(owner.server, friend, app=APP).post("shares", given).ok()
    assert owner.dav.get("Shares/Given/g.txt").body == b"given"
    owner.dav.put("Shares/own.txt", b"own")
    visitor = owner.visit(owner.link("Shares"))
    assert visitor.names() == {"own.txt"} and visitor.get("own.txt").body == b"own"
    for path in ("Given", "Given/", "Given/g.txt"):
        assert visitor.get(path).status == visitor.request("PROPFIND", path).status == 404
    assert set(visitor.report_sync().multistatus) >= {visitor.base + "own.txt"}
    assert b"Given" not in visitor.report_sync().body
    passed_on = owner.visit(owner.link("Shares/Given"))
    assert passed_on.names() == {"g.txt"} and passed_on.get("g.txt").body == b"given"
    Ocs(owner.server, friend, app=APP).delete(f"shares/{share['id']}").ok()
    assert passed_on.get("g.txt").status == 404


def test_what_was_before_the_link_is_not_told(owner: Owner) -> None:
    """Sync tokens are easily made up; by none of them the past of a folder is seen."""
    dav = owner.dav
    dav.mkcol("Box/Old")
    dav.put("Box/gone-secret.txt", b"1")
    dav.put("Box/Old/gone-secret.txt", b"1")
    dav.delete("Box/gone-secret.txt")
    dav.delete("Box/Old/gone-secret.txt")
    time.sleep(1.1)
    visitor = owner.visit(owner.link())
    token = visitor.report_sync().multistatus.sync_token
    begin, _, number = token.rpartition("-")
    dav.move("Box/Old", "Box/New")
    dav.mkcol("Box/Old")
    for forged in (*[f"{begin}-{seq:x}" for seq in range(int(number, 16))], f"{token}-0.0.0", f"{token}-0.0.2"):
        assert b"secret" not in visitor.report_sync("", forged).body, forged
    told = visitor.report_sync("", token).multistatus
    assert {visitor.base + "New/", visitor.base + "Old/"} <= set(told), "and what came after it is"


def test_free_space_is_told_to_those_who_add_something(owner: Owner) -> None:
    """Readers need not know how full the disk or the quota of somebody is."""
    for permissions, status in ((1, 404), (5, 200)):
        visitor = owner.visit(owner.link(permissions=permissions))
        assert visitor.prop("", "{DAV:}quota-available-bytes")[0] == status


@pytest.mark.parametrize("permissions", [4, 15])
@pytest.mark.parametrize("name", ["late.bin", "a.txt"])
def test_a_link_that_ends_takes_nothing_that_is_on_its_way(owner: Owner, permissions: int, name: str) -> None:
    """However slowly somebody sends, what comes after the end is not kept."""
    link = owner.link(permissions=permissions)
    with socket.create_connection(("127.0.0.1", owner.server.port), timeout=20) as sock:
        head = f"PUT /s/{link['token']}/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n"
        sock.sendall(head.encode() + b"x" * 200_000)
        time.sleep(0.5)
        owner.calls.call("DELETE", f"shares/{link['id']}").ok()
        sock.sendall(b"x" * 100_000)
        assert sock.recv(100).startswith(b"HTTP/1.1 404")
    assert owner.dav.names("Box") == {"a.txt", "In"} and owner.dav.get("Box/a.txt").body == b"words"
