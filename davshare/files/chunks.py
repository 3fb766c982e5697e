"""Uploads that come in chunks, of which the last step puts the whole file in its place.

Chunks that come in their order are appended to one staged file, which then
becomes the file as it is; one that comes out of turn, or while another is
being appended, gets a staged file of its own and is added in the end.  Only
chunks that have come whole are known.
"""

from __future__ import annotations

import time

from davshare.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    InsufficientStorage,
    MethodNotAllowed,
    NotFound,
    TooLarge,
)
from davshare.files import quota, upload
from davshare.files.context import Connection
from davshare.files.locate import Mount, Place, walk
from davshare.files.service import Files
from davshare.files.upload import BLOCK, Sent
from davshare.index import spaces, uploads
from davshare.index.uploads import Chunk, Upload
from davshare.model.access import Permission
from davshare.model.people import Actor
from davshare.store.base import Missing
from davshare.store.digest import Digester
from davshare.store.local import STAGING, LocalStore, refusal
from davshare.store.staging import StagedFile

#: Most chunks of one upload, and most uploads that one person has open.
MOST_CHUNKS = 10_000
MOST_OPEN = 200
_METHODS = "OPTIONS, PROPFIND, DELETE"
_TO_WRITE = Permission.WRITE_CONTENT | Permission.BIND


def _home(connection: Connection, actor: Actor) -> Place:
    """The root of the space in which the chunks of somebody wait.

    :raises NotFound: they have no home.
    :raises Forbidden: nothing may be written with what they have shown.
    """
    home = spaces.home(connection, actor.user)
    if home is None:
        raise NotFound
    if not actor.mask & _TO_WRITE or home.read_only:
        raise Forbidden(condition="need-privileges")
    return walk(connection, actor, Mount((), home), (), True)


def opened(connection: Connection, actor: Actor, name: str) -> Upload:
    """An open upload.

    :raises NotFound: there is none of that name.
    """
    found = uploads.get(connection, actor.user, name)
    if found is None:
        raise NotFound
    return found


def store_of(files: Files, open_: Upload) -> LocalStore:
    """Where the chunks of an upload are.

    :raises NotFound: its space is gone.
    """
    store = files.store_of(open_.space)
    if store is None:
        raise NotFound
    store.present()
    return store


def _room(files: Files, connection: Connection, home: Place) -> int:
    """Bytes that may still come: by quota, of which what waits is a part, and by disk."""
    left = quota.room(home) - uploads.pending(connection, home.space.id)
    return min(left, files.store(home.space).free())


def _demand_size(files: Files, size: int, room: int) -> None:
    largest = files.settings.get("upload.max_bytes")
    if largest and size > largest:
        raise TooLarge("The file is larger than this server accepts.")
    if size > room:
        raise InsufficientStorage("The quota of this space does not allow it.")


def begin(files: Files, actor: Actor, name: str, total: int | None) -> None:
    """Open an upload.

    :raises MethodNotAllowed: there is one of that name.
    :raises InsufficientStorage: ``total`` bytes are too many, or too many uploads are open.
    """
    with files.db.snapshot() as connection:
        home = _home(connection, actor)
        if uploads.get(connection, actor.user, name) is not None:
            raise MethodNotAllowed(_METHODS)
        if uploads.count(connection, actor.user) >= MOST_OPEN:
            raise InsufficientStorage("Too many uploads are open.")
        _demand_size(files, total or 0, _room(files, connection, home))
    store = files.store(home.space)
    store.present()
    staged = store.stage()
    try:
        staged.finish(None)
        store.sync(STAGING)
        new = Upload(staged.name.decode(), actor.user, name, home.space.id, total, int(time.time()))
        with files.db.write() as connection:
            added = uploads.add(connection, new)
    except OSError as error:
        raise refusal(error) from error
    if not added:
        store.remove((*STAGING, staged.name))
        raise MethodNotAllowed(_METHODS)


def listing(files: Files, actor: Actor, name: str) -> list[Chunk]:
    """The chunks that are there.

    :raises NotFound: no such upload.
    """
    with files.db.snapshot() as connection:
        return uploads.chunks(connection, opened(connection, actor, name).file)


def put(files: Files, actor: Actor, name: str, chunk: str, sent: Sent) -> bool:
    """Take in one chunk, in place of one of the same number; whether that is new.

    :raises NotFound: no such upload.
    :raises BadRequest: fewer bytes came than were announced, or others than their checksum says.
    :raises InsufficientStorage: the quota does not allow it.
    """
    number = int(chunk)
    with files.db.snapshot() as connection:
        home, open_ = _home(connection, actor), opened(connection, actor, name)
        room = _room(files, connection, home)
    _demand_size(files, sent.length or 0, room)
    store = store_of(files, open_)
    try:
        with files.db.session() as connection:
            staged = _destination(store, open_, connection, number)
    except Missing:
        raise Conflict("What came before is lost; upload the file again.") from None
    start = staged.size
    try:
        size = _take_in(files, staged, sent, room)
        staged.sync()
        staged.keep()
        new = Chunk(number, chunk, staged.name.decode(), start, size)
        if new.file != open_.file:
            store.sync(STAGING)
        return _note(files, store, open_, new)
    except OSError as error:
        raise refusal(error) from error
    finally:
        staged.discard()


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


def _take_in(files: Files, staged: StagedFile, sent: Sent, most: int) -> int:
    """The bytes of a chunk, counted and compared with their checksums; how many there were."""
    digester = Digester(frozenset(sent.expected))
    taken = 0
    while data := sent.read(BLOCK):
        taken += len(data)
        if taken > most:
            _demand_size(files, taken, most)
        staged.write(data)
        digester.update(data)
    if sent.length is not None and taken != sent.length:
        raise BadRequest("The body is not as long as was announced.")
    upload.demand_checksums(digester.values(), sent.expected)
    return taken


def _note(files: Files, store: LocalStore, open_: Upload, new: Chunk) -> bool:
    """Let a chunk be known that is on disk; whether there was none of its number."""
    gone: list[bytes] = []
    with files.db.write() as connection:
        there = uploads.touch(connection, open_.file, int(time.time()))
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


def drop(files: Files, actor: Actor, name: str, chunk: str) -> None:
    """Forget one chunk.

    :raises NotFound: it is not there.
    """
    with files.db.write() as connection:
        open_ = opened(connection, actor, name)
        found = next((each for each in uploads.chunks(connection, open_.file) if each.number == int(chunk)), None)
        if found is None:
            raise NotFound
        uploads.drop(connection, open_.file, found.number)
    if found.file != open_.file:
        store_of(files, open_).remove((*STAGING, found.file.encode()))


def abandon(files: Files, actor: Actor, name: str) -> None:
    """End an upload of which nothing is to remain.

    :raises NotFound: no such upload.
    """
    with files.db.snapshot() as connection:
        open_ = opened(connection, actor, name)
    end(files, open_)


def end(files: Files, open_: Upload) -> None:
    """Forget an upload and remove what came; one that was completed meanwhile is left alone."""
    with files.db.write() as connection:
        names = {open_.file, *[each.file for each in uploads.chunks(connection, open_.file)]}
        if not uploads.remove(connection, open_.file):
            return
    store = files.store_of(open_.space)
    if store is not None:
        for each in names:
            store.remove((*STAGING, each.encode()))
