"""Files and folders shared with people and groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated, Literal, cast

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.moments import future, moment
from davshare.api.pages import Next, Paging, page
from davshare.api.rights import PermissionName, names_of, rights_of
from davshare.api.schema import Says
from davshare.errors import BadRequest, Conflict, Forbidden, MethodNotAllowed, NotFound, Unprocessable
from davshare.files import explain
from davshare.files.context import Asker
from davshare.model import names
from davshare.model.access import Rights
from davshare.sharing import bits, receipts, sharees, shares
from davshare.sharing.rules import BadExpiry
from davshare.sharing.shares import Found, New, State

RoleName = Literal["viewer", "uploader", "editor", "co-owner"]
StateName = Literal["accepted", "pending", "declined"]
_PATH = Says("The address of a file or folder, such as /dav/home/folder or /dav/spaces/NAME/folder.", 1, 4096)
_NAME = Says("The name of a user or group.", 1, 200)
_ROLE = Says("viewer reads, uploader also adds, editor changes, co-owner lets others in as well.")
_PERMISSIONS = Says("Single permissions instead of a role.", 1, 9)
_END = Says("When it ends; null for never.")
_NOTE = Says("Words for the receiver.", 0, 1000)


@dataclass(frozen=True, slots=True)
class Receiver:
    """With whom something is shared."""

    kind: Literal["user", "group"]
    name: Annotated[str, _NAME]


@dataclass(frozen=True, slots=True)
class Share:
    """One share."""

    id: Annotated[int, Says("What it is changed and removed by.", 1)]
    path: Annotated[str, Says("The address of what is shared, for the caller.")]
    kind: Literal["file", "folder"]
    owner: Annotated[str | None, Says("Whose home it is in; null where it is in a project space.")]
    sharer: Annotated[str, Says("Who has shared it.")]
    receiver: Receiver
    receiver_display_name: Annotated[str, Says("The receiver's name for display.")]
    role: Annotated[str | None, Says("The role that the permissions are; null for others.")]
    permissions: list[PermissionName]
    expires: Annotated[datetime | None, _END]
    note: Annotated[str, _NOTE]
    created: datetime
    state: Annotated[StateName, Says("What its user has made of it; of a share with a group, the caller.")]


@dataclass(frozen=True, slots=True)
class ShareList:
    """A page of shares, the oldest first."""

    items: list[Share]
    next_offset: Next


@dataclass(frozen=True)
class Which(Paging):
    """Which shares: what the caller has shared, or received, or what is shared of one file or folder."""

    received: Annotated[bool, Says("What others have shared with the caller instead.")] = False
    state: Annotated[StateName | None, Says("With `received`: only what the caller has made this of.")] = None
    path: Annotated[str | None, _PATH] = None
    members: Annotated[bool, Says("With `path`: what is shared of the members of that folder instead.")] = False


@dataclass(frozen=True, slots=True)
class NewShare:
    """A share to be made; without role and permissions, what the site gives, as far as the caller has it."""

    path: Annotated[str, _PATH]
    receiver: Annotated[Receiver, Says("With whom.")]
    role: Annotated[RoleName | None, _ROLE] = None
    permissions: Annotated[list[PermissionName] | None, _PERMISSIONS] = None
    expires: Annotated[datetime | EllipsisType | None, _END] = ...
    note: Annotated[str, _NOTE] = ""


@dataclass(frozen=True, slots=True)
class ShareChanges:
    """What is to be changed of a share; what is left out stays."""

    role: Annotated[RoleName | None, _ROLE] = None
    permissions: Annotated[list[PermissionName] | None, _PERMISSIONS] = None
    expires: Annotated[datetime | EllipsisType | None, _END] = ...
    note: Annotated[str | EllipsisType, _NOTE] = ...


@dataclass(frozen=True)
class Typed(Paging):
    """What somebody has typed to find whom to share with."""

    search: Annotated[str, Says("A name, an e-mail address, or a part of a name.", 1, 200)] = " "


@dataclass(frozen=True, slots=True)
class Sharee:
    """A user or group that something can be shared with."""

    kind: Literal["user", "group"]
    name: str
    display_name: str
    exact: Annotated[bool, Says("Whether this is all of a name, not a part.")]


@dataclass(frozen=True, slots=True)
class ShareeList:
    """Users and groups: the exact ones on the first page before all others."""

    items: list[Sharee]
    next_offset: Next


def told(found: Found, user: int) -> Share:
    """A share as those see it who may know of it."""
    share = found.share
    return Share(
        share.id,
        names.href((*shares.base(share, user), *found.way), bool(share.is_folder)),
        "folder" if share.is_folder else "file",
        share.owner_name,
        share.sharer_name,
        Receiver(cast(Literal["user", "group"], share.kind), share.name),
        share.display_name or share.name,
        bits.role_of(share.rights, bool(share.is_folder)),
        cast(list[PermissionName], names_of(share.rights)),
        moment(share.expires),
        share.note,
        datetime.fromtimestamp(share.created, UTC),
        cast(StateName, found.state.name.lower()),
    )


def list_(call: Call) -> ShareList:
    """Shares."""
    which: Which = call.query
    if which.received:
        states = tuple(State) if which.state is None else (State[which.state.upper()],)
        found = shares.received(call.files, call.actor, states)
    elif which.path is not None:
        address = explain.address_of(which.path)
        found = shares.shared(call.files, Asker(call.actor), address, which.members, everybodys=True)
    else:
        found = shares.made(call.files, call.actor)
    part, after = page(which, lambda offset, limit: found[offset : offset + limit])
    return ShareList([told(each, call.actor.user) for each in part], after)


def add(call: Call) -> Made:
    """Share something."""
    new: NewShare = call.body
    rights = _rights(new.role, new.permissions)
    try:
        with call.files.db.session() as connection:
            receiver = shares.receiver_named(connection, new.receiver.kind, new.receiver.name)
    except (NotFound, BadRequest):
        raise Unprocessable("receiver", "receiver: there is nobody of this name to share with.") from None
    wanted = New(receiver, rights, _end(new.expires), new.note)
    try:
        found = shares.create(call.files, Asker(call.actor), explain.address_of(new.path), wanted)
    except BadExpiry as error:
        raise Unprocessable("expires", f"expires: {error.message}.") from None
    return Made(told(found, call.actor.user), ("shares", str(found.share.id)))


def _rights(role: str | None, permissions: list[PermissionName] | None) -> Rights | None:
    if role is not None and permissions is None:
        return bits.ROLES[role]
    return None if role is None and permissions is None else rights_of(role, permissions)


def _end(wanted: datetime | EllipsisType | None) -> int | EllipsisType | None:
    return wanted if isinstance(wanted, EllipsisType) else future(wanted, "expires")


def _number(call: Call) -> int:
    text = call.path["share"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound
    return int(text)


def get(call: Call) -> Share:
    """One share."""
    return told(shares.get(call.files, call.actor, _number(call)), call.actor.user)


def change(call: Call) -> Share:
    """Change a share."""
    changes: ShareChanges = call.body
    note = None if isinstance(changes.note, EllipsisType) else changes.note
    rights = _rights(changes.role, changes.permissions)
    try:
        found = shares.update(call.files, Asker(call.actor), _number(call), rights, _end(changes.expires), note)
    except BadExpiry as error:
        raise Unprocessable("expires", f"expires: {error.message}.") from None
    return told(found, call.actor.user)


def remove(call: Call) -> None:
    """Take a share back, and all that was shared on the strength of it."""
    shares.revoke(call.files, Asker(call.actor), _number(call))


def accept(call: Call) -> Share:
    """Take what was shared."""
    return _answer(call, State.ACCEPTED)


def decline(call: Call) -> Share:
    """Leave it; it can be taken again while it is shared."""
    return _answer(call, State.DECLINED)


def _answer(call: Call, state: State) -> Share:
    receipts.answer(call.files, call.actor, _number(call), state)
    return get(call)


def find(call: Call) -> ShareeList:
    """Whom something can be shared with."""
    typed: Typed = call.query

    def ask(offset: int, limit: int) -> list[Sharee]:
        found = sharees.find(call.files, call.actor, typed.search, ("user", "group"), offset, limit)
        both = [(each, True) for each in found.exact] + [(each, False) for each in found.partial]
        return [Sharee(sharees.kind_of(each), each.name, each.display_name or each.name, exact) for each, exact in both]

    part, after = page(typed, ask)
    return ShareeList(list(part), after)


_SHARE = "/shares/{share}"
_SAYS_NO = (NotFound, Forbidden, BadRequest)
ROUTES = (
    Route("GET", "/shares", "What the caller has shared or received, or what is shared of a file or folder.",
          who.SIGNED_IN, list_, ShareList, query=Which, errors=_SAYS_NO, partial=True),
    Route("POST", "/shares", "Share a file or folder with a user or group; who has it already, has it so from now on.",
          who.SIGNED_IN, add, Share, NewShare, errors=(*_SAYS_NO, MethodNotAllowed), status=201),
    Route("GET", _SHARE, "One share.", who.SIGNED_IN, get, Share, errors=_SAYS_NO, partial=True),
    Route("PATCH", _SHARE, "Change a share.", who.SIGNED_IN, change, Share, ShareChanges, errors=_SAYS_NO),
    Route("DELETE", _SHARE, "Take a share back, and what was shared on the strength of it.", who.SIGNED_IN, remove,
          errors=_SAYS_NO),
    Route("POST", _SHARE + "/accept", "Take what was shared with the caller.", who.SIGNED_IN, accept, Share,
          errors=(*_SAYS_NO, Conflict)),
    Route("POST", _SHARE + "/decline", "Leave what was shared with the caller, or with a group for the caller alone.",
          who.SIGNED_IN, decline, Share, errors=(*_SAYS_NO, Conflict)),
    Route("GET", "/sharees", "Find whom to share with.", who.SIGNED_IN, find, ShareeList, query=Typed),
)  # fmt: skip
