"""Clients that wait: a WebSocket (wsproto's client side), and a stream of server-sent events, both on plain sockets."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from support.raw import basic
from support.server import Server

#: Seconds after which what should come soon counts as never coming.
SOON = 15.0


class Refused(Exception):
    """The answer was another one; ``args`` hold its status."""


class Socket:
    """One WebSocket."""

    def __init__(self, server: Server, path: str, headers: Mapping[str, str] | None = None) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=SOON)
        self._ws = WSConnection(ConnectionType.CLIENT)
        more = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        host = f"127.0.0.1:{server.port}"
        self.sock.sendall(self._ws.send(Request(host=host, target=path, extra_headers=more)))
        self._events: list[Any] = []
        self.pinged = 0
        first = self._event(SOON)
        if isinstance(first, RejectConnection):
            self.sock.close()
            raise Refused(first.status_code)
        assert isinstance(first, AcceptConnection), first

    def send(self, text: str) -> None:
        """One message."""
        self.sock.sendall(self._ws.send(TextMessage(data=text)))

    def read(self, seconds: float = SOON) -> str | None:
        """The next whole message; None when the server closes.

        :raises TimeoutError: nothing came.
        """
        parts = []
        while True:
            event = self._event(seconds)
            if event is None or isinstance(event, CloseConnection):
                return None
            if isinstance(event, TextMessage):
                parts.append(event.data)
                if event.message_finished:
                    return "".join(parts)

    def json(self, seconds: float = SOON) -> Any:
        """The next message, which is JSON."""
        text = self.read(seconds)
        assert text is not None, "the server has closed"
        return json.loads(text)

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        try:
            self.read(seconds)
        except TimeoutError:
            return True
        return False

    def _event(self, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, Ping):
                    self.pinged += 1
                    self.sock.sendall(self._ws.send(event.response()))
                elif not isinstance(event, Pong):
                    return event
            self.sock.settimeout(max(0.001, until - time.monotonic()))
            data = self.sock.recv(65536)
            if not data:
                return None
            self._ws.receive_data(data)
            self._events += list(self._ws.events())

    def close(self) -> None:
        """Just go."""
        self.sock.close()

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Event(dict[str, str]):
    """One server-sent event by its fields."""

    @property
    def data(self) -> Any:
        """What it says."""
        return json.loads(self["data"])


class Stream:
    """A stream of server-sent events."""

    def __init__(
        self, server: Server, query: str = "", user: str | None = "alice", headers: Mapping[str, str] | None = None
    ) -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=SOON)
        sent = {"Host": f"127.0.0.1:{server.port}", "Accept": "text/event-stream", **(headers or {})}
        if user is not None:
            sent.setdefault("Authorization", basic(user, server.users[user]))
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self.sock.sendall(f"GET /api/v1/events{query} HTTP/1.1\r\n{lines}\r\n".encode())
        self._data = b""
        head = self._until(b"\r\n\r\n", SOON)
        assert head is not None
        self.head = head.decode()
        self.status = int(self.head.split()[1])
        self.last = ""

    def read(self, seconds: float = SOON) -> Event | None:
        """The next event; None when the stream has ended.

        :raises TimeoutError: nothing came.
        """
        while True:
            block = self._until(b"\n\n", seconds)
            if block is None:
                return None
            found = Event()
            for line in block.decode().split("\n"):
                name, _, value = line.partition(": ")
                if name and not line.startswith(":"):
                    found[name] = value
            if "event" in found:
                self.last = found.get("id", self.last)
                return found

    def changes(self, seconds: float = SOON) -> list[dict[str, Any]]:
        """What the next event says has changed."""
        event = self.read(seconds)
        assert event is not None and event["event"] == "changes", event
        return event.data["changes"]

    def until_told(self, path: str, seconds: float = SOON) -> dict[str, Any]:
        """The first change of a path."""
        until = time.monotonic() + seconds
        while True:
            for change in self.changes(max(0.001, until - time.monotonic())):
                if change["path"] == path:
                    return change

    def ended(self, seconds: float = SOON) -> bool:
        """Whether the stream ends within that time."""
        try:
            while self.read(seconds) is not None:
                pass
        except TimeoutError:
            return False
        return True

    def _until(self, mark: bytes, seconds: float) -> bytes | None:
        until = time.monotonic() + seconds
        while mark not in self._data:
            self.sock.settimeout(max(0.001, until - time.monotonic()))
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self._data += data
        found, _, self._data = self._data.partition(mark)
        return found

    def close(self) -> None:
        """Just go."""
        self.sock.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def push(server: Server, name: str, password: str, *wishes: str) -> Socket:
    """A client of Nextcloud's push that has signed in."""
    link = Socket(server, "/push/ws")
    link.send(name)
    link.send(password)
    assert link.read() == "authenticated"
    for wish in wishes:
        link.send(wish)
    return link
