"""Large files that go to disk while they arrive: what the disk refuses is never taken for stored."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from davshare.store import writeback
from davshare.store.staging import StagedFile

BLOCK = b"x" * 1024 * 1024


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[StagedFile]:
    """A new file."""
    folder = os.open(tmp_path, os.O_RDONLY)
    made = StagedFile(folder, b"new", durable=True)
    yield made
    made.discard()
    os.close(folder)


def failing(number: int, bits: int) -> Callable[..., int]:
    """A system call that fails with an error where one of some flags is set."""

    def call(fd: int, start: int, size: int, flags: int) -> int:
        if not flags & bits:
            return 0
        ctypes.set_errno(number)
        return -1

    return call


@pytest.mark.parametrize("bits", [2, 4], ids=["begun", "awaited"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_errors_are_told(staged: StagedFile, monkeypatch: pytest.MonkeyPatch, number: int, bits: int) -> None:
    """Linux tells an error once for each open file: syncing it afterwards would say that all is well."""
    monkeypatch.setattr(writeback, "_sync_file_range", failing(number, bits))
    monkeypatch.setattr(writeback, "WINDOW", 2 * writeback.STEP)
    with pytest.raises(OSError) as caught:
        for _ in range(30):
            staged.write(BLOCK)
    assert caught.value.errno == number


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ESPIPE, errno.EINVAL])
def test_systems_that_do_not_know_it(staged: StagedFile, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """There the file is written all at once, when it is synced."""
    monkeypatch.setattr(writeback, "_sync_file_range", failing(number, 7))
    for _ in range(10):
        staged.write(BLOCK)
    assert staged.size == 10 * len(BLOCK)


def test_all_bytes_are_there(staged: StagedFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the real call, beyond the window, from the beginning and after a part that was there before."""
    monkeypatch.setattr(writeback, "WINDOW", writeback.STEP)
    data = [bytes([number]) * len(BLOCK) for number in range(20)]
    for block in data:
        staged.write(block)
    staged.cut(len(BLOCK) * 10 + 7)
    for block in data:
        staged.write(block)
    staged.sync()
    whole = b"".join(data)
    assert (tmp_path / "new").read_bytes() == whole[: len(BLOCK) * 10 + 7] + whole
