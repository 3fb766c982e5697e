"""Frozen links: copies that do not change, with a manifest, and that nobody sees but by their link."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import secrets
import stat
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from davshare.files import freezing
from davshare.server import admin
from support.api import Api
from support.client import Dav
from support.ocs import Ocs
from support.server import Server

PASSWORD = "some-pass-123"
TREE = {"a.txt": b"words", "In/b.bin": secrets.token_bytes(2 * 1024 * 1024), "In/empty": b""}


class Maker(NamedTuple):
    """Somebody with ``/Box``, which holds :data:`TREE`."""

    server: Server
    name: str
    dav: Dav
    api: Api

    def freeze(self, path: str = "/dav/home/Box", **more: Any) -> dict[str, Any]:
        """Make a frozen link."""
        made: dict[str, Any] = self.api.post("/links", {"path": path, "frozen": True, **more}).ok(201)
        return made

    def visit(self, link: dict[str, Any], address: str = "/public.php/dav/files/{}/") -> Dav:
        """Whoever has the address."""
        return self.server.dav(None, address.format(str(link["url"]).rpartition("/s/")[2]))


def tidied(server: Server) -> int:
    """Let the keeper's task run now."""
    with admin.files(server.data) as files:
        return freezing.tidy(files, int(time.time()))


def copies(server: Server) -> set[str]:
    """What is in the folder of copies."""
    folder = server.data / freezing.SNAPSHOTS
    return {entry.name for entry in folder.iterdir()} if folder.exists() else set()


def snapshots(server: Server) -> int:
    """How many copies have rows."""
    return int(server.rows("SELECT count(*) FROM space WHERE kind='snapshot'")[0][0])


def furnished(server: Server, name: str) -> Maker:
    """A fresh account."""
    server.cli("user", "add", name, "--password-stdin", input=PASSWORD)
    server.users[name] = PASSWORD
    dav = server.dav(name)
    dav.mkcol("Box")
    dav.mkcol("Box/In")
    for path, data in TREE.items():
        assert dav.put(f"Box/{path}", data).status == 201
    return Maker(server, name, dav, Api.of(server, name))


@pytest.fixture
def maker(module_server: Server) -> Iterator[Maker]:
    """A fresh one."""
    made = furnished(module_server, f"f{secrets.token_hex(4)}")
    yield made
    made.dav.close()
    module_server.cli("settings", "reset")


def manifest(visitor: Dav) -> dict[str, str]:
    """The manifest at the page of a link."""
    lines = visitor.get("?accept=sha256").body.decode().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def as_made(visitor: Dav) -> None:
    """Everything is as it was when the link was made."""
    for path, data in TREE.items():
        assert visitor.get(path).body == data
    assert manifest(visitor) == {path: hashlib.sha256(data).hexdigest() for path, data in TREE.items()}
    assert visitor.names() == {"a.txt", "In"} and visitor.names("In/") == {"b.bin", "empty"}


def test_it_stays_whatever_becomes_of_the_original(maker: Maker) -> None:
    """Changed, moved, changed on disk by somebody else, deleted: the copy and its manifest are the same bytes."""
    link = maker.freeze()
    assert link["frozen"] and link["role"] == "viewer" and link["path"] == "/dav/home/Box/" and link["state"] == "live"
    visitor = maker.visit(link, "/s/{}/")
    as_made(visitor)
    etag, first = visitor.etag("a.txt"), visitor.get("?accept=sha256").body
    maker.dav.put("Box/a.txt", b"other")
    maker.dav.put("Box/new", b"new")
    (maker.server.home(maker.name) / "Box/In/b.bin").write_bytes(b"changed in place")
    as_made(visitor)
    assert maker.dav.move("Box", "Elsewhere").status == 201
    assert maker.api.get(f"/links/{link['id']}").ok()["path"] == "/dav/home/Elsewhere/"
    as_made(visitor)
    maker.dav.delete("Elsewhere")
    as_made(visitor)
    assert visitor.etag("a.txt") == etag and visitor.get("?accept=sha256").body == first
    known = maker.api.get(f"/links/{link['id']}").ok()
    assert known["path"] is None and known["state"] == "live" and known["url"] == link["url"]
    assert maker.api.get("/links").ok()["items"] == [known]
    assert maker.api.patch(f"/links/{link['id']}", {"label": "kept"}).ok()["label"] == "kept"
    maker.api.delete(f"/links/{link['id']}").ok(204)
    assert visitor.get("a.txt").status == 404


def test_sha256sum_agrees_with_the_archive(maker: Maker, tmp_path: Path) -> None:
    """``sha256sum -c`` in the unpacked archive."""
    visitor = maker.visit(maker.freeze(), "/s/{}")
    with zipfile.ZipFile(io.BytesIO(visitor.get("?accept=zip").body)) as archive:
        archive.extractall(tmp_path)
    found = [path for path in tmp_path.rglob("*") if path.name == "b.bin"]
    top = found[0].parent.parent
    (top / "SHA256SUMS").write_bytes(visitor.get("?accept=sha256").body)
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=top, capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and checked.stdout.count(": OK") == len(TREE)


def test_the_page_says_so(maker: Maker) -> None:
    """Of a folder and of a file, to people and programs."""
    page = maker.visit(maker.freeze(), "/s/{}")
    text = page.get(headers={"Accept": "text/html"}).body.decode()
    assert "that does not change" in text and "SHA256SUMS" in text
    assert b'"frozen"' in page.get(headers={"Accept": "application/json"}).body
    file = maker.visit(maker.freeze("/dav/home/Box/a.txt"), "/s/{}")
    maker.dav.put("Box/a.txt", b"other")
    maker.dav.move("Box/a.txt", "Box/renamed")
    text = file.get(headers={"Accept": "text/html"}).body.decode()
    assert "that does not change" in text and "SHA256SUMS" in text
    digest = hashlib.sha256(b"words").hexdigest()
    assert file.get("?accept=sha256").body.decode() == f"{digest}  a.txt\n"
    assert digest.encode() in file.get(headers={"Accept": "application/json"}).body
    file = file.clone(f"{file.base}/")
    assert file.get("a.txt").body == b"words" and file.get("renamed").status == 404
    plain = maker.api.post("/links", {"path": "/dav/home/Box"}).ok(201)
    assert plain["frozen"] is None
    assert b"does not change" not in maker.visit(plain, "/s/{}").get(headers={"Accept": "text/html"}).body


def test_nothing_is_written(maker: Maker) -> None:
    """No method changes it, no change of the link lets one, and no file on disk can be written."""
    link = maker.freeze()
    visitor = maker.visit(link)
    assert visitor.put("a.txt", b"x").status == 403 and visitor.put("new", b"x").status == 403
    assert visitor.delete("a.txt").status == 403 and visitor.mkcol("folder").status == 403
    assert visitor.move("a.txt", "b.txt").status == 403 and visitor.copy("a.txt", "b.txt").status == 403
    assert visitor.lock("a.txt").status == 403
    for role in ("editor", "uploader", "drop-box"):
        maker.api.patch(f"/links/{link['id']}", {"role": role}).refused(400)
        maker.api.post("/links", {"path": "/dav/home/Box", "frozen": True, "role": role}).refused(422, "role")
    as_made(maker.visit(link, "/s/{}/"))
    paths = [path for path in (maker.server.data / freezing.SNAPSHOTS).rglob("*") if path.name in ("a.txt", "b.bin")]
    assert paths and all(stat.S_IMODE(path.stat().st_mode) == 0o444 and path.stat().st_nlink == 1 for path in paths)


def test_what_the_disk_holds_else_is_not_shown(maker: Maker) -> None:
    """Somebody who changes the copy itself on disk makes it unavailable, and nothing else of it."""
    link = maker.freeze()
    visitor = maker.visit(link)
    path = maker.server.data / freezing.SNAPSHOTS / _name_of(maker.server, link) / "Box/a.txt"
    path.chmod(0o644)
    path.write_bytes(b"forged!")
    path.with_name("added").write_bytes(b"added")
    assert visitor.get("a.txt").status == 503 and visitor.get("added").status == 404
    assert visitor.names() == {"a.txt", "In"}
    assert visitor.get("In/b.bin").body == TREE["In/b.bin"]


def _name_of(server: Server, link: dict[str, Any]) -> str:
    statement = "SELECT s.name FROM link l JOIN node n ON n.id=l.node JOIN space s ON s.id=n.space WHERE l.id="
    return str(server.rows(f"{statement}{int(link['id'])}")[0][0])


def test_what_the_maker_may_not_read_is_not_in_it(maker: Maker) -> None:
    """Neither by name, nor in the archive, nor in the manifest, nor on disk."""
    server, space = maker.server, f"s{secrets.token_hex(4)}"
    server.cli("space", "add", space)
    server.cli("space", "set", space, "--member", f"{maker.name}:manager")
    boss = server.dav("admin", f"/dav/spaces/{space}/")
    boss.mkcol("Box")
    boss.put("Box/seen", b"seen")
    boss.mkcol("Box/Secret")
    boss.put("Box/Secret/inside", b"secret words")
    server.cli("acl", "deny", f"/dav/spaces/{space}/Box/Secret", maker.name, "all")
    link = maker.freeze(f"/dav/spaces/{space}/Box")
    visitor = maker.visit(link, "/s/{}/")
    assert visitor.names() == {"seen"} and set(manifest(visitor)) == {"seen"}
    assert visitor.get("Secret/inside").status == 404
    assert b"Secret" not in visitor.get("?accept=zip").body
    root = server.data / freezing.SNAPSHOTS / _name_of(server, link)
    assert {path.name for path in root.rglob("*")} & {"seen", "Secret", "inside"} == {"seen"}
    server.cli("space", "set", space, "--remove-member", maker.name, check=False)
    assert visitor.get("seen").body == b"seen"
    # Whoever rules the original can end it.
    assert [each["id"] for each in Api.of(server, "admin").get(f"/links?path=/dav/spaces/{space}/Box").ok()["items"]]
    Api.of(server, "admin").delete(f"/links/{link['id']}").ok(204)
    assert visitor.get("seen").status == 404


def test_nobody_sees_the_copy_anywhere_else(maker: Maker) -> None:
    """No listing has it, and no address leads into it: not for its maker, nor for administrators."""
    server, link = maker.server, maker.freeze()
    name = _name_of(server, link)
    number = int(server.rows(f"SELECT id FROM space WHERE name='{name}'")[0][0])
    for who in (maker.name, "admin", "bob"):
        dav, api = server.dav(who, "/"), Api.of(server, who)
        for address in (f"dav/spaces/davshare${number:x}", f"dav/spaces/{name}", f"dav/users/{name}",
                        f"remote.php/dav/spaces/davshare${number:x}", f"remote.php/dav/files/{name}"):  # fmt: skip
            assert dav.request("PROPFIND", address, headers={"Depth": "0"}).status == 404
            assert dav.put(f"{address}/x", b"x").status in (403, 404, 409)
        for listing in ("dav/", "dav/spaces/", "dav/users/"):
            assert name not in dav.request("PROPFIND", listing, headers={"Depth": "1"}).body.decode()
        assert name not in dav.get("graph/v1.0/me/drives").body.decode()
        assert name not in str(api.get("/spaces").ok())
        assert name not in str(api.get("/links").ok()["items"])
        assert name not in str(api.get("/activity").ok())
    for command in (("space", "list"), ("journal",), ("share", "list"), ("check",), ("reconcile",)):
        assert name not in server.cli(*command, check=False).stdout
    told = Ocs(server, maker.name, app="apps/files_sharing/api/v1").call("GET", "shares", {"path": "Box"}).ok()
    assert [each["path"] for each in told] == ["/Box"] and name not in str(told)


def test_limits(maker: Maker) -> None:
    """Bytes, files, the quota of the maker's home; nothing is left of what was refused."""
    server, body = maker.server, {"path": "/dav/home/Box", "frozen": True}
    tidied(server)
    before = copies(server)
    server.cli("settings", "set", "sharing.link.frozen_max_bytes", "1000")
    maker.api.post("/links", body).refused(413)
    server.cli("settings", "set", "sharing.link.frozen_max_bytes", "0")
    maker.api.post("/links", body).refused(403)
    server.cli("settings", "reset")
    server.cli("settings", "set", "zip.max_files", "2")
    maker.api.post("/links", body).refused(413)
    server.cli("settings", "reset")
    size = sum(map(len, TREE.values()))
    Api.of(server, "admin").patch(f"/users/{maker.name}", {"quota": 2 * size + 100}).ok()
    link = maker.freeze()
    maker.api.post("/links", body).refused(507)
    maker.api.delete(f"/links/{link['id']}").ok(204)
    maker.freeze()
    tidied(server)
    assert len(copies(server) - before) == 1


def test_the_copy_goes_with_its_link(maker: Maker) -> None:
    """Revoked, or its maker removed: rows and bytes; paused, expired, and the original deleted: it stays."""
    server = maker.server
    tidied(server)
    before, rows = copies(server), snapshots(server)
    link, other = maker.freeze(), maker.freeze("/dav/home/Box/a.txt")
    maker.api.patch(f"/links/{other['id']}", {"paused": True}).ok()
    maker.dav.delete("Box")
    tidied(server)
    assert len(copies(server) - before) == 2 and snapshots(server) == rows + 2
    maker.api.delete(f"/links/{link['id']}").ok(204)
    assert snapshots(server) == rows + 1
    assert tidied(server) == 1 and len(copies(server) - before) == 1
    maker.api.patch(f"/links/{other['id']}", {"paused": False}).ok()
    assert maker.visit(other).get("a.txt").body == b"words"
    server.cli("user", "remove", maker.name)
    assert maker.visit(other).get("a.txt").status == 404
    tidied(server)
    assert copies(server) == before and snapshots(server) == rows


@pytest.mark.slow
@pytest.mark.parametrize("point", ["freeze.copied", "freeze.made"])
def test_killed_in_the_middle(own_server, point: str) -> None:
    """Before the commit there is no link and no litter afterwards; after it the copy is whole."""
    server = own_server(serve=False)
    server.run()
    maker = furnished(server, "carol")
    server.stop()
    server.run({"DAVSHARE_CRASH_AT": point})
    with contextlib.suppress(OSError, http.client.HTTPException):
        maker.freeze()
        pytest.fail(f"{point} was never passed")
    server.kill9()
    assert copies(server)
    server.run()
    tidied(server)
    maker = maker._replace(api=Api.of(server, "carol"))
    found = maker.api.get("/links").ok()["items"]
    if point == "freeze.copied":
        assert found == [] and copies(server) == set() and snapshots(server) == 0
    else:
        as_made(maker.visit(found[0], "/s/{}/"))
        assert len(copies(server)) == 1
    assert server.cli("check").returncode == 0


@pytest.mark.slow
def test_a_new_index_from_the_files_ends_it(own_server) -> None:
    """``rebuild-index`` forgets all links, and the copies that nobody can ask for any more go."""
    server = own_server()
    maker = furnished(server, "carol")
    link = maker.freeze()
    server.stop()
    assert server.cli("rebuild-index", check=False).returncode == 0
    server.run()
    tidied(server)
    assert maker.visit(link).get("a.txt").status == 404 and copies(server) == set() and snapshots(server) == 0


def test_programs_read_it_as_any_other_link(maker: Maker) -> None:
    """All properties, ranges, a sync report that never has anything new; the manifest counts as one use."""
    link = maker.freeze(max_uses=3)
    visitor = maker.visit(link)
    told = visitor.request("PROPFIND", "", headers={"Depth": "1"})
    assert told.status == 207 and b"snapshot" not in told.body
    first = visitor.report_sync().multistatus
    assert {href.rstrip("/").rpartition("/")[2] for href in first} >= {"a.txt", "In"}
    maker.dav.put("Box/a.txt", b"other")
    assert not len(visitor.report_sync("", first.sync_token).multistatus)
    assert visitor.get("a.txt", headers={"Range": "bytes=1-2"}).body == b"or"
    page = maker.visit(link, "/s/{}")
    assert page.get("?accept=sha256").status == page.get("?accept=zip").status == 200
    assert page.get("?accept=sha256").status == 410
    assert maker.api.get(f"/links/{link['id']}").ok()["state"] == "exhausted"
