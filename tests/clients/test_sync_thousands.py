"""Many files and large ones through nextcloudcmd and owncloudcmd: first sync, renames, and what a quiet run costs."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from support.server import Server
from support.staging import staged
from support.syncing import Device, fill, on_server

pytestmark = pytest.mark.slow
FILES = 3_000
LARGE = 300_000_000


@pytest.fixture
def server(own_server) -> Server:
    """A server of its own: these clients sync a whole home."""
    return own_server()


def age(folder: Path) -> None:
    """Give every file another time, as those have that people bring along."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if path.is_file():
            os.utime(path, (1_400_000_000 + 1_000 * number, 1_400_000_000 + 1_000 * number))


def assert_quiet(device: Device) -> None:
    """A run without news: one PROPFIND, and what tells who and what this is."""
    done = device.sync()
    assert done["PROPFIND"] == 1 and done["GET"] <= 4 and set(done) == {"PROPFIND", "GET"}, done
    assert {path for method, path in device.log if method == "GET"} <= {
        "/status.php",
        "/ocs/v1.php/cloud/capabilities?format=json",
        "/ocs/v1.php/cloud/user?format=json",
        "/push/ws",
    }


def test_first_sync(server: Server, devices: tuple[Device, Device]) -> None:
    """3,000 files with hard names and one of 300 MB: the same everywhere, times included, and then it is quiet."""
    first, second = devices
    fill(first.folder, FILES)
    with (first.folder / "large.bin").open("wb") as file:
        for number in range(LARGE // 1_000_000):
            file.write(random.Random(number).randbytes(1_000_000))
    age(first.folder)
    fill(second.folder / "of the second", 200)
    age(second.folder)
    begun = first.facts()
    first.sync()
    second.sync()
    first.sync()
    assert first.facts() == second.facts() == on_server(server)
    assert begun.items() <= first.facts().items(), "what was there is as it was"
    assert len([each for each in first.facts().values() if each is not None]) >= FILES + 200
    assert not first.conflicts() and not second.conflicts()
    assert staged(server.home()) == []
    for device in devices:
        device.sync()  # it has not yet seen the ETags of the folders that it has changed itself
        assert_quiet(device)


def test_a_folder_of_500_is_renamed_and_moved(server: Server, devices: tuple[Device, Device]) -> None:
    """Each time one MOVE; no content goes up, and none comes down on the other device."""
    first, second = devices
    children = first.folder / "before" / "children"
    children.mkdir(parents=True)
    (first.folder / "elsewhere").mkdir()
    for number in range(500):
        (children / f"{number}.bin").write_bytes(random.Random(number).randbytes(3_000))
    first.sync()
    second.sync()
    ids = {
        number: server.dav().text(f"before/children/{number}.bin", "{http://owncloud.org/ns}id") for number in (0, 499)
    }
    for source, target in (("before/children", "before/after ü"), ("before/after ü", "elsewhere/moved"),
                           ("elsewhere", "renamed above"), ("renamed above/moved", "Moved")):  # fmt: skip
        first.sync()
        (first.folder / source).rename(first.folder / target)
        done = first.sync()
        assert done["MOVE"] == 1 and not {"PUT", "POST", "PATCH", "DELETE"} & set(done), done
        assert first.sent < 40_000, "no content"
        done = second.sync()
        content = [path for method, path in second.log if method == "GET" and "/remote.php/" in path]
        assert not content and not {"PUT", "POST", "MOVE"} & set(done), done
        assert first.facts() == second.facts() == on_server(server)
    for number, told in ids.items():
        assert server.dav().text(f"Moved/{number}.bin", "{http://owncloud.org/ns}id") == told
    assert_quiet(second)


def test_renamed_and_changed_inside(server: Server, devices: tuple[Device, Device]) -> None:
    """A rename with one changed, one new and one removed file inside moves those bytes and no others."""
    first, second = devices
    (first.folder / "before").mkdir()
    for number in range(100):
        (first.folder / "before" / f"{number}.bin").write_bytes(random.Random(number).randbytes(3_000))
    first.sync()
    second.sync()
    first.sync()
    (first.folder / "before").rename(first.folder / "after")
    (first.folder / "after" / "7.bin").write_bytes(b"changed")
    (first.folder / "after" / "new.bin").write_bytes(b"new")
    (first.folder / "after" / "8.bin").unlink()
    first.sync()
    assert first.sent < 40_000
    first.sync()
    second.sync()
    assert first.facts() == second.facts() == on_server(server)
    got = sorted(path.rsplit("/", 1)[-1] for method, path in second.log if method == "GET" and "/remote.php/" in path)
    assert got == ["7.bin", "new.bin"]
