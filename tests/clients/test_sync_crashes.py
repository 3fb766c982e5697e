"""nextcloudcmd and owncloudcmd killed in mid-upload, and the server under them: the next run brings it all in order."""

from __future__ import annotations

import os

import pytest

from support.server import Server
from support.staging import staged
from support.syncing import Device, fill, on_server

pytestmark = pytest.mark.slow
LARGE = 60_000_000


@pytest.fixture
def server(own_server) -> Server:
    """A server of its own: these clients sync a whole home, and it is killed."""
    return own_server()


def prepared(devices: tuple[Device, Device]) -> bytes:
    """A large file on the first device beside small ones, where both have synced before."""
    first, second = devices
    first.sync()
    second.sync()
    fill(first.folder / "small", 60)
    large = os.urandom(1024) * (LARGE // 1024)
    (first.folder / "large.bin").write_bytes(large)
    return large


def in_the_end(server: Server, devices: tuple[Device, Device], litter: int = 0) -> None:
    """Both devices and the server have the same, nothing is left over, and the index agrees with the disk."""
    first, second = devices
    second.sync()
    first.sync()
    assert first.facts() == second.facts() == on_server(server)
    assert not first.conflicts() and not second.conflicts()
    assert all(answer for (answer,) in server.rows("SELECT answer FROM upload")), "none is open"
    left = staged(server.home())
    assert len(left) <= litter, "what a killed server was writing at that moment; the keeper removes it two days later"
    server.cli("check", "--hashes")


def test_the_client_is_killed(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """The next run goes on with the chunks that are missing; nothing of the file is to be seen before."""
    first, second = devices
    large = prepared(devices)
    first.kill_while_sending(45_000_000)
    assert "large.bin" not in on_server(server)
    second.sync()
    assert "large.bin" not in second.facts()
    done = first.sync()
    if done["MOVE"]:  # in chunks; with tus this client sends all of it anew
        assert first.sent < len(large) - 9_000_000, "the first chunk was there already"
    in_the_end(server, devices)


def test_the_server_is_killed(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """What had arrived is there after its start, and the next run sends the rest."""
    first, _ = devices
    large = prepared(devices)
    first.kill_server_while_sending(45_000_000)
    assert "large.bin" not in on_server(server)
    first.forget_errors()
    done = first.sync()
    if done["MOVE"]:
        assert first.sent < len(large) - 9_000_000, "the first chunk was there already"
    in_the_end(server, devices, litter=6)


def test_the_client_is_killed_at_a_new_version(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """The version before stays until the new one is complete."""
    first, second = devices
    before = prepared(devices)
    first.sync()
    second.sync()
    after = os.urandom(1024) * (LARGE // 1024)
    (first.folder / "large.bin").write_bytes(after)
    first.kill_while_sending(30_000_000)
    second.sync()
    assert (server.home() / "large.bin").read_bytes() == (second.folder / "large.bin").read_bytes() == before
    first.sync()
    in_the_end(server, devices)
    assert (second.folder / "large.bin").read_bytes() == after


def test_the_server_is_killed_among_small_files(client: str, server: Server, devices: tuple[Device, Device]) -> None:
    """Of many small files each is there whole or not at all, and the next run brings the others."""
    first, _ = devices
    first.sync()
    fill(first.folder / "small", 600)
    wanted = first.facts()
    first.kill_server_while_sending(250_000)
    there = on_server(server)
    assert there.items() <= wanted.items() and len(there) < len(wanted)
    first.forget_errors()
    first.sync()
    in_the_end(server, devices, litter=6)
    assert wanted.items() <= first.facts().items()
