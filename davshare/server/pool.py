"""Threads for requests that may block: cheroot's pool, growing with demand and without waiting."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from cheroot.workers.threadpool import (  # type: ignore[attr-defined]
    _SHUTDOWNREQUEST,
    ThreadPool,
    WorkerThread,
)

log = logging.getLogger("davshare.server")

FEWEST = 8


class Pool(ThreadPool):
    """Between ``min`` and ``max`` threads; a job waits only when all of them are busy.

    :meth:`submit`, :meth:`trim` and :meth:`stop` belong to one thread, the one
    with the loop; :meth:`finished` is called by the pool's threads.
    """

    _threads: list[WorkerThread]
    _pending_shutdowns: deque[None]
    _clear_dead_threads: Callable[[], None]
    _clear_threads: Callable[[], Iterator[WorkerThread]]

    def __init__(self, server: Any, most: int, waiting: int) -> None:
        super().__init__(server, min=min(FEWEST, most), max=most)
        # The C queue: several times cheaper per job than queue.Queue; its bound is kept by submit().
        self._queue: Any = queue.SimpleQueue()
        self.get = self._queue.get
        self._waiting = waiting
        self._lock = threading.Lock()
        self._peak = 0
        self._serial = 0
        #: Jobs taken and not finished.
        self.busy = 0

    def submit(self, job: Any) -> bool:
        """Let a thread call ``job.communicate()``; False when too many jobs wait already."""
        threads = len(self._threads)
        if self.busy >= threads + self._waiting:
            return False
        with self._lock:
            self.busy += 1
            busy = self.busy
        if busy > self._peak:
            self._peak = busy
        if busy > threads - len(self._pending_shutdowns):
            self.grow(1)
        self._queue.put(job)
        return True

    def finished(self) -> None:
        """One job is over."""
        with self._lock:
            self.busy -= 1

    def grow(self, amount: int) -> None:
        """Start up to ``amount`` threads, not above ``max``; they are not waited for."""
        self._clear_dead_threads()
        for _ in range(min(amount, self.max - len(self._threads))):
            thread = WorkerThread(self.server)
            self._serial += 1
            thread.name = f"pool-{self._serial}"
            thread.daemon = True
            try:
                thread.start()
            except RuntimeError:
                log.warning("no more threads can be started; requests wait for the %d there are", len(self._threads))
                return
            self._threads.append(thread)

    def trim(self) -> None:
        """Let go of the threads that were not needed since the last call."""
        needed, self._peak = max(self._peak, self.min), self.busy
        spare = len(self._threads) - needed
        if spare > 0:
            self.shrink(spare)
        names = {thread.name for thread in self._threads}
        stats = self.server.stats["Worker Threads"]
        for name in [name for name in list(stats) if name not in names]:
            stats.pop(name, None)

    def stop(self, timeout: float | None = 5) -> None:
        """End all threads, waiting at most ``timeout`` seconds for those that are busy."""
        until = time.monotonic() + (timeout or 0)
        threads = list(self._clear_threads())
        for _ in threads:
            self._queue.put(_SHUTDOWNREQUEST)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
