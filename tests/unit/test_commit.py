"""Group commit: what happens when changes share a transaction, and when the disk is not what the index believes."""

from __future__ import annotations

import io
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from davshare import config
from davshare.abreast import Abreast
from davshare.errors import DavshareError, InsufficientStorage, NotFound, Waits
from davshare.files import check, properties, reading, reconcile, transfer, tree, upload, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.service import Files
from davshare.files.transfer import Order
from davshare.files.upload import Sent
from davshare.identity.gate import actor_of
from davshare.index import journal, people, spaces
from davshare.index.database import changed, count
from davshare.model import names
from davshare.server import build
from davshare.store.base import Path as DiskPath
from davshare.store.local import LocalStore
from support.server import davshare
from support.staging import staged

HOME = "/dav/home/"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """The file service on a fresh data folder."""
    davshare("init", str(tmp_path / "data"), "--admin", "admin", "--password-stdin", input="admin-pass-0000")
    loaded = config.load(tmp_path / "data", {}, {})
    service = build.open_files(tmp_path / "data", loaded.config)
    yield service
    service.committer.close()
    service.db.close()


@pytest.fixture
def asker(files: Files) -> Asker:
    """The administrator."""
    with files.db.session() as connection:
        user = people.user(connection, "admin")
        assert user is not None
        return Asker(actor_of(connection, user))


@pytest.fixture
def home(files: Files) -> Path:
    """Where the administrator's files are on disk."""
    return files.data / "homes" / "admin"


def at(path: str) -> Address:
    """An address in the home."""
    return Address(*names.split(HOME + path))


def put(files: Files, asker: Asker, path: str, data: bytes) -> upload.Stored:
    """Store a file."""
    return upload.put(files, asker, at(path), Sent(len(data), io.BytesIO(data).read))


def move(files: Files, asker: Asker, source: str, target: str) -> transfer.Moved:
    """Move something."""
    return transfer.transfer(files, asker, Order(at(source), at(target), move=True))


def get(files: Files, asker: Asker, path: str) -> bytes:
    """Read a file."""
    content = reading.open_content(files, asker, at(path))
    try:
        return os.pread(content.fd, 1 << 20, 0)
    finally:
        os.close(content.fd)


def problems(files: Files) -> list[check.Problem]:
    """What `davshare check` would report."""
    return check.check(files, None, True, lambda count: None)


@contextmanager
def together(files: Files) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Start several changes that all wait for the same leader, in this order."""
    threads: list[threading.Thread] = []
    errors: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    def add(work: Callable[[], Any]) -> None:
        before = len(files.committer._waiting)
        threads.append(threading.Thread(target=run, args=(work,)))
        threads[-1].start()
        until = time.monotonic() + 10
        while len(files.committer._waiting) == before:
            assert time.monotonic() < until, errors
            time.sleep(0.002)

    with files.committer._leading:
        yield add
    for thread in threads:
        thread.join()
    assert errors == []


def test_more_changes_than_one_transaction_takes(files: Files, asker: Asker, home: Path) -> None:
    count = 150
    for index in range(count):
        put(files, asker, f"f{index}", b"x")
    with together(files) as add:
        for index in range(count):
            add(lambda index=index: tree.delete(files, asker, at(f"f{index}")))
    assert [name for name in os.listdir(home) if name != ".davshare"] == []
    assert problems(files) == []


def test_a_look_at_the_disk_waits_for_the_moves_before_it(files: Files, asker: Asker) -> None:
    node = put(files, asker, "a", b"precious").node
    with together(files) as add:
        add(lambda: move(files, asker, "a", "b"))
        add(lambda: reconcile.refresh(files, node.id))
    assert get(files, asker, "b") == b"precious"
    assert problems(files) == []


def test_a_look_at_the_disk_waits_for_the_writes_before_it(files: Files, asker: Asker) -> None:
    node = put(files, asker, "a", b"old").node
    stored: list[upload.Stored] = []
    with together(files) as add:
        add(lambda: stored.append(put(files, asker, "a", b"newer")))
        add(lambda: reconcile.refresh(files, node.id))
    content = reading.open_content(files, asker, at("a"))
    os.close(content.fd)
    assert (content.etag, content.node.size) == (stored[0].etag, 5)


def test_what_an_editor_replaced_moves(files: Files, asker: Asker, home: Path) -> None:
    put(files, asker, "doc", b"v1")
    (home / "aside").write_bytes(b"v2 of the editor")
    os.rename(home / "aside", home / "doc")
    move(files, asker, "doc", "doc2")
    assert get(files, asker, "doc2") == b"v2 of the editor"
    assert problems(files) == []


def test_what_an_editor_replaced_is_deleted(files: Files, asker: Asker, home: Path) -> None:
    put(files, asker, "doc", b"v1")
    (home / "aside").write_bytes(b"v2")
    os.rename(home / "aside", home / "doc")
    tree.delete(files, asker, at("doc"))
    assert not (home / "doc").exists()


def test_a_folder_restored_from_a_backup_moves(files: Files, asker: Asker, home: Path) -> None:
    tree.make_folder(files, asker, at("dir/"))
    put(files, asker, "dir/f", b"x")
    shutil.copytree(home / "dir", home / "copy")
    shutil.rmtree(home / "dir")
    os.rename(home / "copy", home / "dir")
    move(files, asker, "dir", "dir2")
    assert get(files, asker, "dir2/f") == b"x"


def test_a_refused_effect_takes_its_change_back(
    files: Files, asker: Asker, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Also when a part of it was done: the replaced file comes back from the trash."""
    put(files, asker, "a", b"source")
    put(files, asker, "b", b"target")
    real = LocalStore.move

    def refuse(self: LocalStore, source: DiskPath, *more: Any) -> bool:
        if source == (b"a",):
            raise InsufficientStorage
        return real(self, source, *more)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "move", refuse)
        with pytest.raises(DavshareError):
            move(files, asker, "a", "b")
    assert (get(files, asker, "a"), get(files, asker, "b")) == (b"source", b"target")
    assert problems(files) == []


def test_a_refused_change_leaves_no_trace(files: Files, asker: Asker, home: Path) -> None:
    with pytest.raises(NotFound):
        tree.delete(files, asker, at("nothing"))
    with files.db.session() as connection:
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (0,)
    assert staged(home) == []


def test_what_changes_nothing_takes_no_number(files: Files, asker: Asker) -> None:
    """A look at the disk that finds nothing new is no news for those who follow with a token."""

    def head() -> int:
        with files.db.session() as connection:
            return spaces.head_and_floor(connection, space.id)[0]

    put(files, asker, "file", b"1")
    with files.db.session() as connection:
        space = spaces.home(connection, asker.actor.user)
    assert space is not None
    before = head()
    files.committer.run(lambda tx: None, [space.id])
    assert head() == before
    stored = put(files, asker, "file", b"2")
    assert stored.node.seq == head() == before + 1


def test_a_refused_change_among_others_takes_no_number(files: Files, asker: Asker) -> None:
    """Numbers are counted in memory for all changes of a transaction: what is refused gives its own back."""
    refused: list[DavshareError] = []

    def broken() -> None:
        def work(tx: Transaction) -> None:
            writer.note_properties(tx, first)
            raise NotFound

        try:
            files.committer.run(work, [first.space])
        except NotFound as error:
            refused.append(error)

    first = put(files, asker, "first", b"1").node
    with together(files) as add:
        add(lambda: put(files, asker, "a", b"1"))
        add(broken)
        add(lambda: put(files, asker, "b", b"1"))
    with files.db.session() as connection:
        numbers = [entry.seq for entry in journal.since(connection, first.space, 0)]
        head = spaces.head(connection, first.space)
        commits = count(connection, "commits")
    assert len(refused) == 1
    assert numbers == list(range(numbers[0], head + 1)) and len(numbers) == 3
    assert commits == files.db.shared.commits
    assert problems(files) == []


def test_a_lone_change_that_is_refused_is_no_commit(files: Files, asker: Asker) -> None:
    """Nothing that is remembered has to be forgotten, and the index is not taken for an older one at the next start."""
    put(files, asker, "file", b"1")
    version, commits = files.db.version, files.db.shared.commits
    with pytest.raises(NotFound):
        tree.delete(files, asker, at("nothing"))
    with files.db.session() as connection:
        assert count(connection, "commits") == commits == files.db.shared.commits
    assert files.db.version == version


def test_changes_that_come_while_others_have_the_turn_share_a_commit(files: Files, asker: Asker) -> None:
    put(files, asker, "first", b"1")
    before = files.db.shared.commits
    threads = [threading.Thread(target=put, args=(files, asker, f"f{index}", b"1")) for index in range(5)]
    with files.db.turn():
        for thread in threads:
            thread.start()
        until = time.monotonic() + 10
        while len(files.committer._waiting) < len(threads):
            assert time.monotonic() < until
            time.sleep(0.002)
    for thread in threads:
        thread.join()
    assert files.db.shared.commits == before + 1


def test_a_quota_counts_although_spaces_are_remembered(files: Files, asker: Asker) -> None:
    """Whoever writes remembers spaces; what an administrator changes about them holds from the next change on."""
    put(files, asker, "file", b"1")
    put(files, asker, "file", b"2")
    with files.db.write() as connection:
        space = spaces.home(connection, asker.actor.user)
        assert space is not None
        spaces.update(connection, space._replace(quota=1))
        changed(connection)
    with pytest.raises(InsufficientStorage):
        put(files, asker, "other", b"too much")


class Died(BaseException):
    """The end of a process."""


def test_what_died_with_the_machine_comes_before_anything_new(
    files: Files, asker: Asker, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut the shared numbers may be old ones; the first change of a process does not trust them."""

    def die(*_: Any, **__: Any) -> None:
        raise Died

    put(files, asker, "f", b"precious")
    monkeypatch.setattr(files.redoer, "perform", die)
    with pytest.raises(Died):
        move(files, asker, "f", "moved")
    files.db.shared.open = False
    later = build.open_files(files.data, config.load(files.data, {}, {}).config)
    try:
        put(later, asker, "g", b"1")
        assert (home / "moved").read_bytes() == b"precious"
        later.redoer.replay()
        assert get(later, asker, "moved") == b"precious"
        assert problems(later) == []
    finally:
        later.committer.close()
        later.db.close()


# -- side by side in one thread ----------------------------------------------------------------------


def side_by_side(*works: Callable[[], Any]) -> list[Any]:
    """What each returned, or what it raised."""
    found: list[Any] = [None] * len(works)

    def make(number: int) -> None:
        try:
            found[number] = works[number]()
        except Exception as error:
            found[number] = error

    Abreast().run([lambda n=n: make(n) for n in range(len(works))])
    return found


def test_what_comes_up_while_the_turn_is_waited_for_goes_with_it(
    files: Files, asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction for both; what needs the turn for itself is asked again elsewhere, and holds up nobody."""
    found: list[Any] = []
    before = files.db.shared.commits

    def write() -> None:
        try:
            with files.db.write():
                pass
        except Waits as error:
            found.append(error)

    def remove(name: str) -> None:
        tree.delete(files, asker, at(name))
        found.append(name)

    for name in "ab":
        put(files, asker, name, b"1")
    later = [write, lambda: remove("b")]
    Abreast().run([lambda: remove("a")], lambda: [later.pop(0) for _ in later[:]])
    assert [str(each) for each in found if not isinstance(each, Waits)] == ["a", "b"]
    assert isinstance(found[0], Waits)
    assert files.db.shared.commits == before + 3
    write()
    assert len(found) == 3 and problems(files) == []


def whole(files: Files, asker: Asker, path: str, data: bytes) -> upload.Stored:
    """Store a file whose content came with its head."""
    return upload.put(files, asker, at(path), Sent(len(data), io.BytesIO(data).read, data=data))


def copy(files: Files, asker: Asker, source: str, target: str) -> transfer.Moved:
    """Copy something."""
    return transfer.transfer(files, asker, Order(at(source), at(target)))


def opened(below: Path) -> list[str]:
    """Paths of the files below a folder that this process has open; no folders."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            path = os.readlink(f"/proc/self/fd/{fd}")
            if path.startswith(f"{below}/") and stat.S_ISREG(os.stat(f"/proc/self/fd/{fd}").st_mode):
                found.append(path)
    return found


def test_changes_side_by_side_share_a_commit(files: Files, asker: Asker, home: Path) -> None:
    for name in ("old", "away", "gone", "source"):
        whole(files, asker, name, b"old")
    before = files.db.shared.commits
    found = side_by_side(
        lambda: whole(files, asker, "new", b"new"),
        lambda: whole(files, asker, "old", b"newer"),
        lambda: tree.make_folder(files, asker, at("folder/")),
        lambda: move(files, asker, "away", "here"),
        lambda: tree.delete(files, asker, at("gone")),
        lambda: copy(files, asker, "source", "copy"),
        lambda: put(files, asker, "staged", b"in pieces"),
    )
    assert [each for each in found if isinstance(each, Exception)] == []
    assert files.db.shared.commits == before + 1
    names = {name for name in os.listdir(home) if name != ".davshare"}
    assert names == {"new", "old", "folder", "here", "source", "copy", "staged"}
    assert (get(files, asker, "old"), get(files, asker, "staged")) == (b"newer", b"in pieces")
    assert problems(files) == [] and staged(home) == []


def test_one_of_many_is_refused(files: Files, asker: Asker, home: Path) -> None:
    found = side_by_side(
        lambda: whole(files, asker, "a", b"1"),
        lambda: whole(files, asker, "nowhere/b", b"2"),
        lambda: tree.delete(files, asker, at("nothing")),
        lambda: whole(files, asker, "c", b"3"),
    )
    assert [isinstance(each, DavshareError) for each in found] == [False, True, True, False]
    assert {name for name in os.listdir(home) if name != ".davshare"} == {"a", "c"}
    assert problems(files) == [] and staged(home) == []


def test_the_same_name_side_by_side(files: Files, asker: Asker, home: Path) -> None:
    """One makes it, the others replace it, in the order in which they came."""
    found = side_by_side(*[lambda n=n: whole(files, asker, "f", b"%d" % n) for n in range(8)])
    assert [each.created for each in found] == [True] + [False] * 7
    assert get(files, asker, "f") == b"7"
    assert problems(files) == [] and staged(home) == []


def test_more_side_by_side_than_one_transaction_takes(files: Files, asker: Asker, home: Path) -> None:
    before = files.db.shared.commits
    found = side_by_side(*[lambda n=n: whole(files, asker, f"f{n}", b"%d" % n) for n in range(150)])
    assert all(each.created for each in found)
    assert files.db.shared.commits == before + 3
    assert problems(files) == []


def test_where_the_disk_is_ahead_nobody_waits(files: Files, asker: Asker, home: Path) -> None:
    """What is to be learnt first takes long: it is refused without a trace, and asked again by a thread of its own."""
    whole(files, asker, "replaced", b"1")
    (home / "aside").write_bytes(b"of an editor")
    os.rename(home / "aside", home / "replaced")
    (home / "unknown").write_bytes(b"of a shell")
    works = [
        lambda: whole(files, asker, "replaced", b"2"),
        lambda: whole(files, asker, "unknown", b"2"),
        lambda: move(files, asker, "replaced", "elsewhere"),
        lambda: tree.delete(files, asker, at("replaced")),
        lambda: tree.make_folder(files, asker, at("unknown/")),
    ]
    found = side_by_side(lambda: whole(files, asker, "a", b"1"), *works, lambda: whole(files, asker, "b", b"1"))
    assert [isinstance(each, Waits) for each in found] == [False, *[True] * len(works), False]
    assert staged(home) == []
    assert (home / "replaced").read_bytes() == b"of an editor" and (home / "unknown").read_bytes() == b"of a shell"
    for work in works[:2]:
        assert not work().created
    assert (get(files, asker, "replaced"), get(files, asker, "unknown")) == (b"2", b"2")
    assert problems(files) == []


def test_long_copies_are_made_elsewhere(files: Files, asker: Asker, home: Path) -> None:
    tree.make_folder(files, asker, at("folder/"))
    put(files, asker, "big", bytes(256 * 1024 + 1))
    put(files, asker, "small", bytes(256 * 1024))
    works = [lambda n=name: copy(files, asker, n, "copy of " + n) for name in ("folder", "big", "small")]
    found = side_by_side(*works)
    assert [isinstance(each, Waits) for each in found] == [True, True, False]
    assert staged(home) == []
    for work in works[:2]:
        assert work().created
    assert problems(files) == []


def test_checksums_are_computed_elsewhere(files: Files, asker: Asker, home: Path) -> None:
    """A comparison with what has to be read first; what is known is compared at once."""
    put(files, asker, "f", b"abc")
    stated = {"md5": bytes.fromhex("900150983cd24fb0d6963f7d28e17f72")}
    wish = properties.Instruction(("urn:x", "p"), "<p xmlns='urn:x'/>", checksums=stated)

    def work() -> Any:
        return properties.patch(files, asker, at("f"), [wish])

    (home / "f").write_bytes(b"abc")
    os.utime(home / "f", (1, 1))
    files.redoer.catch_up()
    with files.db.write() as connection:
        connection.execute("DELETE FROM digest")
    assert isinstance(side_by_side(work)[0], Waits | DavshareError)
    first = work()
    assert first.node is not None
    assert not isinstance(side_by_side(work)[0], Exception)


def test_what_is_replaced_is_let_go(files: Files, asker: Asker, home: Path) -> None:
    """Its space is free once everybody has the turn again: nothing keeps it open."""
    side_by_side(*[lambda n=n: whole(files, asker, f"f{n}", bytes(100_000)) for n in range(5)])
    inodes = [(home / f"f{n}").stat().st_ino for n in range(5)]
    for _ in range(3):
        side_by_side(*[lambda n=n: whole(files, asker, f"f{n}", b"short") for n in range(5)])
    files.committer.idle()  # what is noted is open until it is synced
    assert opened(home) == []
    assert len({(home / f"f{n}").stat().st_ino for n in range(5)}) == len(set(inodes)) == 5
    assert problems(files) == []


def test_what_could_not_be_replaced_is_let_go_as_well(
    files: Files, asker: Asker, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "full")

    whole(files, asker, "f", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        assert isinstance(side_by_side(lambda: whole(files, asker, "f", b"new"))[0], InsufficientStorage)
    files.committer.idle()
    assert opened(home) == []
    assert get(files, asker, "f") == b"old"
    assert problems(files) == [] and staged(home) == []
