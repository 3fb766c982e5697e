"""What a process remembers, and how much of it."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from davshare.files.memory import Memory

MIB = 1024 * 1024


@pytest.fixture
def memory() -> Memory:
    """An empty one, at version 2."""
    return Memory(SimpleNamespace(version=2))  # type: ignore[arg-type]


def test_a_new_version_has_nothing_of_the_old(memory: Memory) -> None:
    memory.put(2, "key", "value")
    assert (memory.get(2, "key"), memory.get(4, "key")) == ("value", None)
    memory.put(4, "other", "value")
    assert memory.get(4, "key") is None and memory.get(2, "key") is None


def test_nothing_is_remembered_of_a_change_in_the_making(memory: Memory) -> None:
    memory.put(3, "key", "value")
    assert memory.get(3, "key") is None


def test_the_older_half_goes(memory: Memory) -> None:
    for number in range(40):
        memory.put(2, number, "value", MIB)
        assert memory.get(2, number) == "value"
    kept = [number for number in range(40) if memory.get(2, number) is not None]
    assert 5 <= len(kept) <= 16 and kept == list(range(40 - len(kept), 40))


def test_many_small_ones_are_bounded(memory: Memory) -> None:
    for number in range(20_000):
        memory.put(2, number, "value")
    assert sum(memory.get(2, number) is not None for number in range(20_000)) <= 16 * 1024


def test_only_some_of_it_may_grow(memory: Memory) -> None:
    """What has grown is forgotten with its half, and then others may grow."""
    assert not memory.grow(100 * MIB)
    for number in range(10_000):
        memory.put(2, number, "value")
    allowed = sum(memory.grow(MIB // 4) for _ in range(100))
    assert 1 <= allowed <= 8
    for number in range(10_000, 20_000):
        memory.put(2, number, "value")
    assert memory.grow(MIB // 4)


def test_long_keys_are_bounded(memory: Memory) -> None:
    """Whoever asks decides how long a key is."""
    memory.put(2, "key", "value")
    for number in range(20_000):
        memory.also(2, ("path", number), "value", 16_000)
    assert 100 <= sum(memory.get(2, ("path", number)) is not None for number in range(20_000)) <= 1024 * 1.1


def test_another_key_is_of_its_version(memory: Memory) -> None:
    memory.put(2, "key", "value")
    memory.also(2, "other", "value")
    memory.also(4, "late", "value")
    assert (memory.get(2, "other"), memory.get(4, "late"), memory.get(2, "late")) == ("value", None, None)


def test_what_is_there_at_the_start_is_never_looked_through() -> None:
    """In a process of its own, because it holds for the rest of its life."""
    code = (
        "import gc; from davshare.server import heap; heap.settle_in();"
        "print(gc.isenabled(), gc.get_freeze_count() > 1000, gc.get_threshold()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "10000"]
