"""The checksums of all that is in a folder, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from davshare.errors import Unavailable
from davshare.files.archive import Collected, Entry, learn


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
