"""The thread for short changes: all that came together are made side by side, in one transaction.

A pool's threads would come to the index one after the other, with a commit for
each; here all of them come to it before the first one goes on.  It is a short cut
only: as soon as something holds it up, everything goes to the pool again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from davshare.abreast import Abreast

if TYPE_CHECKING:
    from davshare.server.connection import Connection

log = logging.getLogger("davshare.server")

#: Changes that are made side by side.
_MOST = 64
#: Seconds for which a few changes may take, before the others go to the pool.
_PATIENCE = 0.05
#: Changes that may wait here, so that a held up lane holds up few.
_WAITING = 256


class Lane:
    """One thread; all but its own work belongs to the thread with the loop.

    :param done: is called in the lane's thread with every job that is over.
    """

    def __init__(self, done: Callable[[Connection], None]) -> None:
        self._done = done
        self._gathered: list[Connection] = []
        self._queue: queue.SimpleQueue[Sequence[Connection] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="lane", daemon=True)
        self._taken = self._ended = 0
        #: Since when some are being made; infinity: none are.
        self._since = float("inf")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def busy(self) -> int:
        """Connections taken and not over."""
        return self._taken - self._ended

    def submit(self, job: Connection) -> bool:
        """Take a job, which is begun with the next :meth:`go`; False when it is better made elsewhere."""
        if self.busy >= _WAITING or monotonic() - self._since > _PATIENCE:
            return False
        self._taken += 1
        self._gathered.append(job)
        return True

    def go(self) -> None:
        """Begin what was taken since the last time."""
        if self._gathered:
            self._queue.put(self._gathered)
            self._gathered = []

    def stop(self, timeout: float) -> None:
        """End the thread, waiting at most ``timeout`` seconds for what it does."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        abreast = Abreast()
        over = False
        while not over:
            jobs: list[Connection] = []
            found = self._queue.get()
            while found is not None:
                jobs += found
                if len(jobs) >= _MOST or self._queue.empty():
                    break
                found = self._queue.get()
            over, found = found is None, None  # nothing of the last ones is held while the next are waited for
            self._since = monotonic()
            for start in range(0, len(jobs), _MOST):
                try:
                    abreast.run([partial(self._make, job) for job in jobs[start : start + _MOST]], self._others)
                except BaseException:
                    log.exception("changes made side by side have failed")
            self._since = float("inf")

    def _others(self) -> list[Callable[[], None]]:
        """What has come while those before waited for their turn."""
        jobs: list[Connection] = []
        while len(jobs) < _MOST and not self._queue.empty():
            found = self._queue.get()
            if found is None:
                self._queue.put(None)  # for the one who ends
                break
            jobs += found
        return [partial(self._make, job) for job in jobs]

    def _make(self, job: Connection) -> None:
        try:
            job.communicate()
        finally:
            self._ended += 1
            self._done(job)
