"""rclone: copy, sync and check, as a plain WebDAV client and as one of ownCloud's and Nextcloud's."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav, enc
from support.server import Server
from support.trees import tree

Rclone = Callable[..., str]


#: Vendor to the address that its clients use for a home.
VENDORS = {
    "other": "/dav/home/",
    "owncloud": "/remote.php/webdav/",
    "nextcloud": "/remote.php/dav/files/alice/",
}
TIMELY = pytest.mark.parametrize("rclone", ["owncloud", "nextcloud"], indirect=True)


@pytest.fixture(params=sorted(VENDORS))
def rclone(request, program, run, tmp_path: Path, server: Server, box: Dav) -> Rclone:
    """Runs rclone with the remote ``dav:`` (the box); its output."""
    binary = program("rclone", "rclone")
    hidden = run(binary, "obscure", server.users["alice"]).stdout.strip()
    (tmp_path / "rclone.conf").touch()
    env = {
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
        "RCLONE_CONFIG_DAV_TYPE": "webdav",
        "RCLONE_CONFIG_DAV_URL": box.full(VENDORS[request.param] + box.base.removeprefix("/dav/home/")).rstrip("/"),
        "RCLONE_CONFIG_DAV_VENDOR": request.param,
        "RCLONE_CONFIG_DAV_USER": "alice",
        "RCLONE_CONFIG_DAV_PASS": hidden,
    }

    def call(*arguments: str, check: bool = True) -> str:
        done = run(binary, *arguments, "--retries", "1", check=check, env=env)
        return done.stdout + done.stderr

    return call


def test_copy_and_back(rclone: Rclone, sample: Path, tmp_path: Path, server: Server, box: Dav) -> None:
    """A folder goes up and comes down the same, and lies on the server's disk the same."""
    rclone("copy", str(sample), "dav:", "--create-empty-src-dirs")
    rclone("check", str(sample), "dav:", "--download")
    assert tree(server.home() / box.base.removeprefix("/dav/home/")) == tree(sample)
    rclone("copy", "dav:", str(tmp_path / "back"), "--create-empty-src-dirs")
    assert tree(tmp_path / "back") == tree(sample)


def test_sync(rclone: Rclone, sample: Path, box: Dav) -> None:
    """sync carries changes, renames and deletions over; a second run has nothing to do."""
    rclone("sync", str(sample), "dav:")
    (sample / "small.txt").write_text("hello again, and longer\n")
    (sample / "deep" / "one").rename(sample / "renamed")
    (sample / "empty").unlink()
    rclone("sync", str(sample), "dav:")
    rclone("check", str(sample), "dav:", "--download")
    assert "renamed" in box.names() and "empty" not in box.names()
    assert box.names("deep/") == {"er"}
    said = rclone("sync", str(sample), "dav:", "-v", "--size-only")
    assert "Copied" not in said and "Deleted" not in said, said


@TIMELY
def test_times_and_checksums(rclone: Rclone, sample: Path, box: Dav) -> None:
    """With ownCloud's dialect times and checksums are kept: check compares hashes, sync by time copies nothing."""
    for path in sample.rglob("*"):
        os.utime(path, (1_500_000_000, 1_500_000_000))
    rclone("sync", str(sample), "dav:")
    assert box.text("small.txt", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
    said = rclone("check", str(sample), "dav:", "-v", "--max-size", "1M")
    assert "0 differences found" in said
    assert "hashes could not be checked" not in said, said
    said = rclone("sync", str(sample), "dav:", "-v")
    assert "Copied" not in said, said


def test_about_and_listing(rclone: Rclone, box: Dav) -> None:
    """lsf, size, purge and about work."""
    box.mkcol("a")
    box.put("a/file", b"12345")
    box.put("two%20words", b"1")
    assert set(rclone("lsf", "dav:", "-R").splitlines()) == {"a/", "two words", "a/file"}
    assert "6 B" in rclone("size", "dav:")
    assert "Used" in rclone("about", "dav:")
    rclone("moveto", "dav:two words", "dav:a/moved")
    rclone("purge", "dav:a")
    assert box.names() == set()


@TIMELY
def test_nothing_to_do(rclone: Rclone, sample: Path, tmp_path: Path, box: Dav) -> None:
    """Times are kept in both directions: a second sync transfers nothing, up, down and back up."""
    for number, path in enumerate(sorted(sample.rglob("*"))):
        os.utime(path, (1_400_000_000 + number, 1_400_000_000 + number))
    rclone("sync", str(sample), "dav:", "--create-empty-src-dirs")
    etags = {name: box.etag(enc(name)) for name in box.names()}
    for source, target in ((str(sample), "dav:"), ("dav:", str(sample)), (str(sample), "dav:")):
        said = rclone("sync", source, target, "-v")
        assert "Copied" not in said and "Deleted" not in said and "Updated" not in said, said
    assert {name: box.etag(enc(name)) for name in box.names()} == etags
    rclone("sync", "dav:", str(tmp_path / "down"))
    assert (tmp_path / "down" / "small.txt").stat().st_mtime == (sample / "small.txt").stat().st_mtime
    (sample / "small.txt").write_bytes(b"HELLO\n")
    said = rclone("sync", str(sample), "dav:", "-v")
    assert said.count("Copied") == 1, said
    assert box.get("small.txt").body == b"HELLO\n"


@TIMELY
def test_checksums_find_damage(rclone: Rclone, sample: Path, box: Dav) -> None:
    """check compares hashes that the server keeps: content that differs at the same size and time is found."""
    rclone("sync", str(sample), "dav:")
    assert "0 differences found" in rclone("check", str(sample), "dav:", "--max-size", "1M")
    box.put("small.txt", b"HELLO\n", {"X-OC-Mtime": str(int((sample / "small.txt").stat().st_mtime))})
    said = rclone("check", str(sample), "dav:", "--max-size", "1M", check=False)
    assert "1 differences found" in said, said
    assert "sha1" in rclone("hashsum", "sha1", "dav:", "-vv").lower()


@TIMELY
def test_both_directions(rclone: Rclone, sample: Path, tmp_path: Path, box: Dav) -> None:
    """bisync carries what changed on either side to the other one, and then has nothing to do."""

    def bisync(*more: str) -> str:
        return rclone("bisync", str(sample), "dav:", "--workdir", str(tmp_path / "state"), "-v", *more)

    for path in sample.rglob("*"):
        os.utime(path, (1_500_000_000, 1_500_000_000))
    bisync("--resync")
    (sample / "here.txt").write_bytes(b"made here")
    (sample / "small.txt").write_bytes(b"changed here, and longer")
    box.put("there.txt", b"made there")
    box.put("deep/one", b"changed there, and longer")
    box.delete("large.bin")
    bisync()
    assert box.get("here.txt").body == b"made here"
    assert box.get("small.txt").body == b"changed here, and longer"
    assert (sample / "there.txt").read_bytes() == b"made there"
    assert (sample / "deep" / "one").read_bytes() == b"changed there, and longer"
    assert not (sample / "large.bin").exists()
    said = bisync()
    assert "Copied" not in said and "Deleted" not in said, said
    rclone("check", str(sample), "dav:", "--download")


def test_about(rclone: Rclone, box: Dav) -> None:
    """about tells what the quota properties tell."""
    box.put("a", b"x" * 1000)
    found = json.loads(rclone("about", "dav:", "--json"))
    assert found["used"] == 1000
    assert 0 < found["free"] <= int(box.text("", "quota-available-bytes")) + 100_000_000
