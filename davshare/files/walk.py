"""A whole space beside the disk: at a start, after lost events, for a first index, and when somebody asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from davshare.errors import Forbidden
from davshare.files import removals
from davshare.files.commit import Transaction
from davshare.files.compare import Comparison, compare
from davshare.files.follow import Gone, Report, follow, leave, still_gone
from davshare.files.service import Files
from davshare.index import nodes, spaces
from davshare.model.nodes import Space
from davshare.store.base import Path

log = logging.getLogger("davshare.files")
#: Names and folders that go into one transaction.
_NAMES = 1000
_FOLDERS = 200
#: Seconds after which a folder that was being changed is looked at once more.
_SETTLED = 0.1


class Walk:
    """One pass over every folder of a space, known ones first, then those that it finds.

    A pass that ends early loses nothing: folders that nobody has read yet
    are marked so in their rows, and the next one goes on with them.

    :param visit: called with id and path of every folder before it is read.
    :param progress: called with numbers of things compared.
    :param accept: whatever is gone from disk may go from the index.
    """

    def __init__(
        self,
        files: Files,
        space: Space,
        *,
        visit: Callable[[int, Path], None] = lambda folder, path: None,
        progress: Callable[[int], None] = lambda count: None,
        accept: bool = False,
    ) -> None:
        self.report = Report()
        self._files = files
        self._space = space
        self._visit = visit
        self._progress = progress
        self._accept = accept
        self._batch: list[Comparison] = []
        self._size = 0
        self._again: list[int] = []
        self._gone: list[Gone] = []
        self._stuck: set[int] = set()
        self._blind = False

    @property
    def stuck(self) -> frozenset[int]:
        """Folders that are still marked as unread, because they cannot be read or are not in the space any more."""
        return frozenset(self._stuck)

    @property
    def unsettled(self) -> bool:
        """Whether some folders were being changed each time they were looked at."""
        return bool(self._again)

    def run(self) -> Report:
        """The whole pass."""
        for _ in self.steps():
            pass
        return self.report

    def steps(self) -> Iterator[None]:
        """The pass in small steps; whoever does other things as well takes one at a time.

        :raises Unavailable: the storage is missing; what was not compared yet stays as it is.
        """
        self._files.store(self._space).present()
        if self._accept:
            removals.release(self._files, self._space)
        yield from self._known([self._space.node])
        yield from self._unread()
        if self._again:
            time.sleep(_SETTLED)
            again, self._again = self._again, []
            for number in again:
                self._look(number)
                yield
            self._flush()
            yield from self._unread()
        yield from self._leave(whole=True)

    def unread(self, folders: Sequence[int] = ()) -> Iterator[None]:
        """Only folders that nobody has read yet, and ``folders`` with all below them."""
        self._files.store(self._space).present()
        yield from self._known(list(folders))
        yield from self._unread()
        yield from self._leave()

    def _known(self, pending: list[int]) -> Iterator[None]:
        while pending:
            pending += self._look(pending.pop())
            yield
        self._flush()

    def _unread(self) -> Iterator[None]:
        """Folders that nobody has read, until there are none but those that cannot be read."""
        reading = True
        while reading:
            after, reading = 0, False
            while found := self._marked(after):
                for number in found:
                    if number not in self._stuck:
                        self._look(number)
                        reading = True
                        yield
                self._flush()
                self._stuck.update(set(found).intersection(self._marked(after)))
                after = found[-1]

    def _marked(self, after: int) -> list[int]:
        with self._files.db.session() as connection:
            return nodes.unread(connection, self._space.id, after, _FOLDERS)

    def _look(self, number: int) -> list[int]:
        """Compare one folder; its known subfolders."""
        try:
            found = compare(self._files, self._space, number, self._visit)
        except Forbidden:
            self.report.skipped += 1
            self._blind = True  # what is gone from it is not known
            return []
        if found is None:
            return []
        self.report.skipped += found.skipped
        if found.time is None:
            self._again.append(number)
        if found.names or found.noted is not None:
            self._batch.append(found)
            self._size += len(found.names)
            if self._size >= _NAMES or len(self._batch) >= _FOLDERS:
                self._flush()
        self._progress(1 + len(found.names))
        return found.folders

    def _flush(self) -> None:
        """Let the rows follow what was found so far, in transactions of limited size."""
        batch, self._batch, self._size = self._batch, [], 0
        tasks = [
            found.task._replace(names=found.names[start : start + _NAMES])
            for found in batch
            for start in range(0, len(found.names), _NAMES)
        ]
        proofs = {key: proof for found in batch for key, proof in found.proofs.items()}
        times = [noted for found in batch if (noted := found.noted) is not None]
        while tasks or times:
            part, size = [], 0
            while tasks and size < _NAMES:
                part.append(tasks.pop(0))
                size += len(part[-1].names)
            now, times = ([], times) if tasks else (times, [])
            self.report.add(follow(self._files, self._space, part, times=now, proofs=proofs, later=self._gone))

    def _leave(self, whole: bool = False) -> Iterator[None]:
        """What is gone and came up nowhere else; a large share of the space waits for a person."""
        gone, self._gone = self._gone, []
        if whole and not self._again and not self._blind and self._held():
            removals.release(self._files, self._space)  # what is gone now is all that is gone: judged anew
        if not gone:
            return
        if not self._accept and not self._files.committer.run(lambda tx: self._admitted(tx, gone), [self._space.id]):
            self.report.held += len(gone)
            return
        for start in range(0, len(gone), _FOLDERS):
            self.report.add(leave(self._files, self._space, gone[start : start + _FOLDERS]))
            yield
        if self._accept and self._held():
            removals.release(self._files, self._space)  # by whoever watches the disk, while this went on

    def _admitted(self, tx: Transaction, gone: list[Gone]) -> bool:
        still = still_gone(tx.connection, gone)
        return not still or removals.admit(self._files, tx, self._space, still)

    def _held(self) -> bool:
        with self._files.db.session() as connection:
            return bool(spaces.tally(connection, self._space.id).held)
