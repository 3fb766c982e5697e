"""The connection layer, seen through sockets, with toy answers behind it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.raw import answers, exchange, read_all

TOY = Path(__file__).with_name("toy_server.py")
PIECE = bytes(range(256)) * 256


class Toy:
    """A running toy server."""

    def __init__(self, *trusted: str, workers: int = 1, port: int = 0, **limits: float) -> None:
        limits = {"sweep": 0.1, **limits}
        self.process = subprocess.Popen(
            [sys.executable, str(TOY), str(workers), json.dumps(limits), *trusted],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TOY_PORT": str(port)},
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        assert self.output.readline() == "recovered\n"
        self.port = int(self.output.readline().rpartition(":")[2])

    def raw(self, data: bytes, quiet: float = 0.5) -> bytes:
        """What comes back for ``data`` on a new connection."""
        return exchange(self.port, data, quiet, limit=15)

    def connect(self, room: int = 0) -> socket.socket:
        """A new connection; its kernel keeps about ``room`` bytes for who does not read (0: as it likes)."""
        link = socket.socket()
        if room:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        link.settimeout(15)
        link.connect(("127.0.0.1", self.port))
        return link

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.terminate()
        return self.process.wait(15)


@contextlib.contextmanager
def running(*trusted: str, **options) -> Iterator[Toy]:
    """A toy server of one's own."""
    toy = Toy(*trusted, **options)
    try:
        yield toy
    finally:
        toy.process.kill()
        toy.process.wait(10)


@pytest.fixture(scope="module")
def toy() -> Iterator[Toy]:
    """One worker, the usual limits."""
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def hasty() -> Iterator[Toy]:
    """One worker that loses its patience quickly."""
    with running(head=1, body=1, idle=1, send=1, linger=0.5) as started:
        yield started


def get(path: str, more: str = "", version: str = "1.1", method: str = "GET") -> bytes:
    """A request without a body."""
    return f"{method} {path} HTTP/{version}\r\nHost: toy\r\n{more}\r\n".encode()


def put(path: str, body: bytes, more: str = "") -> bytes:
    """A request with a plain body."""
    return f"PUT {path} HTTP/1.1\r\nHost: toy\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def chunked(path: str, coded: bytes, more: str = "") -> bytes:
    """A request with a chunked body."""
    return f"PUT {path} HTTP/1.1\r\nHost: toy\r\nTransfer-Encoding: chunked\r\n{more}\r\n".encode() + coded


CLOSE = "Connection: close\r\n"
LAST = get("/quick", CLOSE)


# -- one request after the other ---------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(toy: Toy) -> None:
    requests = [get("/quick"), put("/echo", b"one"), get("/stream"), chunked("/echo", b"3\r\ntwo\r\n0\r\n\r\n")] * 5
    found = answers(toy.raw(b"".join(requests) + LAST))
    assert [each.body for each in found] == [b"quick", b"one", b"abcabcabc", b"two"] * 5 + [b"quick"]


def test_a_request_in_single_bytes(toy: Toy) -> None:
    with toy.connect() as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in put("/echo", b"slowly") + get("/quick", CLOSE):
            link.sendall(bytes([byte]))
        assert [each.body for each in answers(read_all(link))] == [b"slowly", b"quick"]


def test_a_long_pipeline_does_not_starve_others(toy: Toy) -> None:
    with toy.connect() as greedy:
        greedy.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            greedy.sendall(get("/quick") * 20_000)
        started = time.monotonic()
        assert answers(toy.raw(LAST))[0].status == 200
        assert time.monotonic() - started < 5


def test_small_bodies_are_in_memory_and_large_ones_are_not(toy: Toy) -> None:
    assert answers(toy.raw(put("/echo", b"x" * 60_000, CLOSE)))[0].headers["x-at-hand"] == "True"
    assert answers(toy.raw(put("/echo", b"x" * 70_000, CLOSE)))[0].headers["x-at-hand"] == "False"
    assert b"X-Body: b'small'" in toy.raw(put("/quick", b"small", CLOSE))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_keep_alive(toy: Toy, version: str, keep: bool) -> None:
    wish = "Connection: " + ("keep-alive" if keep else "close") + "\r\n"
    data = toy.raw(get("/quick", wish, version) * 2)
    assert data.count(b"HTTP/1.1 200") == (2 if keep else 1)
    assert answers(data)[0].headers.get("connection") == (
        "close" if not keep else "keep-alive" if version == "1.0" else None
    )


def test_http_1_0_closes_by_itself(toy: Toy) -> None:
    assert toy.raw(get("/quick", "", "1.0") * 2).count(b"HTTP/1.1 200") == 1


def test_every_answer_is_dated(toy: Toy) -> None:
    fields = answers(toy.raw(LAST))[0].headers
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fields["date"])
    assert fields["server"] == "davshare"


# -- framing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\r\n b\r\n",
        "Host: other\r\n",
        "X: a\nY: b\r\n",
        "X\0: a\r\n",
    ],
)
def test_ambiguous_heads_end_the_connection(toy: Toy, head: str) -> None:
    data = toy.raw(f"PUT /echo HTTP/1.1\r\nHost: toy\r\n{head}\r\nabc".encode() + get("/quick"))
    (answer,) = answers(data)
    assert answer.status == 400
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert b"<s:exception>Sabre\\DAV\\Exception\\BadRequest</s:exception>" in answer.body


@pytest.mark.parametrize(
    "coded",
    [b"g\r\nabc\r\n0\r\n\r\n", b"3\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n", b"\r\n"],
)
def test_broken_chunks_end_the_connection(toy: Toy, coded: bytes) -> None:
    (answer,) = answers(toy.raw(chunked("/echo", coded) + get("/quick")))
    assert (answer.status, answer.headers["connection"]) == (400, "close")


def test_trailers_are_eaten(toy: Toy) -> None:
    coded = b"3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"
    assert [each.body for each in answers(toy.raw(chunked("/echo", coded) + LAST))] == [b"abc", b"quick"]


def test_large_bodies_arrive_whole(toy: Toy) -> None:
    body = os.urandom(5_000_000)
    digest = hashlib.sha256(body).hexdigest().encode()
    coded = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:1], body[1:70_000], body[70_000:]))
    requests = put("/digest", body) + chunked("/digest", coded + b"0\r\n\r\n") + LAST
    assert [each.body for each in answers(toy.raw(requests))] == [digest, digest, b"quick"]


# -- 100 Continue ------------------------------------------------------------------------------------

EXPECT = "Expect: 100-continue\r\n"


def test_continue_is_sent_when_the_body_is_wanted(toy: Toy) -> None:
    with toy.connect() as link:
        link.sendall(put("/echo", b"", EXPECT).replace(b"Length: 0", b"Length: 5"))
        assert link.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"hello" + LAST)
        assert [each.body for each in answers(read_all(link))] == [b"hello", b"quick"]


def test_no_continue_for_a_body_that_came_unasked_or_is_empty(toy: Toy) -> None:
    assert [each.status for each in answers(toy.raw(put("/echo", b"hello", EXPECT + CLOSE)))] == [200]
    assert [each.status for each in answers(toy.raw(put("/echo", b"", EXPECT + CLOSE)))] == [200]


def test_refusal_without_continue_ends_the_connection(toy: Toy) -> None:
    with toy.connect() as link:
        link.sendall(put("/refuse", b"", EXPECT).replace(b"Length: 0", b"Length: 5"))
        (answer,) = answers(read_all(link))
        assert (answer.status, answer.headers["connection"]) == (403, "close")


def test_unknown_expectations(toy: Toy) -> None:
    assert answers(toy.raw(put("/echo", b"hello", "Expect: the-unexpected\r\n")))[0].status == 417


# -- unread bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 70_000, 900_000])
def test_an_unread_body_is_not_the_next_request(toy: Toy, size: int) -> None:
    body = get("/slow?0") * (size // len(get("/slow?0")) + 1)
    found = answers(toy.raw(put("/refuse", body) + LAST))
    assert [each.status for each in found] == [403, 200]


def test_an_unread_chunked_body_is_not_the_next_request(toy: Toy) -> None:
    smuggled = get("/stream")
    coded = b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    assert [each.status for each in answers(toy.raw(chunked("/refuse", coded) + LAST))] == [403, 200]


def test_a_refused_sender_sees_the_answer(toy: Toy) -> None:
    body = bytes(6_000_000)
    (answer,) = answers(toy.raw(put("/refuse", body) + get("/quick")))
    assert (answer.status, answer.headers["connection"], answer.body) == (403, "close", b"refused")


def test_a_cut_body_gets_no_answer(toy: Toy) -> None:
    for size in (10, 100_000):
        with toy.connect() as link:
            link.sendall(put("/echo", bytes(size))[:-1])
            link.shutdown(socket.SHUT_WR)
            assert read_all(link) == b""


# -- answers -----------------------------------------------------------------------------------------


def test_iterators_come_in_chunks(toy: Toy) -> None:
    data = toy.raw(get("/stream") + get("/quick/stream", CLOSE))
    first, second = answers(data)
    assert first.headers["transfer-encoding"] == second.headers["transfer-encoding"] == "chunked"
    assert first.body == second.body == b"abcabcabc"


def test_iterators_for_1_0_end_with_the_connection(toy: Toy) -> None:
    (answer,) = answers(toy.raw(get("/stream", "Connection: keep-alive\r\n", "1.0")))
    assert answer.body == b"abcabcabc"
    assert answer.headers["connection"] == "close"
    assert "transfer-encoding" not in answer.headers


def test_an_iterator_with_a_length(toy: Toy) -> None:
    (answer, last) = answers(toy.raw(get("/counted") + LAST))
    assert (answer.headers["content-length"], answer.body, last.body) == ("9", b"abcabcabc", b"quick")


@pytest.mark.parametrize("path", ["/broken", "/short-count", "/long-count", "/short-file?100", "/short-file?100000"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_broken_answer_breaks_the_connection(toy: Toy, path: str, version: str) -> None:
    with toy.connect() as link:
        link.sendall(get(path, "", version) + get("/quick", "", version))
        received = b""
        with pytest.raises(ConnectionResetError):
            while True:
                piece = link.recv(1_000_000)
                assert piece, "the torso ended like a whole"
                received += piece
    assert b"quick" not in received
    assert not received.endswith(b"0\r\n\r\n")


def test_iterators_are_always_closed(toy: Toy) -> None:
    before = int(answers(toy.raw(get("/closed", CLOSE)))[0].body)
    for path in ("/stream", "/broken", "/long-count", "/quick/stream"):
        toy.raw(get(path, CLOSE))
    with toy.connect() as link:
        link.sendall(get("/endless"))
        link.recv(1000)
    time.sleep(0.3)
    assert int(answers(toy.raw(get("/closed", CLOSE)))[0].body) == before + 5


@pytest.mark.parametrize("path", ["/stream", "/quick", "/file?100", "/file?100000", "/nothing"])
def test_head_has_no_body(toy: Toy, path: str) -> None:
    data = toy.raw(get(path, method="HEAD") * 2 + get("/quick", CLOSE, method="HEAD"))
    assert len(answers(data, head_only=True)) == 3
    assert data.endswith(b"\r\n\r\n")


def test_no_content_has_no_length(toy: Toy) -> None:
    first, second = answers(toy.raw(get("/empty") + LAST))
    assert (first.status, first.body, second.body) == (204, b"", b"quick")
    assert "content-length" not in first.headers


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 20_000_000])
def test_files_arrive_whole(toy: Toy, size: int) -> None:
    first, second = answers(toy.raw(get(f"/file?{size}") + LAST))
    assert first.headers["content-length"] == str(size)
    assert hashlib.sha256(first.body).digest() == hashlib.sha256((PIECE * (size // 65536 + 1))[:size]).digest()
    assert second.body == b"quick"


def test_answers_that_do_not_fit_the_socket(toy: Toy) -> None:
    with toy.connect() as link:
        link.sendall(get("/quick/big") * 2 + get("/quick/file") + LAST)
        time.sleep(0.5)
        found = answers(read_all(link, quiet=3))
    assert [len(each.body) for each in found] == [8 * 1024 * 1024, 8 * 1024 * 1024, 70_000, 5]


@pytest.mark.parametrize("path", ["/boom", "/quick/boom", "/bad-header"])
def test_bugs_are_bare_500s(toy: Toy, path: str) -> None:
    (answer,) = answers(toy.raw(get(path) + get("/quick")))
    assert (answer.status, answer.body, answer.headers["connection"]) == (500, b"", "close")
    assert "x-injected" not in answer.headers


def test_a_bug_before_anything_is_asked(toy: Toy) -> None:
    """Of a connection that was just accepted, too."""
    for _ in range(3):
        (answer,) = answers(toy.raw(b"GET /echo HTTP/1.1\r\nHost: x\r\nX-Short: boom\r\n\r\n"))
        assert (answer.status, answer.body) == (500, b"")
    assert [each.body for each in answers(toy.raw(get("/quick")))] == [b"quick"]


def short(path: str, body: bytes = b"") -> bytes:
    """A request that is made beside others."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Short: yes\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_what_takes_time_is_asked_for_again(toy: Toy) -> None:
    """With the body from its beginning, and in its order among what the connection brings."""
    found = answers(toy.raw(short("/takes-time", b"abc") * 2 + short("/boom") + short("/echo", b"lost")))
    assert [(each.status, each.body) for each in found] == [(200, b"abc"), (200, b"abc"), (500, b"")]


def test_who_leaves_in_the_middle_of_a_short_change(toy: Toy) -> None:
    """Holds up nobody, nor does who does not read."""
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(toy.connect()).sendall(short("/big", b"abc") * 4)
        for _ in range(20):
            link = toy.connect()
            link.sendall(short("/takes-time", b"abc"))
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            link.close()
        found = answers(toy.raw(short("/takes-time", b"abc") + short("/echo")))
        assert [each.status for each in found] == [200, 200]


def test_the_rest_of_an_answer_when_all_threads_are_busy() -> None:
    """Nothing else comes in its place."""
    with running(queue=1) as toy, contextlib.ExitStack() as stack:
        refused = stack.enter_context(selectors.DefaultSelector())
        for _ in range(270):
            link = stack.enter_context(toy.connect())
            link.sendall(get("/slow?60"))
            refused.register(link, selectors.EVENT_READ)
        assert refused.select(30), "all were taken"
        for request in (get("/quick/big"), short("/big")):
            link = stack.enter_context(toy.connect(room=65536))
            link.sendall(request)
            time.sleep(0.5)  # who read at once might make room for all of it in the first send
            got = bytearray()
            with contextlib.suppress(ConnectionResetError):
                while data := link.recv(65536):
                    got += data
            assert got.startswith(b"HTTP/1.1 200 ") and b" 503 " not in got and len(got) < 8 * 1024 * 1024


# -- proxies -----------------------------------------------------------------------------------------

FORWARDED = "X-Forwarded-For: 9.9.9.9, 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: drive.example\r\n"


def test_forwarded_headers_of_strangers_are_dropped(toy: Toy) -> None:
    (answer,) = answers(toy.raw(get("/echo", FORWARDED + CLOSE)))
    assert answer.headers["x-origin"] == "127.0.0.1 http toy"
    assert "forwarded" not in answer.headers["x-fields"]


def test_forwarded_headers_of_trusted_proxies_count() -> None:
    with running("127.0.0.0/8") as toy:
        (answer,) = answers(toy.raw(get("/echo", FORWARDED + CLOSE)))
        assert answer.headers["x-origin"] == "203.0.113.7 https drive.example"


def test_absolute_targets_do_not_choose_the_scheme(toy: Toy) -> None:
    (answer,) = answers(toy.raw(get("https://other/echo", CLOSE)))
    assert (answer.headers["x-origin"], answer.headers["x-target"]) == ("127.0.0.1 http other", "/echo")


# -- slow and silent clients -------------------------------------------------------------------------


def closed_after(link: socket.socket, limit: float = 10) -> tuple[bytes, float]:
    """What came until the server closed, and how long that took."""
    started = time.monotonic()
    link.settimeout(limit)
    parts = []
    with contextlib.suppress(ConnectionError):
        while piece := link.recv(65536):
            parts.append(piece)
    return b"".join(parts), time.monotonic() - started


def test_a_trickling_head_is_dropped(hasty: Toy) -> None:
    with hasty.connect() as link:

        def trickle() -> None:
            with contextlib.suppress(OSError):
                for byte in get("/quick", "X-Long: " + "x" * 500):
                    link.sendall(bytes([byte]))
                    time.sleep(0.1)

        threading.Thread(target=trickle, daemon=True).start()
        data, seconds = closed_after(link)
    assert data.startswith(b"HTTP/1.1 408 ")
    assert 0.8 < seconds < 8


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_stalled_body_is_dropped(hasty: Toy, size: int) -> None:
    with hasty.connect() as link:
        link.sendall(put("/echo", bytes(size))[:-50])
        data, seconds = closed_after(link)
    assert data.startswith(b"HTTP/1.1 408 ")
    assert 0.8 < seconds < 8


def test_an_idle_connection_is_closed(hasty: Toy) -> None:
    with hasty.connect() as link:
        link.sendall(get("/quick"))
        data, seconds = closed_after(link)
    assert data.endswith(b"quick")
    assert 0.8 < seconds < 8


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/file?20000000", "/endless", "/quick/big"])
def test_a_reader_that_takes_nothing_is_dropped(hasty: Toy, path: str) -> None:
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", hasty.port))
        link.sendall(get(path))
        time.sleep(3)
        with pytest.raises(ConnectionResetError):
            while link.recv(65536):
                pass


def test_many_idle_connections_and_stalled_senders(toy: Toy) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(toy.connect()) for _ in range(1000)]
        for link in idle:
            link.sendall(get("/quick"))
        for link in idle:
            assert link.recv(1000).endswith(b"quick")
        for _ in range(100):
            link = stack.enter_context(toy.connect())
            link.sendall(put("/digest", bytes(200_000))[:-1])
        started = time.monotonic()
        for _ in range(20):
            assert [each.status for each in answers(toy.raw(put("/echo", b"x") + LAST, quiet=5))] == [200, 200]
        assert time.monotonic() - started < 10
        idle[-1].sendall(LAST)
        assert read_all(idle[-1]).endswith(b"quick")


@pytest.mark.slow
def test_too_many_waiting_requests_are_refused() -> None:
    with running(queue=0) as toy, contextlib.ExitStack() as stack:
        links = [stack.enter_context(toy.connect()) for _ in range(300)]
        for link in links:
            link.sendall(get("/slow?3", CLOSE))
        found = [answers(read_all(link))[0] for link in links]
    assert {each.status for each in found} == {200, 503}
    assert all(each.headers["retry-after"] for each in found if each.status == 503)


# -- processes ---------------------------------------------------------------------------------------


def seconds_of(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worker_pid(toy: Toy) -> int:
    """The process that answers."""
    return int(answers(toy.raw(LAST))[0].headers["x-pid"])


def test_a_killed_worker_is_replaced() -> None:
    with running() as toy:
        first = worker_pid(toy)
        os.kill(first, signal.SIGKILL)
        assert toy.output.readline() == "lost one\n"
        assert worker_pid(toy) not in (first, toy.process.pid)
        before = seconds_of(toy.process.pid)
        time.sleep(1)
        assert seconds_of(toy.process.pid) - before < 0.5
        toy.process.send_signal(signal.SIGHUP)
        assert worker_pid(toy)
        assert toy.stop() == 0


def test_a_worker_that_is_asked_to_leave_is_replaced() -> None:
    with running() as toy:
        first = worker_pid(toy)
        os.kill(first, signal.SIGTERM)
        assert toy.output.readline() == "closed\n"
        assert toy.output.readline() == "lost one\n"
        assert worker_pid(toy) != first


def test_without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_POLLER", "selectors")
    with running(workers=2) as toy:
        requests = [get("/quick"), put("/echo", b"one"), get("/file?200000"), put("/refuse", bytes(100_000))] * 5
        for _ in range(20):
            assert len(answers(toy.raw(b"".join(requests) + LAST, quiet=5))) == 21
        assert toy.stop() == 0


def test_workers_share_the_connections() -> None:
    with running(workers=2) as toy:
        assert len({worker_pid(toy) for _ in range(40)}) == 2
        assert toy.stop() == 0


def test_no_worker_outlives_its_master() -> None:
    with running(workers=2) as toy:
        pids = {worker_pid(toy) for _ in range(40)}
        toy.process.kill()
        toy.process.wait(10)
        until = time.monotonic() + 10
        while time.monotonic() < until and any(alive(pid) for pid in pids):
            time.sleep(0.05)
        assert not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_stopping_finishes_what_was_begun() -> None:
    with running() as toy, toy.connect() as idle, toy.connect() as busy, toy.connect() as sending:
        idle.sendall(get("/quick"))
        assert idle.recv(1000)
        busy.sendall(get("/slow?1"))
        request = put("/digest", bytes(100_000))
        sending.sendall(request[:-1])
        time.sleep(0.3)
        toy.process.terminate()
        time.sleep(0.3)
        assert idle.recv(1000) == b""
        with pytest.raises(ConnectionError), toy.connect() as late:
            late.sendall(LAST)
            late.settimeout(1)
            if not late.recv(1000):
                raise ConnectionError
        sending.sendall(request[-1:])
        assert answers(read_all(busy))[0].body == b"slow"
        assert answers(read_all(sending))[0].status == 200
        assert toy.process.wait(15) == 0
        assert "closed" in toy.output.read()


def test_a_taken_port_is_said_clearly() -> None:
    with running() as toy:
        second = subprocess.run(
            [sys.executable, str(TOY), "1", "{}"],
            env={**os.environ, "TOY_PORT": str(toy.port)},
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert second.returncode != 0
        assert "UsageError: Cannot listen on" in second.stderr
        assert "another program is listening there already" in second.stderr
