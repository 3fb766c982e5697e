"""The URLs of davshare, what a browser sees there, and how user content is served."""

from __future__ import annotations

import json
import re
import secrets
from html import unescape

import pytest

from support.client import Dav, enc
from support.follower import walk
from support.server import Server

ACTIVE = {
    "page.html": b"<script>alert(1)</script>",
    "page.HTM": b"<script>alert(1)</script>",
    "image.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "data.xml": b"<a/>",
    "script.js": b"alert(1)",
    "unknown": b"<html><script>alert(1)</script>",
    "picture.png": b"<html><script>alert(1)</script>",
}


def members(dav: Dav, path: str) -> set[str]:
    """The hrefs below a collection, itself left out."""
    return set(dav.propfind(path, "resourcetype", depth="1")) - {dav.href(path)}


# -- views ---------------------------------------------------------------------------------


def test_the_root_of_the_view(server: Server, team_space: str) -> None:
    """/dav/ holds the parts of the signed-in person's view, each one a collection."""
    dav = server.dav("alice", "/dav/")
    found = members(dav, "/dav/")
    assert {"/dav/home/", "/dav/spaces/"} <= found <= {f"/dav/{n}/" for n in ("home", "spaces", "users", "principals")}
    for href in found:
        assert dav.propfind(href, "resourcetype").only.is_collection


def test_spaces_by_name(server: Server, team_space: str, team: tuple[Dav, Dav]) -> None:
    """/dav/spaces/ lists the spaces of which one is a member; others are not there."""
    alice, bob = team
    assert team_space in members(alice, "/dav/spaces/")
    server.cli("space", "add", "closed")
    server.cli("space", "set", "closed", "--member", "alice:editor")
    assert "/dav/spaces/closed/" in members(alice, "/dav/spaces/")
    assert "/dav/spaces/closed/" not in members(bob, "/dav/spaces/")
    for path in ("/dav/spaces/closed/", "/dav/spaces/never-there/"):
        bob.request("PROPFIND", path, headers={"Depth": "0"}).refused(404)
    alice.put("file", b"1")
    assert bob.get("file").body == b"1"


def test_spaces_cannot_be_made_by_mkcol(server: Server, team_space: str) -> None:
    """The lists of spaces, users and principals change by administration only."""
    dav = server.dav("alice", "/dav/")
    for path in ("spaces/new/", "users/new/", "principals/new/", "new/"):
        assert dav.mkcol(path).status in (403, 404, 405, 409), path
    for path in ("spaces/file", "file", "users/file"):
        assert dav.put(path, b"x").status in (403, 404, 405, 409), path
    for path in ("/dav/spaces/", team_space, "/dav/home/", "/dav/users/"):
        assert dav.delete(path).status in (403, 404, 405), path
        assert dav.move(path, "/dav/home/stolen/").status in (403, 404, 405, 409, 502), path
    assert server.dav("alice").request("PROPFIND", "stolen/", headers={"Depth": "0"}).status == 404


def test_dollar_is_an_id(server: Server, team: tuple[Dav, Dav], team_space: str) -> None:
    """A segment with `$` below spaces is an id: a known one works, others are 404 and no name holds it."""
    alice, _ = team
    server.cli("space", "add", "us$d", check=False)
    listing = json.loads(server.cli("space", "list", "--json").stdout)
    assert "us$d" not in [space["name"] for space in listing]
    (number,) = [space["id"] for space in listing if space["name"] == "team"]
    dav = server.dav("alice", "/dav/")
    for segment in ("$", "team$", "$999999", "$x", "$-1", f"{number}$", "$" + "9" * 30):
        assert dav.request("PROPFIND", f"spaces/{segment}/", headers={"Depth": "0"}).status == 404, segment
    assert alice.put("file", b"1").status == 201
    assert alice.get(alice.base.replace("/team/", f"/${number}/") + "file").body == b"1"
    assert server.dav("alice").put("us$d.txt", b"1").status in (201, 204), "in a file's name it is a letter"


def test_users(server: Server, box: Dav) -> None:
    """/dav/users/NAME/ is the home of its owner; of others only what was granted, as if the rest were not there."""
    box.put("file", b"1")
    own = box.base.replace("/dav/home/", "/dav/users/alice/")
    assert box.get(own + "file").body == b"1"
    bob = server.dav("bob", "/dav/")
    foreign = bob.request("PROPFIND", "users/alice/", headers={"Depth": "1"})
    nobody = bob.request("PROPFIND", "users/nobody-at-all/", headers={"Depth": "1"})
    assert foreign.status == nobody.status
    assert foreign.status == 404 or set(foreign.multistatus) == {"/dav/users/alice/"}
    for path in (own, own + "file", own + "none", "users/alice/.davshare/"):
        assert bob.get(path).status == 404
        assert bob.request("PROPFIND", path, headers={"Depth": "0"}).status == 404
    assert bob.put(own + "file", b"x").status in (403, 404)
    assert bob.put(own + "new", b"x").status in (403, 404, 409)
    assert bob.delete(own + "file").status in (403, 404)
    assert box.get("file").body == b"1"


def test_principals(server: Server) -> None:
    """/dav/principals/ leads to the principal of the signed-in person."""
    dav = server.dav("alice", "/dav/")
    href = dav.prop("", "current-user-principal")[1].findtext("{DAV:}href")
    assert href.startswith("/dav/principals/")
    assert dav.propfind(href, "displayname").only.text("displayname")
    assert dav.request("PROPFIND", "principals/", headers={"Depth": "1"}).status == 207
    assert dav.put(href, b"x").status in (403, 405, 409)
    assert dav.delete(href).status in (403, 405)


@pytest.mark.parametrize("alias", ["/remote.php/webdav/", "/remote.php/dav/files/alice/", "/dav/users/alice/"])
def test_aliases(box: Dav, alias: str) -> None:
    """Every alias of the home shows the same tree, under its own hrefs, to read and to write."""
    other = box.clone(box.base.replace("/dav/home/", alias))
    box.mkcol("a")
    box.put("a/file", b"1")
    own = {href.removeprefix(box.base): fact for href, fact in walk(box).items()}
    assert {href.removeprefix(other.base): fact for href, fact in walk(other).items()} == own
    assert other.put("a/new", b"2").status == 201
    assert other.move("a/new", "a/moved").status == 201
    assert box.get("a/moved").body == b"2"
    assert other.copy("a/moved", box.path("across")).status == 201
    assert other.delete("a/").status == 204
    assert box.names() == {"across"}


@pytest.mark.parametrize("path", ["/remote.php/dav/files/bob/", "/remote.php/dav/files/nobody-at-all/"])
def test_aliases_of_others(box: Dav, path: str) -> None:
    """Someone else's name in the address is not there, whether the person exists or not."""
    assert box.request("PROPFIND", path, headers={"Depth": "0"}).status in (403, 404)
    assert (
        box.request("PROPFIND", path, headers={"Depth": "0"}).status
        == box.request("PROPFIND", "/remote.php/dav/files/one-more-nobody/", headers={"Depth": "0"}).status
    )
    assert box.put(path + "x", b"1").status in (403, 404, 409)


def test_moves_between_home_and_space(team: tuple[Dav, Dav]) -> None:
    """Files and folders with properties go from one space to another and back."""
    alice, bob = team
    home = alice.clone("/dav/home/").fresh_box()
    home.mkcol("d")
    home.put("d/file", b"content")
    home.proppatch("d/file", {"{urn:x}p": "v"})
    assert home.move("d/", alice.path("d/")).status == 201
    assert home.names() == set()
    assert bob.get("d/file").body == b"content"
    assert bob.text("d/file", "{urn:x}p") == "v"
    assert alice.copy("d/", home.path("back/")).status == 201
    assert home.get("back/file").body == b"content"
    assert alice.move("d/file", home.path("back/file"), overwrite="F").status == 412
    assert alice.move("d/file", home.path("back/file")).status == 204
    assert bob.names("d/") == set()


def test_private_folder(box: Dav, server: Server, team_space: str) -> None:
    """`.davshare` in a space's root is unreachable: not listed, not read, not made, not replaced."""
    home = server.dav("alice")
    box.put("file", b"1")
    names = [".davshare", "%2Edavshare", ".DavShare", ".davshare/x", ".davshare/staging"]
    for root in ("/dav/home/", "/remote.php/webdav/", team_space):
        for name in names:
            assert home.get(root + name).status in (403, 404), name
            assert home.request("PROPFIND", root + name, headers={"Depth": "1"}).status in (403, 404), name
            assert home.put(root + name, b"x").status in (403, 404, 405, 409), name
            assert home.mkcol(root + name).status in (403, 404, 405, 409), name
            assert home.delete(root + name).status in (403, 404), name
            assert home.move(box.path("file"), root + name).status in (403, 404, 409), name
            assert home.copy(box.path("file"), root + name).status in (403, 404, 409), name
            assert home.move(root + name, box.path("stolen")).status in (403, 404), name
            assert home.lock(root + name).status in (403, 404, 405, 409), name
        assert not [name for name in home.names(root) if name.lower().startswith(".davshare")]
    assert box.names() == {"file"}
    assert box.mkcol(".davshare").status == 201, "deeper down it is a name like any other"


# -- browsers ------------------------------------------------------------------------------


def test_listing_page(box: Dav) -> None:
    """A browser that opens a folder gets a page with a working link for every member."""
    names = {"a & b.txt", '<img src=x onerror=alert(1)>"', "grüße#?.txt", "100%"}
    for name in names:
        box.put(enc(name), b"content of it")
    box.mkcol("folder")
    answer = box.get("", {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status == 200
    assert answer["Content-Type"].lower() == "text/html; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert (
        "default-src 'none'" in answer["Content-Security-Policy"] or "script-src" in answer["Content-Security-Policy"]
    )
    text = answer.body.decode()
    assert "<img src=x" not in text
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"', text)]
    reached = set()
    for link in links:
        target = link if link.startswith("/") else box.base + link
        if target.startswith(box.base) and box.get(target).body == b"content of it":
            reached.add(target)
    assert len(reached) == len(names)
    assert any(link.rstrip("/").endswith("folder") for link in links)
    head = box.head("", {"Accept": "text/html"})
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("path", ["/dav/", "/dav/home/", "/dav/spaces/", "/remote.php/webdav/"])
def test_listing_pages_of_roots(server: Server, path: str) -> None:
    """So do the collections above the files."""
    answer = server.dav("alice").get(path, {"Accept": "text/html"})
    assert answer.status == 200
    assert answer["Content-Type"].lower() == "text/html; charset=utf-8"


def test_listing_needs_login(server: Server, box: Dav) -> None:
    """Without a login a browser is asked for one."""
    answer = server.dav(None).get(box.base, {"Accept": "text/html"})
    assert answer.status == 401
    assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize("name", sorted(ACTIVE))
def test_user_content_cannot_act(box: Dav, name: str) -> None:
    """nosniff and a sandboxing policy always; attachment for types that a browser would run."""
    box.put(name, ACTIVE[name])
    for answer in (box.get(name), box.head(name), box.get(name, {"Range": "bytes=0-3"})):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        if name.lower().endswith((".html", ".htm", ".svg", ".xhtml", ".xml")):
            assert answer["Content-Disposition"].startswith("attachment")


def test_names_in_content_disposition(box: Dav) -> None:
    """Quotes, line ends and other letters in names never break the header."""
    for name in ('a"b.html', "grüße.html", "a;b=c.html", "x%0a.html", "\U0001f600.svg"):
        assert box.put(enc(name), b"x").status == 201
        answer = box.get(enc(name))
        assert answer.status == 200
        assert answer["Content-Disposition"].startswith("attachment")
        assert len(answer.headers.get_all("Content-Disposition")) == 1


def test_user_content_is_not_shared_by_caches(box: Dav) -> None:
    """Nothing that needed a login is stored by a shared cache."""
    box.put("file", b"1")
    for answer in (box.get("file"), box.get("", {"Accept": "text/html"})):
        cache = answer.headers.get("Cache-Control", "")
        assert "private" in cache or "no-store" in cache or "no-cache" in cache


def test_readiness(server: Server) -> None:
    """GET /readyz is 200 without login, and says nothing else."""
    answer = server.dav(None, "/").get("readyz")
    assert answer.status == 200
    assert len(answer.body) < 200


def test_unknown_names_do_not_differ(server: Server) -> None:
    """Without login existing and missing paths are answered the same."""
    nobody = server.dav(None, "/")
    found = {
        (answer.status, answer.body)
        for answer in (
            nobody.get(f"/dav/home/{secrets.token_hex(4)}"),
            nobody.get("/dav/home/"),
            nobody.get("/dav/users/bob/"),
        )
    }
    assert len(found) == 1 and found.pop()[0] == 401
