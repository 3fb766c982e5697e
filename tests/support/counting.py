"""A relay between a client and a server that counts what passes."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

_REQUEST = re.compile(rb"(?:\A|\r\n\r\n)([A-Z]{3,9}) (/\S*) HTTP/1\.1\r\n")


class Relay:
    """Listens on ``port`` and hands everything on to another port of this machine."""

    def __init__(self, to: int) -> None:
        self.to = to
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        #: (method, path) of each request since the last :meth:`take`.
        self.requests: list[tuple[str, str]] = []
        #: Bytes that went to the server since then.
        self.sent = 0
        #: Bytes after which the network is gone; None: never.
        self.limit: int | None = None
        #: Bytes after which nothing goes on, and nobody is told; None: never.
        self.stall: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self) -> Counter[str]:
        """How many requests of each method came since the last call."""
        found = Counter(method for method, _ in self.requests)
        self.requests, self.sent = [], 0
        return found

    @property
    def stalled(self) -> bool:
        """Whether as much was sent as :attr:`stall` lets through."""
        return self.stall is not None and self.sent > self.stall

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.to))
                except OSError:
                    client.close()  # nobody is there at the moment
                    continue
                for ends in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if up:
                    if self.limit is not None and self.sent + len(data) > self.limit:
                        break
                    self.sent += len(data)
                    while self.stall is not None and self.sent > self.stall:
                        time.sleep(0.01)
                    found = _REQUEST.findall(data)
                    self.requests += [(method.decode(), path.decode()) for method, path in found]
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay(port: int) -> Iterator[Relay]:
    """A relay to a port."""
    made = Relay(port)
    yield made
    made.close()
