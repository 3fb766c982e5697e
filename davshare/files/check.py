"""Does the index tell the truth?  Looks, and changes nothing; :mod:`davshare.files.mend` does."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from davshare.errors import DavshareError
from davshare.files.compare import name_of
from davshare.files.locate import disk_path
from davshare.files.reconcile import agrees
from davshare.files.service import Files
from davshare.index import audit, digests, journal, nodes, redo, spaces
from davshare.index.database import Connection
from davshare.model.nodes import Node, Space
from davshare.store.base import Missing
from davshare.store.digest import of_descriptor
from davshare.store.local import LocalStore

#: What can be done about a problem.
FOLLOW = "the index follows the disk"
CORRECT = "the rows are corrected"
WAIT = "wait for the storage"
DECIDE = "a person has to look"


class Problem(NamedTuple):
    """One thing that is not as it should be, and what mending would do about it."""

    space: str
    path: str
    what: str
    remedy: str = FOLLOW


def check(files: Files, space_name: str | None, hashes: bool, progress: Callable[[int], None]) -> list[Problem]:
    """Compare index, disk and journal of one space, or of all.

    :param hashes: read every file whose SHA-256 is known.
    """
    files.redoer.catch_up()
    found: list[Problem] = []
    with files.db.snapshot() as connection:
        for space in spaces.all_spaces(connection):
            if space_name in (None, space.name):
                found += _Check(files.store(space), connection, space, hashes, progress).run()
        if redo.any_stuck(connection):
            found.append(Problem("", "", "effects wait for a missing storage", WAIT))
        if lost := audit.lost_nodes(connection) + audit.lost_rows(connection):
            found.append(Problem("", "", f"{lost} rows speak of nodes, folders or spaces that do not exist", CORRECT))
    return found


class _Check:
    """One space."""

    def __init__(
        self, store: LocalStore, connection: Connection, space: Space, hashes: bool, progress: Callable[[int], None]
    ) -> None:
        self.store = store
        self.connection = connection
        self.space = space
        self.hashes = hashes
        self.progress = progress
        self.found: list[Problem] = []

    def run(self) -> list[Problem]:
        """All problems of the space."""
        root = nodes.get(self.connection, self.space.node)
        try:
            self.store.present()
            if root is None:
                self._say((), "the root has no row")
            else:
                self._folder(root, ())
        except DavshareError as error:
            self._say((), error.message, WAIT)
        if self.space.held:
            self._say((), f"{self.space.held} files and folders are gone from disk at once", DECIDE)
        self._journal()
        return self.found

    def _say(self, path: tuple[str, ...], what: str, remedy: str = FOLLOW) -> None:
        self.found.append(Problem(self.space.name, "/" + "/".join(path), what, remedy))

    def _folder(self, folder: Node, path: tuple[str, ...]) -> int:
        """Compare one folder and all below it; the bytes below it."""
        try:
            there = dict(self.store.scan(disk_path(path)))
        except Missing:
            self._say(path, "the folder is not on disk")
            return folder.size
        total = 0
        inner: list[Node] = []
        for node in nodes.each_child(self.connection, folder.id):
            facts = there.pop(os.fsencode(node.name), None)
            here = (*path, node.name)
            if facts is None or facts.folder != node.is_folder:
                self._say(here, "in the index, not on disk")
            elif node.is_folder:
                inner.append(node)
                continue
            elif not agrees(node, facts):
                self._say(here, "content on disk is not what the index says")
            elif self.hashes:
                self._hash(node, here)
            total += node.size
            self.progress(1)
        for raw in there:
            if name_of(raw) is None:
                self._say((*path, os.fsdecode(raw)), "on disk, with a name that no address can carry", DECIDE)
            else:
                self._say((*path, os.fsdecode(raw)), "on disk, not in the index")
        for node in inner:
            total += self._folder(node, (*path, node.name))
        if total != folder.size:
            self._say(path, f"the folder's size is {folder.size}, its members have {total}", CORRECT)
        return total

    def _hash(self, node: Node, path: tuple[str, ...]) -> None:
        known = digests.of(self.connection, node.id, node.stamp).sha256
        if known is None:
            return
        fd, _ = self.store.open(disk_path(path))
        try:
            if of_descriptor(fd, ["sha256"])["sha256"] != known:
                self._say(path, "the content has another checksum than when it was stored", DECIDE)
        finally:
            os.close(fd)

    def _journal(self) -> None:
        """Numbers end at the head, and no row is ahead of it."""
        head, _ = spaces.head_and_floor(self.connection, self.space.id)
        _, last, _ = journal.bounds(self.connection, self.space.id)
        if last > head:
            self._say((), "the journal is ahead of its space", CORRECT)
        if nodes.count_ahead(self.connection, self.space.id, head):
            self._say((), "nodes carry numbers that the journal has not given out", CORRECT)
        if unheard := len(audit.silent(self.connection, self.space.id)):
            self._say((), f"{unheard} changes are missing in the journal", CORRECT)
