"""What has become of a public link: whether it can be used, by what its maker may still do.

A link rests on the rights of its maker, judged anew at each use: it gives no
more than they may do with its node at that moment, and nothing when they may
not share that any more, or are disabled.  A frozen link shows a copy (see
:mod:`davshare.files.freezing`), and rests on what they could do when it was
made.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from davshare.errors import NotFound
from davshare.files import guard, reshares
from davshare.files.settings import Settings
from davshare.index import links, nodes, people, spaces
from davshare.index.database import Connection
from davshare.index.links import Link
from davshare.model.access import Permission, Rights
from davshare.model.memo import Memo
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor, Visit

__all__ = ["Link", "Standing", "State"]

#: What a link lets do that is no reading.
_WRITING = Permission.WRITE


class State(StrEnum):
    """What has become of a link; one that was revoked is not known any more."""

    LIVE = "live"
    PAUSED = "paused"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"
    #: What it shows is in the trash, or gone.
    TRASHED = "trashed"
    #: Its maker may not share that any more, or nobody may have links.
    WITHDRAWN = "withdrawn"


class Standing(NamedTuple):
    """The state of a link; of a live one also what it lets do, and by whose rights.

    ``until``: when that ends by itself, in seconds since 1970.  ``way`` are
    the ids of the node and the folders above it, the root first: while they
    are the same in one generation of the index, so is this.
    """

    state: State
    rights: Rights = Permission.NONE
    maker: Actor | None = None
    until: int | None = None
    way: tuple[int, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether anybody is let in."""
        return self.state is State.LIVE


def digest(token: str) -> bytes:
    """What a token is looked up by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def find(connection: Connection, token: str) -> Link | None:
    """The link of a token; looked up by its digest, so nothing is learnt from how long that takes."""
    return links.of_token(connection, digest(token))


class Judge:
    """What has become of some links: few statements for all of them, and some for each of their makers."""

    def __init__(self, settings: Settings, connection: Connection, links_: Iterable[Link]) -> None:
        self._settings = settings
        self._connection = connection
        self._chains = nodes.chains(connection, sorted({node for link in links_ for node in (link.node, link.subject)}))
        self._spaces: dict[int, Space | None] = {}
        self._makers: dict[int, Actor | None] = {}
        self._memo = Memo()

    def where(self, link: Link) -> tuple[Space, Sequence[Node]] | None:
        """The space that a link's node is in, and the nodes from its root down; None: in the trash, or nowhere."""
        return self._where(link.node)

    def subject(self, link: Link) -> tuple[Space, Sequence[Node]] | None:
        """The same of what it was made of: of the original, where it shows a copy."""
        return self._where(link.subject)

    def _where(self, node: int) -> tuple[Space, Sequence[Node]] | None:
        chain = self._chains.get(node)
        if not chain:
            return None
        number = chain[0].space
        if number not in self._spaces:
            self._spaces[number] = spaces.get(self._connection, number)
        space = self._spaces[number]
        return None if space is None or chain[0].id != space.node else (space, chain)

    def standing(self, link: Link, used: bool = False) -> Standing:
        """What has become of one of them.

        :param used: for somebody whose use has been counted already.
        """
        now = int(time.time())
        if link.paused:
            return Standing(State.PAUSED)
        if link.expires is not None and link.expires <= now:
            return Standing(State.EXPIRED)
        if link.max_uses is not None and link.uses >= link.max_uses and not used:
            return Standing(State.EXHAUSTED)
        found = self.where(link)
        if found is None:
            return Standing(State.TRASHED)
        maker, (space, chain) = self._maker(link.creator), found
        if maker is None or not is_open(self._settings):
            return Standing(State.WITHDRAWN)
        way = tuple(node.id for node in chain)
        if link.frozen is not None:
            return Standing(State.LIVE, link.rights & Permission.READ, maker, link.expires, way)
        have = reshares.passed_on(guard.granted(self._connection, maker, space, chain))
        rights = allowed(self._settings, link.rights)
        if not rights & have or not have & Permission.READ or not have & reshares.SHARING:
            return Standing(State.WITHDRAWN)
        return Standing(State.LIVE, rights, maker, link.expires, way)

    def lasting(self, link: Link, used: bool = False) -> Standing:
        """The same, and until when it is so by itself; for somebody who is let in."""
        found, standing = self.where(link), self.standing(link, used)
        if found is None or standing.maker is None or link.frozen is not None:
            return standing
        end = reshares.until(self._connection, standing.maker, *found, Permission.READ)
        until = min((moment for moment in (end, link.expires) if moment is not None), default=None)
        return standing._replace(until=until)

    def _maker(self, number: int) -> Actor | None:
        if number not in self._makers:
            user = people.user_by_id(self._connection, number)
            known = None if user is None or user.disabled else reshares.actor_of(self._connection, user)
            # What is said to them is read once for this answer.
            self._makers[number] = known and replace(known, generation=1, memo=self._memo)
        return self._makers[number]


def demand_live(settings: Settings, connection: Connection, number: int) -> None:
    """Return when a link by which somebody came has not ended since.

    :raises NotFound: it has.
    """
    link = links.get(connection, number)
    if link is None or not Judge(settings, connection, [link]).standing(link, used=True).is_live:
        raise NotFound


def way(connection: Connection, link: Link) -> tuple[int, ...]:
    """Where its node is now; see :class:`Standing`."""
    return tuple(node.id for node in nodes.chain(connection, link.node))


def is_open(settings: Settings) -> bool:
    """Whether there are public links at all."""
    return bool(settings.get("sharing.enabled") and settings.get("sharing.link.enabled"))


def allowed(settings: Settings, rights: Rights) -> Rights:
    """What is left of the rights of a link where nobody may write by one."""
    return rights if settings.get("sharing.link.upload") else rights & ~_WRITING


def visitor(link: Link, live: Standing, base: tuple[str, ...], whole: bool = False) -> Actor:
    """Whoever comes by a live link; see :class:`davshare.model.people.Actor`.

    :param base: where the node is seen.
    :param whole: a file stands there itself, not as the one member of a folder.
    """
    maker = live.maker
    assert maker is not None
    visit = Visit(link.id, base, whole, link.creator_name, link.created, link.expires)
    return Actor(
        maker.user, "public", "", maker.principals, maker.admin,
        mask=live.rights, node=link.node, device=link.id, visit=visit,
    )  # fmt: skip
