"""Connections as such: keeping, closing, slow and silent clients, lost workers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.raw import answers, basic, connect, read_all
from support.server import USERS, Server, davshare

AUTH = f"Host: localhost\r\nAuthorization: {basic('alice', USERS['alice'])}\r\n"
CLOSE = "Connection: close\r\n"


def ask(method: str, path: str, more: str = "", body: bytes = b"", version: str = "1.1") -> bytes:
    """A request of alice's."""
    return f"{method} {path} HTTP/{version}\r\n{AUTH}{more}\r\n".encode("latin-1") + body


def put(path: str, body: bytes, more: str = "") -> bytes:
    """A PUT with a length."""
    return ask("PUT", path, f"Content-Length: {len(body)}\r\n{more}", body)


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A file in alice's home."""
    path = f"/dav/home/connections-{secrets.token_hex(6)}"
    assert answers(server.raw(put(path, b"content", CLOSE)))[0].status == 201
    yield path
    server.raw(ask("DELETE", path, CLOSE))


@pytest.mark.rfc("9112", "9.3", "connections persist in 1.1 and end in 1.0, unless the client says otherwise")
@pytest.mark.parametrize(
    ("version", "connection", "count"),
    [("1.1", "", 2), ("1.1", CLOSE, 1), ("1.0", "", 1), ("1.0", "Connection: keep-alive\r\n", 2)],
)
def test_persistence(server: Server, name: str, version: str, connection: str, count: int) -> None:
    found = answers(server.raw(ask("GET", name, connection, version=version) * 2, quiet=1))
    assert [(each.status, each.body) for each in found] == [(200, b"content")] * count
    expected = "keep-alive" if (version, count) == ("1.0", 2) else None if count == 2 else "close"
    assert found[0].headers.get("connection") == expected


@pytest.mark.rfc("9112", "9.6", "a refused sender of a large body sees the answer")
def test_refused_uploads(server: Server, name: str) -> None:
    with connect(server.port) as link:
        link.sendall(put(f"{name}/below", bytes(6_000_000)))
        (answer,) = answers(read_all(link, quiet=3))
    assert answer.status in (403, 409)
    assert answer.headers["connection"] == "close"


def test_large_files_in_both_directions(server: Server, name: str) -> None:
    content = os.urandom(12_000_000)
    with connect(server.port, timeout=60) as link:
        link.sendall(put(name, content) + ask("GET", name, CLOSE))
        stored, fetched = answers(read_all(link, quiet=10, limit=60))
    assert stored.status == 204
    assert hashlib.sha256(fetched.body).digest() == hashlib.sha256(content).digest()


def test_requests_that_arrive_in_small_pieces(server: Server, name: str) -> None:
    with connect(server.port) as link:
        for at, byte in enumerate(put(name, b"slowly") + ask("GET", name, CLOSE)):
            link.sendall(bytes([byte]))
            if at % 50 == 0:
                time.sleep(0.005)
        assert [each.body for each in answers(read_all(link))] == [b"", b"slowly"]


def test_idle_connections_and_stalled_senders_do_not_slow_others(server: Server, name: str) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(server.port)) for _ in range(1000)]
        for link in idle:
            link.sendall(ask("GET", "/readyz"))
        for link in idle:
            assert link.recv(4096).startswith(b"HTTP/1.1 200 ")
        for number in range(100):
            stalled = stack.enter_context(connect(server.port))
            stalled.sendall(put(f"{name}-{number}", bytes(200_000))[:-1])
        started = time.monotonic()
        for _ in range(10):
            found = answers(server.raw(put(name, b"new") + ask("GET", name, CLOSE), quiet=5))
            assert [each.status for each in found] == [204, 200]
        assert time.monotonic() - started < 10
        idle[-1].sendall(ask("GET", name, CLOSE))
        assert read_all(idle[-1]).endswith(b"new")
    assert all(not server.home().joinpath(f"{Path(name).name}-{number}").exists() for number in range(100))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["head", "body", "large body"])
def test_half_sent_requests_are_dropped(server: Server, name: str, what: str) -> None:
    request = put(name, bytes(300_000 if what == "large body" else 500))
    sent = request[:60] if what == "head" else request[:-20]
    with connect(server.port, timeout=80) as link:
        link.sendall(sent)
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while link.recv(4096):
                pass
        assert time.monotonic() - started < 70
    assert answers(server.raw(ask("GET", name, CLOSE)))[0].body == b"content"


@pytest.mark.slow
def test_trickling_heads_are_dropped(server: Server) -> None:
    with connect(server.port) as link:
        link.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        link.settimeout(0.5)
        started = time.monotonic()
        while time.monotonic() - started < 45:
            try:
                link.sendall(b"x")
                if not link.recv(4096):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert time.monotonic() - started < 45


def test_clients_that_vanish_do_no_harm(server: Server, name: str) -> None:
    for number in range(50):
        link = connect(server.port)
        link.sendall(ask("GET", name) * 20 if number % 2 else put(name, bytes(100_000))[: 2000 * number])
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.close()
    assert answers(server.raw(ask("GET", name, CLOSE)))[0].body == b"content"


def workers_of(server: Server) -> list[int]:
    """The processes below the main process."""
    assert server.process is not None
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in listed.stdout.split()]


@pytest.mark.slow
def test_lost_processes_are_replaced(own_server: Callable[..., Server]) -> None:
    server = own_server(workers=2)
    server.raw(put("/dav/home/file", b"kept", CLOSE))
    before = workers_of(server)
    assert len(before) >= 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 15
    while time.monotonic() < until:
        now = workers_of(server)
        if len(now) == len(before) and not set(now) & set(before) and server.ready():
            break
        time.sleep(0.1)
    assert answers(server.raw(ask("GET", "/dav/home/file", CLOSE)))[0].body == b"kept"
    assert server.stop() == 0


@pytest.mark.slow
def test_stopping_finishes_uploads(own_server: Callable[..., Server]) -> None:
    server = own_server(workers=1)
    request = put("/dav/home/file", bytes(300_000))
    with connect(server.port) as link, connect(server.port) as idle:
        idle.sendall(ask("GET", "/readyz"))
        assert idle.recv(4096)
        link.sendall(request[:-1])
        time.sleep(0.3)
        assert server.process is not None
        server.process.terminate()
        time.sleep(0.3)
        assert idle.recv(4096) == b""
        link.sendall(request[-1:])
        assert answers(read_all(link))[0].status == 201
    assert server.process.wait(15) == 0
    assert (server.home() / "file").stat().st_size == 300_000


@pytest.mark.slow
def test_a_taken_port_is_an_error_with_a_clear_text(own_server: Callable[..., Server]) -> None:
    first = own_server(workers=1)
    second = own_server(workers=1, serve=False)
    done = davshare("serve", str(second.data), "--listen", f"127.0.0.1:{first.port}", check=False)
    assert done.returncode not in (0, None)
    assert "another program is listening there already" in done.stderr
    assert "Traceback" not in done.stderr
