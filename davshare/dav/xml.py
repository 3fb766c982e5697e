"""Request bodies read with lxml, answers written as text (RFC 4918 section 17)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from lxml import etree

from davshare.errors import BadRequest, TooLarge
from davshare.http.request import Body

DAV = "DAV:"
OC = "http://owncloud.org/ns"
NC = "http://nextcloud.org/ns"
MICROSOFT = "urn:schemas-microsoft-com:"
SABRE = "http://sabredav.org/ns"
#: Of what no standard has a name for.
OURS = "urn:davshare"
#: Prefixes that every multistatus declares.
PREFIXES = {DAV: "d", OC: "oc", NC: "nc", SABRE: "s", "http://www.w3.org/XML/1998/namespace": "xml"}
#: Those that apps know by heart, declared where they stand; everything else is ``x``.
_OTHERS = {"http://open-collaboration-services.org/ns": "x1", "http://open-cloud-mesh.org/ns": "x2"}
DECLARATIONS = f'xmlns:d="{DAV}" xmlns:s="{SABRE}" xmlns:oc="{OC}" xmlns:nc="{NC}"'
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
CONTENT_TYPE = "application/xml; charset=utf-8"
DEEPEST = 64
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_UNSAFE = re.compile(r"[&<>\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Element = etree._Element
#: (namespace, local name)
Name = tuple[str, str]


def read_body(body: Body, limit: int) -> bytes:
    """The whole body.

    :raises TooLarge: it is longer than ``limit`` bytes.
    """
    if body.length is not None and body.length > limit:
        raise TooLarge("The XML body is too large.")
    parts: list[bytes] = []
    taken = 0
    while data := body.read(65536):
        taken += len(data)
        if taken > limit:
            raise TooLarge("The XML body is too large.")
        parts.append(data)
    return b"".join(parts)


def parse(data: bytes) -> Element:
    """The root element of a document.

    No entity is expanded, nothing is loaded, and a DOCTYPE is refused, so a
    small document stays small.

    :raises BadRequest: it is not well-formed, has a DOCTYPE or is nested too deeply.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise BadRequest("The XML body is not well-formed.") from None
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise BadRequest("A document type declaration is not accepted.")
    if _depth(root) > DEEPEST:
        raise BadRequest("The XML body is nested too deeply.")
    return root


def _depth(root: Element) -> int:
    """The deepest nesting; the parser itself stops at 256."""
    deepest = level = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        level += 1 if event == "start" else -1
        deepest = max(deepest, level)
    return deepest


def name_of(element: Element) -> Name:
    """Namespace and local name."""
    tag = etree.QName(element)
    return tag.namespace or "", tag.localname


def elements(parent: Element) -> Iterator[Element]:
    """Child elements, without anything else."""
    return parent.iterchildren("*")


def child(parent: Element, local: str) -> Element | None:
    """The first DAV: child of that name."""
    return next(parent.iterchildren(f"{{{DAV}}}{local}"), None)


def text_of(element: Element | None) -> str:
    """The text inside, stripped; empty for nothing."""
    return "" if element is None else "".join(str(part) for part in element.itertext()).strip()


def whole(element: Element) -> str:
    """An element as text that can stand anywhere: with its namespaces and the language that is in scope."""
    copy = etree.fromstring(etree.tostring(element, with_tail=False, encoding="unicode"))
    if copy.get(_LANG) is None:
        for above in element.iterancestors():
            if (language := above.get(_LANG)) is not None:
                copy.set(_LANG, language)
                break
    return etree.tostring(copy, encoding="unicode", with_tail=False)


def inside(element: Element | None) -> str:
    """The content of an element as text, namespaces declared where they are needed."""
    if element is None:
        return ""
    parts = [escape(element.text or "")]
    for each in element:
        parts.append(etree.tostring(each, encoding="unicode", with_tail=True))
    return "".join(parts)


def escape(text: str) -> str:
    """Character data; what XML cannot hold becomes a replacement character."""
    if not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub(lambda match: _REPLACED.get(match[0], "\ufffd"), text)


def tag(name: Name) -> tuple[str, str]:
    """How to open and close an element: ``('d:getetag', 'd:getetag')``, with a declaration where needed."""
    namespace, local = name
    prefix = PREFIXES.get(namespace)
    if prefix is not None:
        return f"{prefix}:{local}", f"{prefix}:{local}"
    if not namespace:
        return f'{local} xmlns=""', local
    prefix = _OTHERS.get(namespace, "x")
    return f"{prefix}:{local} xmlns:{prefix}={quoteattr(namespace)}", f"{prefix}:{local}"


def empty(name: Name) -> str:
    """An element without content."""
    return f"<{tag(name)[0]}/>"


def href(url: str) -> str:
    """``d:href`` of a quoted URL, which holds nothing that XML would mind but ``&``."""
    return f"<d:href>{escape(url)}</d:href>"


def namespace_of(privilege: str) -> str:
    """The namespace of a privilege's name."""
    return OURS if privilege == "share" else DAV


def privilege(name: str) -> str:
    """``d:privilege`` of a privilege's name."""
    space = namespace_of(name)
    inner = f"<d:{name}/>" if space == DAV else f'<{name} xmlns="{space}"/>'
    return f"<d:privilege>{inner}</d:privilege>"
