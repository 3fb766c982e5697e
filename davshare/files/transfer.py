"""COPY and MOVE (RFC 4918 sections 9.8 and 9.9)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from davshare.abreast import demand_time
from davshare.errors import BadRequest, Conflict, DavshareError, Forbidden, NotFound, PreconditionFailed, Unavailable
from davshare.files import access, guard, locking, mounts, newcomer, quota, rearranging, tree, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.guard import Sight
from davshare.files.locate import DEEPEST, Place, disk_path
from davshare.files.occupied import all_decided, carried_out
from davshare.files.reconcile import agrees, refresh, refresh_tree
from davshare.files.redo import Effect
from davshare.files.service import Files
from davshare.index import grants, nodes
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node
from davshare.model.people import Actor
from davshare.store.base import Facts, Missing, Path
from davshare.store.local import STAGING, LocalStore

_TRIES = 5
#: Bytes that are copied at once.
_SHORT = 256 * 1024


class Order(NamedTuple):
    """What is asked: from where, to where, over what is there or not, with members or not."""

    source: Address
    target: Address
    overwrite: bool = True
    members: bool = True
    move: bool = False


class Moved(NamedTuple):
    """The node at the target, and whether the target was new."""

    node: Node
    created: bool
    etag: str


#: Decides on a COPY or MOVE; see :func:`decide`.
First = Callable[[Transaction], None] | None
Judge = Callable[[Files, Connection, Asker, Order], tuple[Place, Place]]


class _Elsewhere(Unavailable):
    """The target is in another space than the source."""


class _Changed(Exception):
    """The source is not what was staged any more."""


def decide(files: Files, connection: Connection, asker: Asker, order: Order) -> tuple[Place, Place]:
    """Judge a COPY or MOVE in the present state of the tree; source and target."""
    source = files.place(connection, asker, order.source)
    node = source.found()
    source.demand(Permission.READ)
    if node.is_folder and not order.move:
        demand_time()
    target = files.new_place(connection, asker, order.target)
    if target.node is None:
        target.demand(Permission.BIND)
    else:
        target.found()
    _demand_apart(source, target)
    if order.move:
        if node.is_folder and not order.members:
            raise BadRequest("A folder is moved with Depth infinity only.")
        if source.is_root:
            raise Forbidden("The root of a space cannot be moved.")
        tree.demand_parent(connection, asker, source, Permission.UNBIND)
        guard.demand_whole(connection, asker.actor, source.space, source.chain)
    if target.node is None:
        if target.folder is None:
            raise Conflict
        own = source.folder is not None and source.folder.id == target.chain[-1].id
        newcomer.judge_name(files, connection, target, node if order.move and own else None)
    else:
        if target.is_root:
            raise Forbidden("The root of a space cannot be replaced.")
        tree.demand_parent(connection, asker, target, Permission.BIND | Permission.UNBIND)
        guard.demand_whole(connection, asker.actor, target.space, target.chain)
    if order.move and source.space.id != target.space.id:
        _demand_access(connection, asker, source, target)
    if (order.members or order.move) and (not order.move or source.space.id != target.space.id):
        newcomer.judge_tree(connection, target, node)
    asker.check(connection)
    if target.node is not None and not order.overwrite:
        raise PreconditionFailed("Something is at the destination already.")
    if order.move:
        locking.demand_member(connection, source, asker)
    locking.demand_member(connection, target, asker)
    _demand_shallow(connection, source, target)
    growth = node.size if order.members or not node.is_folder else 0
    if not order.move or source.space.id != target.space.id:
        quota.demand(target, growth - (0 if target.node is None else target.node.size))
    return source, target


def _demand_access(connection: Connection, asker: Asker, source: Place, target: Place) -> None:
    """What a tree says about people comes with it into another space, where only some may say such things."""
    above = target.chain if target.node is None else target.chain[:-1]
    have = guard.rights(connection, asker.actor, target.space, above)
    if not have & Permission.WRITE_ACL and grants.any_in(connection, source.chain[-1].id):
        href = names.href(target.segments[:-1], True)
        raise Forbidden(
            "What is granted or denied in here would come along; copy it instead.",
            condition="need-privileges", needs=(href, Permission.WRITE_ACL),
        )  # fmt: skip


def _demand_shallow(connection: Connection, source: Place, target: Place) -> None:
    """A tree may not end up deeper than anything can be made."""
    depth = len(target.chain) + len(target.missing)
    if source.chain[-1].is_folder and depth > len(source.chain):
        height = nodes.height(connection, source.chain[-1].id)
        if depth + height > DEEPEST:
            raise Conflict("Folders cannot be nested this deeply.")


def _demand_apart(source: Place, target: Place) -> None:
    """Neither may hold the other: whatever were done first would destroy the rest."""
    above, below = source.chain[-1].id, {node.id for node in _above(target)}
    if above in below:
        same = target.node is not None and target.node.id == above
        raise Forbidden(
            "Source and destination are the same." if same else "The destination is inside the source.",
        )
    if target.node is not None and any(node.id == target.node.id for node in _above(source)):
        raise Forbidden("The source is inside the destination.")


def _above(place: Place) -> tuple[Node, ...]:
    """A place and all that it is in, by its address as well: folders of the home that hold what was received."""
    outer = place.mount.outer
    return place.chain if outer is None else (*outer.chain, *place.chain)


def transfer(files: Files, asker: Asker, order: Order, judge: Judge | None = None, first: First = None) -> Moved:
    """Carry out a COPY or MOVE.

    :param judge: who decides instead of :func:`decide`; for moves between spaces that nobody could ask for.
    :param first: what happens before that in the same transaction.

    A move within a space is one rename.  Everything else is staged beside its
    target first, so that old or new is there at any moment, never a part.

    :raises Unavailable: the source changes faster than it can be copied.
    """
    judge = decide if judge is None else judge
    gifted = order.move and not mounts.nothing(asker.actor)
    if gifted and rearranging.is_received(files, asker, order.source):
        done = rearranging.move(files, asker, order.source, order.target, order.overwrite)
        return Moved(done.node, done.created, files.etag(done.node))
    if order.move:
        with contextlib.suppress(_Elsewhere):
            rename = partial(_rename, files, asker.actor)
            return carried_out(files, asker, partial(_within, files, asker, order, judge), rename)
        demand_time()
    for _ in range(_TRIES):
        source, target = all_decided(files, lambda connection: judge(files, connection, asker, order))
        if source.chain[-1].size > _SHORT:
            demand_time()
        if order.members or order.move:
            refresh_tree(files, source.chain[-1])
        with files.db.snapshot() as connection:
            originals = _originals(connection, order, source)
        try:
            return _staged(files, asker, order, source, target, originals, judge, first)
        except (_Changed, Missing):
            demand_time()
            files.redoer.catch_up()
            if not source.chain[-1].is_folder:
                refresh(files, source.chain[-1].id)
    raise Unavailable("The source keeps changing; try again later.", 2)


def _originals(connection: Connection, order: Order, source: Place) -> list[Node]:
    """What is to be copied: each folder before its members, without what the asker may not read."""
    node = source.chain[-1]
    if node.is_folder and not (order.members or order.move):
        return [node._replace(size=0)]
    found = nodes.tree(connection, node.id)
    if not found:
        raise NotFound
    return found if order.move or source.sight is None else readable(source.sight, found)


def readable(sight: Sight, tree: list[Node]) -> list[Node]:
    """A tree without what may not be read and all below that; folders are smaller by what is left out."""
    kept: dict[int, Node] = {}
    out: set[int] = set()
    for node in tree:
        if node.parent in out:
            out.add(node.id)
        elif kept and not sight.reads(node):
            out.add(node.id)
            above = node.parent
            while above in kept:
                kept[above] = kept[above]._replace(size=kept[above].size - node.size)
                above = kept[above].parent
        else:
            kept[node.id] = node
    return list(kept.values())


def _run(
    files: Files, asker: Asker, order: Order, source: Place, target: Place, work: Callable[[Transaction], Moved]
) -> Moved:
    ids = {source.space.id, target.space.id} if order.move else {target.space.id}
    return files.committer.run(work, sorted(ids), asker.actor.user, asker.actor.device)


def _within(files: Files, asker: Asker, order: Order, judge: Judge, connection: Connection) -> tuple[Place, Place]:
    """Source and target of a move within a space.

    :raises _Elsewhere: the target is in another one.
    """
    source, target = judge(files, connection, asker, order)
    if source.space.id != target.space.id:
        raise _Elsewhere
    return source, target


def _rename(files: Files, actor: Actor, tx: Transaction, places: tuple[Place, ...]) -> Moved:
    """A move within a space: the node keeps its id, and everything below it stays as it is."""
    source, target = places
    node = source.found()
    replaced = target.node
    if replaced is not None:
        tree.discard_whole(tx, actor, target)
    parent = target.chain[-1] if replaced is None else target.chain[-2]
    tx.know(source.chain[:-1])
    tx.know(target.chain if replaced is None else target.chain[:-1])
    moved = writer.place(tx, node, parent, target.missing[-1] if target.missing else target.name)
    access.settle_below(tx, moved)
    tx.effect(Effect(source.space.id, source.path, target.path, node.inode))
    before, home = tx.undo, source.chain[-2]

    def undo(later: Transaction) -> None:
        writer.place(later, moved, home, node.name)
        if before is not None:
            before(later)

    tx.undo = undo
    etag = files.etag(moved) if source.mounts is None else source.mounts.etag(files.epoch, moved)
    return Moved(moved, replaced is None, etag)


def _staged(
    files: Files,
    asker: Asker,
    order: Order,
    source: Place,
    target: Place,
    originals: list[Node],
    judge: Judge,
    first: First,
) -> Moved:
    """A copy, or a move between spaces: bytes first, then one transaction."""
    here, there = files.store(source.space), files.store(target.space)
    name, made = there.stage_copy(_sources(here, source, originals))
    facts = [copy for _, copy in made]
    try:
        for old, (read, _) in zip(originals, made, strict=True):
            if not old.is_folder and not agrees(old, read):
                raise _Changed

        def work(tx: Transaction) -> Moved:
            if first is not None:
                first(tx)
            source, target = judge(files, tx.connection, asker, order)
            if source.chain[-1].stamp != originals[0].stamp or source.chain[-1].id != originals[0].id:
                raise _Stale
            if files.store(target.space) is not there:
                raise _Stale
            return _place_staged(files, tx, asker.actor, order, source, target, originals, facts, name)

        moved = _run(files, asker, order, source, target, work)
    except _Stale:
        there.remove((*STAGING, name))
        raise _Changed from None
    except BaseException:
        there.remove((*STAGING, name))
        raise
    if order.move:
        with contextlib.suppress(DavshareError, OSError):
            files.redoer.replay()  # first nothing that is noted may name the old inodes any more
            _let_go(here, (*STAGING, b"moved-" + name), source, [read for read, _ in made])
    return moved


def _let_go(store: LocalStore, moved: Path, source: Place, copied: list[Facts]) -> None:
    """Remove the original of a move between spaces; what was changed on disk since it was copied goes back instead."""
    top = store.facts(moved)
    if {fact for fact in copied if not fact.folder} >= set(_contents(store, moved, top)):
        store.remove(moved)
    else:
        name = source.path[-1] + b" (changed during the move)"
        short = name if len(name) <= names.LONGEST else b"changed during the move"
        store.move(moved, (*source.path[:-1], short), top.inode)


def _contents(store: LocalStore, path: Path, facts: Facts) -> Iterator[Facts]:
    """Facts of every file at and below a path, as they are compared: without the birth of the inode."""
    if not facts.folder:
        yield facts._replace(birth_ns=None)
        return
    for name, member in store.scan(path):
        yield from _contents(store, (*path, name), member)


class _Stale(Unavailable):
    """A refusal inside the transaction after which the whole is tried again."""


def _sources(store: LocalStore, place: Place, originals: list[Node]) -> list[tuple[LocalStore, Path, Path, bool]]:
    """What to copy, as the store wants it told."""
    below: dict[int, Path] = {originals[0].id: ()}
    for node in originals[1:]:
        below[node.id] = below[node.parent] + disk_path([node.name])
    return [(store, place.path + below[node.id], below[node.id], node.is_folder) for node in originals]


def _place_staged(
    files: Files,
    tx: Transaction,
    actor: Actor,
    order: Order,
    source: Place,
    target: Place,
    originals: list[Node],
    facts: list[Facts],
    name: bytes,
) -> Moved:
    """Rows for what was staged; for a move, the original goes away in the same breath."""
    node = source.found()
    replaced = target.node
    if replaced is not None:
        tree.discard_whole(tx, actor, target)
    before = tx.undo
    parent = target.chain[-1] if replaced is None else target.chain[-2]
    path, old_path = target.path, source.path
    if order.move:
        placed = writer.transfer(tx, node, parent, target.name)
        access.settle_below(tx, placed)
        for old, fact in zip(originals, facts, strict=True):
            known = writer.disk_ns(fact, old.mtime_ns)
            nodes.set_facts(tx.connection, old.id, fact.inode, fact.birth_ns, known)
    else:
        placed = writer.adopt(tx, parent, target.name, originals, facts)

    def undo(later: Transaction) -> None:
        if order.move:
            writer.transfer(later, placed, source.chain[-2], node.name)
            for old in originals:
                nodes.set_facts(later.connection, old.id, old.inode, None, old.disk_ns)
        else:
            writer.forget(later, placed)
        if before is not None:
            before(later)

    tx.undo = undo
    tx.effect(Effect(target.space.id, (*STAGING, name), path, facts[0].inode))
    if order.move:
        tx.effect(Effect(source.space.id, old_path, (*STAGING, b"moved-" + name), node.inode))
    return Moved(placed, replaced is None, files.etag(placed))
