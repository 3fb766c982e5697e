"""Folders that stay where they are: attached, indexed while they are used, interrupted, unmounted and mounted again."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.client import Dav
from support.follower import Follower, differences, walk
from support.polling import eventually, soon_equal
from support.server import Server, environment
from support.trees import tree

ROOT = os.geteuid() == 0
CHECKSUMS = "{http://owncloud.org/ns}checksums"


def fill(folder: Path, folders: int, files: int) -> int:
    """Make files in folders; how many things there are."""
    for number in range(folders):
        inner = folder / f"d{number % 7}" / f"s{number}"
        inner.mkdir(parents=True)
        for count in range(files):
            (inner / f"f{count}").write_bytes(f"{number}/{count}".encode())
    return min(folders, 7) + folders + folders * files


def attach(server: Server, folder: Path, *more: str) -> Dav:
    """A space at a folder; alice's client of it."""
    name = "at" + secrets.token_hex(4)
    server.cli("space", "add", name, "--root", str(folder), "--member", "alice:editor", *more)
    return server.dav("alice", f"/dav/spaces/{name}/")


def space_of(dav: Dav) -> str:
    """The name of the space that a client is rooted in."""
    return dav.base.split("/")[3]


def clean(server: Server, name: str) -> bool:
    """Whether ``davshare check`` finds nothing."""
    done = server.cli("check", name, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return True


def indexed_once(dav: Dav, count: int) -> None:
    """Everything is listed, and the first report names each thing once."""
    soon_equal(lambda: len(walk(dav)), count, 60)
    soon_equal(lambda: dav.report_sync().multistatus.live ^ walk(dav).keys(), set())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with 23 files."""
    made = tmp_path / "existing"
    fill(made, 4, 5)
    (made / "empty folder").mkdir()
    (made / "grüße.txt").write_bytes(b"text")
    (made / "run").write_bytes(b"#!/bin/sh\n")
    (made / "run").chmod(0o750)
    os.utime(made / "grüße.txt", (1_500_000_000, 1_500_000_000))
    return made


def test_nothing_is_moved_or_changed(module_server: Server, folder: Path) -> None:
    """The tree, the times, the modes: only our own folder is new."""

    def facts() -> dict[str, tuple[int, int, int, int]]:
        found = ((path, path.lstat()) for path in folder.rglob("*") if ".davshare" not in path.parts)
        return {str(p): (s.st_ino, s.st_mode, s.st_mtime_ns, s.st_size) for p, s in found}

    before, contents = facts(), tree(folder)
    dav = attach(module_server, folder)
    seen = walk(dav)
    assert len(seen) == len(contents)
    assert {path.name for path in folder.iterdir()} - {name.split("/")[0] for name in contents} == {".davshare"}
    for name, body in contents.items():
        if body is not None and "/" in name:
            assert dav.get(name).body == body
    assert dav.get("gr%C3%BC%C3%9Fe.txt")["Last-Modified"] == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert facts() == before
    assert clean(module_server, space_of(dav))


def test_usable_at_once(module_server: Server, folder: Path) -> None:
    """With --background nothing is waited for: the first GET of a deep file is right, and so is the first listing."""
    dav = attach(module_server, folder, "--background")
    assert dav.get("d3/s3/f4").body == b"3/4"
    assert dav.names() == {"d0", "d1", "d2", "d3", "empty folder", "grüße.txt", "run"}
    assert dav.put("d1/s1/new", b"new").status == 201
    indexed_once(dav, len(tree(folder)) - len(tree(folder / ".davshare")) - 1)
    assert clean(module_server, space_of(dav))


@pytest.mark.slow
def test_refused_roots(module_server: Server, tmp_path: Path) -> None:
    """A folder that is missing, is a file, lies in the data folder or in another space, or holds one."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "outer" / "mid" / "inner").mkdir(parents=True)
    attach(module_server, tmp_path / "outer" / "mid")
    for root in ("none", "file", "outer", "outer/mid", "outer/mid/inner"):
        done = module_server.cli("space", "add", "refused", "--root", str(tmp_path / root), check=False)
        assert done.returncode in (2, 4), (root, done)
        assert "Traceback" not in done.stderr
    for root in (module_server.data, module_server.data / "homes", module_server.home()):
        assert module_server.cli("space", "add", "refused", "--root", str(root), check=False).returncode == 4
    names = {each["name"] for each in json.loads(module_server.cli("space", "list", "--json").stdout)}
    assert "refused" not in names


# -- interrupted ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_is_killed_in_the_middle(own_server, tmp_path: Path) -> None:
    """Without a server the command indexes; killed, it has lost nothing, and `reconcile` goes on."""
    server: Server = own_server(serve=False)
    count = fill(tmp_path / "big", 200, 30)
    command = [sys.executable, "-m", "davshare", "--data", str(server.data), "space", "add", "big"]
    command += ["--root", str(tmp_path / "big"), "--member", "alice:editor"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        listed = server.cli("space", "list", "--json", check=False)
        used = [each["used"] for each in json.loads(listed.stdout or "[]") if each["name"] == "big"]
        if used and used[0]:
            break
    process.kill()
    process.wait()
    server.cli("reconcile", "big")
    assert clean(server, "big")
    server.run()
    indexed_once(server.dav("alice", "/dav/spaces/big/"), count)


@pytest.mark.slow
def test_the_server_is_killed_in_the_middle(own_server, tmp_path: Path) -> None:
    """A first index in the background goes on at the next start."""
    server: Server = own_server()
    count = fill(tmp_path / "big", 200, 30)
    dav = attach(server, tmp_path / "big", "--background")
    for _ in range(3):
        time.sleep(0.7)
        server.kill9()
        server.run()
    dav = server.dav("alice", dav.base)
    indexed_once(dav, count)
    eventually(lambda: clean(server, space_of(dav)))


# -- read-only -----------------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(folder: Path, options: str = "size=16m") -> Iterator[None]:
    """A filesystem of its own at ``folder``."""
    if not ROOT:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file in which nothing can be written."""
    folder = tmp_path / "sealed"
    folder.mkdir()
    with mounted(folder) if ROOT else contextlib.nullcontext():
        (folder / "sub").mkdir()
        (folder / "sub" / "file").write_bytes(b"content")
        if ROOT:
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        else:
            folder.chmod(0o555)
        yield folder
        if not ROOT:
            folder.chmod(0o755)


def test_a_folder_that_cannot_be_written(module_server: Server, sealed: Path) -> None:
    """Only as a read-only space; nothing is written into it, reading works, writing is 403."""
    refused = module_server.cli("space", "add", "sealed", "--root", str(sealed), check=False)
    assert refused.returncode in (1, 2, 4, 5) and "read-only" in refused.stderr
    dav = attach(module_server, sealed, "--read-only")
    assert not (sealed / ".davshare").exists()
    assert walk(dav).keys() == {dav.href("sub/"), dav.href("sub/file")}
    assert dav.get("sub/file").body == b"content"
    for answer in (
        dav.put("sub/file", b"x"),
        dav.put("new", b"x"),
        dav.mkcol("made"),
        dav.delete("sub/file"),
        dav.move("sub/file", "moved"),
        dav.proppatch("sub/file", {"{urn:x}a": "1"}),
    ):
        answer.refused(403, 207)
    assert clean(module_server, space_of(dav))
    if ROOT:
        subprocess.run(["umount", "-l", str(sealed)], check=True)
        assert dav.get("sub/file").status == 503
        assert dav.request("PROPFIND", "", headers={"Depth": "1"}).status == 503
        assert module_server.cli("reconcile", space_of(dav), check=False).returncode == 5


@pytest.mark.slow
@pytest.mark.root
def test_unmounted_and_mounted_late(module_server: Server, tmp_path: Path) -> None:
    """While the disk is away 503 and no deletions; when it is back it is found, with what changed elsewhere."""
    disk, point = tmp_path / "disk", tmp_path / "point"
    disk.mkdir()
    point.mkdir()
    with mounted(disk):
        (disk / "root" / "sub").mkdir(parents=True)
        (disk / "root" / "sub" / "file").write_bytes(b"content")
        subprocess.run(["mount", "--bind", str(disk / "root"), str(point)], check=True)
        try:
            dav = attach(module_server, point)
            follower = Follower(dav)
            assert len(follower.catch_up()) == 2
            subprocess.run(["umount", "-l", str(point)], check=True)
            for _ in range(2):
                assert dav.get("sub/file").status == 503
                assert dav.request("PROPFIND", "", headers={"Depth": "1"}).status == 503
                assert dav.put("new", b"1").status == 503
                time.sleep(1.5)
            assert not list(point.iterdir()), "nothing is written where the disk is not"
            (disk / "root" / "sub" / "changed elsewhere").write_bytes(b"1")
            subprocess.run(["mount", "--bind", str(disk / "root"), str(point)], check=True)
            soon_equal(lambda: len(follower.catch_up()), 3)
            assert differences(follower.state, walk(dav)) == []
            assert dav.get("sub/file").body == b"content"
            (point / "sub" / "new").write_bytes(b"watched again")
            soon_equal(lambda: len(follower.catch_up()), 4)
        finally:
            subprocess.run(["umount", "-l", str(point)], capture_output=True)


# -- checksums -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_checksums_come_in_the_background(module_server: Server, folder: Path) -> None:
    """Files that were found on disk get the checksums that uploads have."""
    dav = attach(module_server, folder)
    body = (folder / "d2/s2/f3").read_bytes()

    def known() -> bool:
        status, element = dav.prop("d2/s2/f3", CHECKSUMS)
        return status == 200 and hashlib.sha1(body).hexdigest() in "".join(element.itertext()).lower()

    eventually(known, 60)
    digest = dav.get("d2/s2/f3", {"Want-Repr-Digest": "sha-256=1"})["Repr-Digest"]
    assert base64.b64encode(hashlib.sha256(body).digest()).decode() in digest
    assert module_server.cli("check", "--hashes", space_of(dav), check=False).returncode == 0
    path = folder / "d2/s2/f3"
    status = path.stat()
    path.write_bytes(b"9" * len(body))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    if path.stat().st_ino == status.st_ino:  # rotten bits: same size, time and inode
        assert module_server.cli("check", "--hashes", space_of(dav), check=False).returncode == 1


@pytest.mark.slow
def test_detached_spaces_leave_everything(module_server: Server, folder: Path) -> None:
    """A space that is removed keeps its files, and can be attached again."""
    dav = attach(module_server, folder)
    contents = {name: body for name, body in tree(folder).items() if not name.startswith(".davshare")}
    module_server.cli("space", "remove", space_of(dav))
    assert {name: body for name, body in tree(folder).items() if not name.startswith(".davshare")} == contents
    assert dav.get("run").status == 404
    again = attach(module_server, folder)
    assert len(walk(again)) == len(contents)
