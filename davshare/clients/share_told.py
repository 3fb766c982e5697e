"""A share in the words of the sharing calls."""

from __future__ import annotations

import mimetypes
import time
from typing import Any

from davshare.clients.call import OcsCall
from davshare.sharing import bits
from davshare.sharing.sharees import additional_info
from davshare.sharing.shares import Found

_FOLDER = "httpd/unix-directory"


def told(found: Found, call: OcsCall) -> dict[str, Any]:
    """Everything that clients look for, with the state for whoever asks."""
    share, actor, settings = found.share, call.actor, call.files.settings
    receiver = additional_info(settings, share.name, share.email) if share.kind == "user" else None
    folder = bool(share.is_folder)
    mine = actor.user in (share.sharer, share.owner)
    path = "/" + "/".join(found.way)
    return {
        "id": str(share.id),
        "share_type": 0 if share.kind == "user" else 1,
        "uid_owner": share.sharer_name,
        "displayname_owner": share.sharer_display_name or share.sharer_name,
        "additional_info_owner": additional_info(settings, share.sharer_name, share.sharer_email),
        "permissions": bits.bits_of(share.rights, folder),
        "can_edit": mine,
        "can_delete": mine,
        "stime": share.created,
        "parent": None,
        "expiration": day_of(share.expires),
        "token": None,
        "uid_file_owner": share.owner_name or share.sharer_name,
        "displayname_file_owner": share.owner_display_name or share.owner_name or share.sharer_display_name,
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
        "share_with": share.name,
        "share_with_displayname": share.display_name or share.name,
        "share_with_additional_info": receiver,
        "state": int(found.state),
        "mail_send": 0,
        "hide_download": 0,
        "attributes": None,
    }


def day_of(expires: int | None) -> str | None:
    """The last day of a share."""
    return None if expires is None else time.strftime("%Y-%m-%d 00:00:00", time.gmtime(expires - 1))
