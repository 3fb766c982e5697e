"""Before a change: does the disk hold what the index believes, where the change will happen?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from davshare.abreast import demand_time
from davshare.errors import Unavailable
from davshare.files.commit import Transaction
from davshare.files.context import Asker, Connection
from davshare.files.locate import Place
from davshare.files.reconcile import refresh, refresh_name
from davshare.files.service import Files
from davshare.index import nodes
from davshare.model import names
from davshare.model.nodes import Node
from davshare.store.handles import Held

T = TypeVar("T")
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


def carried_out(files: Files, asker: Asker, decide: Decide, act: Callable[[Transaction, tuple[Place, ...]], T]) -> T:
    """Decide and act in one transaction; if the index is behind the disk there, once more after it has learnt."""

    def work(tx: Transaction) -> T:
        return act(tx, decide(tx.connection))

    def work_if_current(tx: Transaction) -> T:
        places = decide(tx.connection)
        for place in places:
            if differs(files, place, tx.held):
                raise _Behind
        return act(tx, places)

    actor = asker.actor
    try:
        return files.committer.run(work_if_current, (), actor.user, actor.device)
    except _Behind:
        ids = {place.space.id for place in all_decided(files, decide)}
        return files.committer.run(work, sorted(ids), actor.user, actor.device)


class _Behind(Unavailable):
    """The disk holds something else than the index believes."""


def differs(files: Files, place: Place, held: Held | None = None) -> bool:
    """Whether the disk holds something else than the index believes.

    :param held: as in :meth:`davshare.store.base.Store.move`.
    """
    node = place.node
    if node is None:
        return not _is_free(files, place, held)
    return not (len(place.chain) == 1 or _is(files, place, node, held))


def _learn(files: Files, place: Place) -> bool:
    """Compare one place with the disk; true when the index was behind."""
    node = place.node
    return _learn_new(files, place) if node is None else _learn_known(files, place, node)


def _learn_known(files: Files, place: Place, node: Node) -> bool:
    """Somebody may have replaced or removed it without us."""
    if len(place.chain) == 1 or _is(files, place, node):
        return False
    demand_time()
    files.redoer.catch_up()
    with files.db.snapshot() as connection:
        now = nodes.get(connection, node.id)
    if now == node and not _is(files, place, node):
        refresh(files, node.id)
    return True


def _is(files: Files, place: Place, node: Node, held: Held | None = None) -> bool:
    return files.store(place.space).holds(place.path, node.inode, node.is_folder, held)


def _learn_new(files: Files, place: Place) -> bool:
    """Somebody may have put something where nothing is known."""
    folder = place.folder
    if folder is None or _is_free(files, place):
        return False
    demand_time()
    files.redoer.catch_up()
    with files.db.snapshot() as connection:
        if nodes.child(connection, folder.id, names.key(place.name)) is not None:
            return True
    refresh_name(files, place.space.id, folder.id, place.name)
    return True


def _is_free(files: Files, place: Place, held: Held | None = None) -> bool:
    """Whether nothing is on disk where nothing is known.

    :raises Conflict: something is that can be no file or folder of ours.
    """
    if place.folder is None:
        return True
    return files.store(place.space).vacant(place.path, held)
