"""Somebody to whom webhooks are sent: keeps every message, and answers what it is told to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Message:
    """One message as it came."""

    def __init__(self, headers: dict[str, str], body: bytes, status: int) -> None:
        self.headers = headers
        self.body = body
        #: What it was answered.
        self.status = status
        self.at = time.time()

    @property
    def json(self) -> Any:
        """What it says."""
        return json.loads(self.body)

    @property
    def paths(self) -> list[str]:
        """What has changed."""
        return [change["path"] for change in self.json["changes"]]

    def is_signed(self, secret: str) -> bool:
        """Whether it was signed with a secret just now (www.standardwebhooks.com)."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        number, moment = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        content = f"{number}.{moment}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{wanted}" and abs(time.time() - int(moment)) < 60


class Receiver:
    """A server of its own; ``statuses`` are used up by the next messages, then all are welcome."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.statuses: list[int] = []
        self.location = ""
        self.delay = 0.0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver.delay)
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.messages.append(Message(headers, body, status))
                self.send_response(status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                receiver.messages.append(Message({}, b"GET", 200))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where to send messages."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def arrived(self) -> list[Message]:
        """Messages that were welcome."""
        return [message for message in self.messages if 200 <= message.status < 300]

    @property
    def paths(self) -> list[str]:
        """All paths of welcome messages, in order, with repetitions."""
        return [path for message in self.arrived for path in message.paths]

    def close(self) -> None:
        """Nobody answers any more."""
        self._server.shutdown()
        self._server.server_close()
