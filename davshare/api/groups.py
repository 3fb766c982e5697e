"""Groups, who is in them, and who manages them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from davshare.api import who
from davshare.api.call import Call, Made, Route
from davshare.api.pages import Next, Paging, Search, page
from davshare.api.schema import Says
from davshare.errors import Conflict
from davshare.identity import groups as service
from davshare.model import people as model

_NAME = Says("The name, which is a part of addresses.", 1, 64)
_DISPLAY_NAME = Says("The name that others see.", 0, 200)


@dataclass(frozen=True, slots=True)
class Group:
    """A group."""

    id: Annotated[int, Says("A number that never changes.", 1)]
    name: Annotated[str, _NAME]
    display_name: Annotated[str, _DISPLAY_NAME]
    source: Annotated[str, Says("Who keeps the group; empty for this server.")]


@dataclass(frozen=True, slots=True)
class GroupList:
    """A page of groups, by name."""

    items: list[Group]
    next: Next


@dataclass(frozen=True, slots=True)
class NewGroup:
    """A group to be made, without members."""

    name: Annotated[str, _NAME]
    display_name: Annotated[str, _DISPLAY_NAME] = ""


@dataclass(frozen=True, slots=True)
class GroupChanges:
    """What is to be changed of a group."""

    display_name: Annotated[str, _DISPLAY_NAME]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A user or group in a group."""

    kind: Literal["user", "group"]
    name: Annotated[str, _NAME]
    display_name: Annotated[str, _DISPLAY_NAME]


@dataclass(frozen=True, slots=True)
class GroupMemberList:
    """A page of members: groups first, each kind by name."""

    items: list[GroupMember]
    next: Next


@dataclass(frozen=True)
class Within(Paging):
    """Which members."""

    effective: Annotated[bool, Says("Also those who are in it through other groups.")] = False


def _told(group: model.Group) -> Group:
    return Group(group.id, group.name, group.display_name, group.source)


def list_(call: Call) -> GroupList:
    """Groups that the caller manages."""
    query: Search = call.query
    if call.actor.admin:
        found, after = page(
            query,
            lambda offset, limit: [each.group for each in service.groups(call.files.db, query.search, offset, limit)],
        )
    else:
        text = query.search.casefold()
        managed = service.managed_by(call.files.db, call.actor.name)
        known = [each for each in managed if text in f"{each.name}\n{each.display_name}".casefold()]
        found, after = page(query, lambda offset, limit: known[offset : offset + limit])
    return GroupList([_told(each) for each in found], after)


def get(call: Call) -> Group:
    """One group."""
    return _told(service.group_named(call.files.db, call.path["group"]))


def add(call: Call) -> Made:
    """A new group."""
    new: NewGroup = call.body
    group = service.add_group(call.files.db, new.name, new.display_name)
    return Made(_told(group), ("groups", group.name))


def change(call: Call) -> Group:
    """Change a group."""
    changes: GroupChanges = call.body
    return _told(service.set_group(call.files.db, call.path["group"], changes.display_name))


def remove(call: Call) -> None:
    """Remove a group."""
    service.remove_group(call.files, call.path["group"])


def list_members(call: Call) -> GroupMemberList:
    """Members of a group."""
    query: Within = call.query
    found, after = page(
        query,
        lambda offset, limit: service.members_of(
            call.files.db, call.path["group"], effective=query.effective, offset=offset, limit=limit
        ),
    )
    items = [GroupMember("user" if each.kind == "user" else "group", each.name, each.display_name) for each in found]
    return GroupMemberList(items, after)


def join(call: Call) -> None:
    """Put a user into a group."""
    source = "" if call.actor.admin else service.CHOSEN
    service.join(call.files, call.path["group"], call.path["user"], source=source)


def leave(call: Call) -> None:
    """Take a user out of a group."""
    service.leave(call.files, call.path["group"], call.path["user"])


def nest(call: Call) -> None:
    """Put a group into a group."""
    service.join(call.files, call.path["group"], call.path["inner"], nested=True)


def unnest(call: Call) -> None:
    """Take a group out of a group."""
    service.leave(call.files, call.path["group"], call.path["inner"], nested=True)


def list_managers(call: Call) -> GroupMemberList:
    """Who manages a group."""
    found, after = page(
        call.query, lambda offset, limit: service.managers_of(call.files.db, call.path["group"], offset, limit)
    )
    return GroupMemberList([GroupMember("user", each.name, each.display_name) for each in found], after)


def add_manager(call: Call) -> None:
    """Let a user manage a group."""
    service.add_manager(call.files.db, call.path["group"], call.path["user"])


def drop_manager(call: Call) -> None:
    """Let a user manage a group no longer."""
    service.remove_manager(call.files.db, call.path["group"], call.path["user"])


_GROUP = "/groups/{group}"
ROUTES = (
    Route("GET", "/groups", "The groups that the caller manages; all for administrators.", who.SIGNED_IN, list_,
          GroupList, query=Search),
    Route("POST", "/groups", "Make a group.", who.ADMIN, add, Group, NewGroup, errors=(Conflict,), status=201),
    Route("GET", _GROUP, "One group.", who.GROUP_MANAGER, get, Group),
    Route("PATCH", _GROUP, "Give a group another display name.", who.GROUP_MANAGER, change, Group, GroupChanges),
    Route("DELETE", _GROUP, "Remove a group with what was granted to it; its members stay.", who.ADMIN, remove),
    Route("GET", _GROUP + "/members", "Who is in a group.", who.GROUP_MANAGER, list_members, GroupMemberList,
          query=Within),
    Route("PUT", _GROUP + "/members/{user}", "Put a user into a group.", who.GROUP_MANAGER, join),
    Route("DELETE", _GROUP + "/members/{user}", "Take a user out of a group.", who.GROUP_MANAGER, leave),
    Route("PUT", _GROUP + "/groups/{inner}", "Put a group into a group.", who.ADMIN, nest, errors=(Conflict,)),
    Route("DELETE", _GROUP + "/groups/{inner}", "Take a group out of a group.", who.ADMIN, unnest),
    Route("GET", _GROUP + "/managers", "Who manages a group.", who.GROUP_MANAGER, list_managers, GroupMemberList,
          query=Paging),
    Route("PUT", _GROUP + "/managers/{user}", "Let a user manage who is in a group.", who.ADMIN, add_manager),
    Route("DELETE", _GROUP + "/managers/{user}", "Let a user manage a group no longer.", who.ADMIN, drop_manager),
)  # fmt: skip
