"""A server with toy answers: ``python toy_server.py WORKERS LIMITS-AS-JSON [TRUSTED…]``; prints its URL when ready."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from davshare.abreast import demand_time
from davshare.errors import FramingError
from davshare.http.request import Request
from davshare.http.responses import FileBody, Response
from davshare.server import loop
from davshare.server.limits import Limits
from davshare.server.poller import SelectorPoller
from davshare.server.run import serve

PIECE = bytes(range(256)) * 256
BIG = PIECE * 128  # 8 MiB


class Toy:
    """One answer per path."""

    closed = 0

    def quick(self, request: Request) -> Response | None:
        """The paths below ``/quick``."""
        if not request.path.startswith("/quick"):
            return None
        if request.path == "/quick/boom":
            raise ValueError("as asked")
        if request.path == "/quick/big":
            return Response(200, [], BIG)
        if request.path == "/quick/stream":
            return Response(200, [], self._pieces(3))
        if request.path == "/quick/file":
            return Response(200, [], file_body(70_000))
        return Response(200, [("X-Pid", str(os.getpid())), ("X-Body", str(request.body.read(99)))], b"quick")

    def short(self, request: Request) -> bool:
        """Whether it says so itself."""
        if request.headers.get("x-short") == "boom":
            raise ValueError("as asked")
        return "x-short" in request.headers

    def answer(self, request: Request) -> Response:
        """All others."""
        method = getattr(self, "do_" + request.path.strip("/").replace("-", "_"), None)
        return Response(404, [], b"nothing") if method is None else method(request)

    def do_takes_time(self, request: Request) -> Response:
        """What is asked for beside others is asked for again."""
        read = request.body.read(99)
        demand_time()
        return Response(200, [], read + request.body.read(99))

    def do_echo(self, request: Request) -> Response:
        parts = []
        try:
            while piece := request.body.read(100_000):
                parts.append(piece)
        except FramingError as error:
            return Response(error.status, [], b"bad framing")
        origin = f"{request.peer} {request.scheme} {request.host}"
        headers = [("X-Origin", origin), ("X-At-Hand", str(request.at_hand)), ("X-Target", request.path)]
        return Response(200, [*headers, ("X-Fields", ",".join(request.headers))], b"".join(parts))

    def do_digest(self, request: Request) -> Response:
        digest = hashlib.sha256()
        while piece := request.body.read(1_000_000):
            digest.update(piece)
        return Response(200, [], digest.hexdigest().encode())

    def do_refuse(self, request: Request) -> Response:
        return Response(403, [], b"refused")

    def do_stream(self, request: Request) -> Response:
        return Response(200, [], self._pieces(3))

    def do_counted(self, request: Request) -> Response:
        return Response(200, [("Content-Length", "9")], self._pieces(3))

    def do_short_count(self, request: Request) -> Response:
        return Response(200, [("Content-Length", "20")], self._pieces(3))

    def do_long_count(self, request: Request) -> Response:
        return Response(200, [("Content-Length", "5")], self._pieces(3))

    def do_broken(self, request: Request) -> Response:
        return Response(200, [], self._pieces(3, fail=True))

    def do_endless(self, request: Request) -> Response:
        return Response(200, [], self._pieces(10**9, PIECE))

    def do_closed(self, request: Request) -> Response:
        return Response(200, [], str(Toy.closed).encode())

    def do_file(self, request: Request) -> Response:
        return Response(200, [], file_body(int(request.query)))

    def do_short_file(self, request: Request) -> Response:
        body = file_body(int(request.query))
        body.length += 10
        return Response(200, [], body)

    def do_slow(self, request: Request) -> Response:
        time.sleep(float(request.query))
        return Response(200, [], b"slow")

    def do_thread(self, request: Request) -> Response:
        name = threading.current_thread().name.encode()
        return Response(200, [("X-Query", request.query)], name + b" " + request.body.read(100_000))

    def do_hesitant(self, request: Request) -> Response:
        request.body.read(3)
        time.sleep(float(request.query or 0))
        demand_time()
        return self.do_thread(request)

    def do_big(self, request: Request) -> Response:
        return Response(200, [], BIG)

    def do_boom(self, request: Request) -> Response:
        raise ValueError("as asked")

    def do_bad_header(self, request: Request) -> Response:
        return Response(200, [("X-Bad", "a\r\nX-Injected: b")], b"no")

    def do_empty(self, request: Request) -> Response:
        return Response(204, [("ETag", '"1"')], b"")

    def close(self, busy: bool = False) -> None:
        print("closed", flush=True)

    @staticmethod
    def _pieces(count: int, piece: bytes = b"abc", fail: bool = False) -> Iterator[bytes]:
        try:
            for _ in range(count):
                yield piece
            if fail:
                raise RuntimeError("as asked")
        finally:
            Toy.closed += 1


def file_body(size: int) -> FileBody:
    """An anonymous file with known content."""
    with tempfile.TemporaryFile() as file:
        file.write((PIECE * (size // len(PIECE) + 1))[:size])
        file.flush()
        return FileBody(os.dup(file.fileno()), 0, size)


def main() -> int:
    """Serve until SIGTERM."""
    if os.environ.get("TOY_POLLER") == "selectors":
        loop.make_poller = SelectorPoller
    return serve(
        ("127.0.0.1", int(os.environ.get("TOY_PORT", "0"))),
        int(sys.argv[1]),
        Toy,
        trusted_proxies=sys.argv[3:],
        before_start=lambda: print("recovered", flush=True),
        on_worker_exit=lambda: print("lost one", flush=True),
        keeper=None,
        announce=lambda url: print(url, flush=True),
        threads=int(os.environ.get("TOY_THREADS", "256")),
        grace=5,
        limits=Limits(**json.loads(sys.argv[2])),
    )


if __name__ == "__main__":
    sys.exit(main())
