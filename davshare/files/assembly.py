"""The last step of an upload in chunks: the whole file takes its place, as one that came with PUT."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, NotFound, PreconditionFailed
from davshare.files import pending, upload
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.occupied import decided
from davshare.files.pending import Intent
from davshare.files.service import Files
from davshare.files.upload import Incoming, Seal, Stored
from davshare.index import uploads
from davshare.index.uploads import Chunk, Upload
from davshare.model import names
from davshare.store.base import Missing
from davshare.store.digest import SMALL, Values, routine
from davshare.store.local import STAGING, LocalStore
from davshare.store.refusals import refusal
from davshare.store.running import Running
from davshare.store.staging import StagedFile


class Whole(NamedTuple):
    """What the last step says of the whole file: its size if that is known, time, and checksums.

    ``last`` is something by which a repetition of the last step is recognised, where its destination is not enough.
    """

    total: int | None = None
    mtime_ns: int | None = None
    expected: Mapping[str, bytes] = {}
    overwrite: bool = True
    last: str = ""


class Answer(NamedTuple):
    """What is told of the file that an upload became: now, and again as long as the upload is remembered."""

    created: bool
    etag: str
    node: int
    segments: tuple[str, ...]
    asked: tuple[str, ...] = ()
    last: str = ""

    def text(self) -> str:
        """As the index keeps it."""
        return json.dumps(self)

    @classmethod
    def read(cls, text: str) -> Answer:
        """The opposite."""
        created, etag, node, segments, asked, last = json.loads(text)
        return cls(created, etag, node, tuple(segments), tuple(asked), last)


class _Parts(NamedTuple):
    """An upload with what has come."""

    open: Upload
    store: LocalStore
    known: list[Chunk]

    @property
    def size(self) -> int:
        return sum(each.size for each in self.known)

    @property
    def ready(self) -> bool:
        """Whether the file of the upload is the whole already."""
        end = 0
        for each in self.known:
            if each.file != self.open.file or each.start != end:
                return False
            end += each.size
        return True


def complete(files: Files, asker: Asker, name: str, address: Address, whole: Whole, kind: str = "chunks") -> Answer:
    """Put the chunks together, in the order of their numbers, as the file at ``address``.

    Asked once more for the same, the answer is the first one.  Whatever is
    raised, nothing has changed, and the upload can be completed again.

    :raises NotFound: no such upload.
    :raises BadRequest: size or checksum are others than was announced.
    :raises Conflict: a chunk is being sent, was sent meanwhile, or is lost.
    """
    with files.db.snapshot() as connection:
        known = pending.found(files, connection, asker.actor, name, kind)
    if known.answer:
        return _again(known, address, whole)

    def judge(connection: Connection) -> Place:
        place = upload.decide(files, connection, asker, address)
        if place.node is not None and not whole.overwrite:
            raise PreconditionFailed("Something is at the destination already.")
        return place

    try:
        place = decided(files, judge)
        base = pending.claimed(files, known)
        if base is not None:
            try:
                return _claimed(files, asker, judge, place, base, known, address, whole)
            finally:
                base.discard()
    except PreconditionFailed as error:
        # The conditions of a repetition that comes while the first one is being carried out may fail by that one.
        return _finished(files, known, address, whole, error)
    except Missing:
        raise Conflict("What came before is lost; upload the file again.") from None
    except OSError as error:
        raise refusal(error) from error
    return _finished(files, known, address, whole, NotFound())


def _finished(files: Files, open_: Upload, address: Address, whole: Whole, otherwise: Exception) -> Answer:
    """The answer that somebody else was given meanwhile.

    :raises otherwise: there is none.
    """
    with files.db.session() as connection:
        now = uploads.by_file(connection, open_.file)
    if now is None or not now.answer:
        raise otherwise
    return _again(now, address, whole)


def _again(known: Upload, address: Address, whole: Whole) -> Answer:
    """The answer to a complete upload, for who asks for the same.

    :raises NotFound: it became another file.
    """
    answer = Answer.read(known.answer)
    if tuple(map(names.key, answer.asked)) != tuple(map(names.key, address.segments)) or answer.last != whole.last:
        raise NotFound
    return answer


def _claimed(
    files: Files,
    asker: Asker,
    judge: Callable[[Connection], Place],
    place: Place,
    base: StagedFile,
    open_: Upload,
    address: Address,
    whole: Whole,
) -> Answer:
    with files.db.session() as connection:
        now = uploads.by_file(connection, open_.file) or open_
        parts = _Parts(now, pending.store_of(files, open_), uploads.chunks(connection, open_.file))
    _demand_size(files, place, parts, whole)
    return _seal(files, asker, judge, place, base, parts, address, whole)


def _demand_size(files: Files, place: Place, parts: _Parts, whole: Whole) -> None:
    if not parts.known:
        raise BadRequest("No part of the file has come.")
    announced = parts.open.total if whole.total is None else whole.total
    if announced is not None and announced != parts.size:
        raise BadRequest("The parts are not as long as was announced.")
    if parts.size > upload.limit(files, place):
        raise upload.over(files, parts.size)


def _seal(
    files: Files,
    asker: Asker,
    judge: Callable[[Connection], Place],
    place: Place,
    base: StagedFile,
    parts: _Parts,
    address: Address,
    whole: Whole,
) -> Answer:
    """Make the whole durable, commit it, and remove what was not needed for it."""
    ready = parts.ready and place.space.id == parts.open.space
    staged = base if ready else files.store(place.space).stage()
    try:
        if ready:
            staged.cut(parts.size)
        else:
            _join(staged, parts)
        values = _checksums(staged, parts if ready else None, whole, parts.size)
        upload.demand_checksums(values, whole.expected)
        incoming = Incoming(staged.name, staged.settle(whole.mtime_ns), whole.mtime_ns, values)
        work = _Completion(parts, Seal(files, judge, incoming), address, whole)
        answer = files.committer.run(work, [place.space.id], asker.actor.user, asker.actor.device)
        staged.keep()
    finally:
        if staged is not base:
            staged.discard()
    for each in {parts.open.file, *[chunk.file for chunk in parts.known]} - {staged.name.decode()}:
        parts.store.remove((*STAGING, each.encode()))
    return answer


def _checksums(staged: StagedFile, parts: _Parts | None, whole: Whole, size: int) -> Values:
    """The checksums of the whole: those that were computed while it came in order, and others that are needed."""
    known: Values = {}
    if parts is not None:
        running = Running((), Intent.read(parts.open.payload).sums)
        known = running.values() if running.size == size else {}
    wanted = frozenset(whole.expected).union(routine(size) if size <= SMALL else ())
    return {**known, **staged.checksums(wanted - known.keys())}


def _join(staged: StagedFile, parts: _Parts) -> None:
    """Copy all chunks into one file.

    :raises Missing: one of them is not there.
    """
    for each in parts.known:
        fd, _ = parts.store.open((*STAGING, each.file.encode()))
        try:
            staged.append(fd, each.start, each.size)
        finally:
            os.close(fd)


class _Completion:
    """The change that ends an upload and puts the file in its place."""

    def __init__(self, parts: _Parts, seal: Seal, address: Address, whole: Whole) -> None:
        self._parts = parts
        self._seal = seal
        self._asked = address.segments
        self._last = whole.last

    def __call__(self, tx: Transaction) -> Answer:
        opened, known = self._parts.open, self._parts.known
        if uploads.chunks(tx.connection, opened.file) != known:
            raise Conflict("The upload has changed meanwhile.")
        stored = self._seal(tx)
        answer = answer_of(stored)._replace(asked=self._asked, last=self._last)
        if not uploads.complete(tx.connection, opened.file, int(time.time()), answer.text()):
            raise Conflict("The upload has ended meanwhile.")
        before = tx.undo

        def undo(later: Transaction) -> None:
            if before is not None:
                before(later)
            uploads.reopen(later.connection, opened.file)
            for each in known:
                uploads.put(later.connection, opened.file, each)

        tx.undo = undo
        return answer


def answer_of(stored: Stored) -> Answer:
    """What is told of a file that was stored at once."""
    return Answer(stored.created, stored.etag, stored.node.id, stored.segments)
