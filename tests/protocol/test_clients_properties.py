"""Properties and headers without which ownCloud's and Nextcloud's clients sync nothing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav
from support.server import Server

OC = "{http://owncloud.org/ns}"
NC = "{http://nextcloud.org/ns}"
PERMISSIONS = OC + "permissions"
ROOTS = ("/remote.php/webdav/", "/remote.php/dav/files/alice/")
#: What owncloudcmd 2.11 sends; the M is really there.
LISTING = (
    b'<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/><d:getlastmodified/>'
    b'<d:getcontentlength/><d:getetag/><id xmlns="http://owncloud.org/ns"/><downloadURL xmlns="http://owncloud.org/ns"/>'
    b'<dDC xmlns="http://owncloud.org/ns"/><permissions xmlns="http://owncloud.org/ns"/>'
    b'<checksums xmlns="http://owncloud.org/ns"/><data-fingerprint xmlns="http://owncloud.org/ns"/>'
    b'<share-types xmlns="http://owncloud.org/ns"/></d:prop>M</d:propfind>'
)


def letters(dav: Dav, path: str = "") -> set[str]:
    """The permissions of one thing."""
    text = dav.text(path, PERMISSIONS)
    assert text is not None and len(set(text)) == len(text)
    return set(text)


@pytest.mark.parametrize("root", ROOTS)
def test_a_listing(box: Dav, root: str) -> None:
    """Prefixes, order and types are those that clients look for, letter by letter."""
    box.put("file.txt", b"abc", headers={"OC-Checksum": "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d"})
    box.mkcol("folder")
    here = root + box.base.removeprefix("/dav/home/")
    headers = {"Depth": "1", "Content-Type": "text/xml; charset=utf-8"}
    answer = box.request("PROPFIND", here, LISTING, headers)
    assert answer.status == 207 and answer["Content-Type"] == "application/xml; charset=utf-8"
    text = answer.body.decode()
    hrefs = [part.split("</d:href>")[0] for part in text.split("<d:href>")[1:]]
    assert hrefs[0] == here and sorted(hrefs[1:]) == [here + "file.txt", here + "folder/"]
    for part in text.split("<d:response>")[1:]:
        first, *others = part.split("<d:propstat>")[1:]
        assert "<d:status>HTTP/1.1 200 OK</d:status>" in first
        for name in ("d:getetag", "oc:id", "oc:permissions", "d:getlastmodified"):
            assert f"<{name}>" in first, first
        assert "<d:resourcetype>" in first or "<d:resourcetype/>" in first
        assert all("404 Not Found" in other for other in others)
    (told,) = [part for part in text.split("<d:response>") if here + "file.txt" in part]
    assert "<d:getcontentlength>3</d:getcontentlength>" in told
    assert "SHA1:a9993e364706816aba3e25717850c26c9cd0d89d" in told


def test_what_an_owner_may(box: Dav) -> None:
    """Everything but to remove the home itself."""
    box.put("file", b"1")
    box.mkcol("folder")
    assert letters(box, "file") == set("RGDNVW")
    assert letters(box, "folder/") == set("RGDNVCK")
    for root in ("/dav/home/", *ROOTS):
        assert letters(box, root) == set("GCK")


def test_listed_and_alone_it_is_the_same(box: Dav) -> None:
    """In a listing of its folder, and asked for by itself."""
    box.mkcol("folder")
    box.put("folder/file", b"1")
    listed = box.propfind("folder/", PERMISSIONS, depth="1")
    for path in ("folder/", "folder/file"):
        assert listed[box.href(path)].text(PERMISSIONS) == box.text(path, PERMISSIONS)


@pytest.mark.parametrize(
    ("role", "on_file", "on_folder"),
    [
        ("viewer", "G", "G"),
        ("contributor", "G", "GCK"),
        ("editor", "GDNVW", "GDNVCK"),
        ("manager", "RGDNVW", "RGDNVCK"),
    ],
)
def test_what_members_may(server: Server, role: str, on_file: str, on_folder: str) -> None:
    """As their role says; and what the letters deny is refused."""
    name = f"s{secrets.token_hex(4)}"
    server.cli("space", "add", name, "--member", f"alice:{role}")
    admin = server.dav("admin", f"/dav/spaces/{name}/")
    admin.put("file", b"1")
    admin.mkcol("folder")
    alice = server.dav("alice", f"/dav/spaces/{name}/")
    assert letters(alice, "file") == set(on_file)
    assert letters(alice, "folder/") == set(on_folder)
    assert (alice.put("file", b"2").status == 204) == ("W" in on_file)
    assert (alice.put("folder/new", b"2").status == 201) == ("C" in on_folder)
    assert (alice.delete("file").status == 204) == ("D" in on_file)


def test_grants_and_denials_inside(server: Server, box: Dav) -> None:
    """Each member of a listing has the letters of its own rights and of its folder."""
    base = box.base.removeprefix("/dav/home/")
    box.mkcol("shared")
    box.put("shared/open", b"1")
    box.put("shared/closed", b"1")
    server.cli("acl", "grant", f"users/alice/{base}shared", "bob", "editor")
    server.cli("acl", "deny", f"users/alice/{base}shared/closed", "bob", "write-content")
    bob = server.dav("bob", f"/dav/users/alice/{base}shared/")
    listed = bob.propfind("", PERMISSIONS, depth="1")
    assert set(listed[bob.href("open")].text(PERMISSIONS)) == set("GDNVW")
    assert set(listed[bob.href("closed")].text(PERMISSIONS)) == set("GDNV")
    assert letters(bob, "closed") == set("GDNV")
    assert letters(bob) == set("GCK"), "what holds it is not theirs"


def test_a_reading_token(server: Server, box: Dav) -> None:
    """A token that only reads tells a client to change nothing."""
    box.put("file", b"1")
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    reader = Dav(server.port, box.base, f"Bearer {token}")
    assert letters(reader, "file") == {"G"} and letters(reader) == {"G"}


def test_ids_are_told_alike(box: Dav) -> None:
    """oc:id is oc:fileid and a suffix; PUT tells the same, and it stays with MOVE."""
    answer = box.put("file", b"1")
    told = answer["OC-FileId"]
    assert box.text("file", OC + "id") == told
    assert told.startswith(f"{int(box.text('file', OC + 'fileid')):08d}")
    assert answer["ETag"] == answer["OC-ETag"] == box.text("file", "getetag")
    box.request("MOVE", "file", headers={"Destination": box.path("other")})
    assert box.text("other", OC + "id") == told


def test_a_put_of_owncloud(box: Dav) -> None:
    """Time and checksum come with it; another checksum is 400 and changes nothing."""
    right = "SHA1:" + hashlib.sha1(b"abc").hexdigest()
    headers = {"OC-Checksum": right, "X-OC-Mtime": "1500000000", "OC-Total-Length": "3", "OC-Chunk-Size": "10000000"}
    answer = box.put("file", b"abc", headers=headers)
    assert answer.status == 201 and answer["X-OC-MTime"] == "accepted"
    assert box.text("file", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
    box.put("file", b"abd", headers=headers).refused(400)
    assert box.request("GET", "file").body == b"abc"


def test_preview_and_fingerprint(box: Dav) -> None:
    """No file has a preview; the fingerprint is one of roots only."""
    box.put("file", b"1")
    assert box.text("file", NC + "has-preview") == "false"
    root = box.text("/remote.php/webdav/", OC + "data-fingerprint")
    assert root and root == box.text("/remote.php/dav/files/alice/", OC + "data-fingerprint")
    assert box.prop("file", OC + "data-fingerprint")[0] == 404


@pytest.mark.slow
def test_fingerprint_after_a_restore(own_server: Callable[..., Server], tmp_path: Path) -> None:
    """It is the same after a restart, and another one when the index came from a backup."""
    server = own_server()
    server.dav().put("before", b"1")
    server.restart()
    first = server.dav().text("", OC + "data-fingerprint")
    server.stop()
    restore = server.back_up_index(tmp_path)
    server.run()
    assert server.dav().text("", OC + "data-fingerprint") == first
    server.dav().put("after", b"2")
    server.stop()
    restore()
    server.run()
    assert server.dav().text("", OC + "data-fingerprint") != first
