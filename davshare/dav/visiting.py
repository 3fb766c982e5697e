"""Properties for those who come by public links: what the link says, and less of people than others are told.

The names are those of ownCloud 10 (apps/dav, PublicLinkPropertiesPlugin).
"""

from __future__ import annotations

from collections.abc import Callable

from davshare.dav.properties import LIVE, letters, quota_available
from davshare.dav.scope import Scope, Value, privileges
from davshare.dav.xml import DAV, OC, Name, escape
from davshare.http.conditions import http_date
from davshare.model.access import Permission
from davshare.model.people import Actor
from davshare.sharing import bits

Factory = Callable[[Scope], Value]
#: Nobody in particular (RFC 5397 section 3).
UNAUTHENTICATED = "<d:unauthenticated/>"


def told(actor: Actor, folder: bool) -> dict[Name, str]:
    """What the link by which somebody comes says of itself; nothing to others."""
    visit = actor.visit
    if visit is None:
        return {}
    found = {
        (OC, "public-link-permission"): str(bits.bits_of(actor.mask, folder)),
        (OC, "public-link-item-type"): "folder" if folder else "file",
        (OC, "public-link-share-owner"): escape(visit.owner),
        (OC, "public-link-share-datetime"): http_date(visit.created),
    }
    if visit.expires is not None:
        found[OC, "public-link-expiration"] = http_date(visit.expires)
    return found


NAMES = frozenset((OC, f"public-link-{name}") for name in ("permission", "item-type", "share-owner", "share-datetime"))
NAMES |= {(OC, "public-link-expiration")}


def _of_root(name: Name) -> Factory:
    """A property of what the link is to, and of nothing below it."""

    def factory(scope: Scope) -> Value:
        actor = scope.actor
        return lambda node: told(actor, node.is_folder).get(name) if node.id == actor.node else None

    return factory


def _constant(text: str | None) -> Factory:
    return lambda scope: lambda node: text


def _room(scope: Scope) -> Value:
    """How much there is room for: told to those who may add something."""
    return quota_available(scope) if scope.actor.mask & Permission.BIND else lambda node: None


#: What is other for them than for others.
_OTHER: dict[Name, Factory] = {
    (DAV, "quota-available-bytes"): _room,
    **{name: _of_root(name) for name in NAMES},
    (DAV, "current-user-principal"): _constant(UNAUTHENTICATED),
    (DAV, "principal-collection-set"): _constant(""),
    (DAV, "owner"): _constant(""),
    (DAV, "inherited-acl-set"): _constant(""),
    (DAV, "supported-report-set"): lambda scope: lambda node: _REPORT if node.is_folder else "",
    (OC, "share-types"): _constant(""),
    (OC, "owner-id"): _constant(None),
    (OC, "owner-display-name"): _constant(None),
}
_REPORT = "<d:supported-report><d:report><d:sync-collection/></d:report></d:supported-report>"


def live(scope: Scope, name: Name) -> Factory | None:
    """The property of a name, for whoever asks."""
    other = None if scope.actor.visit is None else _OTHER.get(name)
    return LIVE.get(name) if other is None else other


def top(actor: Actor) -> dict[Name, str]:
    """Properties of a folder that the server makes up for a link: the one of a single file, or where things come in."""
    single = bool(actor.mask & Permission.READ)
    mask = Permission.READ if single else actor.mask
    return {
        **told(actor, not single),
        (DAV, "displayname"): "public",
        (DAV, "current-user-principal"): UNAUTHENTICATED,
        (DAV, "principal-collection-set"): "",
        (DAV, "current-user-privilege-set"): privileges(mask),
        (DAV, "supported-report-set"): "",
        (DAV, "acl"): "",
        (OC, "permissions"): letters(mask, Permission.NONE, True),
    }
