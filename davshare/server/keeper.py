"""The keeper: one process that tidies up and follows the disks, so that no request has to."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from davshare.config import Config
from davshare.errors import Conflict, DavshareError
from davshare.files import access, freezing, record, tidy
from davshare.files.attend import Attendant
from davshare.files.hashing import Hasher
from davshare.files.lease import KEEPER, Lease
from davshare.files.service import Files
from davshare.identity import sessions, sightings
from davshare.notices import mail, reminders
from davshare.server.deliverer import Deliverer
from davshare.server.mailer import Mailer
from davshare.sharing import guests

log = logging.getLogger("davshare.keeper")
_PAUSE = 60.0
#: Seconds between two looks for grants whose time is over.
_PROMPT = 1.0
#: Rounds in an hour.
_HOUR = 60
#: Seconds between two looks when there is nothing to do, and when there will be very soon.
_IDLE = 0.2
_SOON = 0.02


def _stay_the_only_one(files: Files, now: int) -> int:
    """Renew the server's claim to the index; when another server has it, this one ends."""
    try:
        files.db.claim()
    except Conflict as error:
        log.error("%s; this one ends", error.message)
        os.kill(os.getppid(), signal.SIGTERM)
    return 0


Task = Callable[[Files, int], int]
#: Tasks that cost what there is to do, and tasks that cost something for every space of the site.
_OFTEN: tuple[Task, ...] = (
    _stay_the_only_one,
    tidy.settle_effects,
    tidy.expire_locks,
    tidy.purge_trash,
    freezing.tidy,
    reminders.of_shares,
    reminders.of_quotas,
)
_SELDOM: tuple[Task, ...] = (
    sessions.rotate_old_key,
    sessions.drop_what_is_over,
    sightings.forget_gone_spaces,
    tidy.trim_journals,
    tidy.purge_ghosts,
    tidy.end_uploads,
    tidy.remove_litter,
    mail.forget_given_up,
    reminders.of_links,
    reminders.forget,
    guests.retire,
    record.forget_old,
    tidy.forget_deposits,
)


class Keeper:
    """Follows the disks all the time, and runs the tasks about once a minute or an hour, until SIGTERM.

    Of several keepers that share an index only the one with the lease works.
    """

    def __init__(self, files: Files, config: Config) -> None:
        self._files = files
        self._config = config
        self._stop = threading.Event()
        self._rounds = 0

    def run(self) -> None:
        """Work until told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        lease = Lease(self._files.db, KEEPER)
        while not self._stop.wait(1.0):
            if self._attempt("taking the lease", lease.held):
                self._work(lease)
        lease.give_back()
        self._files.committer.close()
        self._files.db.close()

    def _work(self, lease: Lease) -> None:
        """As long as the lease is ours."""
        attendant = Attendant(self._files)
        ended = threading.Event()
        hasher = threading.Thread(target=Hasher(self._files).run, args=(ended,), name="davshare-hash", daemon=True)
        hasher.start()
        deliverer = threading.Thread(
            target=Deliverer(self._files).run, args=(ended,), name="davshare-webhooks", daemon=True
        )
        deliverer.start()
        mailer = threading.Thread(
            target=Mailer(self._files, self._config).run, args=(ended,), name="davshare-mail", daemon=True
        )
        mailer.start()
        due = time.monotonic() + _PAUSE
        grants_due = 0.0
        while not self._stop.is_set() and self._attempt("keeping the lease", lease.held):
            if time.monotonic() >= due:
                due = time.monotonic() + _PAUSE
                self.round(int(time.time()))
            if time.monotonic() >= grants_due:
                grants_due = time.monotonic() + _PROMPT
                self._attempt("ending grants", lambda: access.expire(self._files))
            if not self._attempt("following the disks", attendant.step):
                self._stop.wait(_SOON if attendant.waiting() else _IDLE)
        ended.set()
        hasher.join(timeout=1.0)
        deliverer.join(timeout=1.0)
        mailer.join(timeout=1.0)

    def round(self, now: int) -> None:
        """Every task that is due; one that fails is logged and tried again when it is due the next time."""
        tasks = [*_OFTEN, *(_SELDOM if self._rounds % _HOUR == 0 else ())]
        self._rounds += 1
        for task in tasks:
            done = self._attempt(task.__name__, lambda task=task: task(self._files, now))  # type: ignore[misc]
            if done:
                log.info("%s: %d", task.__name__, done)

    def _attempt(self, what: str, work: Callable[[], int]) -> int:
        """What ``work`` returns; 0 when it failed."""
        try:
            self._files.generation()
            return work()
        except DavshareError as error:
            log.warning("%s: %s", what, error.message)
        except Exception:
            log.exception("%s failed", what)
        return 0

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()
