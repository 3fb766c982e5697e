"""Uploads that come in chunks, of which the last step puts the whole file in its place.

Chunks that come in their order are appended to one staged file, which then
becomes the file as it is; one that comes out of turn, or while another is
being appended, gets a staged file of its own and is added in the end.  Only
chunks that have come whole are known.
"""

from __future__ import annotations

import time

from davshare.errors import BadRequest, Conflict, InsufficientStorage, NotFound
from davshare.files import pending, upload
from davshare.files.context import Connection
from davshare.files.pending import Intent
from davshare.files.service import Files
from davshare.files.upload import BLOCK, Sent
from davshare.index import uploads
from davshare.index.uploads import Chunk, Upload
from davshare.model.people import Actor
from davshare.store.base import Missing
from davshare.store.digest import Digester
from davshare.store.local import STAGING, LocalStore
from davshare.store.refusals import refusal
from davshare.store.running import Running
from davshare.store.staging import StagedFile

#: Most chunks of one upload.
MOST_CHUNKS = 10_000
#: What the file is hashed with while it arrives: what clients are told to prefer.
ALGORITHMS = ("sha1",)


def listing(files: Files, actor: Actor, name: str) -> list[Chunk]:
    """The chunks that are there.

    :raises NotFound: no such upload.
    """
    with files.db.snapshot() as connection:
        return uploads.chunks(connection, pending.opened(files, connection, actor, name).file)


def number_of(chunk: str) -> int:
    """What orders a chunk: its number, or the first of two when it is named by its place (``0-999``)."""
    return int(chunk.partition("-")[0])


def put(files: Files, actor: Actor, name: str, chunk: str, sent: Sent, kind: str = "chunks") -> bool:
    """Take in one chunk, in place of one of the same number; whether that is new.

    :param sent: with the size of the whole for its ``hint``.
    :raises NotFound: no such upload.
    :raises BadRequest: fewer bytes came than were announced, or others than their checksum says.
    :raises InsufficientStorage: the quota does not allow it.
    """
    number = number_of(chunk)
    with files.db.snapshot() as connection:
        open_ = pending.opened(files, connection, actor, name, kind)
        room = pending.room(files, connection, pending.waiting(files, connection, actor, open_))
        there = sum(each.size for each in uploads.chunks(connection, open_.file)) if sent.hint else 0
    pending.demand_size(files, sent.length or 0, room)
    pending.demand_size(files, sent.hint or 0, room + there)
    store = pending.store_of(files, open_)
    try:
        with files.db.session() as connection:
            staged = _destination(store, open_, connection, number)
    except Missing:
        raise Conflict("What came before is lost; upload the file again.") from None
    start = staged.size
    try:
        running = _running(files, open_, staged, start)
        size = _take_in(files, staged, sent, room, running)
        staged.sync()
        staged.keep()
        new = Chunk(number, chunk, staged.name.decode(), start, size)
        if new.file != open_.file:
            store.sync(STAGING)
        return _note(files, store, open_, new, running)
    except OSError as error:
        raise refusal(error) from error
    finally:
        staged.discard()


def _running(files: Files, open_: Upload, staged: StagedFile, start: int) -> Running | None:
    """The checksums of the ``start`` bytes that are in the file of the upload; None where they are not known."""
    if staged.name.decode() != open_.file:
        return None
    with files.db.session() as connection:
        now = uploads.by_file(connection, open_.file)
    running = Running(ALGORITHMS, Intent.read(now.payload).sums if now is not None and start else None)
    return running if running.size == start else None


def _destination(store: LocalStore, open_: Upload, connection: Connection, number: int) -> StagedFile:
    """Where a chunk goes: after those in the file of the upload if it is its turn, else into a file of its own.

    :raises Missing: what came before is not on disk.
    """
    staged = store.staged(open_.file.encode())
    try:
        # Once it is claimed nobody else appends; and only then it is sure that it has not become somebody's file.
        if staged.claim() and uploads.is_open(connection, open_.file):
            before = [each for each in uploads.chunks(connection, open_.file) if each.file == open_.file]
            if all(each.number < number for each in before):
                staged.cut(max((each.start + each.size for each in before), default=0))
                return staged
    except BaseException:
        staged.discard()
        raise
    staged.discard()
    return store.stage()


def _take_in(files: Files, staged: StagedFile, sent: Sent, most: int, running: Running | None) -> int:
    """The bytes of a chunk, counted and compared with their checksums; how many there were."""
    digester = Digester(frozenset(sent.expected))
    taken = 0
    while data := sent.read(BLOCK):
        taken += len(data)
        if taken > most:
            pending.demand_size(files, taken, most)
        staged.write(data)
        digester.update(data)
        if running is not None:
            running.update(data)
    if sent.length is not None and taken != sent.length:
        raise BadRequest("The body is not as long as was announced.")
    upload.demand_checksums(digester.values(), sent.expected)
    return taken


def _note(files: Files, store: LocalStore, open_: Upload, new: Chunk, running: Running | None) -> bool:
    """Let a chunk be known that is on disk; whether there was none of its number."""
    gone: list[bytes] = []
    with files.db.write() as connection:
        there = _touch(connection, open_, new.file == open_.file, running)
        old = {each.number: each for each in uploads.chunks(connection, open_.file)} if there else {}
        if there and (len(old) < MOST_CHUNKS or new.number in old):
            uploads.put(connection, open_.file, new)
            replaced = old.get(new.number)
            if replaced is not None and replaced.file != open_.file:
                gone.append(replaced.file.encode())
        elif new.file != open_.file:
            gone.append(new.file.encode())
    for each in gone:
        store.remove((*STAGING, each))
    if not there:
        raise NotFound
    if len(old) >= MOST_CHUNKS and new.number not in old:
        raise InsufficientStorage("The upload has too many chunks.")
    return new.number not in old


def _touch(connection: Connection, open_: Upload, appended: bool, running: Running | None) -> bool:
    """Note that something came, and what is known of the file by now; whether the upload is still open."""
    now = uploads.by_file(connection, open_.file)
    if now is None or now.answer:
        return False
    payload = now.payload
    if appended:
        payload = Intent.read(payload)._replace(sums={} if running is None else running.state()).text()
    return uploads.touch(connection, open_.file, int(time.time()), payload)


def drop(files: Files, actor: Actor, name: str, chunk: str) -> None:
    """Forget one chunk.

    :raises NotFound: it is not there.
    :raises Forbidden: as :func:`davshare.files.pending.demand_writer`.
    """
    with files.db.write() as connection:
        open_ = pending.opened(files, connection, actor, name)
        pending.demand_writer(actor)
        found = next((each for each in uploads.chunks(connection, open_.file) if each.number == number_of(chunk)), None)
        if found is None:
            raise NotFound
        uploads.drop(connection, open_.file, found.number)
    if found.file != open_.file:
        pending.store_of(files, open_).remove((*STAGING, found.file.encode()))
