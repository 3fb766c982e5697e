"""Something may stand on disk where the index knows of nothing."""

from __future__ import annotations

from collections.abc import Callable

from davshare.errors import Conflict
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.reconcile import refresh_folder
from davshare.files.service import Files
from davshare.index import nodes
from davshare.model import names
from davshare.store.base import Missing


def decided(files: Files, decide: Callable[[Connection], Place]) -> Place:
    """What ``decide`` says of the present state, the disk included."""
    with files.db.snapshot() as connection:
        place = decide(connection)
    if _learn(files, place):
        with files.db.snapshot() as connection:
            place = decide(connection)
    return place


def _learn(files: Files, place: Place) -> bool:
    """If the disk holds something unknown at a place that is about to be filled, let the index learn of it.

    :returns: whether there was something; the caller decides anew then.
    """
    if place.folder is None or not place.missing:
        return False
    store = files.store(place.space)
    try:
        store.facts(place.path)
    except Missing:
        if store.blocked(place.path):
            raise Conflict("Something that is neither a file nor a folder is in the way.") from None
        return False
    files.redoer.catch_up()
    with files.db.snapshot() as connection:
        if nodes.child(connection, place.folder.id, names.key(place.name)) is not None:
            return True
    refresh_folder(files, place.folder.id)
    return True
