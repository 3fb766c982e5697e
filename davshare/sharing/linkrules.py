"""What the site allows of public links: who may make them, what they may let do, and with which password."""

from __future__ import annotations

from davshare.errors import BadRequest, Forbidden
from davshare.files import reshares
from davshare.files.locate import Place
from davshare.files.settings import Settings
from davshare.index.database import Connection
from davshare.model.access import Permission, Rights
from davshare.model.people import Actor
from davshare.sharing import bits
from davshare.sharing.rules import named

#: Most characters of a label.
LONGEST_LABEL = 255
#: By what a link lets do: the settings that say that it needs a password.
ENFORCED = {
    "read_only": "sharing.link.password_enforced.read_only",
    "read_write": "sharing.link.password_enforced.read_write",
    "upload_only": "sharing.link.password_enforced.upload_only",
    "read_write_delete": "sharing.link.password_enforced.read_write_delete",
}
#: All that a link can let do.
_SENSIBLE = Permission.READ | Permission.WRITE


class PasswordNeeded(Forbidden):
    """Such links need a password."""

    message = "Passwords are enforced for link shares"


class NoLinks(Forbidden):
    """Nobody, or not this one, makes public links."""

    message = "Public link sharing is disabled by the administrator"


def demand_open(settings: Settings, connection: Connection, actor: Actor) -> None:
    """Return when somebody may make public links.

    :raises NoLinks: they may not.
    """
    if not settings.get("sharing.link.enabled"):
        raise NoLinks
    restricted = settings.get("sharing.link.restrict_groups")
    if restricted and not named(connection, settings, "sharing.link.allowed_groups") & actor.principals:
        raise NoLinks


def judged_rights(settings: Settings, place: Place, wanted: Rights | None) -> Rights:
    """What a link to a place lets do.

    :raises BadRequest: nothing, or nothing that makes sense of it.
    :raises Forbidden: more than its maker may do, or than the site allows.
    """
    folder = place.found().is_folder
    rights = bits.fitting(Permission.READ if wanted is None else wanted, folder) & _SENSIBLE
    if not rights:
        raise BadRequest("Cannot remove all permissions")
    if not rights & Permission.READ and rights != Permission.BIND:
        raise BadRequest("A link lets read, or lets things come in only.")
    if rights & Permission.WRITE and not settings.get("sharing.link.upload"):
        raise Forbidden("Public upload disabled by the administrator")
    if rights & ~reshares.passed_on(place.rights):
        raise Forbidden("Cannot increase permissions")
    return rights


def demand_password(settings: Settings, rights: Rights, password: str | None) -> None:
    """Return when a link with such rights may have this password, None: none.

    :raises PasswordNeeded: it may not.
    """
    if password is None and settings.get(ENFORCED[kind(rights)]):
        raise PasswordNeeded


def kind(rights: Rights) -> str:
    """The word of the settings for what a link lets do."""
    if not rights & Permission.READ:
        return "upload_only"
    if not rights & Permission.WRITE:
        return "read_only"
    return "read_write_delete" if rights & Permission.UNBIND else "read_write"


def demand_label(label: str) -> None:
    """Return when a label can be kept.

    :raises BadRequest: it is too long, or holds what no line can.
    """
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise BadRequest("The label is too long, or holds control characters.")
