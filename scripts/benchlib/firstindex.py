"""How long davshare takes to index a folder that was there before it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchlib.client import BenchError
from benchlib.fixtures import CONTENT, KIB
from benchlib.guard import Guard
from benchlib.ours import Davshare

_SPACE = "physics"
_IN_FOLDER = 100
_SAMPLE = 0.1
#: Seconds without a new row after which nobody seems to be at work.
_IDLE = 3.0
#: Up to so many files ``davshare check`` compares afterwards; more would take longer than the rest of the run.
_CHECKED = 100_000
_FILES = "FROM node WHERE kind=0 AND parent>0 AND space=(SELECT id FROM space WHERE kind='space' AND name=?)"
_COUNT = f"SELECT count(*) {_FILES}"
_SIZE = f"SELECT coalesce(sum(size), 0) {_FILES}"


class Indexed(NamedTuple):
    """``commands``: what was run for it.  ``seconds``: until all rows were there.  ``memory``: peak PSS in bytes."""

    files: int
    folders: int
    commands: str
    seconds: float
    index_bytes: int
    memory: int


def measure(folder: Path, guard: Guard, note: Callable[[str], None], files: int) -> Indexed:
    """Add a folder with ``files`` files of 1 KiB as a space of a running server, and wait for the rows.

    :raises BenchError: rows or bytes are missing, or ``davshare check`` finds problems afterwards.
    """
    tree = folder / "physics"
    folders = make_tree(tree, files)
    note(f"first-index: {files:,} files are made")
    server = Davshare(folder / "first-index", guard)
    server.start()
    try:
        found = _Indexing(server, files).run(tree)
        note(f"first-index: indexed in {found.seconds:.1f} s")
        if files <= _CHECKED:
            server.cli("check", _SPACE)
    finally:
        server.stop()
    with closing(sqlite3.connect(server.data / "index.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found._replace(folders=folders, index_bytes=(server.data / "index.sqlite").stat().st_size)


def make_tree(tree: Path, files: int) -> int:
    """Folders with 100 files of 1 KiB each, written out; how many folders."""
    tree.mkdir()
    for first in range(0, files, _IN_FOLDER):
        folder = f"{tree}/run-{first // _IN_FOLDER:05d}"
        os.mkdir(folder)
        for number in range(first, min(first + _IN_FOLDER, files)):
            with open(f"{folder}/event-{number:07d}.dat", "wb") as file:
                file.write(CONTENT[:KIB])
    os.sync()
    return -(-files // _IN_FOLDER)


class _Indexing:
    """One first index, and its highest memory."""

    def __init__(self, server: Davshare, files: int) -> None:
        self._server = server
        self._files = files
        self._memory = 0

    def run(self, tree: Path) -> Indexed:
        """``space add``, and ``reconcile`` when that has left files out and nobody goes on with them."""
        commands = "space add"
        seconds = self._command("space", "add", _SPACE, "--root", str(tree))
        complete, waited = self._wait()
        if complete:
            seconds += waited
        else:
            commands += ", reconcile"
            seconds += self._command("reconcile", _SPACE)
        if (count := self._count()) != self._files:
            raise BenchError(f"{count:,} of {self._files:,} files are in the index")
        if (size := self._ask(_SIZE)) != self._files * KIB:
            raise BenchError(f"the index has {size:,} bytes in {self._files:,} files of 1 KiB")
        return Indexed(self._files, 0, commands, seconds, 0, self._memory)

    def _command(self, *arguments: str) -> float:
        """Run a command; the seconds it took."""
        start = time.perf_counter()
        full: Sequence[str] = self._server.program("--data", str(self._server.data), *arguments)
        with subprocess.Popen(
            full, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self._server.environment()
        ) as process:
            try:
                while True:
                    try:
                        status = process.wait(_SAMPLE)
                        break
                    except subprocess.TimeoutExpired:
                        self._sample(process.pid)
            finally:
                process.kill()
        if status:
            raise BenchError(f"davshare {arguments[0]} ended with status {status}")
        return time.perf_counter() - start

    def _wait(self) -> tuple[bool, float]:
        """Whether all rows come without further doing, and the seconds until they were there."""
        start = news = time.perf_counter()
        before = -1
        while True:
            asked = time.perf_counter()
            count = self._count()
            if count >= self._files:
                return True, asked - start
            if count != before:
                before, news = count, asked
            elif asked - news > _IDLE:
                return False, 0.0
            self._sample()
            # Asking is to cost a tenth of the time at most.
            time.sleep(max(_SAMPLE, 10 * (time.perf_counter() - asked)))

    def _count(self) -> int:
        return self._ask(_COUNT)

    def _ask(self, statement: str) -> int:
        """One number out of the index."""
        index = f"file:{self._server.data}/index.sqlite?mode=ro"
        with closing(sqlite3.connect(index, uri=True)) as connection:
            return int(connection.execute(statement, (_SPACE,)).fetchone()[0])

    def _sample(self, *others: int) -> None:
        self._memory = max(self._memory, self._server.memory(*others))
