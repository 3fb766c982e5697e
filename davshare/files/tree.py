"""Folders made, things removed (RFC 4918 sections 9.3 and 9.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from davshare.errors import BadRequest, DavshareError, Forbidden, MethodNotAllowed
from davshare.files import guard, locking, methods, newcomer, receiving, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place, trash_path
from davshare.files.occupied import carried_out, decided
from davshare.files.redo import Effect
from davshare.files.service import Files
from davshare.files.upload import Elsewhere, Stored, unless_placed
from davshare.index import nodes, properties, trash
from davshare.index.database import Connection
from davshare.index.properties import Name
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node
from davshare.model.people import Actor
from davshare.store.local import STAGING, LocalStore


def decide_new(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    """Judge the making of something that must not exist yet."""
    place = files.new_place(connection, asker, address)
    if place.node is not None:
        if place.received is None:
            place.demand(Permission.BIND)
        raise MethodNotAllowed(methods.of(place.node, place.space), "Something is here already.")
    newcomer.demand(files, connection, asker, place, file=False)
    return place


def make_folder(
    files: Files,
    asker: Asker,
    address: Address,
    mtime_ns: int | None = None,
    values: Mapping[Name, str] | None = None,
) -> Stored:
    """A new, empty folder, with dead properties if ``values`` has any.

    :raises MethodNotAllowed: something is there already.
    :raises Conflict: its parent is missing.
    """

    def decide(connection: Connection) -> tuple[Place]:
        return (decide_new(files, connection, asker, address),)

    def place() -> LocalStore:
        return files.store(decided(files, lambda connection: decide(connection)[0]).space)

    near = files.near(asker, address)
    with suppress(Elsewhere):
        return _make_folder(files, asker, near or place(), decide, mtime_ns, values)
    return _make_folder(files, asker, place(), decide, mtime_ns, values)


def _make_folder(
    files: Files,
    asker: Asker,
    store: LocalStore,
    decide: Callable[[Connection], tuple[Place]],
    mtime_ns: int | None,
    values: Mapping[Name, str] | None,
) -> Stored:
    """The same in the space of a store.

    :raises Elsewhere: it is to be in another one.
    """
    try:
        name, facts = store.stage_folder()
    except DavshareError:
        # What goes wrong is not told to those whom the place itself refuses.
        if files.store(decided(files, lambda connection: decide(connection)[0]).space) is not store:
            raise Elsewhere from None
        raise

    def make(tx: Transaction, places: tuple[Place, ...]) -> Stored:
        here = places[0]
        if files.store(here.space) is not store:
            raise Elsewhere
        tx.know(here.chain)
        node = writer.create(tx, here.chain[-1], here.name, facts, mtime_ns=mtime_ns)
        for each, value in (values or {}).items():
            properties.put(tx.connection, node.id, each, value)
        tx.undo = lambda later: writer.forget(later, node)
        tx.effect(Effect(here.space.id, (*STAGING, name), here.path, facts.inode))
        return Stored(node, True, files.etag(node), {}, here.segments)

    with unless_placed(store, name):
        return carried_out(files, asker, decide, make)


def decide_removal(files: Files, connection: Connection, asker: Asker, address: Address, whole: bool = True) -> Place:
    """Judge the removal of what is at ``address``; a folder can only be removed as a ``whole``."""
    place = files.place(connection, asker, address)
    if place.found().is_folder and not whole:
        raise BadRequest("A folder is removed with Depth infinity only.")
    if place.received is not None:
        outer = demand_outer(place)
        asker.check(connection)
        locking.demand_content(connection, outer, asker)
        return place
    if place.is_root:
        raise Forbidden("The root of a space cannot be removed.")
    demand_parent(connection, asker, place, Permission.UNBIND)
    guard.demand_whole(connection, asker.actor, place.space, place.chain)
    asker.check(connection)
    locking.demand_member(connection, place, asker)
    return place


def demand_outer(place: Place) -> Place:
    """The folder that holds something received, whose receiver is about to take it from there.

    :raises Forbidden: they may not, with what they have shown.
    """
    outer = place.mount.outer
    assert outer is not None
    outer.demand(Permission.UNBIND)
    return outer


def demand_parent(connection: Connection, asker: Asker, place: Place, want: Rights) -> None:
    """Return when the asker has a right on the folder that holds what is here."""
    have = guard.rights(connection, asker.actor, place.space, place.chain[:-1])
    if want & ~have:
        replace(place, rights=have | (place.rights & Permission.READ)).demand(want)


def delete(files: Files, asker: Asker, address: Address, whole: bool = True) -> None:
    """Remove a file or a folder with everything in it; it goes to the trash of its space.

    What was received is declined, and stays where its owner has it.
    """

    def decide(connection: Connection) -> tuple[Place]:
        return (decide_removal(files, connection, asker, address, whole),)

    carried_out(files, asker, decide, lambda tx, places: discard_whole(tx, asker.actor, places[0]))


def discard_whole(tx: Transaction, actor: Actor, place: Place) -> None:
    """Move what is here to the trash, and decline what the actor has received and sees here."""
    if place.received is not None:
        receiving.decline(tx, actor, [place.received])
        return
    received = () if place.mounts is None else place.mounts.below(place.chain[-1].id)
    discard(tx, place)
    if received:
        receiving.decline(tx, actor, received)
        before = tx.undo

        def undo(later: Transaction) -> None:
            if before is not None:
                before(later)
            for each in received:
                receiving.answer(later, actor, each.node.id, receiving.ACCEPTED)

        tx.undo = undo


def discard(tx: Transaction, place: Place) -> None:
    """Move what is here to the trash: rows now, the disk after the commit."""
    node = place.found()
    tx.know(place.chain[:-1])
    writer.discard(tx, node, place.space.trash)
    tx.effect(Effect(place.space.id, place.path, trash_path(node), node.inode))
    before = tx.undo

    def undo(later: Transaction) -> None:
        if before is not None:
            before(later)
        restore(later, node)

    tx.undo = undo


def restore(tx: Transaction, node: Node) -> None:
    """The disk refused to let it go: the row goes back to its place."""
    current = nodes.get(tx.connection, node.id)
    parent = nodes.get(tx.connection, node.parent)
    if current is not None and parent is not None:
        writer.place(tx, current, parent, node.name)
        trash.remove(tx.connection, node.id)
