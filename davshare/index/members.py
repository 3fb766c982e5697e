"""Rows of memberships, and of those who manage groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from davshare.index import people
from davshare.index.database import Connection, changed, parts
from davshare.model.people import Group, User

_ALL = 'SELECT m."group", m."user", m.source, p.kind FROM member m JOIN principal p ON p.id=m."user"'
_OF_GROUP = 'SELECT "user" FROM member WHERE "group"=?'


class Membership(NamedTuple):
    """Who is in which group, by ids; ``nested``: it is a group.  ``source`` says who keeps it: empty for us."""

    group: int
    member: int
    source: str = ""
    nested: bool = False


class Member(NamedTuple):
    """A member as lists show it; ``kind`` is user or group."""

    kind: str
    id: int
    name: str
    display_name: str


def _membership(row: Sequence[Any]) -> Membership:
    group, member, source, kind = row
    return Membership(group, member, source, kind == "group")


def add(connection: Connection, new: Membership) -> bool:
    """Put a user or group into a group; whether that is new.  What somebody else keeps becomes ours when we say so."""
    insert = 'INSERT INTO member ("group", "user", source) VALUES (?,?,?) ON CONFLICT DO NOTHING'
    done = connection.execute(insert, new[:3]).rowcount > 0
    if done:
        changed(connection)
    elif not new.source:
        connection.execute('UPDATE member SET source=\'\' WHERE "group"=? AND "user"=?', new[:2])
    return done


def remove(connection: Connection, old: Membership) -> bool:
    """Take a user or group out of a group, whoever put it there; whether there was something to take."""
    done = connection.execute('DELETE FROM member WHERE "group"=? AND "user"=?', old[:2]).rowcount > 0
    if done:
        changed(connection)
    return done


def touching(connection: Connection, number: int) -> list[Membership]:
    """All memberships of a user or group, and all that a group has."""
    rows = connection.execute(f'{_ALL} WHERE m."group"=? OR m."user"=?', (number, number))
    return [_membership(row) for row in rows]


def kept(connection: Connection, source: str) -> list[Membership]:
    """All memberships that somebody else than us keeps."""
    rows = connection.execute(f"{_ALL} WHERE m.source=?", (source,))
    return [_membership(row) for row in rows]


def of(connection: Connection, ids: Sequence[int]) -> list[Membership]:
    """All memberships that some users and groups have."""
    found: list[Membership] = []
    for part in parts(ids):
        rows = connection.execute(f'{_ALL} WHERE m."user" IN ({",".join("?" * len(part))})', part)
        found += [_membership(row) for row in rows]
    return found


def counts(connection: Connection, groups: Sequence[int]) -> dict[int, int]:
    """How many users and groups were put into each of some groups."""
    found: dict[int, int] = {}
    for part in parts(groups):
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f'SELECT "group", count(*) FROM member WHERE "group" IN ({marks}) GROUP BY "group"', part
        )
        found.update((number, count) for number, count in rows)
    return found


def names_of_groups(connection: Connection, users: Sequence[int]) -> dict[int, list[str]]:
    """The names of the groups into which each of some users was put."""
    found: dict[int, list[str]] = {}
    for part in parts(users):
        marks = ",".join("?" * len(part))
        for number, name in connection.execute(
            'SELECT m."user", g.name FROM member m JOIN principal g ON g.id=m."group"'
            f' WHERE m."user" IN ({marks}) ORDER BY g.name',
            part,
        ):
            found.setdefault(number, []).append(name)
    return found


def page(connection: Connection, group: int, effective: bool, offset: int, limit: int) -> list[Member]:
    """A page of a group's members: groups first, each kind by name; ``effective``: through other groups too."""
    head, inside = (people.WITHIN, "SELECT id FROM within") if effective else ("", _OF_GROUP)
    rows = connection.execute(
        f"{head} SELECT kind, id, name, display_name FROM principal WHERE id IN ({inside})"
        " ORDER BY kind, name LIMIT ? OFFSET ?",
        (group, limit, offset),
    )
    return [Member._make(row) for row in rows]


def groups_of(connection: Connection, number: int, effective: bool) -> list[Group]:
    """The groups of a user or group by name; ``effective``: also those that these lie in."""
    if not effective:
        return people.groups_of(connection, number)
    rows = connection.execute(
        f"{people.ABOVE} SELECT {people.GROUP} FROM principal WHERE id IN (SELECT id FROM above) ORDER BY name",
        (number,),
    )
    return [Group._make(row) for row in rows]


# managers


def add_manager(connection: Connection, group: int, user: int) -> bool:
    """Let a user manage a group; whether that is new."""
    done = connection.execute(
        'INSERT INTO manager ("group", "user") VALUES (?,?) ON CONFLICT DO NOTHING', (group, user)
    ).rowcount
    changed(connection)
    return done > 0


def remove_manager(connection: Connection, group: int, user: int) -> bool:
    """The opposite; whether there was something to take."""
    done = connection.execute('DELETE FROM manager WHERE "group"=? AND "user"=?', (group, user)).rowcount
    changed(connection)
    return done > 0


def is_manager(connection: Connection, group: int, user: int) -> bool:
    """Whether a user manages a group."""
    row = connection.execute('SELECT 1 FROM manager WHERE "group"=? AND "user"=?', (group, user)).fetchone()
    return row is not None


def managers(connection: Connection, group: int, offset: int, limit: int) -> list[User]:
    """A page of those who manage a group, by name."""
    return people.users_in(connection, 'SELECT "user" FROM manager WHERE "group"=?', group, offset, limit)


def managed_by(connection: Connection, user: int) -> list[Group]:
    """The groups that a user manages, by name."""
    rows = connection.execute(
        f'SELECT {people.GROUP} FROM principal WHERE id IN (SELECT "group" FROM manager WHERE "user"=?) ORDER BY name',
        (user,),
    )
    return [Group._make(row) for row in rows]
