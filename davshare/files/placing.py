"""Places for what was received: in the share folder, and elsewhere only if its receiver has moved it there.

A place is given for good when it is first needed.  It is given anew where the folder is gone from the home, and where
something real has come up under the name of a mount: that keeps its name, and the mount moves aside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from davshare.errors import DavshareError, MethodNotAllowed, NotFound, Unavailable
from davshare.files import mounts, receiving, reshares, tree
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.mounts import Alive
from davshare.files.service import Files
from davshare.index import nodes, people, spaces
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor

#: Names that are tried for one mount, or for the share folder.
_TRIES = 1000


def pending(files: Files, actor: Actor) -> bool:
    """Whether something that the actor has received needs a place; remembered while nothing changes."""
    if mounts.nothing(actor):
        return False
    version, key = files.memory.version(), ("placed", actor.user, actor.generation)
    if files.memory.get(version, key):
        return False
    with files.db.snapshot() as connection:
        if _lacking(connection, actor):
            return True
    files.memory.put(version, key, True)
    return False


def settle(files: Files, actor: Actor) -> None:
    """Return when everything that the actor has received has its place in their home, if that can be."""
    if not pending(files, actor):
        return
    with contextlib.suppress(DavshareError):
        with files.db.session() as connection:
            user = people.user_by_id(connection, actor.user)
            home = spaces.home(connection, actor.user)
            whole = None if user is None else reshares.actor_of(connection, user)
        if whole is None or home is None:
            return
        folder = _share_folder(files, whole, home)
        files.committer.run(lambda tx: _place(tx, whole, home, folder), [home.id], actor.user)
    with files.db.session() as connection:
        mounts.renew(connection, actor)
    pending(files, actor)


class _Lack(NamedTuple):
    """Something that needs a place: ``folder`` if it has to stay in that one, and whether its name is taken there."""

    found: Alive
    folder: Node | None
    name: str
    taken: bool


def _lacking(connection: Connection, actor: Actor) -> list[_Lack]:
    """What needs a place: a fixed number of statements."""
    given = mounts.gifts(connection, actor)
    home = spaces.home(connection, actor.user) if given else None
    if home is None:
        return []
    alive = mounts.alive(connection, replace(actor, mask=Permission.ALL, node=None), given)
    places = [place for each in alive if (place := each.gift.place) is not None]
    ways = nodes.chains(connection, sorted({place[0] for place in places}))
    real = nodes.named(connection, [(place[0], place[2]) for place in places])
    seen: set[tuple[int, str]] = set()
    found = []
    for each in alive:
        place, own = each.gift.place, each.chain[-1].name
        if place is None:
            found.append(_Lack(each, None, own, False))
            continue
        parent, name, key = place
        way = ways.get(parent, [])
        taken = (parent, key) in real or (parent, key) in seen
        seen.add((parent, key))
        if not way or way[0].id != home.node or not way[-1].is_folder:
            found.append(_Lack(each, None, name, False))
        elif taken or any((one.parent, one.name) != (parent, name) for one in each.gift.received):
            found.append(_Lack(each, way[-1], name, taken))
    return found


def _place(tx: Transaction, actor: Actor, home: Space, share_folder: int) -> None:
    """Give places to everything that needs one by now."""
    lacking = _lacking(tx.connection, actor)
    default = nodes.get(tx.connection, share_folder) or nodes.get(tx.connection, home.node)
    assert default is not None
    used = _used(tx.connection, actor)
    real = set(nodes.named(tx.connection, [((lack.folder or default).id, names.key(lack.name)) for lack in lacking]))
    for lack in lacking:
        folder = lack.folder or default
        name = lack.name
        if lack.folder is None or lack.taken:
            name = _free(tx.connection, folder, name, used, real)
        used.add((folder.id, names.key(name)))
        receiving.put(tx, actor, lack.found.gift.node, folder, name)


def _used(connection: Connection, actor: Actor) -> set[tuple[int, str]]:
    """Folders and names of the places that were given."""
    return {(place[0], place[2]) for gift in mounts.gifts(connection, actor) if (place := gift.place) is not None}


def _free(
    connection: Connection, folder: Node, name: str, used: set[tuple[int, str]], real: set[tuple[int, str]]
) -> str:
    """The first of ``NAME``, ``NAME (2)`` and so on that nothing has."""
    for number in range(1, _TRIES):
        tried = names.numbered(name, number)
        key = (folder.id, names.key(tried))
        if key in used or key in real:
            continue
        if number == 1 or nodes.child(connection, *key) is None:
            return tried
    return names.numbered(name, _TRIES + folder.stamp)


def _share_folder(files: Files, actor: Actor, home: Space) -> int:
    """The folder of a home in which received shares appear; made if it is not there.

    Where it cannot be made, the home itself: without a place, nothing of the home could be listed.

    :raises Unavailable: not now.
    """
    address: tuple[str, ...] = ("dav", "home")
    number = home.node
    for wanted in files.settings.get("sharing.share_folder").split("/"):
        if not wanted:
            continue
        try:
            name, number = _folder(files, actor, address, wanted)
        except Unavailable:
            raise
        except DavshareError:
            return number
        address = (*address, name)
    return number


def _folder(files: Files, actor: Actor, above: Sequence[str], wanted: str) -> tuple[str, int]:
    """A real folder of that name, or of a similar one where something else has it."""
    for number in range(1, _TRIES):
        name = names.numbered(wanted, number)
        address = Address((*above, name), True)
        with files.db.snapshot() as connection:
            place = files.new_place(connection, Asker(actor), address)
            if place.node is not None and place.mount.received is None and place.node.is_folder:
                return name, place.node.id
            if not _is_free(place):
                continue
        try:
            return name, tree.make_folder(files, Asker(actor), address).node.id
        except MethodNotAllowed:
            return _folder(files, actor, above, wanted)  # somebody else was quicker
    raise NotFound


def _is_free(place: Place) -> bool:
    return place.node is None and len(place.missing) == 1 and not place.twin
