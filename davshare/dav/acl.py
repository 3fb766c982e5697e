"""The ACL method (RFC 3744 section 8)."""

from __future__ import annotations

from typing import NamedTuple

from davshare.dav import xml
from davshare.dav.acl_properties import ABSTRACT
from davshare.dav.exchange import Exchange
from davshare.dav.xml import DAV, Element
from davshare.errors import BadRequest, DavshareError, Forbidden, UnsupportedMediaType
from davshare.files import access
from davshare.files.access import Rule
from davshare.files.context import Connection
from davshare.http.responses import Response
from davshare.model import names
from davshare.model.access import BY_PRIVILEGE, Permission, Rights

#: Most entries of one list that clients can send.
MOST = 500


class Ace(NamedTuple):
    """One entry of a list as it was sent; ``url`` names its principal."""

    url: str
    deny: bool
    rights: Rights


def parse(data: bytes) -> list[Ace]:
    """The entries of an ``acl`` document; protected and inherited ones, which clients send back, are left out.

    :raises BadRequest: it is no such document.
    :raises Forbidden: an entry is of a kind that is not known or not possible here.
    """
    root = xml.parse(data)
    if xml.name_of(root) != (DAV, "acl"):
        raise BadRequest("The body is not an acl document.")
    found: list[Ace] = []
    for element in xml.elements(root):
        if xml.name_of(element) != (DAV, "ace"):
            raise BadRequest("An acl document holds only ace elements.")
        if len(found) >= MOST:
            raise Forbidden("There are too many entries.", condition="limited-number-of-aces")
        ace = _parse_ace(element)
        if xml.child(element, "protected") is None and xml.child(element, "inherited") is None:
            if found and found[-1].deny < ace.deny:
                raise Forbidden("Denials come before grants.", condition="deny-before-grant")
            found.append(ace)
    return found


def _parse_ace(element: Element) -> Ace:
    if xml.child(element, "invert") is not None:
        raise Forbidden("Inverted principals are not possible.", condition="no-invert")
    principal, grant, deny = (xml.child(element, name) for name in ("principal", "grant", "deny"))
    if principal is None or (grant is None) == (deny is None):
        raise BadRequest("An ace holds a principal and one of grant and deny.")
    return Ace(_principal(principal), deny is not None, _rights(grant if grant is not None else deny))


def _principal(element: Element) -> str:
    inside = list(xml.elements(element))
    if len(inside) != 1:
        raise BadRequest("A principal element holds one element.")
    name = xml.name_of(inside[0])
    if name == (DAV, "href"):
        return xml.text_of(inside[0])
    known = {(DAV, each) for each in ("all", "authenticated", "unauthenticated", "property", "self")}
    condition = "allowed-principal" if name in known else "recognized-principal"
    raise Forbidden("Only users and groups can be named.", condition=condition)


def _rights(element: Element | None) -> Rights:
    rights = Permission.NONE
    for privilege in () if element is None else xml.elements(element):
        inside = [xml.name_of(each) for each in xml.elements(privilege)]
        if xml.name_of(privilege) != (DAV, "privilege") or len(inside) != 1:
            raise BadRequest("Privileges stand in privilege elements, one in each.")
        namespace, local = inside[0]
        if namespace == DAV and local in ABSTRACT:
            raise Forbidden("This privilege cannot be granted by itself.", condition="no-abstract")
        if local not in BY_PRIVILEGE or namespace != xml.namespace_of(local):
            raise Forbidden("There is no such privilege.", condition="not-supported-privilege")
        rights |= BY_PRIVILEGE[local]
    if not rights:
        raise BadRequest("An ace grants or denies at least one privilege.")
    return rights


def handle(x: Exchange) -> Response:
    """ACL (RFC 3744 section 8.1): what the resource says itself becomes exactly this."""
    data = x.document()
    if not data.strip():
        raise UnsupportedMediaType("ACL needs an XML body.")
    aces = parse(data)
    with x.files.db.session() as connection:
        place = access.decide(x.files, connection, x.asker, x.address)
        owner = place.space.owner
        merged: dict[tuple[int, bool], Rights] = {}
        for ace in aces:
            who = _resolve(x, connection, ace.url)
            if ace.deny and who == owner:
                raise Forbidden("The owner can do everything here.", condition="no-protected-ace-conflict")
            merged[who, ace.deny] = merged.get((who, ace.deny), Permission.NONE) | ace.rights
    rules = [Rule(who, deny, rights) for (who, deny), rights in merged.items()]
    if any(rule.deny and rule.rights == merged.get((rule.principal, False)) for rule in rules):
        raise Forbidden("The same is granted and denied.", condition="no-ace-conflict")
    access.replace(x.files, x.asker, x.address, rules)
    return Response(200, [("Content-Length", "0")])


def _resolve(x: Exchange, connection: Connection, url: str) -> int:
    """The principal behind a URL.

    :raises Forbidden: there is none (``recognized-principal``).
    """
    try:
        segments, _ = x.local(url)
    except DavshareError:
        segments = ()
    match segments:
        case ("dav", "principals", "users" | "groups" as kind, name):
            found = access.find_principal(connection, kind[:-1], names.key(name))
            if found is not None:
                return found.id
    raise Forbidden("This is no user or group.", condition="recognized-principal")
