"""The checksums of all that is in a folder, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from davshare.errors import Unavailable
from davshare.files.archive import Collected, Entry, learn
from davshare.files.locate import Place
from davshare.index import digests
from davshare.index.database import Connection
from davshare.model import names


def entries(found: Collected) -> Iterator[Entry]:
    """Every file with its SHA-256, computed where it was not known.

    :raises Unavailable: one has changed since it was collected.
    """
    lacking = [index for index, each in enumerate(found.entries) if each.checksum is None and not each.is_folder]
    fresh = learn(found, lacking, "sha256")
    try:
        for entry in found.entries:
            if entry.is_folder:
                continue
            if entry.checksum is not None:
                yield entry
                continue
            computed = next(fresh, None)
            if computed is None or computed.id != entry.id:
                raise Unavailable("A file has changed meanwhile; try again.", 1)
            yield computed
    finally:
        fresh.close()


def known(connection: Connection, place: Place) -> Entry | None:
    """A file with its SHA-256, if that is known."""
    node = place.found()
    checksum = digests.of(connection, node.id, node.stamp).sha256
    if node.is_folder or checksum is None:
        return None
    modified, disk_ns = node.mtime_ns // 1_000_000_000, node.mtime_ns if node.disk_ns is None else node.disk_ns
    return Entry(
        names.apart([node.name])[0], node.size, modified, checksum, node.id, node.stamp, node.inode, disk_ns,
        place.path[:-1], node.name,
    )  # fmt: skip
