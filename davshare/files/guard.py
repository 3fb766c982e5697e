"""The one decision about who may do what."""

from __future__ import annotations

import time
from collections.abc import Sequence

from davshare.errors import Forbidden, NotFound
from davshare.index import grants, nodes
from davshare.index.database import Connection
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor

_READING = Permission.READ | Permission.READ_ACL


def rights(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> Rights:
    """What ``actor`` may do with the last node of ``chain`` (a space's root first).

    Owners may do everything in their home and administrators in every project
    space; everyone else what the grants on the way down add up to.  An app
    token takes away, never gives.
    """
    if actor.node is not None and all(node.id != actor.node for node in chain):
        return Permission.NONE
    allowed = Permission.ALL if rules(actor, space) else _granted(connection, actor, chain)
    allowed &= actor.mask
    return allowed & _READING if space.read_only else allowed


def rules(actor: Actor, space: Space) -> bool:
    """Whether the space is the actor's own: a home of theirs, or any project space for administrators."""
    return space.owner == actor.user if space.kind == "home" else actor.admin


def _granted(connection: Connection, actor: Actor, chain: Sequence[Node]) -> Rights:
    found = grants.on_nodes(connection, [node.id for node in chain], tuple(actor.principals))
    now = time.time()
    allowed = Permission.NONE
    for grant in found:
        if grant.expires is None or grant.expires > now:
            allowed |= grant.allow
    return allowed


def may_enter(actor: Actor, space: Space) -> bool:
    """Whether everything in the space is the actor's to see, decided without asking the index."""
    return actor.node is None and rules(actor, space)


def passages(connection: Connection, actor: Actor, space: Space) -> frozenset[int]:
    """Nodes of ``space`` on the way to something that ``actor`` may read, and those things themselves.

    A folder in this set may be walked through by someone who may not read it.
    """
    goals: set[int] = set()
    if actor.node is not None:
        goals.add(actor.node)
    elif rules(actor, space):
        goals.add(space.node)
    else:
        now = time.time()
        for grant in grants.of_principals(connection, tuple(actor.principals)):
            if grant.allow & Permission.READ and (grant.expires is None or grant.expires > now):
                goals.add(grant.node)
    found: set[int] = set()
    for goal in goals:
        chain = nodes.chain(connection, goal)
        if chain and chain[0].id == space.node and rights(connection, actor, space, chain) & Permission.READ:
            found.update(node.id for node in chain)
    return frozenset(found)


def demand(have: Rights, want: Rights) -> None:
    """Return when ``want`` is within ``have``.

    :raises NotFound: the asker may not even know that something is here.
    :raises Forbidden: it may be known, not done.
    """
    if want & ~have:
        if not have & Permission.READ:
            raise NotFound
        raise Forbidden(condition="need-privileges")
