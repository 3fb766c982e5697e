"""A part of a file replaced, or something appended to it: as atomic as a whole upload."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from davshare.errors import BadRequest, RangeNotSatisfiable
from davshare.files import reading, upload
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.occupied import decided
from davshare.files.reading import Content
from davshare.files.service import Files
from davshare.files.upload import BLOCK, Incoming, Outrun, Read, Seal, Stored
from davshare.store.digest import SMALL, Digester, routine
from davshare.store.local import STAGING, facts_of
from davshare.store.refusals import refusal

_TRIES = 10


class Part(NamedTuple):
    """Where the bytes go: from ``start``, counted from the file's end if ``from_end``, up to and with ``last``."""

    start: int
    last: int | None = None
    from_end: bool = False

    def begin(self, size: int, length: int) -> int:
        """The offset of the first byte in a file of ``size`` bytes.

        :raises RangeNotSatisfiable: it is outside of the file, or ``length`` bytes are not what was announced.
        """
        start = size - self.start if self.from_end else self.start
        if not 0 <= start <= size:
            raise RangeNotSatisfiable("The range begins outside of the file.", headers=_size(size))
        if self.last is not None and self.last - self.start + 1 != length:
            raise RangeNotSatisfiable("The body is not as long as the range.", headers=_size(size))
        return start


def _size(size: int) -> list[tuple[str, str]]:
    return [("Content-Range", f"bytes */{size}")]


class Change(NamedTuple):
    """What a client sends to be put into a file.

    ``expected`` are checksums of the sent bytes, ``result`` those that the whole file shall have then.
    """

    part: Part
    length: int
    read: Read
    expected: Mapping[str, bytes]
    result: Mapping[str, bytes]


def decide(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    """Judge a change of the content of the file at ``address``.

    :raises NotFound: nothing is there.
    """
    place = files.place(connection, asker, address)
    upload.demand_change(connection, asker, place, place.found())
    return place


def patch(files: Files, asker: Asker, address: Address, change: Change) -> Stored:
    """Put bytes into the file at ``address``; readers see the whole of it before or the whole of it after.

    When the file gets other content meanwhile, the change is made again, from what is there then.

    :raises BadRequest: a checksum differs.  Whatever is raised, nothing has changed.
    """

    def judge(connection: Connection) -> Place:
        return decide(files, connection, asker, address)

    place = decided(files, judge)
    store = files.store(place.space)
    sent: Iterator[bytes] = _received(change)
    older = b""
    for _ in range(_TRIES):
        try:
            incoming, start, base = _compose(files, asker, address, change, sent)
        finally:
            if older:
                store.remove((*STAGING, older))
        with contextlib.suppress(Outrun), _unless_outrun(files, place, incoming):
            return files.committer.run(
                Seal(files, judge, incoming, base), [place.space.id], asker.actor.user, asker.actor.device
            )
        older = incoming.name
        sent = _kept(files, place, older, start, change.length)
    store.remove((*STAGING, older))
    raise Outrun


@contextlib.contextmanager
def _unless_outrun(files: Files, place: Place, incoming: Incoming) -> Iterator[None]:
    """Remove the staged file if it fails for good; else the sent bytes are still needed."""
    try:
        yield
    except Outrun:
        raise
    except BaseException:
        files.store(place.space).remove((*STAGING, incoming.name))
        raise


def _received(change: Change) -> Iterator[bytes]:
    """The bytes as they come, counted and compared with their checksums at the end."""
    digester = Digester(frozenset(change.expected))
    taken = 0
    while data := change.read(BLOCK):
        taken += len(data)
        digester.update(data)
        yield data
    if taken != change.length:
        raise BadRequest("The body is not as long as was announced.")
    upload.demand_checksums(digester.values(), change.expected)


def _kept(files: Files, place: Place, name: bytes, start: int, length: int) -> Iterator[bytes]:
    """The same bytes once more, out of a staged file."""
    fd, _ = files.store(place.space).open((*STAGING, name))
    try:
        while length:
            data = os.pread(fd, min(BLOCK, length), start)
            yield data
            start += len(data)
            length -= len(data)
    finally:
        os.close(fd)


def _compose(
    files: Files, asker: Asker, address: Address, change: Change, sent: Iterator[bytes]
) -> tuple[Incoming, int, tuple[int, int]]:
    """Stage the present content with the sent bytes in it; where they begin, and (id, stamp) of what was copied."""
    content = reading.open_content(files, Asker(asker.actor), address)
    try:
        node = content.node
        start = change.part.begin(node.size, change.length)
        size = max(node.size, start + change.length)
        if size > node.size and size > upload.limit(files, content.place):
            raise upload.over(files, size)
        return _stage(files, content, start, change, sent), start, (node.id, node.stamp)
    finally:
        os.close(content.fd)


def _stage(files: Files, content: Content, start: int, change: Change, sent: Iterator[bytes]) -> Incoming:
    staged = files.store(content.place.space).stage()
    try:
        staged.fill(content.fd, content.node.size, start)
        if facts_of(os.fstat(content.fd)) != content.facts:
            raise Outrun  # somebody writes into the file on disk
        for data in sent:
            staged.write(data)
        size = max(content.node.size, start + change.length)
        usual = routine(size) if size <= SMALL else ()
        values = staged.checksums(frozenset(change.result).union(usual))
        upload.demand_checksums(values, change.result)
        return Incoming(staged.name, staged.finish(None), None, values)
    except OSError as error:
        raise refusal(error) from error
    finally:
        staged.discard()
