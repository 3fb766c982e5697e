"""Who is in a project space, and which spaces somebody is in."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

from davshare.errors import Forbidden, NotFound
from davshare.files import access, guard
from davshare.files.commit import Transaction
from davshare.files.service import Files
from davshare.index import grants, nodes, people, spaces
from davshare.index.database import Connection
from davshare.index.grants import Grant, Named
from davshare.index.spaces import Sized
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor

Kind = Literal["user", "group"]
_ALL = 2**31


def mine(connection: Connection, actor: Actor, offset: int, limit: int) -> list[Sized]:
    """A page of the project spaces in which an actor may see something, by name; all for administrators."""
    if actor.admin and actor.node is None:
        return spaces.page(connection, offset, limit)
    known = spaces.page(connection, 0, _ALL) if actor.admin else spaces.granted_to(connection, actor.principals)
    seen = [each for each in known if _sees(connection, actor, each.space)]
    return seen[offset : offset + limit]


def _sees(connection: Connection, actor: Actor, space: Space) -> bool:
    """Whether an actor may see something in a space; asks the index only when its root does not say so."""
    if actor.node is None and root_rights(connection, actor, space) & Permission.READ:
        return True
    return bool(guard.passages(connection, actor, space))


def root_rights(connection: Connection, actor: Actor, space: Space) -> Rights:
    """An actor's rights on the root of a space within the limits of token and space, decided from what is known."""
    have = Permission.ALL if guard.rules(actor, space) else _said_at_root(connection, actor, space)
    if actor.node not in (None, space.node):
        return Permission.NONE
    return guard.limited(actor, space, have)


def _said_at_root(connection: Connection, actor: Actor, space: Space) -> Rights:
    return guard.step(Permission.NONE, guard.said(connection, actor).get(space.node, ()), time.time())


def used(connection: Connection, space: Space) -> int:
    """The bytes in a space."""
    root = nodes.get(connection, space.node)
    return 0 if root is None else root.size


def listed(connection: Connection, space: Space, offset: int, limit: int) -> list[Named]:
    """A page of what the root of a space grants and denies: groups first, each kind by name."""
    return grants.named_on_node(connection, space.node, offset, limit)


def put(
    files: Files, actor: Actor, space: Space, kind: Kind, name: str, rights: Rights, expires: int | None = None
) -> tuple[Named, bool]:
    """Let somebody into a space, or change what a member may; who that is now, and whether they are new.

    Nobody gives, or changes, more than they have themselves.

    :param expires: seconds since 1970.
    :raises NotFound: there is no such user or group.
    :raises Forbidden: the actor may not decide about these rights.
    """

    def work(tx: Transaction) -> tuple[Named, bool]:
        who, display_name = _principal(tx.connection, kind, name)
        _demand_within(tx.connection, actor, space, who, rights)
        grant = Grant(space.node, who, False, rights, expires)
        fresh = grants.get(tx.connection, space.node, who) is None
        access.put(tx, _root(tx.connection, space), access.Rule(who, False, rights, expires))
        return Named(grant, kind, names.key(name), display_name), fresh

    return files.committer.run(work, [space.id], actor.user, actor.device)


def drop(files: Files, actor: Actor, space: Space, kind: Kind, name: str) -> None:
    """Take a membership back, with what was denied beside it.

    :raises NotFound: there is no such member.
    :raises Forbidden: the member may do what the actor may not.
    """

    def work(tx: Transaction) -> None:
        who, _ = _principal(tx.connection, kind, name)
        _demand_within(tx.connection, actor, space, who, Permission.NONE)
        gone = [access.drop(tx, _root(tx.connection, space), who, deny) for deny in (False, True)]
        if not any(gone):
            raise NotFound("There is no such member.")

    files.committer.run(work, [space.id], actor.user, actor.device)


def _root(connection: Connection, space: Space) -> Node:
    root = nodes.get(connection, space.node)
    if root is None:
        raise NotFound
    return root


def _principal(connection: Connection, kind: Kind, name: str) -> tuple[int, str]:
    key = names.key(name)
    found = people.user(connection, key) if kind == "user" else people.group(connection, key)
    if found is None:
        raise NotFound(f"There is no such {kind}.")
    return found.id, found.display_name


def _demand_within(connection: Connection, actor: Actor, space: Space, who: int, rights: Rights) -> None:
    """Decided once more in the transaction: the actor manages the space, and has whatever is given or changed."""
    fresh = replace(actor, generation=0)
    own = Permission.ALL if guard.rules(actor, space) else _said_at_root(connection, fresh, space)
    if not own & Permission.WRITE_ACL:
        raise Forbidden("Only managers of the space and administrators may do this.")
    for denied in (False, True):
        before = grants.get(connection, space.node, who, denied)
        rights |= Permission.NONE if before is None else before.rights
    if rights & ~own:
        raise Forbidden("Nobody decides about rights that they do not have themselves.")
