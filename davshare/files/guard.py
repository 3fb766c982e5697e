"""The one decision about who may do what.

The nearest node that says something about a permission decides; on one node a
denial goes before a grant; a person and all groups of that person count
together.  Owners may do everything in their home and administrators in every
project space.  An app token takes away, never gives.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from davshare.errors import Forbidden, NotFound
from davshare.index import grants, nodes
from davshare.index.database import Connection
from davshare.index.grants import Grant
from davshare.model.access import Permission, Rights
from davshare.model.nodes import SNAPSHOT, Node, Space
from davshare.model.people import Actor

_READING = Permission.READ | Permission.READ_ACL
#: What nodes say about one person: grants and denials by node id.
Said = Mapping[int, Sequence[Grant]]
_NOTHING: Said = {}
#: Grants that one decision reads at most.
_FEW = 300
#: Nodes whose decided rights are remembered while an answer goes down a tree.
_REMEMBERED = 10_000


def said(connection: Connection, actor: Actor) -> Said:
    """Every grant and denial that concerns the actor: one statement, once in a generation."""
    key = (actor.user, actor.generation)
    found: dict[int, list[Grant]] | None = actor.memo.get(key) if actor.generation else None
    if found is None:
        found = {}
        rows = grants.of_principals(connection, tuple(actor.principals))
        for grant in rows:
            found.setdefault(grant.node, []).append(grant)
        if actor.generation:
            actor.memo.put(key, found, 1 + len(rows))
    return found


def _said_on(connection: Connection, actor: Actor, chain: Sequence[Node]) -> Said:
    """At least what some nodes say about the actor.

    Of an actor of whom nothing is remembered only these nodes are read, unless they say very much about others.
    """
    if not actor.generation:
        rows = grants.on_nodes(connection, [node.id for node in chain], _FEW)
        if len(rows) < _FEW:
            found: dict[int, list[Grant]] = {}
            for grant in rows:
                if grant.principal in actor.principals:
                    found.setdefault(grant.node, []).append(grant)
            return found
    return said(connection, actor)


def step(above: Rights, here: Iterable[Grant], now: float) -> Rights:
    """Rights on a node that says ``here``, below one with the rights ``above``: the whole rule."""
    allowed = denied = Permission.NONE
    for grant in here:
        if grant.expires is None or grant.expires > now:
            if grant.deny:
                denied |= grant.rights
            else:
                allowed |= grant.rights
    return (above | allowed) & ~denied


def rules(actor: Actor, space: Space) -> bool:
    """Whether the space is the actor's own: a home of theirs, or any project space for administrators.

    A snapshot is that of whoever comes by a link, who sees no more of it than what the link shows, and nobody else's.
    """
    if space.kind == SNAPSHOT:
        return actor.visit is not None and actor.node is not None
    return space.owner == actor.user if space.kind == "home" else actor.admin


def limited(actor: Actor, space: Space, granted: Rights) -> Rights:
    """What is left of rights within the limits of the app token and of an archived space."""
    allowed = granted & actor.mask
    return allowed & _READING if space.read_only else allowed


def granted(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> Rights:
    """Rights on the last node of ``chain`` (a space's root first) before the limits of token and space."""
    if rules(actor, space):
        return Permission.ALL
    return _decided(_said_on(connection, actor, chain), chain)


def _decided(known: Said, chain: Sequence[Node]) -> Rights:
    """What somebody of whom ``known`` is said was given on the last node of a chain."""
    now, have = time.time(), Permission.NONE
    for node in chain:
        here = known.get(node.id)
        if here is not None:
            have = step(have, here, now)
    return have


def rights_by(known: Said, actor: Actor, space: Space, chain: Sequence[Node]) -> Rights:
    """The same as :func:`rights` for one of many nodes, when what is said of the actor was read before."""
    if actor.node is not None and all(node.id != actor.node for node in chain):
        return Permission.NONE
    return limited(actor, space, Permission.ALL if rules(actor, space) else _decided(known, chain))


def rights(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> Rights:
    """What ``actor`` may do with the last node of ``chain`` (a space's root first)."""
    if actor.node is not None and all(node.id != actor.node for node in chain):
        return Permission.NONE
    return limited(actor, space, granted(connection, actor, space, chain))


class Member(Protocol):
    """As much of a node as decides about it."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def parent(self) -> int:
        """The number of the folder that it is in."""

    @property
    def is_folder(self) -> bool:
        """Whether it can have members."""


class Sight:
    """What one actor may do with everything below a place, decided while an answer goes down the tree.

    None stands for it where all below is like the place itself.  A limited app
    token sees nothing but its own node and what is below that.
    """

    def __init__(self, connection: Connection, actor: Actor, space: Space, known: Said) -> None:
        self._connection = connection
        self._actor = actor
        self._space = space
        self._known = known
        self._now = time.time()
        self._granted: dict[int, Rights] = {}
        self._passages: frozenset[int] | None = None
        self._ruled = rules(actor, space)
        self._led: frozenset[int] | None = None

    def rights(self, node: Member) -> Rights:
        """What the actor may do with a node; costs no statement when its folder was asked about before."""
        return limited(self._actor, self._space, self._of(node))

    def reads(self, node: Member) -> bool:
        """Whether the actor may read a node."""
        return bool(self.rights(node) & Permission.READ)

    def shows(self, node: Member) -> bool:
        """Whether the actor may know of a node: by reading it, or on the way to something that can be read."""
        return self.reads(node) or node.id in self.passages

    def hides(self, node: int) -> bool:
        """Whether the actor could never read a node, wherever it is by now, since that says so.

        They may have known of it all the same, on the way to one of the :attr:`goals`.
        """
        here = None if self._ruled else self._known.get(node)
        return here is not None and not step(Permission.READ, here, self._now) & Permission.READ

    @property
    def goals(self) -> list[int]:
        """What was granted to the actor, to which folders may lead that cannot be read."""
        said = [node for node, here in self._known.items() if any(not each.deny for each in here)]
        return [node for node in said if node != self._space.node]

    def told_of(self, node: int) -> bool:
        """Whether a node itself says something about the actor, wherever it is by now."""
        return not self._ruled and node in self._known

    def leads(self, node: int) -> bool:
        """Whether the actor was granted a node, or something in it, wherever that is by now: deleted, too."""
        if self._led is None:
            goals = [number for number, here in self._known.items() if any(not each.deny for each in here)]
            if self._actor.node is not None:
                goals = [self._actor.node]
            self._led = frozenset([*goals, *nodes.above(self._connection, goals, self._space.id)])
        return node in self._led

    def concerns(self, principal: int | None) -> bool:
        """Whether a change of access concerns the actor; None concerns anybody."""
        return not self._ruled and principal in (None, self._actor.user)

    @property
    def passages(self) -> frozenset[int]:
        """See :func:`passages`."""
        if self._passages is None:
            self._passages = passages(self._connection, self._actor, self._space)
        return self._passages

    def _of(self, node: Member) -> Rights:
        found = self._granted.get(node.id)
        if found is None:
            above = self._granted.get(node.parent)
            if above is None or node.id == self._actor.node:
                return self._from_root(node.id)
            found = self._step(above, node.id)
            if node.is_folder:
                self._remember(node.id, found)
        return found

    def _step(self, above: Rights, number: int) -> Rights:
        here = None if self._ruled else self._known.get(number)
        return above if here is None else step(above, here, self._now)

    def _from_root(self, number: int) -> Rights:
        have = Permission.ALL if self._ruled else Permission.NONE
        inside = self._actor.node is None
        for node in nodes.chain(self._connection, number):
            have = self._step(have, node.id)
            inside = inside or node.id == self._actor.node
            self._remember(node.id, have if inside else Permission.NONE)
        return have if inside else Permission.NONE

    def _remember(self, number: int, have: Rights) -> None:
        if len(self._granted) >= _REMEMBERED:
            self._granted.clear()
        self._granted[number] = have


def sight(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> Sight | None:
    """For what is below the last node of ``chain``: None where no other node says anything about the actor."""
    outside = actor.node is not None and all(node.id != actor.node for node in chain)
    if rules(actor, space):
        return Sight(connection, actor, space, _NOTHING) if outside else None
    known = said(connection, actor)
    if not outside and (not known or (len(known) == 1 and chain[0].id in known)):
        return None
    return Sight(connection, actor, space, known)


def was_let_in(connection: Connection, actor: Actor, space: Space, changes: Iterable[tuple[int, int | None]]) -> bool:
    """Whether changes of access, as (node, whom they concern), could have let the actor in.

    None concerns groups, and with them the actor where a node says something to one of their groups.
    """
    if rules(actor, space):
        return False
    known = said(connection, actor)
    return any(
        principal == actor.user
        or (principal is None and any(each.principal != actor.user for each in known.get(node, ())))
        for node, principal in changes
    )


def may_enter(actor: Actor, space: Space) -> bool:
    """Whether everything in the space is the actor's to see, decided without asking the index."""
    return actor.node is None and rules(actor, space)


def passages(connection: Connection, actor: Actor, space: Space) -> frozenset[int]:
    """Nodes of ``space`` on the way to something that ``actor`` may read, and those things themselves.

    A folder in this set may be walked through by someone who may not read it.
    One statement for every few hundred grants.
    """
    known, now = _NOTHING, time.time()
    if actor.node is not None:
        goals = [actor.node]
    elif rules(actor, space):
        goals = [space.node]
    else:
        known = said(connection, actor)
        goals = [node for node, here in known.items() if step(Permission.NONE, here, now) & Permission.READ]
    above = nodes.above(connection, goals, space.id)
    found: set[int] = set()
    for goal in goals:
        way = _way(above, goal)
        if not way or way[-1] != space.node:
            continue
        if actor.node is None or rules(actor, space) or _reads(said(connection, actor), way, now):
            found.update(way)
    return frozenset(found)


def _way(above: Mapping[int, int], node: int) -> list[int]:
    """A node and everything above it, by their parents; empty when it is unknown."""
    way: list[int] = []
    while node in above:
        way.append(node)
        node = above[node]
    return way


def _reads(known: Said, way: Sequence[int], now: float) -> bool:
    have = Permission.NONE
    for node in reversed(way):
        have = step(have, known.get(node, ()), now)
    return bool(have & Permission.READ)


def demand_whole(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> None:
    """Return when nothing at and below the last node of ``chain`` is kept from the actor, who is about to take it away.

    :raises Forbidden: something is.
    """
    if rules(actor, space):
        return
    now, top = time.time(), chain[-1].id
    known = said(connection, actor)
    kept = Permission.READ | Permission.UNBIND
    denied = [n for n, here in known.items() if step(kept, here, now) & kept != kept]
    above = nodes.above(connection, denied, space.id) if denied else {}
    for node in denied:
        if top in _way(above, node):
            raise Forbidden("Something in here may not be removed by you.", condition="need-privileges")


def demand(have: Rights, want: Rights) -> None:
    """Return when ``want`` is within ``have``.

    :raises NotFound: the asker may not even know that something is here.
    :raises Forbidden: it may be known, not done.
    """
    if want & ~have:
        if not have & Permission.READ:
            raise NotFound
        raise Forbidden(condition="need-privileges")


class Reason(NamedTuple):
    """One grant or denial that was considered: on which node, and which permissions it decided in the end."""

    grant: Grant
    node: Node
    decided: Rights
    expired: bool


class Decision(NamedTuple):
    """What somebody may do, and why: ``rule`` names what goes before all grants, if anything does."""

    rights: Rights
    rule: str
    granted: Rights
    reasons: list[Reason]


def explain(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> Decision:
    """The decision of :func:`rights` with everything that was considered for it, nearest node first."""
    now, known, left = time.time(), said(connection, actor), Permission.ALL
    reasons: list[Reason] = []
    for node in reversed(chain):
        here = sorted(known.get(node.id, ()), key=lambda grant: not grant.deny)
        told = left
        for grant in here:
            expired = grant.expires is not None and grant.expires <= now
            decides = Permission.NONE if expired else grant.rights & told
            reasons.append(Reason(grant, node, decides, expired))
            if grant.deny and not expired:
                told &= ~grant.rights
        for reason in reasons[len(reasons) - len(here) :]:
            left &= ~reason.decided
    rule = ""
    if rules(actor, space):
        rule = "owner" if space.kind == "home" else "administrator"
    return Decision(rights(connection, actor, space, chain), rule, granted(connection, actor, space, chain), reasons)
