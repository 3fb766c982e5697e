"""The command-line clients of Nextcloud and ownCloud: devices of one person that sync with a server."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path

from support.counting import Relay
from support.polling import eventually
from support.server import Server, environment
from support.trees import facts

#: Programs to the Debian packages that have them.
CLIENTS = {"nextcloudcmd": "nextcloud-desktop-cmd", "owncloudcmd": "owncloud-client-cmd"}
#: Names of files and folders that are hard for somebody on the way.
HARD = [
    "100% & more #1?.md", "%20.txt", "a%2Fb.txt", "c#", "q?", "semi;colon", "plus+plus", "quote'quote\"", "a  b",
    "grüße aus köln.txt", "日本語.txt", "emoji 🎉", "brackets [x] {y} (z)", "caret^", "tilde~x", "at@sign",
    "comma,comma", "equals=1&b=2", "dollar$HOME", "x" * 200, "cafe\u0301-nfd.txt", "caf\u00e9-nfc.txt", "<angle>",
    "pipe|pipe", "star*",
]  # fmt: skip
#: How the names of files begin that clients keep in the folder.
OWN = (".sync_", "._sync_", ".owncloudsync", ".nextcloudsync")
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
        self._log = folder / "log"
        self._server = server
        #: Whose it is.
        self.user = "alice"
        #: What the program is told besides.
        self.options: list[str] = []
        self.relay = relay
        self.said = ""
        #: Requests and bytes sent in the last run.
        self.requests: Counter[str] = Counter()
        self.sent = 0
        #: (method, path) of each of them.
        self.log: list[tuple[str, str]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """A run that goes on by itself, in a process group of its own."""
        self.relay.take()
        command = [self.client, "--non-interactive", "--exclude", str(self._exclude), "--user", self.user, "--password",
                   self._server.users[self.user], *self.options, str(self.folder),
                   f"http://127.0.0.1:{self.relay.port}"]  # fmt: skip
        env = {**environment(), "HOME": str(self._home), "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
        with self._log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env, start_new_session=True)

    def finish(self, process: subprocess.Popen[bytes], check: bool = True) -> Counter[str]:
        """Wait for the end of a run; its requests by method.

        :raises subprocess.TimeoutExpired: it got stuck, and was killed.
        """
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        self.said = self._log.read_text("utf-8", "replace")
        wrong = [line for line in self.said.splitlines() if "warning" in line or "Error" in line]
        assert not check or process.returncode == 0, "\n".join(wrong)[-6000:]
        self.sent, self.log = self.relay.sent, self.relay.requests
        self.requests = self.relay.take()
        return self.requests

    def sync(self, check: bool = True) -> Counter[str]:
        """One run; its requests by method."""
        return self.finish(self.start(), check)

    def kill_while_sending(self, size: int) -> None:
        """A run whose client is killed by SIGKILL when so many bytes were sent."""
        process = self._stalled_at(size)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.relay.stall = None

    def kill_server_while_sending(self, size: int) -> None:
        """A run whose server is killed by SIGKILL when so many bytes were sent, and is not there until its end."""
        process = self._stalled_at(size)
        self._server.kill9()
        self.relay.stall = None
        self.finish(process, check=False)
        self._server.run()
        self.relay.to = self._server.port

    def forget_errors(self) -> None:
        """As if the time was over for which a client leaves a file alone after an error: 25 s, and longer each time.

        A run within that time would give an upload up that it could go on with.
        """
        for journal in self.folder.glob(".*sync_*.db"):
            with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as connection:
                connection.execute("DELETE FROM blacklist")

    def _stalled_at(self, size: int) -> subprocess.Popen[bytes]:
        self.relay.take()
        self.relay.stall = size
        process = self.start()
        try:
            eventually(lambda: self.relay.stalled or process.poll() is not None, PATIENCE)
            assert process.poll() is None, "the run ended before that much was sent"
        except AssertionError:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return process

    def tree(self) -> dict[str, bytes | None]:
        """Everything in the folder: path to content, None for folders; without what the client keeps there."""
        return {
            str(path.relative_to(self.folder)): None if path.is_dir() else path.read_bytes()
            for path in self.folder.rglob("*")
            if not path.name.startswith(OWN)
        }

    def facts(self) -> dict[str, tuple[str, int] | None]:
        """The same as :func:`support.trees.facts`, without what the client keeps there."""
        return facts(self.folder, lambda name: not name.startswith(OWN))

    def conflicts(self) -> list[Path]:
        """Copies that the client has kept of what was changed on both sides."""
        return [path for path in self.folder.rglob("*") if "conflict" in path.name.lower()]


def on_server(server: Server) -> dict[str, tuple[str, int] | None]:
    """The facts of alice's home as it lies on the server's disk."""
    return facts(server.home(), lambda name: name != ".davshare")


def fill(folder: Path, files: int) -> None:
    """Make a tree of hard and easy names, with empty files and folders."""
    folder.mkdir(exist_ok=True)
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
    (folder / "nfd a\u0308" / "empty & nfd o\u0308").mkdir(parents=True)
    (folder / "nfd a\u0308" / "u\u0308.txt").write_text("in a folder")
