"""Reports about principals (RFC 3744 section 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from davshare.dav import propfind, xml
from davshare.dav.exchange import Exchange
from davshare.dav.propfind import names_in
from davshare.dav.render import Asked
from davshare.dav.treesync import truncated
from davshare.dav.virtual import EMAIL, Describer
from davshare.dav.xml import DAV, Element, Name, empty
from davshare.errors import BadRequest, Forbidden
from davshare.files import access, directory, view
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.view import Target, Virtual
from davshare.http.responses import Response
from davshare.model.access import Permission
from davshare.model.people import Group, User

#: Most principals, or resources, in one answer.
MOST = 500
#: Most conditions of one search, and characters of each.
MOST_WISHES, LONGEST_WISH = 20, 255
#: Properties by which principals can be found, and how people call them.
SEARCHABLE: dict[Name, str] = {(DAV, "displayname"): "Name", EMAIL: "E-mail address"}
_FIELDS: dict[Name, str] = {(DAV, "displayname"): "name", EMAIL: "email"}


def _asked(root: Element) -> Asked:
    prop = xml.child(root, "prop")
    return Asked("prop", () if prop is None else tuple(names_in(prop)))


def _answer(x: Exchange, connection: Connection, asked: Asked, found: list[User | Group], more: bool) -> Response:
    """One response for each principal."""
    describer = Describer(x.files, connection, x.actor, asked, x.prefers("return=minimal"))

    def parts() -> Iterator[str]:
        for principal in found:
            yield describer.response(view.principal(principal))
        if more:
            yield truncated(x.request.path)

    return propfind.answer(x, propfind.pieces_of(parts()))


def acl_principal_prop_set(x: Exchange, connection: Connection, target: Target, root: Element) -> Response:
    """RFC 3744 section 9.2: properties of everybody whom the access control list names."""
    found: list[User | Group] = []
    if isinstance(target, Place):
        node = target.found()
        target.demand(Permission.READ_ACL)
        owner = target.space.owner
        numbers = [] if owner is None else [owner]
        said = access.told_on(connection, [each.id for each in target.chain])
        for each in [node, *reversed(target.chain[:-1])]:
            numbers += [told.principal for told in said.get(each.id, [])]
        found = directory.principals(connection, list(dict.fromkeys(numbers))[: MOST + 1])
    return _answer(x, connection, _asked(root), found[:MOST], len(found) > MOST)


def principal_match(x: Exchange, connection: Connection, target: Target, root: Element) -> Response:
    """RFC 3744 section 9.3: which members of a collection are, or belong to, the asker."""
    asked = _asked(root)
    if xml.child(root, "self") is not None:
        found = directory.selves(connection, x.actor) if isinstance(target, Virtual) else []
        kinds = {"principals": (User, Group), "people": (User,), "groups": (Group,)}
        wanted = kinds.get(target.kind, ()) if isinstance(target, Virtual) else ()
        return _answer(x, connection, asked, [each for each in found if isinstance(each, wanted)], False)
    prop = xml.child(root, "principal-property")
    if prop is None:
        raise BadRequest("A principal-match holds self or principal-property.")
    if (DAV, "owner") not in list(names_in(prop)) or not isinstance(target, Place):
        return _answer(x, connection, asked, [], False)
    return _owned(x, connection, target, asked)


def _owned(x: Exchange, connection: Connection, place: Place, asked: Asked) -> Response:
    """Everything in a collection that the asker owns: all of it that can be seen, in a home."""

    def parts() -> Iterator[str]:
        if place.space.owner != x.actor.user:
            return
        for number, part in enumerate(propfind.Listing(x, connection, asked, "infinity").below(place)):
            if number == MOST:
                yield truncated(place.href)
                return
            yield part

    return propfind.answer(x, propfind.pieces_of(parts()))


class _Wish(NamedTuple):
    """One property-search: any of these properties holds the text."""

    names: tuple[Name, ...]
    text: str


def principal_property_search(x: Exchange, connection: Connection, target: Target, root: Element) -> Response:
    """RFC 3744 section 9.4: people and groups by their names.

    People find themselves, and the people and groups of their own groups; others
    by the whole name or address only.  Administrators find everybody.
    """
    wishes = [_wish(each) for each in root.iterchildren(f"{{{DAV}}}property-search")]
    if not 0 < len(wishes) <= MOST_WISHES:
        raise BadRequest(f"A principal-property-search holds 1 to {MOST_WISHES} property-search elements.")
    everywhere = xml.child(root, "apply-to-principal-collection-set") is not None
    kinds: tuple[str, ...] = ("user", "group") if everywhere else _kinds(target)
    if any(name not in SEARCHABLE for wish in wishes for name in wish.names):
        return _answer(x, connection, _asked(root), [], False)
    anyof = root.get("test", "allof") == "anyof"
    fields = [(frozenset(_FIELDS[name] for name in wish.names), wish.text) for wish in wishes]
    found = directory.search(connection, x.actor, kinds, fields, anyof, MOST + 1) if kinds else []
    return _answer(x, connection, _asked(root), found[:MOST], len(found) > MOST)


def _wish(element: Element) -> _Wish:
    prop, match = xml.child(element, "prop"), xml.child(element, "match")
    if prop is None or match is None:
        raise BadRequest("A property-search holds prop and match.")
    text = xml.text_of(match)
    if len(text) > LONGEST_WISH:
        raise BadRequest("A match is too long for any name or address.")
    return _Wish(tuple(names_in(prop)), text)


def _kinds(target: Target) -> tuple[str, ...]:
    """Which principals there are below a collection."""
    found = {"principals": ("user", "group"), "people": ("user",), "groups": ("group",)}
    return found.get(target.kind, ()) if isinstance(target, Virtual) else ()


def principal_search_property_set(x: Exchange, connection: Connection, target: Target, root: Element) -> Response:
    """RFC 3744 section 9.5: by which properties principals can be found."""
    inside = "".join(
        f"<d:principal-search-property><d:prop>{empty(name)}</d:prop>"
        f'<d:description xml:lang="en">{text}</d:description></d:principal-search-property>'
        for name, text in SEARCHABLE.items()
    )
    body = f"{xml.HEAD}<d:principal-search-property-set {xml.DECLARATIONS}>{inside}</d:principal-search-property-set>"
    return Response(200, [("Content-Type", xml.CONTENT_TYPE)], body.encode())


#: Reports by their names.
REPORTS = {
    (DAV, "acl-principal-prop-set"): acl_principal_prop_set,
    (DAV, "principal-match"): principal_match,
    (DAV, "principal-property-search"): principal_property_search,
    (DAV, "principal-search-property-set"): principal_search_property_set,
}


def handle(x: Exchange, connection: Connection, target: Target, root: Element, depth: str) -> Response:
    """The answer to one of :data:`REPORTS`.

    :raises BadRequest: it is asked with another Depth than 0.
    :raises Forbidden: this resource does not have the report (``supported-report``).
    """
    if depth != "0":
        raise BadRequest("This report is asked with Depth 0.")
    name = xml.name_of(root)
    file = isinstance(target, Place) and target.node is not None and not target.node.is_folder
    if file and name[1] != "acl-principal-prop-set":
        raise Forbidden("This resource does not have the report.", condition="supported-report")
    return REPORTS[name](x, connection, target, root)
