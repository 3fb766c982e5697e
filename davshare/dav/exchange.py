"""One request on its way through the WebDAV door."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

from davshare.dav import if_header, xml
from davshare.dav.if_header import Condition, IfHeader
from davshare.errors import BadGateway, BadRequest, DavshareError, NotFound, PreconditionFailed
from davshare.files import locking, placing, reconcile
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.lookup import unchanged_since
from davshare.files.service import Files
from davshare.files.view import Target
from davshare.http import conditions
from davshare.http.conditions import Verdict
from davshare.http.request import BytesBody, EmptyBody, Request
from davshare.model import names
from davshare.model.people import Actor

_SYNC_TOKENS = ("urn:davshare:sync:", "urn:davshare:home:")
PREFERENCES = ("return=minimal", "return=representation", "depth-noroot")


class NotModified(DavshareError):
    """The asker has this representation already (RFC 9110 section 15.4.5)."""

    status = 304


@dataclass(slots=True)
class Exchange:
    """The request with what the door has read from its head.

    ``patient`` says whether waiting is allowed; ``public_url`` is the address
    of the site as people know it, empty when it is whatever Host says.
    """

    files: Files
    request: Request
    actor: Actor
    address: Address
    public_url: str = ""
    patient: bool = True
    header: IfHeader | None = None
    asker: Asker = field(init=False)
    preferences: frozenset[str] = frozenset()
    conditional: bool = False
    taken: bool = False
    #: Journals that the answer is about, by id of the space: the entry up to which it tells everything.
    told: dict[int, int] = field(default_factory=dict)
    _document: bytes | None = None

    def __post_init__(self) -> None:
        headers = self.request.headers
        if "if" in headers:
            self.header = if_header.parse(headers["if"])
        if self.header is not None or not conditions.FIELDS.isdisjoint(headers):
            tokens = frozenset() if self.header is None else self.header.tokens
            self.asker = Asker(self.actor, tokens, partial(check, self))
            self.conditional = True
        else:
            self.asker = Asker(self.actor)
        if "prefer" in headers or "brief" in headers:
            self.preferences = _preferences(headers.get("prefer", ""), headers.get("brief", ""))

    def storing(self, address: Address, headers: dict[str, str] | None = None) -> Exchange:
        """The same as a request that stores a file elsewhere: its conditions are about that file.

        :param headers: instead of those of this request.
        """
        request = replace(self.request, method="PUT", headers=self.headers if headers is None else headers)
        return Exchange(self.files, request, self.actor, address, self.public_url)

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, names in lower case."""
        return self.request.headers

    def read(self, size: int) -> bytes:
        """A piece of the body; what was read once (``taken``) cannot be had again."""
        self.taken = True
        return self.request.body.read(size)

    def document(self) -> bytes:
        """The XML body; asked for again, the same.

        :raises TooLarge: it is longer than the settings allow.
        """
        if self._document is None:
            self._document = xml.read_body(self.request.body, self.files.settings.get("xml.max_bytes"))
        return self._document

    def peek(self) -> bytes | None:
        """The body, if it is in memory already; it can still be read."""
        body = self.request.body
        return body.data if isinstance(body, BytesBody) else b"" if isinstance(body, EmptyBody) else None

    def learn(self) -> bool:
        """Whether the disk has something on the ways of this request that the index did not know."""
        ways = [self.address]
        if "destination" in self.headers:
            ways.append(self.destination())
        learnt = [reconcile.learn(self.files, self.asker, way) for way in ways]
        return any(learnt)

    def notice(self) -> None:
        """Before the members of a folder are shown: the index follows where the disk has changed."""
        target = self.files.glimpse(self.asker, self.address)
        if isinstance(target, Place) and (target.rights or target.passages):
            reconcile.notice(self.files, target)
        # What is real goes before what was received.
        placing.settle(self.files, self.actor)

    def note_listing(self, place: Place) -> None:
        """Whoever compares ETags, and asks for no tokens, begins at the root: how far it now knows the space."""
        if place.is_root and place.mount.received is None:
            root = place.chain[0]
            self.told[place.space.id] = max(root.stamp, root.seq)

    def depth(self, default: str, allowed: Sequence[str]) -> str:
        """The Depth header in lower case.

        :raises BadRequest: it is none that this method knows.
        """
        depth = self.headers.get("depth", default).strip().lower()
        if depth not in allowed:
            raise BadRequest("The Depth header has a value that this method does not know.")
        return depth

    def destination(self) -> Address:
        """Where COPY and MOVE lead (RFC 4918 section 10.3).

        :raises BadRequest: the header is missing or malformed.
        :raises BadGateway: it names another server.
        """
        text = self.headers.get("destination")
        if not text:
            raise BadRequest("The Destination header is missing.")
        return self.local(text)

    def local(self, text: str) -> Address:
        """The address behind a URL or an absolute path.

        :raises BadGateway: it is on another server.
        """
        text = text.strip()
        path = text
        if not text.startswith("/"):
            try:
                url = urlsplit(text)
                port = url.port
            except ValueError:
                raise BadRequest("A URL in the request is malformed.") from None
            if not url.scheme or not url.netloc:
                raise BadRequest("A URL in the request must be absolute.")
            if url.fragment or url.query:
                raise BadRequest("A URL in the request may have neither query nor fragment.")
            if not self._is_ours(url.scheme, url.hostname or "", port):
                raise BadGateway
            path = url.path or "/"
        elif "#" in text or "?" in text or text.startswith("//"):
            raise BadRequest("A path in the request may have neither query nor fragment.")
        return Address(*names.split(path))

    def _is_ours(self, scheme: str, host: str, port: int | None) -> bool:
        own = urlsplit(self.public_url or f"{self.request.scheme}://{self.request.host}")
        default = {"http": 80, "https": 443}
        try:
            own_port = own.port or default.get(own.scheme.lower())
        except ValueError:
            return False
        same_host = host.lower() == (own.hostname or "").lower()
        return scheme.lower() == own.scheme.lower() and same_host and (port or default.get(scheme.lower())) == own_port

    def prefers(self, preference: str) -> bool:
        """Whether the asker stated a preference (RFC 7240)."""
        return preference in self.preferences


def check(x: Exchange, connection: Connection) -> None:
    """Judge If and the HTTP conditions against the present state.

    :raises PreconditionFailed: they do not hold.
    :raises NotModified: a reader has it already.
    """
    if x.header is not None and not x.header.holds(partial(_holds, x, connection)):
        raise PreconditionFailed
    etag, modified = state(x, connection, x.address)
    verdict = conditions.judge(x.headers, x.request.method, etag, modified)
    if verdict is Verdict.FAILED:
        raise PreconditionFailed
    if verdict is Verdict.NOT_MODIFIED:
        headers = [("ETag", etag or ""), ("Cache-Control", "private, no-cache")]
        if modified is not None:
            headers.append(("Last-Modified", conditions.http_date(modified)))
        raise NotModified(headers=headers)


def state(x: Exchange, connection: Connection, address: Address) -> tuple[str | None, int | None]:
    """ETag and time (seconds) of what is at an address; None where nothing is."""
    target = _target(x, connection, address)
    if isinstance(target, Place) and target.node is not None:
        return x.files.etag_of(target), target.node.mtime_ns // 1_000_000_000
    return None, None


def _holds(x: Exchange, connection: Connection, tag: str | None, condition: Condition) -> bool:
    """Whether one condition is true of the resource that ``tag`` names."""
    if condition.token == "DAV:no-lock":
        return False
    try:
        address = x.address if tag is None else x.local(tag)
    except BadGateway:
        return False
    if condition.etag is not None:
        return state(x, connection, address)[0] == condition.etag
    target = _target(x, connection, address)
    if not isinstance(target, Place):
        return False
    if condition.token is not None and condition.token.startswith(_SYNC_TOKENS):
        return unchanged_since(x.files, connection, target, condition.token)
    found = locking.covering(connection, target.chain, int(time.time()))
    return any(lock.token == condition.token for lock in found if target.node is not None or lock.infinite)


def _target(x: Exchange, connection: Connection, address: Address) -> Target | None:
    try:
        target = x.files.target(connection, Asker(x.actor), address)
    except NotFound:
        return None
    if isinstance(target, Place) and not (target.rights or target.passages):
        return None
    return target


def _preferences(prefer: str, brief: str) -> frozenset[str]:
    stated = {"".join(part.split(";")[0].split()).lower().replace('"', "") for part in prefer.split(",")}
    if brief.strip().lower() == "t":
        stated.add("return=minimal")
    if {"return=minimal", "return=representation"} <= stated:
        stated -= {"return=minimal", "return=representation"}
    return frozenset(stated.intersection(PREFERENCES))
