"""What the properties of one answer have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NamedTuple

from davshare.dav.xml import privilege
from davshare.files import access, listing, lookup, mountsync
from davshare.files.access import Told
from davshare.files.context import Connection
from davshare.files.listing import Locks
from davshare.files.locate import Place
from davshare.files.service import Files
from davshare.model import names
from davshare.model.access import PRIVILEGES, Permission, Rights
from davshare.model.nodes import Node
from davshare.model.people import Actor
from davshare.model.tokens import SyncToken
from davshare.sharing.kinds import Kinds

#: The content of a property's element; None where it is not defined.
Value = Callable[[Node], str | None]
#: Instead of content: the asker may not know this property here.
REFUSED: Final = "\0"
#: Folders whose members' grants are remembered at a time.
_REMEMBERED = 256


class Known(NamedTuple):
    """What was read for many places at once: by the ids of their spaces."""

    owners: Mapping[int, tuple[str, str]] = {}
    kinds: Kinds | None = None
    heads: Mapping[int, int] = {}


@dataclass(slots=True)
class Scope:
    """What the properties of one answer have in common.

    ``above`` are the nodes that hold the one that is being told; it changes
    while the answer goes down the tree.
    """

    files: Files
    connection: Connection
    actor: Actor
    place: Place
    locks: Locks
    above: tuple[Node, ...] = ()
    checksums: Mapping[int, Mapping[str, bytes]] = field(default_factory=dict)
    known: Known | None = None
    _said: dict[int, dict[int, list[Told]]] = field(default_factory=dict)

    @property
    def limited(self) -> bool:
        """Whether the place may only be walked through: then nothing is told of what is in it."""
        return not self.place.rights & Permission.READ

    def rights(self, node: Node) -> Rights:
        """The asker's rights on the place's node, or on one below it."""
        sight = self.place.sight
        return self.place.rights if sight is None or node.id == self.place.chain[-1].id else sight.rights(node)

    def rights_above(self, node: Node) -> Rights:
        """The asker's rights on the folder that holds a node below the place."""
        return self.place.rights if self.place.sight is None else self.rights(self.way(node)[-1])

    @property
    def owner(self) -> str | None:
        """The account that owns the space, if it has an owner."""
        if self.known is not None:
            return self.known.owners.get(self.place.space.id, (None, None))[0]
        return listing.owner_name(self.connection, self.place)

    @property
    def owner_display_name(self) -> str | None:
        """The name of that account that others see."""
        if self.known is not None:
            return self.known.owners.get(self.place.space.id, (None, None))[1]
        return listing.owner_display_name(self.connection, self.place)

    @property
    def sync_token(self) -> str:
        """The sync token of the collection at the place."""
        head = None if self.known is None else self.known.heads.get(self.place.space.id)
        if head is not None:
            return str(SyncToken(self.files.epoch, self.place.space.id, head))
        return lookup.sync_token_of(self.files, self.connection, self.place)

    def sync_token_of(self, node: Node) -> str:
        """The same of a folder at or below a place in whose folders something was received."""
        chain = self.place.chain if node.id == self.place.chain[-1].id else (*self.way(node), node)
        folder = replace(self.place, chain=tuple(chain))
        if folder.holds_received and folder.mount.received is None:
            return mountsync.present(self.files, self.connection, folder)
        return lookup.sync_token_of(self.files, self.connection, folder)

    def way(self, node: Node) -> Sequence[Node]:
        """The folders that hold a node, the root of the space first."""
        if not node.parent:
            return ()
        if self.above and self.above[-1].id == node.parent:
            return self.above
        return listing.chain(self.connection, node)[:-1]

    def url(self, way: Sequence[Node]) -> str:
        """The URL of the last of some folders that lie in each other, the root of the space first."""
        return self.place.href_of(way)

    def said(self, node: Node) -> list[Told]:
        """What a node itself says about people: one statement for all members of a folder."""
        found = self._said.get(node.parent) if node.parent else None
        if found is None:
            found = (
                access.told_in(self.connection, node.parent)
                if node.parent
                else access.told_on(self.connection, [node.id])
            )
            if len(self._said) >= _REMEMBERED:
                self._said.clear()
            self._said[node.parent] = found
        return found.get(node.id, [])

    def said_above(self, node: Node) -> list[tuple[str, list[Told]]]:
        """The URL of each folder above a node that says something, and what: the nearest first; one statement."""
        way = self.way(node)
        key = -way[-1].id if way else 0
        if key not in self._said:
            self._said[key] = access.told_on(self.connection, [each.id for each in way]) if way else {}
        said = self._said[key]
        return [(self.url(way[: n + 1]), said[way[n].id]) for n in range(len(way) - 1, -1, -1) if way[n].id in said]


def principal_url(name: str) -> str:
    """The address of a user."""
    return f"/dav/principals/users/{names.quoted(name)}/"


def group_url(name: str) -> str:
    """The address of a group."""
    return f"/dav/principals/groups/{names.quoted(name)}/"


@lru_cache(maxsize=256)
def privileges(rights: Rights) -> str:
    """Privilege elements for a set of permissions."""
    found = [name for permission, name in PRIVILEGES.items() if permission & rights]
    if rights & Permission.WRITE == Permission.WRITE:
        found.append("write")
    if rights & Permission.READ:
        found.append("read-current-user-privilege-set")
    if rights == Permission.ALL:
        found.append("all")
    return "".join(map(privilege, found))
