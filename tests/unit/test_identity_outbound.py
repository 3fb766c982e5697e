"""Requests that the server sends: where they may go, how long they take, what comes back."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from davshare.identity import outbound
from davshare.identity.outbound import Failed, Reach, fetch

HERE = Reach(private=True, plain=True)
Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def listening(script: Script) -> Iterator[str]:
    """A server that does with each connection what the script says; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link, contextlib.suppress(OSError):
                    script(link)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/x?y=1"
        listener.shutdown(socket.SHUT_RDWR)


def says(*parts: bytes, pause: float = 0.0) -> Script:
    """Read the request, then say this."""

    def script(link: socket.socket) -> None:
        link.recv(65536)
        for part in parts:
            link.sendall(part)
            time.sleep(pause)

    return script


def soon(seconds: float = 2.0) -> float:
    """When to give up."""
    return time.monotonic() + seconds


def test_an_answer() -> None:
    """Status and body; the request is plain and small."""
    heard: list[bytes] = []

    def script(link: socket.socket) -> None:
        while not b"".join(heard).endswith(b"body"):
            heard.append(link.recv(65536))
        link.sendall(b"HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\nhi")

    with listening(script) as url:
        assert fetch(url, HERE, soon(), b"body", {"X-More": "1"}) == (201, b"hi")
    sent = b"".join(heard)
    assert sent.startswith(b"POST /x?y=1 HTTP/1.1\r\n") and sent.count(b"Host:") == 1 and b"X-More: 1" in sent


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (outbound.LIMIT + 1),),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * (outbound.LIMIT + 1),),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",),
        (b"SSH-2.0\r\n",),
        (b"",),
    ],
    ids=range(7),
)
def test_answers_that_are_none(parts: tuple[bytes, ...]) -> None:
    """Short, endless or no HTTP at all."""
    with listening(says(*parts)) as url, pytest.raises(Failed):
        fetch(url, HERE, soon())


@pytest.mark.parametrize(
    "script",
    [
        says(pause=5),
        says(b"", pause=5),
        says(*[b"H"] * 50, pause=0.1),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *[b"x"] * 50, pause=0.1),
    ],
    ids=["silent", "accepts", "drips its head", "drips its body"],
)
def test_time_is_limited_as_a_whole(script: Script) -> None:
    """However slowly the other side drips (past failure 45)."""
    with listening(script) as url:
        began = time.monotonic()
        with pytest.raises(Failed):
            fetch(url, HERE, soon(0.6))
        assert time.monotonic() - began < 1.5


def test_time_is_limited_for_tls() -> None:
    """Somebody who never answers the handshake."""
    with listening(says(pause=5)) as url:
        began = time.monotonic()
        with pytest.raises(Failed):
            fetch(url.replace("http:", "https:"), HERE, soon(0.6))
        assert time.monotonic() - began < 1.5


def test_a_slow_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is left alone."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: time.sleep(3) or [])
    began = time.monotonic()
    with pytest.raises(Failed):
        fetch("https://slow.example/", Reach(), soon(0.3))
    assert time.monotonic() - began < 1


def test_the_address_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver is asked once, and what it says is judged: a second answer has no effect."""
    asked: list[object] = []

    def resolver(*args: object, **more: object) -> list[object]:
        asked.append(args)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1" if len(asked) == 1 else "8.8.8.8", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with pytest.raises(Failed, match="no address that may be asked"):
        fetch("https://rebinding.example/", Reach(), soon())
    assert len(asked) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://user@example.org/",
        "https://user:pass@example.org/",
        "https://example.org/#fragment",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1/",
        "https:///path",
        "https://exämple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
        "https://example.org\\@evil.example/",
        "//example.org/",
        "",
        "https://example.org/" + "x" * 3000,
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    """Nobody is asked."""
    with pytest.raises(Failed):
        fetch(url, Reach(), soon())
    assert not outbound.is_url(url, False)


@pytest.mark.parametrize(
    "address, public",
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("fec0::1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b:1::a00:1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
        ("2002:7f00:1::", False),
    ],
)
def test_addresses(address: str, public: bool) -> None:
    """Which ones the world can reach, however they are spelled."""
    assert outbound._allowed(ip_address(address), "https", Reach()) is public
    assert (
        not outbound._allowed(ip_address(address), "http", Reach(plain=True))
        or ip_address(address.removeprefix("::ffff:")).is_loopback
    )
