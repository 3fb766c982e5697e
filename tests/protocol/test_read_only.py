"""Read-only spaces: every change is refused and says why; everything else works."""

from __future__ import annotations

import secrets

import pytest

from support.client import Dav
from support.server import Server

TYPE = "application/x-sabredav-partialupdate"


@pytest.fixture(scope="module")
def space(module_server: Server) -> Dav:
    """A space that became read-only, with a file, a folder, and a lock from before."""
    name = f"r{secrets.token_hex(4)}"
    module_server.cli("space", "add", name, "--member", "alice:manager", "--member", "bob:viewer")
    dav = module_server.dav("alice", f"/dav/spaces/{name}/")
    dav.put("file", b"content")
    dav.mkcol("folder")
    dav.put("folder/member", b"1")
    dav.put("locked", b"1")
    dav.token = dav.locked("locked", depth="0")
    module_server.cli("space", "set", name, "--read-only")
    return dav


WRITES = {
    "PUT": lambda dav: dav.put("file", b"2"),
    "PUT new": lambda dav: dav.put("new", b"2"),
    "PATCH": lambda dav: dav.request("PATCH", "file", b"x", {"Content-Type": TYPE, "X-Update-Range": "append"}),
    "POST": lambda dav: dav.request("POST", "", b"x", {"Slug": "new"}),
    "DELETE": lambda dav: dav.delete("file"),
    "DELETE folder": lambda dav: dav.delete("folder/"),
    "MKCOL": lambda dav: dav.mkcol("new"),
    "MKCOL there": lambda dav: dav.mkcol("folder"),
    "PROPPATCH": lambda dav: dav.proppatch("file", {"{urn:x}a": "1"}),
    "PROPPATCH time": lambda dav: dav.proppatch("file", {"lastmodified": "1500000000"}),
    "COPY into": lambda dav: dav.copy("file", "new"),
    "COPY onto": lambda dav: dav.copy("file", "folder/member"),
    "MOVE": lambda dav: dav.move("file", "new"),
    "LOCK": lambda dav: dav.lock("file", depth="0"),
    "LOCK new": lambda dav: dav.lock("new", depth="0"),
    "LOCK folder": lambda dav: dav.lock("folder/"),
    "refresh": lambda dav: dav.refresh("locked", dav.token),
}


@pytest.mark.parametrize("write", sorted(WRITES))
def test_refused(space: Dav, write: str) -> None:
    """403 with a word on the reason; nothing changes."""
    answer = WRITES[write](space).refused(403, condition="need-privileges")
    assert "read-only" in answer.xml.findtext("{http://sabredav.org/ns}message")
    assert space.names() == {"file", "folder", "locked"}
    assert space.get("file").body == b"content"


def test_reading(space: Dav, module_server: Server) -> None:
    """Reading, listing, reporting, copying out and the page work, moving out does not."""
    assert space.get("file").body == b"content"
    assert space.head("file").status == 200
    assert space.report_sync().status == 207
    assert b"member" in space.get("folder/", {"Accept": "text/html"}).body
    home = module_server.dav("alice").fresh_box()
    assert space.copy("folder/", home.path("copy")).status == 201
    assert home.get("copy/member").body == b"1"
    space.move("folder/", home.path("moved")).refused(403)
    assert home.names() == {"copy"}


def test_what_is_told(space: Dav) -> None:
    """Allow, supported-method-set and current-user-privilege-set agree with what is possible."""
    for path in ("file", "folder/", ""):
        allow = set(space.request("OPTIONS", path)["Allow"].split(", "))
        assert allow.isdisjoint({"PUT", "PATCH", "POST", "DELETE", "MKCOL", "MOVE", "PROPPATCH", "LOCK"})
        assert {"GET", "PROPFIND", "COPY"} <= allow
        found = space.propfind(path, "supported-method-set", "current-user-privilege-set").only
        assert {each.get("name") for each in found["supported-method-set"][1]} == allow
        privileges = {each[0].tag.removeprefix("{DAV:}") for each in found["current-user-privilege-set"][1]}
        assert "read" in privileges
        assert privileges <= {"read", "read-acl", "read-current-user-privilege-set"}


def test_old_locks_can_go(space: Dav) -> None:
    """A lock from before can be given back."""
    assert space.unlock("locked", space.token).status == 204
    assert space.text("locked", "lockdiscovery") == ""


def test_writable_again(module_server: Server) -> None:
    """The switch works in both directions, at once."""
    name = f"r{secrets.token_hex(4)}"
    module_server.cli("space", "add", name, "--member", "alice:editor")
    dav = module_server.dav("alice", f"/dav/spaces/{name}/")
    for switch, status in (("--read-only", 403), ("--read-write", 201), ("--read-only", 403)):
        module_server.cli("space", "set", name, switch)
        assert dav.put("file", b"1").status == status
