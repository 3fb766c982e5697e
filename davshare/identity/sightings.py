"""When devices were here, and how far they have read: remembered by each worker, and written now and then.

A request costs a look into a dictionary.  What is new is written about twice
a minute; while the index is away it waits, and of what is written a minute may
be missing when a worker dies.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from davshare.errors import DavshareError
from davshare.index import devices
from davshare.index.database import Database
from davshare.index.devices import Sighting

if TYPE_CHECKING:
    from davshare.files.service import Files

log = logging.getLogger("davshare.server")
#: Seconds between two writes, and for which one sighting stands for all.
_PAUSE, _PRECISION = 30.0, 60
#: Most devices and spaces that are remembered.
_MOST = 10_000
_LONGEST = 200
#: Instead of the id of a space.
ANYWHERE = 0


class Sightings:
    """What one process has seen.

    :param pause: seconds between two writes.
    :param clock: seconds since 1970.
    """

    def __init__(
        self, database: Database, pause: float = _PAUSE, clock: Callable[[], float] = time.time, most: int = _MOST
    ) -> None:
        self._db = database
        self._pause = pause
        self._clock = clock
        self._most = most
        self._known: dict[tuple[int, int], Sighting] = {}
        #: What is to be written.
        self._fresh: dict[tuple[int, int], Sighting] = {}
        self._mutex = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, device: int, agent: str, peer: str, space: int = ANYWHERE, seq: int | None = None) -> None:
        """A device was here.

        :param seq: the journal entry of ``space`` up to which it was told everything.
        """
        key = device, space
        now = int(self._clock())
        known = self._known.get(key)
        if known is not None and known.seq == seq and 0 <= now - known.at < _PRECISION:
            return
        sighting = Sighting(device, space, seq, now, one_line(agent), one_line(peer))
        with self._mutex:
            if key not in self._fresh and len(self._fresh) >= self._most:
                return  # it comes again
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[key] = self._fresh[key] = sighting

    def flush(self) -> int:
        """Write what is new; how much that was.

        :raises Unavailable: the index cannot be written; nothing is forgotten.
        """
        with self._mutex:
            fresh, self._fresh = self._fresh, {}
        if not fresh:
            return 0
        try:
            with self._db.write() as connection:
                devices.note(connection, fresh.values())
        except BaseException:
            with self._mutex:
                self._fresh = {**fresh, **self._fresh}
            raise
        return len(fresh)

    def start(self) -> None:
        """Write now and then, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="davshare-seen", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left, if that is possible, and end."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._end.wait(self._pause):
            self._attempt()
        self._attempt()

    def _attempt(self) -> None:
        try:
            self.flush()
        except DavshareError as error:
            log.info("what devices were seen is written later: %s", error.message)
        except Exception:
            log.exception("what devices were seen could not be written")


def one_line(text: str, longest: int = _LONGEST) -> str:
    """A field of a request without control characters, on one line and of sensible length."""
    with contextlib.suppress(UnicodeError):
        # Fields are read as Latin-1; the name of somebody's computer is in UTF-8.
        text = text.encode("latin-1").decode()
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:longest].rstrip()


def forget_gone_spaces(files: Files, now: int) -> int:
    """Drop what is known of spaces that are gone; for the keeper."""
    with files.db.session() as connection:
        if not devices.any_gone(connection):
            return 0
    with files.db.write() as connection:
        return devices.forget_gone(connection)
