"""What has changed in a collection that the server makes up (RFC 6578).

Its token is a list: how far each tree below has been read, and a digest of
everything else.  A tree that the list does not name has not been told yet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from davshare.errors import Forbidden
from davshare.files import lookup, view
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.files.steps import Change
from davshare.files.sync import Changes, beginning
from davshare.files.view import Virtual
from davshare.index.database import Connection
from davshare.model import tokens
from davshare.model.people import Actor
from davshare.model.tokens import SyncToken

_FORM = re.compile(r"urn:davshare:view:([0-9a-f]{1,16})-([0-9a-f]{0,24})((?:,[^,\s]{1,1200})*)\Z").match
_SYNC = "urn:davshare:sync:"
#: What stands behind the key of a tree where its entity tag was told, and in no key.
_TAG = ";"
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


def state(files: Files, connection: Connection, actor: Actor, virtual: Virtual) -> str:
    """Everything that the members' ETags say, as one short text."""
    return _state(files, connection, actor, view.members(connection, actor, virtual))


def _state(files: Files, connection: Connection, actor: Actor, members: Iterable[view.Target]) -> str:
    parts: list[str] = []
    for member in members:
        if isinstance(member, Place):
            parts.append(f"{member.href} {files.etag_of(member)}")
        else:
            parts.append(f"{member.href} {state(files, connection, actor, member)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


class Ended(NamedTuple):
    """A tree that is not seen any more; ``key`` says where it was, quoted and below the collection."""

    key: str


class Shown(NamedTuple):
    """A member that is new, or of which something is other than before."""

    target: view.Target
    new: bool


class Inside(NamedTuple):
    """Changes below a member; they have to be iterated before the next item is asked for."""

    place: Place
    changes: Changes
    told: Iterator[Change]


Item = Ended | Shown | Inside


class _Budget:
    """How many items may still be told, and whether some had to be left out."""

    def __init__(self, limit: int | None) -> None:
        self.left = 1 << 62 if limit is None else limit
        self.more = False

    def take(self) -> bool:
        """Whether one more may be told."""
        if self.left:
            self.left -= 1
            return True
        self.more = True
        return False

    def counted(self, changes: Changes) -> Iterator[Change]:
        """The changes, each of which is one."""
        for change in changes:
            self.left -= 1
            yield change


class ViewChanges:
    """What has changed in a virtual collection; iterate once, then read ``token`` and ``truncated``.

    :param text: the token; empty for everything.
    :param deep: all levels, or direct members only.
    :param limit: the most changes to give.
    :raises Forbidden: the token is not usable (``valid-sync-token``).
    """

    def __init__(
        self,
        files: Files,
        connection: Connection,
        actor: Actor,
        target: Virtual,
        text: str,
        deep: bool = True,
        limit: int | None = None,
    ) -> None:
        self._files = files
        self._connection = connection
        self._actor = actor
        self._target = target
        self._deep = deep
        self._budget = _Budget(limit)
        self._since = parse(text, files.epoch) if text else ViewToken(files.epoch, "", {})
        self.truncated = False
        self.token = self._since
        #: The direct members.
        self.members = view.members(connection, actor, target)

    def __iter__(self) -> Iterator[Item]:
        present = _state(self._files, self._connection, self._actor, self.members)
        told: Trees = {}
        if self._since.digest == present:
            told = self._since.trees
        else:
            yield from self._changes(told)
        self.truncated = self._budget.more
        self.token = ViewToken(self._files.epoch, "" if self.truncated else present, told)

    def _changes(self, told: Trees) -> Iterator[Item]:
        """Trees that are not seen any more; then every member, in order."""
        found = list(_below(self._connection, self._actor, self.members, self._deep))
        seen = {_key(self._target, each) for each in found}
        for path, token in self._since.trees.items():
            if path not in seen and not path.endswith(_TAG):
                if self._budget.take():
                    yield Ended(path)
                else:
                    told[path] = token
        for each in found:
            if isinstance(each, Place):
                yield from self._tree(each, told)
            else:
                yield from self._virtual(each, told)

    def _tree(self, place: Place, told: Trees) -> Iterator[Item]:
        """What has changed of one tree and in it."""
        connection, root, budget = self._connection, place.chain[-1], self._budget
        key = _key(self._target, place)
        seen = self._since.trees.get(key)
        now = lookup.sync_point(self._files, connection, place)
        tag, old = _tag(self._files, place), self._since.trees.get(key + _TAG)
        known = -1 if seen is None else seen.token.seq if seen.root is None else seen.root
        if root.stamp > known or tag != old:
            if not budget.take():
                told.update({k: v for k, v in ((key, seen), (key + _TAG, old)) if v is not None})
                return
            yield Shown(place, seen is None)
        if tag is not None:
            told[key + _TAG] = tag
        if seen is not None and seen == Seen(now):
            told[key] = seen
            return
        if not self._deep:
            told[key] = Seen(now)
            return
        sight = place.sight if seen is None else lookup.followed(connection, self._actor, place, seen.token)
        since = now._replace(cursor=beginning(root.id, now.seq)) if seen is None else seen.token
        if not budget.left:
            budget.more = True
            told[key] = Seen(since, root.stamp)
            return
        changes = Changes(connection, self._files.epoch, place.chain, since, True, budget.left, sight)
        yield Inside(place, changes, budget.counted(changes))
        budget.more = budget.more or changes.truncated
        told[key] = Seen(changes.token, root.stamp if changes.truncated else None)

    def _virtual(self, member: Virtual, told: Trees) -> Iterator[Item]:
        """A member that is a view itself."""
        key, old = _key(self._target, member), self._since.trees
        now = _seen(self._files, self._connection, self._actor, member)
        if old.get(key) != now and not self._budget.take():
            if key in old:
                told[key] = old[key]
            return
        if old.get(key) != now:
            yield Shown(member, key not in old)
        told[key] = now


def present(files: Files, connection: Connection, actor: Actor, target: Virtual) -> ViewToken:
    """The token of somebody who has been told everything."""
    trees: Trees = {}
    members = view.members(connection, actor, target)
    for member in _below(connection, actor, members, True):
        if isinstance(member, Place):
            trees[_key(target, member)] = Seen(lookup.sync_point(files, connection, member))
            tag = _tag(files, member)
            if tag is not None:
                trees[_key(target, member) + _TAG] = tag
        else:
            trees[_key(target, member)] = _seen(files, connection, actor, member)
    return ViewToken(files.epoch, _state(files, connection, actor, members), trees)


def _tag(files: Files, place: Place) -> Seen | None:
    """The entity tag of a home in which something was received, likewise: it follows what is in no tree of the view."""
    if not place.holds_received:
        return None
    return Seen(SyncToken(files.epoch, 0, int(hashlib.sha256(files.etag_of(place).encode()).hexdigest()[:15], 16)))


def _seen(files: Files, connection: Connection, actor: Actor, member: Virtual) -> Seen:
    """The state of a view, in the form of a token of no space."""
    return Seen(SyncToken(files.epoch, 0, int(state(files, connection, actor, member)[:15], 16)))


def _below(connection: Connection, actor: Actor, members: Iterable[view.Target], deep: bool) -> Iterator[view.Target]:
    """Members, each followed by its own ones if they are made up, too."""
    for member in members:
        yield member
        if deep and isinstance(member, Virtual):
            yield from _below(connection, actor, view.members(connection, actor, member), deep)


def _key(collection: Virtual, member: view.Target) -> str:
    """Where a member is seen below the collection, in a form that a URI can hold."""
    return quote("/".join(member.segments[len(collection.segments) :]), safe="/")
