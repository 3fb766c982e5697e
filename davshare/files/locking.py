"""WebDAV locks: who must show which token, and which locks exclude each other (RFC 4918 sections 6 and 7)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from davshare.errors import Conflict, Forbidden, Locked, PreconditionFailed
from davshare.files.context import Asker
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.index import locks, nodes, people, spaces
from davshare.index.database import Connection
from davshare.index.locks import Lock
from davshare.model.access import Permission
from davshare.model.nodes import Node
from davshare.model.people import Actor

#: Most locks on one resource (shared ones), and most that one person can hold.
MOST_ON_NODE = 32
MOST_OF_USER = 1000


class Wish(NamedTuple):
    """A lock as it was asked for; ``timeout`` in seconds, ``owner`` is XML as it came."""

    exclusive: bool
    infinite: bool
    owner: str
    timeout: int


def covering(connection: Connection, chain: Sequence[Node], now: int) -> list[Lock]:
    """Live locks whose scope holds the last node of ``chain``.

    These are also the ones that forbid to make or remove a member of it: a
    Depth 0 lock on a collection protects its membership (section 7.4).
    """
    last = chain[-1].id
    found = locks.on_nodes(connection, [node.id for node in chain], now)
    return [lock for lock in found if lock.infinite or lock.node == last]


def inside(connection: Connection, node: Node, now: int) -> list[Lock]:
    """Live locks on anything below ``node``."""
    if not node.is_folder:
        return []
    found = []
    for lock in locks.in_space(connection, node.space, now):
        if lock.node != node.id and any(above.id == node.id for above in nodes.chain(connection, lock.node)):
            found.append(lock)
    return found


def demand_content(connection: Connection, place: Place, asker: Asker) -> None:
    """Return when ``asker`` may change the content or the properties of what is here.

    :raises Locked: a token is missing.
    """
    now = int(time.time())
    if locks.any_in(connection, place.space.id, now):
        _demand(connection, place, asker, covering(connection, place.chain, now))


def demand_member(connection: Connection, place: Place, asker: Asker) -> None:
    """Return when ``asker`` may make, replace or remove ``place`` as a member of its folder.

    :raises Locked: a token is missing: of the folder, of what is here or of anything below it.
    """
    now = int(time.time())
    if not locks.any_in(connection, place.space.id, now):
        return
    node = place.node
    if node is None:
        _demand(connection, place, asker, covering(connection, place.chain, now))
        return
    if len(place.chain) > 1:
        _demand(connection, place, asker, covering(connection, place.chain[:-1], now))
    _demand(connection, place, asker, covering(connection, place.chain, now))
    for lock in inside(connection, node, now):
        _demand(connection, place, asker, [lock])


def _demand(connection: Connection, place: Place, asker: Asker, found: Sequence[Lock]) -> None:
    """Every exclusive lock needs its token; of shared ones, one token is enough."""
    shown = [lock for lock in found if lock.token in asker.tokens and _may_use(lock, asker, place)]
    missing = [lock for lock in found if lock.exclusive and lock not in shown]
    if not missing and not shown:
        missing = [lock for lock in found if not lock.exclusive]
    if missing:
        raise Locked(hrefs=roots(connection, place, missing))


def _may_use(lock: Lock, asker: Asker, place: Place) -> bool:
    return is_of(lock, asker.actor) or bool(place.rights & Permission.UNLOCK)


def is_of(lock: Lock, actor: Actor) -> bool:
    """Whether a lock is the actor's; who came by a link has taken no lock but by that link."""
    return lock.creator == actor.user and (actor.visit is None or lock.link == actor.visit.link)


def roots(connection: Connection, place: Place, found: Iterable[Lock]) -> list[str]:
    """The URLs of locked resources, as the one who asked for ``place`` sees them; instead of what is hidden, itself."""
    return sorted({root(connection, place, lock) if _shows(connection, place, lock) else place.href for lock in found})


def _shows(connection: Connection, place: Place, lock: Lock) -> bool:
    """Whether the asker may know of what a lock was taken on: it is above the place, or can be seen below it."""
    if place.sight is None or any(node.id == lock.node for node in place.chain):
        return True
    node = nodes.get(connection, lock.node)
    return node is not None and place.sight.shows(node)


def root(connection: Connection, place: Place, lock: Lock) -> str:
    """The URL of the resource that a lock was taken on; of what is above all that can be seen here, the top of that."""
    for depth, node in enumerate(place.chain):
        if node.id == lock.node:
            return place.href_of(place.chain[: depth + 1])
    return place.href_of(nodes.chain(connection, lock.node))


def grant(connection: Connection, place: Place, asker: Asker, wish: Wish) -> Lock:
    """Put a lock on what is here.

    :raises Locked: another one is in the way (``no-conflicting-lock``).
    """
    node = place.found()
    now = int(time.time())
    link = 0 if asker.actor.visit is None else asker.actor.visit.link
    here, held = locks.counts(connection, place.space.id, node.id, asker.actor.user, link, now)
    if here >= MOST_ON_NODE:
        raise Forbidden("There are too many locks on this resource.")
    if held >= MOST_OF_USER:
        raise Forbidden("You hold too many locks.")
    others = covering(connection, place.chain, now)
    if wish.infinite:
        others += inside(connection, node, now)
    conflicts = [lock for lock in others if lock.exclusive or wish.exclusive]
    if conflicts:
        raise Locked(
            "Another lock is in the way.",
            condition="no-conflicting-lock",
            hrefs=roots(connection, place, conflicts),
        )
    lock = Lock(
        f"urn:uuid:{uuid.uuid4()}", place.space.id, node.id, wish.exclusive, wish.infinite,
        asker.actor.user, wish.owner, wish.timeout, now + wish.timeout, link,
    )  # fmt: skip
    locks.insert(connection, lock)
    return lock


def demand_free(connection: Connection, place: Place) -> None:
    """Return when a file that is not there yet could be locked, whatever tokens are shown.

    :raises Locked: a lock of depth infinity above it is in the way.
    """
    found = locks.on_nodes(connection, [node.id for node in place.chain], int(time.time()))
    conflicts = [lock for lock in found if lock.infinite and lock.exclusive]
    if conflicts:
        raise Locked(
            "Another lock is in the way.", condition="no-conflicting-lock", hrefs=roots(connection, place, conflicts)
        )


def refresh(connection: Connection, place: Place, asker: Asker, timeout: int) -> Lock:
    """Give the one lock whose token was shown a new life time (RFC 4918 section 9.10.2).

    :raises PreconditionFailed: no shown token belongs to a lock with this resource in its scope.
    :raises Forbidden: it belongs to someone else.
    """
    place.found()
    now = int(time.time())
    found = [lock for lock in covering(connection, place.chain, now) if lock.token in asker.tokens]
    if len(found) != 1:
        raise PreconditionFailed(condition="lock-token-matches-request-uri")
    lock = found[0]
    if not is_of(lock, asker.actor):
        raise Forbidden("This lock belongs to someone else.")
    place.demand(Permission.WRITE_CONTENT)
    locks.refresh(connection, lock.token, timeout, now + timeout)
    return lock._replace(timeout=timeout, expires=now + timeout)


def release(connection: Connection, place: Place, asker: Asker, token: str) -> None:
    """Remove a lock (RFC 4918 section 9.11).

    :raises Conflict: there is no such lock with this resource in its scope.
    :raises Forbidden: it belongs to someone else, and the asker may not unlock.
    """
    place.found()
    found = [lock for lock in covering(connection, place.chain, int(time.time())) if lock.token == token]
    if not found:
        raise Conflict("This resource has no such lock.", condition="lock-token-matches-request-uri")
    if not _may_use(found[0], asker, place):
        raise Forbidden("This lock belongs to someone else.")
    if not asker.actor.mask & (Permission.WRITE | Permission.UNLOCK):
        raise Forbidden
    locks.remove(connection, [token])


class LockInfo(NamedTuple):
    """A lock as administrators see it; ``expires`` in seconds since 1970."""

    token: str
    space: str
    path: str
    owner_name: str
    depth: str
    scope: str
    expires: int


def list_locks(files: Files) -> list[LockInfo]:
    """Every live lock of every space."""
    now = int(time.time())
    found = []
    with files.db.snapshot() as connection:
        for space in spaces.all_spaces(connection):
            for lock in locks.in_space(connection, space.id, now):
                path = "".join(f"/{node.name}" for node in nodes.chain(connection, lock.node)[1:])
                creator = people.principal_by_id(connection, lock.creator)
                found.append(
                    LockInfo(
                        lock.token,
                        space.name,
                        path or "/",
                        "" if creator is None else creator.name,
                        "infinity" if lock.infinite else "0",
                        "exclusive" if lock.exclusive else "shared",
                        lock.expires,
                    )
                )
    return found


def break_lock(files: Files, token: str) -> bool:
    """Remove a lock, whoever made it; whether there was one."""
    with files.db.write() as connection:
        return bool(locks.remove(connection, [token]))
