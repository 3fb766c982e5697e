"""REPORT: sync-collection (RFC 6578)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from davshare.dav import propfind, virtual, xml
from davshare.dav.exchange import Exchange
from davshare.dav.properties import Scope
from davshare.dav.render import Asked, Renderer, gone
from davshare.dav.xml import DAV, OC
from davshare.errors import BadRequest, Forbidden, MethodNotAllowed, UnsupportedMediaType
from davshare.files import listing, view
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.sync import Changes
from davshare.files.upload import FILE_METHODS
from davshare.files.view import Virtual
from davshare.http.responses import Response
from davshare.model import names, tokens


class Question(NamedTuple):
    """A sync-collection as asked."""

    token: str
    deep: bool
    limit: int | None
    asked: Asked


def parse(root: xml.Element) -> Question:
    """Read the body (RFC 6578 section 6.1).

    :raises BadRequest: something is missing or malformed.
    """
    token = xml.child(root, "sync-token")
    prop = xml.child(root, "prop")
    if token is None or prop is None:
        raise BadRequest("A sync-collection holds sync-token, sync-level and prop.")
    level = xml.text_of(xml.child(root, "sync-level")).lower()
    if level not in ("1", "infinite", "infinity"):
        raise BadRequest("The sync-level is neither 1 nor infinite.")
    limit = xml.child(root, "limit")
    count = None
    if limit is not None:
        text = xml.text_of(xml.child(limit, "nresults"))
        if not text.isascii() or not text.isdigit() or not int(text[:12]) > 0:
            raise BadRequest("The limit is not a positive number.")
        count = int(text[:12])
    return Question(xml.text_of(token), level != "1", count, Asked("prop", tuple(propfind.names_in(prop))))


def handle(x: Exchange) -> Response:
    """The report that the body names."""
    depth = x.depth("0", ("0", "1", "infinity"))
    data = xml.read_body(x.request.body, x.files.settings.get("xml.max_bytes"))
    if not data.strip():
        raise UnsupportedMediaType("REPORT needs an XML body.")
    root = xml.parse(data)
    with ExitStack() as stack:
        connection = stack.enter_context(x.files.db.snapshot())
        target = x.files.target(connection, x.asker, x.address)
        if isinstance(target, Place):
            target.found()
        if xml.name_of(root) != (DAV, "sync-collection"):
            raise Forbidden("This report is not known here.", condition="supported-report")
        if depth != "0":
            raise BadRequest("A sync-collection is asked with Depth 0.")
        question = parse(root)
        if isinstance(target, Place):
            if target.node is not None and not target.node.is_folder:
                raise MethodNotAllowed(FILE_METHODS, "Only collections have this report.")
            propfind.readable(target)
        x.asker.check(connection)
        if isinstance(target, Virtual):
            return _virtual(x, connection, target, question)
        since = tokens.parse(question.token) if question.token else None
        if question.token and since is None:
            raise Forbidden("The sync token is none of ours.", condition="valid-sync-token")
        changes = Changes(connection, x.files.epoch, target.chain, since, question.deep, question.limit)
        parts = _Report(x, connection, target, question.asked).parts(changes)
        return _answer(x, parts, stack)


def _answer(x: Exchange, parts: Iterator[str], stack: ExitStack) -> Response:
    return propfind.answer(x, propfind.pieces_of(parts), stack)


class _Report:
    """The responses of one report."""

    def __init__(self, x: Exchange, connection: Connection, place: Place, asked: Asked) -> None:
        self._connection = connection
        self._place = place
        self._asked = asked
        self._scope = Scope(x.files, connection, x.actor, place, listing.Locks(connection, place), place.chain)
        self._renderer = Renderer(self._scope, asked, x.prefers("return=minimal"))

    def parts(self, changes: Changes) -> Iterator[str]:
        """One response a change, the note that there is more, and the token."""
        base = self._place.href
        checksums = self._asked.wants((OC, "checksums"))
        for path, node, folder in changes:
            href = base + "/".join([names.quoted(name) for name in path]) + ("/" if folder else "")
            if node is None:
                yield gone(href)
                continue
            if checksums:
                self._scope.checksums = listing.checksums(self._connection, [node])
            dead = listing.dead(self._connection, node.id) if self._asked.dead else {}
            yield self._renderer.response(node, href, dead)
        if changes.truncated:
            yield truncated(base)
        yield f"<d:sync-token>{changes.token}</d:sync-token>"


def truncated(href: str) -> str:
    """There is more; go on from the token (RFC 6578 section 3.6)."""
    return (
        f"<d:response>{xml.href(href)}<d:status>HTTP/1.1 507 Insufficient Storage</d:status>"
        "<d:error><d:number-of-matches-within-limits/></d:error></d:response>"
    )


def _virtual(x: Exchange, connection: Connection, target: Virtual, question: Question) -> Response:
    """A view is small: it is told whole, or not at all when nothing has changed.

    Its token is a digest of its state, so that of an older state is refused
    and the follower begins anew; the trees below have tokens of their own.
    """
    if question.deep:
        raise Forbidden("Ask the collections below one by one.", condition="sync-traversal-supported")
    present = virtual.token(x.files, connection, x.actor, target)
    if question.token and question.token != present:
        raise Forbidden("The sync token is not valid any more; begin anew.", condition="valid-sync-token")
    parts: list[str] = []
    if not question.token:
        members = view.members(connection, x.actor, target)
        if question.limit is not None and len(members) > question.limit:
            raise _too_many()
        parts = list(propfind.Listing(x, connection, question.asked, "1").members_of(members))
    body = "".join([propfind.START, *parts, f"<d:sync-token>{present}</d:sync-token>", propfind.END])
    return Response(207, [("Content-Type", xml.CONTENT_TYPE), *propfind.applied(x)], body.encode())


def _too_many() -> Forbidden:
    refusal = Forbidden("There are more members than the limit allows.", condition="number-of-matches-within-limits")
    refusal.status = 507
    return refusal
