"""Who did what: the journals of some spaces together, newest first, as far as somebody may see now what was done to.

A page looks at a window of each journal, so it costs the same however much
was changed, and can have fewer entries than were asked for, or none, and yet a
cursor: further ones are behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from davshare.errors import BadRequest, NotFound
from davshare.files import guard, seen, view
from davshare.files.context import Address, Asker
from davshare.files.seen import Seen
from davshare.files.service import Files
from davshare.index import journal, people, spaces
from davshare.index.database import Connection
from davshare.index.journal import Window
from davshare.model import names
from davshare.model.access import Permission
from davshare.model.journal import Entry, Kind
from davshare.model.people import Actor, User

#: Numbers of each journal that one page looks at, and the most spaces that it does.
WINDOW, SPACES = 2000, 80
_WORDS = {
    Kind.CREATED: "created",
    Kind.MODIFIED: "changed",
    Kind.MOVED: "moved",
    Kind.DELETED: "deleted",
    Kind.PROPERTIES: "properties",
}
#: Up to which number (not included) the journal of a space has not been told yet, by space.
Bounds = Mapping[int, int]


class Wanted(NamedTuple):
    """Which changes: also one's own, of one user, in one project space, at or below a path."""

    own: bool = False
    user: str = ""
    space: str = ""
    path: str = ""


class Deed(NamedTuple):
    """One change.

    ``path`` is where the thing is now, or was when it was deleted; ``old_path``
    where it was before it was moved, as far as that may be seen.  ``user`` is
    None for the server itself, for changes on disk, and for who came by a
    public ``link``.
    """

    entry: Entry
    kind: str
    place: Seen
    path: str
    old_path: str | None
    user: User | None
    link: bool


class Feed(NamedTuple):
    """A page, and how to ask for the next one; empty: there is none."""

    deeds: list[Deed]
    cursor: str


def feed(files: Files, actor: Actor, wanted: Wanted, cursor: str, limit: int) -> Feed:
    """A page of what was changed in what somebody may see; a fixed number of statements.

    :raises NotFound: there is no such space or path that they may know of.
    :raises BadRequest: the cursor is none.
    """
    with files.db.snapshot() as connection:
        top, number = _top(files, connection, actor, wanted)
        if cursor:
            # Of other journals not even the numbers are told.
            reach = view.reach(connection, actor)
            bounds: Bounds = {space: bound for space, bound in read_cursor(cursor).items() if space in reach}
        else:
            bounds = heads(connection, [number] if number is not None else _spaces(connection, actor))
        who = None if not wanted.user else _user(connection, wanted.user)
        but = actor.user if not wanted.own and who is None else None
        entries, left = page(connection, bounds, limit, who, but)
        return Feed(told(connection, actor, entries, top), write_cursor(left))


def _top(files: Files, connection: Connection, actor: Actor, wanted: Wanted) -> tuple[int | None, int | None]:
    """The node at and below which changes are wanted, and the only space where that can be."""
    way = tuple(part for part in wanted.path.split("/") if part)
    if wanted.space:
        way = ("spaces", wanted.space, *way)
    if not way:
        return None, None
    place = files.place(connection, Asker(actor), Address(("dav", *way)))
    if not place.rights & Permission.READ and not place.passages:
        raise NotFound
    return place.found().id, place.space.id


def _user(connection: Connection, name: str) -> int:
    """The id of a user; of somebody whom there is not that of nobody, who has done nothing."""
    found = people.user(connection, names.key(name))
    return 0 if found is None else found.id


def _spaces(connection: Connection, actor: Actor) -> list[int]:
    """Where the actor may see something: at most :data:`SPACES`, the newest spaces first after the home."""
    home = spaces.home(connection, actor.user)
    number = 0 if home is None else home.id
    return sorted(view.reach(connection, actor), key=lambda each: (each != number, -each))[:SPACES]


def heads(connection: Connection, wanted: Sequence[int]) -> Bounds:
    """Everything in some spaces."""
    return {space: head + 1 for space, (head, _) in spaces.reaches(connection, wanted).items()}


def page(
    connection: Connection, bounds: Bounds, limit: int, actor: int | None = None, but: int | None = None
) -> tuple[list[Entry], Bounds]:
    """The newest entries below some bounds, and the bounds of what is left."""
    reaches = spaces.reaches(connection, list(bounds))
    windows = [
        Window(space, max(bounds[space] - WINDOW, floor + 1), min(bounds[space], head + 1))
        for space, (head, floor) in reaches.items()
    ]
    found = journal.newest(connection, windows, limit + 1, actor, but)
    found.sort(key=lambda entry: (-entry.at, entry.space, -entry.seq))
    taken = found[:limit]
    over: dict[int, int] = {}
    for entry in found[limit:]:
        over[entry.space] = max(over.get(entry.space, 0), entry.seq)
    left = {}
    for window in windows:
        bound = over[window.space] + 1 if window.space in over else window.least
        if bound > reaches[window.space][1] + 1:
            left[window.space] = bound
    return taken, left


def told(connection: Connection, actor: Actor, entries: Iterable[Entry], top: int | None = None) -> list[Deed]:
    """Entries as the actor may know of them.

    :param top: only what happened to this node and below it.
    """
    known = list(entries)
    numbers = {entry.node for entry in known} | {entry.old_parent for entry in known if entry.old_parent}
    places = seen.readable(connection, actor, numbers)
    users = people.principals(connection, sorted({entry.actor for entry in known if entry.actor}))
    said = guard.said(connection, actor) if known else {}
    found = []
    for entry in known:
        before = places.get(entry.old_parent or 0)
        place = places.get(entry.node)
        old = None if before is None or entry.old_name is None else _member(before, entry.old_name)
        if entry.kind == Kind.DELETED:
            kept = guard.step(Permission.READ, said.get(entry.node, ()), entry.at) & Permission.READ
            place, path, old = (before if kept else None), old, None
        else:
            path = None if place is None else place.path
        if place is None or path is None or (top is not None and top not in (*place.chain, entry.node)):
            continue
        link = (entry.device or 0) > journal.LINKS  # revoked or not
        who = None if link else users.get(entry.actor or 0)
        user = who if isinstance(who, User) else None
        found.append(Deed(entry, _WORDS[Kind(entry.kind)], place, path, old, user, link))
    return found


def _member(folder: Seen, name: str) -> str:
    return f"{folder.path.rstrip('/')}{names.href((name,), False)}"


def write_cursor(bounds: Bounds) -> str:
    """Bounds as a text for addresses, short enough for them."""
    return "-".join(f"{space:x}.{bound:x}" for space, bound in sorted(bounds.items()))


def read_cursor(text: str) -> Bounds:
    """The opposite.

    :raises BadRequest: it is none.
    """
    try:
        pairs = [each.split(".") for each in text.split("-")]
        found = {int(space, 16): int(bound, 16) for space, bound in pairs}
    except ValueError:
        raise BadRequest("That is no cursor.") from None
    if len(found) > SPACES + 1 or not all(0 <= each < 2**62 for pair in found.items() for each in pair):
        raise BadRequest("That is no cursor.")
    return found
