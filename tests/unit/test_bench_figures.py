"""The pure parts of scripts/bench: ratios, what /proc says, answers put together, what is right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from benchlib import checks, figures, guard, machine, trials
from benchlib.client import Answer, Reader, joined


def test_ratios_are_taken_within_rounds() -> None:
    """The machine slows to a tenth in the second round; davshare is twice as fast in each."""
    assert figures.compare([200, 20, 400], [100, 10, 200]) == figures.Ratio(2, 2, 2)


def test_rounds_without_answers_are_not_compared() -> None:
    assert figures.compare([200, 0, 300], [100, 10, 0]) == figures.Ratio(2, 2, 2)
    assert figures.compare([0], [1]) is None


@pytest.mark.parametrize(
    ("ratio", "doubtful"), [((1.1, 0.9, 1.2), True), ((0.9, 0.88, 0.92), False), ((10.0, 8.0, 12.0), False)]
)
def test_a_spread_larger_than_the_difference(ratio: tuple[float, float, float], doubtful: bool) -> None:
    assert figures.Ratio(*ratio).doubtful is doubtful


def test_process_times() -> None:
    """A name may hold spaces and parentheses; fields 14 to 17 are the times (proc(5))."""
    text = "42 (a ) b (c) S 7 42 42 0 -1 4194560 10 20 30 40 150 25 5 2 20 0 1 0 100"
    fields = machine.stat_fields(text)
    assert fields[1] == "7"
    assert machine.ticks(fields) == 150 + 25 + 5 + 2


def test_proportional_memory() -> None:
    text = "1000-2000 ---p 00000000 00:00 0 [rollup]\nRss:     9000 kB\nPss:     1234 kB\nPss_Anon:   1000 kB\n"
    assert machine.pss_bytes(text) == 1234 * 1024
    assert machine.pss_bytes("") == 0


def test_busy_time_leaves_out_idle_and_disk() -> None:
    assert machine.busy_ticks("cpu  1 2 4 1000 2000 8 16 32 64 128") == 1 + 2 + 4 + 8 + 16 + 32


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_tree_and_its_memory() -> None:
    """A child belongs to the tree and counts."""
    with subprocess.Popen(["sleep", "60"]) as child:
        tree = machine.tree([os.getpid()])
        alone, together = machine.memory([os.getpid()]), machine.memory(tree)
        child.kill()
    assert {os.getpid(), child.pid} <= tree
    assert together > alone > 1_000_000


def _fed(*parts: bytes, bodyless: bool = False) -> Answer | None:
    reader = Reader(bodyless)
    for part in parts[:-1]:
        assert reader.feed(part) is None
    return reader.feed(parts[-1])


def _halves(data: bytes) -> list[tuple[bytes, bytes]]:
    return [(data[:cut], data[cut:]) for cut in range(1, len(data))]


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 207 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", 207, b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n", 201, b""),
        (b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n", 204, b""),
    ],
)
def test_answers_in_two_parts(data: bytes, status: int, body: bytes) -> None:
    """Wherever the cut is."""
    for halves in _halves(data):
        answer = _fed(*halves)
        assert answer is not None
        assert (answer.status, answer.body, answer.closes) == (status, body, False)


def test_answer_to_head() -> None:
    answer = _fed(b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n", bodyless=True)
    assert answer is not None
    assert checks.length(1024)(answer) == ""
    assert checks.length(1023)(answer) == "another length"


def test_answer_that_ends_with_the_connection() -> None:
    answer = _fed(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab", b"c", b"")
    assert answer is not None
    assert (answer.body, answer.closes) == (b"abc", True)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"])
def test_connections_that_end_early(data: bytes) -> None:
    reader = Reader()
    assert not data or reader.feed(data) is None
    with pytest.raises(ConnectionError):
        reader.feed(b"")


def test_chunks_that_only_look_complete() -> None:
    """The end of a body may stand inside of a chunk."""
    assert joined(b"5\r\n0\r\n\r\n") is None


def _answer(status: int, body: bytes = b"") -> Answer:
    return Answer(status, b"", body, False)


def test_wrong_contents() -> None:
    right = checks.content(b"abc")
    assert [right(_answer(200, body)) for body in (b"abc", b"abd", b"ab")] == ["", "other bytes", "2 bytes"]
    assert right(_answer(404, b"abc")) == "status 404"


def test_wrong_listings() -> None:
    member = b"<d:response><d:href>/a</d:href><d:getcontentlength>%d</d:getcontentlength></d:response>"
    body = b"<multistatus>" + member % 7 + member % 77 + b"</multistatus>"
    assert checks.listing(2, 77)(_answer(207, body)) == ""
    assert checks.listing(3, 77)(_answer(207, body)) == "2 responses"
    assert checks.listing(2, 8)(_answer(207, body)) == "old size"
    assert checks.listing(2)(_answer(200, body)) == "status 200"
    assert checks.sizes(body) == [7, 77]


def test_process_groups_that_are_left() -> None:
    assert guard.remaining("+10\n+11\n-10\n+12\n") == {11, 12}


def test_tests_by_name_and_pattern() -> None:
    names = ["get", "get-c1", "put", "sync"]
    assert trials.matching(names, ["sync", "get"]) == ["get", "sync"]
    assert trials.matching(names, ["get*"]) == ["get", "get-c1"]
    with pytest.raises(ValueError, match="nothing"):
        trials.matching(names, ["get", "nothing"])
