"""sync-collection on real folders, as text (RFC 6578 section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from davshare.dav import xml
from davshare.dav.exchange import Exchange
from davshare.dav.render import Asked, Renderer, gone
from davshare.dav.scope import Scope
from davshare.dav.xml import OC
from davshare.files import listing
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.steps import Change
from davshare.files.sync import Changes
from davshare.model import names
from davshare.model.access import Permission


class TreeReport:
    """The responses of one report on a folder."""

    def __init__(self, x: Exchange, connection: Connection, place: Place, asked: Asked) -> None:
        self._connection = connection
        self._place = place
        self._asked = asked
        read = place if place.rights & Permission.READ else replace(place, rights=Permission.READ)
        self._scope = Scope(x.files, connection, x.actor, read, listing.Locks(connection, place), place.chain)
        self._renderer = Renderer(self._scope, asked, x.prefers("return=minimal"))
        #: For folders that may only be walked through.
        way = replace(self._scope, place=replace(place, rights=Permission.NONE))
        self._way = Renderer(way, asked, x.prefers("return=minimal"))

    def parts(self, changes: Changes) -> Iterator[str]:
        """One response a change, the note that there is more, and the token."""
        yield from self.members(changes)
        if changes.truncated:
            yield truncated(self._place.href)
        yield f"<d:sync-token>{changes.token}</d:sync-token>"

    def members(self, changes: Iterable[Change]) -> Iterator[str]:
        """One response a change."""
        base = self._place.href
        sight = self._place.sight
        checksums = self._asked.wants((OC, "checksums"))
        for path, node, folder, *_ in changes:
            href = base + "/".join([names.quoted(name) for name in path]) + ("/" if folder else "")
            if node is None:
                yield gone(href)
                continue
            if sight is not None and not sight.reads(node):
                yield self._way.response(node, href)
                continue
            if checksums:
                self._scope.checksums = listing.checksums(self._connection, [node])
            dead = listing.dead(self._connection, node.id) if self._asked.dead else {}
            yield self._renderer.response(node, href, dead)


def truncated(href: str) -> str:
    """There is more; go on from the token (RFC 6578 section 3.6)."""
    return (
        f"<d:response>{xml.href(href)}<d:status>HTTP/1.1 507 Insufficient Storage</d:status>"
        "<d:error><d:number-of-matches-within-limits/></d:error></d:response>"
    )
