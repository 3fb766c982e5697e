"""Spaces on filesystems that are full, read-only or not mounted: 507, 403, 503, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.client import Answer, Dav, enc
from support.follower import Follower, differences, walk
from support.raw import answers, message
from support.server import Server
from support.staging import staged

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]
APPEND = {"Content-Type": "application/x-sabredav-partialupdate", "X-Update-Range": "append"}
MEGABYTE = 1024 * 1024
MEMBER = b"m" * 15_000


class Disk:
    """A filesystem of 1 MB with a space on it, which shows through a second mount that can be taken away."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.behind = folder / "behind"
        self.root = folder / "root"
        for each in (self.behind, self.root):
            each.mkdir()
        self._mounted = [self.behind]
        if mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(self.behind)):
            pytest.skip("no tmpfs can be mounted here")
        self.appear()
        name = folder.name
        server.cli("space", "add", name, "--root", str(self.root), "--member", "alice:editor")
        self.dav = server.dav("alice", f"/dav/spaces/{name}/")

    def appear(self) -> None:
        """Mount it where the space is."""
        assert not mount("--bind", str(self.behind), str(self.root))

    def vanish(self) -> None:
        """Unmount it there; an empty folder is left."""
        subprocess.run(["umount", "-l", str(self.root)], check=True)

    def remount(self, mode: str) -> None:
        """``ro`` or ``rw``."""
        assert not mount("-o", f"remount,{mode}", str(self.behind))
        assert not mount("-o", f"remount,bind,{mode}", str(self.root))

    def end(self) -> None:
        """Unmount everything."""
        for each in (self.root, self.behind):
            subprocess.run(["umount", "-l", str(each)], capture_output=True)

    def leftovers(self) -> list[Path]:
        """What is still being staged."""
        return staged(self.behind)


def mount(*arguments: str) -> int:
    """The exit status of mount."""
    return subprocess.run(["mount", *arguments], capture_output=True).returncode


@pytest.fixture(scope="module")
def shared_disk(module_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A small disk."""
    made = Disk(module_server, tmp_path_factory.mktemp("disk"))
    yield made
    made.end()


@pytest.fixture
def disk(shared_disk: Disk) -> Disk:
    """The same with just two files and a folder on it."""
    dav = shared_disk.dav
    (shared_disk.behind / ".davshare" / "ballast").unlink(missing_ok=True)
    for name in dav.names():
        assert dav.delete(enc(name)).status == 204
    assert dav.put("file", b"content").status == 201
    assert dav.mkcol("folder").status == 201
    assert dav.put("folder/member", MEMBER).status == 201
    return shared_disk


WRITES: dict[str, Callable[[Dav], Answer]] = {
    "PUT": lambda dav: dav.put("file", b"x" * 1_100_000),
    "PUT chunked": lambda dav: dav.put("file", iter([b"x" * 100_000] * 11)),
    "PUT new": lambda dav: dav.put("new", b"x" * 1_100_000),
    "PUT expected": lambda dav: dav.put("new", iter([b""]), {"X-Expected-Entity-Length": str(2 * MEGABYTE)}),
    "PATCH": lambda dav: dav.request("PATCH", "file", b"x" * 1_100_000, APPEND),
    "POST": lambda dav: dav.request("POST", "", b"x" * 1_100_000),
    "COPY": lambda dav: dav.copy("folder/", "copy"),
}


def unchanged(disk: Disk) -> None:
    """Everything is as it was."""
    dav = disk.dav
    assert dav.names() == {"file", "folder"}
    assert dav.get("file").body == b"content"
    assert dav.get("folder/member").body == MEMBER
    assert not disk.leftovers()


@pytest.mark.rfc("4918", "11.5", "every method that needs more than the disk has is 507, and nothing changes")
@pytest.mark.parametrize("write", sorted(WRITES))
def test_full(disk: Disk, write: str) -> None:
    """Past failure 3."""
    follower = Follower(disk.dav)
    follower.catch_up()
    if write == "COPY":
        free = shutil.disk_usage(disk.behind).free
        (disk.behind / ".davshare" / "ballast").write_bytes(b"b" * (free - 8_000))
    WRITES[write](disk.dav.clone()).refused(507, condition="sufficient-disk-space")
    unchanged(disk)
    assert follower.catch_up() == walk(disk.dav)
    (disk.behind / ".davshare" / "ballast").unlink(missing_ok=True)
    assert disk.dav.put("file", b"small").status == 204


def test_full_is_known_before_the_body(disk: Disk, module_server: Server) -> None:
    """507 instead of 100 when the length says that it cannot fit."""
    length = f"Content-Length: {2 * MEGABYTE}"
    data = message("PUT", disk.dav.path("new"), length, "Expect: 100-continue", auth=disk.dav.auth)
    assert [answer.status for answer in answers(module_server.raw(data))] == [507]


CHANGES: dict[str, Callable[[Dav], Answer]] = {
    "PUT": lambda dav: dav.put("file", b"2"),
    "PUT new": lambda dav: dav.put("new", b"2"),
    "PATCH": lambda dav: dav.request("PATCH", "file", b"x", APPEND),
    "POST": lambda dav: dav.request("POST", "", b"x"),
    "MKCOL": lambda dav: dav.mkcol("new"),
    "LOCK new": lambda dav: dav.lock("new", depth="0"),
    "DELETE": lambda dav: dav.delete("file"),
    "DELETE folder": lambda dav: dav.delete("folder/"),
    "MOVE": lambda dav: dav.move("file", "new"),
    "MOVE onto": lambda dav: dav.move("file", "folder/member"),
    "COPY": lambda dav: dav.copy("file", "new"),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_read_only(disk: Disk, change: str) -> None:
    """403 on a filesystem that is mounted read-only; reading goes on, and writing when it can be written again."""
    etag = disk.dav.etag("file")
    disk.remount("ro")
    try:
        CHANGES[change](disk.dav).refused(403)
        unchanged(disk)
    finally:
        disk.remount("rw")
    assert disk.dav.etag("file") == etag
    unchanged(disk)
    answer = CHANGES[change](disk.dav)
    assert answer.status in (200, 201, 204)
    if "Lock-Token" in answer.headers:
        assert disk.dav.unlock("new", answer.lock_token).status == 204


def test_unmounted(disk: Disk, module_server: Server) -> None:
    """Past failure 4: 503 for everything while the disk is away, never 404; afterwards nothing is missing."""
    dav = disk.dav
    follower = Follower(dav)
    follower.catch_up()
    before = walk(dav)
    disk.vanish()
    try:
        for change in CHANGES.values():
            assert int(change(dav.clone()).refused(503)["Retry-After"]) > 0
        for path in ("file", "none", "folder/member"):
            dav.get(path).refused(503)
        dav.request("PROPFIND", "", headers={"Depth": "1"}).refused(503)
        dav.report_sync(token=follower.token).refused(503)
        module_server.cli("reconcile", dav.base.split("/")[3], check=False)
        assert os.listdir(disk.root) == [], "nothing was put where the disk should be"
    finally:
        disk.appear()
    unchanged(disk)
    assert walk(dav) == before
    assert differences(follower.catch_up(), before) == []
