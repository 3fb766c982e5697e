"""The hub of one worker: connections of those who wait for news, none of which holds a thread of the pool.

One thread watches the sockets, and the number that every change of the index
raises: without news a turn costs one look at shared memory, whoever listens.
With news it asks once for the ends of all journals that somebody here
follows; who is concerned is looked at on a few other threads.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic, time
from typing import Any

from davshare.errors import DavshareError, NotAuthenticated, Unavailable
from davshare.files import lookup
from davshare.files.changes import Page
from davshare.files.following import Follower, Listener, Out, news
from davshare.files.service import Files
from davshare.http.responses import Handover
from davshare.server.poller import Waker
from davshare.server.seat import Seat

log = logging.getLogger("davshare.server")

#: Seconds between two looks for news, and between two looks for what is late.
_TICK, _SWEEP = 0.1, 0.25
#: Seconds between two comparisons of all credentials with the index, when those of somebody have changed.
_RENEWAL = 1.0
#: Threads that look for news, threads that prove passwords, and how many sign-ins may wait for one.
_LOOKERS, _PROVERS, _QUEUE = 2, 16, 64
#: Most connections of those who have not said yet who they are.
_STRANGERS = 256
#: Seconds for the last words when the server ends.
_FAREWELL = 1.0
_READ = 4096


class Hub:
    """Every listener of one worker; its threads begin with the first one."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._seats: dict[int, Seat] = {}
        self._inbox: deque[Callable[[], None]] = deque()
        self._mutex = threading.Lock()
        #: Connections in all and by user, 0: strangers; admitted ones count before they are here.
        self._count = 0
        self._present: dict[int, int] = {}
        self._thread: threading.Thread | None = None
        self._closing = False
        self._waker = Waker()
        self._selector = selectors.DefaultSelector()
        self._lookers = ThreadPoolExecutor(_LOOKERS, "davshare-look")
        self._provers = ThreadPoolExecutor(_PROVERS, "davshare-prove")
        self._proving = 0
        self._version = -1
        self._generation = -1
        self._renewed = self._swept = self._patience = 0.0
        #: Whether credentials have to be compared with the index again, and who is to be looked at.
        self._stale = False
        self._due: set[Seat] = set()

    def admit(self, listener: Listener, head: bool = True) -> Handover:
        """A place for a listener, who comes with the connection that is given away for this.

        :param head: whether an answer is begun before; without it the first word of the listener is an answer.
        :raises Unavailable: there are too many, or too many of one user.
        """
        user = 0 if listener.follower is None else listener.follower.actor.user
        self._sit(user)
        seat = Seat(listener, user)
        return Handover(lambda sock, data: self._take(seat, sock, data), lambda: self._stand(seat.user), head)

    def close(self) -> None:
        """Say goodbye to everybody; returns after a second at most."""
        with self._mutex:
            self._closing = True
            thread = self._thread
        if thread is not None:
            self._waker.ring()
            thread.join(2 * _FAREWELL)
        else:
            self._waker.close()
            self._selector.close()
        for each in (self._lookers, self._provers):
            each.shutdown(wait=False, cancel_futures=True)

    # -- who may come; on any thread ----------------------------------------------------------------

    def _sit(self, user: int) -> None:
        settings = self._files.settings
        with self._mutex:
            own = self._present.get(user, 0)
            if self._count >= settings.get("events.listeners"):
                raise Unavailable("Too many clients wait for changes already.", 60)
            if own >= (settings.get("events.listeners_of_user") if user else _STRANGERS):
                raise Unavailable("You have too many clients that wait for changes already.", 60)
            self._present[user] = own + 1
            self._count += 1

    def _stand(self, user: int) -> None:
        with self._mutex:
            self._count -= 1
            left = self._present[user] - 1
            if left:
                self._present[user] = left
            else:
                del self._present[user]

    def _take(self, seat: Seat, sock: socket.socket, data: bytes) -> None:
        """A connection is ours now."""
        sock.setblocking(False)
        seat.socket = sock
        with self._mutex:
            closing = self._closing
            if self._thread is None and not closing:
                self._thread = threading.Thread(target=self._run, name="davshare-hub", daemon=True)
                self._thread.start()
        if closing:
            sock.close()
            return
        self._later(lambda: self._welcome(seat, data))

    def _later(self, call: Callable[[], None]) -> None:
        """Let the hub's thread do something."""
        self._inbox.append(call)
        self._waker.ring()

    # -- on the hub's thread ------------------------------------------------------------------------

    def _run(self) -> None:
        self._selector.register(self._waker.fd, selectors.EVENT_READ)
        until = float("inf")
        while True:
            events = self._selector.select(_TICK if self._seats else None)
            for key, mask in events:
                if key.data is None:
                    self._waker.hush()
                else:
                    self._guarded(key.data, self._ready, mask)
            while self._inbox:
                self._carry_out(self._inbox.popleft())
            now = monotonic()
            if self._closing:
                if until == float("inf"):
                    until = now + _FAREWELL
                    self._each(self._end)
                if now > until or not any(seat.out for seat in self._seats.values()):
                    self._each(self._drop)
                    return
            elif self._seats:
                if now >= self._patience:
                    self._watch(now)
                if now - self._swept >= _SWEEP:
                    self._swept = now
                    self._each(self._sweep, now)

    def _carry_out(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("a listener could not be seen to")

    def _each(self, do: Callable[..., None], *more: Any) -> None:
        for seat in list(self._seats.values()):
            self._guarded(seat, do, *more)

    def _guarded(self, seat: Seat, do: Callable[..., None], *more: Any) -> None:
        """A bug must not cost more than the one connection that met it."""
        try:
            do(seat, *more)
        except Exception:
            log.exception("a listener failed")
            self._drop(seat)

    def _welcome(self, seat: Seat, data: bytes) -> None:
        assert seat.socket is not None
        self._seats[seat.socket.fileno()] = seat
        self._selector.register(seat.socket, selectors.EVENT_READ, seat)
        # The first look finds what has changed since the token was made.
        self._due.add(seat)
        self._guarded(seat, self._greet, data)

    def _greet(self, seat: Seat, data: bytes) -> None:
        self._say(seat, seat.listener.begin())
        if data:
            self._say(seat, seat.listener.received(data))

    def _ready(self, seat: Seat, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._flush(seat)
        if not mask & selectors.EVENT_READ or seat.socket is None:
            return
        try:
            data = seat.socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop(seat)
        elif not seat.over:
            seat.heard = monotonic()
            self._say(seat, seat.listener.received(data))

    def _say(self, seat: Seat, out: Out) -> None:
        """Send what a listener gets, and do what it asks for."""
        if seat.socket is None or seat.over:
            return
        seat.over = out.over
        if out.work is not None:
            self._prove(seat, out.work)
        if not seat.add(out):
            self._drop(seat)
            return
        self._flush(seat)

    def _flush(self, seat: Seat) -> None:
        if seat.socket is None:
            return
        watched = selectors.EVENT_READ
        if not seat.flush():
            self._drop(seat)
            return
        if seat.out:
            watched |= selectors.EVENT_WRITE
        if self._selector.get_key(seat.socket).events != watched:
            self._selector.modify(seat.socket, watched, seat)

    def _drop(self, seat: Seat) -> None:
        sock, seat.socket = seat.socket, None
        self._due.discard(seat)
        if sock is not None:
            self._seats.pop(sock.fileno(), None)
            self._selector.unregister(sock)
            sock.close()
            self._stand(seat.user)

    def _sweep(self, seat: Seat, now: float) -> None:
        """End what is late, and show the others that they are not forgotten."""
        listener = seat.listener
        if seat.is_lost(now):
            self._drop(seat)
        elif time() >= listener.expires:
            self._end(seat, NotAuthenticated())
        elif now >= listener.until:
            self._end(seat)
        elif seat.wants_ping(now):
            self._say(seat, Out(listener.ping()))

    # -- signing in ---------------------------------------------------------------------------------

    def _prove(self, seat: Seat, work: Callable[[], None]) -> None:
        """Let a thread that may wait find out who somebody is."""
        if self._proving >= _QUEUE:
            seat.over = False
            self._end(seat, Unavailable())
            return
        self._proving += 1
        self._provers.submit(self._proven, seat, work)

    def _proven(self, seat: Seat, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("a sign-in failed")
        self._later(lambda: self._worked(seat))

    def _worked(self, seat: Seat) -> None:
        self._proving -= 1
        if seat.socket is not None:
            self._guarded(seat, self._settle)

    def _settle(self, seat: Seat) -> None:
        """From now on a stranger counts as a user."""
        out = seat.listener.worked()
        follower = seat.listener.follower
        if follower is not None and not seat.user:
            try:
                self._sit(follower.actor.user)
            except Unavailable as error:
                self._end(seat, error)
                return
            self._stand(seat.user)
            seat.user, seat.generation = follower.actor.user, follower.actor.generation
            self._due.add(seat)
        self._say(seat, out)

    # -- news ---------------------------------------------------------------------------------------

    def _watch(self, now: float) -> None:
        """Find out who is concerned by what has happened since the last turn, and look for their news."""
        version = self._files.db.version
        try:
            if version != self._version or version & 1:
                self._compare()
                self._version = version
        except Exception as error:
            log.warning("listeners wait: %s", error, exc_info=not isinstance(error, DavshareError))
            self._patience = now + _RENEWAL
            return
        if self._stale and now - self._renewed >= _RENEWAL:
            self._stale, self._renewed = False, now
            self._due.update(self._seats.values())
        for seat in [each for each in self._due if each.may_look(now)]:
            self._due.discard(seat)
            if seat.socket is not None and seat.listener.follower is not None:
                seat.busy, due, seat.due = True, seat.due, False
                self._lookers.submit(self._look, seat, seat.listener.follower, self._generation, due)

    def _compare(self) -> None:
        generation = self._files.generation()
        if generation != self._generation:
            self._generation, self._stale = generation, True
        following = [(seat, seat.listener.follower) for seat in self._seats.values() if seat.listener.follower]
        heads = lookup.heads(self._files, {space for _, follower in following for space in follower.heads})
        for seat, follower in following:
            if follower.moved(heads):
                seat.due = True
                self._due.add(seat)

    def _look(self, seat: Seat, follower: Follower, generation: int, due: bool) -> None:
        """On another thread: who that is by now, and with ``due`` or new access also what is new for them."""
        found: Callable[[Seat], None] | None = None
        try:
            if seat.generation != generation:
                due = follower.renewed(seat.listener.renew(generation)) or due
                seat.generation = generation
            if due:
                page, anew = news(follower)
                if (fresh := self._files.generation()) != generation:
                    seat.listener.renew(fresh)  # who was shut out while this was looked for is not told
                found = partial(self._tell, page=page, anew=anew)
        except Unavailable:
            found = self._try_again
        except DavshareError as error:
            found = partial(self._end, error=error)
        except Exception:
            log.exception("a look for news failed")
            found = self._drop
        self._later(partial(self._looked, seat, found))

    def _looked(self, seat: Seat, found: Callable[[Seat], None] | None) -> None:
        seat.busy = False
        if found is not None and seat.socket is not None:
            self._guarded(seat, found)

    def _end(self, seat: Seat, error: DavshareError | None = None) -> None:
        self._say(seat, seat.listener.ended(error))

    def _tell(self, seat: Seat, page: Page, anew: bool) -> None:
        if page.more:
            seat.due = True
            self._due.add(seat)
        if page.changes or anew:
            if not page.more:
                seat.rest(monotonic())
            self._say(seat, seat.listener.told(page, anew))

    def _try_again(self, seat: Seat) -> None:
        """The index, or somebody's provider, does not answer just now."""
        seat.rest(monotonic(), _RENEWAL)
        seat.due = True
        self._due.add(seat)
