"""Notifications as Nextcloud's programs ask for them.

github.com/nextcloud/notifications, docs/ocs-endpoint-v2.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Refused, Result, YesNo
from davshare.errors import NotFound
from davshare.notices import notices

_API = "apps/notifications/api/v2/notifications"
#: What programs are told that they can count on.
CAPABILITY = {"ocs-endpoints": ["list", "get", "delete", "delete-all", "exists"], "push": [], "admin-notifications": []}
#: The app that Nextcloud's programs know for each kind: they show its own pages for some.
_APP, _QUOTA = "files_sharing", "files"
#: Most that one answer holds.
_MOST = 100


def _told(call: OcsCall, notice: notices.Notice) -> dict[str, Any]:
    link = "" if notice.path is None else f"{call.site}{notice.path}"
    return {
        "notification_id": notice.id,
        "app": _QUOTA if notice.kind.startswith("quota") else _APP,
        "user": call.actor.name,
        "datetime": datetime.fromtimestamp(notice.at, UTC).isoformat(),
        "object_type": notice.kind,
        "object_id": str(notice.subject.get("share") or notice.node or notice.id),
        "subject": notice.text,
        "subjectRich": "",
        "subjectRichParameters": [],
        "message": "",
        "messageRich": "",
        "messageRichParameters": [],
        "link": link,
        "actions": [],
        "icon": "",
        "shouldNotify": YesNo(not notice.read),
    }


def list_(call: OcsCall) -> Result:
    """The newest of the caller's notifications that were not read."""
    return Result([_told(call, each) for each in notices.listed(call.files, call.actor, True, 0, _MOST)])


def get(call: OcsCall) -> Result:
    """One of them.

    :raises Refused: there is no such one.
    """
    try:
        return Result(_told(call, notices.get(call.files, call.actor, _number(call))))
    except NotFound:
        raise Refused(404) from None


def remove(call: OcsCall) -> Result:
    """Remove one.

    :raises Refused: there is no such one.
    """
    try:
        notices.remove(call.files, call.actor, _number(call))
    except NotFound:
        raise Refused(404) from None
    return Result()


def exists(call: OcsCall) -> Result:
    """Those of some ids that there are.

    :raises Refused: too many are asked about, or none.
    """
    ids = call.given.texts("ids")
    if ids is None or not 0 < len(ids) <= _MOST * 2:
        raise Refused(400)
    numbers = [int(each) for each in ids if each.isascii() and each.isdecimal() and len(each) < 19]
    return Result(notices.existing(call.files, call.actor, numbers))


def remove_all(call: OcsCall) -> Result:
    """Remove all."""
    notices.remove(call.files, call.actor, None)
    return Result()


def _number(call: OcsCall) -> int:
    text = call.path["notification"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refused(404)
    return int(text)


ROUTES = (
    OcsRoute("GET", _API, list_),
    OcsRoute("DELETE", _API, remove_all),
    OcsRoute("POST", f"{_API}/exists", exists),
    OcsRoute("GET", f"{_API}/{{notification}}", get),
    OcsRoute("DELETE", f"{_API}/{{notification}}", remove),
)
