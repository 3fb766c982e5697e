"""Followers that stay: what they have been told, and how whoever watches over them speaks with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from davshare.errors import DavshareError, Forbidden
from davshare.files import changes, placing, view
from davshare.files.changes import Page
from davshare.files.service import Files
from davshare.model.people import Actor

#: Most changes that are told at once.
MOST = 100


class Follower:
    """Somebody who follows what they can see from now on, or from the ``token`` that is set before the first look.

    Used by one thread at a time.

    :param address: see :func:`davshare.files.changes.address_of`.
    :raises NotFound: nothing is there that the actor may follow.
    """

    __slots__ = ("_files", "_reach", "actor", "address", "heads", "token")

    def __init__(self, files: Files, actor: Actor, address: tuple[str, ...]) -> None:
        self._files = files
        self.actor = actor
        self.address = address
        self.token = ""
        #: Last entries of the spaces that were looked at, as they were then.
        self.heads: dict[int, int] = {}
        self._reach: frozenset[int] = frozenset()
        self.begin_anew()

    def begin_anew(self) -> Page:
        """Forget the past: the token of now.

        :raises NotFound: nothing is there that the actor may follow.
        """
        placing.settle(self._files, self.actor)
        with self._files.db.snapshot() as connection:
            self._reach = view.reach(connection, self.actor)
            return self._took(changes.now(self._files, connection, self.actor, self.address))

    def look(self) -> Page:
        """What has changed since the last look, and go on from there.

        :raises NotFound: nothing is there any more that the actor may follow.
        :raises Forbidden: the token is not usable (``valid-sync-token``); the follower has to begin anew.
        """
        placing.settle(self._files, self.actor)
        with self._files.db.snapshot() as connection:
            self._reach = view.reach(connection, self.actor)
            return self._took(changes.since(self._files, connection, self.actor, self.address, self.token, MOST))

    def renewed(self, actor: Actor) -> bool:
        """Go on as ``actor``, the same user as far as the index knows now.

        :returns: whether other spaces can be seen, or something was received that has no place yet.
        """
        self.actor = actor
        if placing.pending(self._files, actor):
            return True
        with self._files.db.snapshot() as connection:
            return view.reach(connection, actor) != self._reach

    def moved(self, heads: dict[int, int]) -> bool:
        """Whether there may be news, by the present ends of journals."""
        return any(heads.get(space) != head for space, head in self.heads.items())

    def _took(self, page: Page) -> Page:
        self.token, self.heads = page.token, page.heads
        return page


def news(follower: Follower) -> tuple[Page, bool]:
    """What has changed, and whether something may be missing before it: then this is a new beginning.

    :raises NotFound: nothing is there any more that the actor may follow.
    """
    try:
        return follower.look(), False
    except Forbidden as error:
        if error.condition != "valid-sync-token":
            raise
        return follower.begin_anew(), True


class Out(NamedTuple):
    """What goes to a listener, and whether that is the end.

    ``answer`` is a last answer (:class:`davshare.http.responses.Response`)
    instead of bytes, ``work`` is to be done on a thread that may wait, before
    :meth:`Listener.worked` says more.
    """

    data: bytes = b""
    over: bool = False
    work: Callable[[], None] | None = None
    answer: Any = None


NOTHING = Out()


class Listener(ABC):
    """One open connection of somebody who waits for news.

    Nothing here waits.  All methods are called by one thread; ``follower`` is
    used by others.
    """

    #: None: they have not said yet who they are.
    follower: Follower | None = None
    #: Who they are by now, in a generation of the index; raises NotAuthenticated when that is over.
    renew: Callable[[int], Actor]
    #: Whether silence after a ping means that nobody is there.
    answers_pings = False
    #: When their credentials end, in seconds since 1970.
    expires = float("inf")
    #: When :meth:`ended` is called at the latest (monotonic).
    until = float("inf")

    @abstractmethod
    def begin(self) -> Out:
        """The first words."""

    @abstractmethod
    def told(self, page: Page, anew: bool = False) -> Out:
        """News; ``anew``: something may be missing before them, the follower has to begin anew."""

    @abstractmethod
    def ended(self, error: DavshareError | None) -> Out:
        """The last words, with what is in the way; None: the server ends, or a time is over."""

    def received(self, data: bytes) -> Out:
        """The answer to what they sent."""
        return NOTHING

    def worked(self) -> Out:
        """The answer when the ``work`` is done."""
        return NOTHING

    def ping(self) -> bytes:
        """What shows both sides that the connection is alive; empty: nothing."""
        return b""
