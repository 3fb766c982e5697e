"""Shares made, found, changed and revoked.

A share is the face of a grant: who shared, with which words, and what each
receiver has made of it.  It points at a node, so it follows every move.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from types import EllipsisType
from typing import NamedTuple

from davshare.errors import BadRequest, Forbidden, NotFound
from davshare.files import access, guard, placing, record, reshares, seen
from davshare.files.access import Rule
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.linked import Link
from davshare.files.locate import DEEPEST, Mount, Place
from davshare.files.service import Files
from davshare.index import grants, nodes, people, settings, spaces
from davshare.index import shares as rows
from davshare.index.database import Connection
from davshare.index.shares import Share
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.people import Actor, Group, User
from davshare.notices import notices
from davshare.sharing import bits, rules

__all__ = ["Found", "Share", "State"]

#: Most shares that one answer tells.
MOST = 1000


class State(IntEnum):
    """What a receiver has made of a share."""

    ACCEPTED = 0
    PENDING = 1
    DECLINED = 2


class New(NamedTuple):
    """A share as it is wanted; without ``rights``: those that the site gives, as far as the sharer has them.

    ``expires`` in seconds since 1970, None: never, ``...``: nothing was said.
    """

    receiver: User | Group
    rights: Rights | None = None
    expires: int | EllipsisType | None = ...
    note: str = ""


class Found(NamedTuple):
    """A share, with the names from the root of its space down to what it is of."""

    share: Share
    way: tuple[str, ...]

    @property
    def state(self) -> State:
        """What the one who asked has made of it."""
        return State(self.share.state)


def _placed(connection: Connection, found: Iterable[Share]) -> list[Found]:
    """Those whose node is in its space, neither in the trash nor lost, and that have not ended."""
    known = list(found)
    ways = rows.ways(connection, sorted({share.node for share in known}))
    now = int(time.time())
    placed = []
    for share in known:
        way = ways.get(share.node, [])
        alive = share.expires is None or share.expires > now
        if alive and way and way[0][0] == share.space_node:
            placed.append(Found(share, tuple(name for _, name in way[1:])))
    return placed


# making


def create(
    files: Files, asker: Asker, address: Address, new: New, also: Callable[[Transaction], None] | None = None
) -> Found:
    """Share what is at an address; with whom it is shared already, the share is changed.

    :param also: what else happens in the same transaction.
    :raises NotFound: nothing that the asker may know of is there.
    :raises Forbidden: the asker, or the site, may not; or somebody else has shared it with them.
    :raises BadRequest: the receiver has it already, or the time or the note will not do.
    """
    rules.demand_note(new.note)
    with files.db.session() as connection:
        space = _judged(files, connection, asker, address, new.receiver).space.id

    def work(tx: Transaction) -> int:
        place = _judged(files, tx.connection, asker, address, new.receiver)
        node = place.found()
        old = rows.of_grant(tx.connection, node.id, new.receiver.id)
        _demand_mine(asker.actor, place, old, grants.get(tx.connection, node.id, new.receiver.id))
        if also is not None:
            also(tx)
        rights = _rights(files, asker.actor, place, new.rights)
        wanted = None if isinstance(new.expires, EllipsisType) else new.expires
        if old is not None and new.expires is ...:
            expires = old.expires
        else:
            expires = rules.expiry(files.settings, new.receiver, wanted, new.expires is not ...)
        _put(tx, place, asker.actor, Rule(new.receiver.id, False, rights, expires))
        if old is not None:
            # It rests on the rights of whoever said so last.
            rows.renew(tx.connection, old.id, asker.actor.user, new.note)
            record.share(tx.connection, "update", asker.actor, node, new.receiver.id, rights, expires)
            return old.id
        accepted = files.settings.get("sharing.auto_accept")
        now = tx.now // 1_000_000_000
        number = rows.insert(tx.connection, node.id, new.receiver.id, asker.actor.user, new.note, now, accepted)
        _received(tx.connection, number, new.receiver, accepted)
        record.share(tx.connection, "create", asker.actor, node, new.receiver.id, rights, expires)
        notices.share_made(files, tx.connection, number, node, new.receiver, asker.actor, new.note)
        return number

    number = files.committer.run(work, [space], asker.actor.user, asker.actor.device)
    if isinstance(new.receiver, User):
        with files.db.session() as connection:
            receiver = reshares.actor_of(connection, new.receiver)
        placing.settle(files, receiver)
    return get(files, asker.actor, number)


def _received(connection: Connection, number: int, receiver: User | Group, accepted: bool) -> None:
    """Note for whom a new share waits, or is accepted at once, other than for the rest."""
    chosen = settings.of_users(connection, "sharing.auto_accept")
    others = {user for user, wanted in chosen.items() if wanted is not accepted}
    if others and isinstance(receiver, Group):
        others &= people.within(connection, receiver.id)
    for user in others if isinstance(receiver, Group) else others & {receiver.id}:
        rows.set_state(connection, number, user, State.PENDING if accepted else State.ACCEPTED)


def _judged(files: Files, connection: Connection, asker: Asker, address: Address, receiver: User | Group) -> Place:
    place = files.place(connection, asker, address)
    rules.demand_shareable(files.settings, connection, asker.actor, place)
    rules.demand_receiver(files.settings, connection, asker.actor, place, receiver)
    return place


def _demand_mine(actor: Actor, place: Place, old: Share | None, grant: grants.Grant | None) -> None:
    """What others have said about the receiver is changed by those only who may change access.

    :raises Forbidden: somebody else said it.
    """
    others = grant is not None if old is None else old.sharer != actor.user
    if others and not (guard.rules(actor, place.space) or place.rights & Permission.WRITE_ACL):
        raise Forbidden("Path already shared with this user")


def _rights(files: Files, actor: Actor, place: Place, wanted: Rights | None) -> Rights:
    """What a share says.

    :raises BadRequest: nothing.
    :raises Forbidden: more than the sharer may do.
    """
    folder = place.found().is_folder
    own = Permission.ALL if guard.rules(actor, place.space) else reshares.passed_on(place.rights)
    if wanted is None:
        wanted = bits.rights_of(files.settings.get("sharing.default_permissions")) & own
    rights = bits.fitting(wanted, folder)
    if not files.settings.get("sharing.resharing"):
        rights &= ~Permission.SHARE
    if not rights & Permission.READ:
        raise BadRequest("Cannot remove all permissions")
    if rights & ~own:
        raise Forbidden("Cannot increase permissions")
    return rights


def _put(tx: Transaction, place: Place, actor: Actor, rule: Rule) -> None:
    """The grant, which ends no later than what its giver may."""
    end = reshares.until(tx.connection, actor, place.space, place.chain, rule.rights)
    if end is not None:
        rule = rule._replace(expires=min(end, rule.expires or end))
    access.put(tx, place.found(), rule)


# finding


def receiver_named(connection: Connection, kind: str, name: str) -> User | Group:
    """The user or group of a name.

    :raises NotFound: there is none that anything can be shared with.
    """
    found = access.find_principal(connection, kind, names.key(name))
    if found is None or (isinstance(found, User) and found.disabled):
        raise NotFound("There is no such user or group.")
    return found


def get(files: Files, actor: Actor, number: int) -> Found:
    """A share that the actor made or received, or of what they may see the access of.

    :raises NotFound: there is none that they may know of.
    """
    with files.db.snapshot() as connection:
        return known(connection, actor, number)


def known(connection: Connection, actor: Actor, number: int) -> Found:
    found = _placed(connection, [share] if (share := rows.get(connection, number, actor.user)) else [])
    if not found:
        raise NotFound("Wrong share ID, share doesn't exist")
    place = _place(connection, actor, found[0])
    share = found[0].share
    inside = bool(place.rights & Permission.READ)
    concerned = actor.user == share.sharer or share.principal in actor.principals
    if not inside or not (concerned or place.rights & (Permission.READ_ACL | Permission.WRITE_ACL)):
        raise NotFound("Wrong share ID, share doesn't exist")
    return found[0]


def _place(connection: Connection, actor: Actor, found: Found) -> Place:
    """Where the node of a share is, in the eyes of an actor.

    :raises NotFound: it is nowhere.
    """
    space = spaces.get(connection, found.share.space)
    chain = tuple(nodes.chain(connection, found.share.node)[:DEEPEST])
    if space is None or not chain:
        raise NotFound("Wrong share ID, share doesn't exist")
    rights = guard.rights(connection, actor, space, chain)
    return Place(Mount(base(found.share, actor.user), space), chain, (), False, False, rights, None)


def base(share: Share | Link, user: int) -> tuple[str, ...]:
    """The address of the space that a share or link is in, for a user."""
    if share.space_kind == "home":
        return ("dav", "home") if share.owner == user else ("dav", "users", share.space_name)
    return ("dav", "spaces", share.space_name)


def made(files: Files, actor: Actor) -> list[Found]:
    """What somebody has shared."""
    with files.db.snapshot() as connection:
        return _reached(connection, actor, rows.by(connection, actor.user, MOST))


def listed(files: Files, user: str | None, offset: int = 0, limit: int | None = None) -> list[Found]:
    """A page of what a user, or everybody, has shared, the oldest first; for administrators.

    :raises NotFound: there is no such user.
    """
    with files.db.snapshot() as connection:
        sharer = sharer_named(connection, user)
        return _placed(connection, rows.page(connection, sharer, offset, MOST if limit is None else limit))


def count(files: Files, user: str | None) -> int:
    """How many there are for :func:`listed`."""
    with files.db.session() as connection:
        return rows.count(connection, sharer_named(connection, user))


def sharer_named(connection: Connection, name: str | None) -> int | None:
    """The id of a user; None: everybody.

    :raises NotFound: there is no such user.
    """
    known = None if name is None else people.user(connection, names.key(name))
    if name is not None and known is None:
        raise NotFound("There is no such user.")
    return None if known is None else known.id


def received(files: Files, actor: Actor, states: Sequence[State] = (State.ACCEPTED,)) -> list[Found]:
    """What others have shared with somebody, or with a group of theirs, in some states, and is not kept from them.

    A fixed number of statements.
    """
    with files.db.snapshot() as connection:
        found = rows.to(connection, actor.user, tuple(actor.principals), MOST)
        placed = _placed(connection, [share for share in found if share.state in states])
        read = seen.readable(connection, actor, (each.share.node for each in placed))
        return [each for each in placed if each.share.node in read]


def _reached(connection: Connection, actor: Actor, found: Iterable[Share]) -> list[Found]:
    """Those that are there; with an app token for a part of the files, those in it."""
    placed = _placed(connection, found)
    if actor.node is None:
        return placed
    ways = rows.ways(connection, sorted({each.share.node for each in placed}))
    return [each for each in placed if any(number == actor.node for number, _ in ways[each.share.node])]


def shared(
    files: Files, asker: Asker, address: Address, members: bool = False, everybodys: bool = False
) -> list[Found]:
    """What is shared of the thing at an address, or of the members of the folder there.

    :param everybodys: what others have shared as well; only who may see access is told.
    :raises NotFound: nothing that the asker may know of is there.
    :raises BadRequest: it is no folder.
    """
    with files.db.snapshot() as connection:
        place = files.place(connection, asker, address)
        node = place.found()
        place.demand(Permission.READ)
        if members and not node.is_folder:
            raise BadRequest("Not a directory")
        find = rows.inside if members else rows.on
        found = _placed(connection, find(connection, asker.actor.user, node.id, MOST))
        sees = place.rights & (Permission.READ_ACL | Permission.WRITE_ACL)
        return [each for each in found if each.share.sharer == asker.actor.user or (everybodys and sees)]


# changing


def update(
    files: Files,
    asker: Asker,
    number: int,
    rights: Rights | None = None,
    expires: int | EllipsisType | None = ...,
    note: str | None = None,
) -> Found:
    """Change what is given of a share; the rest stays.

    :raises NotFound: there is no such share that the asker may know of.
    :raises Forbidden: the asker may not change it, or not to that.
    :raises BadRequest: the time or the note will not do.
    """
    if note is not None:
        rules.demand_note(note)
    space = get(files, asker.actor, number).share.space

    def work(tx: Transaction) -> None:
        place, share = _mine(files, tx.connection, asker.actor, number)
        receiver = people.principal_by_id(tx.connection, share.principal)
        assert receiver is not None
        if rights is not None or expires is not ...:
            rules.demand_shareable(files.settings, tx.connection, asker.actor, place)
            new = share.rights if rights is None else _rights(files, asker.actor, place, rights)
            end = share.expires
            if not isinstance(expires, EllipsisType):
                end = rules.expiry(files.settings, receiver, expires, True)
            if expires is not ... and (end is None or (share.expires is not None and end > share.expires)):
                # To let it last is to give it anew.
                _rights(files, asker.actor, place, new)
            _put(tx, place, asker.actor, Rule(share.principal, False, new, end))
            record.share(tx.connection, "update", asker.actor, place.found(), share.principal, new, end)
        if note is not None:
            rows.set_note(tx.connection, number, note)

    files.committer.run(work, [space], asker.actor.user, asker.actor.device)
    return get(files, asker.actor, number)


def _mine(files: Files, connection: Connection, actor: Actor, number: int) -> tuple[Place, Share]:
    """A share that an actor may change, and where it is."""
    found = known(connection, actor, number)
    place = _place(connection, actor, found)
    owns = guard.rules(actor, place.space) or place.rights & Permission.WRITE_ACL
    if actor.mask != Permission.ALL and not place.rights & reshares.SHARING:
        raise Forbidden("This app token shares nothing.")
    if actor.user != found.share.sharer and not owns:
        raise Forbidden("Only who has shared it, or may change access, can change this share.")
    return place, found.share


def revoke(files: Files, asker: Asker, number: int) -> None:
    """Take a share back, and with it what was shared on the strength of it.

    :raises NotFound: there is no such share that the asker may know of.
    :raises Forbidden: the asker may not.
    """
    space = get(files, asker.actor, number).share.space

    def work(tx: Transaction) -> None:
        place, share = _mine(files, tx.connection, asker.actor, number)
        record.share(tx.connection, "revoke", asker.actor, place.found(), share.principal)
        access.drop(tx, place.found(), share.principal)

    files.committer.run(work, [space], asker.actor.user, asker.actor.device)


def expire(files: Files, number: int) -> None:
    """Let a share end now, whoever made it.

    :raises NotFound: there is no such share.
    """
    with files.db.session() as connection:
        found = rows.get(connection, number, 0)
    if found is None:
        raise NotFound("There is no such share.")

    def work(tx: Transaction) -> None:
        share = rows.get(tx.connection, number, 0)
        node = None if share is None else nodes.get(tx.connection, share.node)
        if share is not None and node is not None:
            record.share(tx.connection, "revoke", None, node, share.principal)
            access.drop(tx, node, share.principal)

    files.committer.run(work, [found.space])
