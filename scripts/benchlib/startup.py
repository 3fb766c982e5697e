"""How long davshare takes to start, also after kill -9, and what it holds in memory then."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchlib import checks, rows
from benchlib.client import BenchError, Connection, demand
from benchlib.filling import make_folder
from benchlib.fixtures import CONTENT, KIB
from benchlib.guard import Guard
from benchlib.ours import Davshare
from benchlib.reading import listing

SIZES = (0, 100_000)
_PAUSE = 0.002
_UPLOADERS, _UPLOADING = 4, 0.3


class Start(NamedTuple):
    """Medians with so many nodes in the home.

    ``ready``: seconds from exec to the first 200 of /readyz.  ``killed``: the
    same after kill -9 in the midst of uploads.  ``first``: seconds from that
    exec to the first listing.  ``memory``: bytes (PSS) after a start and one listing.
    """

    nodes: int
    ready: float
    killed: float
    first: float
    memory: int


def measure(folder: Path, guard: Guard, note: Callable[[str], None], times: int) -> list[Start]:
    """Both sizes, each ``times`` times.

    :raises BenchError: an upload that was acknowledged before kill -9 is gone.
    """
    found = []
    for nodes in SIZES:
        server = Davshare(folder / f"start-{nodes}", guard)
        if nodes:
            rows.fill(server.data, nodes)
        ready, killed, first, memory = zip(*(_once(server, number) for number in range(times)), strict=True)
        middle = statistics.median
        found.append(Start(nodes, middle(ready), middle(killed), middle(first), int(middle(memory))))
        note(f"start-up: {nodes:,} nodes: ready after {found[-1].ready:.2f} s")
    return found


def _once(server: Davshare, number: int) -> tuple[float, float, float, int]:
    try:
        ready = _start(server)
        _list(server, "")
        memory = server.memory()
        make_folder(server, f"killed-{number}")
        stored = _kill(server, f"killed-{number}")
        begin = time.perf_counter()
        killed = _start(server)
        _list(server, "")
        first = time.perf_counter() - begin
        there = len(checks.sizes(_list(server, f"killed-{number}/", 1)))
        if there < stored:
            raise BenchError(f"kill -9: {stored} uploads were acknowledged, {there} are there")
    finally:
        server.stop()
    return ready, killed, first, memory


def _start(server: Davshare) -> float:
    begin = time.perf_counter()
    server.start(_PAUSE)
    return time.perf_counter() - begin


def _list(server: Davshare, path: str, depth: int = 0) -> bytes:
    with closing(Connection(server.port)) as connection:
        return demand(connection, listing(server, path, depth), 207)


def _kill(server: Davshare, folder: str) -> int:
    """Kill the server while it stores uploads; how many of them it has acknowledged."""
    stored: list[str] = []

    def upload(number: int) -> None:
        with closing(Connection(server.port)) as connection:
            count = 0
            try:
                while True:
                    path = f"{folder}/{number}-{count}.bin"
                    if connection.ask(server.request("PUT", path, CONTENT[:KIB])).status == 201:
                        stored.append(path)
                    count += 1
            except OSError:
                return

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(_UPLOADERS)]
    for thread in threads:
        thread.start()
    time.sleep(_UPLOADING)
    server.kill()
    for thread in threads:
        thread.join()
    return len(stored)
