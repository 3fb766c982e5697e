"""Who somebody is to the provisioning calls: administrator, group administrator, or just a user.

To these calls administrators are the members of the group ``admin``, which
is no group of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from davshare.clients import ocs
from davshare.clients.call import OcsCall
from davshare.clients.ocs import Refused
from davshare.errors import Conflict, DavshareError, NotFound
from davshare.identity import charge, groups, people
from davshare.model.people import Group, User

#: The group that stands for being an administrator.
ADMINS = "admin"


@contextmanager
def answering(code: int, taken: tuple[int, str] = (0, "")) -> Iterator[None]:
    """Refusals of the services become ones of a call.

    :param code: that of all but those whose cause is on our side.
    :param taken: code and words where something is there already, if they are others.
    """
    try:
        yield
    except DavshareError as error:
        if error.status >= 500:
            raise
        if isinstance(error, Conflict) and taken[0]:
            raise Refused(*taken) from None
        raise Refused(code, error.message) from None


def refusal() -> Refused:
    """What somebody is told who may not do something."""
    return Refused(ocs.UNAUTHORISED, "Unauthorised")


def managed(call: OcsCall) -> list[str]:
    """Names of the groups of which the caller is a group administrator."""
    return [group.name for group in charge.managed(call.files, call.actor)]


def demand_admin(call: OcsCall) -> None:
    """Return for administrators.

    :raises Refused: for everybody else.
    """
    if not call.actor.admin:
        raise refusal()


def demand_group_admin(call: OcsCall) -> list[str]:
    """Names of the groups of which the caller is a group administrator; none for administrators.

    :raises Refused: the caller is neither.
    """
    if call.actor.admin:
        return []
    found = managed(call)
    if not found:
        raise refusal()
    return found


def user_of(call: OcsCall) -> User | None:
    """The user that the path names."""
    try:
        return people.user_named(call.files.db, call.path["user"])
    except NotFound:
        return None


def group_named(call: OcsCall, name: str) -> Group | None:
    """The group of a name; the one of the administrators, too, with 0 for its id."""
    if name == ADMINS:
        return Group(0, ADMINS, ADMINS)
    try:
        return groups.group_named(call.files.db, name)
    except NotFound:
        return None


def ward_of(call: OcsCall, missing: int) -> User:
    """The user that the path names, of whom the caller is in charge; nobody is of themselves.

    :param missing: the code for administrators who name nobody, or themselves.
    :raises Refused: the caller is not in charge, or there is no such user: the same for group administrators.
    """
    demand_group_admin(call)
    user = user_of(call)
    if call.actor.admin:
        if user is None or user.id == call.actor.user:
            raise Refused(missing)
    elif user is None or user.id == call.actor.user or not charge.is_in_charge(call.files, call.actor, user):
        raise refusal()
    return user


def groups_of(call: OcsCall, user: User) -> list[str]:
    """Names of the groups that a user was put into."""
    found = [group.name for group in groups.groups_of(call.files.db, user.name) if group.name != ADMINS]
    return sorted([*found, ADMINS]) if user.admin else found
