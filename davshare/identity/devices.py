"""Devices: the app tokens of a person, when each was seen last, and how far it has read."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import NamedTuple

from davshare.errors import Conflict, Forbidden, NotFound
from davshare.identity import apptokens
from davshare.identity.lookup import find_user
from davshare.identity.sightings import one_line
from davshare.index import devices, grants, people, spaces
from davshare.index.database import Connection, Database, Taken
from davshare.index.devices import Position, Sighting, Wipe
from davshare.index.people import AppToken
from davshare.model.people import Actor

_LONGEST_NAME = 100
#: Most wipes that are remembered of one user.
MOST_WIPES = 200


class Device(NamedTuple):
    """One app token with the name of its owner; ``seen`` is None until it has been used."""

    owner: str
    token: AppToken
    seen: Sighting | None
    positions: list[Position]


def name_of(agent: str) -> str:
    """What a new device is called: what its program calls itself."""
    return one_line(agent, _LONGEST_NAME) or "Unnamed program"


def listed(database: Database, owner: str | None, offset: int = 0, limit: int | None = None) -> list[Device]:
    """The devices of one user or of all, oldest first; all or a page.

    :raises NotFound: there is no such user.
    """
    with database.snapshot() as connection:
        number = None if owner is None else find_user(connection, owner).id
        return _described(connection, people.owned_tokens(connection, number, offset, limit), None)


def own(database: Database, actor: Actor, offset: int, limit: int) -> list[Device]:
    """A page of the actor's devices; whoever came with an app token sees only that.

    Spaces that the actor may not know of any more are left out.
    """
    with database.snapshot() as connection:
        if actor.device is not None:
            token = people.token_by_id(connection, actor.device)
            found = [(actor.name, token)] if token is not None and not offset else []
        else:
            found = people.owned_tokens(connection, actor.user, offset, limit)
        return _described(connection, found, None if actor.admin else _known(connection, actor))


def _known(connection: Connection, actor: Actor) -> set[int]:
    home = spaces.home(connection, actor.user)
    granted = grants.spaces_of(connection, tuple(actor.principals))
    return {*granted, *([] if home is None else [home.id])}


def _described(
    connection: Connection, found: list[tuple[str, AppToken]], known: Collection[int] | None
) -> list[Device]:
    numbers = [token.id for _, token in found]
    seen = devices.last_seen(connection, numbers)
    read: dict[int, list[Position]] = {}
    for each in devices.positions(connection, numbers):
        if known is None or each.space in known:
            read.setdefault(each.device, []).append(each)
    return [Device(owner, token, seen.get(token.id), read.get(token.id, [])) for owner, token in found]


def revoke(database: Database, owner: str, number: int) -> None:
    """End a device of a user, in every worker from the next request on.

    :raises NotFound: there is no such user or device.
    """
    with database.write() as connection:
        people.remove_token(connection, _owned(connection, find_user(connection, owner).id, number).id)


def wipe(database: Database, owner: str | None, number: int) -> None:
    """End a device, and have it forget everything when it comes again.

    :param owner: whose it has to be; None: anybody's.
    :raises NotFound: there is no such user or device.
    :raises Conflict: the app token that was found is gone, or comes back.
    """
    now = int(time.time())
    try:
        with database.write() as connection:
            user = None if owner is None else find_user(connection, owner).id
            token = _owned(connection, user, number)
            devices.begin_wipe(connection, token.id, now)
            devices.trim_wipes(connection, token.user, MOST_WIPES)
    except Taken:
        raise Conflict("The device was changed in this very moment; try again.") from None


def wipe_own(database: Database, actor: Actor, number: int) -> None:
    """The same with one of the actor's devices.

    :raises NotFound: there is none with this id, or it is somebody else's.
    :raises Forbidden: the actor came with an app token: whoever has found a device wipes no others.
    """
    if apptokens.is_limited(actor):
        raise Forbidden("A token wipes no devices; sign in with the password.")
    wipe(database, actor.name, number)


def _owned(connection: Connection, user: int | None, number: int) -> AppToken:
    token = people.token_by_id(connection, number)
    if token is None or user not in (None, token.user):
        raise NotFound("There is no such device.")
    return token


def wipes(database: Database, owner: str | None) -> list[tuple[str, Wipe]]:
    """Devices of one user or of all that were to be wiped, newest first.

    :raises NotFound: there is no such user.
    """
    with database.snapshot() as connection:
        number = None if owner is None else find_user(connection, owner).id
        return devices.wipes(connection, number)
