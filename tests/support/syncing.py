"""The command-line clients of Nextcloud and ownCloud: devices of one person that sync with a server."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

from support.counting import Relay
from support.server import Server, environment

#: Names of files and folders that are hard for somebody on the way.
HARD = [
    "100% & more #1?.md", "%20.txt", "a%2Fb.txt", "c#", "q?", "semi;colon", "plus+plus", "quote'quote\"", "a  b",
    "grüße aus köln.txt", "日本語.txt", "emoji 🎉", "brackets [x] {y} (z)", "caret^", "tilde~x", "at@sign",
    "comma,comma", "equals=1&b=2", "dollar$HOME", "x" * 200, "cafe\u0301-nfd.txt", "<angle>", "pipe|pipe", "star*",
]  # fmt: skip
#: Seconds after which a client that still runs has got stuck.
PATIENCE = 180


class Device:
    """One folder on one machine, synced by one client."""

    def __init__(self, client: str, folder: Path, server: Server, relay: Relay) -> None:
        self.client = client
        self.folder = folder / "files"
        self.folder.mkdir(parents=True)
        self._home = folder / "home"
        self._home.mkdir()
        (folder / "exclude").touch()
        self._exclude = folder / "exclude"
        self._server = server
        self.relay = relay
        self.said = ""
        #: Requests and bytes sent in the last run.
        self.requests: Counter[str] = Counter()
        self.sent = 0

    def sync(self, check: bool = True) -> Counter[str]:
        """One run; its requests by method."""
        self.relay.take()
        command = [self.client, "--non-interactive", "--exclude", str(self._exclude), "--user", "alice", "--password",
                   self._server.users["alice"], str(self.folder), f"http://127.0.0.1:{self.relay.port}"]  # fmt: skip
        env = {**environment(), "HOME": str(self._home), "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, start_new_session=True
        ) as process:
            try:
                out, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        self.said = out.decode("utf-8", "replace")
        wrong = [line for line in self.said.splitlines() if "warning" in line or "Error" in line]
        assert not check or process.returncode == 0, "\n".join(wrong)[-6000:]
        self.sent = self.relay.sent
        self.requests = self.relay.take()
        return self.requests

    def tree(self) -> dict[str, bytes | None]:
        """Everything in the folder: path to content, None for folders; without what the client keeps there."""
        return {
            str(path.relative_to(self.folder)): None if path.is_dir() else path.read_bytes()
            for path in self.folder.rglob("*")
            if not path.name.startswith((".sync_", "._sync_", ".owncloudsync", ".nextcloudsync"))
        }

    def conflicts(self) -> list[Path]:
        """Copies that the client has kept of what was changed on both sides."""
        return [path for path in self.folder.rglob("*") if "conflict" in path.name.lower()]


def fill(folder: Path, files: int) -> None:
    """Make a tree of hard and easy names, with empty files and folders."""
    for number, name in enumerate(HARD):
        (folder / name).write_bytes(b"" if number % 5 == 0 else name.encode())
    for number in range(files - 2 * len(HARD)):
        place = folder / f"folder {number % 7}" / f"deeper-{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"file {number}.txt").write_bytes(b"content %d\n" % number * (number % 50))
    hard = folder / "hard ü % #"
    hard.mkdir()
    for name in HARD:
        (hard / name).write_text("in a folder")
    (folder / "empty folder" / "in it").mkdir(parents=True)
