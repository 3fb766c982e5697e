"""Two devices that disagree, and what comes from elsewhere: nextcloudcmd and owncloudcmd as they are."""

from __future__ import annotations

import os
import shutil

import pytest

from support.server import Server
from support.syncing import Device, on_server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(own_server) -> Server:
    """A server of its own: these clients sync a whole home."""
    return own_server()


def both(devices: tuple[Device, Device], **contents: str) -> tuple[Device, Device]:
    """The devices, after both have these files; ``__`` in a name is a slash."""
    first, second = devices
    for name, content in contents.items():
        path = first.folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for device in (first, second, first, second):
        device.sync()
    assert first.facts() == second.facts()
    return first, second


def settled(devices: tuple[Device, Device]) -> None:
    """Let both sync until nothing more comes of it."""
    for _ in range(2):
        for device in devices:
            device.sync(check=False)


def test_edited_here_and_there(server: Server, devices: tuple[Device, Device]) -> None:
    """In a folder, with names that are hard: the later one finds its version as a conflict copy beside the other."""
    name = "a folder %/both #1 ü.txt"
    first, second = both(devices, **{name.replace("/", "__"): "in the beginning"})
    (first.folder / name).write_text("what the first wrote")
    (second.folder / name).write_text("the second wrote this")
    first.sync()
    second.sync(check=False)
    second.sync(check=False)
    assert (server.home() / name).read_text() == (second.folder / name).read_text() == "what the first wrote"
    (copy,) = second.conflicts()
    assert copy.read_text() == "the second wrote this" and copy.parent == second.folder / "a folder %"
    settled(devices)
    assert not first.conflicts() and (first.folder / name).read_text() == "what the first wrote"


def test_added_here_and_there(server: Server, devices: tuple[Device, Device]) -> None:
    """The same file on both is no conflict and is not downloaded; another one under the same name is."""
    first, second = both(devices)
    for device in devices:
        (device.folder / "same.bin").write_bytes(b"same" * 10_000)
        os.utime(device.folder / "same.bin", (1_500_000_000, 1_500_000_000))
        (device.folder / "other.txt").write_text(f"of {device.folder.parent.name}")
    first.sync()
    second.sync(check=False)
    assert not [path for method, path in second.log if method == "GET" and path.endswith("same.bin")]
    settled(devices)
    assert (second.folder / "other.txt").read_text() == "of first"
    (copy,) = second.conflicts()
    assert copy.name.startswith("other") and copy.read_text() == "of second"
    assert (server.home() / "same.bin").read_bytes() == b"same" * 10_000


def test_deleted_here_edited_there(server: Server, devices: tuple[Device, Device]) -> None:
    """The edited version stays, whoever syncs first."""
    first, second = both(devices, edited_first="before", deleted_first="before")
    (first.folder / "edited_first").write_text("edited by the first")
    (second.folder / "edited_first").unlink()
    (first.folder / "deleted_first").unlink()
    (second.folder / "deleted_first").write_text("edited by the second")
    first.sync()
    second.sync(check=False)
    settled(devices)
    wanted = {"edited_first": "edited by the first", "deleted_first": "edited by the second", "stays.txt": "stays"}
    assert {path.name: path.read_text() for path in first.folder.iterdir() if path.name in first.facts()} == wanted
    assert first.facts() == second.facts() == on_server(server)


def test_folder_deleted_here_edited_there(server: Server, devices: tuple[Device, Device]) -> None:
    """A new file and an edited one survive the removal of their folder on the other device; the rest is gone."""
    first, second = both(devices, folder__old="old", folder__edited="before")
    shutil.rmtree(first.folder / "folder")
    (second.folder / "folder" / "edited").write_text("edited by the second")
    (second.folder / "folder" / "new").write_text("new on the second")
    first.sync()
    second.sync(check=False)
    settled(devices)
    assert (first.folder / "folder" / "edited").read_text() == "edited by the second"
    assert (first.folder / "folder" / "new").read_text() == "new on the second"
    assert first.facts() == second.facts() == on_server(server)
    assert "folder/old" not in first.facts()


def test_a_file_becomes_a_folder(server: Server, devices: tuple[Device, Device]) -> None:
    """A file replaced by a folder of its name: it takes these clients two runs, and then it is so everywhere."""
    first, second = both(devices, thing="a file")
    (first.folder / "thing").unlink()
    (first.folder / "thing").mkdir()
    (first.folder / "thing" / "inside").write_text("inside")
    settled(devices)
    assert (second.folder / "thing" / "inside").read_text() == "inside"
    assert first.facts() == second.facts() == on_server(server)


def test_a_folder_becomes_a_file_elsewhere(server: Server, devices: tuple[Device, Device]) -> None:
    """Over WebDAV; the devices follow, and keep what was in the folder as a conflict copy of their own."""
    first, second = both(devices, thing__inside="inside", also__inside="inside")
    other = server.dav()
    assert other.delete("thing").status == 204 and other.put("thing", b"a file").status == 201
    assert other.copy("thing", "also", overwrite="T").status == 204
    settled(devices)
    assert (first.folder / "thing").read_text() == (second.folder / "also").read_text() == "a file"
    for device in devices:
        assert {name: fact for name, fact in device.facts().items() if "conflict" not in name} == on_server(server)


def test_only_the_case_changes(server: Server, devices: tuple[Device, Device]) -> None:
    """One MOVE; names that differ in case only are two files."""
    first, second = both(devices, readme="one", Folder__x="x")
    (first.folder / "readme").rename(first.folder / "README")
    (first.folder / "Folder").rename(first.folder / "FOLDER")
    assert first.sync()["MOVE"] == 2 and first.sent < 20_000
    (first.folder / "readme").write_text("another")
    first.sync()
    settled(devices)
    assert (second.folder / "README").read_text() == "one" and (second.folder / "readme").read_text() == "another"
    assert first.facts() == second.facts() == on_server(server)


def test_over_webdav(server: Server, devices: tuple[Device, Device]) -> None:
    """Whatever other clients do arrives: new, changed, moved, copied, removed, with times and without."""
    first, second = both(devices, a__changed="1", a__moved="22", a__removed="333", b__deep__er="4444", c="55555")
    other = server.dav()
    other.put("a/changed", b"changed elsewhere")
    other.put("a/new%20%C3%BC%23", b"new", headers={"X-OC-Mtime": "1500000000"})
    other.move("a/moved", "b/moved")
    other.delete("a/removed")
    other.move("b/", "renamed/")
    other.copy("renamed/", "copied/")
    other.mkcol("empty")
    for device in devices:
        device.sync()
    assert (first.folder / "a" / "new ü#").stat().st_mtime == 1_500_000_000
    assert {"renamed/deep/er", "copied/moved", "empty", "a/changed"} <= set(first.facts())
    assert first.facts() == second.facts() == on_server(server)


def test_on_the_disk_of_the_server(server: Server, devices: tuple[Device, Device]) -> None:
    """What a program does to the files of the server arrives like the rest."""
    first, second = both(devices, a__changed="1", a__removed="333", b__moved="4444", tree__of__files="5")
    home = server.home()
    (home / "a" / "changed").write_text("changed on disk")
    (home / "a" / "removed").unlink()
    (home / "b" / "moved").rename(home / "a" / "moved")
    (home / "tree").rename(home / "another tree")
    (home / "new" / "deep").mkdir(parents=True)
    (home / "new" / "deep" / "file ü").write_text("new on disk")
    os.utime(home / "new" / "deep" / "file ü", (1_500_000_000, 1_500_000_000))
    server.cli("reconcile")
    for device in devices:
        device.sync()
    assert (second.folder / "new" / "deep" / "file ü").read_text() == "new on disk"
    assert first.facts() == second.facts() == on_server(server)


def test_locked_elsewhere(server: Server, devices: tuple[Device, Device]) -> None:
    """A file that somebody has locked is not overwritten; after the lock has gone the change goes up."""
    first, second = both(devices, locked="before")
    other = server.dav()
    token = other.locked("locked")
    (first.folder / "locked").write_text("changed meanwhile")
    first.sync(check=False)
    assert (server.home() / "locked").read_text() == "before"
    other.unlock("locked", token)
    first.forget_errors()
    first.sync()
    second.sync()
    assert (server.home() / "locked").read_text() == (second.folder / "locked").read_text() == "changed meanwhile"
