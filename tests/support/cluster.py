"""A real PostgreSQL cluster for the tests: one for a whole run, a database of its own for each server.

The first process that needs it starts it in a temporary folder, the main
process of the run stops it.  Without root rights and with them.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]
#: The folder of this run's cluster, for all its processes; its name ends in the number of the run's main process.
VARIABLE = "TEST_CLUSTER"
#: Which database this run is about: sqlite or postgresql.
DATABASE = "TEST_DATABASE"
_TEMPLATE = "davshare_template"
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
    "autovacuum": "off",
    "max_wal_size": "256MB",
}


@cache
def binaries() -> Path:
    """Where initdb and postgres are.

    :raises AssertionError: nowhere.
    """
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    assert found, "these tests need PostgreSQL (Debian: apt-get install postgresql)"
    return Path(found).resolve().parent


class Cluster:
    """One cluster in ``folder``, listening on a loopback port and a socket in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0

    @classmethod
    def shared(cls) -> Cluster:
        """The one of this run; started by whoever comes first."""
        folder = Path(os.environ[VARIABLE])
        folder.mkdir(mode=0o700, exist_ok=True)
        cluster = cls(folder)
        with open(folder / "lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "ready").exists():
                cluster.make()
                cluster.start()
                cluster.watch()
                (folder / "ready").write_text(json.dumps({"port": cluster.port}))
        cluster.port = json.loads((folder / "ready").read_text())["port"]
        return cluster

    def make(self) -> None:
        """initdb."""
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o755)
            data = self.folder / "pg"
            data.mkdir()
            shutil.chown(data, *_user())
        # An order that is not that of code points: nothing may depend on the database's own.
        self._run("initdb", "-D", str(self.folder / "pg"), "-U", "davshare", "-A", "trust", "-E", "UTF8", "--no-sync",
                  "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US")  # fmt: skip
        with open(self.folder / "pg" / "postgresql.conf", "a") as file:
            for name, value in {**_SETTINGS, "unix_socket_directories": self.folder / "pg"}.items():
                file.write(f"{name} = '{value}'\n")

    def start(self) -> None:
        """Start, and return when it answers; the port stays the same."""
        from support.server import free_port

        self.port = self.port or free_port()
        self._run("pg_ctl", "-D", str(self.folder / "pg"), "-w", "-t", "60", "-o", f"-p {self.port}",
                  "-l", str(self.folder / "pg" / "log"), "start")  # fmt: skip

    def watch(self) -> None:
        """Let it end with the run, however that ends."""
        code = (
            "import sys, time, pathlib; from support import cluster\n"
            "while pathlib.Path('/proc', sys.argv[2]).exists(): time.sleep(1)\n"
            "cluster.remove(pathlib.Path(sys.argv[1]))\n"
        )
        run = self.folder.name.rpartition("-")[2]
        subprocess.Popen(
            [sys.executable, "-c", code, str(self.folder), run], cwd=ROOT / "tests", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def stop(self) -> None:
        """Stop at once, without a word to whoever is connected."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.folder / "pg"), "-w", "-t", "60", "-m", "immediate", "stop")

    def make_template(self) -> None:
        """A database with the tables, to copy; made once."""
        if self.execute(f"SELECT 1 FROM pg_database WHERE datname='{_TEMPLATE}'"):
            return
        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        with tempfile.TemporaryDirectory() as folder:
            code = (
                "import sys, pathlib\n"
                "from davshare.index.backends import database\n"
                "from davshare.index.migrate import upgrade\n"
                "upgrade(database(pathlib.Path(sys.argv[1]), sys.argv[2]))\n"
            )
            subprocess.run([sys.executable, "-c", code, folder, self.url(_TEMPLATE)], cwd=ROOT, check=True)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://davshare:secret@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Run one statement as the superuser; its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, template: bool = False) -> str:
        """A new database, empty or with the tables in it; its URL."""
        name = f"t{os.getpid()}_{time.monotonic_ns()}"
        more = f"TEMPLATE {_TEMPLATE}" if template else ""
        with open(self.folder / "copying", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if template:
                self.make_template()
            self.execute(f"CREATE DATABASE {name} {more}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Throw a database away, whoever is connected."""
        with suppress(psycopg.Error):
            self.execute(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")

    def back_up(self, url: str) -> Callable[[], None]:
        """Copy a database that nobody is connected to; the result puts it back."""
        name = name_of(url)
        self.execute(f"CREATE DATABASE {name}_old TEMPLATE {name}")

        def restore() -> None:
            self.drop(url)
            self.execute(f"ALTER DATABASE {name}_old RENAME TO {name}")

        return restore

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(binaries() / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={_user()[0]}", f"--regid={_user()[1]}", "--clear-groups", *command]
        subprocess.run(
            command,
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )


def wanted() -> bool:
    """Whether this run is about PostgreSQL."""
    return os.environ.get(DATABASE) == "postgresql"


def new_database(template: bool = False) -> str:
    """The URL of a new database of the kind that this run is about; empty for SQLite."""
    return Cluster.shared().create(template) if wanted() else ""


def begin() -> None:
    """In the main process of a run: where its cluster will be, should there be one."""
    os.environ[VARIABLE] = f"{tempfile.gettempdir()}/davshare-pg-{secrets.token_hex(8)}-{os.getpid()}"


def end() -> None:
    """In the main process of a run: the cluster goes."""
    remove(Path(os.environ.pop(VARIABLE)))


def name_of(url: str) -> str:
    """The name of a database."""
    return url.rpartition("/")[2]


def _user() -> tuple[str, str]:
    """An account that is not root: PostgreSQL refuses to be."""
    return "nobody", "nogroup"


@contextmanager
def own() -> Iterator[Cluster]:
    """A cluster of a test's own, to stop and start."""
    folder = Path(tempfile.mkdtemp(prefix="davshare-pg-"))
    cluster = Cluster(folder)
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Stop the cluster in a folder if there is one, and remove everything."""
    if (folder / "pg" / "postmaster.pid").exists():
        cluster = Cluster(folder)
        cluster.stop()
        with suppress(OSError, ValueError, ProcessLookupError):
            os.kill(int((folder / "pg" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)
