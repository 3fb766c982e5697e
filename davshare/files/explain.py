"""Why somebody may do what they may do: every grant that was considered, and those that decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from davshare.errors import BadRequest, NotFound
from davshare.files import access, directory, guard, linked, listing
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.index import links, people
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import BY_PRIVILEGE, ROLES, Permission, Rights, rights_of
from davshare.model.nodes import Node
from davshare.model.people import Actor, Group, User


def address_of(text: str) -> Address:
    """A path as people write it: ``spaces/NAME/FOLDER``, ``users/NAME/FOLDER``, with or without ``/dav/`` in front.

    :raises NotFound: it cannot be an address.
    """
    try:
        segments, _ = names.split("/" + quote(text.strip("/"), safe="/"))
    except BadRequest:
        raise NotFound from None
    return Address(segments if segments[:1] == ("dav",) else ("dav", *segments))


def steward(files: Files, address: Address) -> Asker:
    """Who may do everything at an address: the owner of a home, an administrator elsewhere; for the command line.

    :raises NotFound: there is no such home.
    """
    match address.segments:
        case ("dav", "users", name, *_):
            with files.db.session() as connection:
                user = people.user(connection, names.key(name))
            if user is None:
                raise NotFound("There is no such home.")
            return Asker(Actor(user.id, user.name, user.display_name, frozenset([user.id])))
    return Asker(Actor(0, "", "", frozenset([0]), admin=True))


def actor_named(connection: Connection, who: str, kind: str) -> Actor:
    """A user as who they are when they sign in, or a group as somebody who is in nothing else.

    :raises NotFound: there is no such user or group.
    """
    found = access.find_principal(connection, kind, names.key(who))
    if found is None:
        raise NotFound("There is no such user or group.")
    principals = people.principals_of(connection, found.id)
    admin = isinstance(found, User) and found.admin
    return Actor(found.id, found.name, found.display_name, principals, admin)


def visitor(files: Files, connection: Connection, place: Place, number: int) -> Actor:
    """Whoever comes by a public link to the node at a place, or to a folder above it; nobody where it lets nobody in.

    :raises NotFound: it is a link to something else, or there is none.
    """
    link = links.get(connection, number)
    if link is None or link.node not in [node.id for node in place.chain]:
        raise NotFound("There is no such link to this.")
    standing = linked.Judge(files.settings, connection, [link]).standing(link)
    if not standing.is_live:
        return Actor(0, "public", "", frozenset([0]), mask=Permission.NONE)
    return linked.visitor(link, standing, place.mount.base)


class Considered(NamedTuple):
    """One thing that a node says to a user or group; ``on`` is the node's address, ``decides`` what it decided."""

    on: str
    inherited: bool
    denied: bool
    kind: str
    name: str
    rights: Rights
    expires: int | None
    decides: Rights = Permission.NONE
    expired: bool = False


class Explained(NamedTuple):
    """What somebody may do at a place; ``rule`` goes before everything that was considered, the nearest first."""

    rights: Rights
    visible: bool
    rule: str | None
    considered: list[Considered]


def explain(connection: Connection, place: Place, actor: Actor) -> Explained:
    """What ``actor`` may do at a place that somebody else has found, and why."""
    decision = guard.explain(connection, actor, place.space, place.chain)
    who = {each.id: each for each in directory.principals(connection, [r.grant.principal for r in decision.reasons])}
    seen = bool(decision.rights & Permission.READ)
    return Explained(
        decision.rights,
        # Who drops something into a box knows that the box is there, and nothing is shown of it.
        seen or (actor.visit is None and place.chain[-1].id in guard.passages(connection, actor, place.space)),
        _rule(place, "link" if actor.visit is not None else decision.rule),
        [_told(place, reason, who) for reason in decision.reasons],
    )


def _rule(place: Place, rule: str) -> str | None:
    """What goes before all grants."""
    match rule:
        case "link":
            return "public links let visitors do what they say, as far as those may who have made them"
        case "owner":
            return "owners may do everything in their home"
        case "administrator":
            return "administrators may do everything in project spaces"
    return "the space is archived: reading only" if place.space.read_only else None


def _told(place: Place, reason: guard.Reason, who: dict[int, User | Group]) -> Considered:
    found = who.get(reason.grant.principal)
    kind = "group" if isinstance(found, Group) else "user"
    grant = reason.grant
    on, inherited = _where(place, reason.node.id)
    name = "" if found is None else found.name
    return Considered(
        on, inherited, grant.deny, kind, name, grant.rights, grant.expires, reason.decided, reason.expired
    )


def _where(place: Place, node: int) -> tuple[str, bool]:
    """The address of one of the nodes of a place's chain, and whether it is above the place."""
    depth = [each.id for each in place.chain].index(node)
    return place.href_of(place.chain[: depth + 1]), depth < len(place.chain) - 1


def listed(connection: Connection, place: Place) -> list[Considered]:
    """What a place and its folders say about people, the nearest first."""
    said = access.told_on(connection, [node.id for node in place.chain])
    return [
        Considered(*_where(place, node.id), told.deny, told.kind, told.name, told.rights, told.expires)
        for node in reversed(place.chain)
        for told in said.get(node.id, [])
    ]


class Seen(NamedTuple):
    """A member of a folder that somebody sees, and what they may do with it."""

    node: Node
    rights: Rights


def seen(connection: Connection, place: Place, actor: Actor) -> Iterator[Seen]:
    """The members of the folder at a place that somebody else has found, as ``actor`` sees them.

    Nothing is told that who has found it does not see.
    """
    have = guard.rights(connection, actor, place.space, place.chain)
    sight = guard.sight(connection, actor, place.space, place.chain)
    ways: frozenset[int] = frozenset() if have & Permission.READ else guard.passages(connection, actor, place.space)
    for node in listing.members(connection, place, place.chain[-1]):
        rights = have if sight is None else sight.rights(node)
        if rights & Permission.READ or node.id in ways or (sight is not None and sight.shows(node)):
            yield Seen(node, rights)


def rights_named(words: Sequence[str]) -> Rights:
    """Permissions from names of roles and privileges.

    :raises BadRequest: a word is neither.
    """
    try:
        return rights_of(words)
    except KeyError:
        raise BadRequest(f"Rights are {', '.join([*ROLES, *BY_PRIVILEGE])}.") from None
