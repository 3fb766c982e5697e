"""Why somebody may do what they may do: every grant that was considered, and those that decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from davshare.errors import BadRequest, NotFound
from davshare.files import access, directory, guard
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.index import people
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import BY_PRIVILEGE, ROLES, Permission, Rights, privileges_of, rights_of, spoken
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


def explain(files: Files, connection: Connection, asker: Asker, address: Address, actor: Actor) -> dict[str, Any]:
    """What ``actor`` may do at the place that ``asker`` finds at an address, and why; ready for JSON.

    :raises NotFound: nothing is there.
    """
    place = files.place(connection, asker, address)
    place.found()
    decision = guard.explain(connection, actor, place.space, place.chain)
    who = {each.id: each for each in directory.principals(connection, [r.grant.principal for r in decision.reasons])}
    return {
        "path": place.href,
        "space": place.space.name,
        "rights": privileges_of(decision.rights),
        "role": spoken(decision.rights) if decision.rights else "none",
        "rule": _rule(place, decision.rule),
        "archived": place.space.read_only,
        "visible": bool(decision.rights & Permission.READ)
        or place.chain[-1].id in guard.passages(connection, actor, place.space),
        "considered": [_told(place, reason, who) for reason in decision.reasons],
    }


def _rule(place: Place, rule: str) -> str | None:
    """What goes before all grants."""
    match rule:
        case "owner":
            return "owners may do everything in their home"
        case "administrator":
            return "administrators may do everything in project spaces"
    return "the space is archived: reading only" if place.space.read_only else None


def _told(place: Place, reason: guard.Reason, who: dict[int, User | Group]) -> dict[str, Any]:
    found = who.get(reason.grant.principal)
    depth = [node.id for node in place.chain].index(reason.node.id)
    way = [node.name for node in place.chain[1 : depth + 1]]
    return {
        "on": names.href((*place.mount.base, *way), reason.node.is_folder),
        "inherited": reason.node.id != place.chain[-1].id,
        "kind": "deny" if reason.grant.deny else "grant",
        "principal": "?" if found is None else f"{'group' if isinstance(found, Group) else 'user'}:{found.name}",
        "rights": privileges_of(reason.grant.rights),
        "decides": privileges_of(reason.decided),
        "expires": reason.grant.expires,
        "expired": reason.expired,
    }


def listed(connection: Connection, place: Place) -> list[dict[str, Any]]:
    """What a place and its folders say about people, the nearest first; ready for JSON."""
    said = access.told_on(connection, [node.id for node in place.chain])
    found: list[dict[str, Any]] = []
    for depth in range(len(place.chain) - 1, -1, -1):
        node = place.chain[depth]
        way = [each.name for each in place.chain[1 : depth + 1]]
        for told in said.get(node.id, []):
            found.append(
                {
                    "on": names.href((*place.mount.base, *way), node.is_folder),
                    "inherited": depth < len(place.chain) - 1,
                    "kind": "deny" if told.deny else "grant",
                    "principal": f"{told.kind}:{told.name}",
                    "rights": privileges_of(told.rights),
                    "role": spoken(told.rights),
                    "expires": told.expires,
                }
            )
    return found


def rights_named(words: Sequence[str]) -> Rights:
    """Permissions from names of roles and privileges.

    :raises BadRequest: a word is neither.
    """
    try:
        return rights_of(words)
    except KeyError:
        raise BadRequest(f"Rights are {', '.join([*ROLES, *BY_PRIVILEGE])}.") from None
