"""What the site allows of sharing: who may share with whom, and for how long."""

from __future__ import annotations

import time

from davshare.errors import BadRequest, Forbidden
from davshare.files import guard, reshares
from davshare.files.locate import Place
from davshare.files.settings import Settings
from davshare.index import people
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.people import Actor, Group, User


class BadExpiry(BadRequest):
    """A share cannot end then."""


_DAY = 86400
#: Whether shares end by themselves, whether they have to, and after how many days: by their kind.
_ENDS = {
    "user": ("sharing.user.expire_default", "sharing.user.expire_enforced", "sharing.user.expire_days"),
    "group": ("sharing.group.expire_default", "sharing.group.expire_enforced", "sharing.group.expire_days"),
    "link": ("sharing.link.expire_default", "sharing.link.expire_enforced", "sharing.link.expire_days"),
    "remote": ("sharing.remote.expire_default", "sharing.remote.expire_enforced", "sharing.remote.expire_days"),
}
#: Most characters of a note.
LONGEST_NOTE = 1000


def demand_enabled(settings: Settings) -> None:
    """Return when people may share.

    :raises Forbidden: sharing is switched off.
    """
    if not settings.get("sharing.enabled"):
        raise Forbidden("Share API is disabled")


def demand_sharer(settings: Settings, connection: Connection, actor: Actor) -> None:
    """Return when somebody may share at all.

    :raises Forbidden: sharing is switched off, they are in a group that may not share, or a guest.
    """
    demand_enabled(settings)
    if (
        settings.get("sharing.exclude_groups")
        and named(connection, settings, "sharing.excluded_groups") & actor.principals
    ):
        raise Forbidden("You are not allowed to share")
    if not settings.get("sharing.guests_share"):
        user = people.user_by_id(connection, actor.user)
        if user is not None and user.guest:
            raise Forbidden("Guests are not allowed to share")


def named(connection: Connection, settings: Settings, setting: str) -> frozenset[int]:
    """The ids of the groups that a setting names."""
    keys = [names.key(name) for name in settings.get(setting)]
    return people.groups_named(connection, keys) if keys else frozenset()


def demand_shareable(settings: Settings, connection: Connection, actor: Actor, place: Place) -> None:
    """Return when somebody may share what is at a place.

    :raises NotFound: nothing that they may know of is there.
    :raises Forbidden: they may not, or nobody may.
    """
    demand_sharer(settings, connection, actor)
    place.found()
    place.demand(Permission.READ)
    if place.is_root and place.received is None:
        raise Forbidden("You can't share your root folder")
    if not place.rights & reshares.SHARING:
        place.demand(Permission.SHARE)
    owns = guard.rules(actor, place.space) or place.rights & Permission.WRITE_ACL
    if not owns and not settings.get("sharing.resharing"):
        raise Forbidden("Resharing is not allowed")


def demand_receiver(
    settings: Settings, connection: Connection, actor: Actor, place: Place, receiver: User | Group
) -> None:
    """Return when somebody may share what is at a place with a user or group.

    :raises Forbidden: it is theirs already, or the site does not allow it.
    """
    if isinstance(receiver, User):
        if receiver.id == actor.user:
            raise Forbidden("Can't share with yourself")
        if receiver.id == place.space.owner:
            raise Forbidden("Can't share with the share owner")
        if settings.get("sharing.only_with_group_members"):
            shared = people.principals_of(connection, receiver.id) & actor.principals
            if not shared:
                raise Forbidden("Only sharing with group members is allowed")
        return
    if not settings.get("sharing.group_sharing"):
        raise Forbidden("Group sharing is disabled by the administrator")
    if receiver.id in named(connection, settings, "sharing.excluded_receiver_groups"):
        raise Forbidden("The group is blacklisted for sharing")
    own_only = settings.get("sharing.only_with_own_groups") or settings.get("sharing.only_with_group_members")
    if own_only and receiver.id not in actor.principals:
        raise Forbidden("Only sharing within your own groups is allowed")


def expiry(settings: Settings, receiver: User | Group, wanted: int | None, told: bool) -> int | None:
    """When a share ends, in seconds since 1970; None: never.

    :param told: whether somebody has said so, if only that it never ends.
    :raises BadExpiry: that is over already, or later than the site allows.
    """
    return end(settings, "user" if isinstance(receiver, User) else "group", wanted, told)


def end(settings: Settings, kind: str, wanted: int | None, told: bool) -> int | None:
    """The same for what is shared with a user, with a group, or by a link: the ``kind``."""
    by_default, enforced, days = _ENDS[kind]
    now = int(time.time())
    latest = (now // _DAY + settings.get(days) + 1) * _DAY
    if wanted is not None and wanted <= now:
        raise BadExpiry("Expiration date is in the past")
    if not settings.get(by_default):
        return wanted
    if not settings.get(enforced):
        return wanted if told else latest
    if wanted is None and told:
        raise BadExpiry("Expiration date is enforced")
    if wanted is not None and wanted > latest:
        raise BadExpiry("Cannot set expiration date that far in the future")
    return latest if wanted is None else wanted


def demand_note(note: str) -> None:
    """Return when a note can be kept.

    :raises BadRequest: it is too long, or holds what no text can.
    """
    if len(note) > LONGEST_NOTE or "\0" in note:
        raise BadRequest("The note is too long.")
