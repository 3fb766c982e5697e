"""What of a folder somebody takes along: all that they may read, with a checksum of every file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from davshare.errors import DavshareError, MethodNotAllowed, NotFound, TooLarge, Unavailable
from davshare.files import methods, reading, reconcile
from davshare.files.guard import Sight
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.upload import digests_row
from davshare.index import digests, nodes, trees
from davshare.index.database import Connection
from davshare.index.trees import Row, Sum
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import FOLDER, Node
from davshare.store.base import Facts, Missing, Path
from davshare.store.digest import Values, of_descriptor
from davshare.store.statx import facts_of

log = logging.getLogger("davshare.files")
#: How often what is on disk may differ from the rows.
_TRIES = 4
#: Files, and bytes, after which computed checksums are written down.
_FILES, _BYTES = 500, 64 * 1024 * 1024
#: Of larger files it is worth asking whether somebody else has just computed it.
_SMALL = 1024 * 1024
_SECOND = 1_000_000_000
_NAME = attrgetter("name")

#: Gives the folder in the present state of the tree, and raises what there is to refuse.
Locate = Callable[[Connection], Place]


class Entry(NamedTuple):
    """One file or folder; ``name`` is its path below the folder that was asked for, as every system can hold it.

    ``checksum`` is the one that was asked for, None where it is not known
    (yet); folders have none, and a slash at the end of their names.
    ``modified`` is None where its time is not the asker's to know.
    """

    name: str
    size: int
    modified: int | None
    checksum: Sum
    id: int
    stamp: int
    inode: int
    disk_ns: int
    folder: Path
    file: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")

    @property
    def crc32(self) -> int:
        """The checksum, where CRC-32 was asked for."""
        return self.checksum if isinstance(self.checksum, int) else 0

    @property
    def sha256(self) -> bytes:
        """The checksum, where SHA-256 was asked for."""
        return self.checksum if isinstance(self.checksum, bytes) else b""

    def agrees(self, facts: Facts) -> bool:
        """Whether a file on disk is the content that is meant."""
        return (facts.inode, facts.size, facts.mtime_ns) == (self.inode, self.size, self.disk_ns)


@dataclass(frozen=True, slots=True)
class Collected:
    """What is taken along of a place, folders before their members and members in the order of their names."""

    files: Files
    place: Place
    entries: Sequence[Entry]

    @contextmanager
    def open(self, index: int) -> Iterator[int]:
        """The content of an entry; closed at the end, and looked at once more.

        :raises Unavailable: it has changed (since), or is not there any more.
        """
        entry = self.entries[index]
        fd = _open(self.files, self.place, entry)
        if fd is None:
            self.files.redoer.catch_up()  # it may be on its way to its place
            fd = _open(self.files, self.place, entry)
        if fd is None:
            reconcile.refresh(self.files, entry.id)
            raise Unavailable("A file has changed meanwhile; try again.", 1)
        try:
            yield fd
            if not entry.agrees(facts_of(os.fstat(fd))):
                raise Unavailable("A file has changed meanwhile; try again.", 1)
        finally:
            os.close(fd)


def complete(files: Files, locate: Locate, wanted: Sequence[str] | None, checksum: str) -> Collected:
    """Everything, after computing and keeping the checksums that are not known yet.

    :param wanted: names of members of the folder; None: all of them.
    :raises NotFound: one of these is not there, or nothing that the asker may know of is.
    :raises TooLarge: it is more than ``zip.max_files``.
    :raises Unavailable: files keep changing.
    """
    for _ in range(_TRIES):
        found = collect(files, locate, wanted, checksum)
        lacking = [index for index, each in enumerate(found.entries) if each.checksum is None and not each.is_folder]
        if not lacking:
            return found
        for _entry in learn(found, lacking, checksum):
            pass
    raise Unavailable("Files keep changing; try again.", 1)


def collect(files: Files, locate: Locate, wanted: Sequence[str] | None, checksum: str) -> Collected:
    """The same as the index knows it: in a fixed number of statements, some checksums missing.

    :raises NotFound: see :func:`complete`.
    :raises TooLarge: see :func:`complete`.
    """
    most = files.settings.get("zip.max_files")
    with files.db.snapshot() as connection:
        place = locate(connection)
        folder = place.found()
        if not folder.is_folder:
            raise MethodNotAllowed(methods.of(folder, place.space))
        if place.sight is None:
            place.demand(Permission.READ)
        files.store(place.space).present()
        if wanted is None:
            rows = trees.members(connection, folder.id, checksum, most + 1)
        else:
            rows = trees.trees(connection, _tops(connection, place, folder, wanted), checksum, most + 1)
        by_parent = _grouped(rows, most)
        if wanted is not None and not by_parent:
            raise NotFound
        return Collected(files, place, list(_entries(place, folder, by_parent)))


def learn(found: Collected, indices: Iterable[int], checksum: str) -> Generator[Entry]:
    """The entries with their checksums, computed now; those of files that have changed meanwhile are left out.

    What was computed is written down from time to time, and at the end.
    """
    fresh: list[tuple[Entry, Values]] = []
    size = 0
    try:
        for index in indices:
            entry = found.entries[index]
            try:
                with found.open(index) as fd, found.files.hashing:
                    values = _meanwhile(found.files, entry, checksum) or of_descriptor(fd, (checksum,))
            except DavshareError:
                continue
            fresh.append((entry, values))
            size += entry.size
            value = values[checksum]
            yield entry._replace(checksum=int.from_bytes(value, "big") if checksum == "crc32" else value)
            if len(fresh) >= _FILES or size >= _BYTES:
                _keep(found.files, fresh)
                fresh, size = [], 0
    finally:
        _keep(found.files, fresh)


def _meanwhile(files: Files, entry: Entry, checksum: str) -> Values:
    """The checksum of a file that is not small, if somebody else has written it down by now."""
    if entry.size <= _SMALL:
        return {}
    with files.db.session() as connection:
        found = reading.values_of(digests.of(connection, entry.id, entry.stamp))
    return {checksum: found[checksum]} if checksum in found else {}


def _keep(files: Files, fresh: list[tuple[Entry, Values]]) -> None:
    if not fresh:
        return
    with files.learning() as connection:
        for entry, values in fresh:
            row, now = digests_row(values), nodes.get(connection, entry.id)
            if row is not None and now is not None and now.stamp == entry.stamp:
                digests.put(connection, entry.id, entry.stamp, row)


def _open(files: Files, place: Place, entry: Entry) -> int | None:
    try:
        fd, facts = files.store(place.space).open((*entry.folder, os.fsencode(entry.file)))
    except Missing:
        return None
    if entry.agrees(facts):
        return fd
    os.close(fd)
    return None


def _tops(connection: Connection, place: Place, folder: Node, wanted: Sequence[str]) -> list[int]:
    """Ids of the members that are asked for by name.

    :raises NotFound: one of them is not there, as far as the asker may know.
    """
    keys = {names.key(name): name for name in wanted}
    found = nodes.named(connection, [(folder.id, key) for key in keys])
    shown = [
        node.id
        for (_, key), node in found.items()
        if node.name == keys[key] and (place.sight is None or _shows(place.sight, node))
    ]
    if len(shown) != len(keys):
        raise NotFound
    return sorted(shown)


def _grouped(rows: Iterator[Row], most: int) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for number, row in enumerate(rows, 1):
        if number > most:
            raise TooLarge("These are more files and folders than are given out in one piece.")
        here = found.get(row.parent)
        if here is None:
            found[row.parent] = [row]
        else:
            here.append(row)
    return found


def _entries(place: Place, top: Node, by_parent: dict[int, list[Row]]) -> Iterator[Entry]:
    """What the asker may see, every folder followed by what is in it."""
    pending = [_members(place, top.id, by_parent, place.path, "")]
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            continue
        yield entry
        if entry.is_folder:
            path = (*entry.folder, os.fsencode(entry.file))
            pending.append(_members(place, entry.id, by_parent, path, entry.name))


def _members(place: Place, folder: int, by_parent: dict[int, list[Row]], path: Path, prefix: str) -> Iterator[Entry]:
    here = by_parent.pop(folder, [])
    sight = place.sight
    if sight is not None:
        # The folder above is decided first, so that none of them costs a statement.
        here = [row for row in here if _shows(sight, row)]
    here.sort(key=_NAME)
    for name, row in zip(names.apart([row.name for row in here]), here, strict=True):
        number, _, file, kind, size, mtime_ns, disk_ns, inode, stamp, checksum = row
        if kind == FOLDER:
            name, size, checksum = f"{name}/", 0, None
        told = sight is None or sight.reads(row)
        modified = mtime_ns // _SECOND if told else None
        disk_ns = mtime_ns if disk_ns is None else disk_ns
        yield Entry(prefix + name, size, modified, checksum, number, stamp, inode, disk_ns, path, file)


def _shows(sight: Sight, member: Row | Node) -> bool:
    """Whether a member is taken along: a file that may be read, a folder that something in it can be of."""
    return sight.shows(member) if member.is_folder else sight.reads(member)
