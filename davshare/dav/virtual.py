"""Collections that the server makes up: their properties and their listing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from davshare.dav import visiting
from davshare.dav.acl_properties import RESTRICTIONS, supported_privileges
from davshare.dav.properties import COLLECTION, REPORTS, SUPPORTED_LOCK, live_told, methods_told
from davshare.dav.render import NOT_FOUND, OK, Asked
from davshare.dav.scope import group_url, principal_url, privileges
from davshare.dav.xml import DAV, SABRE, Name, empty, escape, href, tag
from davshare.files import methods, view
from davshare.files.context import Connection
from davshare.files.listing import groups_of, people_of
from davshare.files.service import Files
from davshare.files.view import Virtual
from davshare.files.viewsync import state
from davshare.model.access import Permission
from davshare.model.people import Actor, Group, User

#: As SabreDAV calls it.
EMAIL = (SABRE, "email-address")
#: Everyone who signs in may read what the server makes up; nobody can change that.
_ACL = (
    "<d:ace><d:principal><d:authenticated/></d:principal><d:grant><d:privilege><d:read/></d:privilege></d:grant>"
    "<d:protected/></d:ace>"
)


class Describer:
    """Writes the ``d:response`` of virtual collections."""

    def __init__(self, files: Files, connection: Connection, actor: Actor, asked: Asked, minimal: bool) -> None:
        self.files = files
        self.connection = connection
        self.actor = actor
        self.asked = asked
        self.minimal = minimal

    def response(self, virtual: Virtual) -> str:
        """One collection with what was asked of it."""
        known = self._values(virtual)
        if self.asked.kind == "propname":
            found, missing = [empty(name) for name in known], []
        else:
            wanted = list(self.asked.names)
            if self.asked.kind == "allprop":
                wanted = list(dict.fromkeys([*_ALLPROP, *wanted]))
            found = [_element(name, known[name]()) for name in wanted if name in known]
            missing = [empty(name) for name in dict.fromkeys(wanted) if name not in known]
        good = f"<d:propstat><d:prop>{''.join(found)}{OK}" if found or not missing or self.minimal else ""
        bad = f"<d:propstat><d:prop>{''.join(missing)}{NOT_FOUND}" if missing and not self.minimal else ""
        return f"<d:response>{href(virtual.href)}{good}{bad}</d:response>"

    def _values(self, virtual: Virtual) -> dict[Name, Callable[[], str]]:
        """The content of each property that this collection has."""
        mine = principal_url(self.actor.name)
        values: dict[Name, Callable[[], str]] = {
            (DAV, "resourcetype"): lambda: COLLECTION + ("<d:principal/>" if virtual.principal else ""),
            (DAV, "displayname"): lambda: escape(self._display_name(virtual)),
            (DAV, "getetag"): lambda: etag(self.files, self.connection, self.actor, virtual),
            (DAV, "supportedlock"): lambda: "",
            (DAV, "lockdiscovery"): lambda: "",
            (DAV, "current-user-principal"): lambda: href(mine),
            (DAV, "principal-collection-set"): lambda: href("/dav/principals/users/") + href("/dav/principals/groups/"),
            (DAV, "current-user-privilege-set"): lambda: privileges(Permission.READ),
            (DAV, "supported-privilege-set"): supported_privileges,
            (DAV, "acl"): lambda: _ACL,
            (DAV, "acl-restrictions"): lambda: RESTRICTIONS,
            (DAV, "inherited-acl-set"): lambda: "",
            (DAV, "owner"): lambda: "",
            (DAV, "supported-report-set"): lambda: REPORTS,
            (DAV, "supported-method-set"): lambda: methods_told(methods.VIRTUAL),
            (DAV, "sync-token"): lambda: token(self.files, self.connection, self.actor, virtual),
        }
        if self.actor.visit is not None:
            values |= {name: partial(str, text) for name, text in visiting.top(self.actor).items()}
        values[DAV, "supported-live-property-set"] = lambda: live_told(tuple(values))
        if virtual.principal is not None:
            values[DAV, "principal-URL"] = lambda: href(virtual.href)
            values[DAV, "alternate-URI-set"] = lambda: ""
            values[EMAIL] = lambda: self._email(virtual)
            if isinstance(virtual.principal, User):
                values[DAV, "group-membership"] = lambda: self._groups(virtual)
            else:
                values[DAV, "group-member-set"] = lambda: self._members(virtual)
        return values

    def _display_name(self, virtual: Virtual) -> str:
        who = virtual.principal
        return (who.display_name or who.name) if who is not None else virtual.segments[-1]

    def _email(self, virtual: Virtual) -> str:
        """Only oneself and administrators learn an address."""
        who = virtual.principal
        if not isinstance(who, User) or not (view.knows_all(self.actor) or who.id == self.actor.user):
            return ""
        return escape(who.email)

    def _groups(self, virtual: Virtual) -> str:
        """Others learn only of groups that they are in as well."""
        assert virtual.principal is not None
        found = groups_of(self.connection, virtual.principal.id)
        known = [group for group in found if view.knows_group(self.actor, group)]
        return "".join(href(group_url(group.name)) for group in known)

    def _members(self, virtual: Virtual) -> str:
        """Only fellow members and administrators learn who is in a group."""
        assert virtual.principal is not None
        if not isinstance(virtual.principal, Group) or not view.knows_group(self.actor, virtual.principal):
            return ""
        return "".join(href(principal_url(user.name)) for user in people_of(self.connection, virtual.principal.id))


_ALLPROP = tuple((DAV, name) for name in ("displayname", "getetag", "resourcetype", "supportedlock", "lockdiscovery"))


def _element(name: Name, text: str) -> str:
    start, end = tag(name)
    return f"<{start}>{text}</{end}>" if text else f"<{start}/>"


def etag(files: Files, connection: Connection, actor: Actor, virtual: Virtual) -> str:
    """A strong tag that changes whenever anything in the view changes."""
    return f'"{files.epoch:x}:{state(files, connection, actor, virtual)}"'


def token(files: Files, connection: Connection, actor: Actor, virtual: Virtual) -> str:
    """The sync token of a view: the state of its members."""
    return f"urn:davshare:view:{files.epoch:x}-{state(files, connection, actor, virtual)}"


__all__ = ["SUPPORTED_LOCK", "Describer", "etag", "token"]
