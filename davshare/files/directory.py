"""Who can be found by whom."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from davshare.files import view
from davshare.index import people
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.people import Actor, Group, User

#: One condition: the text is in any of these fields (``name``, ``email``).
Wish = tuple[Collection[str], str]


def principals(connection: Connection, numbers: Sequence[int]) -> list[User | Group]:
    """Users and groups by their ids, in that order."""
    found = people.principals(connection, numbers)
    return [found[number] for number in numbers if number in found]


def selves(connection: Connection, actor: Actor) -> list[User | Group]:
    """Oneself, and all groups that one is in."""
    others = sorted(actor.principals - {actor.user}) if actor.node is None else []
    return principals(connection, [actor.user, *others])


def known(connection: Connection, actor: Actor, number: int) -> User | Group | None:
    """Somebody by id, whom ``actor`` may know of."""
    found = people.principals(connection, [number]).get(number)
    if isinstance(found, User):
        return found if view.knows_user(connection, actor, found) else None
    return found if found is not None and view.knows_group(actor, found) else None


def known_by_name(connection: Connection, actor: Actor, kind: str, name: str) -> User | Group | None:
    """The same by name.

    :param kind: ``user`` or ``group``.
    """
    key = names.key(name)
    found = people.user(connection, key) if kind == "user" else people.group(connection, key)
    return None if found is None else known(connection, actor, found.id)


def search(
    connection: Connection, actor: Actor, kinds: Collection[str], wishes: Sequence[Wish], anyof: bool, limit: int
) -> list[User | Group]:
    """People and groups by parts of their names or addresses, regardless of case.

    :param kinds: ``user`` and ``group``.
    :param anyof: one wish has to come true, instead of all.
    """
    among = None if actor.admin and actor.node is None else _known(connection, actor)
    return people.search(connection, kinds, wishes, anyof, among, limit)


def _known(connection: Connection, actor: Actor) -> Collection[int]:
    """Ids of oneself, one's groups and everybody in them."""
    found = {actor.user}
    if actor.node is None:
        for group in actor.principals - {actor.user}:
            found |= people.within(connection, group) | {group}
    return found
