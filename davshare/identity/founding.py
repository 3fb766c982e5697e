"""A space made by one request, together with its group and its members."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from davshare.errors import Conflict
from davshare.files.service import Files
from davshare.files.spaces import found_space
from davshare.identity.groups import CHOSEN
from davshare.identity.lookup import check_text, find_group, find_user
from davshare.index import grants, members, people
from davshare.index.database import Connection
from davshare.index.members import Membership
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Space
from davshare.model.people import Actor


class Team(NamedTuple):
    """A group that is to be made, with the users in it, and what it may do in the space."""

    name: str
    users: Sequence[str]
    rights: Rights
    display_name: str = ""


class Seat(NamedTuple):
    """What a user or group that is there already may do in the space; ``expires`` in seconds since 1970."""

    kind: str
    name: str
    rights: Rights
    expires: int | None = None


def found(
    files: Files,
    founder: Actor,
    name: str,
    *,
    quota: int | None = None,
    description: str = "",
    team: Team | None = None,
    seats: Sequence[Seat] = (),
) -> Space:
    """A space that its founder manages, as well as the group; all of it or nothing.

    A seat may name the new group: then it says what that may do.

    :raises BadRequest: a name cannot be one.
    :raises Conflict: there is such a space or group, or the space of that name has left files.
    :raises NotFound: there is no such user or group.
    """
    name = names.key(name)
    if team is not None:
        team = team._replace(name=names.key(team.name))
        names.check_account(team.name)
        check_text(team.display_name)

    def furnish(connection: Connection, space: Space) -> None:
        if team is not None:
            number = _gather(connection, founder, team)
            grants.put(connection, grants.Grant(space.node, number, False, team.rights))
        for seat in seats:
            who = find_user(connection, seat.name) if seat.kind == "user" else find_group(connection, seat.name)
            grants.put(connection, grants.Grant(space.node, who.id, False, seat.rights, seat.expires))
        grants.put(connection, grants.Grant(space.node, founder.user, False, Permission.ALL))

    return found_space(files, Space(0, "space", name, None, "", 0, 0, quota, False, description), furnish)


def _gather(connection: Connection, founder: Actor, team: Team) -> int:
    """Make the group; its id."""
    if people.group(connection, team.name) is not None:
        raise Conflict("There is a group of this name already.")
    number = people.add_group(connection, team.name, team.display_name or team.name, int(time.time()))
    source = "" if founder.admin else CHOSEN
    for user in team.users:
        members.add(connection, Membership(number, find_user(connection, user).id, source))
    members.add_manager(connection, number, founder.user)
    return number
