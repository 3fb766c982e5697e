"""A davshare server in its own process group, driven only from the outside."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from davshare.index.backends import database
from davshare.index.database import Connection
from support import cluster
from support.client import Dav
from support.raw import exchange

ROOT = Path(__file__).resolve().parents[2]
ADMIN = ("admin", "admin-pass-0000")
USERS = {"alice": "alice-pass-1", "bob": "bob-pass-22"}
START_SECONDS = 20


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment in which ``python -m davshare`` finds this checkout, plus ``extra``."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("DAVSHARE_")}
    return {**clean, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


def davshare(*args: str, input: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``davshare ARGS`` to its end; ``input`` goes to its standard input.

    :raises AssertionError: it failed although ``check`` is set.
    """
    if args[:1] == ("init",) and "--database" not in args and (url := cluster.new_database()):
        args = (*args, "--database", url)
    done = subprocess.run(
        [sys.executable, "-m", "davshare", *args],
        input=input if input is not None else "",
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
    )
    if check:
        assert done.returncode == 0, f"davshare {args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def alive_in(group: int) -> list[int]:
    """The processes of a group that still run; dead ones that nobody has collected yet do not count."""
    found = []
    if not Path("/proc/self/stat").exists():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            found.append(group)
        return found
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state not in "ZX":
                    found.append(int(entry.name))
    return found


class Server:
    """One data folder and the process group that serves it."""

    def __init__(self, folder: Path, workers: int, users: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.workers = workers
        self.users = dict(users)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        tmp_path: Path,
        workers: int = 2,
        users: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        serve: bool = True,
    ) -> Server:
        """A fresh data folder below ``tmp_path`` with ``users`` (name to password), served and ready."""
        server = cls(tmp_path, workers, USERS if users is None else users)
        davshare("init", str(server.data), "--admin", ADMIN[0], "--password-stdin", input=ADMIN[1])
        for name, password in server.users.items():
            server.cli("user", "add", name, "--password-stdin", input=password)
        server.users[ADMIN[0]] = ADMIN[1]
        if serve:
            server.run(env)
        return server

    @property
    def url(self) -> str:
        """Scheme, host and port, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    def cli(self, *args: str, input: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``davshare --data DIR ARGS`` on this server's data folder."""
        return davshare("--data", str(self.data), *args, input=input, check=check)

    def run(self, env: Mapping[str, str] | None = None, workers: int | None = None) -> None:
        """Start the processes and wait until ``GET /readyz`` answers 200.

        :raises AssertionError: the server ended or was not ready in time; the text shows its log.
        """
        self.workers = workers or self.workers
        for attempt in range(3):
            self.port = free_port()
            command = [sys.executable, "-m", "davshare", "serve", str(self.data)]
            command += ["--listen", f"127.0.0.1:{self.port}", "--workers", str(self.workers)]
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment(env),
                    start_new_session=True,
                )
            if self._wait_ready() or attempt == 2:
                break
            self.kill9()
        assert self.ready(), f"the server did not start:\n{self.log_tail()}"

    def _wait_ready(self) -> bool:
        assert self.process is not None
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self.ready():
                return True
            time.sleep(0.03)
        return False

    def ready(self) -> bool:
        """Whether ``GET /readyz`` answers 200 right now."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            link.request("GET", "/readyz")
            return link.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            link.close()

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM to the main process; its exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(seconds)
        finally:
            self._kill_group(process)

    def kill9(self) -> None:
        """SIGKILL to the whole process group, as a power cut for the processes."""
        if self.process is not None:
            process, self.process = self.process, None
            self._kill_group(process)

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        until = time.monotonic() + 10
        while time.monotonic() < until and alive_in(process.pid):
            time.sleep(0.005)

    def discard(self) -> None:
        """Kill it, and throw its database away."""
        self.kill9()
        if self.database:
            cluster.Cluster.shared().drop(self.database)

    def back_up_index(self, folder: Path) -> Callable[[], None]:
        """A copy of the stopped server's index, in ``folder`` or beside its database; call the result to restore it."""
        if self.database:
            return cluster.Cluster.shared().back_up(self.database)
        names = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")
        for name in names:
            if (self.data / name).exists():
                shutil.copy2(self.data / name, folder / name)

        def restore() -> None:
            for name in names:
                (self.data / name).unlink(missing_ok=True)
                if (folder / name).exists():
                    shutil.copy2(folder / name, self.data / name)

        return restore

    @contextlib.contextmanager
    def index(self) -> Iterator[Connection]:
        """A transaction on the index, to break something in it; all ``?`` need a value."""
        index = database(self.data, self.database)
        with index.write() as connection:
            yield connection
        index.close()

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the index answers to a statement without parameters."""
        index = database(self.data, self.database)
        try:
            with index.session() as connection:
                return list(connection.execute(statement).fetchall())
        finally:
            index.close()

    @property
    def database(self) -> str:
        """The URL of its database; empty for SQLite."""
        file = self.data / "davshare.toml"
        return str(tomllib.loads(file.read_text("utf-8")).get("database", "")) if file.exists() else ""

    def restart(self, env: Mapping[str, str] | None = None) -> None:
        """Stop if running, and start again on the same data folder."""
        self.stop()
        self.run(env)

    def alive(self) -> bool:
        """Whether the main process still runs."""
        return self.process is not None and self.process.poll() is None

    def dav(self, user: str | None = "alice", base: str = "/dav/home/", password: str | None = None) -> Dav:
        """A client signed in as ``user`` (None: as nobody) whose paths start at ``base``."""
        auth = None if user is None else (user, password if password is not None else self.users[user])
        return Dav(self.port, base, auth)

    def raw(self, data: bytes, **options: float) -> bytes:
        """Send ``data`` over a new connection as it is; everything that came back."""
        return exchange(self.port, data, **options)

    def home(self, user: str = "alice") -> Path:
        """The folder on disk that holds the user's files."""
        return self.data / "homes" / user

    def log_tail(self, size: int = 6000) -> str:
        """The end of what the server printed."""
        return self.log.read_text("utf-8", "replace")[-size:] if self.log.exists() else ""
