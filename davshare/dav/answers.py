"""Finished answers to PROPFIND, given again while nothing has changed.

Only where nothing but a change of the index or of the folder on disk can make
another answer: in a space that is the asker's own, without locks that run out,
without what was received, which may end, and without properties that follow
the clock or the disk.
"""

from __future__ import annotations

from typing import NamedTuple

from davshare.dav.exchange import Exchange
from davshare.dav.render import Asked
from davshare.dav.xml import DAV
from davshare.files import guard, reconcile
from davshare.files.context import Address
from davshare.files.locate import Place
from davshare.files.view import Target
from davshare.http.responses import Response
from davshare.model.people import Visit

#: Values that change without a change of the index: free space, grants that end, locks that run out.
CLOCKED = frozenset((DAV, name) for name in ("quota-available-bytes", "acl", "inherited-acl-set"))
LOCKS = (DAV, "lockdiscovery")
#: Longest request body, and longest answer, that is remembered.
_BODY = 2048
_ANSWER = 1024 * 1024


class Key(NamedTuple):
    """Everything that an answer depends on besides the index."""

    user: int
    admin: bool
    mask: int
    node: int | None
    visit: Visit | None
    address: Address
    depth: str
    document: bytes
    preferences: frozenset[str]


class _Finished(NamedTuple):
    place: Place
    response: Response


def key(x: Exchange) -> Key | None:
    """Under which the answer would be remembered; None where it has to be made anew."""
    depth = x.headers.get("depth")
    if x.conditional or (depth != "0" and depth != "1"):
        return None
    document = x.peek()
    if document is None or len(document) > _BODY:
        return None
    actor = x.actor
    return Key(actor.user, actor.admin, actor.mask, actor.node, actor.visit, x.address, depth, document, x.preferences)


def find(x: Exchange, wanted: Key) -> Response | None:
    """The answer that was given before, if it still is the right one."""
    memory = x.files.memory
    found: _Finished | None = memory.get(memory.version(), wanted)
    if found is None:
        return None
    place, response = found
    if wanted.depth == "0":
        x.files.store(place.space).present()
    elif not reconcile.is_noticed(x.files, place):
        return None
    x.note_listing(place)
    return Response(response.status, response.headers.copy(), response.body)


def keep(x: Exchange, wanted: Key, version: int, target: Target, asked: Asked, loose: bool, response: Response) -> None:
    """Remember an answer that was made after ``version``.

    :param loose: whether there are locks in the space, and the answer shows them, or something that was received.
    """
    body = response.body
    if not isinstance(target, Place) or not isinstance(body, bytes) or len(body) > _ANSWER:
        return
    lasting = CLOCKED.isdisjoint(asked.names) and not loose
    if lasting and target.sight is None and guard.rules(x.actor, target.space):
        x.files.memory.put(version, wanted, _Finished(target, response), len(body))


def tells_locks(asked: Asked) -> bool:
    """Whether an answer shows locks."""
    return asked.kind == "allprop" or LOCKS in asked.names
