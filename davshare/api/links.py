"""Public links to files and folders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import EllipsisType
from typing import Annotated, Literal, cast

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.moments import future, moment
from davshare.api.pages import Next, Paging, page
from davshare.api.rights import PermissionName, names_of
from davshare.api.schema import Says
from davshare.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound, Unprocessable
from davshare.files import explain
from davshare.files.context import Asker
from davshare.identity import passwords
from davshare.model import names
from davshare.model.access import Rights
from davshare.sharing import bits, links, shares
from davshare.sharing.linkrules import PasswordNeeded
from davshare.sharing.links import Change, Found, New
from davshare.sharing.rules import BadExpiry

RoleName = Literal["viewer", "uploader", "editor", "sender"]
StateName = Literal["live", "paused", "expired", "exhausted", "withdrawn"]
_PATH = Says("The address of a file or folder, such as /dav/home/folder or /dav/spaces/NAME/folder.", 1, 4096)
_ROLE = Says("viewer reads, uploader also adds, editor changes, sender adds and knows of nothing that is there.")
_LABEL = Says("What its maker calls it.", 0, 255)
_NOTE = Says("Words for those who come by it.", 0, 1000)
_PASSWORD = Says("What has to be known as well; null for nothing.", 1, 1024)
_END = Says("When it ends; null for never.")
_MOST = Says("How often it may be used; null for any number.", 1, 2**31 - 1)
_HIDE = Says("Whether its page offers no download.")
_PAUSED = Says("Whether it shows nothing for now.")


@dataclass(frozen=True, slots=True)
class PublicLink:
    """One public link."""

    id: Annotated[int, Says("What it is changed and removed by.", 1)]
    path: Annotated[str, Says("The address of what it shows, for the caller.")]
    kind: Literal["file", "folder"]
    creator: Annotated[str, Says("On whose rights it rests.")]
    token: Annotated[str | None, Says("The secret in its address; null for those who may not manage it.")]
    url: Annotated[str | None, Says("The address to give away; null as the token.")]
    role: Annotated[RoleName | None, Says("The role that the permissions are; null for others.")]
    permissions: list[PermissionName]
    label: Annotated[str, _LABEL]
    note: Annotated[str, _NOTE]
    password: Annotated[bool, Says("Whether it has one.")]
    created: datetime
    expires: Annotated[datetime | None, _END]
    uses: Annotated[int, Says("How often it was used.", 0)]
    max_uses: Annotated[int | None, _MOST]
    paused: Annotated[bool, _PAUSED]
    hide_download: Annotated[bool, _HIDE]
    state: Annotated[StateName, Says("Whether it can be used; withdrawn: its maker may not share that any more.")]


@dataclass(frozen=True, slots=True)
class PublicLinkList:
    """A page of links, the oldest first."""

    items: list[PublicLink]
    next_offset: Next


@dataclass(frozen=True)
class Which(Paging):
    """Which links: those of the caller, or those to one file or folder."""

    path: Annotated[str | None, _PATH] = None
    members: Annotated[bool, Says("With `path`: those to the members of that folder instead.")] = False


@dataclass(frozen=True, slots=True)
class NewPublicLink:
    """A link to be made."""

    path: Annotated[str, _PATH]
    role: Annotated[RoleName, _ROLE] = "viewer"
    label: Annotated[str, _LABEL] = ""
    note: Annotated[str, _NOTE] = ""
    password: Annotated[str | None, _PASSWORD] = None
    expires: Annotated[datetime | EllipsisType | None, _END] = ...
    max_uses: Annotated[int | None, _MOST] = None
    hide_download: Annotated[bool, _HIDE] = False


@dataclass(frozen=True, slots=True)
class PublicLinkChanges:
    """What is to be changed of a link; what is left out stays."""

    role: Annotated[RoleName | EllipsisType, _ROLE] = ...
    label: Annotated[str | EllipsisType, _LABEL] = ...
    note: Annotated[str | EllipsisType, _NOTE] = ...
    password: Annotated[str | EllipsisType | None, _PASSWORD] = ...
    expires: Annotated[datetime | EllipsisType | None, _END] = ...
    max_uses: Annotated[int | EllipsisType | None, _MOST] = ...
    hide_download: Annotated[bool | EllipsisType, _HIDE] = ...
    paused: Annotated[bool | EllipsisType, _PAUSED] = ...


def told(found: Found, call: Call) -> PublicLink:
    """A link as those see it who may know of it."""
    link = found.link
    roles = {bits.fitting(rights, link.is_folder): name for name, rights in reversed(bits.LINK_ROLES.items())}
    return PublicLink(
        link.id,
        names.href((*shares.base(link, call.actor.user), *found.way), link.is_folder),
        "folder" if link.is_folder else "file",
        link.creator_name,
        found.token,
        None if found.token is None else f"{call.site}/s/{found.token}",
        cast(RoleName | None, roles.get(link.rights)),
        cast(list[PermissionName], names_of(link.rights)),
        link.label,
        link.note,
        link.password is not None,
        datetime.fromtimestamp(link.created, UTC),
        moment(link.expires),
        link.uses,
        link.max_uses,
        link.paused,
        link.hide_download,
        cast(StateName, found.state.value),
    )


def list_(call: Call) -> PublicLinkList:
    """Links."""
    which: Which = call.query
    if which.path is None:
        found = links.made(call.files, call.actor)
    else:
        address = explain.address_of(which.path)
        found = links.shared(call.files, Asker(call.actor), address, which.members, everybodys=True)
    part, after = page(which, lambda offset, limit: found[offset : offset + limit])
    return PublicLinkList([told(each, call) for each in part], after)


def add(call: Call) -> Made:
    """Make one."""
    new: NewPublicLink = call.body
    wanted = New(
        bits.LINK_ROLES[new.role],
        _end(new.expires),
        _hashed(call, new.password),
        new.label,
        new.note,
        new.max_uses,
        new.hide_download,
    )
    try:
        found = links.create(call.files, Asker(call.actor), explain.address_of(new.path), wanted)
    except BadExpiry as error:
        raise Unprocessable("expires", f"expires: {error.message}.") from None
    except PasswordNeeded as error:
        raise Unprocessable("password", f"password: {error.message}.") from None
    return Made(told(found, call), ("links", str(found.link.id)))


def _end(wanted: datetime | EllipsisType | None) -> int | EllipsisType | None:
    return wanted if isinstance(wanted, EllipsisType) else future(wanted, "expires")


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
    return told(links.get(call.files, call.actor, _number(call)), call)


def change(call: Call) -> PublicLink:
    """Change a link."""
    new: PublicLinkChanges = call.body
    rights: Rights | EllipsisType = new.role if isinstance(new.role, EllipsisType) else bits.LINK_ROLES[new.role]
    password = new.password if isinstance(new.password, EllipsisType) else _hashed(call, new.password)
    wanted = Change(
        rights, _end(new.expires), password, new.label, new.note, new.max_uses, new.hide_download, new.paused
    )
    try:
        return told(links.update(call.files, Asker(call.actor), _number(call), wanted), call)
    except BadExpiry as error:
        raise Unprocessable("expires", f"expires: {error.message}.") from None
    except PasswordNeeded as error:
        raise Unprocessable("password", f"password: {error.message}.") from None


def remove(call: Call) -> None:
    """End a link."""
    links.revoke(call.files, Asker(call.actor), _number(call))


_LINK = "/links/{link}"
_SAYS_NO = (NotFound, Forbidden, BadRequest)
ROUTES = (
    Route("GET", "/links", "The public links of the caller, or those to a file or folder.",
          who.SIGNED_IN, list_, PublicLinkList, query=Which, errors=_SAYS_NO, partial=True),
    Route("POST", "/links", "Let everybody who knows an address see, or send, something.",
          who.SIGNED_IN, add, PublicLink, NewPublicLink, errors=(*_SAYS_NO, MethodNotAllowed), status=201),
    Route("GET", _LINK, "One public link.", who.SIGNED_IN, get, PublicLink, errors=_SAYS_NO, partial=True),
    Route("PATCH", _LINK, "Change a public link, or pause it.", who.SIGNED_IN, change, PublicLink, PublicLinkChanges,
          errors=_SAYS_NO),
    Route("DELETE", _LINK, "End a public link.", who.SIGNED_IN, remove, errors=_SAYS_NO),
)  # fmt: skip
