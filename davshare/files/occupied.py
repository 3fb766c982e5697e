"""Before a change: does the disk hold what the index believes, where the change will happen?"""

from __future__ import annotations

from collections.abc import Callable

from davshare.errors import Conflict
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.reconcile import refresh, refresh_name
from davshare.files.service import Files
from davshare.index import nodes
from davshare.model import names
from davshare.model.nodes import Node
from davshare.store.base import Missing

Decide = Callable[[Connection], tuple[Place, ...]]


def decided(files: Files, decide: Callable[[Connection], Place]) -> Place:
    """What ``decide`` says of one place in the present state, the disk included."""
    return all_decided(files, lambda connection: (decide(connection),))[0]


def all_decided(files: Files, decide: Decide) -> tuple[Place, ...]:
    """What ``decide`` says of places in the present state, after the index has learnt what the disk holds there."""
    with files.db.snapshot() as connection:
        places = decide(connection)
    behind = [_learn(files, place) for place in places]
    if any(behind):
        with files.db.snapshot() as connection:
            places = decide(connection)
    return places


def _learn(files: Files, place: Place) -> bool:
    """Compare one place with the disk; true when the index was behind."""
    node = place.node
    return _learn_new(files, place) if node is None else _learn_known(files, place, node)


def _learn_known(files: Files, place: Place, node: Node) -> bool:
    """Somebody may have replaced or removed it without us."""
    if place.is_root or _is(files, place, node):
        return False
    files.redoer.catch_up()
    with files.db.snapshot() as connection:
        now = nodes.get(connection, node.id)
    if now == node and not _is(files, place, node):
        refresh(files, node.id)
    return True


def _is(files: Files, place: Place, node: Node) -> bool:
    try:
        facts = files.store(place.space).facts(place.path)
    except Missing:
        return False
    return facts.inode == node.inode and facts.folder == node.is_folder


def _learn_new(files: Files, place: Place) -> bool:
    """Somebody may have put something where nothing is known."""
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
    refresh_name(files, place.space.id, place.folder.id, place.name)
    return True
