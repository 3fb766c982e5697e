"""davfs2: the home as a mounted filesystem."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.client import Dav, enc
from support.server import Server

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this kernel has no FUSE"),
]


@pytest.fixture
def mounted(program, run, tmp_path: Path, server: Server, box: Dav) -> Iterator[Path]:
    """The box, mounted."""
    binary = program("mount.davfs", "davfs2")
    point = tmp_path / "mnt"
    point.mkdir()
    secrets = tmp_path / "secrets"
    secrets.write_text(f'{box.full("")} alice "{server.users["alice"]}"\n')
    secrets.chmod(0o600)
    settings = tmp_path / "davfs2.conf"
    settings.write_text(
        f"secrets {secrets}\nask_auth 0\nbuf_size 256\ndelay_upload 0\ngui_optimize 0\ndir_refresh 1\nfile_refresh 1\n"
    )
    done = subprocess.run(
        [binary, box.full(""), str(point), "-o", f"conf={settings}"], capture_output=True, text=True, timeout=60
    )
    if done.returncode and "fuse" in (done.stdout + done.stderr).lower() and not Path("/dev/fuse").exists():
        pytest.skip("FUSE cannot be used here")
    assert done.returncode == 0, done.stdout + done.stderr
    yield point
    subprocess.run(["umount", str(point)], capture_output=True, timeout=60)
    subprocess.run(["umount", "-l", str(point)], capture_output=True, timeout=60)


def until_so(question: Callable[[], bool]) -> None:
    """Wait until davfs2, which uploads on its own time, has got there."""
    until = time.monotonic() + 30
    while not question() and time.monotonic() < until:
        time.sleep(0.1)
    assert question()


def settle(box: Dav, wanted: set[str]) -> None:
    """Wait until the box has these members."""
    until_so(lambda: box.names() == wanted)


def test_mounted(mounted: Path, box: Dav) -> None:
    """Files and folders are made, read, renamed and removed through the mount, and seen on both sides."""
    (mounted / "written").write_bytes(b"through the mount")
    (mounted / "folder").mkdir()
    (mounted / "folder" / "grüße.txt").write_bytes(b"x" * 100_000)
    settle(box, {"written", "folder"})
    until_so(lambda: box.get("written").body == b"through the mount")
    (mounted / "written").rename(mounted / "renamed")
    settle(box, {"renamed", "folder"})
    assert (mounted / "renamed").read_bytes() == b"through the mount"
    assert sorted(os.listdir(mounted / "folder")) == ["grüße.txt"]
    (mounted / "renamed").unlink()
    settle(box, {"folder"})


def test_edited_in_place(mounted: Path, box: Dav) -> None:
    """Bytes in the middle, an appended line, and a shorter file."""
    box.put("file", b"0123456789")
    until_so(lambda: (mounted / "file").exists())
    with (mounted / "file").open("r+b") as file:
        file.seek(3)
        file.write(b"abc")
    until_so(lambda: box.get("file").body == b"012abc6789")
    with (mounted / "file").open("ab") as file:
        file.write(b" more")
    until_so(lambda: box.get("file").body == b"012abc6789 more")
    with (mounted / "file").open("r+b") as file:
        file.truncate(4)
    until_so(lambda: box.get("file").body == b"012a")
    assert box.text("file", "lockdiscovery") == "", "no lock is left"


def test_renamed_over(mounted: Path, box: Dav) -> None:
    """Editors write a new file and rename it over the old one."""
    (mounted / "file").write_bytes(b"old")
    until_so(lambda: box.get("file").body == b"old")
    (mounted / "file.tmp").write_bytes(b"new content")
    (mounted / "file.tmp").rename(mounted / "file")
    until_so(lambda: box.get("file").body == b"new content")
    settle(box, {"file"})


def test_trees_and_names(mounted: Path, server: Server, box: Dav) -> None:
    """A tree with odd names and five megabytes goes up, is read back, and is removed by rm -r."""
    large = os.urandom(5_000_000)
    deep = mounted / "tree" / "100% & more #1;" / "größe"
    deep.mkdir(parents=True)
    (deep / "large %41.bin").write_bytes(large)
    (deep / "empty").write_bytes(b"")
    path = "tree/" + enc("100% & more #1;") + "/" + enc("größe") + "/"
    until_so(lambda: box.get(path + enc("large %41.bin")).body == large)
    settle(box.below(path), {"large %41.bin", "empty"})
    disk = server.home() / box.base.removeprefix("/dav/home/") / "tree" / "100% & more #1;" / "größe"
    assert (disk / "large %41.bin").read_bytes() == large
    assert (deep / "large %41.bin").read_bytes() == large
    shutil.rmtree(mounted / "tree")
    settle(box, set())


def test_seen_from_the_other_side(mounted: Path, box: Dav) -> None:
    """What others do on the server appears in the mount."""
    box.mkcol("d")
    box.put("d/a", b"first")
    until_so(lambda: (mounted / "d" / "a").exists())
    assert (mounted / "d" / "a").read_bytes() == b"first"
    assert os.statvfs(mounted).f_bavail > 0
