"""Rows of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from davshare.index.database import Connection
from davshare.model.journal import Entry

#: Rows that are read at once: memory must not grow with the journal.
_PAGE = 1000
_COLUMNS = "space, seq, node, kind, deep, old_parent, old_name, actor, device, version, at"
_INSERT = f"INSERT INTO journal ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)"


def append(connection: Connection, entry: Entry) -> None:
    """Write one entry; its number came from :class:`davshare.files.numbers.Numbers`."""
    connection.execute(_INSERT, entry)


def append_many(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write entries."""
    connection.executemany(_INSERT, entries)


def since(connection: Connection, space: int, seq: int) -> Iterator[Entry]:
    """Entries with greater numbers than ``seq``, in order, a page at a time.  On one snapshot only."""
    return chain.from_iterable(_pages(connection, space, seq))


def _pages(connection: Connection, space: int, seq: int) -> Iterator[list[Entry]]:
    while True:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM journal WHERE space=? AND seq>? ORDER BY seq LIMIT ?", (space, seq, _PAGE)
        )
        page = [Entry._make(row) for row in rows]
        yield page
        if len(page) < _PAGE:
            return
        seq = page[-1].seq


def following(connection: Connection, space: int, seq: int) -> int | None:
    """When the entry after ``seq`` was made, in seconds since 1970; None: there is none."""
    row = connection.execute(
        "SELECT at FROM journal WHERE space=? AND seq>? ORDER BY seq LIMIT 1", (space, seq)
    ).fetchone()
    return None if row is None else int(row[0])


class Window(NamedTuple):
    """A part of a space's journal: entries from ``least`` on, below ``before``."""

    space: int
    least: int
    before: int


#: Ids of public links are greater, those of app tokens are not.
LINKS = 1_000_000_000
#: Spaces that one statement reads of.
_TOGETHER = 100


def newest(
    connection: Connection, windows: Sequence[Window], limit: int, actor: int | None = None, but: int | None = None
) -> list[Entry]:
    """The newest entries in each of some windows, at most ``limit`` of each, without changes of access.

    One statement for every hundred windows.

    :param actor: only what this one did.
    :param but: not what this one did; but what others did who came by a link of theirs.
    """
    only, who = ("", ()) if actor is None else (" AND actor=?", (actor,))
    if but is not None:
        only, who = f"{only} AND (coalesce(actor, 0)<>? OR device>{LINKS})", (*who, but)
    found: list[Entry] = []
    for start in range(0, len(windows), _TOGETHER):
        part = windows[start : start + _TOGETHER]
        one = (
            f"SELECT * FROM (SELECT {_COLUMNS} FROM journal WHERE space=? AND seq>=? AND seq<? AND kind<>6{only}"
            " ORDER BY seq DESC LIMIT ?) AS part"
        )
        values = [value for window in part for value in (*window, *who, limit)]
        found += [Entry._make(row) for row in connection.execute(" UNION ALL ".join([one] * len(part)), values)]
    return found


def place_before(connection: Connection, space: int, node: int, seq: int) -> tuple[int, str] | None:
    """(parent, name) that a node had after entry ``seq``, if it has left that place since; else None."""
    row = connection.execute(
        "SELECT old_parent, old_name FROM journal"
        " WHERE node=? AND seq>? AND old_parent>0 AND space=? ORDER BY seq LIMIT 1",
        (node, seq, space),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def access(connection: Connection, space: int, seq: int) -> list[tuple[int, int, int | None]]:
    """(node, last number, principal) of the changes of access after entry ``seq``; None: they concern anybody.

    Without those of folders that bring or take nothing of what is in them: other entries still have to tell of that.
    """
    return connection.execute(
        "SELECT node, max(seq), version FROM journal WHERE space=? AND seq>? AND kind=6 AND (deep<>0 OR NOT EXISTS"
        " (SELECT 1 FROM node WHERE node.id=journal.node AND node.kind=1)) GROUP BY node, version",
        (space, seq),
    ).fetchall()


def access_changed(connection: Connection, space: int, seq: int, nodes: Sequence[int]) -> list[tuple[int, int | None]]:
    """(node, principal) of the changes after entry ``seq`` by which all that is in some folders came or went."""
    here = ",".join("?" * len(nodes))
    return connection.execute(
        "SELECT DISTINCT node, version FROM journal"
        f" WHERE space=? AND seq>? AND kind=6 AND deep<>0 AND node IN ({here})",
        (space, seq, *nodes),
    ).fetchall()


def left_from(connection: Connection, space: int, parent: int, seq: int) -> list[tuple[int, str]]:
    """(node, name) of everything that has left the folder ``parent`` after entry ``seq``."""
    return connection.execute(
        "SELECT node, old_name FROM journal WHERE old_parent=? AND seq>? AND old_parent>0 AND space=?",
        (parent, seq, space),
    ).fetchall()


def bounds(connection: Connection, space: int) -> tuple[int, int, int]:
    """Lowest number, highest number and count of the entries that are kept; zeros when there are none."""
    row = connection.execute(
        "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), count(*) FROM journal WHERE space=?", (space,)
    ).fetchone()
    return int(row[0]), int(row[1]), int(row[2])


def due(connection: Connection, space: int, older_than: int, keep: int) -> bool:
    """Whether :func:`trim` would find anything."""
    row = connection.execute("SELECT seq, at FROM journal WHERE space=? ORDER BY seq LIMIT 1", (space,)).fetchone()
    if row is None:
        return False
    head = connection.execute("SELECT head FROM space WHERE id=?", (space,)).fetchone()
    return bool(row[1] < older_than or row[0] <= head[0] - keep)


def trim(connection: Connection, space: int, older_than: int, keep: int, limit: int = 10_000) -> int:
    """Drop entries from before ``older_than`` (seconds), or beyond the newest ``keep``; never those
    that a known follower has not read.

    :returns: the new floor: the number of the last dropped entry, 0 when nothing was dropped.
    """
    row = connection.execute(
        "SELECT max(seq) FROM (SELECT seq FROM journal WHERE space=? AND (at<? OR seq<="
        " (SELECT head FROM space WHERE id=?)-?) AND seq<="
        " coalesce((SELECT min(seq) FROM follower WHERE space=?), 9223372036854775807) ORDER BY seq LIMIT ?) AS old",
        (space, older_than, space, keep, space, limit),
    ).fetchone()
    if row[0] is None:
        return 0
    connection.execute("DELETE FROM journal WHERE space=? AND seq<=?", (space, row[0]))
    return int(row[0])
