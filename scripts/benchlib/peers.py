"""The other peers, and the list of all servers."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchlib import filling
from benchlib.apache import Apache, BasicApache
from benchlib.guard import Guard
from benchlib.ours import Davshare, Relaxed
from benchlib.sabre import Sabre
from benchlib.servers import DiskServer, Missing, Server


class WsgiDav(DiskServer):
    """Stock WsgiDAV with its FilesystemProvider on cheroot, for everybody."""

    key = "wsgidav"
    name = "WsgiDAV"
    about = "its command line as it comes, on cheroot"

    def __init__(self, folder: Path, guard: Guard) -> None:
        self._program = Path(sys.executable).with_name("wsgidav")
        if not self._program.exists():
            raise Missing(f"no program wsgidav beside {Path(sys.executable).name}; Debian package python3-wsgidav")
        super().__init__(folder, guard)

    @property
    def title(self) -> str:
        """With the version of the package."""
        return f"WsgiDAV {importlib.metadata.version('wsgidav')}"

    def commands(self) -> list[list[str]]:
        """The program's own command line, all else left as it comes."""
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--root", str(self.folder / "data")]
        return [[str(self._program), "--no-config", "--server", "cheroot", "--auth", "anonymous", *where]]


class Rclone(Server):
    """``rclone serve webdav`` over a local folder, for everybody."""

    key = "rclone"
    name = "rclone"
    about = "`rclone serve webdav` of a local folder, as it comes"

    def __init__(self, folder: Path, guard: Guard) -> None:
        self._program = shutil.which("rclone") or ""
        if not self._program:
            raise Missing("no rclone; Debian package rclone")
        super().__init__(folder, guard)
        (folder / "data").mkdir()

    @property
    def title(self) -> str:
        """With its version."""
        text = subprocess.run([self._program, "version"], capture_output=True, text=True, check=False).stdout
        version = text.partition("rclone v")[2].split()
        return f"rclone {version[0]}" if version else self.name

    def commands(self) -> list[list[str]]:
        """Without a configuration file, and with its cache in our folder."""
        where = ["--config", str(self.folder / "rclone.conf"), "--cache-dir", str(self.folder / "cache")]
        return [
            [self._program, "serve", "webdav", str(self.folder / "data"), "--addr", f"127.0.0.1:{self.port}", *where]
        ]

    def make_files(self, folder: str, names: Iterable[str], content: bytes) -> None:
        """By uploads: it remembers listings for minutes."""
        filling.upload(self, folder, names, content)


#: All servers, in the order of the tables.
KINDS: tuple[type[Server], ...] = (Davshare, Relaxed, Apache, BasicApache, WsgiDav, Rclone, Sabre)
