"""Folders that are kept open are never written to when they are not where they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from davshare.errors import Unavailable
from davshare.store import shelves
from davshare.store.handles import Handle, Handles
from davshare.store.local import STAGING, LocalStore
from support.staging import staged

SHELF = (*STAGING, shelves.own())


@pytest.fixture
def kept() -> Handles:
    """Open folders of one process."""
    return Handles()


@pytest.fixture
def store(tmp_path: Path, kept: Handles) -> LocalStore:
    """A space, into which something was written already."""
    made = LocalStore(tmp_path / "space", False, handles=kept)
    made.prepare("mark")
    made.stage_whole(b"first", None)
    return made


def contents(root: Path) -> list[bytes]:
    """What is being staged at a root."""
    return sorted(each.read_bytes() for each in staged(root))


def test_a_folder_stays_open_while_it_is_where_it_was(store: LocalStore, kept: Handles) -> None:
    before = kept.get(store.full(SHELF))
    assert before is not None and before.is_at(store.full(SHELF))
    store.stage_whole(b"second", None)
    assert kept.get(store.full(SHELF)) is before


@pytest.mark.parametrize("depth", ["the folder", "all above it", "the space"])
def test_a_folder_that_was_replaced_is_not_written_to(store: LocalStore, tmp_path: Path, depth: str) -> None:
    root = Path(store.root)
    moved = {"the folder": root / ".davshare/staging", "all above it": root / ".davshare", "the space": root}[depth]
    moved.rename(tmp_path / "away")
    (root / ".davshare/staging").mkdir(parents=True)
    (root / ".davshare/space").write_text("mark")
    name, facts = store.stage_whole(b"second", None)
    assert contents(root) == [b"second"]
    assert store.move((*STAGING, name), (b"target",), facts.inode)
    assert (root / "target").read_bytes() == b"second"


def test_a_folder_that_is_a_link_now_is_not_written_to(store: LocalStore, tmp_path: Path) -> None:
    folder = Path(store.full(SHELF))
    folder.rename(tmp_path / "away")
    folder.symlink_to(tmp_path / "away")
    with pytest.raises(Unavailable):
        store.stage_whole(b"second", None)
    assert len(list((tmp_path / "away").iterdir())) == 1


def test_a_folder_that_is_gone_is_missing(store: LocalStore, tmp_path: Path) -> None:
    Path(store.root).rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        store.stage_whole(b"second", None)
    with pytest.raises(Unavailable):
        store.stage_folder()


def test_what_is_let_go_is_closed(store: LocalStore, kept: Handles) -> None:
    """An open folder would keep its disk from being unmounted."""
    handle = kept.get(store.full(SHELF))
    assert handle is not None
    number = handle.fd
    del handle
    kept.clear()
    with pytest.raises(OSError):
        os.fstat(number)


def test_only_some_folders_stay_open(tmp_path: Path) -> None:
    kept = Handles(2)
    numbers = [os.open(tmp_path, os.O_RDONLY) for _ in range(4)]
    for index, number in enumerate(numbers):
        kept.put(str(index), Handle(number))
    assert [kept.get(str(index)) is None for index in range(4)] == [True, True, False, False]
    for number in numbers[:2]:
        with pytest.raises(OSError):
            os.fstat(number)


def test_a_small_file_is_complete_or_not_there(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Exception, match="full"):
        store.stage_whole(b"second", None)
    assert contents(Path(store.root)) == [b"first"]
