"""Content read: the bytes that the index speaks of, and no others."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass

from davshare.abreast import demand_time
from davshare.errors import DavshareError, NotFound, Unavailable, Waits
from davshare.files import guard
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.reconcile import agrees, refresh
from davshare.files.service import Files
from davshare.files.upload import digests_row
from davshare.index import digests
from davshare.index.database import Connection
from davshare.model.access import Permission
from davshare.model.nodes import Node
from davshare.store.base import Facts, Missing, Path
from davshare.store.digest import Values, of_descriptor

_TRIES = 4


@dataclass(slots=True)
class Ready:
    """A small file with its answer, true as long as the index and the file stay as they are."""

    path: str
    facts: Facts
    headers: list[tuple[str, str]]
    data: bytes


@dataclass(slots=True)
class Content:
    """One open file; ``fd`` belongs to the caller."""

    fd: int
    place: Place
    node: Node
    etag: str
    facts: Facts
    path: Path


def open_content(
    files: Files, asker: Asker, address: Address, place: Place | None = None, patient: bool = True
) -> Content:
    """The content of a file, consistent with its row.

    When row and disk differ, either a change is being carried out right now
    (then it is waited for), or somebody changed the file without us (then the
    row follows the disk first).

    :raises NotFound: there is no file, or it is a folder.
    :raises Waits: only if ``patient`` is false.
    """
    for attempt in range(_TRIES):
        if place is None:
            with files.db.session() as connection:
                place = files.place(connection, asker, address)
        node = place.found()
        guard.demand(place.rights, Permission.READ)
        if node.is_folder:
            raise NotFound
        path = place.path
        try:
            fd, facts = files.store(place.space).open(path)
        except Missing:
            pass
        else:
            if agrees(node, facts):
                return Content(fd, place, node, files.etag(node), facts, path)
            os.close(fd)
        if not patient:
            raise Waits
        files.redoer.catch_up()
        if attempt:
            refresh(files, node.id)
        place = None
    raise Unavailable("The file keeps changing; try again.", 1)


def beginning(files: Files, asker: Asker, address: Address, most: int) -> bytes | None:
    """The first bytes of a file, None where it cannot be read (now)."""
    try:
        content = open_content(files, asker, address)
    except DavshareError:
        return None
    try:
        return os.pread(content.fd, most, 0)
    except OSError:
        return None
    finally:
        os.close(content.fd)


def checksums(files: Files, content: Content, algorithms: Collection[str]) -> Values:
    """Checksums of an open file: from the index, else computed now and kept."""
    with files.db.session() as connection:
        found = _known(connection, content.node)
    wanted = [name for name in algorithms if name not in found]
    if wanted:
        demand_time()
        fresh = of_descriptor(content.fd, wanted)
        status = os.fstat(content.fd)
        row = digests_row(fresh)
        if row is not None and status.st_size == content.node.size:
            with files.learning() as connection:
                digests.put(connection, content.node.id, content.node.stamp, row)
        found.update(fresh)
    return {name: found[name] for name in algorithms}


def known_checksums(files: Files, place: Place) -> Values:
    """Checksums of the file at a place that need not be computed: remembered while nothing changes."""
    if place.digests is not None:
        return values_of(place.digests)
    node = place.found()
    version = files.memory.version()
    key = ("checksums", node.id, node.stamp)
    found: Values | None = files.memory.get(version, key)
    if found is None:
        with files.db.session() as connection:
            found = _known(connection, node)
        files.memory.put(version, key, found)
    return found


def _known(connection: Connection, node: Node) -> Values:
    return values_of(digests.of(connection, node.id, node.stamp))


def values_of(row: digests.Digests) -> Values:
    """The checksums of a row by name."""
    sha256, sha1, md5, adler32, crc32 = row
    found: Values = {}
    if sha256 is not None:
        found["sha256"] = sha256
    if sha1 is not None:
        found["sha1"] = sha1
    if md5 is not None:
        found["md5"] = md5
    if adler32 is not None:
        found["adler32"] = adler32.to_bytes(4, "big")
    if crc32 is not None:
        found["crc32"] = crc32.to_bytes(4, "big")
    return found


def checksums_of_part(content: Content, algorithms: Collection[str], start: int, length: int) -> Values:
    """Checksums of a span of an open file."""
    return of_descriptor(content.fd, algorithms, start, length)
