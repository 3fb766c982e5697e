"""One listener's connection in the hub: what is still to be sent, and how long it has been silent."""

from __future__ import annotations

import socket
from contextlib import suppress
from time import monotonic

from davshare.files.following import MOST, Listener, Out
from davshare.http.responses import Response
from davshare.server import writer

#: Most bytes that wait for a reader; whoever lets more come together is dropped.
_MOST = 256 * 1024
#: Most bytes of one message that has nobody before it: a page of changes, all of the longest addresses.
_LONGEST = MOST * 16 * 1024
#: Seconds for which a reader may take nothing, a client may leave pings unanswered, and the end may go unnoticed.
_STUCK, _DEAF, _LINGER = 30.0, 75.0, 2.0
#: Seconds without a word before a ping.
_PING = 25.0
#: Seconds between two looks for news of the same listener: what happens meanwhile is told at once.
_PAUSE = 0.5


class Seat:
    """Belongs to the hub's thread; ``busy`` says that another one is looking for news."""

    __slots__ = ("busy", "due", "generation", "heard", "listener", "next", "out", "over", "socket", "spoke", "user")

    def __init__(self, listener: Listener, user: int) -> None:
        self.listener = listener
        #: Who is counted for it.
        self.user = user
        self.socket: socket.socket | None = None
        self.out = b""
        self.over = False
        self.busy = False
        #: Whether there may be news.
        self.due = True
        #: In which generation of the index the credentials were last found good.
        self.generation = -1 if listener.follower is None else listener.follower.actor.generation
        #: When it may be looked at again, when it last said something, and when it last took something.
        self.next = 0.0
        self.heard = self.spoke = monotonic()

    def may_look(self, now: float) -> bool:
        """Whether it is time to look for news; not while some wait for the reader."""
        return not (self.busy or self.out or self.over) and now >= self.next

    def rest(self, now: float, seconds: float = _PAUSE) -> None:
        """Not again at once."""
        self.next = now + seconds

    def add(self, out: Out) -> bool:
        """Something more to be sent; False when there is too much already."""
        data = out.data
        if isinstance(out.answer, Response):
            data = writer.whole(out.answer, "GET", (1, 1), False) or b""
        most = _MOST
        if not self.out:
            self.spoke, most = monotonic(), _LONGEST
        self.out += data
        return len(self.out) <= most

    def flush(self) -> bool:
        """Send what can be sent; False when the reader is gone."""
        assert self.socket is not None
        if self.out:
            try:
                sent = self.socket.send(self.out)
            except (BlockingIOError, InterruptedError):
                return True
            except OSError:
                return False
            self.out = self.out[sent:]
            self.spoke = monotonic()
        if self.over and not self.out:
            # The reader sees the end, and what it is sending does not take the last words with it.
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        return True

    def is_lost(self, now: float) -> bool:
        """Whether nobody seems to be there any more."""
        if self.out:
            return now - self.spoke > _STUCK
        if self.over:
            return now - self.spoke > _LINGER
        return self.listener.answers_pings and now - self.heard > _DEAF

    def wants_ping(self, now: float) -> bool:
        """Whether it is time for a sign of life."""
        return not self.out and not self.over and now - self.spoke > _PING
