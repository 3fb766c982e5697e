"""Who shares on needs to have what they pass on: until when they do, and which shares say more than that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from davshare.files import guard
from davshare.index import grants, nodes, people, spaces
from davshare.index.database import Connection
from davshare.index.shares import Share
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor, User

#: Either of them lets somebody share.
SHARING = Permission.SHARE | Permission.WRITE_ACL


class Fallen(NamedTuple):
    """A share that says more than its sharer may: what is left of it, which may be nothing."""

    share: Share
    node: Node
    rights: Rights
    expires: int | None


def actor_of(connection: Connection, user: User) -> Actor:
    """A user as one who asks, with nothing remembered."""
    principals = people.principals_of(connection, user.id)
    return Actor(user.id, user.name, user.display_name, principals, user.admin)


def passed_on(have: Rights) -> Rights:
    """What somebody may give others who has some rights: who may change access may let others share."""
    return have | Permission.SHARE if have & Permission.WRITE_ACL else have


def until(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node], rights: Rights) -> int | None:
    """When the actor ceases to have some rights on the last node of ``chain``, and to share; None: never.

    In seconds since 1970; a time that has passed where they do not have them now.
    """
    if guard.rules(actor, space):
        return None
    said: dict[int, list[grants.Grant]] = {}
    for grant in grants.on_nodes(connection, [node.id for node in chain]):
        if grant.principal in actor.principals:
            said.setdefault(grant.node, []).append(grant)
    ends = sorted({each.expires for here in said.values() for each in here if each.expires is not None})
    for moment in (int(time.time()), *ends):
        have = Permission.NONE
        for node in chain:
            have = guard.step(have, said.get(node.id, ()), moment)
        have = passed_on(have)
        if rights & ~have or not have & SHARING:
            return moment
    return None


def fallen(connection: Connection, shares: Iterable[Share]) -> Iterator[Fallen]:
    """Those that say more, or for longer, than their sharers may now."""
    sharers: dict[int, Actor | None] = {}
    for share in shares:
        if share.sharer not in sharers:
            user = people.user_by_id(connection, share.sharer)
            sharers[share.sharer] = None if user is None else actor_of(connection, user)
        actor, space = sharers[share.sharer], spaces.get(connection, share.space)
        chain = nodes.chain(connection, share.node)
        if actor is None or space is None or not chain or guard.rules(actor, space):
            continue
        have = passed_on(guard.granted(connection, actor, space, chain))
        left = share.rights & have if have & SHARING else Permission.NONE
        end = until(connection, actor, space, chain, left) if left else None
        expires = share.expires if end is None else min(end, share.expires or end)
        if (left, expires) != (share.rights, share.expires):
            yield Fallen(share, chain[-1], left, expires)
