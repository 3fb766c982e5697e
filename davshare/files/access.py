"""Grants and denials changed: rows, and the journal entries that tell those whom they concern."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from davshare.errors import BadRequest, Forbidden, NotFound
from davshare.files import guard, locking, record, reshares, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.index import grants, nodes, people, shares
from davshare.index.database import Connection
from davshare.index.grants import Grant, Told
from davshare.index.shares import Share
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node
from davshare.model.people import Actor, Group, User

__all__ = ["Told"]

#: Most grants and denials on one node.
MOST = 1000
#: More people than this are told of their groups by one entry for everybody.
_MANY = 20
#: Grants that one transaction lets expire.
_BATCH = 200


class Rule(NamedTuple):
    """What a node says to one principal; ``expires`` in seconds since 1970, None: never."""

    principal: int
    deny: bool
    rights: Rights
    expires: int | None = None


def find_principal(connection: Connection, kind: str, name: str) -> User | Group | None:
    """The user or group of a name in NFC."""
    return people.user(connection, name) if kind == "user" else people.group(connection, name)


def principal_named(connection: Connection, who: str) -> User | Group:
    """A user, else a group; ``user:NAME`` and ``group:NAME`` say which.

    :raises NotFound: there is none.
    """
    kind, colon, rest = who.partition(":")
    name = names.key(rest if colon and kind in ("user", "group") else who)
    found = None
    for each in ("user", "group"):
        if found is None and (name == names.key(who) or each == kind):
            found = find_principal(connection, each, name)
    if found is None:
        raise NotFound("There is no such user or group.")
    return found


def put(tx: Transaction, node: Node, rule: Rule) -> None:
    """Let a node say something to a principal; what it said before is replaced.

    :raises BadRequest: it says too much already, or the time is over.
    """
    if rule.expires is not None and rule.expires <= time.time():
        raise BadRequest("That time is over already.")
    before = grants.of_node(tx.connection, node.id)
    if len(before) >= MOST:
        raise BadRequest("There are too many grants on this.")
    grants.put(tx.connection, Grant(node.id, rule.principal, rule.deny, rule.rights, rule.expires))
    old = [each for each in before if each.principal == rule.principal]
    if Grant(node.id, *rule) not in old:
        _note(tx, node, rule.principal, old)
        if old or rule.deny:
            settle(tx, [rule.principal], node.space)


def drop(tx: Transaction, node: Node, principal: int, deny: bool = False) -> bool:
    """Take back what a node says to a principal; whether there was something."""
    if not _drop(tx, node, principal, deny):
        return False
    if not deny:
        settle(tx, [principal], node.space)
    return True


def _drop(tx: Transaction, node: Node, principal: int, deny: bool) -> bool:
    old = [each for each in grants.of_node(tx.connection, node.id) if each.principal == principal]
    if not grants.remove(tx.connection, node.id, principal, deny):
        return False
    _note(tx, node, principal, old)
    return True


def settle(tx: Transaction, principals: Iterable[int], space: int | None = None) -> None:
    """Take from the shares of those who may less than before (in a space) what they may not pass on any more.

    And from the shares that were made on the strength of those.
    """
    waiting = list(principals) if shares.any_at_all(tx.connection) else []
    while waiting:
        waiting += _cut(tx, shares.sharing(tx.connection, waiting.pop(), space))


def settle_below(tx: Transaction, node: Node) -> None:
    """The same where a node has come to another place, with everything below it."""
    if shares.any_at_all(tx.connection):
        settle(tx, _cut(tx, shares.below(tx.connection, node.id)), node.space)


def _cut(tx: Transaction, found: Iterable[Share]) -> list[int]:
    """Take from shares what their sharers may not pass on; who may less by that."""
    lost = []
    for share, node, rights, expires in reshares.fallen(tx.connection, found):
        old = grants.get(tx.connection, node.id, share.principal)
        if not rights or (expires is not None and expires <= time.time()):
            record.share(tx.connection, "end", None, node, share.principal)
            _drop(tx, node, share.principal, False)
        elif old is not None:
            grants.put(tx.connection, Grant(node.id, share.principal, False, rights, expires))
            _note(tx, node, share.principal, [old])
        lost.append(share.principal)
    return lost


def forget_sharer(tx: Transaction, user: int) -> None:
    """Take back what a user has shared, who is about to go."""
    for share in shares.sharing(tx.connection, user):
        node = nodes.get(tx.connection, share.node)
        if share.sharer == user and node is not None:
            record.share(tx.connection, "end", None, node, share.principal)
            drop(tx, node, share.principal)


def _note(tx: Transaction, node: Node, principal: int, old: Sequence[Grant]) -> None:
    """Everything below comes or goes for the principal only where reading is at stake."""
    new = [each for each in grants.of_node(tx.connection, node.id) if each.principal == principal]
    writer.note_access(tx, node, _person(tx.connection, principal), deep=_reading(old) != _reading(new))


def _reading(said: Iterable[Grant]) -> set[tuple[bool, int | None]]:
    return {(each.deny, each.expires) for each in said if each.rights & Permission.READ}


# -- by somebody who asks -----------------------------------------------------------------------


def decide(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    """What is at an address, whose access is about to be changed.

    :raises NotFound: nothing that the asker may know of.
    :raises Forbidden: the asker may not change it.
    """
    place = files.place(connection, asker, address)
    place.found()
    if asker.actor.node is not None and place.chain[-1].id != asker.actor.node and not place.rights:
        raise NotFound
    place.demand(Permission.WRITE_ACL)
    asker.check(connection)
    locking.demand_content(connection, place, asker)
    return place


def demand_own(place: Place, actor: Actor, rights: Rights) -> None:
    """Return when nobody is given more than the giver has.

    :raises Forbidden: somebody would be.
    """
    if rights & ~place.rights & ~(Permission.ALL if guard.rules(actor, place.space) else Permission.NONE):
        raise Forbidden("Nobody can grant more than they may do themselves.", condition="need-privileges")


def _lifted(known: Grant | None, rule: Rule | None) -> Rights:
    """What is not denied any more, or not for as long, when ``rule`` takes the place of a denial."""
    if known is None or not known.deny:
        return Permission.NONE
    if rule is None:
        return known.rights
    sooner = rule.expires is not None and (known.expires is None or rule.expires < known.expires)
    return known.rights if sooner else known.rights & ~rule.rights


def replace(files: Files, asker: Asker, address: Address, rules: Sequence[Rule]) -> None:
    """Let a node say exactly this, all of it or nothing (RFC 3744 section 8.1).

    What stays, with the same rights or others, keeps its end.  To lift a denial
    is to give: nobody does so for what they may not do themselves.
    """
    with files.db.session() as connection:
        space = decide(files, connection, asker, address).space.id

    def work(tx: Transaction) -> None:
        place = decide(files, tx.connection, asker, address)
        node = place.found()
        old = {(each.principal, each.deny): each for each in grants.of_node(tx.connection, node.id)}
        new = {(each.principal, each.deny): each for each in rules}
        for key, rule in new.items():
            known = old.get(key)
            if known is not None and known.rights == rule.rights and rule.expires in (None, known.expires):
                continue
            if known is not None and known.expires is not None and rule.expires is None:
                rule = rule._replace(expires=max(known.expires, int(time.time()) + 1))
            given = rule.rights & ~(known.rights if known is not None else 0)
            demand_own(place, asker.actor, _lifted(known, rule) if rule.deny else given)
            put(tx, node, rule)
        for key in old.keys() - new.keys():
            demand_own(place, asker.actor, _lifted(old[key], None))
            drop(tx, node, *key)

    files.committer.run(work, [space], asker.actor.user, asker.actor.device)


def change(files: Files, asker: Asker, address: Address, rule: Rule) -> None:
    """Let a node say one thing to one principal; without any rights: nothing of that kind."""
    with files.db.session() as connection:
        space = decide(files, connection, asker, address).space.id

    def work(tx: Transaction) -> None:
        place = decide(files, tx.connection, asker, address)
        known = grants.get(tx.connection, place.found().id, rule.principal, rule.deny)
        demand_own(place, asker.actor, _lifted(known, rule) if rule.deny else rule.rights)
        if rule.rights:
            put(tx, place.found(), rule)
        elif not drop(tx, place.found(), rule.principal, rule.deny):
            raise NotFound("There is no such grant.")

    files.committer.run(work, [space], asker.actor.user, asker.actor.device)


def told_on(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Told]]:
    """What some nodes say, denials first, by node: one statement."""
    return _by_node(grants.told_on(connection, numbers))


def told_in(connection: Connection, folder: int) -> dict[int, list[Told]]:
    """What the members of a folder say, denials first, by node: one statement."""
    return _by_node(grants.told_in(connection, folder))


def _by_node(rows: Iterable[Told]) -> dict[int, list[Told]]:
    found: dict[int, list[Told]] = {}
    for each in rows:
        found.setdefault(each.node, []).append(each)
    return found


# -- by time, and by a change of groups ---------------------------------------------------------


def expire(files: Files) -> bool:
    """Take back what has expired, and tell those whom it concerned; whether there was anything."""
    now = int(time.time())
    with files.db.session() as connection:
        over = grants.expired(connection, now, _BATCH)
        there = [nodes.get(connection, grant.node) for grant in over]
    for number in sorted({node.space for node in there if node is not None}):

        def work(tx: Transaction, number: int = number) -> None:
            for grant in over:
                node = nodes.get(tx.connection, grant.node)
                if node is not None and node.space == number and grant in grants.of_node(tx.connection, node.id):
                    record.share_ends(tx.connection, node, grant.principal)
                    drop(tx, node, grant.principal, grant.deny)

        files.committer.run(work, [number])
    return bool(over)


def note_membership(tx: Transaction, changes: Iterable[tuple[int, int]]) -> None:
    """Tell those who have come into groups, or left them, given as (user or group, group).

    Called in the transaction that changed the rows of members.  Entries go to
    every node that says something to one of these groups, or to a group that
    holds it, deleted ones too, whose end is told to those who could see them;
    where many people are concerned, to everybody at once.
    """
    by_group: dict[int, set[int]] = {}
    for member, group in changes:
        by_group.setdefault(group, set()).add(member)
    concerned: dict[int, set[int]] = {}
    for group, who in by_group.items():
        for grant in grants.of_principals(tx.connection, tuple(people.principals_of(tx.connection, group))):
            concerned.setdefault(grant.node, set()).update(who)
    for number, who in concerned.items():
        node = nodes.get(tx.connection, number)
        told = {_person(tx.connection, each) for each in who} if len(who) <= _MANY else {None}
        for person in {None} if None in told else told:
            if node is not None:
                writer.note_access(tx, node, person, deep=True)
    settle(tx, {member for who in by_group.values() for member in who})


def _person(connection: Connection, principal: int) -> int | None:
    """The one who is concerned by what is said to a principal; None for groups, in which people come and go."""
    return None if people.user_by_id(connection, principal) is None else principal
