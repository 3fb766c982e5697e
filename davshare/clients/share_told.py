"""A share in the words of the sharing calls."""

from __future__ import annotations

import mimetypes
import time
from collections.abc import Sequence
from typing import Any

from davshare.clients.call import OcsCall
from davshare.sharing import bits, targets
from davshare.sharing.links import Link
from davshare.sharing.sharees import additional_info
from davshare.sharing.shares import Found, Share

_FOLDER = "httpd/unix-directory"


def told(found: Found, call: OcsCall) -> dict[str, Any]:
    """Everything that clients look for, with the state for whoever asks."""
    return told_all([found], call)[0]


def told_all(found: Sequence[Found], call: OcsCall) -> list[dict[str, Any]]:
    """The same of many shares: a fixed number of statements."""
    seen = targets.targets(call.files, call.actor, [each.share for each in found])
    return [_told(each, call, seen[each.share.id]) for each in found]


def _told(found: Found, call: OcsCall, target: str) -> dict[str, Any]:
    """:param target: where it is in the home of its receiver."""
    share, actor, settings = found.share, call.actor, call.files.settings
    receiver = additional_info(settings, share.name, share.email) if share.kind == "user" else None
    mine = actor.user in (share.sharer, share.owner)
    return {
        **common(share, found.way),
        "path": target if targets.is_receiver(share, actor) else "/" + "/".join(found.way),
        "file_target": target,
        "share_type": 0 if share.kind == "user" else 1,
        "additional_info_owner": additional_info(settings, share.sharer_name, share.sharer_email),
        "permissions": bits.bits_of(share.rights, bool(share.is_folder)),
        "can_edit": mine,
        "can_delete": mine,
        "share_with": share.name,
        "share_with_displayname": share.display_name or share.name,
        "share_with_additional_info": receiver,
        "state": int(found.state),
    }


def common(share: Share | Link, way: Sequence[str]) -> dict[str, Any]:
    """What is told of everything that is shared, in the order in which it is told."""
    folder, path = bool(share.is_folder), "/" + "/".join(way)
    sharer, shown = (
        (share.creator_name, share.creator_display_name)
        if isinstance(share, Link)
        else (share.sharer_name, share.sharer_display_name)
    )
    return {
        "id": str(share.id),
        "share_type": None,
        "uid_owner": sharer,
        "displayname_owner": shown or sharer,
        "additional_info_owner": None,
        "permissions": 0,
        "can_edit": False,
        "can_delete": False,
        "stime": share.created,
        "parent": None,
        "expiration": day_of(share.expires),
        "token": None,
        "uid_file_owner": share.owner_name or sharer,
        "displayname_file_owner": share.owner_display_name or share.owner_name or shown,
        "note": share.note,
        "label": None,
        "path": path,
        "item_type": "folder" if folder else "file",
        "mimetype": _FOLDER if folder else mimetypes.guess_type(share.item)[0] or "application/octet-stream",
        "has_preview": False,
        "storage_id": f"{share.space_kind}::{share.space_name}",
        "storage": share.space,
        "item_source": share.node,
        "file_source": share.node,
        "file_parent": share.parent,
        "file_target": path,
        "item_size": share.size,
        "item_mtime": share.mtime_ns // 1_000_000_000,
        "share_with": None,
        "share_with_displayname": None,
        "share_with_additional_info": None,
        "state": 0,
        "mail_send": 0,
        "hide_download": 0,
        "attributes": None,
    }


def day_of(expires: int | None) -> str | None:
    """The last day of a share."""
    return None if expires is None else time.strftime("%Y-%m-%d 00:00:00", time.gmtime(expires - 1))
