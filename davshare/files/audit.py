"""Who did what from where, for administrators: events, and the journals of the spaces that are asked about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from davshare.errors import NotFound
from davshare.files import activity, explain, view
from davshare.files.service import Files
from davshare.index import devices, events, journal, links, nodes, people, shares, spaces
from davshare.index.database import Connection
from davshare.index.events import Event
from davshare.model import names
from davshare.model.journal import Entry, Kind
from davshare.model.people import Actor

#: Stands for the events among the bounds of a cursor.
_EVENTS = 0
_ALL = 2**61


class Wanted(NamedTuple):
    """Which records: by or about a user, in a space or home, about the node at a path, not before a time."""

    user: str = ""
    space: str = ""
    path: str = ""
    since: int | None = None


class Record(NamedTuple):
    """Something that was done.

    ``actor`` is empty for the server itself, administrators at its console and
    changes on disk.  Of a change of a file ``device`` is the app token, or the
    public link of the actor's, by which it came, and ``address`` and ``agent`` are those with which that was seen last.
    """

    at: int
    kind: str
    actor: str
    address: str
    agent: str
    device: str
    space: str
    path: str
    whom: str
    detail: dict[str, Any]


class Page(NamedTuple):
    """Records, the newest first, and how to ask for the next ones; empty: there are none."""

    records: list[Record]
    cursor: str


def read(files: Files, wanted: Wanted, cursor: str, limit: int) -> Page:
    """A page of the records; the changes of files are among them where a user, a space or a path is named.

    :raises NotFound: there is no such user, space or path.
    :raises BadRequest: the cursor is none.
    """
    with files.db.snapshot() as connection:
        user = None if not wanted.user else _user(connection, wanted.user)
        space, top = _where(files, connection, wanted)
        if cursor:
            bounds = dict(activity.read_cursor(cursor))
        else:
            bounds = {_EVENTS: _ALL, **activity.heads(connection, _journals(connection, user, space))}
        before = bounds.pop(_EVENTS, 0)
        chosen = events.Wanted(user, space, None if top is None else (top,), wanted.since)
        happened = events.page(connection, chosen, before, limit + 1) if before else []
        changed, left = activity.page(connection, bounds, limit + 1, user) if bounds else ([], {})
        return _merged(connection, wanted, top, happened, list(changed), dict(left), limit)


def _merged(
    connection: Connection,
    wanted: Wanted,
    top: int | None,
    happened: list[Event],
    changed: list[Entry],
    left: dict[int, int],
    limit: int,
) -> Page:
    """The newest of both, and the bounds of the rest."""
    both: list[Event | Entry] = sorted([*happened, *changed], key=lambda each: -each.at)
    taken, over = both[:limit], both[limit:]
    for each in over:
        key, number = (_EVENTS, each.id) if isinstance(each, Event) else (each.space, each.seq)
        left[key] = max(left.get(key, 0), number + 1)
    if wanted.since is not None:
        left = {} if any(each.at < wanted.since for each in taken) else left
        taken = [each for each in taken if each.at >= wanted.since]
    return Page(_told(connection, taken, top), activity.write_cursor(left) if left else "")


def _user(connection: Connection, name: str) -> int:
    found = people.user(connection, names.key(name))
    if found is None:
        raise NotFound("There is no such user.")
    return found.id


def _where(files: Files, connection: Connection, wanted: Wanted) -> tuple[int | None, int | None]:
    """The space and the node that are asked about."""
    if wanted.path:
        address = explain.address_of(wanted.path)
        base, name, *way = (*address.segments[1:], "", "")[:2] + address.segments[3:]
        kind = {"users": "home", "spaces": "space"}.get(base)
        space = None if kind is None else spaces.named(connection, kind, names.key(name))
        found = [] if space is None else nodes.way(connection, space.node, [names.key(each) for each in way])
        if space is None or len(found) != len(way) + 1:
            raise NotFound("There is no such path.")
        return space.id, found[-1].id
    if wanted.space:
        for kind in ("space", "home"):
            space = spaces.named(connection, kind, names.key(wanted.space))
            if space is not None:
                return space.id, None
        raise NotFound("There is no such space.")
    return None, None


def _journals(connection: Connection, user: int | None, space: int | None) -> list[int]:
    """The spaces whose journals are asked about."""
    if space is not None:
        return [space]
    if user is None:
        return []
    actor = Actor(user, "", "", people.principals_of(connection, user))
    return sorted(view.reach(connection, actor), reverse=True)[: activity.SPACES]


def _told(connection: Connection, found: Iterable[Event | Entry], top: int | None) -> list[Record]:
    known = list(found)
    ways = shares.ways(connection, sorted({each.node for each in known if each.node}))
    users = people.principals(connection, sorted({each.actor for each in known if each.actor}))
    sent = sorted({each.device for each in known if each.device})
    labels = {**links.labels(connection, sent), **dict(devices.labels(connection, sent))}
    sighted = devices.last_seen(connection, sent)
    at = spaces.some(connection, sorted({each.space for each in known if each.space}))
    told = []
    for each in known:
        way = ways.get(each.node or 0, [])
        if top is not None and not isinstance(each, Event) and all(number != top for number, _ in way):
            continue
        space = at.get(each.space or 0)
        where = "" if space is None else f"{'users' if space.kind == 'home' else 'spaces'}/{space.name}"
        below = "/".join(name for _, name in way[1:])
        number = each.device or 0
        # A link that was revoked has no label any more; who came by it is not its maker all the same.
        label = labels.get(number, f"link {number}" if number > journal.LINKS else "")
        if isinstance(each, Event):
            detail = json.loads(each.detail) if each.detail else {}
            told.append(Record(each.at, each.kind, each.actor_name, each.peer, each.agent, label, where,
                               below or detail.get("name", ""), each.whom_name, detail))  # fmt: skip
            continue
        who, seen = users.get(each.actor or 0), sighted.get(each.device or 0)
        peer, agent = ("", "") if seen is None else (seen.peer, seen.agent)
        more: dict[str, Any] = {"seq": each.seq, "node": each.node}
        if each.old_name is not None:
            more["old_name"] = each.old_name
        kind = f"file.{Kind(each.kind).name.lower()}"
        told.append(Record(each.at, kind, "" if who is None else who.name, peer, agent, label, where,
                           below or each.old_name or "", "", more))  # fmt: skip
    return told
