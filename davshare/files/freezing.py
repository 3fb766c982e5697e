"""Copies that do not change, for public links: made, given rows, forgotten, and removed by the keeper.

A copy is all that is in a space of its own kind, read-only and nobody's,
whose folder is ``snapshots/ID`` in the data folder: so everything that reads
works on it as on any other, and nothing lists it.  Only whoever comes by its
link sees it (:func:`davshare.files.guard.rules`).

The bytes are on disk and synced before there is a row; what has no row, and
nobody is making, is litter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from davshare.errors import DavshareError, Forbidden, InsufficientStorage, TooLarge, Unavailable
from davshare.files import quota, reconcile, spaces, writer
from davshare.files.commit import Transaction
from davshare.files.follow import agrees
from davshare.files.locate import Place, disk_path
from davshare.files.service import Files
from davshare.files.transfer import readable
from davshare.files.upload import digests_row
from davshare.index import digests, links, nodes, properties
from davshare.index import spaces as rows
from davshare.index.database import Connection, changed
from davshare.model import names
from davshare.model.nodes import SNAPSHOT, Node, Space
from davshare.model.people import Actor
from davshare.store import making
from davshare.store.base import Facts, Missing
from davshare.store.base import Path as Inside
from davshare.store.crash import point
from davshare.store.digest import Values, of_descriptor, routine
from davshare.store.local import STAGING, LocalStore

#: Folder in the data folder with a folder for each copy.
SNAPSHOTS = "snapshots"
_TRIES = 5
_MODE = 0o444

#: Gives what is to be copied in the present state of the tree, and raises what there is to refuse.
Judged = Callable[[Connection], Place]


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy on disk, with no rows yet: of ``originals``, each folder before its members."""

    space: Space
    root: Facts
    originals: Sequence[Node]
    facts: Sequence[Facts]
    sums: Sequence[Values]

    def adopt(self, tx: Transaction, actor: Actor, place: Place) -> Node:
        """Rows of the copy, if it still is what the actor may read at a place; its top.

        :raises InsufficientStorage: the actor's home has no room for it.
        :raises Unavailable: the original has changed since.
        """
        if list(map(_content, _readable(tx.connection, place))) != list(map(_content, self.originals)):
            raise Unavailable("This has changed meanwhile; try again.", 1)
        _demand_room(tx.connection, actor, self.originals[0].size)
        space = spaces.insert(tx.connection, self.space, self.root)
        first = nodes.new_ids(tx.connection, len(self.originals))
        ids = {old.id: first + index for index, old in enumerate(self.originals)}
        now = tx.now // 1_000_000_000
        # The top is in the root; nothing has a number, since no journal tells of a copy.
        copies = [
            old._replace(
                id=ids[old.id], space=space.id, parent=ids.get(old.parent, space.node), inode=fact.inode,
                disk_ns=writer.disk_ns(fact, old.mtime_ns), seq=0, place_seq=0, stamp=0, created=now,
            )
            for old, fact in zip(self.originals, self.facts, strict=True)
        ]  # fmt: skip
        nodes.insert_many(
            tx.connection,
            (
                (node, names.key(node.name), names.spelling(node.name), fact.birth_ns)
                for node, fact in zip(copies, self.facts, strict=True)
            ),
        )
        nodes.touch(tx.connection, space.node, 0, copies[0].size)
        properties.copy(tx.connection, list(ids.items()))
        for node, values in zip(copies, self.sums, strict=True):
            row = digests_row(values)
            if row is not None:
                digests.put(tx.connection, node.id, node.stamp, row)
        return copies[0]


def _content(node: Node) -> tuple[object, ...]:
    """What of a node is in a copy of it."""
    return node.id, node.parent, node.name, node.stamp, node.mtime_ns


@contextmanager
def copied(files: Files, actor: Actor, judged: Judged) -> Iterator[Copy]:
    """A copy of what the actor may read at a place, complete and synced, to be given rows before this ends.

    :raises NotFound: nothing that the actor may know of is there.
    :raises Forbidden: the actor may not.
    :raises TooLarge: it is more than is copied for one link.
    :raises InsufficientStorage: the actor's home, or the disk, has no room for it.
    :raises Unavailable: it keeps changing.
    """
    with files.db.session() as connection:
        top = judged(connection).found()
    _follow(files, top)
    _originals(files, actor, judged)
    with making.name_in(files.data / SNAPSHOTS) as name:
        root = os.path.join(SNAPSHOTS, name)
        store = LocalStore(files.data / root, files.durable)
        store.prepare(f"{SNAPSHOT} {name}\n")
        for _ in range(_TRIES):
            place, originals = _originals(files, actor, judged)
            try:
                facts, sums = _filled(files, store, place, originals)
                break
            except Missing:
                files.redoer.catch_up()
                _follow(files, originals[0])
        else:
            raise Unavailable("This keeps changing; try again later.", 2)
        _sync(files, store)
        point("freeze.copied")
        space = Space(0, SNAPSHOT, name, None, root, 0, 0, None, True, "")
        yield Copy(space, store.root_facts(), originals, facts, sums)
        point("freeze.made")


def _follow(files: Files, top: Node) -> None:
    """What the index knows is what is on disk."""
    if top.is_folder:
        reconcile.refresh_tree(files, top)
    else:
        reconcile.refresh(files, top.id)


def _originals(files: Files, actor: Actor, judged: Judged) -> tuple[Place, list[Node]]:
    """What is to be copied, within all limits."""
    with files.db.snapshot() as connection:
        place = judged(connection)
        found = _readable(connection, place)
        if len(found) > files.settings.get("zip.max_files"):
            raise TooLarge("These are more files and folders than are copied for one link.")
        most = files.settings.get("sharing.link.frozen_max_bytes")
        if not most:
            raise Forbidden("Nobody makes copies for links here.")
        if found[0].size > most:
            raise TooLarge("This is larger than what is copied for one link.")
        _demand_room(connection, actor, found[0].size)
    return place, found


def _readable(connection: Connection, place: Place) -> list[Node]:
    """A node and all below it that the asker may read, each folder before its members."""
    found = nodes.tree(connection, place.found().id)
    return found if place.sight is None else readable(place.sight, found)


def _demand_room(connection: Connection, actor: Actor, size: int) -> None:
    """Return when the actor's home has room for one more copy beside all that it holds, and all others of theirs.

    :raises InsufficientStorage: it has not.
    """
    home = rows.home(connection, actor.user)
    root = None if home is None else nodes.get(connection, home.node)
    if home is None or root is None:
        raise InsufficientStorage("There is no home that a copy could count for.")
    limit = quota.ENDLESS if home.quota is None else home.quota
    if root.size + links.frozen_bytes(connection, actor.user) + size > limit:
        raise InsufficientStorage("The quota of your home does not allow a copy of this.")


def _filled(
    files: Files, store: LocalStore, place: Place, originals: Sequence[Node]
) -> tuple[list[Facts], list[Values]]:
    """The copy in its place: facts of all in it, and checksums of the files.

    :raises Missing: an original is not (any more) what its row says.
    """
    here, below = files.store(place.space), _paths(originals)
    staged, made = store.stage_copy(
        [(here, place.path + below[node.id], below[node.id], node.is_folder) for node in originals]
    )
    try:
        sums: list[Values] = []
        for node, (read, copy) in zip(originals, made, strict=True):
            if node.is_folder:
                sums.append({})
                continue
            path = below[node.id]
            # Read anew from the copy: what is told of it is what is in it.
            sums.append(_sealed(files, store, (*STAGING, staged, *path), copy))
            if not agrees(node, read) or not agrees(node, here.facts(place.path + path)):
                raise Missing
        store.move((*STAGING, staged), disk_path([originals[0].name]), made[0][1].inode)
    except BaseException:
        with suppress(DavshareError, OSError):
            store.remove((*STAGING, staged))
        raise
    return [copy for _, copy in made], sums


def _paths(originals: Sequence[Node]) -> dict[int, Inside]:
    """The path of each below the first."""
    below: dict[int, Inside] = {originals[0].id: ()}
    for node in originals[1:]:
        below[node.id] = below[node.parent] + disk_path([node.name])
    return below


def _sealed(files: Files, store: LocalStore, path: Inside, copy: Facts) -> Values:
    """Checksums of a copied file that nobody writes to from now on; CRC-32 is for ZIP archives."""
    fd, facts = store.open(path)
    try:
        os.fchmod(fd, _MODE)
        if store.durable:
            os.fsync(fd)
        with files.hashing:
            values = of_descriptor(fd, {*routine(copy.size), "crc32"})
    finally:
        os.close(fd)
    if (facts.inode, facts.size, facts.mtime_ns) != (copy.inode, copy.size, copy.mtime_ns):
        raise Missing
    return values


def _sync(files: Files, store: LocalStore) -> None:
    """Let the names of the copy, and of its folder, survive a power cut."""
    store.sync(())
    for folder in (Path(SNAPSHOTS), Path()):
        LocalStore(files.data / folder, files.durable).sync(())


def forget(connection: Connection, node: int) -> None:
    """Remove the rows of the copy that a node is the top of, and its link; the keeper removes the bytes."""
    top = nodes.get(connection, node)
    if top is not None:
        rows.delete(connection, top.space)
        changed(connection)


def tidy(files: Files, now: int) -> int:
    """Remove copies that no link shows any more, and what is left of those that were never finished; for the keeper."""
    with files.db.session() as connection:
        over = rows.unlinked(connection)
    if over:
        with files.db.write() as connection:
            for number in over:
                rows.delete(connection, number)
            changed(connection)
    done = 0
    folder = files.data / SNAPSHOTS
    idle = making.idle(folder)
    if not idle:
        return 0
    with files.db.session() as connection:
        known = {space.name for space in rows.of_kind(connection, SNAPSHOT)}
    for name in idle:
        if name not in known and (folder / name).is_dir():
            LocalStore(folder / name).remove_root()
            done += 1
    return done
