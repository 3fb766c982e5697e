"""One change of a collection as a follower is told of it, and where a page that ends with it goes on."""

from __future__ import annotations

from typing import NamedTuple

from davshare.model.journal import Kind
from davshare.model.nodes import Node
from davshare.model.tokens import SyncToken

#: The parts of what one journal entry expands to, in order (see :mod:`davshare.files.sync`).
LEFT, SELF, ABOVE, BELOW, FIRST = range(5)


class Change(NamedTuple):
    """One member: its path below the collection, and its node, or None when it is gone.

    ``folder`` says whether what is gone was a folder, ``id`` which node it
    was.  ``kind`` is what happened: CREATED (it was not there, or could not be
    seen), MODIFIED, MOVED or DELETED.
    """

    path: tuple[str, ...]
    node: Node | None
    folder: bool
    id: int = 0
    kind: Kind = Kind.MODIFIED


def known(token: SyncToken) -> int:
    """Up to which entry at least whoever has a token was told everything; clients can send what they like."""
    cursor = token.cursor
    return token.seq if cursor is None or cursor.stage != LEFT else min(token.seq, cursor.head)


class Step(NamedTuple):
    """A change, where a page that ends after it would go on, and of which kind the entry is that tells it."""

    change: Change
    stage: int
    key: int
    kind: int = Kind.MODIFIED

    @property
    def node(self) -> int:
        """The node that it is about."""
        return self.key // 2 if self.stage == LEFT else self.key

    def told(self) -> Change:
        """The change as the follower gets it."""
        kind = Kind.DELETED if self.change.node is None else _KINDS.get((self.stage, self.kind), Kind.MODIFIED)
        return self.change._replace(id=self.node, kind=kind)


#: What an entry means for what comes with it; everything else is a modification.
_KINDS: dict[tuple[int, int], Kind] = {
    (SELF, Kind.CREATED): Kind.CREATED,
    (SELF, Kind.MOVED): Kind.MOVED,
    (BELOW, Kind.CREATED): Kind.CREATED,
    (BELOW, Kind.MOVED): Kind.MOVED,
    (BELOW, Kind.ACCESS): Kind.CREATED,
    (FIRST, Kind.MODIFIED): Kind.CREATED,
}
