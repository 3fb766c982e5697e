"""Where many nodes are, as far as somebody may read them: a fixed number of statements, however many they are."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from davshare.files import guard, view
from davshare.index import shares, spaces
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Space
from davshare.model.people import Actor


class Seen(NamedTuple):
    """Where a node is: in a space, below some names from its root down; ``chain`` are the ids of all on the way."""

    space: Space
    way: tuple[str, ...]
    path: str
    chain: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it is called; a root like its space."""
        return self.way[-1] if self.way else self.space.name


def readable(connection: Connection, actor: Actor, numbers: Iterable[int]) -> dict[int, Seen]:
    """Those of some nodes that the actor may read now, neither deleted nor lost, by their ids."""
    ways = shares.ways(connection, sorted(set(numbers)))
    tops = spaces.with_roots(connection, sorted({way[0][0] for way in ways.values()}))
    said = guard.said(connection, actor) if ways else {}
    now, found = time.time(), {}
    for number, way in ways.items():
        space = tops.get(way[0][0])
        if space is None or (actor.node is not None and all(each != actor.node for each, _ in way)):
            continue
        have = Permission.ALL if guard.rules(actor, space) else Permission.NONE
        if not guard.rules(actor, space):
            for each, _ in way:
                have = guard.step(have, said.get(each, ()), now)
        if guard.limited(actor, space, have) & Permission.READ:
            below = tuple(name for _, name in way[1:])
            path = names.href(("dav", *view.way(space, actor.user), *below), not below)
            found[number] = Seen(space, below, path, tuple(each for each, _ in way))
    return found
