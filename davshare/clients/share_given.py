"""What the sharing calls are told: where, which share, what, and until when."""

from __future__ import annotations

import calendar
import time
from types import EllipsisType

from davshare.clients.call import OcsCall
from davshare.clients.ocs import Refused
from davshare.errors import Forbidden, NotFound
from davshare.files import explain
from davshare.files.context import Address
from davshare.model.access import Rights
from davshare.sharing import bits

_DAY = 86400
NO_PATH = "Wrong path, file/folder doesn't exist"
NO_SHARE = "Wrong share ID, share doesn't exist"


def address_of(call: OcsCall, path: str) -> Address:
    """Where the path leads; from the home of the caller unless ``space_ref`` says otherwise."""
    try:
        return explain.address_of(f"{call.given.text('space_ref') or 'home'}/{path}")
    except NotFound:
        raise Refused(404, NO_PATH) from None


def number_of(call: OcsCall) -> int:
    text = call.path["share"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refused(404, NO_SHARE)
    return int(text)


def rights_of(call: OcsCall) -> Rights | None:
    """The permissions that were given; None where none were."""
    text = call.given.text("permissions")
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= bits.ALL):
        raise Refused(404, "invalid permissions")
    if not int(text):
        raise Refused(400, "Cannot remove all permissions")
    return bits.rights_of(int(text))


def expires_of(call: OcsCall) -> int | EllipsisType | None:
    """The end of the day that was given; None for an empty one, ``...`` where none was given."""
    text = call.given.text("expireDate")
    if text is None:
        return ...
    if not text:
        return None
    try:
        day = time.strptime(text.partition("T")[0].partition(" ")[0], "%Y-%m-%d")
    except ValueError:
        raise Refused(404, "Invalid date, date format must be YYYY-MM-DD") from None
    return calendar.timegm(day) + _DAY


def flag(call: OcsCall, name: str) -> bool:
    return (call.given.text(name) or "").lower() in ("true", "1")


def said_of(error: Forbidden) -> str:
    """The reason; where only a permission is missing, in the words that clients show."""
    return "You are not allowed to share this" if error.condition == "need-privileges" else error.message
