"""Where a URL leads, decided once and before anything else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from davshare.errors import Forbidden, NotFound
from davshare.files import guard, mounts
from davshare.files.mounts import Mounted, Mounts
from davshare.index import digests, nodes
from davshare.index.database import Connection
from davshare.index.digests import Digests
from davshare.model import names
from davshare.model.access import Permission, Rights
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor
from davshare.store.base import Path
from davshare.store.local import TRASH

#: Most folders that can lie in each other.
DEEPEST = 200
#: What :func:`os.fsencode` does, which would ask each time what it was given.
_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


@dataclass(frozen=True, slots=True)
class Mount:
    """A node as the root of what is seen below the URL ``base`` (decoded segments).

    ``above``: how many folders there are above that node in its space.
    Something that was ``received`` has an ``outer`` place, the folder in the home of its receiver that holds it there.
    """

    base: tuple[str, ...]
    space: Space
    above: int = 0
    received: Mounted | None = None
    outer: Place | None = None


@dataclass(slots=True)
class Place:
    """One URL of one asker.

    ``chain`` are the nodes from the space's root to the last one that exists,
    ``missing`` the names below it that do not.  ``rights`` are the asker's on
    the last node of the chain.  ``passages`` is None for those who may read
    the last node, otherwise the members that may be shown.  ``sight`` decides
    about everything below; None: all of it is like the last node.
    """

    mount: Mount
    chain: tuple[Node, ...]
    missing: tuple[str, ...]
    slash: bool
    twin: bool
    rights: Rights
    passages: frozenset[int] | None
    sight: guard.Sight | None = None
    #: What a door has prepared for the next reader of the same place.
    ready: object = None
    #: Checksums of the content here, where they were read with the rows.
    digests: Digests | None = None
    #: What the asker has received and sees in this folder of their home, or below it.
    mounts: Mounts | None = None

    @property
    def space(self) -> Space:
        """The space that everything of this place belongs to."""
        return self.mount.space

    @property
    def node(self) -> Node | None:
        """What is here; None when nothing is."""
        return None if self.missing else self.chain[-1]

    @property
    def is_root(self) -> bool:
        """Whether this is the root of its space, or of what was received."""
        return not self.missing and len(self.chain) == self._top

    @property
    def _top(self) -> int:
        """How many nodes lead to the root of the space, or of what was received."""
        return 1 if self.mount.received is None else self.mount.above + 1

    @property
    def received(self) -> Mounted | None:
        """What was received, if just that is here."""
        return self.mount.received if self.is_root else None

    @property
    def holds_received(self) -> bool:
        """Whether it is, or holds anywhere in it, something that the asker has received."""
        if self.mount.received is not None:
            return True
        return self.mounts is not None and not self.missing and bool(self.mounts.below(self.chain[-1].id))

    @property
    def is_open(self) -> bool:
        """Whether it exists, and the asker sees everything that is beside it just as it."""
        return len(self.chain) > 1 and not self.missing and self.sight is None and self.passages is None

    @property
    def folder(self) -> Node | None:
        """The folder that has, or would have, this place as its member; None for roots and below nothing."""
        if self.missing:
            last = self.chain[-1]
            return last if len(self.missing) == 1 and last.is_folder else None
        return self.chain[-2] if len(self.chain) > self._top else None

    @property
    def name(self) -> str:
        """The last segment; as it is stored where it exists."""
        return self.missing[-1] if self.missing else self.seen.name

    @property
    def seen(self) -> Node:
        """The last node that exists, under the name by which the asker sees it."""
        received = self.mount.received
        return received.shown if received is not None and len(self.chain) == self._top else self.chain[-1]

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded segments of the URL."""
        return (*self.mount.base, *[node.name for node in self.chain[self.mount.above + 1 :]], *self.missing)

    @property
    def href(self) -> str:
        """The path for hrefs; folders with a slash at the end."""
        node = self.node
        return names.href(self.segments, node is not None and node.is_folder)

    def href_of(self, chain: Sequence[Node]) -> str:
        """The href of a node of the same space, by the nodes from the root of the space down to it.

        What is not in what was received stands for all that it is in.
        """
        received, depth = self.mount.received, self.mount.above
        if received is not None and (len(chain) <= depth or chain[depth].id != received.node.id):
            return names.href(self.mount.base, received.node.is_folder)
        folder = bool(chain) and chain[-1].is_folder
        return names.href((*self.mount.base, *[node.name for node in chain[depth + 1 :]]), folder)

    @property
    def path(self) -> Path:
        """Where the content is in its store."""
        return disk_path([node.name for node in self.chain[1:]]) + disk_path(self.missing)

    def demand(self, want: Rights) -> None:
        """Return when the asker's rights here hold ``want``.

        :raises NotFound: the asker may not even know that something is here.
        :raises Forbidden: it may be known, not done.
        """
        lacking = want & ~self.rights
        if not lacking:
            return
        if not self.rights & Permission.READ:
            raise NotFound
        above = lacking & (Permission.BIND | Permission.UNBIND) and len(self.segments) > len(self.mount.base)
        href = names.href(self.segments[:-1], True) if above else self.href
        message = "This space is read-only." if self.space.read_only and lacking & ~Permission.READ else None
        raise Forbidden(message, condition="need-privileges", needs=(href, lacking))

    def found(self) -> Node:
        """What is here.

        :raises NotFound: nothing that the asker may know of.
        """
        if self.missing or not (self.rights & Permission.READ or self.passages):
            raise NotFound
        return self.chain[-1]


def member(connection: Connection, fellow: Place, name: str) -> Place | None:
    """A file beside one that :attr:`Place.is_open`: one statement; None where it has to be looked up from the root.

    As folders do: they may hold what was received.
    """
    row = digests.with_child(connection, fellow.chain[-2].id, names.key(name))
    if row is None or row[0].name != name or row[0].is_folder:
        return None
    node, known = row
    return Place(fellow.mount, (*fellow.chain[:-1], node), (), False, False, fellow.rights, None, digests=known)


def disk_path(segments: Sequence[str]) -> Path:
    """Names as the filesystem has them."""
    return tuple([segment.encode(_ENCODING, _ERRORS) for segment in segments])


def enter(connection: Connection, actor: Actor, mount: Mount, segments: Sequence[str], slash: bool) -> Place:
    """Follow ``segments`` below the root of a space, and in one's own home through what one has received.

    :raises NotFound: the space has lost its root.
    """
    place = walk(connection, actor, mount, segments, slash)
    seen = mounts.of(connection, actor, mount.space)
    if seen is None:
        return place
    if not place.missing:
        place.mounts = seen if place.chain[-1].is_folder else None
        return place
    if place.twin or place.missing[1:] == ("",):
        return place
    first, *rest = place.missing
    found = seen.at(place.chain[-1].id, names.key(first))
    if found is None:
        return place
    if found.name != first:
        place.twin = True
        return place
    folder = replace(place, missing=(), slash=True)
    if slash and not rest and not found.node.is_folder:
        rest = [""]  # no file has an address that ends in a slash
    return walk_from(connection, actor, _mount(folder, found), found.chain, rest, slash)


def at_mount(connection: Connection, actor: Actor, folder: Place, received: Mounted) -> Place:
    """What was received, as a member of a folder in the receiver's home."""
    return walk_from(connection, actor, _mount(folder, received), received.chain, (), received.node.is_folder)


def mount_root(folder: Place, received: Mounted) -> Place:
    """The same as far as a member of a listing needs it: nothing is known of what is below."""
    mount = _mount(folder, received)
    return Place(mount, received.chain, (), received.node.is_folder, False, received.rights, None)


def _mount(folder: Place, received: Mounted) -> Mount:
    return Mount((*folder.segments, received.name), received.space, len(received.chain) - 1, received, folder)


def walk(connection: Connection, actor: Actor, mount: Mount, segments: Sequence[str], slash: bool) -> Place:
    """Follow ``segments`` below a mount of the root of a space.

    :raises NotFound: the space has lost its root.
    """
    found = nodes.way(connection, mount.space.node, [names.key(segment) for segment in segments])
    if not found:
        raise NotFound
    if segments and names.is_private(segments[0]):
        return _hidden(mount, found[0], tuple(segments), slash)
    return _placed(connection, actor, mount, (), found, segments, slash)


def walk_from(
    connection: Connection, actor: Actor, mount: Mount, chain: Sequence[Node], segments: Sequence[str], slash: bool
) -> Place:
    """The same below a mount of any node: the last of ``chain``, whose first is the root of the space."""
    found = nodes.way(connection, chain[-1].id, [names.key(segment) for segment in segments]) if segments else []
    return _placed(connection, actor, mount, chain[:-1], found or [chain[-1]], segments, slash)


def walk_file(
    connection: Connection, actor: Actor, mount: Mount, chain: Sequence[Node], segments: Sequence[str], slash: bool
) -> Place:
    """A file that is the only member of what is seen below a mount, or what would be below it.

    Its folder is not asked for anything.
    """
    end = ("",) if slash and not segments else ()
    return _placed(connection, actor, mount, chain[:-1], [chain[-1]], (*segments, *end), slash)


def _placed(
    connection: Connection,
    actor: Actor,
    mount: Mount,
    above: Sequence[Node],
    found: Sequence[Node],
    segments: Sequence[str],
    slash: bool,
) -> Place:
    """The place at the end of ``segments``, of which ``found`` is what there is below ``above``."""
    taken = 0
    while taken < len(found) - 1 and found[taken + 1].name == segments[taken]:
        taken += 1
    twin = taken < len(found) - 1
    chain = [*above, *found[: taken + 1]]
    missing = tuple(segments[taken:])
    if slash and segments and not missing and not chain[-1].is_folder:
        missing = (chain.pop().name, "")
    have = guard.rights(connection, actor, mount.space, chain)
    sight = guard.sight(connection, actor, mount.space, chain)
    passages = None
    if not have & Permission.READ:
        passages = guard.passages(connection, actor, mount.space)
        if chain[-1].id not in passages:
            passages = frozenset()
            shown = _shown(connection, actor, mount.space, chain)
            if shown > (0 if mount.received is None else mount.above):
                # As if nothing were there; and nothing can be made in its place.
                missing = (*[node.name for node in chain[shown:]], *missing)
                chain, passages = chain[:shown], None
                have = guard.rights(connection, actor, mount.space, chain)
                have = have if len(missing) > 1 else have & Permission.READ
    return Place(mount, tuple(chain), missing, slash, twin, have, passages, sight)


def _shown(connection: Connection, actor: Actor, space: Space, chain: Sequence[Node]) -> int:
    """How many nodes of a chain can be read before the first that cannot even be known of; 0: none of them."""
    for length in range(len(chain) - 1, 0, -1):
        if guard.rights(connection, actor, space, chain[:length]) & Permission.READ:
            return length
    return 0


def _hidden(mount: Mount, root: Node, missing: tuple[str, ...], slash: bool) -> Place:
    """Our own folder: for everyone, nothing is there and nothing can be made there."""
    return Place(mount, (root,), missing, slash, False, Permission.NONE, frozenset())


def trash_path(node: Node) -> Path:
    """Where a deleted node is kept on disk."""
    return (*TRASH, str(node.id).encode())
