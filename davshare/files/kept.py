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


class Kept(NamedTuple):
    """To whom a path led where; the path of a folder stands for a file in it."""

    outlook: Outlook
    address: Address
    place: Place


def keep(files: Files, actor: Actor, path: str, address: Address, place: Place) -> None:
    """Remember where the path of a URL led, if the place is one that is remembered (:meth:`Files.glimpse`).

    :param path: as it came, and ``address`` as it was understood.
    """
    memory, outlook = files.memory, actor.outlook
    version = memory.version()
    if address.slash or memory.get(version, (*outlook, address)) is not place:
        return
    memory.also(version, path, Kept(outlook, address, place))
    folder = path[: path.rindex("/") + 1]
    if place.is_open and actor.node is None and memory.get(version, folder) is None:
        memory.also(version, folder, Kept(outlook, Address(address.segments[:-1]), place))


def find(files: Files, actor: Actor, path: str) -> tuple[Address, Place] | None:
    """Where a path leads, if that is remembered, or something beside it: one statement then."""
    memory = files.memory
    version = memory.version()
    kept: Kept | None = memory.get(version, path)
    if kept is not None:
        return (kept.address, kept.place) if kept.outlook == actor.outlook else None
    at = path.rfind("/") + 1
    beside: Kept | None = memory.get(version, path[:at])
    name = path[at:]
    if beside is None or beside.outlook != actor.outlook or not names.is_plain(name):
        return None
    with files.db.session() as connection:
        place = member(connection, beside.place, name)
    if place is None:
        return None
    address = Address((*beside.address.segments, place.name))
    memory.put(version, path, Kept(beside.outlook, address, place))
    return address, place
