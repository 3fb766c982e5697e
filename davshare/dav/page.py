"""The members of one folder, of which only those are written anew that have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from davshare.dav.answers import CLOCKED, tells_locks
from davshare.dav.exchange import Exchange
from davshare.dav.render import Asked, Renderer
from davshare.dav.scope import Scope
from davshare.dav.xml import DAV, OC, Name
from davshare.files import listing
from davshare.files.context import Connection
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.nodes import Node

CHECKSUMS = (OC, "checksums")
#: Values that may change without an entry in the journal for the member.
_LOOSE = CLOCKED | {(DAV, "sync-token")}


class Page:
    """How one PROPFIND writes the members of one folder after the other."""

    def __init__(
        self, x: Exchange, connection: Connection, scope: Scope, renderer: Renderer, asked: Asked, learnt: int
    ) -> None:
        self._x = x
        self._learnt = learnt
        self._connection = connection
        self._scope = scope
        self._renderer = renderer
        self._asked = asked
        self._checked = asked.wants(CHECKSUMS)
        self._dead: Mapping[int, Mapping[Name, str]] | None = None
        self._href = ""

    @property
    def lasts(self) -> bool:
        """Whether what is written of a member is true until the member changes.

        It is not where grants make a difference between one member and the
        next, and where somebody has a lock and locks are asked for.
        """
        place, asked = self._scope.place, self._asked
        plain = place.sight is None and place.passages is None and bool(place.rights & Permission.READ)
        # Folders above what was received change with it.
        plain = plain and not (place.mounts is not None and place.holds_received)
        locked = bool(self._scope.locks) and tells_locks(asked)
        # Numbers of before the snapshot: one that was raised meanwhile must not stand for what is older than it.
        known = self._x.actor.generation > 0 and (self._learnt >= 0 or not self._checked)
        return plain and known and not locked and asked.kind != "propname" and _LOOSE.isdisjoint(asked.names)

    def texts(self, way: tuple[Node, ...], href: str) -> Iterator[str]:
        """One response for each member of the last folder of ``way``."""
        x, folder = self._x, way[-1]
        self._scope.above = way
        self._href = href
        self._dead = None
        places = tuple([node.place_seq for node in way])
        learnt = self._learnt if self._checked else 0
        who = (x.actor.user, x.actor.generation, self._scope.place.rights)
        key = (who, folder.id, places, href, self._asked, x.prefers("return=minimal"), learnt)
        return x.files.written.members(self._connection, key, folder, self)

    def write(self, found: Sequence[Node], whole: bool) -> Iterator[str]:
        """Responses for some members, or for all of a folder: a fixed number of statements."""
        dead = self._told_besides(found, whole)
        respond, quoted, base = self._renderer.response, names.quoted, self._href
        nothing: Mapping[Name, str] = {}
        for node in found:
            href = f"{base}{quoted(node.name)}/" if node.kind else base + quoted(node.name)
            yield respond(node, href, dead.get(node.id, nothing) if dead else nothing)

    def _told_besides(self, found: Sequence[Node], whole: bool) -> Mapping[int, Mapping[Name, str]]:
        """Dead properties; checksums go to the scope."""
        connection, folder = self._connection, self._scope.above[-1].id
        if not whole:
            if self._checked:
                self._scope.checksums = listing.checksums(connection, found)
            return listing.dead_of(connection, found) if self._asked.dead else {}
        if self._dead is None:
            self._dead = listing.dead_of_members(connection, folder) if self._asked.dead else {}
            if self._checked:
                self._scope.checksums = listing.checksums_of_members(connection, folder)
        return self._dead
