"""Tests with one large file; rates in MiB per second, CPU for each MiB."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial

from benchlib import checks, load
from benchlib.client import Connection, demand
from benchlib.fixtures import BIG, CONTENT, LARGE, MIB
from benchlib.load import Measured
from benchlib.reading import listing
from benchlib.servers import Server
from benchlib.worker import Client, Gate, Tally

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE).search
_BLOCK = 65_536


def get(server: Server, word: str, seconds: float) -> Measured:
    """The large file as often as it fits into the seconds, at least once; its bytes are compared afterwards."""
    return load.measure(server, [_client(partial(_download, server), server)], seconds)


def put(server: Server, word: str, seconds: float) -> Measured:
    """A new large file, as often as it fits; its size is asked for, and it is deleted, while the clock stands."""
    os.sync()
    return load.measure(server, [_client(partial(_upload, server, word), server)], seconds)


def _client(once: Callable[[Connection, memoryview], tuple[float, str]], server: Server) -> Client:
    """``once`` gives the seconds of a transfer and what was wrong with it."""

    def work(gate: Gate) -> Tally:
        buffer = memoryview(bytearray(LARGE))
        with closing(Connection(server.port)) as connection:
            connection.ask(server.request("PROPFIND", "", Depth="0"))
            until = gate()
            before = sum(os.times()[:2])
            done, taken, wrong = 0, 0.0, Counter[str]()
            while not taken or time.monotonic() < until:
                spent, fault = once(connection, buffer)
                taken += spent
                done += not fault
                if fault:
                    wrong[fault] += 1
        mib = done * LARGE // MIB
        return Tally(mib, mib / taken, wrong, sum(os.times()[:2]) - before)

    return work


def _download(server: Server, connection: Connection, buffer: memoryview) -> tuple[float, str]:
    start = time.perf_counter()
    connection.socket.sendall(server.request("GET", BIG))
    head, got = _head(connection, buffer)
    length = _LENGTH(head)
    if head[9:12] != b"200" or length is None or int(length[1]) != LARGE:
        connection.reopen()
        return time.perf_counter() - start, f"status {head[9:12].decode()} or another length"
    while got < LARGE:
        count = connection.socket.recv_into(buffer[got:])
        if not count:
            connection.reopen()
            return time.perf_counter() - start, "cut short"
        got += count
    spent = time.perf_counter() - start
    right = all(buffer[first : first + MIB] == CONTENT for first in range(0, LARGE, MIB))
    if re.search(rb"\r\nconnection:[^\r]*close", head, re.IGNORECASE):
        connection.reopen()
    return spent, "" if right else "other bytes"


def _head(connection: Connection, buffer: memoryview) -> tuple[bytes, int]:
    """The head, and how many bytes of the body were read with it, into the buffer."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.socket.recv(_BLOCK)
        if not more:
            break
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    buffer[: len(body)] = body
    return head + b"\r\n", len(body)


def _upload(server: Server, word: str, connection: Connection, buffer: memoryview) -> tuple[float, str]:
    path = f"{word}.bin"
    start = time.perf_counter()
    connection.expect()
    connection.socket.sendall(server.head("PUT", path, Content_Length=str(LARGE)))
    for _ in range(LARGE // MIB):
        connection.socket.sendall(CONTENT)
    answer = connection.wait()
    spent = time.perf_counter() - start
    fault = checks.STORED(answer)
    if not fault:
        shown = checks.sizes(demand(connection, listing(server, path, 0), 207))
        fault = "" if shown == [LARGE] else f"stored with size {shown}"
        demand(connection, server.request("DELETE", path), 200, 204)
    return spent, fault
