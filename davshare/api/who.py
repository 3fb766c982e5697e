"""The rights that routes ask for; each is checked before the handler, and before the body is read.

Whoever may not know whether something exists gets the same answer either way.
"""

from __future__ import annotations

from davshare.api.call import Call, Who
from davshare.errors import Forbidden, NotFound
from davshare.files import guard, view
from davshare.files.locate import Place
from davshare.identity import groups, lookup, people
from davshare.model import names
from davshare.model.access import Permission


def place_of(call: Call) -> Place:
    """The root of the project space that the path names, for whoever may see something in it.

    Homes have addresses by id there as well, and their owners rule them: they are not meant.

    :raises NotFound: there is no such space, or the caller may not know of it.
    """
    with call.files.db.snapshot() as connection:
        found = view.locate(connection, call.actor, ("dav", "spaces", call.path["space"]), True)
    if not isinstance(found, Place) or found.space.kind != "space":
        raise NotFound
    if not (found.rights & Permission.READ or found.passages):
        raise NotFound
    return found


def granted(call: Call, place: Place) -> int:
    """The caller's rights on a space as they are apart from its being archived."""
    with call.files.db.snapshot() as connection:
        return guard.granted(connection, call.actor, place.space, place.chain) & call.actor.mask


def _anyone(call: Call) -> None:
    """Everybody may."""


def _admin(call: Call) -> None:
    if not call.actor.admin:
        raise Forbidden("Only administrators may do this.")


def _self_or_admin(call: Call) -> None:
    if names.key(call.path["user"]) != call.actor.name:
        _admin(call)


def _manages_group(call: Call) -> None:
    if call.actor.admin:
        return
    with call.files.db.snapshot() as connection:
        try:
            if groups.manages(connection, call.actor, lookup.find_group(connection, call.path["group"])):
                return
        except NotFound:
            pass
    raise Forbidden("Only managers of the group and administrators may do this.")


def _makes_spaces(call: Call) -> None:
    if call.actor.admin:
        return
    if not call.files.settings.get("spaces.create"):
        raise Forbidden("Only administrators may make spaces here.")
    if people.user_named(call.files.db, call.actor.name).guest:
        raise Forbidden("Guests may not make spaces.")


def _sees_space(call: Call) -> None:
    place_of(call)


def _manages_space(call: Call) -> None:
    if not granted(call, place_of(call)) & Permission.WRITE_ACL:
        raise Forbidden("Only managers of the space and administrators may do this.")


def _reads_members(call: Call) -> None:
    if not granted(call, place_of(call)) & Permission.READ:
        raise Forbidden("Only members of the space may do this.")


ANYONE = Who("anyone", _anyone, signed_in=False)
SIGNED_IN = Who("anyone who is signed in", _anyone)
ADMIN = Who("administrators", _admin)
SELF_OR_ADMIN = Who("the user and administrators", _self_or_admin)
GROUP_MANAGER = Who("managers of the group and administrators", _manages_group)
SPACE_MAKER = Who("administrators; with the setting spaces.create every user who is no guest", _makes_spaces)
SPACE_SEER = Who("whoever may see something in the space", _sees_space)
SPACE_MEMBER = Who("whoever may read the space", _reads_members)
SPACE_MANAGER = Who("managers of the space and administrators", _manages_space)
