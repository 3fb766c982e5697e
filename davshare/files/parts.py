"""Uploads whose parts say themselves how many they are: the last that comes puts the whole in its place."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import NamedTuple

from davshare.errors import BadRequest, MethodNotAllowed, NotFound
from davshare.files import assembly, chunks, pending
from davshare.files.assembly import Answer, Whole
from davshare.files.context import Address, Asker
from davshare.files.pending import Intent
from davshare.files.service import Files
from davshare.files.upload import BLOCK, Sent
from davshare.index import uploads
from davshare.index.uploads import Upload

_KIND = "old"


class Part(NamedTuple):
    """Part ``number`` (from 0) of all parts of a file at ``address``; ``transfer`` is the client's name for them."""

    address: Address
    transfer: str
    parts: int
    number: int

    @property
    def upload(self) -> str:
        """The name of the upload, which no client can choose for another kind of upload."""
        said = "/".join([self.transfer, str(self.parts), *self.address.segments])
        return f"{_KIND}/{hashlib.sha256(said.encode()).hexdigest()}"


def put(files: Files, asker: Asker, part: Part, sent: Sent, whole: Whole) -> Answer | None:
    """Take in a part, in place of one with its number; what is told of the whole when all parts are there.

    The last part sent again gets the first answer again.

    :raises BadRequest: there are too many parts, or the bytes are others than was announced.
    """
    if not 0 <= part.number < part.parts <= chunks.MOST_CHUNKS:
        raise BadRequest("There is no such part.")
    whole = whole._replace(last=f"{part.number}:{sent.length}")
    answer = _opened(files, asker, part, sent, whole)
    if answer is not None:
        return answer
    chunks.put(files, asker.actor, part.upload, str(part.number), sent, _KIND)
    with files.db.session() as connection:
        now = uploads.get(connection, asker.actor.user, part.upload)
        if now is not None and not now.answer and len(uploads.chunks(connection, now.file)) < part.parts:
            return None
    try:
        return assembly.complete(files, asker, part.upload, part.address, whole, _KIND)
    except NotFound:
        # Another part came at the same time, and its sender was first.
        answer = _answer(_known(files, asker, part))
        if answer is None:
            raise
        return answer


def _opened(files: Files, asker: Asker, part: Part, sent: Sent, whole: Whole) -> Answer | None:
    """Let the upload be open, unless this is its last part once more: then the answer that was given."""
    known = _known(files, asker, part)
    answer = _answer(known)
    if answer is not None and answer.last == whole.last and part.parts > 1:
        while sent.read(BLOCK):
            pass
        return answer
    if known is None or answer is not None:
        with suppress(MethodNotAllowed):  # another part came at the same time
            pending.begin(files, asker.actor, part.upload, whole.total, Intent(part.address.segments), _KIND)
    return None


def _known(files: Files, asker: Asker, part: Part) -> Upload | None:
    with files.db.snapshot() as connection:
        try:
            return pending.found(files, connection, asker.actor, part.upload, _KIND)
        except NotFound:
            return None


def _answer(known: Upload | None) -> Answer | None:
    return Answer.read(known.answer) if known is not None and known.answer else None
