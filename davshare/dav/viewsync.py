"""sync-collection on the collections that the server makes up (RFC 6578).

Their token is a list: how far each tree below has been read, and a digest of
everything else.  A tree that the list does not name has not been told yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from davshare.dav import virtual as describe
from davshare.dav.exchange import Exchange
from davshare.dav.propfind import Listing
from davshare.dav.render import Asked, gone
from davshare.dav.treesync import TreeReport, truncated
from davshare.errors import Forbidden
from davshare.files import lookup, view
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.sync import Changes, beginning
from davshare.files.view import Virtual
from davshare.model import names, tokens
from davshare.model.tokens import SyncToken

_FORM = re.compile(r"urn:davshare:view:([0-9a-f]{1,16})-([0-9a-f]{0,24})((?:,[^,\s]{1,1200})*)\Z").match
_SYNC = "urn:davshare:sync:"
_STAMP = re.compile(r"[0-9a-f]{0,16}\Z").match


class Seen(NamedTuple):
    """How far a tree has been told.

    ``root`` is the stamp with which the tree itself was told, while a part of
    its content is still to come.
    """

    token: SyncToken
    root: int | None = None


Trees = dict[str, Seen]


class ViewToken(NamedTuple):
    """A point in the history of a view: ``trees`` by where they are seen."""

    epoch: int
    digest: str
    trees: Trees

    def __str__(self) -> str:
        trees = [
            f",{path}:{'' if seen.root is None else f'{seen.root:x}!'}{str(seen.token).removeprefix(_SYNC)}"
            for path, seen in self.trees.items()
        ]
        return f"urn:davshare:view:{self.epoch:x}-{self.digest}{''.join(trees)}"


def parse(text: str, epoch: int) -> ViewToken:
    """The token that a client sent.

    :raises Forbidden: it is none of ours, or from before a restore (``valid-sync-token``).
    """
    match = _FORM(text)
    if match is None or int(match[1], 16) != epoch:
        raise _invalid()
    trees: Trees = {}
    for part in match[3].split(",")[1:]:
        path, _, rest = part.rpartition(":")
        root, _, rest = rest.rpartition("!")
        token = tokens.parse(_SYNC + rest)
        if token is None or not _STAMP(root):
            raise _invalid()
        trees[path] = Seen(token, int(root, 16) if root else None)
    return ViewToken(epoch, match[2], trees)


def _invalid() -> Forbidden:
    return Forbidden("The sync token is not valid any more; begin anew.", condition="valid-sync-token")


class _Budget:
    """How many responses may still be given, and whether some had to be left out."""

    def __init__(self, limit: int | None) -> None:
        self.left = 1 << 62 if limit is None else limit
        self.more = False

    def take(self) -> bool:
        """Whether one more may be given."""
        if self.left:
            self.left -= 1
            return True
        self.more = True
        return False


class ViewReport:
    """The responses of one report on a virtual collection."""

    def __init__(self, x: Exchange, connection: Connection, target: Virtual, asked: Asked) -> None:
        self._x = x
        self._connection = connection
        self._target = target
        self._asked = asked
        self._listing = Listing(x, connection, asked, "0")

    def parts(self, text: str, deep: bool, limit: int | None) -> Iterator[str]:
        """One response a change, the note that there is more, and the token."""
        epoch = self._x.files.epoch
        since = parse(text, epoch) if text else ViewToken(epoch, "", {})
        present = describe.state(self._x.files, self._connection, self._x.actor, self._target)
        budget = _Budget(limit)
        told: Trees = {}
        if since.digest == present:
            told = since.trees
        else:
            yield from self._changes(since, deep, budget, told)
        if budget.more:
            yield truncated(self._target.href)
        yield f"<d:sync-token>{ViewToken(epoch, '' if budget.more else present, told)}</d:sync-token>"
        self._x.told.update({seen.token.space: seen.token.seq for seen in told.values() if seen.token.space})

    def _changes(self, since: ViewToken, deep: bool, budget: _Budget, told: Trees) -> Iterator[str]:
        """Trees that are not seen any more; then every member, in order."""
        found = list(self._members(self._target, deep))
        seen = {self._key(each) for each in found}
        for path, token in since.trees.items():
            if path not in seen:
                if budget.take():
                    yield gone(self._href_of(path))
                else:
                    told[path] = token
        for each in found:
            if isinstance(each, Place):
                yield from self._tree(each, since.trees, deep, budget, told)
            else:
                yield from self._virtual(each, since.trees, budget, told)

    def _tree(self, place: Place, old: Trees, deep: bool, budget: _Budget, told: Trees) -> Iterator[str]:
        """What has changed of one tree and in it."""
        x, connection, root = self._x, self._connection, place.chain[-1]
        key = self._key(place)
        seen = old.get(key)
        now = lookup.sync_point(x.files, connection, place)
        if seen is not None and seen == Seen(now):
            told[key] = seen
            return
        known = -1 if seen is None else seen.token.seq if seen.root is None else seen.root
        if root.stamp > known:
            if not budget.take():
                if seen is not None:
                    told[key] = seen
                return
            yield from self._listing.members_of([place])
        if not deep:
            told[key] = Seen(now)
            return
        sight = place.sight if seen is None else lookup.followed(connection, x.actor, place, seen.token)
        since = now._replace(cursor=beginning(root.id, now.seq)) if seen is None else seen.token
        if not budget.left:
            budget.more = True
            told[key] = Seen(since, root.stamp)
            return
        changes = Changes(connection, x.files.epoch, place.chain, since, True, budget.left, sight)
        for part in TreeReport(x, connection, place, self._asked).members(changes):
            budget.left -= 1
            yield part
        budget.more = budget.more or changes.truncated
        told[key] = Seen(changes.token, root.stamp if changes.truncated else None)

    def _virtual(self, member: Virtual, old: Trees, budget: _Budget, told: Trees) -> Iterator[str]:
        """A member that is a view itself; its state stands in the list in the form of a token of no space."""
        key = self._key(member)
        state = describe.state(self._x.files, self._connection, self._x.actor, member)
        now = Seen(SyncToken(self._x.files.epoch, 0, int(state[:15], 16)))
        if old.get(key) != now and not budget.take():
            if key in old:
                told[key] = old[key]
            return
        if old.get(key) != now:
            yield from self._listing.members_of([member])
        told[key] = now

    def _members(self, target: Virtual, deep: bool) -> Iterator[view.Target]:
        for member in view.members(self._connection, self._x.actor, target):
            yield member
            if deep and isinstance(member, Virtual):
                yield from self._members(member, deep)

    def _key(self, member: view.Target) -> str:
        """Where a member is seen below the collection, in a form that a URI can hold."""
        return quote("/".join(member.segments[len(self._target.segments) :]), safe="/")

    def _href_of(self, key: str) -> str:
        return f"{names.href(self._target.segments, True)}{key}/"
