"""A WebDAV server over a folder of its own on a free port of 127.0.0.1: starting, stopping, filling, watching."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchlib import machine
from benchlib.client import BenchError, Connection
from benchlib.guard import Guard

ROOT = Path(__file__).resolve().parent.parent.parent
USER, PASSWORD = "bench", "bench-password"
_START, _STOP = 60.0, 20.0


class Missing(Exception):
    """The server is not installed here; the text says what was looked for and which package has it."""


class Account(NamedTuple):
    """Whom a server's processes run as, where root starts them: its folders have to be theirs."""

    user: str
    group: str
    uid: int
    gid: int


def account() -> Account | None:
    """The web server's account of this system; None without root rights, which nobody can give away then.

    :raises Missing: there is no such account.
    """
    if os.geteuid() != 0:
        return None
    for name in ("www-data", "apache", "http", "daemon", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, grp.getgrgid(entry.pw_gid).gr_name, entry.pw_uid, entry.pw_gid)
    raise Missing("there is no account for its processes")


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A WebDAV server; subclasses say how it is started.

    :raises Missing: it is not installed.
    """

    #: On the command line and in tables; ``authenticates`` and ``about`` are for the table of servers.
    key = ""
    name = ""
    authenticates = "no"
    about = ""
    base = "/"
    probe = "/"
    headers: Mapping[str, str] = {}

    def __init__(self, folder: Path, guard: Guard) -> None:
        self.folder = folder
        self.port = free_port()
        self._guard = guard
        self._processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir()

    def commands(self) -> list[list[str]]:
        """The command lines of its processes, which stay in the foreground; the last one listens on the port."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The environment of the processes."""
        return dict(os.environ)

    @property
    def title(self) -> str:
        """Name and version."""
        return self.name

    # -- processes ---------------------------------------------------------------------------

    def start(self, pause: float = 0.05) -> None:
        """Start it and wait until it answers; ``pause`` is between the attempts.

        :raises BenchError: it does not.
        """
        with open(self.folder / "log", "ab") as log:
            for command in self.commands():
                self._start(command, log.fileno())
        deadline = time.monotonic() + _START
        while not self.answers():
            if any(each.poll() is not None for each in self._processes) or time.monotonic() > deadline:
                self.stop()
                text = (self.folder / "log").read_text("utf-8", "replace")[-500:]
                raise BenchError(f"{self.name} did not start: {text.strip()}")
            time.sleep(pause)

    def _start(self, command: list[str], log: int) -> None:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self.environment(),
            cwd=self.folder,
            start_new_session=True,
        )
        self._guard.started(process.pid)
        self._processes.append(process)

    def answers(self) -> bool:
        """Whether it serves requests now."""
        try:
            connection = Connection(self.port)
        except OSError:
            return False
        try:
            return connection.ask(f"OPTIONS {self.probe} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()).status < 500
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """End it, if it runs: asked first, then the whole process group by force."""
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + _STOP
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """End every process at once, as the kernel does when memory is short."""
        processes, self._processes = self._processes, []
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._guard.ended(process.pid)

    def _pids(self, *others: int) -> set[int]:
        return machine.tree([*(process.pid for process in self._processes), *others])

    def cpu_seconds(self) -> float:
        """What its processes and everything below them have taken so far."""
        return machine.cpu_seconds(self._pids())

    def memory(self, *others: int) -> int:
        """Proportional set size of all its processes, and of ``others`` with all below them, in bytes."""
        return machine.memory(self._pids(*others))

    # -- requests ----------------------------------------------------------------------------

    def path(self, path: str) -> str:
        """The path on the server of one below the base folder."""
        return self.base + path

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """A whole request for ``path`` below the base folder."""
        length = {} if body is None else {"Content-Length": str(len(body))}
        return self.head(method, path, **length, **headers) + (body or b"")

    def head(self, method: str, path: str, **headers: str) -> bytes:
        """The head alone; an underscore in a field's name stands for a hyphen."""
        lines = [f"{method} {self.path(path)} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        fields = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in fields.items()), "", ""]).encode()

    def destination(self, path: str) -> str:
        """The absolute URL for COPY and MOVE."""
        return f"http://127.0.0.1:{self.port}{self.path(path)}"

    def make_files(self, folder: str, names: Iterable[str], content: bytes) -> None:
        """Make a folder below the base folder with files in it, in whatever way is quick.

        :raises BenchError: the server refuses.
        """
        raise NotImplementedError


class DiskServer(Server):
    """A server whose files are all that there is: what is written into ``folder/data`` is there at once."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        super().__init__(folder, guard)
        self._account = account()
        self.own(folder / "data")

    def own(self, folder: Path) -> Path:
        """A new folder in which the server's processes may write."""
        folder.mkdir()
        self._give(folder)
        return folder

    def _give(self, path: Path | str) -> None:
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)

    def make_files(self, folder: str, names: Iterable[str], content: bytes) -> None:
        """Directly on disk."""
        where = self.folder / "data" / folder
        if not where.is_dir():
            self.own(where)
        for name in names:
            path = f"{where}/{name}"
            with open(path, "wb") as file:
                file.write(content)
            self._give(path)
