"""A power cut after an answer: what the disk had not kept of it yet is done again."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from davshare import config
from davshare.abreast import Abreast
from davshare.errors import Conflict, NotFound
from davshare.files import check, commit, reading, settling, transfer, tree, upload
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.redo import Effect, Redoer
from davshare.files.service import Files
from davshare.files.settling import Settling
from davshare.files.transfer import Order
from davshare.files.upload import Sent
from davshare.identity.gate import actor_of
from davshare.index import people, redo, spaces, turn
from davshare.model import names
from davshare.server import build
from davshare.store import journalled, staging
from davshare.store.handles import Handle
from support.server import davshare

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh data folder."""
    davshare("init", str(tmp_path / "data"), "--admin", "admin", "--password-stdin", input="admin-pass-0000")
    return tmp_path / "data"


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[[], Files]]:
    """Begins to serve it; as often as it is called."""
    begun: list[Files] = []

    def begin() -> Files:
        begun.append(build.open_files(folder, config.load(folder, {}, {}).config))
        return begun[-1]

    yield begin
    for files in begun:
        files.committer.close()
        files.db.close()


def asker(files: Files) -> Asker:
    """The administrator."""
    with files.db.session() as connection:
        user = people.user(connection, "admin")
        assert user is not None
        return Asker(actor_of(connection, user))


def at(path: str) -> Address:
    """An address in the home."""
    return Address(*names.split("/dav/home/" + path))


#: Whether content comes in one piece with its request, so that it is noted.
AT_HAND = False


def put(files: Files, path: str, data: bytes) -> None:
    """Store a file."""
    upload.put(files, asker(files), at(path), Sent(len(data), io.BytesIO(data).read, data=data if AT_HAND else None))


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content comes in one piece."""
    monkeypatch.setattr(sys.modules[__name__], "AT_HAND", True)


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets nothing be settled, as if the power went before; on a filesystem that does renames wholly."""

    def begin() -> None:
        monkeypatch.setattr(settling, "is_journalled", lambda device: True)
        monkeypatch.setattr(Settling, "settle", lambda self: None)

    return begin


def furnish(files: Files) -> None:
    """A file, and a folder with another one, on disk for good."""
    put(files, "old", b"old")
    tree.make_folder(files, asker(files), at("folder/"))
    put(files, "folder/f", b"f")
    files.committer.idle()


def move(files: Files, source: str, target: str) -> None:
    """Move something over what is there."""
    transfer.transfer(files, asker(files), Order(at(source), at(target), move=True))


def get(files: Files, path: str) -> bytes:
    """Read a file."""
    content = reading.open_content(files, asker(files), at(path))
    try:
        return os.pread(content.fd, 1 << 20, 0)
    finally:
        os.close(content.fd)


def noted(files: Files) -> list[redo.Redo]:
    """What a power cut may have undone, as far as the index knows."""
    with files.db.session() as connection:
        return redo.open_effects(connection)


def overwrite(files: Files) -> None:
    """Twice the same file."""
    put(files, "old", b"new")
    put(files, "old", b"newer")


def wander(files: Files) -> None:
    """Something new in a folder that moves, and moves itself."""
    put(files, "folder/new", b"1")
    move(files, "folder", "elsewhere")
    move(files, "elsewhere/new", "elsewhere/moved")


CHANGES: dict[str, Callable[[Files], None]] = {
    "a new file": lambda files: put(files, "new", b"1"),
    "other content": lambda files: put(files, "old", b"new"),
    "other content twice": overwrite,
    "a folder": lambda files: (tree.make_folder(files, asker(files), at("made/")), put(files, "made/f", b"1"))[1],
    "another name": lambda files: move(files, "old", "renamed"),
    "in place of something": lambda files: move(files, "old", "folder/f"),
    "removal": lambda files: tree.delete(files, asker(files), at("old")),
    "removal of a folder": lambda files: tree.delete(files, asker(files), at("folder/")),
    "in a folder that moves": wander,
    "other content in a folder that moves": lambda files: (wander(files), put(files, "elsewhere/moved", b"2"))[1],
}


def tree_of(home: Path) -> dict[str, bytes | None]:
    """Everything below a folder with its content, but not what is in the making."""
    found = [path for path in sorted(home.rglob("*")) if "staging" not in path.parts]
    return {str(path.relative_to(home)): None if path.is_dir() else path.read_bytes() for path in found}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("hand", [False, True])
def test_renames_that_a_power_cut_undoes(
    start: Callable[[], Files],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    unsettled: Callable[[], None],
    change: str,
    kept: int,
    hand: bool,
) -> None:
    """None of them is on disk any more, or only the first: the next start does them again, before anybody reads."""
    home = folder / "homes" / "admin"
    monkeypatch.setattr(sys.modules[__name__], "AT_HAND", hand)
    files = start()
    furnish(files)
    unsettled()
    lost: list[tuple[int, Path, Path, Path | None]] = []
    perform = Redoer.perform

    def remember(self: Redoer, effect: Effect, *more: object) -> None:
        source, target = (home.joinpath(*map(os.fsdecode, each)) for each in (effect.source, effect.target))
        replaced = folder / f"replaced-{len(lost)}" if target.exists() else None
        if replaced is not None:
            os.link(target, replaced)
        perform(self, effect, *more)  # type: ignore[arg-type]
        lost.append((effect.id, source, target, replaced))

    monkeypatch.setattr(Redoer, "perform", remember)
    CHANGES[change](files)
    monkeypatch.setattr(Redoer, "perform", perform)
    expected = tree_of(home)
    ids = [row.id for row in noted(files)]
    assert ids, "what is not settled has to be noted"
    for source, target, replaced in [each[1:] for each in reversed(lost) if each[0] in ids[kept:]]:
        os.rename(target, source)
        if replaced is not None:
            os.rename(replaced, target)
    monkeypatch.setattr(turn, "boot_id", lambda: "01234567-89ab-cdef-0123-456789abcdef")

    files = start()
    assert files.redoer.replay() > 0
    assert tree_of(home) == expected
    assert check.check(files, None, True, lambda count: None) == []
    assert noted(files) == []


CONTENTS = [change for change in CHANGES if not change.startswith("removal of") and change != "another name"]
DAMAGE: dict[str, Callable[[Path], None]] = {
    "gone": Path.unlink,
    "empty": lambda path: os.truncate(path, 0),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "another": lambda path: (path.unlink(), path.write_bytes(b"another one"))[0],
    "as it should be, but another": lambda path: (
        path.with_name("copy").write_bytes(path.read_bytes()),
        path.with_name("copy").rename(path),
    )[1],
    "back in the making": lambda path: None,
}


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize(
    ("damage", "wholly"), [*((damage, True) for damage in DAMAGE), ("gone", False), ("back in the making", False)]
)
@pytest.mark.parametrize("change", CONTENTS)
def test_content_that_a_power_cut_takes(
    start: Callable[[], Files],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    unsettled: Callable[[], None],
    change: str,
    damage: str,
    wholly: bool,
) -> None:
    """What was noted comes again, wherever the file is by then; twice is as good as once."""
    home = folder / "homes" / "admin"
    files = start()
    furnish(files)
    unsettled()
    monkeypatch.setattr(settling, "is_journalled", lambda device: wholly)
    put(files, "first", b"first")
    CHANGES[change](files)
    tree.delete(files, asker(files), at("first"))
    expected = tree_of(home)
    rows = [row for row in noted(files) if row.content is not None]
    assert rows
    places = {path.stat().st_ino: path for path in sorted(home.rglob("*"))}
    for row in rows:
        if damage == "back in the making":
            os.truncate(places[row.inode], 0)
            places[row.inode].rename(home.joinpath(os.fsdecode(row.source)))
        else:
            DAMAGE[damage](places[row.inode])
    for boot in ("01234567", "76543210"):
        monkeypatch.setattr(turn, "boot_id", lambda boot=boot: f"{boot}-89ab-cdef-0123-456789abcdef")
        files = start()
        replayed = files.redoer.replay()
        assert (replayed > 0) == (boot == "01234567")
        assert tree_of(home) == expected
        assert check.check(files, None, True, lambda count: None) == []
        assert noted(files) == []


@pytest.mark.usefixtures("at_hand")
@pytest.mark.parametrize("moment", ["redo", "renew"])
def test_a_crash_while_content_comes_again(
    start: Callable[[], Files],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    unsettled: Callable[[], None],
    moment: str,
) -> None:
    """Whoever starts after that knows of the power cut, too."""
    home = folder / "homes" / "admin"
    files = start()
    unsettled()
    put(files, "a", b"1")
    put(files, "b", b"2")
    move(files, "a", "c")
    for name in "bc":
        os.truncate(home / name, 0)
    monkeypatch.setattr(turn, "boot_id", lambda: "01234567-89ab-cdef-0123-456789abcdef")
    real, calls = (Redoer.perform, []) if moment == "redo" else (Redoer._renew, [])

    def die(self: Redoer, *arguments: Any, **more: Any) -> None:
        real(self, *arguments, **more)  # type: ignore[operator]
        calls.append(arguments)
        if len(calls) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Redoer, "perform" if moment == "redo" else "_renew", die)
        with pytest.raises(KeyboardInterrupt):
            start().redoer.replay()
    files = start()
    assert files.redoer.replay() == 3
    assert (get(files, "b"), get(files, "c")) == (b"2", b"1")
    assert check.check(files, None, True, lambda count: None) == []


@pytest.mark.usefixtures("at_hand")
def test_what_a_crash_without_a_power_cut_leaves_is_not_looked_into(
    start: Callable[[], Files], folder: Path, unsettled: Callable[[], None]
) -> None:
    """Whoever wrote to the file meanwhile, beside us, keeps what they wrote."""
    files = start()
    unsettled()
    put(files, "a", b"1")
    (folder / "homes/admin/a").write_bytes(b"of an editor")
    assert start().redoer.replay() == 1
    assert (folder / "homes/admin/a").read_bytes() == b"of an editor"


@pytest.mark.usefixtures("at_hand")
def test_noted_content_is_synced_before_it_is_forgotten(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few files each for itself, many with all that is on their filesystem; what fails stays noted."""
    monkeypatch.setattr(commit, "_TIDY_AFTER", 60)
    monkeypatch.setattr(commit, "_SETTLE_AFTER", 60)
    files = start()
    synced: list[int] = []
    whole: list[int] = []
    real, fault = os.fsync, [0]

    def fsync(fd: int) -> None:
        if fault[0]:
            raise OSError(5, "as a test wants")
        synced.append(os.fstat(fd).st_ino)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(settling, "filesystem", lambda fd: whole.append(os.fstat(fd).st_dev))
    put(files, "a", b"1")
    inode = (folder / "homes/admin/a").stat().st_ino
    assert inode not in synced and [row.content for row in noted(files)] == [b"1"]
    files.committer.idle()
    assert inode in synced and noted(files) == []
    for number in range(40):
        put(files, f"f{number}", b"1")
    assert not whole and len(noted(files)) == 40
    files.committer.idle()
    assert whole == [folder.stat().st_dev] and noted(files) == []
    put(files, "b", b"1")
    fault[0] = 1
    files.committer.idle()
    assert [row.content for row in noted(files)] == [b"1"]
    fault[0] = 0
    inode = (folder / "homes/admin/b").stat().st_ino
    assert files.redoer.replay() == 1 and noted(files) == []
    assert (folder / "homes/admin/b").stat().st_ino != inode, "what is in memory may never reach the disk"
    assert get(files, "b") == b"1"


@pytest.mark.usefixtures("at_hand")
def test_content_that_the_disk_has_refused_to_keep(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once; whoever comes next writes it again, even without a power cut."""
    monkeypatch.setattr(commit, "_TIDY_AFTER", 60)
    monkeypatch.setattr(commit, "_SETTLE_AFTER", 60)
    files = start()

    def refuse(things: object) -> None:
        raise OSError(5, "as a test wants")

    put(files, "a", b"1")
    with monkeypatch.context() as patch:
        patch.setattr(settling._Filesystem, "sync", refuse)
        files.committer.idle()
    os.truncate(folder / "homes/admin/a", 0)
    put(files, "b", b"1")
    assert [row.stuck for row in noted(files)] == [1, 0]
    assert files.redoer.replay() == 2 and noted(files) == []
    assert get(files, "a") == b"1"
    assert check.check(files, None, True, lambda count: None) == []


@pytest.mark.usefixtures("at_hand")
def test_noted_content_that_is_not_the_newest(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch, unsettled: Callable[[], None]
) -> None:
    """What an editor has written into the same file since, and the index has learnt, stays; what is gone stays away."""
    home = folder / "homes" / "admin"
    files = start()
    unsettled()
    put(files, "a", b"1")
    (home / "a").write_bytes(b"2")
    os.utime(home / "a", (1, 1))
    assert get(files, "a") == b"2"
    put(files, "b", b"1")
    (home / "b").unlink()
    with pytest.raises(NotFound):
        get(files, "b")
    monkeypatch.setattr(turn, "boot_id", lambda: "01234567-89ab-cdef-0123-456789abcdef")
    assert start().redoer.replay() == 2
    assert (home / "a").read_bytes() == b"2"
    assert sorted(path.name for path in home.rglob("*") if path.is_file()) == ["a", "space"]


@pytest.mark.usefixtures("at_hand")
def test_several_contents_of_one_file_in_one_batch(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch, unsettled: Callable[[], None]
) -> None:
    """The last one counts, whatever inodes were used again."""
    files = start()
    unsettled()
    for number in range(25):
        put(files, f"warm{number}", b"w")
    Abreast().run([partial(put, files, "a", data) for data in (b"A", b"B", b"C", b"D")])
    for number in range(20):
        put(files, "a", b"%d" % number * 3000)
    monkeypatch.setattr(turn, "boot_id", lambda: "01234567-89ab-cdef-0123-456789abcdef")
    files = start()
    assert files.redoer.replay() > 0
    assert get(files, "a") == b"19" * 3000
    assert check.check(files, None, True, lambda count: None) == []


def test_only_known_filesystems_are_synced_whole(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch, at_hand: None
) -> None:
    """Elsewhere content is synced before the answer, and not noted."""
    files = start()
    monkeypatch.setattr(staging, "is_synced_whole", lambda device: False)
    monkeypatch.setattr(settling, "is_journalled", lambda device: True)
    monkeypatch.setattr(Settling, "settle", lambda self: None)
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd))[1])
    put(files, "a", b"1")
    assert (folder / "homes/admin/a").stat().st_ino in synced
    assert [row.content for row in noted(files)] == [None]


def test_folders_are_synced_where_they_are_by_then(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch, unsettled: Callable[[], None]
) -> None:
    """A start settles what was done in a folder that got another name later."""
    files = start()
    tree.make_folder(files, asker(files), at("folder/"))
    files.committer.idle()
    unsettled()
    wander(files)
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd))[1])
    assert start().redoer.replay() == 3
    assert {path.stat().st_ino for path in (folder / "homes/admin", folder / "homes/admin/elsewhere")} <= set(synced)


def test_redo_rows_go_when_the_folders_are_synced(
    start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before; many changes share a sync, and one that fails keeps them."""
    files = start()
    synced: list[tuple[int, int]] = []
    fault = [False]

    def sync(self: Handle) -> None:
        if fault[0]:
            raise OSError(5, "as a test wants")
        synced.append(self.key())

    settle = Settling.settle
    monkeypatch.setattr(settling, "is_journalled", lambda device: True)
    monkeypatch.setattr(Settling, "settle", lambda self: None)
    monkeypatch.setattr(Handle, "sync", sync)
    for number in range(5):
        put(files, f"f{number}", b"1")
    files.committer.idle()
    assert len(noted(files)) == 5
    assert synced == []
    monkeypatch.setattr(Settling, "settle", settle)
    files.committer.idle()
    status = os.stat(folder / "homes" / "admin")
    assert synced == [(status.st_dev, status.st_ino)]
    assert noted(files) == []
    fault[0] = True
    put(files, "g", b"1")
    files.committer.idle()
    assert len(noted(files)) == 1
    assert get(files, "g") == b"1"
    fault[0] = False
    put(files, "h", b"1")
    files.committer.idle()
    assert [row.target for row in noted(files)] == [b"g", b"h"], "what came later is not forgotten before it"
    assert files.redoer.replay() == 2
    assert noted(files) == []


@pytest.mark.parametrize("wholly", [True, False])
def test_half_a_rename(start: Callable[[], Files], monkeypatch: pytest.MonkeyPatch, wholly: bool) -> None:
    """A filesystem that may keep half of one is synced before the answer."""
    files = start()
    synced: list[Handle] = []
    monkeypatch.setattr(Handle, "sync", lambda self: synced.append(self))
    monkeypatch.setattr(settling, "is_journalled", lambda device: wholly)
    monkeypatch.setattr(commit, "_TIDY_AFTER", 60)
    put(files, "f", b"1")
    assert len(synced) == (0 if wholly else 1)


def test_which_filesystems_do_renames_wholly() -> None:
    """What is not known to do so is taken for one that does not."""
    lines = [
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sdz1 rw",
        "23 1 8:2 / /data rw,relatime - ext4 /dev/sdz2 rw",
        "24 1 8:3 / /more rw - xfs /dev/sdz3 rw",
        "25 1 0:50 / /net rw - nfs4 host:/x rw",
    ]
    known = [
        journalled.found(os.makedev(*each), lines, ["sdz2-8"]) for each in ((8, 1), (8, 2), (8, 3), (0, 50), (9, 9))
    ]
    assert known == [False, True, True, False, False]


def test_another_process_comes_first(start: Callable[[], Files], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There and back again in two processes: nobody does only the first half once more."""
    files, other = start(), start()
    put(files, "a", b"1")
    files.committer.idle()
    settle = Settling.settle
    monkeypatch.setattr(Settling, "settle", lambda self: None)
    move(files, "a", "b")
    monkeypatch.setattr(Settling, "settle", settle)
    move(other, "b", "a")
    other.committer.idle()
    assert [row.target for row in noted(files)] == [b"b", b"a"]
    monkeypatch.setattr(turn, "boot_id", lambda: "01234567-89ab-cdef-0123-456789abcdef")
    later = start()
    assert later.redoer.replay() == 2
    assert get(later, "a") == b"1"
    assert check.check(later, None, True, lambda count: None) == []


def test_who_never_settles_holds_up_few(start: Callable[[], Files], monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process leaves noted does not let the rows of the others pile up."""
    files, other = start(), start()
    monkeypatch.setattr(commit, "_BEHIND", 3)
    settle = Settling.settle
    monkeypatch.setattr(Settling, "settle", lambda self: None)
    put(files, "a", b"1")
    monkeypatch.setattr(Settling, "settle", settle)
    for number in range(12):
        put(other, f"b{number}", b"1")
        other.committer._settling.settle()
    assert len(noted(other)) < 6


def test_refused_changes_keep_nothing_open(start: Callable[[], Files], folder: Path) -> None:
    """Not even while nobody collects what is in circles."""
    files = start()
    tree.make_folder(files, asker(files), at("folder/"))
    put(files, "folder/f", b"1")
    files.committer.idle()

    def refused(tx: Transaction) -> None:
        assert tx.held is not None
        files.store(space).vacant((b"folder", b"g"), tx.held)
        raise Conflict

    with files.db.session() as connection:
        space = spaces.get(connection, 1)
    assert space is not None
    gc.disable()
    try:
        for _ in range(20):
            with pytest.raises(Conflict):
                files.committer.run(refused, ())
        names_of = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
        assert str(folder / "homes/admin/folder") not in names_of
    finally:
        gc.enable()


def test_what_replaces_content_settles_what_was_noted_elsewhere(
    start: Callable[[], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inode that is about to be free is named by nothing that is noted; that of a name before a rename is synced."""
    files = start()
    monkeypatch.setattr(Settling, "settle", lambda self: None)
    put(files, "a", b"1")
    put(files, "a", b"2")
    assert [row.target for row in noted(files)] == [b"a"]
    move(files, "a", "b")
    put(files, "b", b"3")
    assert [row.target for row in noted(files)] == [b"b"]
    assert get(files, "b") == b"3"
