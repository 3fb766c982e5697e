"""Checksums that go on where they were."""

from __future__ import annotations

import hashlib
import json
import zlib

from hypothesis import given
from hypothesis import strategies as st

from davshare.store import running
from davshare.store.running import Running

ALL = ("sha1", "md5", "sha256", "sha512", "adler32", "crc32")


def true_values(data: bytes) -> dict[str, bytes]:
    """What the standard library says."""
    sums = {"adler32": zlib.adler32(data), "crc32": zlib.crc32(data)}
    hashes = {name: hashlib.new(name, data).digest() for name in ALL if name not in sums}
    return {**hashes, **{name: value.to_bytes(4, "big") for name, value in sums.items()}}


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_part_by_part(parts: list[bytes]) -> None:
    """However a file is cut, and stored between the parts, the result is the same."""
    going = Running(ALL)
    for part in parts:
        going.update(part)
        going.values()
        going = Running((), json.loads(json.dumps(going.state())))
    whole = b"".join(parts)
    assert going.size == len(whole)
    assert going.values() == true_values(whole)


def test_a_large_part() -> None:
    """More than one block at once."""
    data = bytes(range(256)) * 10_000
    going = Running(["sha1"])
    going.update(data)
    assert going.values() == {"sha1": hashlib.sha1(data).digest()}


def test_the_state_of_another_library() -> None:
    """It begins anew, and tells so by its size."""
    going = Running(["sha1"])
    going.update(b"abc")
    other = Running(["md5"], {**going.state(), "make": "something else"})
    assert other.size == 0 and set(other.values()) == {"md5"}


def test_without_the_functions(monkeypatch) -> None:
    """Only what zlib does is kept."""
    monkeypatch.setattr(running, "_library", lambda: None)
    going = Running(ALL)
    going.update(b"abc")
    assert set(going.values()) == {"adler32", "crc32"}
    assert Running((), going.state()).size == 3
