"""Paths of URLs as they came, and the files that they led to: remembered while nothing changes.

Most who ask for a file ask for it again, or for the one beside it.  What comes
between a path and its row takes twice as long as all the rest.
"""

from __future__ import annotations

from typing import NamedTuple

from davshare.files.context import Address
from davshare.files.locate import Place, member
from davshare.files.service import Files
from davshare.model import names
from davshare.model.people import Actor, Outlook

#: Who asks, and the path.
_Key = tuple[Outlook, str]


class Kept(NamedTuple):
    """Where a path leads; the path of a folder stands for a file in it."""

    key: _Key
    address: Address
    place: Place


def keep(files: Files, actor: Actor, path: str, address: Address, place: Place) -> None:
    """Remember where the path of a URL led, if the place is one that is remembered (:meth:`Files.glimpse`).

    :param path: as it came, and ``address`` as it was understood.
    """
    memory, outlook = files.memory, actor.outlook
    version = memory.version()
    if address.slash or memory.get(version, (outlook, address)) is not place:
        return
    _put(files, version, Kept((outlook, path), address, place))
    folder = (outlook, path[: path.rindex("/") + 1])
    if place.is_open and actor.node is None and memory.get(version, folder) is None:
        _put(files, version, Kept(folder, Address(address.segments[:-1]), place))


def find(files: Files, actor: Actor, path: str) -> tuple[Address, Place] | None:
    """Where a path leads, if that is remembered, or something beside it: one statement then."""
    memory, outlook = files.memory, actor.outlook
    version = memory.version()
    kept: Kept | None = memory.get(version, (outlook, path))
    if kept is not None:
        return kept.address, kept.place
    at = path.rfind("/") + 1
    beside: Kept | None = memory.get(version, (outlook, path[:at]))
    name = path[at:]
    if beside is None or not names.is_plain(name):
        return None
    with files.db.session() as connection:
        place = member(connection, beside.place, name)
    if place is None:
        return None
    # Who asks, and the names of the folders, are in memory once for all that is in it.
    kept = Kept((beside.key[0], path), Address((*beside.address.segments, place.name)), place)
    memory.put(version, kept.key, kept, len(path))
    return kept.address, place


def _put(files: Files, version: int, kept: Kept) -> None:
    files.memory.also(version, kept.key, kept, len(kept.key[1]))
