"""sync-collection on folders of one's home with what one has received in them, as text (RFC 6578 section 3)."""

from __future__ import annotations

from collections.abc import Iterator

from davshare.dav.exchange import Exchange
from davshare.dav.propfind import Listing
from davshare.dav.render import Asked, gone
from davshare.dav.treesync import TreeReport, truncated
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.mountsync import Above, Gone, HomeChanges, Shown
from davshare.files.steps import Change
from davshare.model import names


class HomeReport:
    """The responses of one report."""

    def __init__(self, x: Exchange, connection: Connection, place: Place, asked: Asked) -> None:
        self._x = x
        self._connection = connection
        self._place = place
        self._asked = asked
        self._listing = Listing(x, connection, asked, "0")
        self._home = TreeReport(x, connection, place, asked)

    def parts(self, text: str, deep: bool, limit: int | None) -> Iterator[str]:
        """One response a change, the note that there is more, and the token.

        :raises Forbidden: the token is not usable (``valid-sync-token``).
        """
        x, place = self._x, self._place
        changes = HomeChanges(x.files, self._connection, x.actor, place, text, deep, limit)
        for item in changes:
            if isinstance(item, Gone):
                yield gone(names.href((*place.segments, *item.path), item.folder))
            elif isinstance(item, Shown):
                yield from self._listing.members_of([item.place])
            elif isinstance(item, Above):
                yield from self._home.members([Change(item.path, item.node, True)])
            elif item.place is place:
                yield from self._home.members(item.told)
            else:
                yield from TreeReport(x, self._connection, item.place, self._asked).members(item.told)
        if changes.truncated:
            yield truncated(place.href)
        yield f"<d:sync-token>{changes.token}</d:sync-token>"
        if changes.home is not None:
            x.told[place.space.id] = changes.home.seq
