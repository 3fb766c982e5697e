"""The tree that one person sees: homes, spaces and people under one address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from davshare.errors import NotFound
from davshare.files import guard
from davshare.files.locate import Mount, Place, enter, walk_file, walk_from
from davshare.index import grants, nodes, people, spaces
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Space
from davshare.model.people import Actor, Group, User, Visit


@dataclass(frozen=True, slots=True)
class Virtual:
    """A collection that no file system holds.

    ``kind`` says which members it has: root, spaces, users, principals,
    people, groups, remote, accounts, trees (every tree that can be seen, once;
    no URL leads there), file (the one that a public link shows), or empty for
    a principal and a link by which things come in only, which have none.
    """

    segments: tuple[str, ...]
    kind: str
    principal: User | Group | None = None

    @property
    def href(self) -> str:
        """The path for hrefs."""
        return names.href(self.segments, True)


Target = Place | Virtual
_ID = re.compile(r"[0-9A-Fa-f]{1,15}\Z").match
_Found = TypeVar("_Found")


def locate(connection: Connection, actor: Actor, segments: Sequence[str], slash: bool) -> Target:
    """What a path leads to for ``actor``.

    :raises NotFound: it leads nowhere that the asker may know of.
    """
    segments = tuple(segments)
    if actor.visit is not None:
        return _visited(connection, actor, actor.visit, segments, slash)
    found = mount(connection, actor, segments)
    if found is not None:
        return enter(connection, actor, found, segments[len(found.base) :], slash)
    first = segments[0] if segments else ""
    if first == "dav":
        return _dav(connection, actor, segments)
    if first == "remote.php":
        return _remote(segments)
    raise NotFound


def mount(connection: Connection, actor: Actor, segments: tuple[str, ...]) -> Mount | None:
    """The home or space that a path leads into, and may lead out of again; None for all other paths, and for visitors.

    :raises NotFound: there is no such home or space.
    """
    if actor.visit is not None:
        return None
    kind = segments[1:2]
    if segments[:1] == ("dav",):
        if kind == ("home",):
            return Mount(segments[:2], _home(connection, actor.user))
        if kind == ("spaces",) and len(segments) > 2:
            return Mount(segments[:3], _space(connection, segments[2]))
        if kind == ("users",) and len(segments) > 2:
            return Mount(segments[:3], _home_of(connection, segments[2]))
    elif segments[:1] == ("remote.php",):
        if kind == ("webdav",):
            return Mount(segments[:2], _home(connection, actor.user))
        if segments[1:3] == ("dav", "files") and len(segments) > 3:
            return Mount(segments[:4], _home_of(connection, segments[3]))
        if segments[1:3] == ("dav", "spaces") and len(segments) > 3:
            return Mount(segments[:4], _space(connection, segments[3]))
    return None


def _visited(connection: Connection, actor: Actor, visit: Visit, segments: tuple[str, ...], slash: bool) -> Target:
    """What somebody sees who came by a public link: its node, and nothing outside, whatever the path says."""
    depth = len(visit.base)
    if segments[:depth] != visit.base or actor.node is None:
        raise NotFound
    if not actor.mask & Permission.READ:
        if len(segments) == depth:
            return Virtual(segments, "")
        raise NotFound
    chain = nodes.chain(connection, actor.node)
    space = spaces.get(connection, chain[0].space) if chain else None
    if space is None or chain[0].id != space.node:
        raise NotFound
    top, below = chain[-1], segments[depth:]
    if top.is_folder or visit.whole:
        return walk_from(connection, actor, Mount(visit.base, space, len(chain) - 1), chain, below, slash)
    if not below:
        return Virtual(segments, "file")
    if below[0] != top.name:
        raise NotFound  # nobody asks for its neighbours
    return walk_file(connection, actor, Mount(visit.base, space, len(chain) - 2), chain, below[1:], slash)


def _dav(connection: Connection, actor: Actor, segments: tuple[str, ...]) -> Target:
    match segments[1:]:
        case ():
            return Virtual(segments, "root")
        case ("spaces" | "users" as kind,):
            return Virtual(segments, kind)
        case ("principals",):
            return Virtual(segments, "principals")
        case ("principals", "users"):
            return Virtual(segments, "people")
        case ("principals", "groups"):
            return Virtual(segments, "groups")
        case ("principals", "users", name):
            return Virtual(segments, "", _person(connection, actor, name))
        case ("principals", "groups", name):
            group = _known(people.group(connection, names.key(name)))
            if not knows_group(actor, group):
                raise NotFound
            return Virtual(segments, "", group)
    raise NotFound


def _remote(segments: tuple[str, ...]) -> Target:
    """The addresses that ownCloud and Nextcloud clients are built with."""
    match segments[1:]:
        case ("dav",):
            return Virtual(segments, "remote")
        case ("dav", "files"):
            return Virtual(segments, "accounts")
    raise NotFound


def drive_id(space: Space) -> str:
    """The id by which a home or project space has an address below ``spaces``; what stands before the ``$`` is free."""
    return f"davshare${space.id:x}"


def drives(connection: Connection, actor: Actor) -> list[Place]:
    """The roots of everything that ``actor`` may know something of, at their addresses by id: their own home first."""
    base: tuple[str, ...] = ("dav", "spaces")
    known = [((*base, drive_id(space)), space) for space in _reachable(connection, actor)]
    found = [place for place in _visible(connection, actor, known) if isinstance(place, Place)]
    return sorted(found, key=lambda place: (place.space.owner != actor.user, place.space.kind != "space"))


def members(connection: Connection, actor: Actor, virtual: Virtual) -> list[Target]:
    """The members of a virtual collection that ``actor`` may know of."""
    base = virtual.segments
    match virtual.kind:
        case "root":
            home = spaces.home(connection, actor.user)
            found: list[Target] = [Virtual((*base, name), name) for name in ("principals", "spaces", "users")]
            return ([] if home is None else _visible(connection, actor, [((*base, "home"), home)])) + found
        case "spaces" | "users":
            kind = "space" if virtual.kind == "spaces" else "home"
            known = [space for space in _reachable(connection, actor) if space.kind == kind]
            return _visible(connection, actor, [((*base, space.name), space) for space in known])
        case "trees":
            reached = _reachable(connection, actor)
            return _visible(connection, actor, [((*base, *way(space, actor.user)), space) for space in reached])
        case "principals":
            return [Virtual((*base, "groups"), "groups"), Virtual((*base, "users"), "people")]
        case "people":
            return [Virtual((*base, user.name), "", user) for user in _people(connection, actor)]
        case "groups":
            mine = people.groups_of(connection, actor.user)
            return [Virtual((*base, group.name), "", group) for group in mine if knows_group(actor, group)]
        case "file" if actor.visit is not None:
            assert actor.node is not None
            file = nodes.get(connection, actor.node)
            if file is None:
                return []
            return [_visited(connection, actor, actor.visit, (*base, file.name), False)]
        case "remote":
            return [Virtual((*base, "files"), "accounts")]
        case "accounts":
            home = spaces.home(connection, actor.user)
            return [] if home is None else _visible(connection, actor, [((*base, home.name), home)])
    return []


def way(space: Space, user: int) -> tuple[str, ...]:
    """Where a tree is for a user: one's own home has a name that is the same for everybody."""
    if space.kind == "home":
        return ("home",) if space.owner == user else ("users", space.name)
    return ("spaces", space.name)


def _visible(connection: Connection, actor: Actor, known: list[tuple[tuple[str, ...], Space]]) -> list[Target]:
    found: list[Target] = []
    for base, space in known:
        if guard.may_enter(actor, space) or guard.passages(connection, actor, space):
            found.append(enter(connection, actor, Mount(base, space), (), True))
    return found


def _reachable(connection: Connection, actor: Actor) -> list[Space]:
    """Spaces in which the actor owns or was granted something; found from the grants, not from all spaces."""
    found = {space.id: space for space in spaces.of_kind(connection, "space")} if actor.admin else {}
    home = spaces.home(connection, actor.user)
    if home is not None:
        found[home.id] = home
    for number in grants.spaces_of(connection, tuple(actor.principals)):
        space = found.get(number) or spaces.get(connection, number)
        if space is not None:
            found[number] = space
    return sorted(found.values(), key=lambda space: space.name)


def reach(connection: Connection, actor: Actor) -> frozenset[int]:
    """Ids of the spaces in which an actor owns or was granted something."""
    return frozenset(space.id for space in _reachable(connection, actor))


def _person(connection: Connection, actor: Actor, name: str) -> User:
    """Oneself and the people in one's groups; administrators know everybody.

    :raises NotFound: nobody, or somebody else.
    """
    user = _known(people.user(connection, names.key(name)))
    if not knows_user(connection, actor, user):
        raise NotFound
    return user


def knows_user(connection: Connection, actor: Actor, user: User) -> bool:
    """Whether an actor may know of a user: oneself, the people in one's groups, and whoever knows everybody."""
    fellows = actor.node is None and people.principals_of(connection, user.id) & actor.principals
    return user.id == actor.user or knows_all(actor) or bool(fellows)


def knows_all(actor: Actor) -> bool:
    """Whether an actor may know of everybody: an administrator, not with an app token for a part of the files."""
    return actor.admin and actor.node is None


def knows_group(actor: Actor, group: Group) -> bool:
    """Whether an actor may know of a group: who is in it, and whoever knows everybody."""
    return knows_all(actor) or (group.id in actor.principals and actor.node is None)


def _people(connection: Connection, actor: Actor) -> list[User]:
    """Oneself; whom else one may find is a matter of searching, not of listing."""
    user = people.user_by_id(connection, actor.user)
    return [] if user is None else [user]


def principal(who: User | Group) -> Virtual:
    """The resource that stands for somebody."""
    return Virtual(("dav", "principals", "users" if isinstance(who, User) else "groups", who.name), "", who)


def _home(connection: Connection, user: int) -> Space:
    return _known(spaces.home(connection, user))


def _home_of(connection: Connection, name: str) -> Space:
    user = _known(people.user(connection, names.key(name)))
    return _known(spaces.home(connection, user.id))


def _space(connection: Connection, name: str) -> Space:
    """A project space by name; or that or a home by the id after the ``$``."""
    _, dollar, number = name.partition("$")
    if not dollar:
        return _known(spaces.named(connection, "space", names.key(name)))
    if not _ID(number):
        raise NotFound
    return _known(spaces.get(connection, int(number, 16)))


def _known(found: _Found | None) -> _Found:
    if found is None:
        raise NotFound
    return found
