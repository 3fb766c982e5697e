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
#: Rounds in an hour.
_HOUR = 60

Task = Callable[[Files, int], int]
#: Tasks that cost what there is to do, and tasks that cost something for every space of the site.
_OFTEN: tuple[Task, ...] = (tidy.settle_effects, tidy.expire_locks, tidy.purge_trash)
_SELDOM: tuple[Task, ...] = (tidy.trim_journals, tidy.purge_ghosts, tidy.remove_litter)


class Keeper:
    """Runs every task about once a minute, those that ask about every space once an hour, until SIGTERM."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._stop = threading.Event()
        self._rounds = 0

    def run(self) -> None:
        """Work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        while not self._stop.wait(_PAUSE):
            self.round(int(time.time()))
        self._files.committer.close()
        self._files.db.close()

    def round(self, now: int) -> None:
        """Every task that is due; one that fails is logged and tried again when it is due the next time."""
        tasks = [*_OFTEN, *(_SELDOM if self._rounds % _HOUR == 0 else ())]
        self._rounds += 1
        for task in tasks:
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
