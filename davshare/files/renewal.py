"""Noted content that a power cut has taken from a file comes into it again."""

from __future__ import annotations

import os

from davshare.errors import DavshareError
from davshare.files.locate import disk_path
from davshare.index import nodes, spaces
from davshare.index.database import Connection, Database
from davshare.model.nodes import Node
from davshare.store.base import Facts, Missing, Path
from davshare.store.local import STAGING, TRASH, LocalStore


def renew(database: Database, store: LocalStore, number: int, inode: int, content: bytes) -> None:
    """Let a node hold what is noted of it, wherever it is by now; the caller has the turn.

    All renames that are noted have been tried.  A file that has got other content since is none of our business.

    :raises DavshareError: the storage refuses.
    """
    with database.session() as connection:
        node = nodes.get(connection, number)
        path = None if node is None or node.inode != inode else _path(connection, node)
    if node is None or path is None:
        return
    facts = _as_it_is(store, path, content)
    if facts is None:
        facts = _written(store, path, content, node.mtime_ns)
    disk_ns = None if facts.mtime_ns == node.mtime_ns else facts.mtime_ns
    if (facts.inode, disk_ns) != (node.inode, node.disk_ns):
        with database.transaction() as connection:
            nodes.set_facts(connection, number, facts.inode, facts.birth_ns, disk_ns)


def _path(connection: Connection, node: Node) -> Path | None:
    """Where a file is on disk; None: nowhere any more."""
    space = spaces.get(connection, node.space)
    top, *below = nodes.chain(connection, node.id)
    if space is None or not below or top.id not in (space.node, space.trash):
        return None
    path = disk_path([each.name for each in below])
    return path if top.id == space.node else (*TRASH, *path)


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
