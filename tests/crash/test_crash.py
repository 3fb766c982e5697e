"""kill -9 of the whole process group at every point of the write path, and at random instants."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav
from support.follower import Follower, differences, walk
from support.server import Server, alive_in

POINTS = ["put.staged", "put.synced", "commit.begun", "commit.done", "effect.done", "answered"]
#: The points that only an upload passes.
UPLOADS = {"put.staged", "put.synced"}
#: The operations that are crashed in the quick run.
QUICK = {"PUT overwrite", "MOVE folder", "DELETE folder"}
OLD, NEW = b"old" * 50_000, b"new" * 60_000


class Case:
    """An operation, what has to be there before it, and the two states that are allowed after a crash in it."""

    def __init__(
        self, run: Callable[[Dav], int], before: dict[str, bytes | None], after: dict[str, bytes | None]
    ) -> None:
        self.run = run
        self.before = before
        self.after = after


FOLDER = {"d/": None, "d/one": OLD, "d/sub/": None, "d/sub/two": OLD}


def under(name: str) -> dict[str, bytes | None]:
    """The folder's content under another name."""
    return {name + path.removeprefix("d"): content for path, content in FOLDER.items()}


CASES = {
    "PUT new": Case(lambda dav: dav.put("file", NEW).status, {}, {"file": NEW}),
    "PUT overwrite": Case(lambda dav: dav.put("file", NEW).status, {"file": OLD}, {"file": NEW}),
    "MKCOL": Case(lambda dav: dav.mkcol("made").status, {}, {"made/": None}),
    "MOVE file": Case(lambda dav: dav.move("file", "moved").status, {"file": OLD}, {"moved": OLD}),
    "MOVE onto": Case(lambda dav: dav.move("file", "moved").status, {"file": OLD, "moved": NEW}, {"moved": OLD}),
    "MOVE folder": Case(lambda dav: dav.move("d/", "e/").status, FOLDER, under("e")),
    "COPY folder": Case(lambda dav: dav.copy("d/", "e/").status, FOLDER, {**FOLDER, **under("e")}),
    "COPY file": Case(lambda dav: dav.copy("file", "copied").status, {"file": OLD}, {"file": OLD, "copied": OLD}),
    "DELETE file": Case(lambda dav: dav.delete("file").status, {"file": OLD}, {}),
    "DELETE folder": Case(lambda dav: dav.delete("d/").status, {**FOLDER, "x": OLD}, {"x": OLD}),
}


def build(dav: Dav, files: dict[str, bytes | None]) -> None:
    """Make these files and folders (None)."""
    for path, content in files.items():
        status = dav.mkcol(path).status if content is None else dav.put(path, content).status
        assert status == 201, path


def content(dav: Dav) -> dict[str, bytes | None]:
    """Every member below, by PROPFIND and GET."""
    found: dict[str, bytes | None] = {}
    for href, (_, folder, size) in walk(dav).items():
        path = href.removeprefix(dav.base)
        got = None if folder else dav.get(path)
        if got is not None:
            assert (got.status, len(got.body)) == (200, size), path
        found[path] = None if got is None else got.body
    return found


def on_disk(root: Path) -> dict[str, bytes | None]:
    """The same, as an administrator finds it; nothing of ours may be visible."""
    found: dict[str, bytes | None] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        found[name + ("/" if path.is_dir() else "")] = None if path.is_dir() else path.read_bytes()
    return found


def consistent(server: Server, dav: Dav, follower: Follower) -> None:
    """Index, disk and journal agree, and the paths can be written."""
    shown = content(dav)
    folder = server.home() / dav.base.removeprefix("/dav/home/")
    assert on_disk(folder) == shown
    assert {path.name for path in server.home().iterdir()} <= {path.name for path in folder.parent.iterdir()}
    checked = server.cli("check", "--hashes", check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert differences(follower.catch_up(), walk(dav)) == []
    fresh = Follower(dav)
    assert differences(fresh.catch_up(), walk(dav)) == []


def crash(server: Server, call: Callable[[], int]) -> int:
    """The status of a request that the server may not survive; 0 when there was no answer."""
    try:
        return call()
    except (OSError, http.client.HTTPException):
        return 0


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory):
    """One data folder that is crashed and restarted all the time."""
    server = Server.start(tmp_path_factory.mktemp("crash"))
    yield server
    server.kill9()


def wait_dead(server: Server) -> bool:
    """Whether the group ended by itself."""
    assert server.process is not None
    with contextlib.suppress(Exception):
        server.process.wait(5)
    return server.process.poll() is not None


def combinations() -> list:
    """Every operation with every point that it passes; some in the quick run."""
    found = []
    for name in sorted(CASES):
        for point in POINTS:
            if point not in UPLOADS or name.startswith("PUT"):
                marks = [] if name in QUICK else [pytest.mark.slow]
                found.append(pytest.param(name, point, marks=marks))
    return found


@pytest.mark.parametrize(("name", "point"), combinations())
def test_crash_at(victim: Server, name: str, point: str) -> None:
    """After a crash in it, an operation has happened as a whole or not at all, and everything goes on."""
    case = CASES[name]
    if not victim.alive():
        victim.run()
    dav = victim.dav("alice").fresh_box()
    build(dav, case.before)
    follower = Follower(dav)
    follower.catch_up()
    victim.kill9()
    victim.run({"DAVSHARE_CRASH_AT": point}, workers=2)
    dav = victim.dav("alice", dav.base)
    status = crash(victim, lambda: case.run(dav))
    died = wait_dead(victim)
    victim.kill9()
    assert died, f"{point} was never passed (the answer was {status})"
    victim.run(workers=2)
    dav = victim.dav("alice", dav.base)
    follower.dav = dav
    found = content(dav)
    assert found in (case.before, case.after), f"half of {name}: {sorted(found)}"
    if point in UPLOADS:
        assert found == case.before, "nothing was committed yet"
    if status:
        assert found == case.after, "it was acknowledged"
    if point in ("commit.done", "effect.done", "answered"):
        assert found == case.after, "it was committed"
    consistent(victim, dav, follower)
    for path in {**case.before, **case.after}:
        if not path.endswith("/"):
            parent = path.rpartition("/")[0]
            if not parent or dav.exists(parent + "/"):
                assert dav.put(path, b"again").status in (201, 204)
                assert dav.get(path).body == b"again"


@pytest.mark.slow
@pytest.mark.parametrize("point", ["put.synced", "commit.begun", "commit.done", "effect.done"])
def test_crash_under_load(own_server, point: str) -> None:
    """The fourth of many parallel writes dies: every acknowledged one is there, none is half."""
    server: Server = own_server(workers=2)
    server.stop()
    server.run({"DAVSHARE_CRASH_AT": f"{point}:4"})
    Load(server, seconds=10).run_until_death().restart_and_check()


class Load:
    """Writers that note what they sent and what was acknowledged."""

    def __init__(self, server: Server, seconds: float, writers: int = 3, box: str | None = None) -> None:
        self.server = server
        self.seconds = seconds
        self.box = server.dav("alice", box) if box else server.dav("alice").fresh_box()
        self.follower = Follower(self.box)
        self.follower.catch_up()
        self.over = threading.Event()
        self.writers = writers
        #: Path to the digests that it may have; None stands for "not there".
        self.allowed: dict[str, set[str | None]] = {}
        self.unexpected: list[int] = []

    def _write(self, number: int) -> None:
        chance = random.Random()
        dav = self.box.clone()
        until = time.monotonic() + self.seconds
        while not self.over.is_set() and time.monotonic() < until:
            path = f"{number}-{chance.randrange(6)}"
            body = chance.randbytes(chance.choice([0, 10, 5_000, 150_000]))
            digest: str | None = hashlib.sha256(body).hexdigest()
            known = self.allowed.get(path, {None})
            delete = chance.random() < 0.15
            digest = None if delete else digest
            self.allowed[path] = known | {digest}
            try:
                status = dav.delete(path).status if delete else dav.put(path, body).status
            except (OSError, http.client.HTTPException):
                return
            if status not in (201, 204, 404, 503):
                self.unexpected.append(status)
                return
            if status in (201, 204, 404):
                self.allowed[path] = {digest}

    def start(self) -> list[threading.Thread]:
        """The writers, running."""
        threads = [threading.Thread(target=self._write, args=(n,)) for n in range(self.writers)]
        for thread in threads:
            thread.start()
        return threads

    def run_until_death(self) -> Load:
        """Write until the server is gone."""
        threads = self.start()
        for thread in threads:
            thread.join(self.seconds + 30)
        assert wait_dead(self.server), "the server survived"
        self.server.kill9()
        return self

    def kill_after(self, seconds: float) -> Load:
        """Write, and kill the server after that time."""
        threads = self.start()
        time.sleep(seconds)
        self.server.kill9()
        for thread in threads:
            thread.join(30)
        return self

    def restart_and_check(self) -> None:
        """Every path holds what was acknowledged last, or what was under way."""
        assert self.unexpected == []
        self.server.run()
        dav = self.server.dav("alice", self.box.base)
        self.follower.dav = dav
        found = content(dav)
        for path, digests in self.allowed.items():
            body = found.get(path)
            digest = None if body is None else hashlib.sha256(body).hexdigest()
            assert digest in digests, f"{path} lost what was acknowledged"
        assert found.keys() <= self.allowed.keys()
        consistent(self.server, dav, self.follower)
        assert json.loads(self.server.cli("lock", "list", "--json").stdout) == []


def kill_rounds(server: Server, rounds: int) -> None:
    """Load and a kill at a random instant, over and over on the same data."""
    for _ in range(rounds):
        Load(server, seconds=20).kill_after(random.uniform(0.05, 0.7)).restart_and_check()


@pytest.mark.slow
def test_crash_at_random_instants(own_server) -> None:
    """Three writers and a kill somewhere: nothing acknowledged is lost."""
    kill_rounds(own_server(workers=2), 3)


@pytest.mark.slow
def test_crash_at_many_random_instants(own_server) -> None:
    """The same for longer."""
    kill_rounds(own_server(workers=2), 20)


@pytest.mark.slow
def test_crash_during_recovery(own_server) -> None:
    """A second crash, while the first is being repaired, changes nothing."""
    server: Server = own_server(workers=1)
    dav = server.dav("alice").fresh_box()
    dav.put("file", OLD)
    follower = Follower(dav)
    follower.catch_up()
    server.stop()
    server.run({"DAVSHARE_CRASH_AT": "commit.done"})
    dav = server.dav("alice", dav.base)
    crash(server, lambda: dav.put("file", NEW).status)
    assert wait_dead(server)
    server.kill9()
    with contextlib.suppress(AssertionError):
        server.run({"DAVSHARE_CRASH_AT": "effect.done"})
    server.kill9()
    server.run()
    dav = server.dav("alice", dav.base)
    follower.dav = dav
    assert content(dav) == {"file": NEW}
    consistent(server, dav, follower)


@pytest.mark.slow
def test_a_worker_dies(own_server) -> None:
    """One worker killed under load: it is replaced, the others go on, nothing acknowledged is lost."""
    server: Server = own_server(workers=2)
    load = Load(server, seconds=2)
    threads = load.start()
    time.sleep(0.3)
    assert server.process is not None
    group = server.process.pid
    children = [pid for pid in alive_in(group) if pid != group]
    os.kill(max(children), signal.SIGKILL)
    os.kill(min(children), signal.SIGKILL)
    for thread in threads:
        thread.join(30)
    until = time.monotonic() + 10
    while not server.ready():
        assert time.monotonic() < until, "the workers were not replaced"
        time.sleep(0.05)
    server.stop()
    load.restart_and_check()
