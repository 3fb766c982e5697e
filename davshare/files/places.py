"""Where things are, and were, below one collection."""

from __future__ import annotations

from collections.abc import Sequence

from davshare.index import journal, nodes
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.nodes import Node

_NOWHERE: tuple[str, ...] | None = None


class Places:
    """Paths below a collection, now and after any journal entry of its space."""

    def __init__(self, connection: Connection, space: int, collection: Node) -> None:
        self._connection = connection
        self._space = space
        self._collection = collection

    def at(self, path: Sequence[str]) -> Node | None:
        """What is at a path below the collection now."""
        node: Node | None = self._collection
        for name in path:
            node = nodes.child(self._connection, node.id, names.key(name)) if node is not None else None
            if node is None or node.name != name:
                return None
        return node

    def existing(self, path: Sequence[str]) -> list[Node]:
        """The nodes on a path from the collection down, as far as they exist."""
        found = [self._collection]
        for name in path:
            node = nodes.child(self._connection, found[-1].id, names.key(name))
            if node is None:
                break
            found.append(node)
        return found

    def members_at(self, folder: int, seq: int) -> dict[str, int]:
        """Names and ids of what was in a folder after entry ``seq``; and of what has been made there since."""
        found: dict[str, int] = {}
        parent = nodes.get(self._connection, folder)
        for child in nodes.children(self._connection, folder):
            if child.space != self._space and (parent is None or child.place_seq > parent.place_seq):
                continue  # made after the folder had left this space: nobody here may know of it
            if journal.place_before(self._connection, self._space, child.id, seq) is None:
                found[child.name] = child.id
        for left, name in journal.left_from(self._connection, self._space, folder, seq):
            if journal.place_before(self._connection, self._space, left, seq) == (folder, name):
                found[name] = left
        return found

    def ways(self, goals: Sequence[int], seq: int) -> dict[int, set[int]]:
        """By some nodes of the space: their ids, and those of all that holds them now, or did after entry ``seq``."""
        found = {}
        for goal, chain in nodes.chains(self._connection, goals).items():
            if chain[-1].space == self._space:
                found[goal] = {node.id for node in chain}
                if any(node.place_seq > seq for node in chain):
                    found[goal] |= self._above_at(goal, seq)
        return found

    def _above_at(self, node: int, seq: int) -> set[int]:
        found: set[int] = set()
        while node and node not in found:
            found.add(node)
            before = journal.place_before(self._connection, self._space, node, seq)
            row = nodes.get(self._connection, node) if before is None else None
            node = before[0] if before is not None else 0 if row is None else row.parent
        return found

    def path_of(self, chain: Sequence[Node]) -> list[Node]:
        """The part of a chain below the collection; empty when it leads elsewhere."""
        for index, node in enumerate(chain):
            if node.id == self._collection.id:
                return list(chain[index + 1 :])
        return []

    def path_at(self, node: int, seq: int) -> tuple[str, ...] | None:
        """Names from the collection to where a node was after entry ``seq``; None when that was elsewhere."""
        path: list[str] = []
        while node != self._collection.id:
            before = journal.place_before(self._connection, self._space, node, seq)
            if before is None:
                row = nodes.get(self._connection, node)
                if row is None or row.parent == 0:
                    return _NOWHERE
                before = (row.parent, row.name)
            node, name = before
            path.append(name)
            if len(path) > 4096:
                return _NOWHERE
        return tuple(reversed(path))
