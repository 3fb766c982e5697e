"""The last step of an upload in chunks: the whole file takes its place, as one that came with PUT."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, PreconditionFailed
from davshare.files import chunks, upload
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.occupied import decided
from davshare.files.service import Files
from davshare.files.upload import Incoming, Seal, Stored
from davshare.index import uploads
from davshare.index.uploads import Chunk, Upload
from davshare.store.base import Missing
from davshare.store.digest import SMALL, routine
from davshare.store.local import STAGING, LocalStore, refusal
from davshare.store.staging import StagedFile


class Whole(NamedTuple):
    """What the last step says of the whole file: its size if that is known, time, and checksums."""

    total: int | None = None
    mtime_ns: int | None = None
    expected: Mapping[str, bytes] = {}
    overwrite: bool = True


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


def complete(files: Files, asker: Asker, name: str, address: Address, whole: Whole) -> Stored:
    """Put the chunks together, in the order of their numbers, as the file at ``address``.

    Whatever is raised, nothing has changed, and the upload can be completed again.

    :raises NotFound: no such upload.
    :raises BadRequest: size or checksum are others than was announced.
    :raises Conflict: a chunk is being sent, was sent meanwhile, or is lost.
    """
    with files.db.snapshot() as connection:
        opened = chunks.opened(connection, asker.actor, name)

    def judge(connection: Connection) -> Place:
        place = upload.decide(files, connection, asker, address)
        if place.node is not None and not whole.overwrite:
            raise PreconditionFailed("Something is at the destination already.")
        return place

    place = decided(files, judge)
    store = chunks.store_of(files, opened)
    try:
        base = store.staged(opened.file.encode())
        try:
            if not base.claim():
                raise Conflict("A chunk is still being sent.")
            with files.db.session() as connection:
                parts = _Parts(opened, store, uploads.chunks(connection, opened.file))
            _demand_size(files, place, parts, whole)
            return _seal(files, asker, judge, place, base, parts, whole)
        finally:
            base.discard()
    except Missing:
        raise Conflict("What came before is lost; upload the file again.") from None
    except OSError as error:
        raise refusal(error) from error


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
    whole: Whole,
) -> Stored:
    """Make the whole durable, commit it, and remove what was not needed for it."""
    ready = parts.ready and place.space.id == parts.open.space
    staged = base if ready else files.store(place.space).stage()
    try:
        if ready:
            staged.cut(parts.size)
        else:
            _join(staged, parts)
        values = staged.checksums(frozenset(whole.expected).union(routine(parts.size) if parts.size <= SMALL else ()))
        upload.demand_checksums(values, whole.expected)
        incoming = Incoming(staged.name, staged.settle(whole.mtime_ns), whole.mtime_ns, values)
        work = _Completion(parts, Seal(files, judge, incoming))
        stored = files.committer.run(work, [place.space.id], asker.actor.user, asker.actor.device)
        staged.keep()
    finally:
        if staged is not base:
            staged.discard()
    for each in {parts.open.file, *[chunk.file for chunk in parts.known]} - {staged.name.decode()}:
        parts.store.remove((*STAGING, each.encode()))
    return stored


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

    def __init__(self, parts: _Parts, seal: Seal) -> None:
        self._parts = parts
        self._seal = seal

    def __call__(self, tx: Transaction) -> Stored:
        opened, known = self._parts.open, self._parts.known
        if uploads.chunks(tx.connection, opened.file) != known:
            raise Conflict("The upload has changed meanwhile.")
        stored = self._seal(tx)
        uploads.remove(tx.connection, opened.file)
        before = tx.undo

        def undo(later: Transaction) -> None:
            if before is not None:
                before(later)
            uploads.add(later.connection, opened)
            for each in known:
                uploads.put(later.connection, opened.file, each)

        tx.undo = undo
        return stored
