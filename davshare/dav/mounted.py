"""What was received, as members of a folder in the home of its receiver.

Each has an owner, rights and locks of its own; all of them together cost a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from davshare.dav.exchange import Exchange
from davshare.dav.render import Asked, Renderer
from davshare.dav.scope import Known, Scope
from davshare.dav.xml import DAV, OC, Name
from davshare.files import listing, locate, lookup
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.mounts import Mounted
from davshare.model import names
from davshare.sharing.kinds import Kinds

_CHECKSUMS, _TYPES, _TOKEN = (OC, "checksums"), (OC, "share-types"), (DAV, "sync-token")


class MountPage:
    """Writes the response of one mount after the other."""

    def __init__(self, x: Exchange, connection: Connection, asked: Asked, minimal: bool) -> None:
        self._x = x
        self._connection = connection
        self._asked = asked
        self._minimal = minimal
        #: Whether there are locks on any of them.
        self.locked = False

    def texts(self, folder: Place, received: Sequence[Mounted], base: str) -> Iterator[str]:
        """One response for each mount in a folder of the home, whose href is ``base``."""
        connection, asked = self._connection, self._asked
        found = [each.node for each in received]
        dead = listing.dead_of(connection, found) if asked.dead else {}
        checksums = listing.checksums(connection, found) if asked.wants(_CHECKSUMS) else {}
        locks = listing.locks_on(connection, {node.id for each in received for node in each.chain})
        known = self._known(received)
        nothing: Mapping[Name, str] = {}
        for each in received:
            place = locate.mount_root(folder, each)
            on = [lock for lock in locks if any(node.id == lock.node for node in each.chain)]
            self.locked = self.locked or bool(on)
            scope = Scope(
                self._x.files, connection, self._x.actor, place, listing.Locks(connection, place, on),
                each.chain[:-1], checksums, known,
            )  # fmt: skip
            node = each.shown
            href = f"{base}{names.quoted(node.name)}/" if node.kind else base + names.quoted(node.name)
            yield Renderer(scope, asked, self._minimal).response(node, href, dead.get(node.id, nothing))

    def _known(self, received: Sequence[Mounted]) -> Known:
        """What would else be looked up for each of them."""
        wanted = self._asked.names if self._asked.kind != "propname" else ()
        kinds = None
        if _TYPES in wanted:
            kinds = Kinds(self._connection, self._x.actor)
            kinds.learn([each.node for each in received])
        found = {each.space.id: each.space for each in received}
        heads = lookup.heads_of(self._connection, list(found)) if _TOKEN in wanted else {}
        return Known(listing.owners(self._connection, found.values()), kinds, heads)
