"""What one transaction counts: read from the index once, written back once."""

from __future__ import annotations

from davshare.index import spaces
from davshare.index.database import Connection, set_count


class Numbers:
    """Numbers of journal entries, of effects and of the commit itself, for all changes of one transaction.

    Nobody else writes meanwhile, so they can be counted in memory.

    :param commits: the number of this commit, greater than that of every one before.
    """

    __slots__ = ("_commits", "_connection", "_effect", "_heads", "_read")

    def __init__(self, connection: Connection, commits: int) -> None:
        self._connection = connection
        self._commits = commits
        self._effect = commits << 20
        #: Numbers of the last entries of spaces: as they were read, and as they are now.
        self._read: dict[int, int] = {}
        self._heads: dict[int, int] = {}

    def effect(self) -> int:
        """The number of the next effect, greater than those of all before."""
        self._effect += 1
        return self._effect

    def entries(self, space: int, count: int = 1) -> int:
        """The number of the next journal entry of a space, or the first of ``count``."""
        head = self._head(space)
        self._heads[space] = head + count
        return head + 1

    def raise_above(self, space: int, number: int) -> None:
        """Let the next entry of a space have a greater number than ``number``."""
        self._heads[space] = max(self._head(space), number)

    def _head(self, space: int) -> int:
        known = self._heads.get(space)
        if known is None:
            known = self._read[space] = spaces.head(self._connection, space)
        return known

    def so_far(self) -> dict[int, int]:
        """What :meth:`go_back` needs when a change is refused."""
        return self._heads.copy()

    def go_back(self, so_far: dict[int, int]) -> None:
        """Numbers that were given out since then are free again: a sync token that changes is news to everybody."""
        self._heads = so_far

    def write(self) -> None:
        """Write down the number of the commit and those of the last entries."""
        set_count(self._connection, "commits", self._commits)
        for space, head in self._heads.items():
            if head != self._read.get(space):
                spaces.set_head(self._connection, space, head)
