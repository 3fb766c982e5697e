"""Attaching, checking, mending and making the index anew, as an administrator does it."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path

import pytest

from support.ocs import Ocs
from support.server import Server
from support.sharers import APP

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Server, Path]:
    """A data folder that nobody serves, and a tree elsewhere that is attached to it as ``physics``."""
    server = Server.start(tmp_path, serve=False)
    source = tmp_path / "source"
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "deep").write_bytes(b"12345")
    (server.home() / "mine").write_bytes(b"1")
    server.cli("space", "add", "physics", "--root", str(source), "--member", "bob:editor")
    server.cli("reconcile")
    assert server.cli("check").stdout == ""
    return server, source


def problems(server: Server, *args: str) -> list[dict[str, str]]:
    """What ``check`` finds."""
    done = server.cli("check", "--json", *args, check=False)
    found: list[dict[str, str]] = json.loads(done.stdout)
    assert done.returncode == (1 if found else 0)
    return found


def spaces(server: Server) -> dict[str, dict[str, object]]:
    """The spaces by name."""
    return {each["name"]: each for each in json.loads(server.cli("space", "list", "--json").stdout)}


def test_attached_files_stay_where_they_are(folder: tuple[Server, Path]) -> None:
    server, source = folder
    assert sorted(path.name for path in source.rglob("*") if ".davshare" not in path.parts) == ["a", "b", "deep"]
    assert (source / "a" / "b" / "deep").read_bytes() == b"12345"
    assert spaces(server)["physics"]["used"] == 5
    refused = server.cli("space", "remove", "physics", "--delete-files", check=False)
    assert refused.returncode != 0
    assert "physics" in spaces(server), "a refused removal removes nothing"
    server.cli("space", "remove", "physics")
    assert (source / "a" / "b" / "deep").read_bytes() == b"12345"


def test_fix_follows_the_disk(folder: tuple[Server, Path]) -> None:
    server, source = folder
    (source / "new").write_bytes(b"22")
    (source / "a" / "b" / "deep").unlink()
    assert {each["path"] for each in problems(server)} >= {"/new", "/a/b/deep"}
    before = problems(server, "--fix", "--dry-run")
    assert before and problems(server) == before, "a dry run changes nothing"
    assert problems(server, "--fix") == []
    assert spaces(server)["physics"]["used"] == 2


def test_fix_corrects_rows(folder: tuple[Server, Path]) -> None:
    """Sizes, orphans and changes that the journal does not tell of."""
    server, _ = folder
    with server.index() as index:
        index.execute("UPDATE node SET size=77 WHERE kind=1 AND parent>0")
        index.execute("INSERT INTO digest (node, stamp) VALUES (999999, 1)")
        index.execute("DELETE FROM journal WHERE seq=(SELECT max(seq) FROM node WHERE name='deep')")
    told = " ".join(each["what"] for each in problems(server))
    assert "size is 77" in told and "do not exist" in told and "missing in the journal" in told
    assert problems(server, "--fix") == []


def test_changed_content_is_left_to_a_person(folder: tuple[Server, Path]) -> None:
    """Bytes that differ from their checksum while size and time are the same are told and not touched."""
    server, source = folder
    with server.index() as index:
        index.execute(
            "INSERT INTO digest (node, stamp, sha256) SELECT id, stamp, ? FROM node WHERE name='deep'", (b"0",)
        )
    assert problems(server) == []
    (found,) = problems(server, "--hashes", "--fix")
    assert (found["path"], found["remedy"]) == ("/a/b/deep", "a person has to look")
    assert (source / "a" / "b" / "deep").read_bytes() == b"12345"


@pytest.mark.slow
def test_rebuild_keeps_people(folder: tuple[Server, Path]) -> None:
    """Sync tokens and ETags of before are invalid; members and files are as before."""
    server, _ = folder
    server.run()
    dav = server.dav("bob", "/dav/spaces/physics/")
    token = dav.report_sync().multistatus.sync_token
    etag = dav.get("a/b/deep")["ETag"]
    assert server.cli("rebuild-index", check=False).returncode == 4, "not while it is served"
    server.stop()
    server.cli("rebuild-index")
    assert problems(server) == []
    server.run()
    dav = server.dav("bob", "/dav/spaces/physics/")
    assert dav.get("a/b/deep").body == b"12345"
    assert dav.get("a/b/deep")["ETag"] != etag
    dav.report_sync(token=token).refused(403, condition="valid-sync-token")
    server.stop()


@pytest.mark.slow
def test_rebuild_forgets_what_was_shared(folder: tuple[Server, Path]) -> None:
    """The nodes are others: nothing says anything any more about those that are gone."""
    server, _ = folder
    server.run()
    calls = Ocs(server, "alice", app=APP)
    calls.post("shares", {"path": "/mine", "shareType": 3}).ok()
    calls.post("shares", {"path": "/mine", "shareType": 0, "shareWith": "bob"}).ok()
    assert len(calls.call("GET", "shares").ok()) == 2
    server.stop()
    server.cli("rebuild-index")
    assert problems(server) == []
    assert server.rows("SELECT count(*) FROM link") == [(0,)]


@pytest.mark.slow
def test_rebuild_from_nothing(folder: tuple[Server, Path]) -> None:
    """A damaged index is put aside; homes become accounts, folders become spaces again."""
    server, _ = folder
    (server.data / "index.sqlite").write_bytes(b"damaged " * 1000)
    if server.database:
        refused = server.cli("rebuild-index", "--discard", check=False)
        assert refused.returncode == 2 and "empty database" in refused.stderr
        return
    server.cli("rebuild-index", "--discard")
    assert problems(server) == []
    found = spaces(server)
    assert found["physics"]["used"] == 5 and found["alice"]["used"] == 1
    assert list(server.data.glob("index.sqlite.aside-*"))
    server.cli("user", "passwd", "alice", "--password-stdin", input="alice-pass-1")
    server.run()
    assert server.dav("alice").get("mine").body == b"1"
    server.stop()


def test_rebuild_finishes_what_was_acknowledged(folder: tuple[Server, Path]) -> None:
    """A server that died between commit and rename has left an upload in the staging folder only."""
    server, _ = folder
    server.run({"DAVSHARE_CRASH_AT": "commit.done"}, workers=1)
    with contextlib.suppress(OSError, http.client.HTTPException):
        server.dav("alice").put("late", b"committed")
    server.kill9()
    assert not (server.home() / "late").exists(), "it did not get as far as its place"
    server.cli("rebuild-index")
    assert (server.home() / "late").read_bytes() == b"committed"
    assert problems(server) == []
