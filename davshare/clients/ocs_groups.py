"""The provisioning calls about groups, their members and their administrators, as ownCloud 10 answers them."""

from __future__ import annotations

from davshare.clients import ocs, standing
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Refused, Result
from davshare.clients.ocs_users import page_of
from davshare.clients.standing import ADMINS
from davshare.identity import charge, groups, people
from davshare.model.people import Group, User

_NO_USER, _NO_GROUP = "User does not exist", "Group does not exist"


# groups


def list_(call: OcsCall) -> Result:
    """Names of groups."""
    standing.demand_group_admin(call)
    text, offset, limit = page_of(call)
    shown = []
    if text.casefold() in ADMINS:
        if offset:
            offset -= 1
        elif limit:
            shown, limit = [ADMINS], limit - 1
    found = groups.groups(call.files.db, text, offset, limit)
    return Result({"groups": shown + [each.group.name for each in found if each.group.name != ADMINS]})


def add(call: OcsCall) -> Result:
    """A new group."""
    standing.demand_admin(call)
    name = call.given.text("groupid") or ""
    if not name:
        raise Refused(101, "Invalid group name")
    if name == ADMINS:
        raise Refused(102)
    with standing.answering(101, taken=(102, "")):
        groups.add_group(call.files.db, name)
    return Result()


def remove(call: OcsCall) -> Result:
    """Remove a group."""
    standing.demand_admin(call)
    group = standing.group_named(call, call.path["group"])
    if group is None:
        raise Refused(101)
    if group.name == ADMINS:
        raise Refused(102)
    groups.remove_group(call.files, group.name)
    return Result()


def members(call: OcsCall) -> Result:
    """Names of the users that were put into a group."""
    managed = standing.demand_group_admin(call)
    group = standing.group_named(call, call.path["group"])
    if group is None:
        raise Refused(ocs.NOT_FOUND, "The requested group could not be found")
    if not call.actor.admin and group.name not in managed:
        raise Refused(ocs.UNAUTHORISED, "User does not have access to specified group")
    _, offset, limit = page_of(call)
    if group.name == ADMINS:
        found = [user.name for user in charge.administrators(call.files.db, offset, limit)]
    else:
        listed = groups.members_of(call.files.db, group.name, offset=offset, limit=limit)
        found = [each.name for each in listed if each.kind == "user"]
    return Result({"users": found})


def administrators(call: OcsCall) -> Result:
    """Names of the administrators of a group."""
    standing.demand_admin(call)
    group = standing.group_named(call, call.path["group"])
    if group is None:
        raise Refused(101, _NO_GROUP)
    if group.name == ADMINS:
        return Result([])
    return Result([user.name for user in groups.managers_of(call.files.db, group.name)])


# groups of a user


def groups_of(call: OcsCall) -> Result:
    """Names of the groups of a user; group administrators see those of their own among them."""
    user = standing.user_of(call)
    if user is None and call.actor.admin:
        raise Refused(ocs.NOT_FOUND)
    if user is None or not (user.id == call.actor.user or charge.is_in_charge(call.files, call.actor, user)):
        raise standing.refusal()
    found = standing.groups_of(call, user)
    if user.id != call.actor.user and not call.actor.admin:
        managed = standing.managed(call)
        found = [name for name in found if name in managed]
    return Result({"groups": found})


def _wanted(call: OcsCall) -> Group:
    name = call.given.text("groupid")
    if not name:
        raise Refused(101)
    group = standing.group_named(call, name)
    if group is None:
        raise Refused(102)
    return group


def join(call: OcsCall) -> Result:
    """Put a user into a group; only administrators do that."""
    standing.demand_group_admin(call)
    group = _wanted(call)
    if not call.actor.admin:
        raise Refused(104)
    user = standing.user_of(call)
    if user is None:
        raise Refused(103)
    if group.name == ADMINS:
        people.set_user(call.files, user.name, admin=True, by=call.actor)
    else:
        groups.join(call.files, group.name, user.name)
    return Result()


def leave(call: OcsCall) -> Result:
    """Take a user out of a group."""
    managed = standing.demand_group_admin(call)
    group = _wanted(call)
    if not call.actor.admin and group.name not in managed:
        raise Refused(104)
    user = standing.user_of(call)
    if user is None:
        raise Refused(103)
    _demand_leaving(call, group, user)
    if group.name == ADMINS:
        people.set_user(call.files, user.name, admin=False, by=call.actor)
    else:
        groups.leave(call.files, group.name, user.name)
    return Result()


def _demand_leaving(call: OcsCall, group: Group, user: User) -> None:
    """Nobody gives away their own rights by mistake, and group administrators leave administrators alone."""
    if user.id == call.actor.user:
        if group.name == ADMINS:
            raise Refused(105, "Cannot remove yourself from the admin group")
        if not call.actor.admin:
            raise Refused(105, "Cannot remove yourself from this group as you are a SubAdmin")
    elif user.admin and not call.actor.admin:
        raise Refused(104)


# group administrators


def managed_by(call: OcsCall) -> Result:
    """Names of the groups that a user is an administrator of."""
    standing.demand_admin(call)
    user = standing.user_of(call)
    if user is None:
        raise Refused(101, _NO_USER)
    found = groups.managed_by(call.files.db, user.name)
    if not found:
        raise Refused(102, "Unknown error occurred")
    return Result([group.name for group in found])


def add_administrator(call: OcsCall) -> Result:
    """Make a user an administrator of a group."""
    standing.demand_admin(call)
    name = call.given.text("groupid") or ""
    user, group = standing.user_of(call), standing.group_named(call, name)
    if user is None:
        raise Refused(101, _NO_USER)
    if group is None:
        raise Refused(102, f"Group:{name} does not exist")
    if group.name == ADMINS:
        raise Refused(103, "Cannot create subadmins for admin group")
    groups.add_manager(call.files.db, group.name, user.name)
    return Result()


def drop_administrator(call: OcsCall) -> Result:
    """Make a user an administrator of a group no longer."""
    standing.demand_admin(call)
    user, group = standing.user_of(call), standing.group_named(call, call.given.text("groupid") or "")
    if user is None:
        raise Refused(101, _NO_USER)
    if group is None:
        raise Refused(101, _NO_GROUP)
    if group.name == ADMINS or not groups.remove_manager(call.files.db, group.name, user.name):
        raise Refused(102, "User is not a subadmin of this group")
    return Result()


ROUTES = (
    OcsRoute("GET", "cloud/groups", list_),
    OcsRoute("POST", "cloud/groups", add),
    OcsRoute("GET", "cloud/groups/{group}", members),
    OcsRoute("DELETE", "cloud/groups/{group}", remove),
    OcsRoute("GET", "cloud/groups/{group}/users", members),
    OcsRoute("GET", "cloud/groups/{group}/subadmins", administrators),
    OcsRoute("GET", "cloud/users/{user}/groups", groups_of),
    OcsRoute("POST", "cloud/users/{user}/groups", join),
    OcsRoute("DELETE", "cloud/users/{user}/groups", leave),
    OcsRoute("GET", "cloud/users/{user}/subadmins", managed_by),
    OcsRoute("POST", "cloud/users/{user}/subadmins", add_administrator),
    OcsRoute("DELETE", "cloud/users/{user}/subadmins", drop_administrator),
)
