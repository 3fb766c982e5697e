"""Changes of rows: each is one journal entry and one walk up the ancestors.

Functions here run inside a :class:`davshare.files.commit.Transaction` and are
the only code that changes nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from davshare.files.commit import Transaction
from davshare.index import digests, locks, nodes, properties, spaces, trash
from davshare.index.digests import Digests
from davshare.model import names
from davshare.model.journal import Kind
from davshare.model.nodes import FILE, FOLDER, Node
from davshare.store.base import Facts, Path


def disk_ns(facts: Facts, mtime_ns: int) -> int | None:
    """The time on disk: of a folder, and of a file where the filesystem could not hold the one asked for."""
    return None if facts.mtime_ns == mtime_ns and not facts.folder else facts.mtime_ns


def create(
    tx: Transaction,
    parent: Node,
    name: str,
    facts: Facts,
    *,
    mtime_ns: int | None = None,
    known: Digests | None = None,
) -> Node:
    """A new file or folder."""
    number = nodes.new_ids(tx.connection)
    seq = tx.note(parent.space, number, Kind.CREATED)
    time = facts.mtime_ns if mtime_ns is None else mtime_ns
    node = Node(
        number, parent.space, parent.id, name, FOLDER if facts.folder else FILE, 0 if facts.folder else facts.size,
        time, disk_ns(facts, time), facts.inode, seq, seq, seq, tx.now // 1_000_000_000,
    )  # fmt: skip
    nodes.insert(tx.connection, node, names.key(name), names.spelling(name), facts.birth_ns)
    tx.touch(parent.id, seq, node.size)
    if known is not None:
        digests.put(tx.connection, node.id, node.stamp, known)
    return node


def keep(tx: Transaction, node: Node, path: Path) -> None:
    """Content at ``path`` is about to be replaced: the one place that decides what becomes of it.

    The journal keeps its number (:func:`overwrite`); the bytes go with the
    rename, so nothing that is noted may name their inode any more.
    """
    tx.redoer.free(tx.connection, node.inode, node.space, path)


def overwrite(
    tx: Transaction, node: Node, facts: Facts, *, mtime_ns: int | None = None, known: Digests | None = None
) -> Node:
    """A file gets other content; the journal keeps which content it replaced."""
    seq = tx.note(node.space, node.id, Kind.MODIFIED, version=node.stamp)
    time = facts.mtime_ns if mtime_ns is None else mtime_ns
    new = node._replace(
        size=facts.size, mtime_ns=time, disk_ns=disk_ns(facts, time), inode=facts.inode, seq=seq, stamp=seq
    )
    nodes.overwrite(tx.connection, new, facts.birth_ns)
    # The rename that follows changes the folder's time on disk, too.
    tx.touch(node.parent, seq, new.size - node.size)
    if known is not None:
        digests.put(tx.connection, new.id, new.stamp, known)
    return new


def place(tx: Transaction, node: Node, parent: Node, name: str) -> Node:
    """A node moves, with everything below it, within its space; its locks end (RFC 4918 section 7.6)."""
    seq = tx.note(node.space, node.id, Kind.MOVED, deep=node.is_folder, old=(node.parent, node.name))
    nodes.place(tx.connection, node.id, parent.id, names.key(name), names.spelling(name), seq)
    if node.parent == parent.id:
        tx.touch(parent.id, seq, 0)
    else:
        tx.touch(node.parent, seq, -node.size)
        tx.touch(parent.id, seq, node.size)
    end_locks(tx, node)
    return node._replace(parent=parent.id, name=name, seq=seq, place_seq=seq)


def discard(tx: Transaction, node: Node, trash_node: int) -> None:
    """A node goes, with everything below it, under the hidden trash node of its space."""
    seq = tx.note(node.space, node.id, Kind.DELETED, deep=node.is_folder, old=(node.parent, node.name))
    nodes.place(tx.connection, node.id, trash_node, str(node.id), None, seq)
    tx.touch(node.parent, seq, -node.size)
    nodes.touch(tx.connection, trash_node, seq, node.size, None, (trash_node,))
    end_locks(tx, node)
    trash.insert(tx.connection, node.id, node.space, node.parent, node.name, tx.actor, seq, tx.now // 1_000_000_000)


def create_many(tx: Transaction, parent: Node, found: Sequence[tuple[str, Facts]]) -> None:
    """Things that were found on disk, each with an entry of its own; the members of new folders are not known yet."""
    first = nodes.new_ids(tx.connection, len(found))
    entries = tx.note_many(parent.space, range(first, first + len(found)), Kind.CREATED)
    now = tx.now // 1_000_000_000
    rows = []
    grown = 0
    for (name, facts), number, seq in zip(found, count(first), entries):
        size = 0 if facts.folder else facts.size
        grown += size
        node = Node(
            number, parent.space, parent.id, name, FOLDER if facts.folder else FILE, size,
            facts.mtime_ns, None, facts.inode, seq, seq, seq, now,
        )  # fmt: skip
        rows.append((node, names.key(name), names.spelling(name), facts.birth_ns))
    nodes.insert_many(tx.connection, rows)
    tx.touch(parent.id, entries[-1], grown)


def forget(tx: Transaction, node: Node) -> None:
    """A node that is no longer on disk loses its place."""
    forget_many(tx, [node])


def forget_many(tx: Transaction, gone: Sequence[Node]) -> None:
    """Nodes of one space that are no longer on disk lose their places.

    Their rows go, without bytes, under the trash node: followers with an older
    picture can still learn what a folder held, and what comes up again as the
    same thing elsewhere is known by it.
    """
    lost: dict[int, tuple[int, int]] = {}
    for node in gone:
        seq = tx.note(node.space, node.id, Kind.DELETED, deep=node.is_folder, old=(node.parent, node.name))
        end_locks(tx, node)
        space = spaces.get(tx.connection, node.space)
        if space is not None:
            nodes.place(tx.connection, node.id, space.trash, str(node.id), None, seq)
        lost[node.parent] = (seq, lost.get(node.parent, (0, 0))[1] + node.size)
    for parent, (seq, size) in lost.items():
        tx.touch(parent, seq, -size)


def revive(tx: Transaction, node: Node, parent: Node, name: str) -> None:
    """What :func:`forget` has taken its place from is on disk again."""
    seq = tx.note(node.space, node.id, Kind.MOVED, deep=node.is_folder, old=(node.parent, node.name))
    nodes.place(tx.connection, node.id, parent.id, names.key(name), names.spelling(name), seq)
    tx.touch(parent.id, seq, node.size)


def adopt(tx: Transaction, parent: Node, name: str, originals: Sequence[Node], facts: Sequence[Facts]) -> Node:
    """A copy of a file or tree: new nodes under new ids, one journal entry.

    ``originals`` are the copied nodes, each folder before its members, and
    ``facts`` those of their copies.  Dead properties and checksums are copied.
    """
    first = nodes.new_ids(tx.connection, len(originals))
    seq = tx.note(parent.space, first, Kind.CREATED, deep=originals[0].is_folder)
    ids = {old.id: first + index for index, old in enumerate(originals)}
    now = tx.now // 1_000_000_000
    copies: list[Node] = []
    for old, fact in zip(originals, facts, strict=True):
        top = old.id == originals[0].id
        copies.append(
            old._replace(
                id=ids[old.id],
                space=parent.space,
                parent=parent.id if top else ids[old.parent],
                name=name if top else old.name,
                inode=fact.inode,
                disk_ns=disk_ns(fact, old.mtime_ns),
                seq=seq,
                place_seq=seq,
                stamp=seq,
                created=now,
            )
        )
    nodes.insert_many(
        tx.connection,
        (
            (node, names.key(node.name), names.spelling(node.name), fact.birth_ns)
            for node, fact in zip(copies, facts, strict=True)
        ),
    )
    properties.copy(tx.connection, list(ids.items()))
    for old in originals:
        if not old.is_folder:
            digests.copy(tx.connection, old.id, ids[old.id], seq)
    tx.touch(parent.id, seq, copies[0].size)
    return copies[0]


def transfer(tx: Transaction, node: Node, parent: Node, name: str) -> Node:
    """A node moves into another space and keeps its id; there it is new, here it is gone."""
    tree = nodes.tree(tx.connection, node.id)
    gone = tx.note(node.space, node.id, Kind.DELETED, deep=node.is_folder, old=(node.parent, node.name))
    tx.touch(node.parent, gone, -node.size)
    end_locks(tx, node)
    tx.raise_above(parent.space, gone)  # so that no ETag of the node ever repeats
    seq = tx.note(parent.space, node.id, Kind.CREATED, deep=node.is_folder)
    nodes.set_space(tx.connection, [each.id for each in tree], parent.space)
    nodes.place(tx.connection, node.id, parent.id, names.key(name), names.spelling(name), seq)
    for each in tree:
        nodes.restamp(tx.connection, each.id, seq)
        digests.restamp(tx.connection, each.id, each.stamp, seq)
    tx.touch(parent.id, seq, node.size)
    return node._replace(space=parent.space, parent=parent.id, name=name, seq=seq, place_seq=seq, stamp=seq)


def end_locks(tx: Transaction, node: Node) -> None:
    """Remove the locks of a node and of everything below it."""
    found = locks.in_space(tx.connection, node.space, 0)
    if found:
        inside = {node.id, *nodes.below(tx.connection, node.id)} if node.is_folder else {node.id}
        locks.remove(tx.connection, [lock.token for lock in found if lock.node in inside])


def set_time(tx: Transaction, node: Node, mtime_ns: int, disk_ns: int | None) -> Node:
    """A node gets another time of modification, which is a change of its properties."""
    seq = tx.note(node.space, node.id, Kind.PROPERTIES)
    nodes.set_mtime(tx.connection, node.id, mtime_ns, disk_ns, seq)
    tx.touch(node.parent or node.id, seq, 0, False)
    return node._replace(mtime_ns=mtime_ns, disk_ns=disk_ns, seq=seq)


def note_access(tx: Transaction, node: Node, principal: int | None, *, deep: bool) -> None:
    """What a principal (None: anybody) may do with a node has changed; ``deep``: what is below it comes or goes.

    Folders get new ETags, up to the root: what somebody sees in them may be something else now.
    """
    seq = tx.note(node.space, node.id, Kind.ACCESS, deep=deep and node.is_folder, version=principal)
    nodes.mark(tx.connection, node.id, seq)
    tx.touch(node.id if node.is_folder else node.parent, seq, 0, False)


def note_properties(tx: Transaction, node: Node) -> None:
    """Dead properties of a node have changed."""
    seq = tx.note(node.space, node.id, Kind.PROPERTIES)
    nodes.mark(tx.connection, node.id, seq)
    if node.parent:
        tx.touch(node.parent, seq, 0, False)
