"""The keeper: one process that tidies up, so that no request has to."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from davshare.errors import DavshareError
from davshare.files import tidy
from davshare.files.service import Files

log = logging.getLogger("davshare.keeper")
_PAUSE = 60.0


class Keeper:
    """Runs every task about once a minute until SIGTERM."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._stop = threading.Event()
        self._tasks: list[Callable[[Files, int], int]] = [
            tidy.settle_effects,
            tidy.expire_locks,
            tidy.purge_trash,
            tidy.trim_journals,
            tidy.purge_ghosts,
            tidy.remove_litter,
        ]

    def run(self) -> None:
        """Work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        while not self._stop.wait(_PAUSE):
            self.round(int(time.time()))
        self._files.committer.close()
        self._files.db.close()

    def round(self, now: int) -> None:
        """Every task once; one that fails is logged and tried again the next time."""
        for task in self._tasks:
            try:
                self._files.generation()
                done = task(self._files, now)
            except DavshareError as error:
                log.warning("%s: %s", task.__name__, error.message)
            except Exception:
                log.exception("%s failed", task.__name__)
            else:
                if done:
                    log.info("%s: %d", task.__name__, done)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()
