"""One folder beside its rows, read without stopping anybody: which names have to be looked at?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from davshare.files.follow import Task, agrees
from davshare.files.locate import disk_path
from davshare.files.service import Files
from davshare.index import nodes
from davshare.model import names
from davshare.model.names import is_private
from davshare.model.nodes import Node, Space
from davshare.store.base import Facts, Missing, Path
from davshare.store.digest import of_descriptor
from davshare.store.local import LocalStore

#: A folder's time on disk tells only changes that are further apart than this; the kernel's clock ticks slowly.
_TICK_NS = 50_000_000
#: How long after our own change of a folder its time on disk may still be ours.
_OURS_NS = 250_000_000


@dataclass(slots=True)
class Comparison:
    """What one look at a folder found.

    ``time`` is the folder's time on disk before the look, None when it was
    changed so shortly before that it has to be looked at again.
    """

    folder: Node
    path: Path
    time: int | None
    names: list[str] = field(default_factory=list)
    folders: list[int] = field(default_factory=list)
    proofs: dict[tuple[int, str], bytes] = field(default_factory=dict)
    skipped: int = 0

    @property
    def task(self) -> Task:
        """The names that differ."""
        return Task(self.folder.id, self.names)

    @property
    def noted(self) -> tuple[int | None, int] | None:
        """What the folder's row should say of the comparison, when it does not say so yet."""
        known = -1 if self.time is None else self.time  # no folder has this time, so every listing looks again
        return None if self.folder.disk_ns == known else (known, self.folder.id)


def is_current(folder: Node, disk_ns: int) -> bool:
    """Whether the members of a folder are those that were compared the last time, as far as its time tells."""
    if folder.disk_ns is None or folder.disk_ns < 0:
        return False
    return disk_ns == folder.disk_ns or _is_ours(folder, disk_ns)


def _is_ours(folder: Node, disk_ns: int) -> bool:
    """Whether a folder's time on disk is that of our own last change."""
    return -_TICK_NS <= disk_ns - folder.mtime_ns <= _OURS_NS


def compare(
    files: Files, space: Space, number: int, visit: Callable[[int, Path], None] | None = None
) -> Comparison | None:
    """Look at one folder; None when it is not in the space or not where its row says.

    :param visit: called with id and path before anything is read.
    :raises Unavailable: the storage is missing.
    """
    with files.db.session() as connection:
        chain = nodes.chain(connection, number)
    if not chain or chain[0].id != space.node or not chain[-1].is_folder:
        return None
    store = files.store(space)
    path = disk_path([node.name for node in chain[1:]])
    if visit is not None:
        visit(number, path)
    try:
        there = store.facts(path)
        if len(chain) > 1 and there.inode != chain[-1].inode:
            return None  # another folder has taken its place, which is for its parent to find
        before = there.mtime_ns
        fresh = time.time_ns() - before < _TICK_NS and not _is_ours(chain[-1], before)
        found = Comparison(chain[-1], path, None if fresh else before)
        _look(files, store, found)
    except Missing:
        return None
    return found


def differing(files: Files, space: Space, number: int, raw: Iterable[bytes]) -> Comparison | None:
    """Look at some names of one folder only; None when the folder is not in the space or not on disk.

    :raises Unavailable: the storage is missing.
    """
    with files.db.session() as connection:
        chain = nodes.chain(connection, number)
        if not chain or chain[0].id != space.node:
            return None
        wanted = [
            name for name in map(name_of, raw) if name is not None and (number != space.node or not is_private(name))
        ]
        rows = [nodes.child(connection, number, names.key(name)) for name in wanted]
    path = disk_path([node.name for node in chain[1:]])
    found = Comparison(chain[-1], path, None)
    store = files.store(space)
    try:
        for name, row, facts in zip(wanted, rows, store.look(path, map(os.fsencode, wanted)), strict=True):
            if row is None and facts is None:
                continue
            if row is not None and row.is_folder:
                found.folders.append(row.id)
            if row is None or facts is None or row.name != name or not _alike(row, facts):
                found.names.append(name)
                if row is None and facts is not None and facts.birth_ns is None and not facts.folder:
                    _prove(files, store, found, name, facts)
    except Missing:
        return None
    return found


def _alike(node: Node, facts: Facts) -> bool:
    if node.is_folder or facts.folder:
        return node.is_folder == facts.folder and node.inode == facts.inode
    return agrees(node, facts)


def _look(files: Files, store: LocalStore, found: Comparison) -> None:
    """Compare every member."""
    folder = found.folder
    with files.db.session() as connection:
        rows = nodes.brief(connection, folder.id)
    for raw, facts in store.scan(found.path):
        name = name_of(raw)
        if name is None:
            found.skipped += 1
            continue
        row = rows.pop(name, None)
        if row is not None and row.folder and facts.folder:
            found.folders.append(row.id)
            if row.inode == facts.inode:
                continue
        elif row is not None and row[1:] == (facts.folder, facts.inode, facts.size, facts.mtime_ns):
            continue
        found.names.append(name)
        if row is None and facts.birth_ns is None and not facts.folder:
            _prove(files, store, found, name, facts)
    found.names += rows


def name_of(raw: bytes) -> str | None:
    """The name as URLs can carry it, or None."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return None
    return name if names.is_name(name) else None


def _prove(files: Files, store: LocalStore, found: Comparison, name: str, facts: Facts) -> None:
    """Without birth times only the content tells a renamed file from a new one with a used inode."""
    with files.db.session() as connection:
        if not nodes.births(connection, facts.inode, found.folder.space):
            return
    try:
        fd, _ = store.open((*found.path, os.fsencode(name)))
    except Missing:
        return
    try:
        found.proofs[found.folder.id, name] = of_descriptor(fd, ["sha256"])["sha256"]
    finally:
        os.close(fd)
