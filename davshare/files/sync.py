"""What has changed since a token, read from the journal (RFC 6578).

A follower who has read all entries up to some number knows a part of the tree
as it was then, and nothing else; whatever is missing or stale in its picture
has a later entry.  Each entry is answered with what is true *now*:

0. the place that a node has left is gone, unless something stands there again;
1. the node itself, if this is its last entry, or the one that brought it to its place;
2. folders above it whose ETag this entry was the last to change;
3. for a folder that came as a whole, everything below it;
4. (without a token) everything there is.

An entry that says that somebody's access has changed is answered to that one
only: with what is there now, as if it had just come, or with its end.

What a later entry brings as a whole is left to that entry.  A page may end
after any of these; its token says where.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain as chain_of

from davshare.errors import Forbidden
from davshare.files.guard import Sight
from davshare.files.places import Places
from davshare.files.steps import ABOVE, BELOW, FIRST, LEFT, SELF, Change, Step, known
from davshare.index import journal, nodes, spaces
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.journal import Entry, Kind
from davshare.model.nodes import Node
from davshare.model.tokens import Cursor, SyncToken


def beginning(collection: int, seq: int) -> Cursor:
    """The cursor of a first report that has not told anything yet."""
    return Cursor(FIRST, collection, seq)


class Changes:
    """The members of one collection that have changed; iterate once, then read ``token`` and ``truncated``.

    :param chain: the nodes from the root of the space to the collection.
    :param since: the token; None for everything.
    :param deep: all levels, or direct members only.
    :param limit: the most changes to give.
    :param sight: what the follower may see; None: everything.
    :raises Forbidden: the token is not usable (``valid-sync-token``); the follower has to begin anew.
    """

    def __init__(
        self,
        connection: Connection,
        epoch: int,
        chain: Sequence[Node],
        since: SyncToken | None,
        deep: bool,
        limit: int | None,
        sight: Sight | None = None,
    ) -> None:
        self._connection = connection
        self._sight = sight
        self._collection = chain[-1]
        self._space = chain[0].space
        self._places = Places(connection, self._space, self._collection)
        self._epoch = epoch
        self._deep = deep
        self._limit = limit
        self._head, floor = spaces.head_and_floor(connection, self._space)
        self._sent: set[int] = set()
        self._gone: set[tuple[tuple[str, ...], bool]] = set()
        if since is not None:
            self._check(since, floor, chain)
        self._since = since
        #: The last change of the follower's access to a node.
        self._access = {} if sight is None or since is None else _access(connection, self._space, since.seq, sight)
        #: What holds the things that the follower was granted, and held them when they were told everything.
        self._ways: dict[int, set[int]] | None = None
        #: What the follower had read before the entry that is being answered.
        self._left_since = 0
        self.truncated = False
        self.token = SyncToken(epoch, self._space, self._head)

    def _check(self, since: SyncToken, floor: int, chain: Sequence[Node]) -> None:
        """The token must be ours, of this space, neither too old nor from the future, and of this collection."""
        arrived = max(node.place_seq for node in chain)
        ours = since.epoch == self._epoch and since.space == self._space
        if not ours or not max(floor, arrived) <= known(since) <= since.seq <= self._head:
            raise Forbidden("The sync token is not valid any more; begin anew.", condition="valid-sync-token")

    def __iter__(self) -> Iterator[Change]:
        last: tuple[int, Step] | None = None
        for given, (seq, step) in enumerate(self._seen()):
            if self._limit is not None and given >= self._limit:
                assert last is not None
                self.truncated = True
                self.token = self._token_after(last, seq)
                return
            yield step.told()
            last = (seq, step)

    def seen(self, number: int) -> bool:
        """Whether a node is somewhere in the collection now, where the follower can see it."""
        path = self._places.path_of(nodes.chain(self._connection, number))
        return bool(path) and (self._sight is None or self._sight.shows(path[-1]))

    def _seen(self) -> Iterator[tuple[int, Step]]:
        """The steps that the follower may know of."""
        if self._sight is None:
            return self._steps()
        return ((seq, step) for seq, step in self._steps() if self._shown(seq, step))

    def _shown(self, seq: int, step: Step) -> bool:
        sight, change = self._sight, step.change
        assert sight is not None
        if change.node is not None:
            return sight.shows(change.node)
        above = self._places.existing(change.path[:-1])
        if sight.shows(above[-1]) and not sight.reads(above[-1]) and step.node not in self._access:
            # Of what is in folders that lead somewhere, they knew the way.
            return sight.leads(step.node)
        # What cannot be seen just now may have been seen until then, and be seen again when that is told.
        return sight.shows(above[-1]) or any(self._access.get(node.id, 0) >= seq for node in above)

    def _token_after(self, last: tuple[int, Step], following: int) -> SyncToken:
        seq, step = last
        if seq < following:
            return SyncToken(self._epoch, self._space, seq)
        if step.stage == FIRST:
            return SyncToken(self._epoch, self._space, seq, Cursor(FIRST, step.key, seq))
        moment = self._left_since if step.stage == LEFT else self._head
        return SyncToken(self._epoch, self._space, seq - 1, Cursor(step.stage, step.key, moment))

    def _steps(self) -> Iterator[tuple[int, Step]]:
        """Every step with the number of the entry that it belongs to."""
        since = self._since
        if since is None:
            yield from self._everything(self._head, ())
            return
        cursor = since.cursor
        if cursor is not None and cursor.stage == FIRST:
            where = self._places.path_at(cursor.key, cursor.head)
            yield from self._everything(since.seq, [names.key(name) for name in where or ()])
            cursor = None
        for entry in journal.since(self._connection, self._space, since.seq):
            if cursor is not None and cursor.stage == BELOW:
                yield from self._below(entry, cursor)
            else:
                yield from self._of_entry(entry, since.seq, cursor)
            cursor = None

    def _everything(self, seq: int, after: Sequence[str]) -> Iterator[tuple[int, Step]]:
        """The whole collection, from a place on; what came after ``seq`` has entries that tell of it."""
        for path, node in self._walk(self._collection.id, (), seq, after):
            if self._once(node, seq):
                yield seq, Step(Change(path, node, node.is_folder), FIRST, node.id)

    # -- one entry -------------------------------------------------------------------------

    def _of_entry(self, entry: Entry, since: int, cursor: Cursor | None) -> Iterator[tuple[int, Step]]:
        stage = -1 if cursor is None else cursor.stage
        if entry.old_parent and stage <= LEFT and not self._was_hidden(entry):
            self._left_since = cursor.head if cursor is not None and stage == LEFT else since
            for change, key in self._left(entry, since, cursor):
                yield entry.seq, Step(change, LEFT, key)
        path = self._places.path_of(nodes.chain(self._connection, entry.node))
        if not path and stage < SELF and self._access.get(entry.node) == entry.seq:
            was = self._places.path_at(entry.node, entry.seq)
            if was and (self._deep or len(was) == 1) and not self._stands(was):
                change = Change(was, None, bool(entry.deep))
                if self._first(change):
                    yield entry.seq, Step(change, SELF, entry.node)
        if path and stage < SELF:
            if self._lost(entry, path):
                change = self._end_of(path)
                if (self._deep or len(change.path) == 1) and self._first(change):
                    yield entry.seq, Step(change, SELF, entry.node)
            elif self._tells(entry, path):
                yield entry.seq, Step(self._change(path), SELF, entry.node, entry.kind)
        yield from self._above(entry, path, cursor.key if cursor is not None and stage == ABOVE else 0)
        if entry.deep and self._deep and self._arrived(entry, path):
            yield from self._below(entry, None)

    def _lost(self, entry: Entry, path: list[Node]) -> bool:
        """Whether the follower may not know of a node any more since this entry."""
        if self._sight is None or self._access.get(entry.node) != entry.seq:
            return False
        return not self._sight.shows(path[-1])

    def _end_of(self, path: list[Node]) -> Change:
        """The end of what cannot be seen, with the folders that only led to it."""
        last = 1
        while last < len(path) and self._sight is not None and self._sight.shows(path[last - 1]):
            last += 1
        return Change(tuple(node.name for node in path[:last]), None, path[last - 1].is_folder)

    def _tells(self, entry: Entry, path: list[Node]) -> bool:
        """Whether the node itself is to be told with this entry."""
        node = path[-1]
        if not self._deep and len(path) > 1:
            return False
        if entry.seq not in (node.seq, node.place_seq) or self._comes_later(entry, path[:-1]):
            return False
        return self._once(node, entry.seq)

    def _arrived(self, entry: Entry, path: list[Node]) -> bool:
        """Whether the entry brought its node, with all below, to where it is now."""
        if not path or self._comes_later(entry, path):
            return False
        return path[-1].place_seq == entry.seq or (
            entry.kind == Kind.ACCESS and self._access.get(entry.node) == entry.seq
        )

    def _comes_later(self, entry: Entry, above: Sequence[Node]) -> bool:
        """Whether a later entry brings one of these folders as a whole."""
        return any(node.place_seq > entry.seq or self._access.get(node.id, 0) > entry.seq for node in above)

    def _above(self, entry: Entry, path: list[Node], told: int) -> Iterator[tuple[int, Step]]:
        """Folders whose ETag this entry was the last to change; the one with the id ``told`` was the last told."""
        chains = [path[:-1]]
        if entry.old_parent:
            chains.append(self._places.path_of(nodes.chain(self._connection, entry.old_parent)))
        found: list[list[Node]] = []
        for chain in chains:
            for length in range(1, len(chain) + 1 if self._deep else min(1, len(chain)) + 1):
                if self._comes_later(entry, chain[length - 1 : length]):
                    break
                found.append(chain[:length])
        ids = [each[-1].id for each in found]
        for each in found[ids.index(told) + 1 if told in ids else 0 :]:
            if each[-1].stamp == entry.seq and self._once(each[-1], 0):
                yield entry.seq, Step(self._change(each), ABOVE, each[-1].id)

    def _below(self, entry: Entry, cursor: Cursor | None) -> Iterator[tuple[int, Step]]:
        """Everything below a folder that came as a whole."""
        path = self._places.path_of(nodes.chain(self._connection, entry.node))
        if not self._arrived(entry, path):
            return
        base = tuple(node.name for node in path)
        after: list[str] = []
        if cursor is not None:
            where = self._places.path_at(cursor.key, cursor.head)
            after = [names.key(name) for name in (where or ())[len(base) :]]
        for below, node in self._walk(entry.node, base, entry.seq, after):
            if self._ended(entry, path[-1], node):
                change = Change(below, None, node.is_folder)
                if self._first(change):
                    yield entry.seq, Step(change, BELOW, node.id)
            elif self._once(node, entry.seq):
                yield entry.seq, Step(Change(below, node, node.is_folder), BELOW, node.id, entry.kind)

    def _ended(self, entry: Entry, top: Node, node: Node) -> bool:
        """Whether a node went out of sight with ``top``, of which only the way to something else is left."""
        if self._sight is None or entry.kind != Kind.ACCESS or self._sight.reads(top):
            return False
        return not self._sight.shows(node) and not self._never_seen(node.id)

    def _once(self, node: Node, seq: int) -> bool:
        """Whether a node has not been told yet; remembered only where an entry after ``seq`` would tell it again."""
        if node.id in self._sent:
            return False
        if max(node.seq, node.stamp) > seq:
            self._sent.add(node.id)
        return True

    def _walk(
        self, folder: int, base: tuple[str, ...], seq: int, after: Sequence[str]
    ) -> Iterator[tuple[tuple[str, ...], Node]]:
        """Everything below a folder that came to its place by ``seq``, in the order of names, from ``after`` on."""
        passed = tuple(after)
        stack = [(self._from(folder, passed[:1]), base, passed)]
        while stack:
            members, above, passed = stack[-1]
            node = next(members, None)
            if node is None:
                stack.pop()
                continue
            if node.place_seq > seq or self._access.get(node.id, 0) > seq:
                continue
            path = (*above, node.name)
            told = passed[:1] == (names.key(node.name),)
            if not told:
                yield path, node
            if node.is_folder and self._deep:
                rest = passed[1:] if told else ()
                stack.append((self._from(node.id, rest[:1]), path, rest))

    def _from(self, folder: int, start: tuple[str, ...]) -> Iterator[Node]:
        """Members of a folder; from the name ``start`` on, if there is one."""
        if not start:
            return iter(nodes.each_child(self._connection, folder))
        first = nodes.child(self._connection, folder, start[0])
        rest = nodes.children_after(self._connection, folder, start[0])
        return rest if first is None else chain_of([first], rest)

    # -- places that were left ---------------------------------------------------------------

    def _left(self, entry: Entry, since: int, cursor: Cursor | None) -> Iterator[tuple[Change, int]]:
        """What is gone with this entry: at the place that a follower who stopped at ``since`` knows the node from,
        and at the place that it left just now.

        The second matters to a follower who was not told of something gone
        because something else stood in its place by then.  Keys are node
        ids times two, odd in the second part.
        """
        resumed = cursor if cursor is not None and cursor.stage == LEFT else None
        if resumed is not None:
            since = resumed.head
        old = (entry.old_parent, entry.old_name)
        moments: list[tuple[int, int]] = []
        if journal.place_before(self._connection, self._space, entry.node, since) == old:
            moments.append((0, since))
        if entry.seq - 1 != since:
            moments.append((1, entry.seq - 1))
        for part, moment in moments:
            if resumed is not None and part < resumed.key % 2:
                continue
            passed = None
            if resumed is not None and part == resumed.key % 2:
                passed = _order(self._places.path_at(resumed.key // 2, moment) or ())
            path = self._places.path_at(entry.node, moment)
            if not path or (not self._deep and len(path) > 1):
                continue
            folder = bool(entry.deep)
            for change, node in self._compare(entry.node, path, folder, moment, folder):
                if (passed is None or _order(change.path) > passed) and self._first(change):
                    yield change, node * 2 + part
        if self._sight is not None and self._sight.told_of(entry.node):
            above = self._places.path_of(nodes.chain(self._connection, entry.old_parent or 0))
            if above and not self._sight.shows(above[-1]) and self._first(self._end_of(above)):
                yield self._end_of(above), entry.node * 2 + 1

    def _first(self, gone: Change) -> bool:
        """Whether this end has not been told yet; it counts as told now."""
        key = (gone.path, gone.folder)
        if key in self._gone:
            return False
        self._gone.add(key)
        return True

    def _never_seen(self, node: int) -> bool:
        """Whether what is gone was kept from the follower all the time."""
        return node not in self._access and self._hides(node)

    def _hides(self, node: int) -> bool:
        """Whether it is sure that the follower did not know of a node: it says so, and led to nothing of theirs."""
        if self._sight is None or not self._sight.hides(node):
            return False
        if self._ways is None:
            self._ways = self._places.ways(self._sight.goals, self._head if self._since is None else known(self._since))
        return not any(node in way for goal, way in self._ways.items() if goal != node)

    def _was_hidden(self, entry: Entry) -> bool:
        """Whether the folder that a node has left was kept from the follower then; gone itself or not."""
        if self._sight is None or not entry.old_parent:
            return False
        above = nodes.chain(self._connection, entry.old_parent)
        return any(self._access.get(each.id, 0) < entry.seq and self._hides(each.id) for each in above)

    def _compare(
        self, node: int, path: tuple[str, ...], descend: bool, since: int, folder: bool
    ) -> Iterator[tuple[Change, int]]:
        """What stood at ``path`` and below it after ``since``, and does not stand there now."""
        if self._never_seen(node):
            return
        now = self._stands(path)
        if now is None:
            yield Change(path, None, folder), node
        elif descend and self._deep and now.id != node:
            members = self._places.members_at(node, since)
            for name in sorted(members, key=names.key):
                child = nodes.get(self._connection, members[name])
                inner = child is not None and child.is_folder
                yield from self._compare(members[name], (*path, name), inner, since, inner)

    def _stands(self, path: Sequence[str]) -> Node | None:
        """What the follower can see at a path below the collection now."""
        now = self._places.at(path)
        return now if now is None or self._sight is None or self._sight.shows(now) else None

    @staticmethod
    def _change(path: list[Node]) -> Change:
        return Change(tuple(node.name for node in path), path[-1], path[-1].is_folder)


def _access(connection: Connection, space: int, seq: int, sight: Sight) -> dict[int, int]:
    """The last change after entry ``seq`` of what somebody may do, by node."""
    found: dict[int, int] = {}
    for node, last, principal in journal.access(connection, space, seq):
        if sight.concerns(principal):
            found[node] = max(last, found.get(node, 0))
    return found


def _order(path: Sequence[str]) -> list[str]:
    return [names.key(name) for name in path]
