"""What has changed in a folder of one's home with what one has received in it (RFC 6578).

The token is a list: how far the home has been told, and each mount by its node and place with how far that has been
told.  A mount that the list does not name, or names at another place, comes as a whole; one that is in the list and
not in the home any more is gone, with everything in it.  Folders above mounts are in the list with the state in which
they were told, since their tags follow what is below them.

No page says of something that it is gone and also what is at the same place now: that is left to the next page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from davshare.errors import Forbidden
from davshare.files import locate, lookup, mounttoken
from davshare.files.guard import Sight
from davshare.files.locate import Place
from davshare.files.mounts import Mounted
from davshare.files.mounttoken import FILE, FOLDER, WAY, HomeToken, Key, Seen, short
from davshare.files.places import Places
from davshare.files.service import Files
from davshare.files.steps import Change
from davshare.files.sync import Changes, beginning
from davshare.index import spaces
from davshare.index.database import Connection
from davshare.model import tokens
from davshare.model.nodes import Node
from davshare.model.people import Actor
from davshare.model.tokens import SyncToken

Way = tuple[str, ...]


class Gone(NamedTuple):
    """A mount that is not at this place below the collection any more."""

    path: Way
    node: int
    folder: bool


class Shown(NamedTuple):
    """A mount that is new, or of which something is other than before."""

    place: Place
    new: bool


class Inside(NamedTuple):
    """Changes below the collection or below a mount; they have to be iterated before the next item is asked for."""

    place: Place
    changes: Changes
    told: Iterator[Change]


class Above(NamedTuple):
    """A folder of the home whose tag is another one because of what is in it; ``path`` below the collection."""

    path: Way
    node: Node


Item = Gone | Shown | Inside | Above


def concerns(place: Place, text: str) -> bool:
    """Whether a report on a folder is about what was received, too: now, or when its token was given out."""
    return place.mount.received is None and (mounttoken.is_one(text) or place.holds_received)


def spaces_of(place: Place) -> list[int]:
    """Ids of the space of a folder, and of those of what was received in it."""
    below = () if place.mounts is None else place.mounts.below(place.chain[-1].id)
    return sorted({place.space.id, *[each.space.id for each in below]})


def present(files: Files, connection: Connection, place: Place) -> str:
    """The token of somebody who has been told everything."""
    home = lookup.sync_point(files, connection, place)
    return str(_View(files, connection, place, True).token(home, files.etag_of(place)))


class _View:
    """The mounts below a collection, by where they are, and the folders above them."""

    def __init__(self, files: Files, connection: Connection, place: Place, deep: bool) -> None:
        self.epoch = files.epoch
        self.mounts: dict[Key, tuple[Way, Mounted, Place]] = {}
        self.folders: dict[Key, tuple[Way, Node]] = {}
        seen, depth = place.mounts, len(place.chain)
        for each in () if seen is None else seen.below(place.chain[-1].id):
            assert seen is not None
            way = seen.ways[each.parent]
            names = tuple(node.name for node in way[depth:])
            for length in range(1, len(names) + 1 if deep else min(1, len(names)) + 1):
                node = way[depth + length - 1]
                self.folders[key_of(node.id, names[:length])] = names[:length], node
            if deep or not names:
                folder = locate.Place(place.mount, tuple(way), (), True, False, place.rights, None)
                self.mounts[key_of(each.node.id, (*names, each.name))] = (*names, each.name), each, folder
        self._tags = {key: short(seen.etag(self.epoch, node)) for key, (_, node) in self.folders.items() if seen}
        self.heads = spaces.heads(connection, sorted({each.space.id for _, each, _ in self.mounts.values()}))

    def state(self, key: Key) -> str:
        """A text for what would be told of a mount or folder itself."""
        return self._tags[key] if key in self._tags else short(self.mounts[key][1].state)

    def now(self, key: Key) -> Seen:
        """A mount that has been told as a whole."""
        received = self.mounts[key][1]
        head = SyncToken(self.epoch, received.space.id, self.heads[received.space.id])
        return Seen(FOLDER if received.node.is_folder else FILE, self.state(key), head)

    def token(self, home: SyncToken, digest: str) -> HomeToken:
        """Everything has been told."""
        trees = {key: self.now(key) for key in self.mounts}
        ways = {key: Seen(WAY, tag, None) for key, tag in self._tags.items()}
        return HomeToken(self.epoch, short(digest), home, {**trees, **ways})


class HomeChanges:
    """What has changed in a folder of a home; iterate once, then read ``token`` and ``truncated``.

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
        place: Place,
        text: str,
        deep: bool = True,
        limit: int | None = None,
    ) -> None:
        self._connection = connection
        self._actor = actor
        self._place = place
        self._deep = deep
        self._left = 1 << 62 if limit is None else limit
        self._view = _View(files, connection, place, deep)
        self._digest = short(files.etag_of(place))
        self._since = self._parsed(text)
        self._head = lookup.sync_point(files, connection, place)
        #: What the next report will have been told.
        self._told: dict[Key, Seen] = dict(self._since.seen)
        self._gone: set[Way] = set()
        self.truncated = False
        self.home: SyncToken | None = self._since.home
        #: Every space that was looked at.
        self.spaces = {place.space.id, *self._view.heads}

    @property
    def token(self) -> str:
        """From which to go on."""
        if self.home is None:
            raise Forbidden("The sync token is not valid any more; begin anew.", condition="valid-sync-token")
        if not self.truncated and not self._told:
            return str(self.home)
        return str(HomeToken(self._view.epoch, "" if self.truncated else self._digest, self.home, self._told))

    def seen(self, node: int) -> bool:
        """Whether a mount of a node is somewhere below the collection now."""
        return any(number == node for number, _ in self._view.mounts)

    def _parsed(self, text: str) -> HomeToken:
        epoch = self._view.epoch
        if not text:
            return HomeToken(epoch, "", None, {})
        if mounttoken.is_one(text):
            return mounttoken.parse(text, epoch)
        home = tokens.parse(text)
        if home is None:
            raise Forbidden("The sync token is none of ours.", condition="valid-sync-token")
        return HomeToken(epoch, "", home, {})

    def __iter__(self) -> Iterator[Item]:
        if self._since.digest == self._digest:
            # Nothing: what else has happened in the spaces need not be looked through the next time.
            assert self._since.home is not None
            self._told.update((key, self._view.now(key)) for key in self._view.mounts)
            self.home = self._head
            return
        yield from self._ended()
        if not self.truncated:
            yield from self._home()
        if not self.truncated:
            yield from self._ways()
            for key in sorted(self._view.mounts, key=lambda key: self._view.mounts[key][0]):
                yield from self._mount(key)

    def _take(self) -> bool:
        """Whether one more may be told."""
        if self._left:
            self._left -= 1
            return True
        self.truncated = True
        return False

    def _counted(self, changes: Changes) -> Iterator[Change]:
        for change in changes:
            self._left -= 1
            yield change

    # -- what is gone -------------------------------------------------------------------------

    def _ended(self) -> Iterator[Item]:
        """Mounts that are not where they were told, and those that have to be told anew."""
        places = Places(self._connection, self._place.space.id, self._place.chain[-1])
        taken = {path for path, _, _ in self._view.mounts.values()}
        for key, seen in list(self._told.items()):
            if seen.kind == WAY or self._goes_on(key, seen):
                continue
            if not self._take():
                return
            path = mounttoken.path_of(key)
            del self._told[key]
            yield Gone(path, key[0], seen.kind != FILE)
            if path in taken or places.at(path) is not None:
                self.truncated = True

    def _goes_on(self, key: Key, seen: Seen) -> bool:
        """Whether a mount is where it was, and its follower may go on from where they are."""
        if key not in self._view.mounts:
            return False
        if seen.kind == FILE or not self._deep or seen == self._view.now(key) or self._is_quiet(key, seen):
            return True
        try:
            self._changes(self._placed(key), seen.token, None)
        except Forbidden:
            return False
        return True

    def _is_quiet(self, key: Key, seen: Seen) -> bool:
        """Whether nothing has changed in a mount that had been told as a whole."""
        return seen.kind == FOLDER and seen.state == self._view.state(key)

    def _placed(self, key: Key) -> Place:
        _, received, folder = self._view.mounts[key]
        return locate.at_mount(self._connection, self._actor, folder, received)

    # -- the home -----------------------------------------------------------------------------

    def _home(self) -> Iterator[Item]:
        """What is real; what is gone of it takes along what was told below it."""
        if not self._left:
            self.truncated = True
            return
        place, since = self._place, self._since.home
        changes = Changes(self._connection, self._view.epoch, place.chain, since, self._deep, self._left)
        yield Inside(place, changes, self._noted(changes))
        self.truncated = self.truncated or changes.truncated
        self.home = changes.token

    def _noted(self, changes: Changes) -> Iterator[Change]:
        for change in self._counted(changes):
            key = key_of(change.id if change.node is None else change.node.id, change.path)
            if change.node is None:
                self._gone.add(change.path)
                for known in [known for known in self._told if _is_at(mounttoken.path_of(known), change.path)]:
                    del self._told[known]
            elif key in self._view.folders:
                self._told[key] = Seen(WAY, self._view.state(key), None)
            else:
                self._told.pop(key, None)  # no way to anything any more, and told as such
            yield change

    def _ways(self) -> Iterator[Item]:
        """Folders whose tags have changed by what is below them."""
        places = Places(self._connection, self._place.space.id, self._place.chain[-1])
        for key, (path, node) in self._view.folders.items():
            now = Seen(WAY, self._view.state(key), None)
            if self._told.get(key) != now and self._take():
                self._told[key] = now
                yield Above(path, node)
        for key in [key for key, seen in self._told.items() if seen.kind == WAY and key not in self._view.folders]:
            path = mounttoken.path_of(key)
            there = places.at(path)
            if there is not None and there.id == key[0]:
                if not self._take():
                    continue
                yield Above(path, there)
            del self._told[key]

    # -- what was received --------------------------------------------------------------------

    def _mount(self, key: Key) -> Iterator[Item]:
        path, received, _ = self._view.mounts[key]
        seen, now = self._told.get(key), self._view.now(key)
        if seen is not None and self._is_quiet(key, seen):
            self._told[key] = now
            return
        if seen is None and any(_is_at(path, gone) for gone in self._gone):
            self.truncated = True
            return
        place: Place | None = None
        if seen is None or seen.state != now.state:
            if not self._take():
                return
            place = self._placed(key)
            yield Shown(place, seen is None)
        if not received.node.is_folder or not self._deep:
            self._told[key] = now
            return
        assert now.token is not None
        since = now.token._replace(cursor=beginning(received.node.id, now.token.seq)) if seen is None else seen.token
        self._told[key] = Seen(mounttoken.PART, now.state, since)
        if not self._left:
            self.truncated = True
            return
        place = place or self._placed(key)
        changes = self._changes(place, since, self._left, new=seen is None)
        yield Inside(place, changes, self._counted(changes))
        self.truncated = self.truncated or changes.truncated
        self._told[key] = Seen(mounttoken.PART if changes.truncated else FOLDER, now.state, changes.token)

    def _changes(self, place: Place, since: SyncToken | None, limit: int | None, new: bool = False) -> Changes:
        """What has changed in a mount.

        :raises Forbidden: the follower has to begin anew.
        """
        assert since is not None
        sight: Sight | None = place.sight
        if not new:
            sight = lookup.followed(self._connection, self._actor, place, since)
        return Changes(self._connection, self._view.epoch, place.chain, since, True, limit, sight)


def key_of(node: int, path: Sequence[str]) -> Key:
    """By what a token names a mount or a folder."""
    return node, quote("/".join(path), safe="/")


def _is_at(path: Way, above: Way) -> bool:
    """Whether a path is another one, or below it."""
    return path[: len(above)] == above
