"""davshare itself, from the code beside this script."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchlib import filling
from benchlib.client import BenchError, Connection
from benchlib.guard import Guard
from benchlib.servers import PASSWORD, ROOT, USER, Server

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}


class Davshare(Server):
    """With its default configuration; every request carries Basic credentials."""

    key = "davshare"
    name = "davshare"
    authenticates = "Basic, with each request"
    about = "one worker for each core, uploads synced to disk before they are answered"
    base = "/dav/home/"
    probe = "/readyz"
    headers = BASIC

    def __init__(self, folder: Path, guard: Guard) -> None:
        super().__init__(folder, guard)
        self.data = folder / "data"
        self.run("init", str(self.data), "--password-stdin")
        self.cli("user", "add", USER, "--password-stdin")

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``davshare --data DIR ARGUMENTS``, to its end."""
        return self.run("--data", str(self.data), *arguments)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``davshare ARGUMENTS``, to its end.

        :raises BenchError: it failed.
        """
        done = subprocess.run(
            self.program(*arguments),
            input=PASSWORD,
            text=True,
            capture_output=True,
            env=self.environment(),
            check=False,
        )
        if done.returncode:
            raise BenchError(f"davshare {' '.join(arguments)} failed: {done.stderr.strip()}{done.stdout[-500:]}")
        return done

    def program(self, *arguments: str) -> list[str]:
        """A command line of davshare."""
        return [sys.executable, "-m", "davshare", *arguments]

    def environment(self) -> dict[str, str]:
        """No configuration but the defaults, and the code beside this script."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAVSHARE_")}
        return {**kept, "PYTHONPATH": str(ROOT)}

    def commands(self) -> list[list[str]]:
        """``davshare serve``."""
        return [self.program("serve", str(self.data), "--listen", f"127.0.0.1:{self.port}")]

    def answers(self) -> bool:
        """GET /readyz says 200."""
        try:
            connection = Connection(self.port)
        except OSError:
            return False
        try:
            return connection.ask(b"GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n").status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def make_files(self, folder: str, names: Iterable[str], content: bytes) -> None:
        """By uploads: it keeps an index of its files."""
        filling.upload(self, folder, names, content)


class Relaxed(Davshare):
    """The same without waiting for the disk, as all the others do."""

    key = "relaxed"
    name = "davshare, relaxed"
    about = "the same with `durability = relaxed`: uploads are not synced, as with all others"

    def commands(self) -> list[list[str]]:
        """``davshare serve --durability relaxed``."""
        return [[*command, "--durability", "relaxed"] for command in super().commands()]
