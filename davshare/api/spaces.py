"""Project spaces and their members."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import EllipsisType
from typing import Annotated, Any, Literal, cast

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.moments import future, moment
from davshare.api.pages import Next, Paging, page
from davshare.api.rights import PermissionName, RoleName, names_of, rights_of, role_of
from davshare.api.schema import Says
from davshare.errors import Conflict, Forbidden, NotFound, Unprocessable
from davshare.files import members
from davshare.files import spaces as service
from davshare.files.context import Connection
from davshare.identity import founding
from davshare.model import names
from davshare.model.access import ROLES, Rights
from davshare.model.nodes import Space

_QUOTA = Says("Most bytes in it; null for no limit.", 0)
_TEXT = Says("What it is for.", 0, 1000)
_ROLE = Says("A named set of permissions.")
_PERMISSIONS = Says("The permissions, where no role is exactly these.", 1, 8)
_EXPIRES = Says("When this ends; null for never.")
_NAME = Says("The name, which is a part of addresses.", 1, 64)
_DISPLAY_NAME = Says("The name that others see.", 0, 200)


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A project space as the caller sees it."""

    id: Annotated[int, Says("A number that never changes.", 1)]
    name: Annotated[str, _NAME]
    description: Annotated[str, _TEXT]
    quota: Annotated[int | None, _QUOTA]
    used: Annotated[int, Says("Bytes in it.", 0)]
    archived: Annotated[bool, Says("Whether nothing in it can be changed.")]
    role: Annotated[str | None, Says("The caller's role in it; null where the permissions are none.")]
    permissions: Annotated[list[PermissionName], Says("What the caller may do with all that is in it.")]
    url: Annotated[str, Says("Where its files are.")]


@dataclass(frozen=True, slots=True)
class SpaceList:
    """A page of spaces, by name."""

    items: list[SpaceInfo]
    next: Next


@dataclass(frozen=True, slots=True)
class NewTeam:
    """A group that is made together with a space."""

    name: Annotated[str, _NAME]
    members: Annotated[list[Annotated[str, _NAME]], Says("Names of users.", 0, 500)]
    display_name: Annotated[str, _DISPLAY_NAME] = ""
    role: Annotated[RoleName, Says("What the group may do in the space.")] = "editor"


@dataclass(frozen=True, slots=True)
class NewMember:
    """A user or group, one of both, that a new space lets in; a group that is made with it may be named too."""

    user: Annotated[str | None, Says("Name of a user.", 1, 64)] = None
    group: Annotated[str | None, Says("Name of a group.", 1, 64)] = None
    role: Annotated[RoleName | None, _ROLE] = None
    permissions: Annotated[list[PermissionName] | None, _PERMISSIONS] = None
    expires: Annotated[datetime | None, _EXPIRES] = None


@dataclass(frozen=True, slots=True)
class NewSpace:
    """A space to be made, with its group and its members: all of it or nothing."""

    name: Annotated[str, _NAME]
    description: Annotated[str, _TEXT] = ""
    quota: Annotated[int | None, _QUOTA] = None
    group: Annotated[NewTeam | None, Says("A group to be made as well.")] = None
    members: Annotated[list[NewMember] | None, Says("Who is let in.", 0, 500)] = None


@dataclass(frozen=True, slots=True)
class SpaceChanges:
    """What is to be changed of a space; what is left out stays."""

    description: Annotated[str | EllipsisType, _TEXT] = ...
    quota: Annotated[int | EllipsisType | None, Says("Most bytes in it; only for administrators.", 0)] = ...
    archived: Annotated[bool | EllipsisType, Says("Whether nothing in it can be changed.")] = ...


@dataclass(frozen=True, slots=True)
class Removal:
    """How a space is removed."""

    files: Annotated[bool, Says("Whether its files are deleted from disk as well.")] = False


@dataclass(frozen=True, slots=True)
class SpaceMember:
    """A user or group that a space lets in, or keeps from something."""

    kind: Literal["user", "group"]
    name: Annotated[str, _NAME]
    display_name: Annotated[str, _DISPLAY_NAME]
    denied: Annotated[bool, Says("Whether the permissions are denied, not granted.")]
    role: Annotated[str | None, _ROLE]
    permissions: list[PermissionName]
    expires: Annotated[datetime | None, _EXPIRES]


@dataclass(frozen=True, slots=True)
class SpaceMemberList:
    """A page of members: groups first, each kind by name."""

    items: list[SpaceMember]
    next: Next


@dataclass(frozen=True, slots=True)
class Admission:
    """What a member may do: a role or permissions, one of both."""

    role: Annotated[RoleName | None, _ROLE] = None
    permissions: Annotated[list[PermissionName] | None, _PERMISSIONS] = None
    expires: Annotated[datetime | None, _EXPIRES] = None


def _told(call: Call, connection: Connection, space: Space, used: int) -> SpaceInfo:
    rights = members.root_rights(connection, call.actor, space)
    url = call.site + names.href(("dav", "spaces", space.name), True)
    return SpaceInfo(
        space.id,
        space.name,
        space.description,
        space.quota,
        used,
        space.read_only,
        role_of(rights),
        cast(list[PermissionName], names_of(rights)),
        url,
    )


def _described(call: Call, space: Space) -> SpaceInfo:
    with call.files.db.snapshot() as connection:
        return _told(call, connection, space, members.used(connection, space))


def list_(call: Call) -> SpaceList:
    """Spaces of the caller."""
    paging: Paging = call.query
    with call.files.db.snapshot() as connection:
        found, after = page(paging, lambda offset, limit: members.mine(connection, call.actor, offset, limit))
        return SpaceList([_told(call, connection, each.space, each.used) for each in found], after)


def get(call: Call) -> SpaceInfo:
    """One space."""
    return _described(call, who.place_of(call).space)


def add(call: Call) -> Made:
    """A new space."""
    new: NewSpace = call.body
    team = None
    if new.group is not None:
        group = new.group
        team = founding.Team(group.name, group.members, ROLES[group.role], group.display_name)
    seats = [_seat(each, f"members[{index}]") for index, each in enumerate(new.members or ())]
    space = founding.found(
        call.files,
        call.actor,
        new.name,
        quota=_quota(call, new.quota),
        description=new.description,
        team=team,
        seats=seats,
    )
    return Made(_described(call, space), ("spaces", space.name))


def _quota(call: Call, wanted: int | None) -> int | None:
    """The quota of a new space: people who are no administrators get at most what the settings say."""
    most = call.files.settings.get("spaces.quota_bytes")
    if call.actor.admin or not most:
        return wanted
    if wanted is not None and wanted > most:
        raise Forbidden("Only administrators may give a space such a quota.")
    return most if wanted is None else wanted


def _seat(new: NewMember, at: str) -> founding.Seat:
    if (new.user is None) == (new.group is None):
        raise Unprocessable(at, f"{at}: expected either a user or a group.")
    kind, name = ("user", new.user) if new.user is not None else ("group", new.group)
    rights = rights_of(new.role, new.permissions, at)
    return founding.Seat(kind, name or "", rights, future(new.expires, f"{at}.expires"))


def change(call: Call) -> SpaceInfo:
    """Change a space."""
    changes: SpaceChanges = call.body
    if changes.quota is not ... and not call.actor.admin:
        raise Forbidden("Only administrators may change the quota of a space.")
    space = service.set_space(
        call.files,
        who.place_of(call).space.name,
        quota=changes.quota,
        read_only=changes.archived,
        description=changes.description,
    )
    return _described(call, space)


def remove(call: Call) -> None:
    """Remove a space."""
    removal: Removal = call.query
    service.remove_space(call.files, who.place_of(call).space.name, removal.files)


def list_members(call: Call) -> SpaceMemberList:
    """Members of a space."""
    space = who.place_of(call).space
    with call.files.db.snapshot() as connection:
        found, after = page(call.query, lambda offset, limit: members.listed(connection, space, offset, limit))
    return SpaceMemberList([_member(each) for each in found], after)


def _member(named: Any) -> SpaceMember:
    grant = named.grant
    permissions = cast(list[PermissionName], names_of(grant.rights))
    return SpaceMember(
        named.kind,
        named.name,
        named.display_name,
        grant.deny,
        role_of(grant.rights),
        permissions,
        moment(grant.expires),
    )


def put_member(call: Call) -> SpaceMember:
    """Let somebody into a space."""
    wanted: Admission = call.body
    rights: Rights = rights_of(wanted.role, wanted.permissions)
    space = who.place_of(call).space
    kind, name = _whom(call)
    named, _ = members.put(call.files, call.actor, space, kind, name, rights, future(wanted.expires, "expires"))
    return _member(named)


def drop_member(call: Call) -> None:
    """Let somebody in no longer."""
    kind, name = _whom(call)
    members.drop(call.files, call.actor, who.place_of(call).space, kind, name)


def _whom(call: Call) -> tuple[members.Kind, str]:
    kind = call.path["kind"]
    if kind not in ("user", "group"):
        raise NotFound
    return cast(members.Kind, kind), call.path["member"]


_MEMBER = "/spaces/{space}/members/{kind}/{member}"
ROUTES = (
    Route("GET", "/spaces", "The spaces of the caller; all for administrators.", who.SIGNED_IN, list_,
          SpaceList, query=Paging, partial=True),
    Route("POST", "/spaces", "Make a space, with a group and members if that is wanted: all of it or nothing.",
          who.SPACE_MAKER, add, SpaceInfo, NewSpace, errors=(Conflict, NotFound), status=201),
    Route("GET", "/spaces/{space}", "One space.", who.SPACE_SEER, get, SpaceInfo, partial=True),
    Route("PATCH", "/spaces/{space}", "Change description, quota, or whether it is archived.",
          who.SPACE_MANAGER, change, SpaceInfo, SpaceChanges),
    Route("DELETE", "/spaces/{space}", "Remove a space; its files stay on disk unless told otherwise.",
          who.ADMIN, remove, query=Removal),
    Route("GET", "/spaces/{space}/members", "Who is let into a space.", who.SPACE_MEMBER, list_members,
          SpaceMemberList, query=Paging),
    Route("PUT", _MEMBER, "Let a user or group in, or change what they may do; kind is user or group.",
          who.SPACE_MANAGER, put_member, SpaceMember, Admission),
    Route("DELETE", _MEMBER, "Let a user or group in no longer.", who.SPACE_MANAGER, drop_member),
)  # fmt: skip
