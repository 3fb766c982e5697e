"""Reading and checking the XML that a WebDAV server sends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote_to_bytes, urlsplit
from xml.sax.saxutils import quoteattr

from lxml import etree

STATUS = re.compile(r"HTTP/1\.1 (\d{3})( [^\r\n]*)?")
LEGAL_HREF = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]*(%[0-9A-Fa-f]{2}[A-Za-z0-9._~!$&'()*+,;=:@-]*)*)+")
Prop = tuple[int, "etree._Element"]


def canonical(href: str) -> str:
    """One spelling for all equivalent spellings of a path (scheme and host are dropped)."""
    return quote(unquote_to_bytes(urlsplit(href).path if "://" in href else href), safe="/")


def clark(name: str) -> str:
    """``getetag`` and ``{urn:x}a`` as lxml spells them; names without braces are of ``DAV:``, ``{}a`` of nothing."""
    if name.startswith("{}"):
        return name[2:]
    return name if name.startswith("{") else "{DAV:}" + name


def element_xml(name: str, content: str = "") -> str:
    """An element of that name holding ``content`` (XML), with its own namespace declaration."""
    space, _, local = (name if name.startswith("{") else "{DAV:}" + name)[1:].partition("}")
    if space == "DAV:":
        return f"<d:{local}>{content}</d:{local}>"
    return f"<{local} xmlns={quoteattr(space)}>{content}</{local}>"


def parse(body: bytes):
    """The root element; comments and doctypes have no place in an answer."""
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))
    assert root.getroottree().docinfo.doctype == ""
    return root


def status_of(line: str | None) -> int:
    """The number in an HTTP status line (RFC 4918 section 14.28)."""
    match = STATUS.fullmatch(line or "")
    assert match, f"bad status line {line!r}"
    return int(match[1])


class Response:
    """One ``DAV:response``: either a status or properties."""

    def __init__(self, element) -> None:
        hrefs = element.findall("{DAV:}href")
        assert len(hrefs) >= 1, etree.tostring(element)
        self.hrefs = [node.text or "" for node in hrefs]
        self.raw_href = self.hrefs[0]
        for href in self.hrefs:
            assert LEGAL_HREF.fullmatch(urlsplit(href).path if "://" in href else href), f"bad href {href!r}"
        line = element.find("{DAV:}status")
        self.status = status_of(line.text) if line is not None else 0
        self.error = [child.tag for node in element.findall("{DAV:}error") for child in node]
        self.props: dict[str, Prop] = {}
        self.prop_errors: dict[str, list[str]] = {}
        stats = element.findall("{DAV:}propstat")
        assert bool(stats) != bool(self.status), f"status and propstat: {etree.tostring(element)!r}"
        assert len(self.hrefs) == 1 or self.status, "several hrefs need a status"
        for stat in stats:
            self._read(stat)

    def _read(self, stat) -> None:
        code = status_of(stat.findtext("{DAV:}status"))
        errors = [child.tag for node in stat.findall("{DAV:}error") for child in node]
        holders = stat.findall("{DAV:}prop")
        assert len(holders) == 1, etree.tostring(stat)
        for node in holders[0]:
            assert node.tag not in self.props, f"{node.tag} twice for {self.raw_href}"
            self.props[node.tag] = (code, node)
            self.prop_errors[node.tag] = errors

    def __getitem__(self, name: str) -> Prop:
        return self.props[clark(name)]

    def __contains__(self, name: str) -> bool:
        return clark(name) in self.props

    def code(self, name: str) -> int:
        """The status of one property, 0 when the response does not mention it."""
        return self.props[clark(name)][0] if name in self else 0

    def text(self, name: str) -> str:
        """The text of a property that must have status 200."""
        code, node = self.props[clark(name)]
        assert code == 200, (self.raw_href, name, code)
        return node.text or ""

    @property
    def is_collection(self) -> bool:
        """Whether ``DAV:resourcetype`` says so."""
        code, node = self.props["{DAV:}resourcetype"]
        assert code == 200
        return node.find("{DAV:}collection") is not None


class Multistatus(Mapping[str, Response]):
    """A ``DAV:multistatus``: canonical href to :class:`Response`, each href once."""

    def __init__(self, body: bytes) -> None:
        assert body.startswith(b"<?xml"), body[:60]
        self.root = parse(body)
        assert self.root.tag == "{DAV:}multistatus", body[:200]
        self._found: dict[str, Response] = {}
        for element in self.root.findall("{DAV:}response"):
            response = Response(element)
            for href in response.hrefs:
                key = canonical(href)
                assert key not in self._found, f"{key} twice"
                self._found[key] = response
        self.sync_token = self.root.findtext("{DAV:}sync-token")
        if self.sync_token is not None:
            assert self.root[-1].tag == "{DAV:}sync-token", "the sync token stands at the end"

    def __getitem__(self, href: str) -> Response:
        return self._found[canonical(href)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<Multistatus {etree.tostring(self.root, pretty_print=True).decode()[:2000]}>"

    @property
    def only(self) -> Response:
        """The response, when there is just one."""
        assert len(self._found) == 1, repr(self)
        return next(iter(self._found.values()))

    @property
    def gone(self) -> set[str]:
        """The hrefs with a bare 404."""
        return {href for href, response in self._found.items() if response.status == 404}

    @property
    def live(self) -> set[str]:
        """The hrefs with properties."""
        return {href for href, response in self._found.items() if not response.status}

    @property
    def truncated(self) -> bool:
        """Whether a 507 with ``number-of-matches-within-limits`` says that there is more."""
        cut = [response for response in self._found.values() if response.status == 507]
        for response in cut:
            assert response.error == ["{DAV:}number-of-matches-within-limits"], response.error
        assert len(cut) <= 1
        return bool(cut)
