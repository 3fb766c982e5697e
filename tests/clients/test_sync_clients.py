"""nextcloudcmd and owncloudcmd as they are: two devices of one person, over plain HTTP with name and password."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest

from support.ocs import Ocs
from support.server import Server
from support.staging import staged
from support.syncing import Device, fill
from support.trees import tree

pytestmark = pytest.mark.slow


@pytest.fixture
def server(own_server) -> Server:
    """A server of its own: these clients sync a whole home."""
    return own_server()


def on_server(server: Server) -> dict[str, bytes | None]:
    """The home as it lies on the server's disk."""
    return {path: content for path, content in tree(server.home()).items() if not path.startswith(".davshare")}


def test_first_sync(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """About 200 files with hard names and a large one go up and come down the same; the next run is quiet."""
    first, second = devices
    fill(first.folder, 200)
    large = os.urandom(1024) * 30_000
    (first.folder / "large.bin").write_bytes(large)
    (second.folder / "from the second").mkdir()
    (second.folder / "from the second" / "note.txt").write_text("hello")
    os.utime(first.folder / "large.bin", (1_500_000_000, 1_500_000_000))
    files = [path for path in first.folder.rglob("*") if path.is_file()]
    done = first.sync()
    if client == "owncloudcmd":
        # tus: one request for each file, whatever its size, after which nothing has to be asked about it
        folders = len([path for path in first.folder.rglob("*") if path.is_dir()])
        assert done["POST"] == len(files) and not done["PUT"] and not done["PATCH"], done
        assert done["PROPFIND"] <= folders + 1, done
    else:
        assert done["MOVE"] == 1, "the large file came in chunks"
    assert (server.home() / "large.bin").stat().st_mtime == 1_500_000_000
    checksums = "".join(server.dav().prop("large.bin", "{http://owncloud.org/ns}checksums")[1].itertext())
    assert "SHA1:" + hashlib.sha1(large).hexdigest() in checksums
    assert (server.home() / "large.bin").read_bytes() == large
    second.sync()
    first.sync()
    assert first.tree() == second.tree() == on_server(server)
    assert len([content for content in first.tree().values() if content is not None]) >= 200
    assert not first.conflicts() and not second.conflicts()
    for device in devices:
        device.sync()
        quiet = device.sync()
        # Nextcloud's connects to the push as well.
        assert quiet["PROPFIND"] == 1 and quiet["GET"] <= 4 and set(quiet) == {"PROPFIND", "GET"}, quiet


def test_renames_move_no_bytes(server: Server, devices: tuple[Device, Device]) -> None:
    """A renamed folder is one MOVE, and nothing is downloaded elsewhere."""
    first, second = devices
    (first.folder / "before").mkdir()
    for number in range(20):
        (first.folder / "before" / f"{number}.bin").write_bytes(os.urandom(100_000))
    first.sync()
    second.sync()
    first.sync()
    (first.folder / "before").rename(first.folder / "after")
    done = first.sync()
    assert done["MOVE"] == 1 and not done["PUT"] and not done["POST"] and first.sent < 50_000
    done = second.sync()
    # status.php, capabilities, the user and a WebSocket for push are all that is read
    assert done["GET"] <= 4 and second.tree() == first.tree() == on_server(server)


def test_changes_and_deletions(server: Server, devices: tuple[Device, Device]) -> None:
    """What one device changes, adds and deletes is so on the other, times included."""
    first, second = devices
    for name in ("changed", "deleted", "same"):
        (first.folder / name).write_text(name)
    (first.folder / "folder" / "deep").mkdir(parents=True)
    (first.folder / "folder" / "deep" / "file").write_text("deep")
    os.utime(first.folder / "same", (1_500_000_000, 1_500_000_000))
    first.sync()
    second.sync()
    assert (second.folder / "same").stat().st_mtime == 1_500_000_000
    (second.folder / "changed").write_text("by the second")
    (second.folder / "deleted").unlink()
    shutil.rmtree(second.folder / "folder")
    second.sync()
    first.sync()
    assert first.tree() == second.tree() == on_server(server)
    assert (first.folder / "changed").read_text() == "by the second"
    assert set(first.tree()) == {"changed", "same", "stays.txt"}


def test_changed_on_both_sides(server: Server, devices: tuple[Device, Device]) -> None:
    """Neither version is lost: the first stays on the server, the second becomes a copy on its device."""
    first, second = devices
    (first.folder / "both.txt").write_text("in the beginning")
    first.sync()
    second.sync()
    (first.folder / "both.txt").write_text("what the first wrote")
    (second.folder / "both.txt").write_text("the second wrote this")
    first.sync()
    second.sync(check=False)
    assert (server.home() / "both.txt").read_text() == "what the first wrote"
    assert (second.folder / "both.txt").read_text() == "what the first wrote"
    (copy,) = second.conflicts()
    assert copy.read_text() == "the second wrote this"


def test_what_the_server_changes(server: Server, devices: tuple[Device, Device]) -> None:
    """Files that come over WebDAV or are changed on the server's disk come down."""
    first, _ = devices
    first.sync()
    other = server.dav()
    other.mkcol("made")
    other.put("made/elsewhere.txt", b"elsewhere")
    (server.home() / "on disk.txt").write_text("on disk")
    assert "on%20disk.txt" in {href.rsplit("/", 1)[-1] for href in other.propfind("", "getetag", depth="1")}
    first.sync()
    assert first.tree() == on_server(server)


def test_a_large_file_changed(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """A large file that the other device has is replaced by another version, and keeps its id."""
    first, second = devices
    (first.folder / "large.bin").write_bytes(os.urandom(1024) * 20_000)
    first.sync()
    second.sync()
    number = server.dav().text("large.bin", "{http://owncloud.org/ns}id")
    changed = os.urandom(1024) * 21_000
    (second.folder / "large.bin").write_bytes(changed)
    assert second.sync()["POST" if client == "owncloudcmd" else "MOVE"] == 1
    assert server.dav().text("large.bin", "{http://owncloud.org/ns}id") == number
    first.sync()
    assert (first.folder / "large.bin").read_bytes() == changed
    assert staged(server.home()) == []


def test_read_only_for_the_client(server: Server, devices: tuple[Device, Device]) -> None:
    """With a token that only reads, what was changed locally stays a copy, and the server as it is."""
    first, _ = devices
    first.sync()
    token = server.cli("token", "add", "alice", "--scope", "read").stdout.split()[-1]
    server.users["alice"] = token
    (first.folder / "stays.txt").write_text("changed by somebody who may not")
    (first.folder / "new.txt").write_text("new")
    first.sync(check=False)
    assert on_server(server) == {"stays.txt": b"stays"}
    assert (first.folder / "new.txt").read_text() == "new"


def test_wrong_password(server: Server, devices: tuple[Device, Device]) -> None:
    """Nothing is synced, and nothing local is touched."""
    first, _ = devices
    (first.folder / "mine.txt").write_text("mine")
    server.users["alice"] = "wrong"
    first.sync(check=False)
    assert on_server(server) == {"stays.txt": b"stays"} and first.tree() == {"mine.txt": b"mine"}


def test_the_network_goes_away(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """An upload that was cut goes on where it was, also when the server was restarted; no part of it shows before.

    ownCloud's client of this age sends a file with tus in one request, and all of it again.
    """
    first, _ = devices
    first.sync()
    large = os.urandom(1024) * 40_000
    (first.folder / "large.bin").write_bytes(large)
    first.relay.limit = 25_000_000
    first.sync(check=False)
    assert "large.bin" not in on_server(server)
    first.relay.limit = None
    server.stop()
    server.run()
    first.relay.to = server.port
    first.forget_errors()
    first.sync()
    assert on_server(server)["large.bin"] == large
    assert client == "owncloudcmd" or first.sent < len(large) - 9_000_000, "the first chunk was there already"
    assert staged(server.home()) == []


def test_the_push(server: Server, devices: tuple[Device, Device]) -> None:
    """Nextcloud's client finds the push and signs in there; short runs may end before it has."""
    first, _ = devices
    if first.client != "nextcloudcmd":
        pytest.skip("ownCloud's clients know no such push")
    for number in range(10):
        more = first.folder / f"more{number}"
        more.mkdir()
        fill(more, 5)
        first.sync()
        if "Authenticated successful on websocket" in first.said:
            return
    raise AssertionError(first.said[-3000:])


def test_a_received_folder(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """Bob edits in what alice shared and alice gets it; when she takes it back it is gone from his device."""
    hers, his = devices
    his.user = "bob"
    (hers.folder / "Box").mkdir()
    (hers.folder / "Box" / "a.txt").write_text("by alice")
    hers.sync()
    calls = Ocs(server, "alice", app="apps/files_sharing/api/v1")
    given = {"path": "/Box", "shareType": 0, "shareWith": "bob", "permissions": 15}
    number = calls.post("shares", given).ok()["id"]
    his.sync()
    box = his.folder / "Shares" / "Box"
    assert (box / "a.txt").read_text() == "by alice"
    (box / "a.txt").write_text("changed by bob")
    (box / "b.txt").write_text("new by bob")
    (his.folder / "own.txt").write_text("his own")
    his.sync()
    hers.sync()
    assert (hers.folder / "Box" / "a.txt").read_text() == "changed by bob"
    assert (hers.folder / "Box" / "b.txt").read_text() == "new by bob"
    box.rename(his.folder / "Kiste")
    his.sync()
    (hers.folder / "Box" / "c.txt").write_text("more by alice")
    hers.sync()
    his.sync()
    assert (his.folder / "Kiste" / "c.txt").read_text() == "more by alice"
    assert (hers.folder / "Box").is_dir() and not box.exists()
    his.sync()
    quiet = his.sync()
    assert quiet["PROPFIND"] == 1 and not quiet["PUT"], quiet
    calls.delete(f"shares/{number}").ok()
    his.sync()
    assert not (his.folder / "Kiste").exists() and (his.folder / "own.txt").read_text() == "his own"
    hers.sync()
    assert {"Box/a.txt", "Box/b.txt", "Box/c.txt"} <= set(hers.tree()) and not hers.conflicts()
