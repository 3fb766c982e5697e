"""New content: staged first, decided and put in place afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple

from davshare.errors import BadRequest, DavshareError, InsufficientStorage, MethodNotAllowed, TooLarge, Unavailable
from davshare.files import locking, methods, newcomer, quota, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.occupied import carried_out, decided
from davshare.files.redo import Effect
from davshare.files.service import Files
from davshare.index.database import Connection
from davshare.index.digests import Digests
from davshare.model.access import Permission
from davshare.model.nodes import Node
from davshare.store.base import Facts
from davshare.store.digest import SMALL, Digester, Values, of_bytes, routine
from davshare.store.handles import Handle
from davshare.store.local import STAGING, LocalStore
from davshare.store.refusals import refusal

BLOCK = 1024 * 1024
#: Bytes of a file that are noted with its change: one sync of the index serves for many files, theirs come later.
_NOTED = 8192
#: The checksums of every small file.
_ROUTINE = frozenset(routine(0))

Read = Callable[[int], bytes]


class Stored(NamedTuple):
    """What an upload became; ``segments`` of the URL at which it is."""

    node: Node
    created: bool
    etag: str
    digests: Values
    segments: tuple[str, ...]


class Sent(NamedTuple):
    """Content on its way from a client.

    ``length`` is the announced number of bytes, None when unknown; ``hint`` is
    what the client expects it to become, and is good for an early refusal only.
    ``expected`` are the checksums that the bytes must have, by algorithm;
    ``data`` is all of it, if that is in memory already.
    """

    length: int | None
    read: Read
    mtime_ns: int | None = None
    expected: Mapping[str, bytes] = {}
    hint: int | None = None
    data: bytes | None = None


class Incoming(NamedTuple):
    """A staged file that is complete, and on disk if its content is not here; and how the index will know it."""

    name: bytes
    facts: Facts
    mtime_ns: int | None
    values: Values
    #: Content that is to be noted, since it is not on disk for good before what holds it is synced.
    content: bytes | None = None
    hold: Handle | None = None


def decide(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    """Judge an upload to ``address`` in the present state of the tree; RFC 4918 section 9.7."""
    place = files.new_place(connection, asker, address)
    if place.node is None:
        newcomer.demand(files, connection, asker, place, file=True)
    else:
        demand_change(connection, asker, place, place.node)
    return place


def demand_change(connection: Connection, asker: Asker, place: Place, node: Node) -> None:
    """Return when ``asker`` may give the file that is here other content.

    :raises MethodNotAllowed: it is a folder.
    """
    place.demand(Permission.WRITE_CONTENT)
    if node.is_folder:
        raise MethodNotAllowed(methods.of(node, place.space), "A folder cannot be overwritten by a file.")
    asker.check(connection)
    locking.demand_content(connection, place, asker)


def put(files: Files, asker: Asker, address: Address, sent: Sent) -> Stored:
    """Store what is sent as the file at ``address``.

    :raises BadRequest: the checksums differ.  Whatever is raised, nothing has changed.
    """

    def judge(connection: Connection) -> Place:
        return decide(files, connection, asker, address)

    store = None if sent.data is None else files.near(asker, address)
    if sent.data is not None and store is not None:
        with suppress(Elsewhere):
            return _put_at_hand(files, asker, judge, store, sent, sent.data)
    place = decided(files, judge)
    incoming = receive(files, place, sent)
    with unless_placed(files.store(place.space), incoming.name):
        return files.committer.run(Seal(files, judge, incoming), [place.space.id], asker.actor.user, asker.actor.device)


def _put_at_hand(
    files: Files, asker: Asker, judge: Callable[[Connection], Place], store: LocalStore, sent: Sent, data: bytes
) -> Stored:
    """The same when there is nothing to wait for: it is staged at once, and decided once."""
    try:
        incoming = _stage_whole(files, store, sent, data)
    except DavshareError:
        # What goes wrong is not told to those whom the place itself refuses.
        if files.store(decided(files, judge).space) is not store:
            raise Elsewhere from None
        raise
    seal = Seal(files, judge, incoming)

    def act(tx: Transaction, places: tuple[Place, ...]) -> Stored:
        if files.store(places[0].space) is not store:
            raise Elsewhere
        return seal.place(tx, places[0])

    try:
        return carried_out(files, asker, lambda connection: (judge(connection),), act)
    except BaseException:
        store.remove((*STAGING, incoming.name))
        if incoming.hold is not None:
            incoming.hold.close()
        raise


@contextmanager
def unless_placed(store: LocalStore, name: bytes) -> Iterator[None]:
    """Remove a staged file if what is tried with it fails."""
    try:
        yield
    except BaseException:
        store.remove((*STAGING, name))
        raise


def limit(files: Files, place: Place) -> int:
    """The largest content that may come to this place."""
    node = place.node
    most = quota.room(place) + (0 if node is None else node.size)
    largest = files.settings.get("upload.max_bytes")
    return min(most, largest) if largest else most


def over(files: Files, size: int) -> InsufficientStorage | TooLarge:
    """Why content of this size, which is more than :func:`limit`, is refused."""
    largest = files.settings.get("upload.max_bytes")
    if largest and size > largest:
        return TooLarge("The file is larger than this server accepts.")
    return InsufficientStorage("The quota of this space does not allow it.")


def receive(files: Files, place: Place, sent: Sent) -> Incoming:
    """Take what is sent into a staged file; it is refused before a byte is read where that can be known.

    :raises InsufficientStorage: it is over the quota.
    :raises TooLarge: it is larger than any file may be.
    """
    most = limit(files, place)
    size = max(sent.length or 0, sent.hint or 0)
    if size > most:
        raise over(files, size)
    store = files.store(place.space)
    if size > SMALL and size > store.free():
        raise InsufficientStorage("The storage is full.", condition="sufficient-disk-space")
    staged = store.stage()
    try:
        values = _take_in(files, staged.write, sent, most)
        return Incoming(staged.name, staged.finish(sent.mtime_ns), sent.mtime_ns, values)
    except OSError as error:
        raise refusal(error) from error
    finally:
        staged.discard()


def _stage_whole(files: Files, store: LocalStore, sent: Sent, data: bytes) -> Incoming:
    """The same for what is in memory."""
    size, largest = len(data), files.settings.get("upload.max_bytes")
    if largest and size > largest:
        raise over(files, size)
    if sent.length is not None and size != sent.length:
        raise BadRequest("The body is not as long as was announced.")
    values = of_bytes(data, _ROUTINE.union(sent.expected) if sent.expected else _ROUTINE)
    demand_checksums(values, sent.expected)
    if size <= _NOTED:
        name, facts, hold = store.stage_noted(data, sent.mtime_ns)
        return Incoming(name, facts, sent.mtime_ns, values, None if hold is None else data, hold)
    name, facts = store.stage_whole(data, sent.mtime_ns)
    return Incoming(name, facts, sent.mtime_ns, values)


def _take_in(files: Files, write: Callable[[bytes], None], sent: Sent, most: int) -> Values:
    """Take the body in, count it and hash it."""
    length, expected = sent.length, sent.expected
    digester = Digester(frozenset(expected).union(routine(length)))
    taken = 0
    while data := sent.read(BLOCK):
        taken += len(data)
        if taken > most:
            raise over(files, taken)
        write(data)
        if length is None and taken > SMALL:
            digester.limit(frozenset(expected).union(routine(taken)))
        digester.update(data)
    if length is not None and taken != length:
        raise BadRequest("The body is not as long as was announced.")
    values = digester.values()
    demand_checksums(values, expected)
    return values


def demand_checksums(values: Values, expected: Mapping[str, bytes]) -> None:
    """Return when what was announced is what came.

    :raises BadRequest: it is not.
    """
    for algorithm, value in expected.items():
        if values[algorithm] != value:
            raise BadRequest("The content does not have the announced checksum.")


class Seal:
    """The change that makes a staged file the content of the place that ``judge`` gives.

    :param base: (id, stamp) of the content that the staged file was made from, if it was made from some.
    """

    __slots__ = ("_base", "_files", "_incoming", "_judge")

    def __init__(
        self,
        files: Files,
        judge: Callable[[Connection], Place],
        incoming: Incoming,
        base: tuple[int, int] | None = None,
    ) -> None:
        self._files = files
        self._judge = judge
        self._incoming = incoming
        self._base = base

    def __call__(self, tx: Transaction) -> Stored:
        return self.place(tx, self._judge(tx.connection))

    def place(self, tx: Transaction, place: Place) -> Stored:
        """The same for the place that was just given."""
        name, facts, mtime_ns, values, content, hold = self._incoming
        old = place.node
        tx.know(place.chain if old is None else place.chain[:-1])
        if self._base is not None and (old is None or (old.id, old.stamp) != self._base):
            raise Outrun
        quota.demand(place, facts.size - (0 if old is None else old.size))
        known = digests_row(values)
        if old is None:
            new = writer.create(tx, place.chain[-1], place.name, facts, mtime_ns=mtime_ns, known=known)
            tx.undo = lambda later: writer.forget(later, new)
        else:
            writer.keep(tx, old, place.path)
            new = writer.overwrite(tx, old, facts, mtime_ns=mtime_ns, known=known)
            before = Facts(old.inode, old.size, old.mtime_ns if old.disk_ns is None else old.disk_ns, False)
            tx.undo = lambda later: _put_back(later, new, before, old.mtime_ns)
        effect = Effect(place.space.id, (*STAGING, name), place.path, facts.inode, old is not None)
        if content is not None:
            effect.node, effect.stamp, effect.content, effect.hold = new.id, new.stamp, content, hold
        tx.effect(effect)
        return Stored(new, old is None, self._files.etag(new), values, place.segments)


class Elsewhere(Unavailable):
    """What was staged in one space belongs into another: the way there leads through something received."""


class Outrun(Unavailable):
    """Meanwhile the file got other content than the staged one was made from."""

    message = "The file keeps changing; try again."


def _put_back(tx: Transaction, new: Node, before: Facts, mtime_ns: int) -> None:
    writer.overwrite(tx, new, before, mtime_ns=mtime_ns)


def digests_row(values: Values) -> Digests | None:
    """The checksums that the index keeps."""
    if not values:
        return None
    adler, crc = values.get("adler32"), values.get("crc32")
    return Digests(
        values.get("sha256"),
        values.get("sha1"),
        values.get("md5"),
        None if adler is None else int.from_bytes(adler, "big"),
        None if crc is None else int.from_bytes(crc, "big"),
    )
