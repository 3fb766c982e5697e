"""What somebody has received and sees in their home: a mount for each thing, at the place that they gave it.

A mount is a view: what is in it belongs to its owner's space, has its ids there, and is changed there.  It is alive
while its receiver has accepted it, may read it, and it is in its space.  A real file or folder under the name of a
mount goes before it, until :mod:`davshare.files.placing` has moved the mount aside.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from davshare.errors import Unavailable
from davshare.files import guard
from davshare.index import mounts as rows
from davshare.index import nodes, spaces
from davshare.index.database import Connection
from davshare.index.mounts import Received
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node, Space, etag
from davshare.model.people import Actor


class Gift(NamedTuple):
    """One thing that somebody has received, in one way or in several: their shares, and its place if it has one."""

    node: int
    received: tuple[Received, ...]

    @property
    def place(self) -> tuple[int, str, str] | None:
        """Folder, name and NFC name."""
        for each in self.received:
            if each.parent is not None and each.name is not None and each.key is not None:
                return each.parent, each.name, each.key
        return None

    def lasts(self, now: float) -> bool:
        """Whether it has not ended."""
        return any(each.expires is None or each.expires > now for each in self.received)


class Mounted(NamedTuple):
    """A mount that is alive: ``chain`` leads from the root of its space down to what was received.

    ``parent`` is the folder in the home of the receiver that holds it.
    """

    chain: tuple[Node, ...]
    space: Space
    rights: Rights
    parent: int
    name: str
    key: str

    @property
    def node(self) -> Node:
        """What was received, under its own name."""
        return self.chain[-1]

    @property
    def shown(self) -> Node:
        """The same under the name that its receiver gave it."""
        return self.chain[-1]._replace(name=self.name)

    @property
    def state(self) -> str:
        """A text that is another one whenever something in the mount has changed, or what may be done with it."""
        node = self.chain[-1]
        return f"{node.id:x}.{node.stamp:x}.{node.seq:x}.{int(self.rights):x}.{self.name}"


def gifts(connection: Connection, actor: Actor) -> tuple[Gift, ...]:
    """What an actor has accepted of others: one statement, once in a generation."""
    key = ("gifts", actor.user, actor.generation)
    found: tuple[Gift, ...] | None = actor.memo.get(key) if actor.generation else None
    if found is None:
        found = _gifts(connection, actor)
        if actor.generation:
            actor.memo.put(key, found, 1 + sum(len(each.received) for each in found))
    return found


def nothing(actor: Actor) -> bool:
    """Whether it is known, without asking the index, that an actor has received nothing."""
    if actor.visit is not None:
        return True
    return bool(actor.generation) and actor.memo.get(("gifts", actor.user, actor.generation)) == ()


def renew(connection: Connection, actor: Actor) -> None:
    """Remember anew what was remembered of an actor, whose mounts have just got their places."""
    if actor.generation:
        found = _gifts(connection, actor)
        actor.memo.put(("gifts", actor.user, actor.generation), found, 1 + sum(len(each.received) for each in found))


def _gifts(connection: Connection, actor: Actor) -> tuple[Gift, ...]:
    by_node: dict[int, list[Received]] = {}
    for each in rows.accepted(connection, actor.user, tuple(actor.principals)):
        by_node.setdefault(each.node, []).append(each)
    return tuple(Gift(node, tuple(received)) for node, received in by_node.items())


class Alive(NamedTuple):
    """A gift that its receiver can see, wherever."""

    gift: Gift
    chain: tuple[Node, ...]
    space: Space
    rights: Rights


def alive(
    connection: Connection, actor: Actor, wanted: Iterable[Gift], chains: dict[int, list[Node]] | None = None
) -> list[Alive]:
    """Those of some gifts that are in place and that the actor may read: a fixed number of statements."""
    now = time.time()
    lasting = [gift for gift in wanted if gift.lasts(now)]
    if not lasting:
        return []
    known = nodes.chains(connection, [gift.node for gift in lasting]) if chains is None else chains
    there = [(gift, tuple(known.get(gift.node, ()))) for gift in lasting]
    found = spaces.some(connection, sorted({chain[0].space for _, chain in there if chain}))
    said = guard.said(connection, actor)
    seen = []
    for gift, chain in there:
        space = found.get(chain[0].space) if chain else None
        if space is None or chain[0].id != space.node or len(chain) < 2 or space.owner == actor.user:
            continue
        rights = guard.rights_by(said, actor, space, chain)
        # An app token for something in it leads through it.
        through = actor.node is not None and chain[-1].id in guard.passages(connection, actor, space)
        if rights & Permission.READ or through:
            seen.append(Alive(gift, chain, space, rights))
    return seen


class Mounts:
    """The mounts of one actor in their home, on one snapshot.

    All of them together are read with a fixed number of statements, when they are first needed; that raises
    Unavailable while one of them is getting another place.
    """

    def __init__(self, connection: Connection, actor: Actor, home: Space, given: Sequence[Gift]) -> None:
        self._connection = connection
        self._actor = actor
        self._home = home
        self._given = given
        self._by_folder: dict[int, list[Mounted]] | None = None
        self._by_above: dict[int, list[Mounted]] = {}
        #: The folders of the home that hold mounts, and those above them, by their ids.
        self.ways: dict[int, list[Node]] = {}

    def at(self, folder: int, key: str) -> Mounted | None:
        """The mount that a folder holds under an NFC name under which it holds nothing real."""
        if self._by_folder is not None:
            return next((each for each in self._by_folder.get(folder, ()) if each.key == key), None)
        wanted = [gift for gift in self._given if (place := gift.place) and (place[0], place[2]) == (folder, key)]
        return next((_mounted(each) for each in alive(self._connection, self._actor, wanted)), None)

    def in_folder(self, folder: int) -> Sequence[Mounted]:
        """The mounts that are members of a folder, in the order of their names."""
        self._load()
        assert self._by_folder is not None
        return self._by_folder.get(folder, ())

    def below(self, folder: int) -> Sequence[Mounted]:
        """The mounts in a folder, and in those below it."""
        self._load()
        return self._by_above.get(folder, ())

    def etag(self, epoch: int, node: Node) -> str:
        """The entity tag of a node of the home as this person sees it (RFC 9110 section 8.8.3)."""
        own = etag(epoch, node.id, node.stamp)
        below = self.below(node.id) if node.is_folder else ()
        if not below:
            return own
        text = "\n".join([own, *[f"{each.parent:x}.{each.state}" for each in below]])
        return f'"{epoch:x}:{hashlib.sha256(text.encode()).hexdigest()[:20]}"'

    def _load(self) -> None:
        if self._by_folder is not None:
            return
        placed = [gift for gift in self._given if gift.place]
        folders = {place[0] for gift in placed if (place := gift.place)}
        chains = nodes.chains(self._connection, sorted({gift.node for gift in placed} | folders))
        taken = nodes.named(self._connection, [(place[0], place[2]) for gift in placed if (place := gift.place)])
        self._by_folder = {}
        for each in sorted(map(_mounted, alive(self._connection, self._actor, placed, chains)), key=lambda m: m.key):
            way = chains.get(each.parent, [])
            here = self._by_folder.setdefault(each.parent, [])
            clash = (each.parent, each.key) in taken or any(other.key == each.key for other in here)
            if clash or not way or way[0].id != self._home.node:
                # Just now; to leave it out would tell followers that it is gone.
                raise Unavailable("Something received is getting another place; try again.", 1)
            here.append(each)
            self.ways[each.parent] = way
            for above in way:
                self._by_above.setdefault(above.id, []).append(each)


def _mounted(found: Alive) -> Mounted:
    place = found.gift.place
    assert place is not None
    return Mounted(found.chain, found.space, found.rights, *place)


def of(connection: Connection, actor: Actor, space: Space) -> Mounts | None:
    """The mounts that an actor sees in a space, which is their home; None where there are none.

    Costs nothing but the one statement of :func:`gifts`.
    """
    if space.kind != "home" or space.owner != actor.user or actor.visit is not None:
        return None
    given = [gift for gift in gifts(connection, actor) if gift.place]
    return Mounts(connection, actor, space, given) if given else None
