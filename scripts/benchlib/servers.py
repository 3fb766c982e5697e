"""davshare and its peers, each started over a folder of its own on a free port of 127.0.0.1."""

from __future__ import annotations

import base64
import grp
import importlib.metadata
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchlib import machine
from benchlib.client import BenchError, Connection

ROOT = Path(__file__).resolve().parent.parent.parent
_USER, _PASSWORD = "bench", "bench-password"
_START, _STOP = 30.0, 20.0


class Missing(Exception):
    """The server is not installed here; the text says what was looked for."""


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A WebDAV server; subclasses say how it is started.

    :raises Missing: it is not installed.
    """

    name = ""
    base = "/"
    probe = "/"
    headers: Mapping[str, str] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    def command(self) -> list[str]:
        """The command line; the process stays in the foreground."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The environment of the process."""
        return dict(os.environ)

    @property
    def title(self) -> str:
        """Name and version."""
        return self.name

    def start(self) -> None:
        """Start it and wait until it answers.

        :raises BenchError: it does not.
        """
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment()
            )
        deadline = time.monotonic() + _START
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                text = (self.folder / "log").read_text("utf-8", "replace")[-500:]
                raise BenchError(f"{self.name} did not start: {text.strip()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
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
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def cpu_seconds(self) -> float:
        """What the process and everything below it have taken so far."""
        return machine.cpu_seconds(self._process.pid) if self._process else 0.0

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """A whole request for ``path`` below the base folder."""
        lines = [f"{method} {self.base}{path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **headers}.items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Davshare(Server):
    """The code beside this script with its default configuration; every request carries Basic credentials."""

    name = "davshare"
    base = "/dav/home/"
    probe = "/readyz"
    headers = {"Authorization": "Basic " + base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()}  # noqa: RUF012

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder / "data"
        self._run("init", str(self.data), "--password-stdin")
        self._run("--data", str(self.data), "user", "add", _USER, "--password-stdin")

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "davshare", *arguments]
        done = subprocess.run(
            command, input=_PASSWORD, text=True, capture_output=True, env=self.environment(), check=False
        )
        if done.returncode:
            raise BenchError(f"davshare {arguments[0]} failed: {done.stderr.strip()}")

    def environment(self) -> dict[str, str]:
        """No configuration but the defaults, and the code beside this script."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAVSHARE_")}
        return {**kept, "PYTHONPATH": str(ROOT)}

    def command(self) -> list[str]:
        """``davshare serve``."""
        return [sys.executable, "-m", "davshare", "serve", str(self.data), "--listen", f"127.0.0.1:{self.port}"]


class WsgiDav(Server):
    """Stock WsgiDAV with its FilesystemProvider on cheroot, for everybody."""

    name = "WsgiDAV"

    def __init__(self, folder: Path) -> None:
        self._program = Path(sys.executable).with_name("wsgidav")
        if not self._program.exists():
            raise Missing(f"no program wsgidav beside {Path(sys.executable).name}")
        super().__init__(folder)
        (folder / "data").mkdir()

    @property
    def title(self) -> str:
        """With the version of the package."""
        return f"WsgiDAV {importlib.metadata.version('wsgidav')}"

    def command(self) -> list[str]:
        """The program's own command line, all else left as it comes."""
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--root", str(self.folder / "data")]
        return [str(self._program), "--no-config", "--server", "cheroot", "--auth", "anonymous", *where]


_MODULE_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
_MODULES = ("mpm_event", "unixd", "authn_core", "authz_core", "mime", "dav", "dav_fs", "dav_lock")
_CONFIGURATION = """\
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/log
LogLevel warn
{modules}
{account}
TypesConfig {types}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
DocumentRoot {folder}/data
DavLockDB {folder}/locks/db
<Directory {folder}/data>
    Dav On
    AllowOverride None
    Require all granted
</Directory>
"""


class Apache(Server):
    """Apache httpd with mod_dav_fs and the event MPM, for everybody."""

    name = "Apache mod_dav"

    def __init__(self, folder: Path) -> None:
        path = f"{os.environ.get('PATH', '')}:/usr/sbin"
        self._program = shutil.which("apache2", path=path) or shutil.which("httpd", path=path) or ""
        modules = next((Path(each) for each in _MODULE_FOLDERS if (Path(each) / "mod_dav_fs.so").exists()), None)
        if not self._program or modules is None:
            raise Missing("no apache2 with mod_dav_fs")
        super().__init__(folder)
        for name in ("data", "locks"):
            (folder / name).mkdir()
        (folder / "httpd.conf").write_text(self._configuration(modules), "utf-8")

    def _configuration(self, modules: Path) -> str:
        found = [name for name in _MODULES if (modules / f"mod_{name}.so").exists()]
        return _CONFIGURATION.format(
            folder=self.folder,
            port=self.port,
            modules="\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in found),
            account=self._account(),
            types="/etc/mime.types" if Path("/etc/mime.types").exists() else "/dev/null",
        )

    def _account(self) -> str:
        """Who the workers run as: Apache refuses root, so its folders go to another account then."""
        if os.geteuid() != 0:
            return ""
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        account = next((names[name] for name in ("www-data", "apache", "daemon", "nobody") if name in names), None)
        if account is None:
            raise Missing("no account for Apache's workers")
        for name in ("data", "locks"):
            os.chown(self.folder / name, account.pw_uid, account.pw_gid)
        return f"User {account.pw_name}\nGroup {grp.getgrgid(account.pw_gid).gr_name}"

    @property
    def title(self) -> str:
        """With the version of the program."""
        text = subprocess.run([self._program, "-v"], capture_output=True, text=True, check=False).stdout
        version = text.partition("Apache/")[2].split()
        return f"Apache {version[0]} mod_dav" if version else self.name

    def command(self) -> list[str]:
        """In the foreground, so that it ends with this script."""
        return [self._program, "-f", str(self.folder / "httpd.conf"), "-D", "FOREGROUND"]


KINDS: tuple[type[Server], ...] = (Davshare, WsgiDav, Apache)
