"""The server's side of a WebSocket: frames of every kind, whole and in pieces."""

from __future__ import annotations

import struct

import pytest

from davshare.http import websocket
from davshare.http.websocket import LONGEST, WebSocket
from support.frames import BINARY, CLOSE, PING, PONG, TEXT, frame

HEADERS = {
    "connection": "keep-alive, Upgrade",
    "upgrade": "WebSocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def code_of(data: bytes) -> int:
    """The code of a close frame."""
    assert data[0] == 0x80 | CLOSE
    return int(struct.unpack("!H", data[2:4])[0])


@pytest.mark.rfc("6455", "4.2.2", "the handshake is answered with the digest of the key")
def test_handshake() -> None:
    """The example of the RFC."""
    websocket.demand(HEADERS)
    handover = object()
    response = websocket.accepted(HEADERS, handover)  # type: ignore[arg-type]
    assert response.status == 101 and response.body is handover
    assert ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in response.headers


@pytest.mark.parametrize(
    ("name", "value"),
    [("upgrade", "h2c"), ("connection", "close"), ("sec-websocket-version", "12"), ("sec-websocket-key", "!!!")],
)
def test_other_handshakes(name: str, value: str) -> None:
    """What is no WebSocket is refused."""
    with pytest.raises(websocket.UpgradeRequired):
        websocket.demand({**HEADERS, name: value})
    without = {key: each for key, each in HEADERS.items() if key != name}
    with pytest.raises(websocket.UpgradeRequired):
        websocket.demand(without)


@pytest.mark.rfc("6455", "5.4", "fragmented messages are put together")
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_messages(step: int) -> None:
    """Texts in one frame or many, whatever pieces they come in."""
    data = frame(TEXT, "grüße".encode()) + frame(TEXT, b"a", final=False) + frame(PING, b"?") + frame(0, b"b")
    socket = WebSocket()
    texts: list[str] = []
    replies = b""
    for start in range(0, len(data), step):
        found, reply, over = socket.received(data[start : start + step])
        texts += found
        replies += reply
        assert not over
    assert texts == ["grüße", "ab"]
    assert replies == bytes([0x80 | PONG, 1]) + b"?"


@pytest.mark.rfc("6455", "5.5.1", "a close frame is answered with one, and nothing follows it")
@pytest.mark.parametrize(("payload", "code"), [(b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000), (b"", 1000)])
def test_closing(payload: bytes, code: int) -> None:
    """The code comes back, if it is one that may be sent."""
    socket = WebSocket()
    _, reply, over = socket.received(frame(CLOSE, payload))
    assert over and code_of(reply) == code
    assert socket.text("more") == b"" and socket.ping() == b"" and socket.close(1000) == b""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(BINARY, b"x"), 1003),
        (frame(TEXT, b"x" * (LONGEST + 1)), 1009),
        (frame(TEXT, b"x" * 5000, final=False) + frame(0, b"x" * 5000, final=False), 1009),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"not masked", masked=False), 1002),
        (frame(3, b"reserved"), 1002),
        (frame(0, b"continues nothing"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (bytes([0xC1, 0x81, 0, 0, 0, 0, 0]), 1002),
    ],
)
def test_faults(data: bytes, code: int) -> None:
    """Each ends the connection with its own code."""
    texts, reply, over = WebSocket().received(data)
    assert over and texts == [] and code_of(reply) == code


def test_empty_fragments_cost_nothing() -> None:
    """A message of a million empty pieces is still small."""
    socket = WebSocket()
    socket.received(frame(TEXT, b"", final=False))
    for _ in range(100):
        assert socket.received(frame(0, b"", final=False) * 100) == ([], b"", False)
    assert socket.received(frame(0, b"end")) == (["end"], b"", False)


def test_own_frames() -> None:
    """What is said is one unmasked frame."""
    socket = WebSocket()
    assert socket.text("hi") == b"\x81\x02hi"
    assert socket.ping() == b"\x89\x00"
    assert code_of(socket.close(1001)) == 1001 and socket.text("late") == b""
