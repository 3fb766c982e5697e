"""How often public links were used.

A use is one GET of content by WebDAV or at a file's own address, or one session
of the page, whatever is got in it.  Where a link may be used so many times
only, each use is counted, and refused when there are no more, in a transaction
of its own before anything is sent.  Otherwise uses are gathered and written
every second or two, and those of the last moment are lost when a worker dies.
"""

from __future__ import annotations

import logging
import threading

from davshare.errors import DavshareError
from davshare.files.linked import Link
from davshare.index import links
from davshare.index.database import Database

log = logging.getLogger("davshare.server")
#: Seconds between two writes.
_PAUSE = 1.5
#: Most links whose uses wait to be written.
_MOST = 10_000


class Uses:
    """The counter of one worker process.

    :param pause: seconds between two writes.
    """

    def __init__(self, database: Database, pause: float = _PAUSE) -> None:
        self._db = database
        self._pause = pause
        self._fresh: dict[int, int] = {}
        self._mutex = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, link: Link) -> bool:
        """Count one use; false where the link was used as often as may be, and nothing was counted.

        :raises Unavailable: it cannot be counted.
        """
        if link.max_uses is not None:
            with self._db.write() as connection:
                return links.use(connection, link.id)
        with self._mutex:
            if link.id in self._fresh or len(self._fresh) < _MOST:
                self._fresh[link.id] = self._fresh.get(link.id, 0) + 1
            if self._thread is None and not self._end.is_set():
                self._thread = threading.Thread(target=self._run, name="davshare-uses", daemon=True)
                self._thread.start()
        return True

    def flush(self) -> None:
        """Write what was gathered.

        :raises Unavailable: the index cannot be written; nothing is forgotten.
        """
        with self._mutex:
            fresh, self._fresh = self._fresh, {}
        if not fresh:
            return
        try:
            with self._db.write() as connection:
                for number, times in fresh.items():
                    links.use(connection, number, times)
        except BaseException:
            with self._mutex:
                for number, times in fresh.items():
                    self._fresh[number] = self._fresh.get(number, 0) + times
            raise

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
            log.info("uses of links are written later: %s", error.message)
        except Exception:
            log.exception("uses of links could not be written")
