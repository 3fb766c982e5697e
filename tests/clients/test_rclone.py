"""rclone: copy, sync and check, as a plain WebDAV client and as one of ownCloud's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav
from support.server import Server
from support.trees import tree

Rclone = Callable[..., str]


@pytest.fixture(params=["other", "owncloud"])
def rclone(request, program, run, tmp_path: Path, server: Server, box: Dav) -> Rclone:
    """Runs rclone with the remote ``dav:`` (the box); its output."""
    binary = program("rclone", "rclone")
    hidden = run(binary, "obscure", server.users["alice"]).stdout.strip()
    (tmp_path / "rclone.conf").touch()
    env = {
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
        "RCLONE_CONFIG_DAV_TYPE": "webdav",
        "RCLONE_CONFIG_DAV_URL": box.full("").rstrip("/"),
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


@pytest.mark.parametrize("rclone", ["owncloud"], indirect=True)
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
