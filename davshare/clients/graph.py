"""Calls of the libregraph API that ownCloud's programs need to sync: who one is, and which drives there are.

owncloud.dev/libre-graph-api
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from davshare.clients import drives
from davshare.clients.arguments import Arguments
from davshare.errors import BadRequest, NotFound
from davshare.files import directory
from davshare.files.service import Files
from davshare.identity import groups, people
from davshare.model.people import Actor, Group, User

#: The most people or groups in one answer.
PAGE = 500
_LONGEST = 200
_KIND = re.compile(r"driveType eq '([a-z]{1,20})'\Z").match
_ID = re.compile(r"[0-9]{1,18}\Z").match


@dataclass(frozen=True, slots=True)
class GraphCall:
    """One call: who asks, the parameters of the path, the arguments, and the address of the site."""

    files: Files
    actor: Actor
    path: Mapping[str, str]
    given: Arguments
    site: str


class GraphRoute(NamedTuple):
    """One call below ``/graph/v1.0/``; all of them read."""

    path: str
    handler: Callable[[GraphCall], Any]


def me(call: GraphCall) -> Any:
    """Whoever asks."""
    return _user(call, people.user_named(call.files.db, call.actor.name))


def my_drives(call: GraphCall) -> Any:
    """The drives of whoever asks; ``$filter`` for one kind of them.

    :raises BadRequest: another filter.
    """
    found = drives.listed(call.files, call.actor, call.site)
    wanted = call.given.text("$filter")
    if wanted is not None:
        kind = _KIND(wanted.strip())
        if kind is None:
            raise BadRequest("The filter is driveType eq 'KIND'.")
        found = [each for each in found if each["driveType"] == kind[1]]
    return {"value": found}


def my_drive(call: GraphCall) -> Any:
    """The home of whoever asks.

    :raises NotFound: there is none.
    """
    return _one(
        each for each in drives.listed(call.files, call.actor, call.site) if each["driveType"] == drives.PERSONAL
    )


def drive(call: GraphCall) -> Any:
    """One by id.

    :raises NotFound: there is none that whoever asks may know of.
    """
    return _one(each for each in drives.listed(call.files, call.actor, call.site) if each["id"] == call.path["drive"])


def _one(found: Any) -> Any:
    for each in found:
        return each
    raise NotFound


def list_users(call: GraphCall) -> Any:
    """People: all for administrators, those in the same groups for others; ``$search`` for parts of their names."""
    text, offset, limit = _page(call)
    if call.actor.admin and call.actor.node is None:
        found: list[User] = people.search(call.files.db, text, offset, limit + 1)
    else:
        found = [each for each in _search(call, "user", text, offset + limit + 1) if isinstance(each, User)][offset:]
    return _listed(call, "users", [_user(call, each) for each in found], offset, limit)


def list_groups(call: GraphCall) -> Any:
    """Groups: all for administrators, their own for others."""
    text, offset, limit = _page(call)
    if call.actor.admin and call.actor.node is None:
        found = [each.group for each in groups.groups(call.files.db, text, offset, limit + 1)]
    else:
        found = [each for each in _search(call, "group", text, offset + limit + 1) if isinstance(each, Group)][offset:]
    return _listed(call, "groups", [_group(each) for each in found], offset, limit)


def user(call: GraphCall) -> Any:
    """One person, by id or name.

    :raises NotFound: there is none that whoever asks may know of.
    """
    found = _named(call, call.path["user"], "user")
    if not isinstance(found, User):
        raise NotFound
    return _user(call, found)


def group(call: GraphCall) -> Any:
    """One group, by id or name.

    :raises NotFound: as :func:`user`.
    """
    found = _named(call, call.path["group"], "group")
    if not isinstance(found, Group):
        raise NotFound
    return _group(found)


def _named(call: GraphCall, text: str, kind: str) -> User | Group | None:
    with call.files.db.snapshot() as connection:
        found = directory.known(connection, call.actor, int(text)) if _ID(text) else None
        if found is None:
            found = directory.known_by_name(connection, call.actor, kind, text)
    return found


def _search(call: GraphCall, kind: str, text: str, limit: int) -> list[User | Group]:
    with call.files.db.snapshot() as connection:
        return directory.search(connection, call.actor, (kind,), [(("name", "email"), text)], True, limit)


def _page(call: GraphCall) -> tuple[str, int, int]:
    """What is searched for, from where, and how many at most."""
    text = (call.given.text("$search") or "").strip().strip('"')[:_LONGEST]
    return text, min(call.given.whole("$skip", 0), 10**6), max(1, min(call.given.whole("$top", PAGE), PAGE))


def _listed(call: GraphCall, name: str, found: list[Any], offset: int, limit: int) -> Any:
    """A page, and the address of the next one."""
    answer: dict[str, Any] = {"value": found[:limit]}
    if len(found) > limit:
        asked = {"$skip": offset + limit, "$top": limit, "$search": call.given.text("$search") or ""}
        answer["@odata.nextLink"] = f"{call.site}/graph/v1.0/{name}?{urlencode(asked)}"
    return answer


def _user(call: GraphCall, found: User) -> dict[str, Any]:
    mine = found.id == call.actor.user
    told: dict[str, Any] = {
        "id": str(found.id),
        "displayName": found.display_name or found.name,
        "onPremisesSamAccountName": found.name,
        "userType": "Guest" if found.guest else "Member",
    }
    if found.email:
        told["mail"] = found.email
    if mine or call.actor.admin:
        told["accountEnabled"] = not found.disabled
    return told


def _group(found: Group) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "displayName": found.display_name or found.name,
        "onPremisesSamAccountName": found.name,
        "groupTypes": [],
    }


#: Every call; to add one is to add a handler and an entry.
ROUTES: tuple[GraphRoute, ...] = (
    GraphRoute("me", me),
    GraphRoute("me/drive", my_drive),
    GraphRoute("me/drives", my_drives),
    GraphRoute("drives", my_drives),
    GraphRoute("drives/{drive}", drive),
    GraphRoute("users", list_users),
    GraphRoute("users/{user}", user),
    GraphRoute("groups", list_groups),
    GraphRoute("groups/{group}", group),
)
