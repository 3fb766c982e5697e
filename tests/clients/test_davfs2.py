"""davfs2: the home as a mounted filesystem."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.client import Dav
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
        f"secrets {secrets}\nask_auth 0\nbuf_size 256\n"
        "delay_upload 0\ngui_optimize 0\n"
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


def settle(box: Dav, wanted: set[str]) -> None:
    """Wait until davfs2, which uploads on its own time, has sent everything."""
    until = time.monotonic() + 30
    while box.names() != wanted and time.monotonic() < until:
        time.sleep(0.2)
    assert box.names() == wanted


def test_mounted(mounted: Path, box: Dav) -> None:
    """Files and folders are made, read, renamed and removed through the mount, and seen on both sides."""
    (mounted / "written").write_bytes(b"through the mount")
    (mounted / "folder").mkdir()
    (mounted / "folder" / "grüße.txt").write_bytes(b"x" * 100_000)
    settle(box, {"written", "folder"})
    until = time.monotonic() + 30
    while box.get("written").body != b"through the mount" and time.monotonic() < until:
        time.sleep(0.2)
    assert box.get("written").body == b"through the mount"
    (mounted / "written").rename(mounted / "renamed")
    settle(box, {"renamed", "folder"})
    assert (mounted / "renamed").read_bytes() == b"through the mount"
    assert sorted(os.listdir(mounted / "folder")) == ["grüße.txt"]
    (mounted / "renamed").unlink()
    settle(box, {"folder"})
