"""Dead properties, and the few live ones that may be set (RFC 4918 sections 9.2 and 15)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from davshare.errors import DavshareError, Forbidden, InsufficientStorage, NotFound
from davshare.files import locking, reading, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.index import properties
from davshare.index.database import Connection
from davshare.index.properties import Name
from davshare.model.access import Permission
from davshare.store.base import Missing


class Instruction(NamedTuple):
    """Set a property to ``value`` (the whole element as XML), or remove it when that is None.

    ``mtime_ns`` says that the property stands for the time of modification.
    ``refused`` is why the door cannot let it be set.  ``checksums`` are only
    compared with those of the file, by algorithm.
    """

    name: Name
    value: str | None
    mtime_ns: int | None = None
    refused: DavshareError | None = None
    checksums: Mapping[str, bytes] | None = None


class Refused(DavshareError):
    """Instructions could not be carried out; ``reasons`` by name, nothing has changed."""

    status = 207

    def __init__(self, reasons: dict[Name, DavshareError]) -> None:
        super().__init__()
        self.reasons = reasons


def decide(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    """Judge a change of the properties of what is at ``address``."""
    place = files.place(connection, asker, address)
    place.found()
    place.demand(Permission.WRITE_PROPERTIES)
    asker.check(connection)
    locking.demand_content(connection, place, asker)
    return place


def patch(files: Files, asker: Asker, address: Address, instructions: Sequence[Instruction]) -> Place:
    """Carry out all instructions in their order, or none.

    :raises Refused: with the reason of each one that failed.
    """
    with files.db.snapshot() as connection:
        place = decide(files, connection, asker, address)
    refused = {each.name: each.refused for each in instructions if each.refused is not None}
    for each in instructions:
        if each.checksums and not _has(files, asker, address, each.checksums):
            refused[each.name] = Forbidden("The file does not have this checksum.")
    if refused:
        raise Refused(refused)

    def work(tx: Transaction) -> Place:
        here = decide(files, tx.connection, asker, address)
        _apply(files, tx, here, instructions)
        return here

    timely = any(each.mtime_ns is not None for each in instructions)
    return files.committer.run(work, [place.space.id], asker.actor.user, asker.actor.device, alone=timely)


def _has(files: Files, asker: Asker, address: Address, stated: Mapping[str, bytes]) -> bool:
    """Whether what is at ``address`` is a file with these checksums; it may have to be read for that."""
    try:
        content = reading.open_content(files, Asker(asker.actor), address)
    except NotFound:
        return False
    try:
        return reading.checksums(files, content, list(stated)) == dict(stated)
    finally:
        os.close(content.fd)


def _apply(files: Files, tx: Transaction, place: Place, instructions: Sequence[Instruction]) -> None:
    node = place.found()
    largest = files.settings.get("property.max_bytes")
    most = files.settings.get("property.max_count")
    for each in instructions:
        if each.value is None:
            properties.remove(tx.connection, node.id, each.name)
        elif len(each.value.encode()) > largest:
            raise Refused({each.name: InsufficientStorage("The value is too long.", condition="")})
        else:
            properties.put(tx.connection, node.id, each.name, each.value)
    if properties.weights(tx.connection, node.id)[0] > most:
        full = InsufficientStorage("There are too many properties here.", condition="")
        raise Refused({each.name: full for each in instructions if each.value is not None})
    writer.note_properties(tx, node)
    times = [each.mtime_ns for each in instructions if each.mtime_ns is not None]
    if times:
        _set_time(files, tx, place, times[-1])


def _set_time(files: Files, tx: Transaction, place: Place, mtime_ns: int) -> None:
    """The row's time is what clients see; a file's own time follows as well as the disk can hold it."""
    node = place.found()
    if node.is_folder:
        writer.set_time(tx, node, mtime_ns, None)
        return
    try:
        disk_ns = files.store(place.space).set_time(place.path, mtime_ns, node.inode)
    except Missing:
        raise Forbidden("The time of this file cannot be set.") from None
    writer.set_time(tx, node, mtime_ns, None if disk_ns == mtime_ns else disk_ns)
