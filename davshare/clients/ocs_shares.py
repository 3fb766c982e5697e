"""The sharing calls, with the codes and words of ownCloud 10.

doc.owncloud.com/server/10.15/developer_manual/core/apis/ocs-share-api.html;
docs.nextcloud.com/server/latest/developer_manual/client_apis/OCS/ocs-share-api.html.
Receivers are told where something is in their home, others its way in its space: the home of ``uid_file_owner``, or
the project space that ``storage_id`` names.  ``space_ref`` (``spaces/NAME`` or ``users/NAME``) lets ``path`` begin
elsewhere than at home.
"""

from __future__ import annotations

from collections.abc import Sequence

from davshare.clients import ocs_guests, ocs_links, share_told
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Refused, Result
from davshare.clients.share_given import NO_PATH, NO_SHARE, address_of, expires_of, flag, number_of, rights_of, said_of
from davshare.errors import DavshareError, Forbidden, MethodNotAllowed, NotFound
from davshare.files.context import Asker
from davshare.model.people import Group, User
from davshare.sharing import links, receipts, shares
from davshare.sharing.rules import BadExpiry
from davshare.sharing.shares import Found, New, State

_API = "apps/files_sharing/api/v1"
_KINDS = {"0": "user", "1": "group"}


# making


def create(call: OcsCall) -> Result:
    """Share something with a user or group.

    :raises Refused: the arguments make no sense, or it may not be.
    """
    path = call.given.text("path")
    if not path:
        raise Refused(404, "Please specify a file or folder path")
    number = call.given.text("shareType") or "0"
    if number == "3":
        return ocs_links.create(call, address_of(call, path))
    if number in ocs_guests.NUMBERS:
        return ocs_guests.create(call, address_of(call, path))
    kind = _KINDS.get(number)
    if kind is None:
        raise Refused(400, "Unknown share type")
    address, rights, expires = address_of(call, path), rights_of(call), expires_of(call)
    receiver = _receiver(call, kind)
    note = call.given.text("note") or ""
    try:
        made = shares.create(call.files, Asker(call.actor), address, New(receiver, rights, expires, note))
    except (NotFound, MethodNotAllowed):
        raise Refused(404, NO_PATH) from None
    except BadExpiry as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, said_of(error)) from None
    return Result(share_told.told(made, call))


def _receiver(call: OcsCall, kind: str) -> User | Group:
    if kind == "group" and not call.files.settings.get("sharing.group_sharing"):
        raise Refused(404, "Group sharing is disabled by the administrator")
    try:
        with call.files.db.session() as connection:
            return shares.receiver_named(connection, kind, call.given.text("shareWith") or "")
    except DavshareError:
        raise Refused(404, f"Please specify a valid {kind}") from None


# finding


def list_(call: OcsCall) -> Result:
    """What the caller has shared, or received; of one thing, or of the members of one folder.

    :raises Refused: the path leads nowhere.
    """
    path = call.given.text("path")
    linked: list[dict[str, object]] = []
    if flag(call, "shared_with_me"):
        found = shares.received(call.files, call.actor, _states(call))
        if path:
            node = _node(call, path)
            found = [each for each in found if each.share.node == node]
    elif path:
        found = _shared(call, path)
        linked = ocs_links.shared(call, address_of(call, path), flag(call, "subfiles"), flag(call, "reshares"))
    else:
        found = shares.made(call.files, call.actor)
        linked = ocs_links.made(call)
    wanted = {each.strip() for each in (call.given.text("share_types") or "").split(",") if each.strip()}
    chosen = [each for each in found if not wanted or ("0" if each.share.kind == "user" else "1") in wanted]
    return Result(share_told.told_all(chosen, call) + (linked if not wanted or "3" in wanted else []))


def _shared(call: OcsCall, path: str) -> list[Found]:
    members, everybodys = flag(call, "subfiles"), flag(call, "reshares")
    try:
        return shares.shared(call.files, Asker(call.actor), address_of(call, path), members, everybodys)
    except (NotFound, Forbidden, MethodNotAllowed):
        raise Refused(404, NO_PATH) from None


def _node(call: OcsCall, path: str) -> int:
    try:
        with call.files.db.snapshot() as connection:
            return call.files.place(connection, Asker(call.actor), address_of(call, path)).found().id
    except (NotFound, MethodNotAllowed):
        raise Refused(404, NO_PATH) from None


def _states(call: OcsCall) -> Sequence[State]:
    text = call.given.text("state") or "0"
    if text == "all":
        return tuple(State)
    if text not in ("0", "1", "2"):
        raise Refused(400, "Invalid state")
    return (State(int(text)),)


def get(call: OcsCall) -> Result:
    """One share, in a list."""
    if links.is_link(number_of(call)):
        return ocs_links.get(call, number_of(call))
    return Result([share_told.told(shares.get(call.files, call.actor, number_of(call)), call)])


# changing


def update(call: OcsCall) -> Result:
    """Other permissions, another end, another note; what is not given stays.

    :raises Refused: nothing is given, or it may not be.
    """
    if links.is_link(number_of(call)):
        return ocs_links.update(call, number_of(call))
    number, rights, expires, note = number_of(call), rights_of(call), expires_of(call), call.given.text("note")
    shares.get(call.files, call.actor, number)
    if rights is None and expires is ... and note is None:
        raise Refused(400, "Wrong or no update parameter given")
    try:
        found = shares.update(call.files, Asker(call.actor), number, rights, expires, note)
    except BadExpiry as error:
        raise Refused(404, error.message) from None
    except Forbidden as error:
        raise Refused(403, said_of(error)) from None
    return Result(share_told.told(found, call))


def remove(call: OcsCall) -> Result:
    """Take a share back; who has received it declines it."""
    number = number_of(call)
    if links.is_link(number):
        return ocs_links.remove(call, number)
    share = shares.get(call.files, call.actor, number).share
    try:
        shares.revoke(call.files, Asker(call.actor), number)
    except Forbidden:
        if share.principal not in call.actor.principals:
            raise Refused(403, "Could not delete share") from None
        receipts.answer(call.files, call.actor, number, State.DECLINED)
    return Result()


def accept(call: OcsCall) -> Result:
    """Take what was shared."""
    return _answer(call, State.ACCEPTED)


def decline(call: OcsCall) -> Result:
    """Do not take it; it can still be taken later."""
    return _answer(call, State.DECLINED)


def _answer(call: OcsCall, state: State) -> Result:
    number = number_of(call)
    receipts.answer(call.files, call.actor, number, state)
    return Result([share_told.told(shares.get(call.files, call.actor, number), call)])


# shares of other servers: there are none


def nothing(call: OcsCall) -> Result:
    """An empty list."""
    return Result([])


def none(call: OcsCall) -> Result:
    """There is no such share of another server.

    :raises Refused: always.
    """
    raise Refused(404, NO_SHARE)


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
