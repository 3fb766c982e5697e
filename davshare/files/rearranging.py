"""What was received gets another place in the home of its receiver, or goes from there; its owner's file stays put."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, Forbidden, PreconditionFailed
from davshare.files import locking, newcomer, receiving, tree
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.mounts import Mounted
from davshare.files.occupied import carried_out
from davshare.files.service import Files
from davshare.index.database import Connection
from davshare.model.access import Permission
from davshare.model.nodes import Node


class Rearranged(NamedTuple):
    """What was received, under its new name, and whether nothing was at the new place."""

    node: Node
    created: bool


def is_received(files: Files, asker: Asker, address: Address) -> bool:
    """Whether something that was received is at an address: itself, not something in it.

    :raises NotFound: nothing is there that the asker may know of.
    """
    with files.db.snapshot() as connection:
        return files.place(connection, asker, address).received is not None


def move(files: Files, asker: Asker, source: Address, target: Address, overwrite: bool) -> Rearranged:
    """Another place for what was received.

    :raises Forbidden: the new place is not in the home of its receiver.
    """

    def decide_(connection: Connection) -> tuple[Place, Place]:
        return decide(files, connection, asker, source, target, overwrite)

    def act(tx: Transaction, places: Sequence[Place]) -> Rearranged:
        here, there = places
        received = _received(here)
        folder = there.chain[-1] if there.node is None else there.chain[-2]
        if there.node is not None:
            tree.discard_whole(tx, asker.actor, there)
        receiving.put(tx, asker.actor, received.node.id, folder, there.name)
        return Rearranged(received.node._replace(name=there.name), there.node is None)

    return carried_out(files, asker, decide_, act)


def decide(
    files: Files, connection: Connection, asker: Asker, source: Address, target: Address, overwrite: bool
) -> tuple[Place, Place]:
    """Judge that in the present state of the tree; where it is, and where it is to be."""
    here = files.place(connection, asker, source)
    here.found()
    received, outer = _received(here), tree.demand_outer(here)
    there = files.new_place(connection, asker, target)
    if there.received is not None and there.received.node.id == received.node.id:
        raise Forbidden("Source and destination are the same.")
    if there.mount.received is not None or there.space.id != outer.space.id:
        raise Forbidden("What was received can be moved within one's home only; copy it instead.")
    if there.node is None:
        there.demand(Permission.BIND)
        if there.folder is None:
            raise Conflict
        same = there.folder.id == received.parent
        newcomer.judge_name(files, connection, there, here.seen if same else None)
    else:
        _demand_replaceable(connection, asker, there, outer)
    asker.check(connection)
    if there.node is not None and not overwrite:
        raise PreconditionFailed("Something is at the destination already.")
    locking.demand_content(connection, outer, asker)
    locking.demand_member(connection, there, asker)
    return here, there


def _demand_replaceable(connection: Connection, asker: Asker, there: Place, outer: Place) -> None:
    there.found()
    if there.is_root:
        raise Forbidden("The root of a space cannot be replaced.")
    if any(node.id == there.chain[-1].id for node in outer.chain):
        raise Forbidden("The source is inside the destination.")
    tree.demand_parent(connection, asker, there, Permission.BIND | Permission.UNBIND)


def _received(place: Place) -> Mounted:
    received = place.received
    if received is None:
        raise BadRequest("Nothing that was received is here.")
    return received
