"""What a listing shows: members, dead properties, checksums and locks, each in a fixed number of statements."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from davshare.files import locking
from davshare.files.context import Connection
from davshare.files.locate import Place
from davshare.files.reading import values_of
from davshare.files.service import Files
from davshare.index import digests, locks, nodes, people, properties
from davshare.index.locks import Lock
from davshare.index.properties import Name
from davshare.model import names
from davshare.model.nodes import Node, Space
from davshare.model.people import Group, User
from davshare.store.digest import Values

__all__ = ["Lock", "Locks", "Name"]


def members(connection: Connection, place: Place, folder: Node) -> Iterator[Node]:
    """Members of a folder that the asker of ``place`` may see, in the order of their names, row by row."""
    return members_after(connection, place, folder, "")


def members_after(connection: Connection, place: Place, folder: Node, name: str) -> Iterator[Node]:
    """The same, from behind a name on; empty: from the first."""
    found = nodes.children_after(connection, folder.id, names.key(name))
    if place.passages is not None:
        passages = place.passages
        return (node for node in found if node.id in passages)
    return found if place.sight is None else filter(place.sight.shows, found)


def named(connection: Connection, place: Place, folder: Node, wanted: Sequence[str]) -> dict[str, Node]:
    """Of some names those members that the asker of ``place`` may see: one statement."""
    found = nodes.named(connection, [(folder.id, names.key(name)) for name in wanted])
    return {
        node.name: node
        for node in found.values()
        if node.name in wanted and (place.sight is None or place.sight.shows(node))
    }


def folders(connection: Connection, folder: Node) -> list[Node]:
    """The folders in a folder, in the order of their names."""
    return nodes.folders(connection, folder.id)


def below(connection: Connection, folder: Node, limit: int) -> Iterator[Node]:
    """What is below a folder, at most ``limit`` of it: the members of one folder after those of another."""
    left, pending = limit, [folder.id]
    while pending and left:
        for node in nodes.each_child(connection, pending.pop()):
            yield node
            left -= 1
            if not left:
                return
            if node.is_folder:
                pending.append(node.id)


def chain(connection: Connection, node: Node) -> list[Node]:
    """The nodes from the root of the space down to ``node``."""
    return nodes.chain(connection, node.id)


def way(connection: Connection, node: Node) -> list[str]:
    """Names from the space's root, which has none, down to ``node``."""
    return [each.name for each in nodes.chain(connection, node.id)[1:]]


def dead(connection: Connection, node: int) -> dict[Name, str]:
    """Dead properties of one node: the whole elements as XML."""
    return properties.of(connection, node)


def dead_of_members(connection: Connection, folder: int) -> dict[int, dict[Name, str]]:
    """Dead properties of all members of a folder, by node id."""
    return properties.of_children(connection, folder)


def dead_of(connection: Connection, nodes_: Iterable[Node]) -> dict[int, dict[Name, str]]:
    """Dead properties of some nodes, by id."""
    return properties.of_nodes(connection, [node.id for node in nodes_])


def checksums(connection: Connection, nodes_: Iterable[Node]) -> dict[int, Values]:
    """Known checksums of some nodes, by id."""
    found = digests.of_many(connection, [(node.id, node.stamp) for node in nodes_])
    return {node: values_of(row) for node, row in found.items()}


def checksums_of_members(connection: Connection, folder: int) -> dict[int, Values]:
    """Known checksums of all members of a folder, by id."""
    return {node: values_of(row) for node, row in digests.of_children(connection, folder).items()}


class Locks:
    """The live locks around one place.

    :param found: those that can matter, if they were read before.
    """

    def __init__(self, connection: Connection, place: Place, found: Iterable[Lock] | None = None) -> None:
        self._connection = connection
        self._place = place
        self._by_node: dict[int, list[Lock]] = {}
        for lock in locks.in_space(connection, place.space.id, int(time.time())) if found is None else found:
            self._by_node.setdefault(lock.node, []).append(lock)
        self._roots: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._by_node)

    def on(self, above: Sequence[Node], node: Node) -> list[Lock]:
        """Locks that cover ``node``: its own, and those of ``above`` with depth infinity."""
        if not self._by_node:
            return []
        found = [lock for each in above for lock in self._by_node.get(each.id, ()) if lock.infinite]
        return found + self._by_node.get(node.id, [])

    def root(self, lock: Lock) -> str:
        """The URL that a lock was taken on, for the asker."""
        if lock.token not in self._roots:
            self._roots[lock.token] = locking.root(self._connection, self._place, lock)
        return self._roots[lock.token]


def locks_on(connection: Connection, numbers: Iterable[int]) -> list[Lock]:
    """The live locks on some nodes: one statement."""
    return locks.on_nodes(connection, sorted(numbers), int(time.time()))


def groups_of(connection: Connection, user: int) -> list[Group]:
    """The groups of a user."""
    return people.groups_of(connection, user)


def people_of(connection: Connection, group: int) -> list[User]:
    """The users in a group."""
    return people.members_of(connection, group)


def owner_name(connection: Connection, place: Place) -> str | None:
    """The account that owns the space of a place, if it has an owner."""
    if place.space.owner is None:
        return None
    user = people.user_by_id(connection, place.space.owner)
    return None if user is None else user.name


def owner_display_name(connection: Connection, place: Place) -> str | None:
    """The name that others see of the account that owns the space of a place, if it has an owner."""
    user = None if place.space.owner is None else people.user_by_id(connection, place.space.owner)
    return None if user is None else user.display_name or user.name


def owners(connection: Connection, of: Iterable[Space]) -> dict[int, tuple[str, str]]:
    """Name and display name of the accounts that own some spaces, by the ids of the spaces: one statement."""
    owned = {space.id: space.owner for space in of if space.owner is not None}
    found = people.principals(connection, sorted(set(owned.values())))
    return {
        number: (who.name, who.display_name or who.name)
        for number, owner in owned.items()
        if (who := found.get(owner)) is not None
    }


def free_bytes(files: Files, place: Place) -> int:
    """Bytes that can still be stored at a place, by quota and disk."""
    from davshare.files import quota

    return quota.available(place, files.store(place.space))
