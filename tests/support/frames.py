"""Frames of a WebSocket client, byte by byte (RFC 6455 section 5.2)."""

from __future__ import annotations

import struct

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes, final: bool = True, masked: bool = True) -> bytes:
    """A frame of a client."""
    head = bytes([(0x80 if final else 0) | opcode])
    size = len(payload)
    mark = 0x80 if masked else 0
    if size < 126:
        head += bytes([mark | size])
    else:
        head += bytes([mark | 126]) + struct.pack("!H", size)
    if not masked:
        return head + payload
    mask = b"\x01\x80\x33\xfe"
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
