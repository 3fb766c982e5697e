"""kill -9 of the keeper and of workers while the index takes in what others write; only one keeper works."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from support.follower import walk
from support.polling import eventually, soon_equal
from support.server import Server, alive_in, environment

MAKER = """
import sys
from pathlib import Path
root, who, folders, files = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for folder in range(folders):
    inner = root / f"p{folder % 10}" / f"{who}-{folder}"
    inner.mkdir(parents=True)
    for number in range(files):
        (inner / f"f{number}").write_bytes(b"x")
"""
KEEPER = """
import sys
from pathlib import Path
from davshare import config
from davshare.server import build
data = Path(sys.argv[1])
build.keeper(data, config.load(data, {}, {}).config)
"""


def holder(server: Server) -> int:
    """The process that has the keeper's lease; 0 when there is none."""
    found = server.rows("SELECT holder FROM lease WHERE name='keeper'")
    return int(found[0][0].split()[-2]) if found else 0


def children(server: Server) -> list[int]:
    """Workers and keeper."""
    assert server.process is not None
    return [pid for pid in alive_in(server.process.pid) if pid != server.process.pid]


def kill(pid: int) -> None:
    """SIGKILL, to a process that may have ended; 0 is none."""
    if pid > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def created(server: Server, space: str) -> Counter[int]:
    """How often each node was reported as new in the journal."""
    lines = server.cli("journal", space, "--limit", "1000000", "--json").stdout
    entries = json.loads(lines) if lines.startswith("[") else [json.loads(line) for line in lines.splitlines()]
    return Counter(each["node"] for each in entries if each["kind"] == "created")


def take_in(server: Server, root: Path, folders: int, files: int, rounds: int) -> None:
    """Three processes write while keeper and workers are killed; afterwards everything is there once."""
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKER, str(root), who, str(folders), str(files)]) for who in "abc"
    ]
    chance = random.Random(4711)
    for number in range(rounds):
        time.sleep(chance.uniform(0.2, 1.0))
        kill(holder(server) if number % 2 == 0 else chance.choice(children(server) or [0]))
    for maker in makers:
        assert maker.wait(600) == 0
    kill(holder(server))
    eventually(server.ready)
    count = 10 + 3 * folders + 3 * folders * files
    dav = server.dav("alice")
    soon_equal(lambda: len(dav.report_sync().multistatus.live), count, 300)
    assert dav.report_sync().multistatus.live == walk(dav).keys()
    checked = server.cli("check", "alice", check=False)
    assert checked.returncode == 0, checked.stdout[-3000:]
    times = created(server, "alice")
    assert len(times) == count and set(times.values()) == {1}


@pytest.mark.slow
def test_killed_while_files_arrive(own_server) -> None:
    """12,000 files."""
    server: Server = own_server()
    take_in(server, server.home(), 80, 50, 6)


@pytest.mark.soak
@pytest.mark.slow
def test_killed_while_very_many_files_arrive(own_server) -> None:
    """120,000 files: events of the kernel get lost, files do not."""
    server: Server = own_server()
    take_in(server, server.home(), 400, 100, 20)


def start_keeper(server: Server, log: Path) -> subprocess.Popen[bytes]:
    """A keeper outside of the server's process group."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-c", KEEPER, str(server.data)], env=environment(), stdout=out, stderr=out
        )


@pytest.mark.slow
def test_only_one_keeper_works(own_server, tmp_path: Path) -> None:
    """A second one waits; when the first is killed it takes over at once, without waiting for the lease to end."""
    server: Server = own_server(serve=False)
    first = start_keeper(server, tmp_path / "first.log")
    second = None
    try:
        soon_equal(lambda: holder(server), first.pid)
        second = start_keeper(server, tmp_path / "second.log")
        (server.home() / "one").write_bytes(b"1")
        eventually(lambda: "one" in journal_names(server))
        time.sleep(2.5)
        assert second.poll() is None and holder(server) == first.pid
        first.kill()
        first.wait()
        soon_equal(lambda: holder(server), second.pid)
        (server.home() / "two").write_bytes(b"2")
        eventually(lambda: "two" in journal_names(server))
        assert len(created(server, "alice")) == 2
        second.terminate()
        assert second.wait(20) == 0
        assert holder(server) == 0, "given back"
    finally:
        for each in (first, second):
            if each is not None and each.poll() is None:
                each.kill()
                each.wait()


def journal_names(server: Server) -> str:
    """The names in the index of alice's home."""
    return " ".join(name for (name,) in server.rows("SELECT name FROM node WHERE parent>0"))
