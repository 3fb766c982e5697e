"""Noted content that a power cut has taken from a file comes into it again."""

from __future__ import annotations

import os

from davshare.errors import DavshareError
from davshare.files.locate import disk_path
from davshare.index import nodes, redo, spaces, trash
from davshare.index.database import Connection, Database
from davshare.model.nodes import Node
from davshare.store.base import Facts, Missing, Path
from davshare.store.local import STAGING, TRASH, LocalStore


def renew(database: Database, store: LocalStore, row: redo.Redo, anew: bool) -> None:
    """Let a file hold what is noted of it, wherever it is by now; the caller has the turn.

    All renames that are noted have been tried.  A file that has got other content since is none of our business.

    :param anew: whatever can be read there, the disk has refused to keep it.
    :raises DavshareError: the storage refuses.
    """
    assert row.node is not None and row.content is not None
    with database.session() as connection:
        node = nodes.get(connection, row.node)
        if node is None or (node.space, node.inode, node.stamp) != (row.space, row.inode, row.stamp):
            return
        path = _path(connection, node)
    if path is None:
        return
    facts = None if anew else _as_it_is(store, path, row.content)
    if facts is None:
        facts = _written(store, path, row.content, node.mtime_ns)
    disk_ns = None if facts.mtime_ns == node.mtime_ns else facts.mtime_ns
    if (facts.inode, disk_ns) != (node.inode, node.disk_ns):
        with database.transaction() as connection:
            nodes.set_facts(connection, node.id, facts.inode, facts.birth_ns, disk_ns)


def _path(connection: Connection, node: Node) -> Path | None:
    """Where a file is on disk; None: nowhere any more."""
    space = spaces.get(connection, node.space)
    top, *below = nodes.chain(connection, node.id)
    path = disk_path([each.name for each in below])
    if space is None or not below:
        return None
    if top.id == space.node:
        return path
    return (*TRASH, *path) if top.id == space.trash and trash.holds(connection, below[0].id) else None


def _as_it_is(store: LocalStore, path: Path, content: bytes) -> Facts | None:
    """Facts of a file that has this content; None: it has another one, or is not there."""
    try:
        fd, facts = store.open(path)
    except Missing:
        return None
    try:
        return facts if os.pread(fd, len(content) + 1, 0) == content else None
    except OSError:
        return None  # it was written in vain
    finally:
        os.close(fd)


def _written(store: LocalStore, path: Path, content: bytes, mtime_ns: int) -> Facts:
    name, facts = store.stage_whole(content, mtime_ns)
    staged = (*STAGING, name)
    try:
        store.move(staged, path, facts.inode)
        store.sync(path[:-1])
    except DavshareError:
        store.remove(staged)
        raise
    return facts
