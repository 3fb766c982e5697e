"""The rows follow the disk where somebody changed it without us."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from davshare.files import writer
from davshare.files.commit import Transaction
from davshare.files.locate import disk_path
from davshare.files.service import Files
from davshare.index import nodes, spaces
from davshare.model import names
from davshare.model.nodes import Node, Space
from davshare.store.base import Facts, Missing, Path

Progress = Callable[[int], None]


@dataclass(slots=True)
class Report:
    """What a reconciliation did; ``skipped`` counts names that the index cannot hold."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    moved: int = 0
    skipped: int = 0


def refresh(files: Files, number: int) -> None:
    """Let one row follow the disk: what was replaced or removed there is replaced or removed here."""
    with files.db.session() as connection:
        chain = nodes.chain(connection, number)
    if len(chain) < 2:
        return
    space = chain[0].space

    def work(tx: Transaction) -> None:
        chain = nodes.chain(tx.connection, number)
        store = files.store_of(space)
        if len(chain) < 2 or chain[0].space != space or store is None:
            return
        store.present()
        node = chain[-1]
        try:
            facts = store.facts(disk_path([each.name for each in chain[1:]]))
        except Missing:
            writer.forget(tx, node)
            return
        if facts.folder != node.is_folder:
            writer.forget(tx, node)
            writer.create(tx, chain[-2], node.name, facts)
        elif node.is_folder:
            nodes.set_inode(tx.connection, node.id, facts.inode)
        elif not agrees(node, facts):
            writer.overwrite(tx, node, facts)

    files.committer.run(work, [space], alone=True)


def agrees(node: Node, facts: Facts) -> bool:
    """Whether a file on disk is the content that the row speaks of."""
    expected = node.mtime_ns if node.disk_ns is None else node.disk_ns
    return facts.inode == node.inode and facts.size == node.size and facts.mtime_ns == expected


def refresh_folder(files: Files, number: int) -> None:
    """Let the members of one folder follow the disk; new folders come with all their content."""
    with files.db.session() as connection:
        chain = nodes.chain(connection, number)
        space = spaces.get(connection, chain[0].space) if chain else None
    if space is not None:
        walk = _Walk(files, space, lambda count: None)
        walk.pending.append(chain[-1].id)
        walk.run()


def reconcile(files: Files, space_name: str | None, progress: Progress) -> Report:
    """Compare every folder of one space, or of all, with the disk, and let the index follow.

    :raises Unavailable: the storage of a space is missing; nothing of that space was changed.
    """
    total = Report()
    with files.db.session() as connection:
        known = [space for space in spaces.all_spaces(connection) if space_name in (None, space.name)]
    for space in known:
        walk = _Walk(files, space, progress)
        walk.pending.append(space.node)
        walk.run()
        for name in ("added", "changed", "removed", "moved", "skipped"):
            setattr(total, name, getattr(total, name) + getattr(walk.report, name))
    return total


@dataclass(slots=True)
class _Walk:
    """One pass over a space, a folder and a transaction at a time."""

    files: Files
    space: Space
    progress: Progress
    pending: deque[int] = field(default_factory=deque)
    report: Report = field(default_factory=Report)
    missing: dict[int, Node] = field(default_factory=dict)
    fresh: list[tuple[int, str, Facts]] = field(default_factory=list)

    def run(self) -> None:
        """Known folders first; then what is new is matched with what is missing."""
        self.files.store(self.space).present()
        self._drain()
        while self.fresh:
            fresh, self.fresh = self.fresh, []
            for parent, name, facts in fresh:
                self._run(lambda tx, p=parent, n=name, f=facts: self._arrive(tx, p, n, f))  # type: ignore[misc]
            self._drain()
        for node in list(self.missing.values()):
            self._run(lambda tx, n=node: self._leave(tx, n))  # type: ignore[misc]

    def _drain(self) -> None:
        while self.pending:
            number = self.pending.popleft()
            self._run(lambda tx, n=number: self._compare(tx, n))  # type: ignore[misc]
            self.progress(1)

    def _run(self, work: Callable[[Transaction], None]) -> None:
        self.files.committer.run(work, [self.space.id], alone=True)

    def _path(self, tx: Transaction, number: int) -> tuple[list[Node], Path]:
        chain = nodes.chain(tx.connection, number)
        if not chain or chain[0].id != self.space.node:
            raise Missing
        return chain, disk_path([node.name for node in chain[1:]])

    def _compare(self, tx: Transaction, number: int) -> None:
        """One folder: changed members follow at once, new and missing ones are remembered."""
        with contextlib.suppress(Missing):
            chain, path = self._path(tx, number)
            store = self.files.store(self.space)
            rows = {node.name: node for node in nodes.children(tx.connection, chain[-1].id)}
            for raw, facts in store.scan(path):
                name = self._name(raw)
                if name is None:
                    continue
                node = rows.pop(name, None)
                if node is None or node.is_folder != facts.folder:
                    if node is not None:
                        self.missing[node.id] = node
                    self.fresh.append((number, name, facts))
                elif node.is_folder:
                    if node.inode != facts.inode:
                        nodes.set_inode(tx.connection, node.id, facts.inode)
                    self.pending.append(node.id)
                elif not agrees(node, facts):
                    writer.overwrite(tx, node, facts)
                    self.report.changed += 1
            self.missing.update((node.id, node) for node in rows.values())

    def _name(self, raw: bytes) -> str | None:
        """The name as URLs can carry it, or None."""
        try:
            name = raw.decode()
            if names.is_name(name):
                return name
        except UnicodeDecodeError:
            pass
        self.report.skipped += 1
        return None

    def _arrive(self, tx: Transaction, parent: int, name: str, facts: Facts) -> None:
        """Something new: a known thing under another name, or a new one."""
        try:
            chain, path = self._path(tx, parent)
            facts = self.files.store(self.space).facts((*path, os.fsencode(name)))
        except Missing:
            return
        folder = chain[-1]
        present = nodes.child(tx.connection, parent, names.key(name))
        if present is not None and present.id in self.missing:
            self._leave(tx, self.missing[present.id])
        elif present is not None:
            if present.name != name:
                self.report.skipped += 1
            return
        for node in self.missing.values():
            if self._same(node, facts):
                self.missing.pop(node.id)
                current = nodes.get(tx.connection, node.id)
                if current is not None:
                    writer.place(tx, current, folder, name)
                    self.report.moved += 1
                    if facts.folder:
                        self.pending.append(node.id)
                    return
                break
        created = writer.create(tx, folder, name, facts)
        self.report.added += 1
        if facts.folder:
            self.pending.append(created.id)

    @staticmethod
    def _same(node: Node, facts: Facts) -> bool:
        """Inodes are used again at once, so a file must also have its size and time."""
        if node.inode != facts.inode or node.is_folder != facts.folder:
            return False
        return node.is_folder or agrees(node, facts)

    def _leave(self, tx: Transaction, node: Node) -> None:
        """Something is gone, and came up nowhere else; looked at once more, in the writer's turn."""
        self.missing.pop(node.id, None)
        current = nodes.get(tx.connection, node.id)
        if current is None or (current.parent, current.name) != (node.parent, node.name):
            return
        with contextlib.suppress(Missing):
            _, path = self._path(tx, node.id)
            facts = self.files.store(self.space).facts(path)
            if facts.folder == node.is_folder:
                return
        self.files.store(self.space).present()
        writer.forget(tx, current)
        self.report.removed += 1
