"""Groups, who is in them and who manages them; groups can lie in groups."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from davshare.errors import Conflict
from davshare.identity.lookup import check_text, find_group, find_user
from davshare.index import members, people
from davshare.index.database import Connection, Database, Taken
from davshare.index.members import Member, Membership
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.people import Actor, Group, User

if TYPE_CHECKING:
    from davshare.files.commit import Transaction
    from davshare.files.service import Files

#: Most entries of one page.
PAGE = 1000


class GroupInfo(NamedTuple):
    """A group as reports show it; ``members`` counts users and groups that were put into it by name."""

    group: Group
    members: int


def change_membership(
    tx: Transaction, joining: Iterable[Membership] = (), leaving: Iterable[Membership] = ()
) -> tuple[list[Membership], list[Membership]]:
    """Put principals into groups and take others out: the one way in which anybody joins or leaves.

    What everybody in them may reach changes with it.  Memberships that are
    there, or gone, already are passed over.

    :returns: who has really joined, and who has left.
    :raises Conflict: a group would come to lie in itself.
    """
    gone = [each for each in leaving if members.remove(tx.connection, each)]
    come = []
    for each in joining:
        if each.nested:
            _demand_no_cycle(tx.connection, each)
        if members.add(tx.connection, each):
            come.append(each)
    return come, gone


def _demand_no_cycle(connection: Connection, new: Membership) -> None:
    if new.group == new.member or new.group in people.within(connection, new.member):
        raise Conflict("The group would come to lie in itself.")


def groups(database: Database, text: str = "", offset: int = 0, limit: int | None = None) -> list[GroupInfo]:
    """Groups by name: all, or those with ``text`` in their name or display name; two statements."""
    with database.snapshot() as connection:
        found = people.search_groups(connection, text, offset, limit)
        counted = members.counts(connection, [group.id for group in found])
        return [GroupInfo(group, counted.get(group.id, 0)) for group in found]


def group_named(database: Database, name: str) -> Group:
    """The group of that name.

    :raises NotFound: there is none.
    """
    with database.session() as connection:
        return find_group(connection, name)


def add_group(database: Database, name: str, display_name: str = "") -> Group:
    """A new group without members.

    :raises BadRequest: the name cannot be accepted.
    :raises Conflict: it is taken.
    """
    name = names.key(name)
    names.check_account(name)
    check_text(display_name)
    try:
        with database.write() as connection:
            number = people.add_group(connection, name, display_name or name, int(time.time()))
    except Taken:
        raise Conflict("There is a group of this name already.") from None
    return Group(number, name, display_name or name)


def set_group(database: Database, name: str, display_name: str) -> Group:
    """Give a group another display name; its name stays, since it is part of addresses.

    :raises NotFound: there is no such group.
    :raises BadRequest: the display name cannot be accepted.
    """
    check_text(display_name)
    with database.write() as connection:
        group = find_group(connection, name)
        group = group._replace(display_name=display_name or group.name)
        people.update_group(connection, group)
    return group


def remove_group(files: Files, name: str) -> Group:
    """Remove a group with everything that was granted to it; its members stay.

    :raises NotFound: there is no such group.
    """

    def work(tx: Transaction) -> Group:
        group = find_group(tx.connection, name)
        change_membership(tx, leaving=members.touching(tx.connection, group.id))
        people.remove(tx.connection, group.id)
        return group

    return files.committer.run(work, [])


def join(files: Files, group: str, member: str, *, nested: bool = False) -> bool:
    """Put a user, or a group (``nested``), into a group; whether that is new.

    :raises NotFound: one of them does not exist.
    :raises Conflict: the group would come to lie in itself.
    """

    def work(tx: Transaction) -> bool:
        return bool(change_membership(tx, joining=[_membership(tx.connection, group, member, nested)])[0])

    return files.committer.run(work, [])


def leave(files: Files, group: str, member: str, *, nested: bool = False) -> bool:
    """Take a user, or a group (``nested``), out of a group; whether there was something to take.

    :raises NotFound: one of them does not exist.
    """

    def work(tx: Transaction) -> bool:
        return bool(change_membership(tx, leaving=[_membership(tx.connection, group, member, nested)])[1])

    return files.committer.run(work, [])


def _membership(connection: Connection, group: str, member: str, nested: bool) -> Membership:
    who = find_group(connection, member) if nested else find_user(connection, member)
    return Membership(find_group(connection, group).id, who.id, nested=nested)


def members_of(
    database: Database, group: str, *, effective: bool = False, offset: int = 0, limit: int = PAGE
) -> list[Member]:
    """A page of the members of a group: groups first, each kind by name.

    :param effective: also those who are in it through other groups.
    :raises NotFound: there is no such group.
    """
    with database.snapshot() as connection:
        return members.page(connection, find_group(connection, group).id, effective, offset, limit)


def groups_of(database: Database, user: str, *, effective: bool = False) -> list[Group]:
    """The groups of a user by name; ``effective``: also those that these lie in.

    :raises NotFound: there is no such user.
    """
    with database.snapshot() as connection:
        return members.groups_of(connection, find_user(connection, user).id, effective)


def add_manager(database: Database, group: str, user: str) -> bool:
    """Let a user manage who is in a group; whether that is new.

    :raises NotFound: one of them does not exist.
    """
    with database.write() as connection:
        return members.add_manager(connection, find_group(connection, group).id, find_user(connection, user).id)


def remove_manager(database: Database, group: str, user: str) -> bool:
    """The opposite of :func:`add_manager`; whether there was something to take.

    :raises NotFound: one of them does not exist.
    """
    with database.write() as connection:
        return members.remove_manager(connection, find_group(connection, group).id, find_user(connection, user).id)


def managers_of(database: Database, group: str, offset: int = 0, limit: int = PAGE) -> list[User]:
    """A page of those who manage a group, by name.

    :raises NotFound: there is no such group.
    """
    with database.snapshot() as connection:
        return members.managers(connection, find_group(connection, group).id, offset, limit)


def managed_by(database: Database, user: str) -> list[Group]:
    """The groups that a user manages, by name.

    :raises NotFound: there is no such user.
    """
    with database.snapshot() as connection:
        return members.managed_by(connection, find_user(connection, user).id)


def manages(connection: Connection, who: Actor | User, group: Group) -> bool:
    """Whether somebody may change who is in a group: its managers, and administrators.

    Nobody does by an app token whose scope leaves something out.
    """
    if isinstance(who, Actor) and (who.node is not None or who.mask != Permission.ALL):
        return False
    number = who.user if isinstance(who, Actor) else who.id
    return who.admin or members.is_manager(connection, group.id, number)
