"""Who comes by a public link: from its token, and its password where it has one, to an Actor.

As at the gate (:mod:`davshare.identity.gate`), what was found good is
remembered in one generation of the index, so that the second request costs no
statement, and a password is hashed once in some minutes and not again when
something else has changed.  Wrong passwords are counted for the link and the
network from which they come, and never for an account; tokens that there are
not are counted for the network.  Whoever has the right token, and password, is
never kept from it by those who guess.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeVar

from davshare.errors import NotAuthenticated, NotFound, Waits
from davshare.files import linked
from davshare.files.linked import Judge, Link, Standing
from davshare.files.service import Files
from davshare.identity import passwords
from davshare.identity.line import SEATS, Lines, too_many
from davshare.identity.throttle import Throttle, network_of
from davshare.model.memo import Memo
from davshare.model.people import Actor

#: Seconds for which anything is remembered at most, and how much of each kind.
REMEMBER_FOR = 300.0
REMEMBER = 4096
#: Longest token that is looked up.
LONGEST = 200
#: No account has such names.
_TOKENS, _LINK = "\0tokens", "\0link"

_V = TypeVar("_V")


class Way(NamedTuple):
    """How somebody comes: the token, the address (decoded segments) at which they see what it shows, and how.

    ``whole``: a file stands there itself, not as the one member of a folder.
    """

    token: str
    base: tuple[str, ...]
    whole: bool = False


class _Known(NamedTuple):
    """A live link in one generation; ``until`` is monotonic, ``expires`` since 1970.

    ``version`` is the number of the index in which its node was found to be where ``way`` says.
    """

    link: Link
    actor: Actor
    generation: int
    until: float
    expires: float
    version: int
    way: tuple[int, ...]


def nobody(link: Link) -> bool:
    """No session knows any link."""
    return False


class Visitors:
    """Those who come by links, for one worker process.

    :param secret: the site's key.
    :param clock: seconds since 1970, for the throttle.
    :param sleep: pauses the calling thread for seconds.
    """

    def __init__(
        self,
        files: Files,
        secret: bytes,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        seats: int = SEATS,
    ) -> None:
        self._files = files
        self._throttle = Throttle(files.db, secret, clock)
        self._lines = Lines(sleep, seats)
        self._salt = os.urandom(32)
        self._memo = Memo()
        self._known: dict[bytes, _Known] = {}
        #: Passwords that were right, and wrong, until then (monotonic).
        self._proven: dict[bytes, float] = {}
        self._wrong: dict[bytes, float] = {}
        #: Generations in which there was no link of a token.
        self._unknown: dict[bytes, int] = {}
        self._mutex = threading.Lock()

    def find(self, token: str, peer: str, knows: Callable[[Link], bool] = nobody) -> tuple[Link, Standing]:
        """A link and what has become of it; may wait for some seconds while somebody guesses.

        :param knows: as in :meth:`admit`.
        :raises NotFound: there is none.
        :raises TooManyAttempts: nor were there many others that came from there.
        """
        generation = self._files.generation()
        key = self._hash(token)
        if self._unknown.get(key) == generation:
            raise NotFound
        with self._files.db.snapshot() as connection:
            link = linked.find(connection, token) if 0 < len(token) <= LONGEST else None
            if link is not None:
                return link, Judge(self._files.settings, connection, [link]).lasting(link, knows(link))
        self._note_guess(peer)
        with self._mutex:
            _put(self._unknown, key, generation)
        raise NotFound

    def admit(
        self,
        way: Way,
        password: str | None,
        peer: str,
        patient: bool = True,
        knows: Callable[[Link], bool] = nobody,
    ) -> tuple[Link, Actor]:
        """The link, and who comes by it.

        :param password: what was given as that of the link; None: nothing was.
        :param knows: whether a session was let in by the link before, with its present password, and counted.
        :raises Waits: only if ``patient`` is false: ask again, in a thread.
        :raises NotFound: there is no such link, or it cannot be used, whatever the reason.
        :raises NotAuthenticated: its password is another one.
        :raises TooManyAttempts: wrong passwords, or tokens, came too fast.
        """
        generation = self._files.generation()
        key = self._hash(f"{way.token}\n{way.whole}\n{'/'.join(way.base)}")
        known = self._recall(key, generation)
        if known is None:
            if not patient:
                raise Waits
            known = self._look(way, peer, generation, key, knows)
        link = known.link
        if link.password is not None and not knows(link):
            if password is None:
                raise NotAuthenticated
            if not self._is_proven(link, password):
                if not patient:
                    raise Waits
                self.prove(link, password, peer)
        return link, known.actor

    def prove(self, link: Link, password: str, peer: str) -> None:
        """Return when a password is that of a link; may wait for some seconds while somebody guesses.

        :raises NotAuthenticated: it is not.
        :raises TooManyAttempts: it is not, and came too early after others, or too many wait already.
        """
        if link.password is None or self._is_proven(link, password):
            return
        guess = self._guess(link, password)
        account = f"{_LINK} {link.id}"
        if self._wrong.get(guess, 0.0) > time.monotonic():
            # A program that repeats an old password neither stands in line nor counts as a guesser.
            raise too_many() if self._throttle.delay(account, peer) > 0 else NotAuthenticated()
        with self._lines.turn(account, network_of(peer)) as pause:
            if self._is_proven(link, password):
                return
            delay = self._throttle.delay(account, peer)
            if delay > 0:
                pause(delay)
            right = passwords.verify(link.password, password)
            if right:
                self._throttle.succeeded(account, peer)
            else:
                self._throttle.failed(account, peer)
            with self._mutex:
                _put(self._proven if right else self._wrong, guess, time.monotonic() + REMEMBER_FOR)
        if not right:
            raise too_many() if delay > 0 else NotAuthenticated()

    def _recall(self, key: bytes, generation: int) -> _Known | None:
        """What is remembered of a link, if that is still true; one statement, when something was changed somewhere."""
        known = self._known.get(key)
        if known is None or not _lasts(known, generation):
            return None
        version = self._files.memory.version()
        if known.version != version:
            with self._files.db.session() as connection:
                if linked.way(connection, known.link) != known.way:
                    return None
            known = known._replace(version=version)
            with self._mutex:
                _put(self._known, key, known)
        return known

    def _look(self, way: Way, peer: str, generation: int, key: bytes, knows: Callable[[Link], bool]) -> _Known:
        version = self._files.memory.version()
        link, standing = self.find(way.token, peer, knows)
        if not standing.is_live:
            raise NotFound
        actor = linked.visitor(link, standing, way.base, way.whole)
        actor = replace(actor, generation=generation, memo=self._memo)
        expires = float("inf") if standing.until is None else float(standing.until)
        known = _Known(link, actor, generation, time.monotonic() + REMEMBER_FOR, expires, version, standing.way)
        if link.max_uses is None:
            with self._mutex:
                _put(self._known, key, known)
        return known

    def _note_guess(self, peer: str) -> None:
        """Let whoever asks for links that there are not wait as for wrong passwords."""
        with self._lines.turn(_TOKENS, network_of(peer)) as pause:
            delay = self._throttle.delay(_TOKENS, peer)
            if delay > 0:
                pause(delay)
            self._throttle.failed(_TOKENS, peer)

    def _is_proven(self, link: Link, password: str) -> bool:
        return self._proven.get(self._guess(link, password), 0.0) > time.monotonic()

    def _guess(self, link: Link, password: str) -> bytes:
        """What a password is remembered under; another one when that of the link changes."""
        return self._hash(f"{link.id}\n{link.password}\n{password}")

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=16).digest()


def _lasts(known: _Known, generation: int) -> bool:
    return known.generation == generation and known.until > time.monotonic() and known.expires > time.time()


def _put(memory: dict[bytes, _V], key: bytes, value: _V) -> None:
    """Remember one more, and forget the oldest when there are too many; the caller holds the mutex."""
    memory.pop(key, None)
    while len(memory) >= REMEMBER:
        del memory[next(iter(memory))]
    memory[key] = value
