"""New content: staged first, decided and put in place afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, InsufficientStorage, MethodNotAllowed, TooLarge
from davshare.files import guard, locking, quota, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place, check_new
from davshare.files.occupied import decided
from davshare.files.redo import Effect
from davshare.files.service import Files
from davshare.index.database import Connection
from davshare.index.digests import Digests
from davshare.model.access import Permission
from davshare.model.nodes import Node
from davshare.store.base import Facts
from davshare.store.digest import ROUTINE, Digester, Values
from davshare.store.local import STAGING, refusal

BLOCK = 1024 * 1024
#: Up to this size every file is hashed while it arrives.
INLINE = 1024 * 1024

FILE_METHODS = "OPTIONS, GET, HEAD, PUT, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK"
FOLDER_METHODS = "OPTIONS, GET, HEAD, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, LOCK, UNLOCK"

Read = Callable[[int], bytes]


class Stored(NamedTuple):
    """What an upload became."""

    node: Node
    created: bool
    etag: str
    digests: Values


def decide(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    """Judge an upload to ``address`` in the present state of the tree; RFC 4918 section 9.7."""
    place = files.new_place(connection, asker, address)
    node = place.node
    if node is None:
        guard.demand(place.rights, Permission.BIND)
        if place.folder is None:
            raise Conflict
        if address.slash:
            raise Conflict("The address of a file does not end in a slash.")
        check_new(place)
        asker.check(connection)
        locking.demand_member(connection, place, asker)
        return place
    guard.demand(place.rights, Permission.WRITE_CONTENT)
    if node.is_folder:
        raise MethodNotAllowed(FOLDER_METHODS, "A folder cannot be overwritten by a file.")
    asker.check(connection)
    locking.demand_content(connection, place, asker)
    return place


def put(
    files: Files,
    asker: Asker,
    address: Address,
    length: int | None,
    read: Read,
    *,
    mtime_ns: int | None = None,
    expected: Mapping[str, bytes] | None = None,
) -> Stored:
    """Store the bytes that ``read`` gives as the file at ``address``.

    :param length: their announced number, None when unknown.
    :param expected: checksums that they must have, by algorithm.
    :raises BadRequest: the checksums differ.  Whatever is raised, nothing has changed.
    """
    place = decided(files, lambda connection: decide(files, connection, asker, address))
    limit = _limit(files, place)
    if length is not None and length > limit:
        raise _over(files, length)
    store = files.store(place.space)
    staged = store.stage()
    name = staged.name
    try:
        values = _receive(files, staged.write, read, length, limit, expected or {})
        facts = staged.finish(mtime_ns)
    except OSError as error:
        raise refusal(error) from error
    finally:
        staged.discard()
    work = _Seal(files, asker, address, name, facts, mtime_ns, values)
    try:
        return files.committer.run(work, [place.space.id], asker.actor.user, asker.actor.device)
    except BaseException:
        store.remove((*STAGING, name))
        raise


def _limit(files: Files, place: Place) -> int:
    """The largest content that may come to this place."""
    node = place.node
    limit = quota.room(place) + (0 if node is None else node.size)
    largest = files.settings.get("upload.max_bytes")
    return min(limit, largest) if largest else limit


def _over(files: Files, size: int) -> InsufficientStorage | TooLarge:
    largest = files.settings.get("upload.max_bytes")
    if largest and size > largest:
        return TooLarge("The file is larger than this server accepts.")
    return InsufficientStorage("The quota of this space does not allow it.")


def _receive(
    files: Files,
    write: Callable[[bytes], None],
    read: Read,
    length: int | None,
    limit: int,
    expected: Mapping[str, bytes],
) -> Values:
    """Take the body in, count it and hash it; small files always, larger ones as announced."""
    small = length is None or length <= INLINE
    digester = Digester(frozenset(expected).union(ROUTINE) if small else frozenset(expected))
    taken = 0
    while data := read(BLOCK):
        taken += len(data)
        if taken > limit:
            raise _over(files, taken)
        write(data)
        if small and taken > INLINE:
            small = False
            if not expected:
                digester = Digester(())
        digester.update(data)
    if length is not None and taken != length:
        raise BadRequest("The body is not as long as was announced.")
    values = digester.values()
    for algorithm, value in expected.items():
        if values[algorithm] != value:
            raise BadRequest("The content does not have the announced checksum.")
    return values


class _Seal:
    """The change that makes a staged file the content of its place."""

    __slots__ = ("address", "asker", "facts", "files", "mtime_ns", "name", "values")

    def __init__(
        self,
        files: Files,
        asker: Asker,
        address: Address,
        name: bytes,
        facts: Facts,
        mtime_ns: int | None,
        values: Values,
    ) -> None:
        self.files = files
        self.asker = asker
        self.address = address
        self.name = name
        self.facts = facts
        self.mtime_ns = mtime_ns
        self.values = values

    def __call__(self, tx: Transaction) -> Stored:
        place = decide(self.files, tx.connection, self.asker, self.address)
        old = place.node
        quota.demand(place, self.facts.size - (0 if old is None else old.size))
        known = digests_row(self.values)
        if old is None:
            parent = place.chain[-1]
            new = writer.create(tx, parent, place.name, self.facts, mtime_ns=self.mtime_ns, known=known)
            tx.undo = lambda later: writer.forget(later, new)
        else:
            writer.keep(tx, old)
            new = writer.overwrite(tx, old, self.facts, mtime_ns=self.mtime_ns, known=known)
            before = Facts(old.inode, old.size, old.mtime_ns if old.disk_ns is None else old.disk_ns, False)
            tx.undo = lambda later: _put_back(later, new, before, old.mtime_ns)
        tx.effect(Effect(place.space.id, (*STAGING, self.name), place.path, self.facts.inode))
        return Stored(new, old is None, self.files.etag(new), self.values)


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
