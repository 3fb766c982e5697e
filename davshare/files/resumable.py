"""Uploads that go on from an offset (tus.io 1.0): bytes are appended as they come, the last one completes the file.

What arrived before a connection was cut stays; of a body with a checksum of
its own, all of it counts or nothing.
"""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from davshare.errors import (
    BadRequest,
    BodyCut,
    ChecksumMismatch,
    Conflict,
    DavshareError,
    Locked,
    NotFound,
    PreconditionFailed,
)
from davshare.files import assembly, pending, upload
from davshare.files.assembly import Answer, Whole
from davshare.files.chunks import ALGORITHMS
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.occupied import decided
from davshare.files.pending import Intent
from davshare.files.service import Files
from davshare.files.upload import BLOCK, Sent
from davshare.index import uploads
from davshare.index.uploads import Chunk, Upload
from davshare.model.people import Actor
from davshare.store.base import Missing
from davshare.store.digest import Digester
from davshare.store.refusals import refusal
from davshare.store.running import Running
from davshare.store.staging import StagedFile

_KIND = "tus"
#: Bytes after which what came is made durable and noted although more is coming.
_STRIDE = 64 * 1024 * 1024


class Resumable(NamedTuple):
    """An upload with what is there of it; ``answer`` once it is complete, ``expires`` in seconds since 1970."""

    name: str
    length: int
    offset: int
    intent: Intent
    expires: int
    answer: Answer | None = None

    @property
    def address(self) -> Address:
        """Where the file goes."""
        return Address(self.intent.target)


def create(files: Files, asker: Asker, length: int, intent: Intent) -> Resumable:
    """Open an upload of ``length`` bytes, if what it will become may be.

    :raises InsufficientStorage: they are too many.
    """
    address = Address(intent.target)

    def judge(connection: Connection) -> Place:
        return upload.decide(files, connection, asker, address)

    place = decided(files, judge)
    if length > upload.limit(files, place):
        raise upload.over(files, length)
    name = secrets.token_hex(16)
    new = pending.begin(files, asker.actor, _name(name), length, intent, _KIND)
    return _state(files, name, new, 0)


def _name(name: str) -> str:
    """The name of an upload, which no client can choose for another kind of upload."""
    return f"{_KIND}/{name}"


def state(files: Files, actor: Actor, name: str) -> Resumable:
    """An upload as it is now.

    :raises NotFound: there is none, or it is not theirs.
    """
    with files.db.snapshot() as connection:
        known = pending.found(files, connection, actor, _name(name), _KIND)
        return _state(files, name, known, _received(connection, known))


def _state(files: Files, name: str, known: Upload, received: int) -> Resumable:
    length = known.total or 0
    answer = Answer.read(known.answer) if known.answer else None
    expires = known.touched + pending.keeps(files)
    return Resumable(name, length, length if answer else received, Intent.read(known.payload), expires, answer)


def _received(connection: Connection, known: Upload) -> int:
    return sum(each.size for each in uploads.chunks(connection, known.file))


def end(files: Files, actor: Actor, name: str) -> None:
    """Give an upload up.

    :raises NotFound: none is open.
    """
    pending.abandon(files, actor, _name(name), _KIND)


def append(files: Files, asker: Asker, before: Resumable, offset: int, sent: Sent) -> Resumable:
    """Take in what follows ``offset``; when that was the last, the file is in its place.

    :param asker: with the conditions under which the file may be put in its place.
    :raises Conflict: ``offset`` is not the one of the upload.
    :raises Locked: somebody else sends at the moment.
    :raises ChecksumMismatch: the bytes are not those of ``sent.expected``.
    :raises PreconditionFailed: a condition does not hold; if none of these can hold again, the upload is over.
    """
    if before.answer is not None:
        if offset == before.length and sent.length == 0:
            return before
        raise _elsewhere()
    try:
        received = _receive(files, asker, before, offset, sent)
        answer = _complete(files, asker, before) if received == before.length else None
    except (NotFound, PreconditionFailed) as error:
        if state(files, asker.actor, before.name).answer is not None:
            raise _elsewhere() from None  # the same bytes came twice, and the others were first
        if isinstance(error, PreconditionFailed) and "if-match" in before.intent.conditions:
            _give_up(files, asker.actor, before.name)
        raise
    expires = int(time.time()) + pending.keeps(files)
    return before._replace(offset=received, answer=answer, expires=expires)


def _elsewhere() -> Conflict:
    return Conflict("The offset is not the one of the upload.")


def _give_up(files: Files, actor: Actor, name: str) -> None:
    try:
        end(files, actor, name)
    except DavshareError:
        return  # somebody else was first


def _complete(files: Files, asker: Asker, before: Resumable) -> Answer:
    intent = before.intent
    whole = Whole(before.length, intent.mtime_ns, intent.expected)
    try:
        return assembly.complete(files, asker, _name(before.name), before.address, whole, _KIND)
    except BadRequest:
        # These bytes will never have the announced checksum.
        _give_up(files, asker.actor, before.name)
        raise


def _receive(files: Files, asker: Asker, before: Resumable, offset: int, sent: Sent) -> int:
    """Append; how many bytes are there then."""
    left = before.length - offset
    if sent.length is not None and sent.length > left:
        raise BadRequest("The body goes beyond the announced length.")
    if sent.length == 0 and left:
        raise BadRequest("The body is empty.")
    with files.db.snapshot() as connection:
        open_ = pending.opened(files, connection, asker.actor, _name(before.name), _KIND)
        upload.decide(files, connection, asker, before.address)
        room = pending.room(files, connection, pending.waiting(files, connection, asker.actor, open_))
    pending.demand_size(files, sent.length or 0, room)
    try:
        staged = _claimed(files, open_)
        try:
            return _Arrival(files, open_, staged, offset).take(sent, left, room)
        finally:
            staged.discard()
    except Missing:
        _give_up(files, asker.actor, before.name)
        raise Conflict("What came before is lost; upload the file again.") from None
    except OSError as error:
        raise refusal(error) from error


def _claimed(files: Files, open_: Upload) -> StagedFile:
    try:
        staged = pending.claimed(files, open_)
    except Conflict:
        raise Locked("Another request sends to this upload at the moment.", condition="") from None
    if staged is None:
        raise _elsewhere()
    return staged


class _Arrival:
    """Bytes on their way into the file of an upload, which is claimed."""

    def __init__(self, files: Files, open_: Upload, staged: StagedFile, offset: int) -> None:
        """Look whether the upload is where the sender believes.

        :raises Conflict: it is not.
        :raises Missing: the file is shorter.
        """
        with files.db.snapshot() as connection:
            now = uploads.by_file(connection, open_.file)
            there = _received(connection, open_)
        if now is None or now.answer or there != offset:
            raise _elsewhere()
        staged.cut(offset)
        self._files = files
        self._open = now
        self._staged = staged
        self._size = offset
        intent = Intent.read(now.payload)
        running = Running({*ALGORITHMS, *intent.expected}, intent.sums if offset else None)
        self._running = running if running.size == offset else None

    def take(self, sent: Sent, left: int, room: int) -> int:
        """Take in a body of at most ``left`` bytes, for which there is ``room``; how many bytes are there then."""
        digester = Digester(frozenset(sent.expected))
        noted, taken = self._size, 0
        try:
            while data := sent.read(BLOCK):
                taken += len(data)
                if taken > left:
                    raise BadRequest("The body goes beyond the announced length.")
                if taken > room:
                    pending.demand_size(self._files, taken, room)
                self._staged.write(data)
                self._size += len(data)
                digester.update(data)
                if self._running is not None:
                    self._running.update(data)
                if self._size - noted >= _STRIDE and not sent.expected:
                    self._note()
                    noted = self._size
        except BodyCut:
            if self._size > noted and not sent.expected:
                self._note()
            raise
        values = digester.values()
        if any(values[name] != value for name, value in sent.expected.items()):
            raise ChecksumMismatch
        self._note()
        return self._size

    def _note(self) -> None:
        """Let what came be there for good.

        :raises Conflict: the upload has ended meanwhile.
        """
        self._staged.sync()
        sums = {} if self._running is None else self._running.state()
        payload = Intent.read(self._open.payload)._replace(sums=sums).text()
        with self._files.db.write() as connection:
            if not uploads.touch(connection, self._open.file, int(time.time()), payload):
                raise Conflict("The upload has ended meanwhile.")
            uploads.put(connection, self._open.file, Chunk(0, "0", self._open.file, 0, self._size))
