"""What listings tell of shares: whether something is shared, and with users, groups, or everybody who knows a link."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from davshare.index import links
from davshare.index import shares as rows
from davshare.index.database import Connection
from davshare.index.shares import Kind
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node
from davshare.model.people import Actor

_NUMBERS: Final = {"user": 0, "group": 1, "link": 3}
_SEES: Final = Permission.READ_ACL | Permission.WRITE_ACL
#: Folders whose members' shares are remembered at a time.
_REMEMBERED = 256


class Kinds:
    """The shares and links of what one answer tells of: two statements for each folder."""

    def __init__(self, connection: Connection, actor: Actor) -> None:
        self._connection = connection
        self._actor = actor
        self._now = int(time.time())
        self._found: dict[int, dict[int, list[Kind]]] = {}

    def learn(self, found: Sequence[Node]) -> None:
        """Read the shares of many nodes at once, which are asked about each alone."""
        self._found.update((-node.id, {}) for node in found)
        numbers = [node.id for node in found]
        shared = rows.kinds_of(self._connection, numbers, self._now)
        for each in shared + links.kinds_of(self._connection, numbers, self._now):
            self._found[-each.node].setdefault(each.node, []).append(each)

    def of(self, node: Node, rights: Rights, alone: bool) -> list[int]:
        """The types of shares of a node, as far as the asker made them or may see who has access.

        :param alone: nothing else of its folder is asked about.
        """
        key = -node.id if alone or not node.parent else node.parent
        if key not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found: dict[int, list[Kind]] = {}
            for each in self._read(key):
                found.setdefault(each.node, []).append(each)
            self._found[key] = found
        known = self._found[key].get(node.id, [])
        return sorted({_NUMBERS[each.kind] for each in known if rights & _SEES or each.sharer == self._actor.user})

    def _read(self, key: int) -> list[Kind]:
        """Of the members of a folder; a negative number stands for one node alone."""
        if key < 0:
            shared = rows.kinds_on(self._connection, -key, self._now)
            return shared + links.kinds_on(self._connection, -key, self._now)
        return rows.kinds_in(self._connection, key, self._now) + links.kinds_in(self._connection, key, self._now)
