"""What the tests with real programs share."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from support.counting import relay
from support.server import ROOT, Server, environment
from support.syncing import CLIENTS, Device

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program() -> Callable[[str, str], str]:
    """Finds a program, or fails with a word on how to install it."""

    def find(name: str, package: str) -> str:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")
        if path is None:
            pytest.fail(f"{name} is missing; on Debian and Ubuntu: apt-get install {package}")
        return path

    return find


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command in a folder of its own, with a HOME of its own."""

    def call(
        *command: str,
        input: str | None = None,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env={**environment(), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **(env or {})},
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A local folder with what people have: empty files, odd names, deep folders, a large file."""
    folder = tmp_path / "sample"
    (folder / "deep" / "er" / "and deeper").mkdir(parents=True)
    (folder / "empty folder").mkdir()
    contents = {
        "empty": b"",
        "small.txt": b"hello\n",
        "grüße aus köln.txt": "äöü".encode(),
        "100% & more #1?.md": b"x" * 100,
        "large.bin": bytes(range(256)) * 12_000,
        "deep/er/and deeper/file": b"deep",
        "deep/one": b"1",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """One of the programs that sync a folder; where it is missing the test is skipped."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is missing ({CLIENTS[request.param]})")
    return request.param


@pytest.fixture
def devices(client: str, tmp_path: Path, server: Server) -> Iterator[tuple[Device, Device]]:
    """Two machines of alice's; one file is there already, because clients ask before all files go.

    The server should belong to the test: these clients sync a whole home.
    """
    server.dav().put("stays.txt", b"stays")
    with relay(server.port) as between:
        yield tuple(Device(client, tmp_path / name, server, between) for name in ("first", "second"))
