"""What becomes of the original after a move between spaces, when somebody changed it on disk meanwhile."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from davshare.files.transfer import _let_go
from davshare.store.local import STAGING, LocalStore

MOVED = (*STAGING, b"moved-x")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A space in which ``moved-x`` waits to be removed: a folder with a file in a subfolder."""
    store = LocalStore(tmp_path, False)
    store.prepare("space test\n")
    inner = tmp_path / ".davshare" / "staging" / "moved-x" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").write_bytes(b"copied")
    return store


def copied(store: LocalStore) -> list[Any]:
    """What the copying has read."""
    return [store.facts((*MOVED, b"inner", b"file"))._replace(birth_ns=None)]


def let_go(store: LocalStore, facts: list[Any]) -> None:
    """End the move of ``/tree``."""
    _let_go(store, MOVED, SimpleNamespace(path=(b"tree",)), facts)  # type: ignore[arg-type]


def test_unchanged_it_goes(store: LocalStore, tmp_path: Path) -> None:
    let_go(store, copied(store))
    assert [path.name for path in tmp_path.iterdir()] == [".davshare"]
    assert not (tmp_path / ".davshare" / "staging" / "moved-x").exists()


@pytest.mark.parametrize("name", ["file", "new"])
def test_changed_it_comes_back(store: LocalStore, tmp_path: Path, name: str) -> None:
    """A file that was written or added after the copy is the only one of its kind."""
    facts = copied(store)
    (tmp_path / ".davshare" / "staging" / "moved-x" / "inner" / name).write_bytes(b"not copied")
    let_go(store, facts)
    assert (tmp_path / "tree (changed during the move)" / "inner" / name).read_bytes() == b"not copied"
