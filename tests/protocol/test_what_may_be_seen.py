"""Nobody learns of names, accounts, locks or activity that are not theirs to know."""

from __future__ import annotations

import secrets

import pytest

from support.client import Dav
from support.multistatus import Multistatus
from support.server import Server


def token_for(server: Server, user: str, *scopes: str) -> str:
    """A fresh app token."""
    options = [part for scope in scopes for part in ("--scope", scope)]
    return server.cli("token", "add", user, *options).stdout.strip().split()[-1]


def test_names_made_elsewhere_are_not_told(server: Server, team: tuple[Dav, Dav]) -> None:
    """A folder that left a space takes what is made in it later out of everybody's reports."""
    alice, bob = team
    alice.mkcol("d")
    alice.put("d/common", b"1")
    token = bob.text("", "sync-token")
    private = f"/dav/home/left-{secrets.token_hex(4)}/"
    assert alice.move("d/", private).status == 201
    alice.put(private + "my-private-name", b"1")
    alice.mkcol("d")
    body = bob.report_sync("", token).body
    assert b"my-private-name" not in body
    assert b"d/common" in body


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_targets_tell_no_accounts(server: Server, box: Dav, method: str) -> None:
    box.put("file", b"1")
    found = set()
    for name in ("bob", f"nobody{secrets.token_hex(3)}"):
        for target in (f"/dav/users/{name}", f"/dav/users/{name}/x"):
            found.add(box.request(method, "file", headers={"Destination": target}).status)
    assert found == {404}


def test_principals_tell_no_accounts(server: Server) -> None:
    alice = server.dav("alice", "/dav/principals/users/")
    mine = alice.request("PROPFIND", "alice/", headers={"Depth": "0"})
    assert mine.status == 207
    others = [alice.request("PROPFIND", name, headers={"Depth": "0"}) for name in ("bob/", "nobody-at-all/")]
    assert [answer.status for answer in others] == [404, 404]
    assert others[0].body == others[1].body


@pytest.mark.rfc("4918", "9.11", "UNLOCK and refresh need a right to write, and heed conditions")
def test_a_reading_token_changes_no_lock(server: Server, box: Dav) -> None:
    box.put("file", b"1")
    lock = box.locked("file", depth="0")
    reader = Dav(box.port, box.base, ("alice", token_for(server, "alice", "read")))
    reader.unlock("file", lock).refused(403)
    reader.refresh("file", lock).refused(403)
    box.request("UNLOCK", "file", headers={"Lock-Token": f"<{lock}>", "If-Match": '"other"'}).refused(412)
    box.request("LOCK", "file", headers={"If": f'(<{lock}> ["other"])'}).refused(412)
    assert box.unlock("file", lock).status == 204


def test_the_way_to_a_token_s_folder_tells_nothing(server: Server, box: Dav) -> None:
    """Folders above the one that a token reaches show that they are folders, and nothing of what is in them."""
    box.mkcol("way")
    box.mkcol("way/goal")
    box.put("way/goal/file", b"1")
    box.put("way/secret", b"12345")
    box.proppatch("way", {"{urn:x}secret": "value"})
    path = (box.base + "way/goal").removeprefix("/dav/")
    scoped = Dav(box.port, box.base, ("alice", token_for(server, "alice", f"path:{path}")))
    names = ("resourcetype", "quota-used-bytes", "sync-token", "{urn:x}secret", "{http://owncloud.org/ns}size")
    found: Multistatus = scoped.propfind("way/", *names, depth="1")
    own = found[scoped.href("way/")]
    assert own.code("{DAV:}resourcetype") == 200
    assert {own.code(name) for name in own.props if name != "{DAV:}resourcetype"} == {404}
    assert set(found) == {scoped.href("way/"), scoped.href("way/goal/")}
    assert found[scoped.href("way/goal/")].code("{DAV:}quota-used-bytes") == 200
    assert scoped.get("way/secret").status == 404
    assert scoped.get("way/goal/file").body == b"1"


def test_trees_end_up_no_deeper_than_they_can_be_made(box: Dav) -> None:
    path = ""
    for _ in range(120):
        path += "d/"
        assert box.mkcol(path).status == 201
    other = "o/"
    for _ in range(100):
        assert box.mkcol(other).status == 201
        other += "o/"
    for method in ("MOVE", "COPY"):
        answer = box.request(method, "d/", headers={"Destination": box.path(other[:-2] + "x")})
        assert answer.status in (403, 409), answer
    assert box.exists(path)


@pytest.mark.rfc("4918", "17", "a property in the xml: namespace does not spoil the answers of a folder")
def test_property_in_the_xml_namespace(box: Dav) -> None:
    box.put("file", b"1")
    update = '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><xml:foo>1</xml:foo></d:prop></d:set></d:propertyupdate>'
    answer = box.request("PROPPATCH", "file", update)
    assert answer.xml is not None
    for kind in ("propname", "allprop"):
        body = f'<d:propfind xmlns:d="DAV:"><d:{kind}/></d:propfind>'
        assert box.request("PROPFIND", "", body, {"Depth": "1"}).multistatus


@pytest.mark.rfc("4918", "9.2", "a refused PROPPATCH leaves time and ETag as they were")
def test_refused_times_change_nothing(box: Dav) -> None:
    box.put("file", b"1")
    before = box.etag("file"), box.get("file")["Last-Modified"]
    box.proppatch("file", {"{DAV:}lastmodified": "1000000", "{urn:x}long": "x" * 70_000})
    assert (box.etag("file"), box.get("file")["Last-Modified"]) == before


@pytest.mark.parametrize("cursor", ["4.ffffffffffffffff.1", "0.1.ffffffffffffffff", "3.8000000000000000.0"])
def test_cursors_beyond_all_numbers(box: Dav, cursor: str) -> None:
    token = box.text("", "sync-token")
    box.report_sync("", f"{token}-{cursor}").refused(403, condition="valid-sync-token")


def test_locks_on_one_file_are_bounded(box: Dav) -> None:
    box.put("file", b"1")
    statuses = [box.lock("file", scope="shared", depth="0").status for _ in range(40)]
    assert set(statuses) == {200, 403} and statuses.count(200) == 32
