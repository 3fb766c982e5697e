"""GNOME's gvfs, as Files uses it: mounted by gio in a D-Bus session of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav
from support.server import Server

DAEMON = ("/usr/libexec", "/usr/lib/gvfs", "/usr/lib/x86_64-linux-gnu/gvfs", "/usr/lib/aarch64-linux-gnu/gvfs")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gio") is None, reason="gio is missing (libglib2.0-bin)"),
    pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="dbus-run-session is missing (dbus)"),
    pytest.mark.skipif(
        not any(Path(folder, "gvfsd-dav").exists() for folder in DAEMON), reason="gvfsd-dav is missing (gvfs-backends)"
    ),
]

Session = Callable[..., str]


@pytest.fixture
def gio(run, tmp_path: Path, server: Server, box: Dav) -> Session:
    """Runs shell lines with the box mounted; ``$U`` is its URL. What they print."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)

    def call(*lines: str) -> str:
        script = tmp_path / "session.sh"
        mount = f"printf '%s\\n' '{server.users['alice']}' | gio mount \"$U\" >/dev/null"
        script.write_text("\n".join(["set -eu", mount, *lines, 'gio mount -u "$U"', ""]))
        url = box.full("").replace("http://", "dav://alice@")
        env = {"U": url, "XDG_RUNTIME_DIR": str(runtime), "GIO_USE_VOLUME_MONITOR": "unix"}
        return run("dbus-run-session", "--", "sh", str(script), env=env).stdout

    return call


def test_files_and_folders(gio: Session, tmp_path: Path, server: Server, box: Dav) -> None:
    """List, copy up and down, save, rename, move, copy on the server, remove; all bytes are the same."""
    large = bytes(range(256)) * 20_000
    (tmp_path / "large").write_bytes(large)
    (tmp_path / "small").write_bytes(b"hello\n")
    box.put("there.txt", b"from the server")
    said = gio(
        'gio mkdir "$U/folder"',
        'gio copy large "$U/folder/gr%C3%BC%C3%9Fe%20100%25.bin"',
        'gio copy "$U/folder/gr%C3%BC%C3%9Fe%20100%25.bin" down',
        'gio copy small "$U/small.txt"',
        'gio copy "$U/there.txt" there',
        'gio rename "$U/small.txt" renamed.txt',
        'gio copy "$U/renamed.txt" "$U/copied.txt"',
        'gio move "$U/copied.txt" "$U/folder/moved.txt"',
        'printf edited | gio save "$U/there.txt"',
        'gio list "$U/folder"',
        'gio cat "$U/there.txt"',
    )
    assert (tmp_path / "down").read_bytes() == large
    assert (tmp_path / "there").read_bytes() == b"from the server"
    assert "grüße 100%.bin" in said and "moved.txt" in said and said.endswith("edited")
    assert box.names() == {"folder", "renamed.txt", "there.txt"}
    assert box.names("folder/") == {"grüße 100%.bin", "moved.txt"}
    assert box.get("folder/gr%C3%BC%C3%9Fe%20100%25.bin").body == large
    assert box.get("renamed.txt").body == box.get("folder/moved.txt").body == b"hello\n"
    assert box.get("there.txt").body == b"edited"
    disk = server.home() / box.base.removeprefix("/dav/home/")
    assert (disk / "folder" / "grüße 100%.bin").read_bytes() == large


def test_removal(gio: Session, box: Dav) -> None:
    """Files and empty folders are removed; a full one stays until it is empty, as gio does it."""
    box.mkcol("full")
    for name in ("full/a", "b%23%3F", "c"):
        box.put(name, b"1")
    box.mkcol("empty")
    gio('gio remove "$U/b%23%3F" "$U/empty"', 'gio remove "$U/full/a" "$U/full"')
    assert box.names() == {"c"}


def test_what_is_shown(gio: Session, box: Dav) -> None:
    """Size, type, name and free space as Files shows them."""
    box.put("a%20picture.png", b"x" * 12345, {"X-OC-Mtime": "1500000000"})
    said = gio('gio info "$U/a%20picture.png"', 'gio info -f "$U"')
    assert "display name: a picture.png" in said
    assert "size:  12345" in said
    assert "standard::content-type: image/png" in said
    assert "time::modified: 1500000000" in said
    assert "filesystem::free" in said
    assert "filesystem::readonly: TRUE" not in said


def test_over_a_file_that_is_there(gio: Session, tmp_path: Path, box: Dav) -> None:
    """Copying over a file replaces it; renaming onto another one does not."""
    (tmp_path / "new").write_bytes(b"new")
    for name in ("a", "b"):
        box.put(name, b"old")
    gio('gio copy new "$U/a"', 'if gio rename "$U/a" b 2>/dev/null; then exit 9; fi')
    assert (box.get("a").body, box.get("b").body) == (b"new", b"old")
