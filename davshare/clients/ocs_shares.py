"""The sharing calls, with the codes and words of ownCloud 10.

doc.owncloud.com/server/10.15/developer_manual/core/apis/ocs-share-api.html;
docs.nextcloud.com/server/latest/developer_manual/client_apis/OCS/ocs-share-api.html.
Where something is, is told as its way in its space: the home of ``uid_file_owner``, or the project space that
``storage_id`` names.  ``space_ref`` (``spaces/NAME`` or ``users/NAME``) lets ``path`` begin elsewhere than at home.
"""

from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from types import EllipsisType

from davshare.clients import share_told
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Refused, Result
from davshare.errors import DavshareError, Forbidden, MethodNotAllowed, NotFound
from davshare.files import explain
from davshare.files.context import Address, Asker
from davshare.model.access import Rights
from davshare.model.people import Group, User
from davshare.sharing import bits, guests, shares
from davshare.sharing.rules import BadExpiry
from davshare.sharing.shares import Found, New, State

_API = "apps/files_sharing/api/v1"
_KINDS = {"0": "user", "1": "group"}
#: Shares with e-mail addresses, as Nextcloud and ownCloud count them.
_BY_ADDRESS = ("4", "8")
_DAY = 86400
_NO_PATH = "Wrong path, file/folder doesn't exist"
_NO_SHARE = "Wrong share ID, share doesn't exist"


# what was given


def _address(call: OcsCall, path: str) -> Address:
    """Where the path leads; from the home of the caller unless ``space_ref`` says otherwise."""
    try:
        return explain.address_of(f"{call.given.text('space_ref') or 'home'}/{path}")
    except NotFound:
        raise Refused(404, _NO_PATH) from None


def _number(call: OcsCall) -> int:
    text = call.path["share"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refused(404, _NO_SHARE)
    return int(text)


def _rights(call: OcsCall) -> Rights | None:
    """The permissions that were given; None where none were."""
    text = call.given.text("permissions")
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= bits.ALL):
        raise Refused(404, "invalid permissions")
    if not int(text):
        raise Refused(400, "Cannot remove all permissions")
    return bits.rights_of(int(text))


def _expires(call: OcsCall) -> int | EllipsisType | None:
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


def _flag(call: OcsCall, name: str) -> bool:
    return (call.given.text(name) or "").lower() in ("true", "1")


# making


def create(call: OcsCall) -> Result:
    """Share something with a user or group.

    :raises Refused: the arguments make no sense, or it may not be.
    """
    path = call.given.text("path")
    if not path:
        raise Refused(404, "Please specify a file or folder path")
    if call.given.text("shareType") in _BY_ADDRESS:
        return _invite(call, path)
    kind = _KINDS.get(call.given.text("shareType") or "0")
    if kind is None:
        raise Refused(400, "Unknown share type")
    address, rights, expires = _address(call, path), _rights(call), _expires(call)
    receiver = _receiver(call, kind)
    note = call.given.text("note") or ""
    try:
        made = shares.create(call.files, Asker(call.actor), address, New(receiver, rights, expires, note))
    except (NotFound, MethodNotAllowed):
        raise Refused(404, _NO_PATH) from None
    except BadExpiry as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, _said(error)) from None
    return Result(share_told.told(made, call))


def _receiver(call: OcsCall, kind: str) -> User | Group:
    if kind == "group" and not call.files.settings.get("sharing.group_sharing"):
        raise Refused(404, "Group sharing is disabled by the administrator")
    try:
        with call.files.db.session() as connection:
            return shares.receiver_named(connection, kind, call.given.text("shareWith") or "")
    except DavshareError:
        raise Refused(404, f"Please specify a valid {kind}") from None


def _invite(call: OcsCall, path: str) -> Result:
    """Share something with an e-mail address; without mail ``invitation`` is the link for a new guest."""
    address, rights, expires = _address(call, path), _rights(call), _expires(call)
    note = call.given.text("note") or ""
    email = (call.given.text("shareWith") or "").strip()
    try:
        made = guests.invite(call.files, Asker(call.actor), address, email, rights, expires, note)
    except (NotFound, MethodNotAllowed):
        raise Refused(404, _NO_PATH) from None
    except BadExpiry as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, _said(error)) from None
    told = share_told.told(made.found, call)
    return Result(told if made.link is None else {**told, "invitation": f"{call.site}{made.link}"})


def _said(error: Forbidden) -> str:
    """The reason; where only a permission is missing, in the words that clients show."""
    return "You are not allowed to share this" if error.condition == "need-privileges" else error.message


# finding


def list_(call: OcsCall) -> Result:
    """What the caller has shared, or received; of one thing, or of the members of one folder.

    :raises Refused: the path leads nowhere.
    """
    path = call.given.text("path")
    if _flag(call, "shared_with_me"):
        found = shares.received(call.files, call.actor, _states(call))
        if path:
            node = _node(call, path)
            found = [each for each in found if each.share.node == node]
    elif path:
        found = _shared(call, path)
    else:
        found = shares.made(call.files, call.actor)
    wanted = {each.strip() for each in (call.given.text("share_types") or "").split(",") if each.strip()}
    return Result(
        [
            share_told.told(each, call)
            for each in found
            if not wanted or ("0" if each.share.kind == "user" else "1") in wanted
        ]
    )


def _shared(call: OcsCall, path: str) -> list[Found]:
    members, everybodys = _flag(call, "subfiles"), _flag(call, "reshares")
    try:
        return shares.shared(call.files, Asker(call.actor), _address(call, path), members, everybodys)
    except (NotFound, Forbidden, MethodNotAllowed):
        raise Refused(404, _NO_PATH) from None


def _node(call: OcsCall, path: str) -> int:
    try:
        with call.files.db.snapshot() as connection:
            return call.files.place(connection, Asker(call.actor), _address(call, path)).found().id
    except (NotFound, MethodNotAllowed):
        raise Refused(404, _NO_PATH) from None


def _states(call: OcsCall) -> Sequence[State]:
    text = call.given.text("state") or "0"
    if text == "all":
        return tuple(State)
    if text not in ("0", "1", "2"):
        raise Refused(400, "Invalid state")
    return (State(int(text)),)


def get(call: OcsCall) -> Result:
    """One share, in a list."""
    return Result([share_told.told(shares.get(call.files, call.actor, _number(call)), call)])


# changing


def update(call: OcsCall) -> Result:
    """Other permissions, another end, another note; what is not given stays.

    :raises Refused: nothing is given, or it may not be.
    """
    number, rights, expires, note = _number(call), _rights(call), _expires(call), call.given.text("note")
    shares.get(call.files, call.actor, number)
    if rights is None and expires is ... and note is None:
        raise Refused(400, "Wrong or no update parameter given")
    try:
        found = shares.update(call.files, Asker(call.actor), number, rights, expires, note)
    except BadExpiry as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, _said(error)) from None
    return Result(share_told.told(found, call))


def remove(call: OcsCall) -> Result:
    """Take a share back; who has received it declines it."""
    number = _number(call)
    share = shares.get(call.files, call.actor, number).share
    try:
        shares.revoke(call.files, Asker(call.actor), number)
    except Forbidden:
        if share.principal not in call.actor.principals:
            raise Refused(403, "Could not delete share") from None
        shares.answer(call.files, call.actor, number, State.DECLINED)
    return Result()


def accept(call: OcsCall) -> Result:
    """Take what was shared."""
    return _answer(call, State.ACCEPTED)


def decline(call: OcsCall) -> Result:
    """Do not take it; it can still be taken later."""
    return _answer(call, State.DECLINED)


def _answer(call: OcsCall, state: State) -> Result:
    number = _number(call)
    shares.answer(call.files, call.actor, number, state)
    return Result([share_told.told(shares.get(call.files, call.actor, number), call)])


# shares of other servers: there are none


def nothing(call: OcsCall) -> Result:
    """An empty list."""
    return Result([])


def none(call: OcsCall) -> Result:
    """There is no such share of another server.

    :raises Refused: always.
    """
    raise Refused(404, _NO_SHARE)


ROUTES = (
    OcsRoute("GET", f"{_API}/shares", list_),
    OcsRoute("POST", f"{_API}/shares", create),
    OcsRoute("GET", f"{_API}/shares/{{share}}", get),
    OcsRoute("PUT", f"{_API}/shares/{{share}}", update),
    OcsRoute("DELETE", f"{_API}/shares/{{share}}", remove),
    OcsRoute("POST", f"{_API}/shares/pending/{{share}}", accept),
    OcsRoute("DELETE", f"{_API}/shares/pending/{{share}}", decline),
    OcsRoute("GET", f"{_API}/remote_shares", nothing),
    OcsRoute("GET", f"{_API}/remote_shares/{{share}}", none),
    OcsRoute("DELETE", f"{_API}/remote_shares/{{share}}", none),
    OcsRoute("GET", f"{_API}/remote_shares/pending", nothing),
    OcsRoute("POST", f"{_API}/remote_shares/pending/{{share}}", none),
    OcsRoute("DELETE", f"{_API}/remote_shares/pending/{{share}}", none),
)
