"""A process that outlives this one by a moment: whatever happens, no server and no file is left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path


class Guard:
    """Kills the process groups it was told of and removes a folder as soon as this process is gone."""

    def __init__(self, folder: Path) -> None:
        reading, self._pipe = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(self._pipe)
                os.setsid()
                _watch(reading, folder)
            finally:
                os._exit(0)
        os.close(reading)

    def started(self, group: int) -> None:
        """A process group to end."""
        os.write(self._pipe, f"+{group}\n".encode())

    def ended(self, group: int) -> None:
        """It is gone; another may get its number."""
        os.write(self._pipe, f"-{group}\n".encode())

    def close(self) -> None:
        """All is over; returns when everything is cleaned up."""
        os.close(self._pipe)
        os.waitpid(self._pid, 0)


def _watch(reading: int, folder: Path) -> None:
    """Until the other end of the pipe is closed, by whatever end of the process that holds it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with open(reading, encoding="ascii") as lines:
        groups = remaining(lines.read())
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def remaining(text: str) -> set[int]:
    """The groups that were started and have not ended, of lines such as ``+12`` and ``-12``."""
    groups: set[int] = set()
    for line in text.split():
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    return groups
