"""The server's side of a WebSocket, without any I/O (RFC 6455); the frames are wsproto's business."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.utilities import generate_accept_token

from davshare.errors import DavshareError
from davshare.http.responses import Handover, Response

#: Why a connection is closed (RFC 6455 section 7.4.1, and the IANA registry).
NORMAL, GOING_AWAY, UNSUPPORTED, POLICY, TOO_BIG, TRY_LATER = 1000, 1001, 1003, 1008, 1009, 1013
#: Most characters of a message from a client.
LONGEST = 8192


class UpgradeRequired(DavshareError):
    """Only a WebSocket is spoken here (RFC 9110 section 15.5.22)."""

    status = 426
    message = "This address speaks WebSocket only."

    def __init__(self) -> None:
        super().__init__(headers=(("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")))


def is_asked(headers: Mapping[str, str]) -> bool:
    """Whether a request wants to become a WebSocket."""
    tokens = [token.strip().lower() for token in headers.get("connection", "").split(",")]
    return "upgrade" in tokens and headers.get("upgrade", "").strip().lower() == "websocket"


def accepted(headers: Mapping[str, str], handover: Handover) -> Response:
    """The answer that turns a connection into a WebSocket (RFC 6455 section 4.2.2), after :func:`demand`."""
    token = generate_accept_token(headers["sec-websocket-key"].strip().encode("latin-1")).decode()
    switched = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", token)]
    return Response(101, switched, handover)


def demand(headers: Mapping[str, str]) -> None:
    """Return when a GET with these headers can become a WebSocket (RFC 6455 section 4.2.1).

    :raises UpgradeRequired: it does not ask for that, or for another version.
    """
    if not is_asked(headers) or headers.get("sec-websocket-version", "").strip() != "13":
        raise UpgradeRequired
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", "").strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 16:
        raise UpgradeRequired


class WebSocket:
    """Frames in, texts out, and the other way round."""

    __slots__ = ("_connection", "_parts", "_size")

    def __init__(self) -> None:
        self._connection = Connection(ConnectionType.SERVER)
        self._parts: list[str] = []
        self._size = 0

    def received(self, data: bytes) -> tuple[list[str], bytes, bool]:
        """Whole messages in what was received, what has to be sent for it, and whether this is the end."""
        texts: list[str] = []
        reply = b""
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, Ping):
                reply += self._send(event.response())
            elif isinstance(event, CloseConnection):
                return texts, reply + self.close(event.code if _may_be_sent(event.code) else NORMAL), True
            elif isinstance(event, BytesMessage):
                return texts, reply + self.close(UNSUPPORTED), True
            elif isinstance(event, TextMessage):
                self._size += len(event.data)
                if self._size > LONGEST:
                    return texts, reply + self.close(TOO_BIG), True
                if event.data:
                    self._parts.append(event.data)
                if event.message_finished:
                    texts.append("".join(self._parts))
                    self._parts, self._size = [], 0
        return texts, reply, False

    def text(self, text: str) -> bytes:
        """A message."""
        return self._send(TextMessage(data=text))

    def ping(self) -> bytes:
        """A ping; the client has to answer."""
        return self._send(Ping())

    def close(self, code: int, reason: str = "") -> bytes:
        """The end."""
        return self._send(CloseConnection(code=code, reason=reason or None))

    def _send(self, event: Message | Ping | Pong | CloseConnection) -> bytes:
        """The bytes of a frame; none when the end has been said already."""
        state = self._connection.state
        ending = isinstance(event, CloseConnection) and state is ConnectionState.REMOTE_CLOSING
        return self._connection.send(event) if state is ConnectionState.OPEN or ending else b""


def _may_be_sent(code: int) -> bool:
    """Whether a code may stand in a frame (RFC 6455 section 7.4)."""
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
