"""The keeper's work on the disks ends: nothing is begun again and again, and nothing is watched for nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from davshare.files import spaces
from davshare.files.attend import Attendant
from davshare.files.service import Files
from davshare.index import nodes
from davshare.index import spaces as rows
from davshare.server import build
from support.server import davshare


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """The file service on a fresh data folder with the space ``lab``."""
    from davshare import config

    data = tmp_path / "data"
    davshare("init", str(data), "--admin", "admin", "--password-stdin", input="admin-pass-0000")
    service = build.open_files(data, config.load(data, os.environ, {}).config)
    spaces.add_space(service, "lab", None, None)
    yield service
    service.committer.close()
    service.db.close()


def settle(attendant: Attendant) -> int:
    """Let it look around once more and work until there is nothing to do; how many steps that took."""
    attendant._next_look = 0.0
    for steps in range(10_000):
        if not attendant.step():
            return steps
    raise AssertionError("it never ends")


def test_folders_that_cannot_be_read_are_not_tried_again_and_again(files: Files) -> None:
    """An unread folder that went to the trash, or is gone, stays marked; another mark is still noticed."""
    root = files.data / "spaces" / "lab"
    (root / "a").mkdir()
    attendant = Attendant(files)
    settle(attendant)
    with files.db.write() as connection:
        (space,) = [each for each in rows.all_spaces(connection) if each.name == "lab"]
        nodes.compared(connection, [(None, space.trash)])
    assert settle(attendant) > 0, "the mark is noticed"
    assert settle(attendant) == 0, "and not followed for ever"
    with files.db.write() as connection:
        folder = nodes.child(connection, space.node, "a")
        assert folder is not None
        nodes.compared(connection, [(None, folder.id)])
    assert settle(attendant) > 0


def test_a_space_that_is_removed_is_not_watched_any_more(files: Files) -> None:
    root = files.data / "spaces" / "lab"
    (root / "a" / "b").mkdir(parents=True)
    attendant = Attendant(files)
    settle(attendant)
    before = len(attendant._watcher._watches)
    spaces.remove_space(files, "lab")
    settle(attendant)
    assert len(attendant._watcher._watches) == before - 3
