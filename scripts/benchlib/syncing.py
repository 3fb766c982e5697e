"""What the real sync clients of Nextcloud and ownCloud cost, and single requests as they send them; davshare alone."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchlib.client import BenchError, Connection, demand
from benchlib.guard import Guard
from benchlib.ours import Davshare
from benchlib.servers import PASSWORD, USER

PROGRAMS = ("nextcloudcmd", "owncloudcmd")
SIZE = 4_096
_FOLDER = 500
_PATIENCE = 900.0
#: Where the devices are, so that the clients wait for no disk: that is the server's.
_MEMORY = Path("/dev/shm")
#: Each request that a client makes is a line of its log.
_REQUEST = re.compile(rb"sync\.accessmanager \]:?\s+\d+ ").findall
#: As nextcloudcmd asks about one thing.
_PROPFIND = (
    b'<?xml version="1.0" ?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:resourcetype />'
    b"<d:getlastmodified /><d:getcontentlength /><d:getetag /><oc:size /><oc:id /><oc:fileid /><oc:downloadURL />"
    b"<oc:dDC /><oc:permissions /><oc:checksums /><oc:data-fingerprint /><oc:share-types /></d:prop></d:propfind>"
)


class Run(NamedTuple):
    """One run of a client: seconds, processor seconds of the server, and requests."""

    client: str
    what: str
    seconds: float
    cpu: float
    requests: int


class Latency(NamedTuple):
    """Milliseconds of one request after the other: the median, and what 95 of 100 stay below."""

    method: str
    middle: float
    most: float


class Synced(NamedTuple):
    """All of it; ``missing`` are the programs that are not installed."""

    files: int
    large: int
    runs: list[Run]
    latencies: list[Latency]
    missing: list[str]


def measure(folder: Path, guard: Guard, note: Callable[[str], None], files: int, large: int, times: int) -> Synced:
    """A server for each client and size: ``files`` go up, ``large`` are there on both sides already.

    :raises BenchError: a client fails, or not all files have arrived.
    """
    there = [program for program in PROGRAMS if shutil.which(program)]
    runs = []
    for program in there:
        runs += _first(folder, guard, program, files)
        note(f"clients: {program}: {files:,} files went up in {runs[-2].seconds:.1f} s")
        runs.append(_one_of_many(folder, guard, program, large))
        note(f"clients: {program}: one of {large:,} files came in {runs[-1].seconds:.1f} s")
    latencies = _latencies(folder, guard, times)
    return Synced(files, large, runs, latencies, [program for program in PROGRAMS if program not in there])


def _first(folder: Path, guard: Guard, program: str, files: int) -> list[Run]:
    """Everything goes up; and a run without news."""
    with ExitStack() as stack:
        server = _server(stack, folder / f"{program}-first", guard)
        device = _Device(stack, server, program)
        _fill(device.folder, files)
        first = device.run("first")
        there = sum(len(names) for _, _, names in os.walk(server.data / "homes" / USER / "many"))
        if there != files:
            raise BenchError(f"{program} sent {there} of {files} files")
        device.run("settled")
        return [first, device.run("quiet")]


def _one_of_many(folder: Path, guard: Guard, program: str, large: int) -> Run:
    """A file is changed elsewhere, and comes down."""
    with ExitStack() as stack:
        server = _server(stack, folder / f"{program}-many", guard)
        device = _Device(stack, server, program)
        _fill(device.folder, large)
        shutil.copytree(device.folder, server.data / "homes" / USER, dirs_exist_ok=True)
        server.cli("reconcile")
        device.run("known")
        device.run("settled")
        with closing(Connection(server.port)) as connection:
            demand(connection, server.request("PUT", "many/0/0", b"changed elsewhere"), 204)
        run = device.run("one changed")
        if (device.folder / "many" / "0" / "0").read_bytes() != b"changed elsewhere":
            raise BenchError(f"{program} has not fetched the changed file")
        return run


def _server(stack: ExitStack, folder: Path, guard: Guard) -> Davshare:
    server = Davshare(folder, guard)
    stack.callback(server.stop)
    server.start()
    return server


def _fill(folder: Path, files: int) -> None:
    """Files of 4 KiB that differ, 500 in each folder."""
    for number in range(files):
        place = folder / "many" / str(number // _FOLDER)
        if number % _FOLDER == 0:
            place.mkdir(parents=True)
        (place / str(number % _FOLDER)).write_bytes(b"%08d" % number * (SIZE // 8))


class _Device:
    """A folder that one client keeps in sync."""

    def __init__(self, stack: ExitStack, server: Davshare, program: str) -> None:
        self._server, self._program = server, program
        self._base = Path(stack.enter_context(TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else server.folder)))
        self.folder = self._base / "files"
        self.folder.mkdir(parents=True)
        (self._base / "exclude").touch()

    def run(self, what: str) -> Run:
        """To its end; it is not counted how long that takes to write its log."""
        command = [self._program, "--non-interactive", "--exclude", str(self._base / "exclude"), "--user", USER]
        command += ["--password", PASSWORD, str(self.folder), f"http://127.0.0.1:{self._server.port}"]
        env = {**os.environ, "HOME": str(self._base), "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
        log = self._base / "log"
        cpu, begin = self._server.cpu_seconds(), time.perf_counter()
        with log.open("wb") as out:
            done = subprocess.run(command, stdout=out, stderr=out, env=env, timeout=_PATIENCE, check=False)
        seconds, cpu = time.perf_counter() - begin, self._server.cpu_seconds() - cpu
        said = log.read_bytes()
        if done.returncode:
            raise BenchError(f"{self._program} ended with {done.returncode}: {said[-500:].decode(errors='replace')}")
        return Run(self._program, what, seconds, cpu, len(_REQUEST(said)))


def _latencies(folder: Path, guard: Guard, times: int) -> list[Latency]:
    """On one connection, each request after the answer to the one before."""
    with ExitStack() as stack:
        server = _server(stack, folder / "clients-latency", guard)
        connection = Connection(server.port)
        stack.callback(connection.close)
        demand(connection, server.request("MKCOL", "files"), 201)
        found = []
        for method, body, status in (("PUT", bytes(1024), 201), ("MKCOL", None, 201), ("PROPFIND", _PROPFIND, 207)):
            taken = []
            for number in range(times):
                path = f"files/{number}{'' if method == 'MKCOL' else '.bin'}"
                request = server.request(method, path, body, Depth="0")
                begin = time.perf_counter()
                demand(connection, request, status)
                taken.append((time.perf_counter() - begin) * 1000)
            found.append(Latency(method, statistics.median(taken), sorted(taken)[len(taken) * 95 // 100]))
        return found
