"""Uploads in chunks from within: who may append, what is tidied up, what happens when the disk has lost something."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from davshare import config
from davshare.errors import Conflict, InsufficientStorage, NotFound
from davshare.files import assembly, chunks, pending, tidy
from davshare.files.assembly import Whole
from davshare.files.context import Address, Asker
from davshare.files.service import Files
from davshare.files.upload import Sent
from davshare.identity.gate import actor_of
from davshare.index import people
from davshare.model import names
from davshare.server import build
from davshare.store.digest import Values
from davshare.store.staging import StagedFile
from support.server import davshare

pytestmark = pytest.mark.slow

TARGET = Address(*names.split("/dav/home/big"))
DAYS = 86400


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
    """The administrator, who has begun an upload named ``up``."""
    with files.db.session() as connection:
        user = people.user(connection, "admin")
        assert user is not None
        found = Asker(actor_of(connection, user))
    pending.begin(files, found.actor, "up", None)
    return found


def put(files: Files, asker: Asker, chunk: str, data: bytes) -> bool:
    """Send one chunk."""
    return chunks.put(files, asker.actor, "up", chunk, Sent(len(data), io.BytesIO(data).read))


def staging(files: Files) -> Path:
    """The staging folder of the home."""
    return files.data / "homes" / "admin" / ".davshare" / "staging"


def content(files: Files) -> bytes:
    """The file in its place."""
    return (files.data / "homes" / "admin" / "big").read_bytes()


def the_file(files: Files, asker: Asker) -> bytes:
    """The name of the staged file to which chunks are appended."""
    with files.db.session() as connection:
        return pending.opened(files, connection, asker.actor, "up").file.encode()


def test_nobody_waits_for_who_appends(files: Files, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one chunk is being appended another one gets a file of its own, and the whole cannot be completed."""
    put(files, asker, "0", b"zero")
    with files.db.session() as connection:
        open_ = pending.opened(files, connection, asker.actor, "up")
    monkeypatch.setattr(pending, "_PATIENCE", 0.2)
    other = pending.store_of(files, open_).staged(open_.file.encode())
    assert other.claim()
    put(files, asker, "1", b"one")
    assert len(list(staging(files).iterdir())) == 2
    with pytest.raises(Conflict):
        assembly.complete(files, asker, "up", TARGET, Whole())
    other.discard()
    put(files, asker, "2", b"two")
    assert assembly.complete(files, asker, "up", TARGET, Whole(10)).created
    assert content(files) == b"zeroonetwo"
    assert list(staging(files).iterdir()) == []


def test_bytes_that_were_never_acknowledged(files: Files, asker: Asker) -> None:
    """What a dead process has appended without noting it is cut off."""
    put(files, asker, "0", b"zero")
    with (staging(files) / os.fsdecode(the_file(files, asker))).open("ab") as file:
        file.write(b"garbage")
    put(files, asker, "1", b"one")
    with (staging(files) / os.fsdecode(the_file(files, asker))).open("ab") as file:
        file.write(b"garbage")
    assembly.complete(files, asker, "up", TARGET, Whole())
    assert content(files) == b"zeroone"


@pytest.mark.parametrize("how", ["removed", "shorter"])
def test_lost_on_disk(files: Files, asker: Asker, how: str) -> None:
    """When the disk has not kept what was acknowledged, no file is made of it."""
    put(files, asker, "0", b"zero")
    path = staging(files) / os.fsdecode(the_file(files, asker))
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(b"ze")
    with pytest.raises(Conflict):
        put(files, asker, "1", b"one")
    with pytest.raises(Conflict):
        assembly.complete(files, asker, "up", TARGET, Whole())
    pending.abandon(files, asker.actor, "up")
    assert list(staging(files).iterdir()) == []


def test_a_chunk_of_its_own_is_lost(files: Files, asker: Asker) -> None:
    """The same for one that came out of turn."""
    put(files, asker, "1", b"one")
    put(files, asker, "0", b"zero")
    for path in staging(files).iterdir():
        if path.name != os.fsdecode(the_file(files, asker)):
            path.unlink()
    with pytest.raises(Conflict):
        assembly.complete(files, asker, "up", TARGET, Whole())


def test_the_upload_changes_while_it_is_completed(files: Files, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that comes after the others were put together is not left out without a word."""
    put(files, asker, "0", b"zero")
    run = files.committer.run

    def late(*arguments):
        put(files, asker, "1", b"one")
        return run(*arguments)

    monkeypatch.setattr(files.committer, "run", late)
    with pytest.raises(Conflict):
        assembly.complete(files, asker, "up", TARGET, Whole())
    monkeypatch.undo()
    assembly.complete(files, asker, "up", TARGET, Whole())
    assert content(files) == b"zeroone"


def test_the_disk_refuses(files: Files, asker: Asker) -> None:
    """The upload is open again when the file could not be put in its place."""
    put(files, asker, "0", b"zero")
    home = files.data / "homes" / "admin"
    perform = files.redoer.perform

    def blocked(*what):
        (home / "big").mkdir()
        (home / "big" / "in the way").touch()
        perform(*what)

    files.redoer.perform = blocked  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        assembly.complete(files, asker, "up", TARGET, Whole())
    files.redoer.perform = perform  # type: ignore[method-assign]
    (home / "big" / "in the way").unlink()
    (home / "big").rmdir()
    assert [each.size for each in chunks.listing(files, asker.actor, "up")] == [4]
    assembly.complete(files, asker, "up", TARGET, Whole())
    assert content(files) == b"zero"


def test_uploads_end(files: Files, asker: Asker) -> None:
    """One that does not go on is removed after two days; one that does is not litter, however old its files are."""
    put(files, asker, "1", b"one")
    put(files, asker, "0", b"zero")
    now = int(time.time())
    assert tidy.end_uploads(files, now + DAYS) == 0
    assert tidy.remove_litter(files, now + 5 * DAYS) == 0
    assert len(list(staging(files).iterdir())) == 2
    assert tidy.end_uploads(files, now + 3 * DAYS) == 1
    assert list(staging(files).iterdir()) == []
    with pytest.raises(NotFound):
        chunks.listing(files, asker.actor, "up")


def test_litter_of_others_goes(files: Files, asker: Asker) -> None:
    """A staged file that no upload needs is litter as before."""
    files.store_of(_space(files, asker)).stage().finish(None)
    assert tidy.remove_litter(files, int(time.time()) + 5 * DAYS) == 1


def _space(files: Files, asker: Asker) -> int:
    with files.db.session() as connection:
        return pending.opened(files, connection, asker.actor, "up").space


def test_nothing_is_read_again(files: Files, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came in order was hashed then, also across restarts; only what came otherwise is read in the end."""
    parts = [os.urandom(900_000) for _ in range(3)]
    asked: list[set[str]] = []
    read = StagedFile.checksums

    def noted(self: StagedFile, algorithms: Collection[str]) -> Values:
        asked.append(set(algorithms))
        return read(self, algorithms)

    monkeypatch.setattr(StagedFile, "checksums", noted)
    expected = {"sha1": hashlib.sha1(b"".join(parts)).digest()}
    for order in ((0, 1, 2), (1, 0, 2)):
        for number in order:
            put(files, asker, str(number), parts[number])
        assembly.complete(files, asker, "up", TARGET, Whole(expected=expected))
        assert content(files) == b"".join(parts)
        pending.begin(files, asker.actor, "up", None)
    assert asked == [set(), {"sha1"}]


def test_limits(files: Files, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither chunks nor uploads grow without bound; what is there can be replaced at the limit."""
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 2)
    monkeypatch.setattr(pending, "MOST_OPEN", 2)
    put(files, asker, "0", b"zero")
    put(files, asker, "1", b"one")
    with pytest.raises(InsufficientStorage):
        put(files, asker, "2", b"two")
    assert not put(files, asker, "0", b"null")
    pending.begin(files, asker.actor, "another", None)
    with pytest.raises(InsufficientStorage):
        pending.begin(files, asker.actor, "third", None)
    assembly.complete(files, asker, "up", TARGET, Whole())
    assert content(files) == b"nullone"
