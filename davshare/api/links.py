"""Public links: files and folders for whoever has the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated, Any, Literal, cast

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.moments import future, moment
from davshare.api.pages import Next, Paging, page
from davshare.api.rights import PermissionName, names_of
from davshare.api.schema import Says
from davshare.errors import (
    BadRequest,
    Forbidden,
    InsufficientStorage,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
    Unprocessable,
)
from davshare.files import explain
from davshare.files.context import Asker
from davshare.identity import passwords
from davshare.model import names
from davshare.sharing import bits, links, shares
from davshare.sharing.links import Change, Found, New
from davshare.sharing.rules import BadExpiry

RoleName = Literal["viewer", "uploader", "editor", "drop-box"]
StateName = Literal["live", "paused", "expired", "exhausted", "trashed", "withdrawn"]
_PATH = Says("The address of a file or folder, such as /dav/home/folder or /dav/spaces/NAME/folder.", 1, 4096)
_ROLE = Says("viewer reads, uploader also adds, editor changes, drop-box adds and sees nothing.")
_END = Says("When it ends; null for never.")
_LABEL = Says("Its title, for those who manage it and on its page.", 0, 255)
_NOTE = Says("Words for the visitor.", 0, 1000)
_PASSWORD = Says("What visitors have to type; null for nothing.", 1, 200)
_USES = Says("How often it can be used; null for any number.", 1, 2**31 - 1)
_HIDE = Says("Whether visitors only look, without a button to download.")
_FROZEN = Says("Whether it shows a copy, made now, that does not change; to read only.")
_PAUSED = Says("Whether nobody is let in for a while.")


@dataclass(frozen=True, slots=True)
class PublicLink:
    """One public link."""

    id: Annotated[int, Says("What it is changed and removed by.", 1)]
    url: Annotated[str | None, Says("The address for visitors; null for those who may not manage it.")]
    state: Annotated[StateName, Says("What has become of it.")]
    path: Annotated[str | None, Says("The address, for the caller, of what it is of; null where a copy outlives it.")]
    kind: Literal["file", "folder"]
    maker: Annotated[str, Says("Who has made it.")]
    role: Annotated[str | None, Says("The role that the permissions are; null for others.")]
    permissions: list[PermissionName]
    label: Annotated[str, _LABEL]
    note: Annotated[str, _NOTE]
    has_password: bool
    hide_download: Annotated[bool, _HIDE]
    paused: Annotated[bool, _PAUSED]
    expires: Annotated[datetime | None, _END]
    uses: Annotated[int, Says("How often it was used.")]
    max_uses: Annotated[int | None, _USES]
    created: datetime
    frozen: Annotated[datetime | None, Says("When the copy was made that it shows; null where that is no copy.")]


@dataclass(frozen=True, slots=True)
class LinkList:
    """A page of links, the oldest first."""

    items: list[PublicLink]
    next_offset: Next


@dataclass(frozen=True)
class WhichLinks(Paging):
    """Which links: those that the caller has made, or those to one file or folder."""

    path: Annotated[str | None, _PATH] = None
    members: Annotated[bool, Says("With `path`: those to the members of that folder instead.")] = False


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be made."""

    path: Annotated[str, _PATH]
    role: Annotated[RoleName, _ROLE] = "viewer"
    expires: Annotated[datetime | EllipsisType | None, _END] = ...
    password: Annotated[str | None, _PASSWORD] = None
    label: Annotated[str, _LABEL] = ""
    note: Annotated[str, _NOTE] = ""
    max_uses: Annotated[int | None, _USES] = None
    hide_download: Annotated[bool, _HIDE] = False
    frozen: Annotated[bool, _FROZEN] = False


@dataclass(frozen=True, slots=True)
class LinkChanges:
    """What is to be changed of a link; what is left out stays."""

    role: Annotated[RoleName | EllipsisType, _ROLE] = ...
    expires: Annotated[datetime | EllipsisType | None, _END] = ...
    password: Annotated[str | EllipsisType | None, _PASSWORD] = ...
    label: Annotated[str | EllipsisType, _LABEL] = ...
    note: Annotated[str | EllipsisType, _NOTE] = ...
    max_uses: Annotated[int | EllipsisType | None, _USES] = ...
    hide_download: Annotated[bool | EllipsisType, _HIDE] = ...
    paused: Annotated[bool | EllipsisType, _PAUSED] = ...


def told(call: Call, found: Found) -> PublicLink:
    """A link as those see it who may know of it."""
    link = found.link
    return PublicLink(
        link.id,
        None if found.token is None else f"{call.site}/s/{found.token}",
        found.state.value,
        None if found.gone else names.href((*shares.base(link, call.actor.user), *found.way), link.is_folder),
        "folder" if link.is_folder else "file",
        link.creator_name,
        bits.link_role_of(link.rights, link.is_folder),
        cast(list[PermissionName], names_of(link.rights)),
        link.label,
        link.note,
        link.password is not None,
        bool(link.hide_download),
        bool(link.paused),
        moment(link.expires),
        link.uses,
        link.max_uses,
        datetime.fromtimestamp(link.created, UTC),
        moment(link.frozen),
    )


def list_(call: Call) -> LinkList:
    """Links."""
    which: WhichLinks = call.query
    if which.path is None:
        found = links.made(call.files, call.actor)
    else:
        address = explain.address_of(which.path)
        found = links.shared(call.files, Asker(call.actor), address, which.members, everybodys=True)
    part, after = page(which, lambda offset, limit: found[offset : offset + limit])
    return LinkList([told(call, each) for each in part], after)


def add(call: Call) -> Made:
    """Make a link."""
    new: NewLink = call.body
    if new.frozen and new.role != "viewer":
        raise Unprocessable("role", "role: a copy that does not change is for viewers only.")
    expires = new.expires if isinstance(new.expires, EllipsisType) else future(new.expires, "expires")
    wanted = New(
        bits.LINK_ROLES[new.role], expires, _hashed(call, new.password), new.label, new.note, new.max_uses,
        new.hide_download, new.frozen,
    )  # fmt: skip
    try:
        found = links.create(call.files, Asker(call.actor), explain.address_of(new.path), wanted)
    except BadExpiry as error:
        raise Unprocessable("expires", f"expires: {error.message}.") from None
    return Made(told(call, found), ("links", str(found.link.id)))


def _hashed(call: Call, password: str | None) -> str | None:
    if password is None:
        return None
    try:
        passwords.check_new(password, call.files.settings.get("password.min_length"))
    except BadRequest as error:
        raise Unprocessable("password", f"password: {error.message}") from None
    return passwords.make_hash(password)


def _number(call: Call) -> int:
    text = call.path["link"]
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound
    return int(text)


def get(call: Call) -> PublicLink:
    """One link."""
    return told(call, links.get(call.files, call.actor, _number(call)))


def change(call: Call) -> PublicLink:
    """Change a link."""
    changes: LinkChanges = call.body
    number = _number(call)
    links.get(call.files, call.actor, number)
    wanted: dict[str, Any] = {
        name: value
        for name in ("label", "note", "max_uses", "hide_download", "paused")
        if (value := getattr(changes, name)) is not ...
    }
    if not isinstance(changes.role, EllipsisType):
        wanted["rights"] = bits.LINK_ROLES[changes.role]
    if not isinstance(changes.expires, EllipsisType):
        wanted["expires"] = future(changes.expires, "expires")
    if not isinstance(changes.password, EllipsisType):
        wanted["password"] = _hashed(call, changes.password)
    try:
        return told(call, links.update(call.files, Asker(call.actor), number, Change(**wanted)))
    except BadExpiry as error:
        raise Unprocessable("expires", f"expires: {error.message}.") from None


def remove(call: Call) -> None:
    """Revoke a link."""
    links.revoke(call.files, Asker(call.actor), _number(call))


_LINK = "/links/{link}"
_SAYS_NO = (NotFound, Forbidden, BadRequest)
ROUTES = (
    Route("GET", "/links", "The public links of the caller, or those to a file or folder.", who.SIGNED_IN, list_,
          LinkList, query=WhichLinks, errors=_SAYS_NO, partial=True),
    Route("POST", "/links", "Make a public link to a file or folder.", who.SIGNED_IN, add, PublicLink, NewLink,
          errors=(*_SAYS_NO, MethodNotAllowed, TooLarge, InsufficientStorage, Unavailable), status=201),
    Route("GET", _LINK, "One public link.", who.SIGNED_IN, get, PublicLink, errors=_SAYS_NO, partial=True),
    Route("PATCH", _LINK, "Change a public link.", who.SIGNED_IN, change, PublicLink, LinkChanges, errors=_SAYS_NO),
    Route("DELETE", _LINK, "Revoke a public link.", who.SIGNED_IN, remove, errors=_SAYS_NO),
)  # fmt: skip
