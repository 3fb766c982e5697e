"""REPORT: sync-collection (RFC 6578)."""

from __future__ import annotations

from typing import NamedTuple

from davshare.dav import principals, propfind, xml
from davshare.dav.exchange import Exchange
from davshare.dav.homesync import HomeReport
from davshare.dav.render import Asked
from davshare.dav.treesync import TreeReport
from davshare.dav.viewsync import ViewReport
from davshare.dav.xml import DAV
from davshare.errors import BadRequest, Forbidden, MethodNotAllowed, UnsupportedMediaType
from davshare.files import lookup, methods, mountsync
from davshare.files.locate import Place
from davshare.files.sync import Changes
from davshare.files.view import Virtual
from davshare.http.responses import Response
from davshare.model import tokens


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
    data = x.document()
    if not data.strip():
        raise UnsupportedMediaType("REPORT needs an XML body.")
    root = xml.parse(data)
    with x.files.db.snapshot() as connection:
        target = x.files.target(connection, x.asker, x.address)
        if isinstance(target, Place):
            target.found()
        if xml.name_of(root) in principals.REPORTS and x.actor.visit is None:
            return principals.handle(x, connection, target, root, depth)
        if xml.name_of(root) != (DAV, "sync-collection"):
            raise Forbidden("This report is not known here.", condition="supported-report")
        if depth != "0":
            raise BadRequest("A sync-collection is asked with Depth 0.")
        question = parse(root)
        if isinstance(target, Place):
            if target.node is not None and not target.node.is_folder:
                raise MethodNotAllowed(methods.of(target.node, target.space), "Only collections have this report.")
            propfind.readable(target)
        x.asker.check(connection)
        if isinstance(target, Virtual) and x.actor.visit is not None:
            raise Forbidden("There is nothing to be followed here.", condition="supported-report")
        if isinstance(target, Virtual):
            view_parts = ViewReport(x, connection, target, question.asked).parts(
                question.token, question.deep, question.limit
            )
            return propfind.answer(x, propfind.pieces_of(view_parts))
        if mountsync.concerns(target, question.token):
            home_parts = HomeReport(x, connection, target, question.asked).parts(
                question.token, question.deep, question.limit
            )
            return propfind.answer(x, propfind.pieces_of(home_parts))
        since = tokens.parse(question.token) if question.token else None
        if question.token and since is None:
            raise Forbidden("The sync token is none of ours.", condition="valid-sync-token")
        sight = target.sight if since is None else lookup.followed(connection, x.actor, target, since)
        changes = Changes(connection, x.files.epoch, target.chain, since, question.deep, question.limit, sight)
        parts = TreeReport(x, connection, target, question.asked).parts(changes)
        response = propfind.answer(x, propfind.pieces_of(parts))
        x.told[changes.token.space] = changes.token.seq
        return response
