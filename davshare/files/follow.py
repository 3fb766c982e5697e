"""The rows follow the disk: some names of some folders, looked at and decided in the writer's turn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from davshare.files import removals, writer
from davshare.files.commit import Transaction
from davshare.files.locate import disk_path, trash_path
from davshare.files.service import Files
from davshare.index import nodes, trash
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.nodes import Node, Space
from davshare.store.base import Facts, Missing, Path

#: Rows for this many names are fetched one by one, for more with the whole folder.
_FEW = 64
#: (folder, name) → SHA-256 of the content on disk, for filesystems without birth times.
Proofs = Mapping[tuple[int, str], bytes]


class Task(NamedTuple):
    """Names in one folder whose rows may be behind the disk."""

    folder: int
    names: Sequence[str]


class Gone(NamedTuple):
    """A row whose place on disk is empty."""

    folder: int
    name: str
    node: int


@dataclass(slots=True)
class Report:
    """What followed the disk; ``skipped`` counts what the index cannot hold, ``held`` what waits for a person."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    moved: int = 0
    skipped: int = 0
    held: int = 0

    def add(self, other: Report) -> None:
        """Take in the figures of another report."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def agrees(node: Node, facts: Facts) -> bool:
    """Whether a file on disk is the content that the row speaks of."""
    expected = node.mtime_ns if node.disk_ns is None else node.disk_ns
    return facts.inode == node.inode and facts.size == node.size and facts.mtime_ns == expected


def follow(
    files: Files,
    space: Space,
    tasks: Iterable[Task],
    *,
    times: Sequence[tuple[int | None, int]] = (),
    proofs: Proofs | None = None,
    later: list[Gone] | None = None,
) -> Report:
    """One transaction in which rows become what the disk has.

    :param times: (time on disk, folder) of folders that were compared completely.
    :param later: takes what is gone, instead of removing it here.
    :raises Unavailable: the storage is missing; nothing was changed.
    """

    def work(tx: Transaction) -> Report:
        return _Follow(files, tx, space, proofs or {}, later).run(tasks, times)

    return files.committer.run(work, [space.id], alone=True)


def leave(files: Files, space: Space, gone: Sequence[Gone]) -> Report:
    """Remove rows whose places were found empty and still are; whether so many may go was asked before."""

    def work(tx: Transaction) -> Report:
        return _Follow(files, tx, space, {}, None).leave(gone)

    return files.committer.run(work, [space.id], alone=True)


def still_gone(connection: Connection, gone: Sequence[Gone]) -> list[Node]:
    """Rows that are where they were when their places were found empty."""
    found = ((each, nodes.get(connection, each.node)) for each in gone)
    return [node for each, node in found if node is not None and (node.parent, node.name) == each[:2]]


class _Follow:
    """The work of one transaction."""

    def __init__(self, files: Files, tx: Transaction, space: Space, proofs: Proofs, later: list[Gone] | None) -> None:
        self._files = files
        self._tx = tx
        self._space = space
        self._store = files.store(space)
        self._proofs = proofs
        self._later = later
        self._gone: list[Gone] = []
        self._touched: set[int] = set()
        self._report = Report()

    def run(self, tasks: Iterable[Task], times: Sequence[tuple[int | None, int]]) -> Report:
        """Arrivals of all folders come first, so that what has only moved is not taken for gone."""
        self._store.present()
        for task in tasks:
            chain = self._chain(task.folder)
            if chain:
                self._folder(chain, task)
        if self._later is not None:
            self._later += self._gone
        elif self._gone:
            self._remove(still_gone(self._tx.connection, self._gone))
        nodes.uncertain(self._tx.connection, self._touched)
        nodes.compared(self._tx.connection, times)
        return self._report

    def leave(self, gone: Sequence[Gone]) -> Report:
        """See :func:`leave`."""
        self._store.present()
        found = [node for node in still_gone(self._tx.connection, gone) if not self._is_there(node)]
        writer.forget_many(self._tx, found)
        self._report.removed += len(found)
        return self._report

    # -- one folder --------------------------------------------------------------------------

    def _chain(self, folder: int) -> list[Node]:
        chain = nodes.chain(self._tx.connection, folder)
        return chain if chain and chain[0].id == self._space.node and chain[-1].is_folder else []

    def _folder(self, chain: list[Node], task: Task) -> None:
        path = disk_path([node.name for node in chain[1:]])
        try:
            if len(chain) > 1 and self._store.facts(path).inode != chain[-1].inode:
                return  # another folder has taken its place, which is for its parent to find, too
            found = list(self._store.look(path, [os.fsencode(name) for name in task.names]))
        except Missing:
            return  # the folder itself is gone, which is for its parent to find
        rows = self._rows(task)
        fresh: list[tuple[str, Facts]] = []
        for name, facts in zip(task.names, found, strict=True):
            node = rows.get(names.key(name))
            if node is not None and node.name != name:
                if facts is not None and self._twin(node, facts, chain[-1], path, name):
                    fresh.append((name, facts))
            elif facts is None:
                if node is not None:
                    self._touched.add(task.folder)
                    self._gone.append(Gone(task.folder, name, node.id))
            elif node is None or (node.is_folder != facts.folder and self._make_way(node)):
                fresh.append((name, facts))
            else:
                self._known(node, facts)
        self._arrive(chain, fresh)

    def _rows(self, task: Task) -> dict[str, Node]:
        connection = self._tx.connection
        if len(task.names) <= _FEW:
            found = [nodes.child(connection, task.folder, names.key(name)) for name in task.names]
            return {names.key(node.name): node for node in found if node is not None}
        wanted = {names.key(name) for name in task.names}
        rows = ((names.key(node.name), node) for node in nodes.each_child(connection, task.folder))
        return {key: node for key, node in rows if key in wanted}

    def _known(self, node: Node, facts: Facts) -> None:
        """Row and disk speak of a thing of the same name and kind."""
        if node.is_folder != facts.folder:
            return  # it had to make way, and was not allowed to
        if node.is_folder:
            if node.inode != facts.inode:
                nodes.set_facts(self._tx.connection, node.id, facts.inode, facts.birth_ns, None)
        elif not agrees(node, facts):
            writer.overwrite(self._tx, node, facts)
            self._report.changed += 1

    def _make_way(self, node: Node) -> bool:
        """A file became a folder or the other way round; whether the old one is gone now."""
        return self._remove([node])

    def _twin(self, node: Node, facts: Facts, folder: Node, path: Path, name: str) -> bool:
        """The name is there in another normalisation; true when it belongs to ``facts`` as to something new."""
        (other,) = self._store.look(path, [os.fsencode(node.name)])
        if other is not None:
            self._report.skipped += 1
            return False
        if node.inode == facts.inode and node.is_folder == facts.folder:
            writer.place(self._tx, node, folder, name)
            self._report.moved += 1
            return False
        return self._make_way(node)

    # -- what comes ----------------------------------------------------------------------------

    def _arrive(self, chain: list[Node], fresh: Sequence[tuple[str, Facts]]) -> None:
        """New names: known things that have moved, or new things."""
        folder = chain[-1]
        if fresh:
            self._touched.add(folder.id)
        above = {node.id for node in chain}
        made: list[tuple[str, Facts]] = []
        keys: set[str] = set()
        for name, facts in fresh:
            if names.key(name) in keys:
                self._report.skipped += 1
                continue
            keys.add(names.key(name))
            node = self._recognise(folder.id, name, facts)
            if node is None or node.id in above:
                made.append((name, facts))
            else:
                self._move(node, folder, name, facts)
        if made:
            writer.create_many(self._tx, folder, made)
            self._report.added += len(made)

    def _move(self, node: Node, folder: Node, name: str, facts: Facts) -> None:
        if node.parent == self._space.trash:
            if trash.remove(self._tx.connection, node.id):
                nodes.touch(self._tx.connection, node.parent, node.seq, -node.size)
            writer.revive(self._tx, node, folder, name)
            nodes.unread_below(self._tx.connection, node.id)  # nobody was told what happened to it elsewhere
        else:
            writer.place(self._tx, node, folder, name)
        self._report.moved += 1
        if node.is_folder:
            nodes.set_facts(self._tx.connection, node.id, facts.inode, facts.birth_ns, None)
        elif not agrees(node, facts):
            current = nodes.get(self._tx.connection, node.id)
            assert current is not None
            writer.overwrite(self._tx, current, facts)

    def _recognise(self, folder: int, name: str, facts: Facts) -> Node | None:
        """The node that this thing is: the same inode, born at the same time or with the same content."""
        for number, birth in nodes.births(self._tx.connection, facts.inode, self._space.id):
            node = nodes.get(self._tx.connection, number)
            if node is None or node.is_folder != facts.folder:
                continue
            if birth is None or facts.birth_ns is None:
                if not removals.same_content(self._tx.connection, node, facts, self._proofs.get((folder, name))):
                    continue
            elif birth != facts.birth_ns:
                continue
            if not self._is_there(node, facts):
                return node
        return None

    # -- what goes -----------------------------------------------------------------------------

    def _is_there(self, node: Node, facts: Facts | None = None) -> bool:
        """Whether the thing is where its row says; with ``facts``, whether that is the same inode."""
        path = self._place(node)
        if path is None:
            return False
        try:
            there = self._store.facts(path)
        except Missing:
            return False
        return there.folder == node.is_folder and (facts is None or there.inode == facts.inode)

    def _place(self, node: Node) -> Path | None:
        """Where a row says that its thing is on disk; None for what has lost its place."""
        chain = nodes.chain(self._tx.connection, node.id)
        if chain[0].id == self._space.node:
            return disk_path([each.name for each in chain[1:]])
        if len(chain) < 2 or not trash.holds(self._tx.connection, chain[1].id):
            return None
        return trash_path(chain[1]) + disk_path([each.name for each in chain[2:]])

    def _remove(self, found: list[Node]) -> bool:
        """Take their places from nodes that are gone, unless that is for a person to decide."""
        if not found:
            return True
        if not removals.admit(self._files, self._tx, self._space, found):
            self._report.held += len(found)
            return False
        writer.forget_many(self._tx, found)
        self._report.removed += len(found)
        return True
