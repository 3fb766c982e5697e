"""Drives: homes and project spaces in the words of libregraph, for whoever may know of them.

owncloud.dev/libre-graph-api: drive, quota, driveItem
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from davshare.errors import DavshareError
from davshare.files import directory, listing, placing, view
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.model.access import Permission
from davshare.model.people import Actor, User

PERSONAL, PROJECT = "personal", "project"
#: From which share of a quota on people are warned, and from which urgently.
_NEARING, _CRITICAL = 0.75, 0.9


def listed(files: Files, actor: Actor, site: str) -> list[dict[str, Any]]:
    """The drives that somebody may know of, their own first.

    What others have granted in their homes is a drive as well, of the kind of
    spaces in which several people work.

    :param site: scheme and host as people know them.
    """
    placing.settle(files, actor)
    with files.db.snapshot() as connection:
        places = view.drives(connection, actor)
        owners = _owners(connection, places)
    return [_drive(files, actor, place, owners.get(place.space.owner or 0), site) for place in places]


def _owners(connection: Connection, places: Sequence[Place]) -> dict[int, User]:
    numbers = [place.space.owner for place in places if place.space.owner is not None]
    return {each.id: each for each in directory.principals(connection, numbers) if isinstance(each, User)}


def _drive(files: Files, actor: Actor, place: Place, owner: User | None, site: str) -> dict[str, Any]:
    space, node, number = place.space, place.chain[0], view.drive_id(place.space)
    mine = owner is not None and owner.id == actor.user
    name = space.name if owner is None else owner.display_name or owner.name
    kind = PERSONAL if mine else PROJECT
    above = "spaces" if owner is None else "users"
    etag = files.etag_of(place)
    here = f"{site}{place.href}"
    found: dict[str, Any] = {
        "id": number,
        "name": name,
        "driveType": kind,
        "driveAlias": f"{PERSONAL if owner is not None else PROJECT}/{space.name}",
        "description": space.description,
        "eTag": etag,
        "webUrl": f"{site}/dav/{'home' if mine else f'{above}/{space.name}'}/",
        "root": {"id": number, "eTag": etag, "webDavUrl": here.rstrip("/"), "webUrl": here, "permissions": []},
        "special": [],
    }
    if owner is not None:
        found["owner"] = {"user": {"id": str(owner.id), "displayName": name}}
    if place.rights & Permission.READ:
        # Of a place that only leads to something, these would tell what else is in it.
        found["lastModifiedDateTime"] = _moment(node.mtime_ns)
        found["quota"] = _quota(files, place)
    return found


def _quota(files: Files, place: Place) -> dict[str, Any]:
    """What is in it, what there is room for, and how bad that is; without a quota the disk sets the limit."""
    used = place.chain[0].size
    try:
        remaining = listing.free_bytes(files, place)
    except DavshareError:  # the storage is away
        remaining = 0
    total = place.space.quota if place.space.quota is not None else used + remaining
    share = used / total if total else 1.0
    state = "exceeded" if share >= 1 else "critical" if share >= _CRITICAL else "nearing"
    return {
        "total": total,
        "used": used,
        "remaining": remaining,
        "state": "normal" if share < _NEARING else state,
    }


def _moment(nanoseconds: int) -> str:
    try:
        return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return "1970-01-01T00:00:00Z"
