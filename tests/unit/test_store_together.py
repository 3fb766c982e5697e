"""What the store does for many at once: fsyncs side by side, and shelves of the staging folder."""

from __future__ import annotations

import errno
import gc
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from davshare.abreast import Abreast
from davshare.errors import DavshareError, InsufficientStorage
from davshare.store import shelves, syncing
from davshare.store.handles import Handle
from davshare.store.local import STAGING, LocalStore
from support.staging import staged

# -- fsync -------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Iterator[list[int]]:
    """Five open files with content."""
    opened = [os.open(tmp_path / f"{n}", os.O_RDWR | os.O_CREAT) for n in range(5)]
    for fd in opened:
        os.write(fd, b"content")
    yield opened
    for fd in opened:
        os.close(fd)


class Disk:
    """Records what is asked of the disk, which refuses some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bad: int = -1, when: str = "fsync") -> None:
        self.asked: list[tuple[str, int]] = []
        self.bad = (when, bad)
        monkeypatch.setattr(os, "fsync", lambda fd: self.ask("fsync", fd))
        monkeypatch.setattr(syncing, "begin", lambda fd: self.ask("begin", fd))

    def ask(self, what: str, fd: int) -> None:
        """One call."""
        self.asked.append((what, fd))
        if (what, fd) == self.bad:
            raise OSError(errno.EIO, "as asked")


def synced(files: list[int]) -> list[int | None]:
    """Sync all side by side; of each the error's number."""
    found: list[int | None] = [-1] * len(files)

    def sync(number: int) -> None:
        try:
            syncing.sync(files[number])
            found[number] = None
        except OSError as error:
            found[number] = error.errno

    Abreast().run([lambda n=n: sync(n) for n in range(len(files))])
    return found


def test_all_are_begun_before_the_first_is_waited_for(files: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    assert synced(files) == [None] * 5
    assert disk.asked == [("begin", fd) for fd in files] + [("fsync", fd) for fd in files]


def test_one_alone_is_just_synced(files: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    syncing.sync(files[0])
    assert synced(files[1:2]) == [None]
    assert disk.asked == [("fsync", files[0]), ("fsync", files[1])]


@pytest.mark.parametrize("when", ["begin", "fsync"])
def test_an_error_of_one_fails_only_that_one(files: list[int], monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """The system tells an error once: a file whose error was told at the beginning is not asked again."""
    disk = Disk(monkeypatch, files[2], when)
    assert synced(files) == [None, None, errno.EIO, None, None]
    assert [fd for what, fd in disk.asked if what == "fsync"] == [
        fd for fd in files if when == "fsync" or fd != files[2]
    ]


def test_one_alone_hears_its_error(files: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    Disk(monkeypatch, files[0])
    with pytest.raises(OSError, match="as asked"):
        syncing.sync(files[0])


def test_on_a_real_disk(files: list[int]) -> None:
    assert synced(files) == [None] * 5


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A durable space."""
    made = LocalStore(tmp_path / "space")
    made.prepare("mark")
    made.stage_whole(b"makes the shelf", None)
    return made


def test_a_full_disk_refuses_one_upload_of_many(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left of that one."""
    found: list[object] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        if os.pread(fd, 20, 0) == b"too much":
            raise OSError(errno.ENOSPC, "full")
        real(fd)

    def stage(data: bytes) -> None:
        try:
            found.append(store.stage_whole(data, None)[1].size)
        except DavshareError as error:
            found.append(type(error))

    before = set(staged(Path(store.root)))
    monkeypatch.setattr(os, "fsync", fsync)
    Abreast().run([lambda d=data: stage(d) for data in (b"1", b"too much", b"22", b"333")])
    assert found == [1, InsufficientStorage, 2, 3]
    left = set(staged(Path(store.root))) - before
    assert sorted(each.read_bytes() for each in left) == [b"1", b"22", b"333"]


def test_folders_are_synced_as_well(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    Abreast().run([lambda: store.stage_folder() and None] * 3)
    assert [what for what, _ in disk.asked] == ["begin"] * 3 + ["fsync"] * 3


# -- shelves -----------------------------------------------------------------------------------------


@pytest.fixture
def staging(tmp_path: Path) -> Handle:
    """An open, empty staging folder."""
    return Handle(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))


def litter(staging: Handle, older_than: float | None = None) -> set[bytes]:
    """All that is older than a moment to come, or than the given one."""
    return set(shelves.litter(staging, time.time() + 60 if older_than is None else older_than))


def test_made_twice(staging: Handle, tmp_path: Path) -> None:
    """As two threads of a process do, or a process that has the number of an earlier one."""
    shelves.make(staging, True)
    (tmp_path / os.fsdecode(shelves.own()) / "file").touch()
    shelves.make(staging, True)
    shelves.make(staging, False)
    assert os.listdir(tmp_path) == [os.fsdecode(shelves.own())]
    assert os.listdir(tmp_path / os.fsdecode(shelves.own())) == ["file"]
    assert stat.S_IMODE((tmp_path / os.fsdecode(shelves.own())).stat().st_mode) & 0o700 == 0o700


def test_made_on_a_filesystem_that_cannot_spread(
    staging: Handle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: int) -> None:
        raise OSError(errno.ENOTTY, "no such thing")

    monkeypatch.setattr(shelves, "_spread", refuse)
    shelves.make(staging, True)
    assert os.listdir(tmp_path) == [os.fsdecode(shelves.own())]


def test_a_durable_shelf_survives_a_power_cut(staging: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    shelves.make(staging, False)
    assert disk.asked == []
    shelves.make(staging, True)
    assert disk.asked == [("fsync", staging.fd)]


def test_two_processes_have_two_shelves(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their numbers follow each other, as those of workers do; there are not more than some shelves."""
    names = set()
    for number in range(1000, 1100):
        monkeypatch.setattr(os, "getpid", lambda number=number: number)
        name, facts = store.stage_whole(b"%d" % number, None)
        names.add(name.split(b"/")[0])
        assert store.move((*STAGING, *name.split(b"/")), (b"f%d" % number,), facts.inode)
        if number == 1001:
            assert len(names) == 2
    assert len(names) == 16
    assert (Path(store.root) / "f1099").read_bytes() == b"1099"


def test_a_real_second_process(store: LocalStore) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.stage_whole(b"of the child", None)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    name, _ = store.stage_whole(b"of the parent", None)
    found = {each.read_bytes(): each.parent.name for each in staged(Path(store.root))}
    assert found[b"of the parent"] == os.fsdecode(name.split(b"/")[0])
    if child % 16 != os.getpid() % 16:
        assert found[b"of the child"] != found[b"of the parent"]


def test_litter_is_found_on_shelves_and_is_no_shelf(staging: Handle, tmp_path: Path) -> None:
    for name in ("shelf-0", "shelf-f"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        (tmp_path / name / "folder").mkdir()
        (tmp_path / name / "folder" / "member").touch()
    (tmp_path / "shelf-1").mkdir()
    (tmp_path / "single").touch()
    assert litter(staging) == {
        b"single",
        *(b"shelf-%b/%b" % (s, n) for s in (b"0", b"f") for n in (b"file", b"folder")),
    }
    assert litter(staging, time.time() - 60) == set()


def test_only_what_is_old_is_litter(staging: Handle, tmp_path: Path) -> None:
    (tmp_path / "shelf-0").mkdir()
    (tmp_path / "shelf-0" / "old").touch()
    (tmp_path / "old").touch()
    time.sleep(0.05)
    since = time.time()
    time.sleep(0.05)
    (tmp_path / "shelf-0" / "new").touch()
    (tmp_path / "new").touch()
    assert litter(staging, since) == {b"old", b"shelf-0/old"}


def test_what_only_looks_like_a_shelf_harms_nobody(staging: Handle, tmp_path: Path) -> None:
    """A link is not followed."""
    (tmp_path / "shelf-1").touch()
    (tmp_path / "shelf-2").symlink_to(tmp_path.parent)
    (tmp_path / "shelf-3").symlink_to("nowhere")
    (tmp_path / "old").touch()
    assert litter(staging) == {b"old"}


def test_litter_can_be_removed_by_its_name(store: LocalStore) -> None:
    store.stage_folder()
    (name,) = {
        each
        for each in store.litter(time.time() + 60)
        if (Path(store.root) / ".davshare/staging" / os.fsdecode(each)).is_dir()
    }
    store.remove((*STAGING, *name.split(b"/")))
    for name in store.litter(time.time() + 60):
        store.remove((*STAGING, name))
    assert staged(Path(store.root)) == []
    assert store.stage_whole(b"again", None)[1].size == 5


def test_a_shelf_is_made_while_folders_are_let_go(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread does that whenever nothing has happened for a while."""
    make = shelves.make

    def make_late(staging: Handle, durable: bool) -> None:
        store._handles.clear()
        gc.collect()
        make(staging, durable)

    monkeypatch.setattr(shelves, "make", make_late)
    name, _ = store.stage_whole(b"x", None)
    assert store.holds((*STAGING, *name.split(b"/")), store.facts((*STAGING, *name.split(b"/"))).inode, False)
