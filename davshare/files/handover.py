"""Everything of somebody who leaves goes to somebody else: files, shares, groups and spaces.

First the files of the home are gathered in one folder of it, each by one
rename.  Then this folder moves into the other home, with all that is said
about it, in one transaction; nodes keep their ids, so shares and links go on.
Whatever is cut off goes on where it was when it is asked for again.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, NotFound
from davshare.files import access, guard, newcomer, quota, record, reshares, transfer, tree
from davshare.files.access import Rule
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.transfer import Order
from davshare.index import grants, links, locks, members, nodes, people, shares, spaces
from davshare.index.database import Connection
from davshare.index.links import Link
from davshare.index.shares import Share
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor, User
from davshare.store.crash import point

_HOME = ("dav", "home")
_ALL = 2**31 - 1


class Handed(NamedTuple):
    """What went over: the folder (empty: there were no files), and how many shares, links, groups and spaces.

    ``left`` counts shares and links of things of others that the new one may not share on.
    """

    folder: str
    size: int
    shares: int
    links: int
    left: int
    groups: int
    spaces: int


def hand_over(files: Files, old_name: str, new_name: str, *, force: bool = False, by: Actor | None = None) -> Handed:
    """Give what one user has to another.  Neither account is removed or closed, and webhooks and tokens stay.

    :param force: also if it is more than the quota of the other allows.
    :param by: who does this; None: an administrator at the console.
    :raises NotFound: there is no such user.
    :raises BadRequest: the two are the same, or the new one is a guest.
    :raises Conflict: the new one has no home or is disabled; or names would clash there.
    :raises InsufficientStorage: the quota of the other does not allow it.
    """
    with files.db.session() as connection:
        old, new = _user(connection, old_name), _user(connection, new_name)
        _demand_apart(old, new)
        home, target = spaces.home(connection, old.id), spaces.home(connection, new.id)
        if target is None or new.disabled:
            raise Conflict("Who is to have it all has no home, or is disabled.")
        root = None if home is None else nodes.get(connection, home.node)
        of_old, of_new = (Asker(reshares.actor_of(connection, user)) for user in (old, new))
        if root is not None and not force:
            quota.demand(files.new_place(connection, of_new, Address((*_HOME, ".davshare-new"))), root.size)
    change = _Change(old, new, home, by)
    name = "" if home is None or root is None or home.read_only else _gathered(files, of_old, of_new, root, old)
    if not name:
        return files.committer.run(change.work, []).told
    order = Order(Address((*_HOME, name)), Address((*_HOME, name)), False, True, True)

    def judge(files: Files, connection: Connection, asker: Asker, order: Order) -> tuple[Place, Place]:
        source = files.place(connection, of_old, order.source)
        there = files.new_place(connection, of_new, order.target)
        if there.node is not None:
            raise Conflict("There is a folder of this name already.")
        newcomer.judge_name(files, connection, there)
        newcomer.judge_tree(connection, there, source.found())
        if not force:
            quota.demand(there, source.found().size)
        change.size = source.found().size
        return source, there

    def first(tx: Transaction) -> None:
        change.folder = files.place(tx.connection, of_old, order.source).found()
        change.work(tx)

    transfer.transfer(files, of_new, order, judge, first)
    point("handover.done")
    return change.told


def _user(connection: Connection, name: str) -> User:
    found = people.user(connection, names.key(name))
    if found is None:
        raise NotFound("There is no such user.")
    return found


def _demand_apart(old: User, new: User) -> None:
    if old.id == new.id:
        raise BadRequest("Nobody hands anything over to themselves.")
    if new.guest:
        raise BadRequest("A guest can have no files.")


# the files


def _gathered(files: Files, of_old: Asker, of_new: Asker, root: Node, old: User) -> str:
    """The name of a folder that holds everything of a home; empty where there is nothing."""
    beginning = f"from {old.name} "
    with files.db.write() as connection:
        locks.remove(connection, [each.token for each in locks.in_space(connection, root.space, 0)])
    with files.db.snapshot() as connection:
        present = nodes.children(connection, root.id)
        begun = [each.name for each in present if each.is_folder and each.name.startswith(beginning)]
        if not present:
            return ""
        name = begun[0] if begun and len(begun) == 1 else _free(files, connection, of_old, of_new, beginning)
    if name not in begun:
        tree.make_folder(files, of_old, Address((*_HOME, name)))
        point("handover.folder")
    for each in present:
        if each.name != name:
            order = Order(Address((*_HOME, each.name)), Address((*_HOME, name, each.name)), False, True, True)
            transfer.transfer(files, of_old, order)
            point("handover.gathered")
    files.committer.run(lambda tx: _say(tx, files, of_old, name, root), [root.space])
    return name


def _say(tx: Transaction, files: Files, of_old: Asker, name: str, root: Node) -> None:
    """What the home says about people, the folder says, too."""
    folder = files.place(tx.connection, of_old, Address((*_HOME, name))).found()
    for grant in grants.of_node(tx.connection, root.id):
        if grant.expires is None or grant.expires > time.time():
            access.put(tx, folder, Rule(grant.principal, grant.deny, grant.rights, grant.expires))


def _free(files: Files, connection: Connection, of_old: Asker, of_new: Asker, beginning: str) -> str:
    """A name that neither home has."""
    day = time.strftime("%Y-%m-%d")
    for number in range(1, 1000):
        name = f"{beginning}{day}{'' if number == 1 else f' ({number})'}"
        both = (files.new_place(connection, asker, Address((*_HOME, name))) for asker in (of_old, of_new))
        if all(place.node is None for place in both):
            return name
    raise Conflict("There are too many such folders already.")


# everything else


class _Change:
    """What happens in the transaction that moves the folder."""

    def __init__(self, old: User, new: User, home: Space | None, by: Actor | None) -> None:
        self._old, self._new, self._home, self._by = old, new, home, by
        self.folder: Node | None = None
        self.size = 0
        self._counts = (0, 0, 0, 0, 0)

    @property
    def told(self) -> Handed:
        """What has happened."""
        return Handed("" if self.folder is None else self.folder.name, self.size, *self._counts)

    def work(self, tx: Transaction) -> _Change:
        """Groups and spaces first: by these the new one may share on what the old one did."""
        groups, ruled = self._groups(tx), self._spaces(tx)
        found = shares.by(tx.connection, self._old.id, _ALL)
        given = [each for each in found if self._goes(tx.connection, each)]
        shares.set_sharer(tx.connection, [each.id for each in given], self._new.id)
        made = links.by(tx.connection, self._old.id, _ALL)
        open_ = [each for each in made if self._lets_in(tx.connection, each)]
        links.set_creator(tx.connection, [each.id for each in open_], self._new.id)
        if self._home is not None and self.folder is not None:
            # What was said to the new one needs not be said any more.
            for grant in grants.in_space(tx.connection, self._new.id, self._home.id):
                grants.remove(tx.connection, grant.node, grant.principal, grant.deny)
        for space in ruled:
            root = nodes.get(tx.connection, space)
            if root is not None:
                access.drop(tx, root, self._old.id)
        left = len(found) - len(given) + len(made) - len(open_)
        self._counts = (len(given), len(open_), left, len(groups), len(ruled))
        record.note(tx.connection, "user.handover", self._by, whom=self._new, of=self._old.name)

        def undo(later: Transaction) -> None:
            shares.set_sharer(later.connection, [each.id for each in given], self._old.id)
            links.set_creator(later.connection, [each.id for each in open_], self._old.id)
            for group in groups:
                members.remove_manager(later.connection, group, self._new.id)
                members.add_manager(later.connection, group, self._old.id)

        tx.undo = undo
        return self

    def _goes(self, connection: Connection, share: Share) -> bool:
        """Whether a share can be that of the new one: in the home, and wherever they may share that much."""
        if self._home is not None and share.space == self._home.id:
            return True
        if share.principal == self._new.id:
            return False
        return not list(reshares.fallen(connection, [share._replace(sharer=self._new.id)]))

    def _lets_in(self, connection: Connection, link: Link) -> bool:
        """Whether a link can be that of the new one, likewise."""
        if self._home is not None and link.space == self._home.id:
            return True
        space, chain = spaces.get(connection, link.space), nodes.chain(connection, link.subject)
        if space is None or not chain:
            return False
        have = guard.granted(connection, reshares.actor_of(connection, self._new), space, chain)
        return bool(have & reshares.SHARING) and not link.rights & ~have

    def _groups(self, tx: Transaction) -> list[int]:
        """The groups that the new one manages instead."""
        found = []
        for group in members.managed_by(tx.connection, self._old.id):
            if members.add_manager(tx.connection, group.id, self._new.id):
                found.append(group.id)
            members.remove_manager(tx.connection, group.id, self._old.id)
        return found

    def _spaces(self, tx: Transaction) -> list[int]:
        """The roots of project spaces in which the new one may do what the old one, who rules there, did."""
        roots = []
        for grant in grants.of_principals(tx.connection, [self._old.id]):
            node = nodes.get(tx.connection, grant.node)
            if node is None or node.parent or grant.deny or not grant.rights & Permission.WRITE_ACL:
                continue
            known = grants.get(tx.connection, node.id, self._new.id)
            rights = grant.rights | (0 if known is None else known.rights)
            access.put(tx, node, Rule(self._new.id, False, rights, grant.expires))
            roots.append(node.id)
        return roots
