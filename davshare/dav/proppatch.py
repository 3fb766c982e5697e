"""PROPPATCH (RFC 4918 section 9.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from davshare.dav import xml
from davshare.dav.exchange import Exchange
from davshare.dav.properties import LIVE, SETTABLE
from davshare.dav.visiting import NAMES
from davshare.dav.xml import DAV, MICROSOFT, OC, Name
from davshare.errors import BadRequest, DavshareError, Forbidden, InsufficientStorage, UnsupportedMediaType
from davshare.files import properties
from davshare.files.properties import Instruction, Refused
from davshare.http import digests
from davshare.http.conditions import parse_date
from davshare.http.responses import REASONS, Response
from davshare.model import names

_CHECKSUMS = (OC, "checksums")
#: Properties by which clients set the time of modification.
_TIMES = frozenset({(DAV, "lastmodified"), (DAV, "getlastmodified"), (MICROSOFT, "Win32LastModifiedTime")})
#: DAV: names that are live here or would be misleading as dead properties.
_PROTECTED = frozenset(LIVE) - SETTABLE - _TIMES | NAMES | {
    (DAV, name)
    for name in (
        "acl", "acl-restrictions", "inherited-acl-set", "group", "supported-privilege-set", "principal-URL",
        "group-member-set", "group-membership", "alternate-URI-set", "lockentry", "source", "add-member",
    )
}  # fmt: skip
_RESOURCETYPE = (DAV, "resourcetype")
_SECONDS = re.compile(r"-?\d{1,11}\Z")


def parse(data: bytes) -> list[Instruction]:
    """The instructions of a propertyupdate in document order.

    :raises BadRequest: the body is none.
    """
    root = xml.parse(data)
    if xml.name_of(root) != (DAV, "propertyupdate"):
        raise BadRequest("The body is not a propertyupdate document.")
    found: list[Instruction] = []
    for action in xml.elements(root):
        name = xml.name_of(action)
        if name not in ((DAV, "set"), (DAV, "remove")):
            continue
        for prop in action.iterchildren(f"{{{DAV}}}prop"):
            found += [_instruction(each, name[1] == "set") for each in xml.elements(prop)]
    if not found:
        raise BadRequest("The propertyupdate document names no property.")
    return found


def _instruction(element: xml.Element, is_set: bool) -> Instruction:
    name = xml.name_of(element)
    if name in _TIMES and is_set:
        moment = _moment(xml.text_of(element))
        if moment is not None:
            return Instruction(name, None, moment)
        return Instruction(name, None, None, Forbidden("This is not a time."))
    if name == _CHECKSUMS and is_set:
        return _checksums(element)
    if name in _PROTECTED or name == (DAV, "getlastmodified"):
        refusal = Forbidden("This property cannot be changed.", condition="cannot-modify-protected-property")
        return Instruction(name, None, None, refusal)
    return Instruction(name, xml.whole(element) if is_set else None)


def _checksums(element: xml.Element) -> Instruction:
    """What ownCloud's clients say of a file that they have sent: it is compared, not kept."""
    try:
        return Instruction(_CHECKSUMS, None, checksums=digests.oc_checksums(xml.text_of(element)))
    except BadRequest:
        return Instruction(_CHECKSUMS, None, refused=Forbidden("These are no checksums."))


def _moment(text: str) -> int | None:
    """Nanoseconds of an HTTP date or of seconds since 1970."""
    seconds = int(text) if _SECONDS.match(text) else parse_date(text)
    if seconds is None or not -(2**63) <= seconds * 1_000_000_000 < 2**63:
        return None
    return seconds * 1_000_000_000


def handle(x: Exchange) -> Response:
    """All instructions, or none; always a multistatus unless a short answer is preferred."""
    instructions = parse(x.document())
    try:
        properties.patch(x.files, x.asker, x.address, instructions)
    except Refused as refused:
        return _multistatus(x, instructions, refused.reasons)
    if x.prefers("return=minimal"):
        return Response(204, [("Preference-Applied", "return=minimal"), ("Vary", "Prefer, Brief")])
    return _multistatus(x, instructions, {})


def _multistatus(x: Exchange, instructions: Sequence[Instruction], reasons: Mapping[Name, DavshareError]) -> Response:
    """One propstat for each different outcome (RFC 4918 section 9.2.1)."""
    named = list(dict.fromkeys(each.name for each in instructions))
    href = xml.href(names.href(x.address.segments, x.address.slash))
    body = (
        f"{xml.HEAD}<d:multistatus {xml.DECLARATIONS}><d:response>{href}{_propstats(named, reasons)}"
        "</d:response></d:multistatus>"
    )
    return Response(207, [("Content-Type", xml.CONTENT_TYPE)], body.encode())


def initial(x: Exchange, data: bytes) -> dict[Name, str] | Response:
    """The properties that an extended MKCOL brings, or the refusal (RFC 5689 section 3).

    :raises UnsupportedMediaType: the body is not a mkcol document.
    """
    kind = x.headers.get("content-type", "application/xml").partition(";")[0].strip().lower()
    if kind not in ("application/xml", "text/xml", "application/x-www-form-urlencoded"):
        raise UnsupportedMediaType("MKCOL takes an XML body or none.")
    root = xml.parse(data)
    if xml.name_of(root) != (DAV, "mkcol"):
        raise UnsupportedMediaType("The body is not a mkcol document.")
    props = [each for action in root.iterchildren(f"{{{DAV}}}set") for each in action.iterchildren(f"{{{DAV}}}prop")]
    found = [each for prop in props for each in xml.elements(prop)]
    reasons: dict[Name, DavshareError] = {}
    values: dict[Name, str] = {}
    longest = x.files.settings.get("property.max_bytes")
    types = [each for each in found if xml.name_of(each) == _RESOURCETYPE]
    if found and (len(types) != 1 or [xml.name_of(each) for each in types[0]] != [(DAV, "collection")]):
        reasons[_RESOURCETYPE] = Forbidden("Only plain collections can be made.", condition="valid-resourcetype")
    for element in found:
        each = _instruction(element, True)
        if each.name == _RESOURCETYPE:
            continue
        if each.refused is not None:
            reasons[each.name] = each.refused
        elif each.checksums is not None:
            reasons[each.name] = Forbidden(condition="cannot-modify-protected-property")
        elif each.value is not None and len(each.value.encode()) > longest:
            reasons[each.name] = InsufficientStorage("The value is too long.", condition="")
        elif each.value is not None:
            values[each.name] = each.value
    if len(values) > x.files.settings.get("property.max_count"):
        full = InsufficientStorage("There are too many properties.", condition="")
        reasons = dict.fromkeys(values, full)
    if not reasons:
        return values
    named = list(dict.fromkeys([*reasons, *[xml.name_of(each) for each in found]]))
    body = f"{xml.HEAD}<d:mkcol-response {xml.DECLARATIONS}>{_propstats(named, reasons)}</d:mkcol-response>"
    status = next(iter(reasons.values())).status
    return Response(status, [("Content-Type", xml.CONTENT_TYPE)], body.encode())


def _propstats(named: Sequence[Name], reasons: Mapping[Name, DavshareError]) -> str:
    """One propstat for each different outcome."""
    if not reasons:
        return _propstat(named, 200, "")
    parts: list[str] = []
    for error in dict.fromkeys(reasons.values()):
        failed = [name for name in named if reasons.get(name) is error]
        condition = f"<d:error><d:{error.condition}/></d:error>" if error.condition else ""
        parts.append(_propstat(failed, error.status, condition))
    others = [name for name in named if name not in reasons]
    return "".join(parts) + (_propstat(others, 424, "") if others else "")


def _propstat(found: Sequence[Name], status: int, error: str) -> str:
    elements = "".join(xml.empty(name) for name in found)
    return (
        f"<d:propstat><d:prop>{elements}</d:prop>"
        f"<d:status>HTTP/1.1 {status} {REASONS[status]}</d:status>{error}</d:propstat>"
    )
