"""The provisioning calls about users, with the codes and words of ownCloud 10.

doc.owncloud.com/server/10.15/admin_manual/configuration/user/user_provisioning_api.html;
docs.nextcloud.com/server/latest/admin_manual/configuration_user/instruction_set_for_users.html
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from davshare.clients import ocs, quota, standing
from davshare.clients.call import OcsCall, OcsRoute
from davshare.clients.ocs import Refused, Result
from davshare.clients.standing import ADMINS
from davshare.errors import DavshareError
from davshare.files import view
from davshare.files.locate import Place
from davshare.identity import apptokens, charge, groups, people
from davshare.model.people import User

#: The most names of one answer.
PAGE = 1000
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*\Z").match
_TAKEN = (102, "User already exists")
#: How Nextcloud says that there is no quota.
_UNLIMITED = -3


def page_of(call: OcsCall) -> tuple[str, int, int]:
    """What is searched for, from where, and how many at most."""
    text = (call.given.text("search") or "")[:200]
    return text, call.given.whole("offset", 0), min(call.given.whole("limit", PAGE), PAGE)


def list_(call: OcsCall) -> Result:
    """Names of users: all for administrators, those in their groups for group administrators."""
    standing.demand_group_admin(call)
    text, offset, limit = page_of(call)
    if call.actor.admin:
        found = people.search(call.files.db, text, offset, limit)
    else:
        found = charge.wards(call.files.db, call.actor.user, text, offset, limit)
    return Result({"users": [user.name for user in found]})


def add(call: OcsCall) -> Result:
    """A new account; group administrators make it in their groups."""
    managed = standing.demand_group_admin(call)
    name = call.given.text("userid") or ""
    with standing.answering(101, _TAKEN):
        people.check_new_user(call.files.db, name)
    wanted = call.given.texts("groups")
    for group in wanted or ():
        if standing.group_named(call, group) is None:
            raise Refused(104, f"group {group} does not exist")
        if not call.actor.admin and group not in managed:
            raise Refused(105, f"insufficient privileges for group {group}")
    if not wanted and not call.actor.admin:
        raise Refused(106, "no group specified (required for subadmins)")
    email, limit = call.given.text("email") or "", _quota(call.given.text("quota") or "none")
    if email and not _EMAIL(email):
        raise Refused(102)
    password = call.given.text("password") or ""
    with standing.answering(101, _TAKEN):
        user = people.add_user(
            call.files,
            name,
            None if email and not password else password,
            display_name=call.given.text("displayName") or call.given.text("displayname") or "",
            email=email,
            member_of=[group for group in wanted or () if group != ADMINS],
            admin=ADMINS in (wanted or ()),
            quota=limit,
            by=call.actor,
        )
    return Result({"id": user.name})


def _quota(text: str) -> int | None:
    try:
        return quota.parse(text)
    except quota.NoQuota:
        raise Refused(103, f"Invalid quota value {text}") from None


def get(call: OcsCall) -> Result:
    """Everything about one account, for its user and whoever is in charge of it."""
    user = standing.user_of(call)
    mine = user is not None and user.id == call.actor.user
    if call.limited and not mine:
        raise standing.refusal()
    if user is None and call.actor.admin:
        raise Refused(ocs.NOT_FOUND, "The requested user could not be found")
    if user is None or not (mine or charge.is_in_charge(call.files, call.actor, user)):
        raise standing.refusal()
    return Result(_described(call, user))


def current(call: OcsCall) -> Result:
    """Whoever is signed in."""
    return Result(_described(call, people.user_named(call.files.db, call.actor.name)))


def _described(call: OcsCall, user: User) -> dict[str, Any]:
    """An account in the words of both families of clients."""
    return {
        "id": user.name,
        "enabled": ocs.YesNo(not user.disabled),
        "quota": _space_of(call, user),
        "email": user.email,
        "displayname": user.display_name,
        "display-name": user.display_name,
        "two_factor_auth_enabled": ocs.YesNo(user.second_factor),
        "groups": standing.groups_of(call, user),
        "subadmin": [group.name for group in groups.managed_by(call.files.db, user.name)],
        "language": "en",
    }


def _space_of(call: OcsCall, user: User) -> dict[str, Any]:
    (account,) = people.accounts(call.files.db, user.name)
    used = account.used or 0
    free = max(0, user.quota - used) if user.quota is not None else _free(call, user)
    total = used + free if user.quota is None else user.quota
    return {
        "free": free,
        "used": used,
        "total": total,
        "relative": round(100 * used / total, 2) if total else 0,
        "quota": _UNLIMITED if user.quota is None else user.quota,
        "definition": quota.spelled(user.quota),
    }


def _free(call: OcsCall, user: User) -> int:
    """What the disk has left for a home."""
    with contextlib.suppress(DavshareError):
        with call.files.db.snapshot() as connection:
            home = view.locate(connection, call.actor, ("dav", "users", user.name), True)
        if isinstance(home, Place):
            return call.files.store(home.space).free()
    return 0


# changes


def edit(call: OcsCall) -> Result:
    """Change one thing about an account."""
    user, key, value = standing.user_of(call), call.given.text("key") or "", call.given.text("value")
    change = _CHANGES.get(key)
    if user is None or change is None or value is None:
        raise standing.refusal()
    if user.id == call.actor.user:
        setting = _MINE.get(key)
        allowed = call.actor.admin or (key in _MINE and (setting is None or call.files.settings.get(setting)))
        # With another address a guest would get what is shared with whose that is.
        allowed = allowed and not (user.guest and key == "email")
    else:
        allowed = charge.is_in_charge(call.files, call.actor, user) and (key not in _ADMINS_ONLY or call.actor.admin)
    if not allowed:
        raise standing.refusal()
    change(call, user, value)
    return Result()


def _display_name(call: OcsCall, user: User, value: str) -> None:
    people.set_user(call.files, user.name, display_name=value or user.name, by=call.actor)


def _email(call: OcsCall, user: User, value: str) -> None:
    if value and not _EMAIL(value):
        raise Refused(102)
    people.set_user(call.files, user.name, email=value, by=call.actor)


def _set_quota(call: OcsCall, user: User, value: str) -> None:
    people.set_user(call.files, user.name, quota=_quota(value), by=call.actor)


def _password(call: OcsCall, user: User, value: str) -> None:
    if user.id == call.actor.user and apptokens.is_limited(call.actor):
        raise Refused(403, "A token cannot change the password of its owner.")
    with standing.answering(403):
        people.set_password(
            call.files.db, user.name, value, call.files.settings.get("password.min_length"), by=call.actor
        )


def _second_factor(call: OcsCall, user: User, value: str) -> None:
    people.set_user(call.files, user.name, second_factor=value.lower() in ("true", "1"), by=call.actor)


_CHANGES: dict[str, Callable[[OcsCall, User, str], None]] = {
    "display": _display_name,
    "displayname": _display_name,
    "email": _email,
    "quota": _set_quota,
    "password": _password,
    "two_factor_auth_enabled": _second_factor,
}
#: What people change themselves, and the setting that may forbid it.
_MINE: dict[str, str | None] = {
    "display": "accounts.change_display_name",
    "displayname": "accounts.change_display_name",
    "email": "accounts.change_email",
    "password": None,
}
_ADMINS_ONLY = frozenset({"two_factor_auth_enabled"})


def remove(call: OcsCall) -> Result:
    """Remove an account."""
    people.remove_user(call.files, standing.ward_of(call, 101).name, by=call.actor)
    return Result()


def enable(call: OcsCall) -> Result:
    """Let somebody sign in again."""
    people.enable(call.files, standing.ward_of(call, 101).name, by=call.actor)
    return Result()


def disable(call: OcsCall) -> Result:
    """Let nobody sign in as them."""
    people.disable(call.files.db, standing.ward_of(call, 101).name, by=call.actor)
    return Result()


ROUTES = (
    OcsRoute("GET", "cloud/user", current, partial=True),
    OcsRoute("GET", "cloud/users", list_),
    OcsRoute("POST", "cloud/users", add),
    OcsRoute("GET", "cloud/users/{user}", get, partial=True),
    OcsRoute("PUT", "cloud/users/{user}", edit),
    OcsRoute("DELETE", "cloud/users/{user}", remove),
    OcsRoute("PUT", "cloud/users/{user}/enable", enable),
    OcsRoute("PUT", "cloud/users/{user}/disable", disable),
)
