"""sync-collection on the collections that the server makes up, as text (RFC 6578)."""

from __future__ import annotations

from collections.abc import Iterator

from davshare.dav.exchange import Exchange
from davshare.dav.propfind import Listing
from davshare.dav.render import Asked, gone
from davshare.dav.treesync import TreeReport, truncated
from davshare.files.context import Connection
from davshare.files.view import Virtual
from davshare.files.viewsync import Ended, Shown, ViewChanges
from davshare.model import names


class ViewReport:
    """The responses of one report on a virtual collection."""

    def __init__(self, x: Exchange, connection: Connection, target: Virtual, asked: Asked) -> None:
        self._x = x
        self._connection = connection
        self._target = target
        self._asked = asked
        self._listing = Listing(x, connection, asked, "0")

    def parts(self, text: str, deep: bool, limit: int | None) -> Iterator[str]:
        """One response a change, the note that there is more, and the token.

        :raises Forbidden: the token is not usable (``valid-sync-token``).
        """
        x = self._x
        changes = ViewChanges(x.files, self._connection, x.actor, self._target, text, deep, limit)
        for item in changes:
            if isinstance(item, Ended):
                yield gone(f"{names.href(self._target.segments, True)}{item.key}/")
            elif isinstance(item, Shown):
                yield from self._listing.members_of([item.target])
            else:
                yield from TreeReport(x, self._connection, item.place, self._asked).members(item.told)
        if changes.truncated:
            yield truncated(self._target.href)
        yield f"<d:sync-token>{changes.token}</d:sync-token>"
        x.told.update({seen.token.space: seen.token.seq for seen in changes.token.trees.values() if seen.token.space})
