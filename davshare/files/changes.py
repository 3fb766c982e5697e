"""What has changed since a token, for followers that are not WebDAV: the answers of REPORT as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple
from urllib.parse import unquote

from davshare.errors import Forbidden, NotFound
from davshare.files import lookup, mountsync, view
from davshare.files.context import Address, Asker
from davshare.files.locate import Place
from davshare.files.mountsync import Above, Gone, HomeChanges, Shown
from davshare.files.service import Files
from davshare.files.steps import Change
from davshare.files.sync import Changes
from davshare.files.view import Virtual
from davshare.files.viewsync import Ended, Inside, ViewChanges, present
from davshare.index import spaces
from davshare.index.database import Connection
from davshare.model import names, tokens
from davshare.model.access import Permission
from davshare.model.journal import Kind
from davshare.model.nodes import Node
from davshare.model.people import Actor

Happened = Literal["created", "modified", "moved", "removed"]
_KINDS: dict[int, Happened] = {
    Kind.CREATED: "created",
    Kind.MODIFIED: "modified",
    Kind.MOVED: "moved",
    Kind.DELETED: "removed",
}
#: Everything that somebody can see, each tree once.
_ALL = Virtual(("dav",), "trees")


class Told(NamedTuple):
    """One change: ``path`` is the address below ``/dav/``, ``space`` its beginning that names the tree.

    ``etag`` and ``size`` are None for what is gone, and for folders that only
    lead to something.  ``reason`` of something removed is moved (it is
    somewhere else in what is followed) or gone.
    """

    kind: Happened
    space: str
    path: str
    id: int | None
    folder: bool
    etag: str | None = None
    size: int | None = None
    reason: Literal["moved", "gone"] | None = None


class Page(NamedTuple):
    """Changes, the token from which to go on, and whether there are more already.

    ``heads`` are the numbers of the last entries of all spaces that were looked at.
    """

    changes: list[Told]
    token: str
    more: bool
    heads: dict[int, int]


def address_of(text: str) -> tuple[str, ...]:
    """The segments of what somebody wants to follow: a path below ``/dav/``, empty for everything that they can see.

    :raises BadRequest: it holds a segment that no name can be.
    :raises NotFound: it could never lead to files.
    """
    parts = [part for part in text.split("/") if part]
    if not parts:
        return ()
    if parts[0] != "home" and (parts[0] not in ("spaces", "users") or len(parts) < 2):
        raise NotFound("There is no folder at this address.")
    segments, _ = names.split(names.href(("dav", *parts), True))
    return segments


def now(files: Files, connection: Connection, actor: Actor, address: tuple[str, ...]) -> Page:
    """No changes, and the token from which to follow.

    :raises NotFound: nothing is there that the actor may follow.
    """
    target = _target(files, connection, actor, address)
    if isinstance(target, Place) and mountsync.concerns(target, ""):
        heads = spaces.heads(connection, mountsync.spaces_of(target))
        return Page([], mountsync.present(files, connection, target), False, heads)
    if isinstance(target, Place):
        return Page([], lookup.sync_token_of(files, connection, target), False, _heads(connection, [target]))
    token = present(files, connection, actor, target)
    return Page([], str(token), False, _heads(connection, view.members(connection, actor, target)))


def since(files: Files, connection: Connection, actor: Actor, address: tuple[str, ...], text: str, limit: int) -> Page:
    """Changes since a token, or with an empty one everything there is.

    :raises NotFound: nothing is there that the actor may follow.
    :raises Forbidden: the token is not usable (``valid-sync-token``); the follower has to begin anew.
    """
    target = _target(files, connection, actor, address)
    if isinstance(target, Place) and mountsync.concerns(target, text):
        home = HomeChanges(files, connection, actor, target, text, limit=limit)
        told = list(_at_home(files, target, home))
        return Page(told, home.token, home.truncated, spaces.heads(connection, tuple(home.spaces)))
    if isinstance(target, Place):
        token = tokens.parse(text) if text else None
        if text and token is None:
            raise Forbidden("The sync token is none of ours.", condition="valid-sync-token")
        sight = target.sight if token is None else lookup.followed(connection, actor, target, token)
        changes = Changes(connection, files.epoch, target.chain, token, True, limit, sight)
        told = list(_inside(files, target, changes, changes))
        return Page(told, str(changes.token), changes.truncated, _heads(connection, [target]))
    seen = ViewChanges(files, connection, actor, target, text, limit=limit)
    told = list(_everywhere(files, seen))
    return Page(told, str(seen.token), seen.truncated, _heads(connection, seen.members))


def _target(files: Files, connection: Connection, actor: Actor, address: tuple[str, ...]) -> Place | Virtual:
    if not address:
        return _ALL
    target = files.target(connection, Asker(actor), Address(address, True))
    if not isinstance(target, Place) or not target.found().is_folder:
        raise NotFound("There is no folder at this address.")
    target.demand(Permission.READ)
    return target


def _heads(connection: Connection, targets: Iterable[view.Target]) -> dict[int, int]:
    return spaces.heads(connection, [each.space.id for each in targets if isinstance(each, Place)])


def _everywhere(files: Files, changes: ViewChanges) -> Iterator[Told]:
    for item in changes:
        if isinstance(item, Ended):
            path = unquote(item.key)
            yield Told("removed", path, path, None, True, reason="gone")
        elif isinstance(item, Inside):
            yield from _inside(files, item.place, item.changes, item.told)
        elif isinstance(item.target, Place):
            place, node = item.target, item.target.chain[-1]
            whole = bool(place.rights & Permission.READ)
            yield from _present(files, "created" if item.new else "modified", place, (), node, whole)


def _at_home(files: Files, place: Place, changes: HomeChanges) -> Iterator[Told]:
    """What has changed in a folder of a home, and in what was received."""
    for item in changes:
        if isinstance(item, Gone):
            reason: Literal["moved", "gone"] = "moved" if changes.seen(item.node) else "gone"
            yield Told("removed", _space(place), _path(place, item.path), item.node, item.folder, reason=reason)
        elif isinstance(item, Shown):
            kind: Happened = "created" if item.new else "modified"
            yield from _present(files, kind, item.place, (), item.place.seen, True)
        elif isinstance(item, Above):
            yield from _present(files, "modified", place, item.path, item.node, True)
        else:
            yield from _inside(files, item.place, item.changes, item.told)


def _inside(files: Files, place: Place, changes: Changes, told: Iterable[Change]) -> Iterator[Told]:
    """What has changed below a place."""
    sight = place.sight
    for change in told:
        if change.node is None:
            reason: Literal["moved", "gone"] = "moved" if changes.seen(change.id) else "gone"
            path = _path(place, change.path)
            yield Told("removed", _space(place), path, change.id, change.folder, reason=reason)
        else:
            whole = sight is None or sight.reads(change.node)
            yield from _present(files, _KINDS[change.kind], place, change.path, change.node, whole)


def _present(
    files: Files, kind: Happened, place: Place, path: Sequence[str], node: Node, whole: bool
) -> Iterator[Told]:
    """What is there.  That something has changed in a folder that only leads somewhere is nobody's business."""
    told = Told(kind, _space(place), _path(place, path), node.id, node.is_folder)
    if whole:
        etag = files.etag(node) if place.mounts is None else place.mounts.etag(files.epoch, node)
        yield told._replace(etag=etag, size=node.size)
    elif kind != "modified":
        yield told


def _space(place: Place) -> str:
    outer = place.mount.outer
    return "/".join((place if outer is None else outer).mount.base[1:])


def _path(place: Place, below: Sequence[str]) -> str:
    return "/".join([*place.segments[1:], *below])
