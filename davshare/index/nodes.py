"""Rows of files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain as chain_of
from typing import NamedTuple

from davshare.index.database import Connection, advance, parts
from davshare.model import names
from davshare.model.nodes import FOLDER, Node

#: Folders whose members have to be compared with the disk.
UNREAD = "kind = 1 AND disk_ns IS NULL"
COLUMNS = (
    "id, space, parent, coalesce(spelling, name), kind, size, mtime_ns, disk_ns, inode, seq, place_seq, stamp, created"
)
_CHILD = f"SELECT {COLUMNS} FROM node WHERE parent=? AND name=?"
_BY_ID = f"SELECT {COLUMNS} FROM node WHERE id=?"
_CHILDREN = f"SELECT {COLUMNS} FROM node WHERE parent=? ORDER BY name"
_AFTER = f"SELECT {COLUMNS} FROM node WHERE parent=? AND name>? ORDER BY name LIMIT ?"
_CHANGED = f"SELECT {COLUMNS} FROM node WHERE parent=? AND (seq>? OR stamp>?)"
#: Rows that are read at once where memory must not grow with the folder.
_PAGE = 1000
QUALIFIED = (
    "node.id, node.space, node.parent, coalesce(node.spelling, node.name), node.kind, node.size, node.mtime_ns,"
    " node.disk_ns, node.inode, node.seq, node.place_seq, node.stamp, node.created"
)
WIDTH = len(Node._fields)
#: Names that one statement follows: databases join some tables at a time.
_STEPS = 12
_CHAIN = (
    "WITH RECURSIVE up(id, depth) AS (SELECT CAST(? AS bigint), 0 UNION ALL"
    " SELECT node.parent, up.depth+1 FROM node JOIN up ON node.id=up.id WHERE node.parent>0) "
    f"SELECT {QUALIFIED} FROM up JOIN node ON node.id=up.id ORDER BY up.depth DESC"
)
_TOUCH = (
    "UPDATE node SET stamp=?, size=size+?, mtime_ns=CASE WHEN id=? THEN ? ELSE mtime_ns END"
    " WHERE id IN (WITH RECURSIVE up(id) AS (SELECT CAST(? AS bigint) UNION ALL"
    " SELECT node.parent FROM node JOIN up ON node.id=up.id WHERE node.parent>0) SELECT id FROM up)"
)
#: For few folders faster than going up from the lowest in one statement.
_TOUCH_ONE = "UPDATE node SET stamp=?, size=size+?, mtime_ns=coalesce(?, mtime_ns) WHERE id=?"
_FEW = 5
_INSERT = (
    "INSERT INTO node (id, space, parent, name, spelling, kind, size, mtime_ns, disk_ns, inode,"
    " seq, place_seq, stamp, created, birth_ns) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
_BELOW = (
    "WITH RECURSIVE down(id) AS (SELECT id FROM node WHERE parent=? UNION ALL"
    " SELECT node.id FROM node JOIN down ON node.parent=down.id) SELECT id FROM down"
)
_COUNT_BELOW = _BELOW.replace("SELECT id FROM down", "SELECT count(*) FROM down")
_TREE = (
    "WITH RECURSIVE down(id, depth) AS (SELECT CAST(? AS bigint), 0 UNION ALL"
    " SELECT node.id, down.depth+1 FROM node JOIN down ON node.parent=down.id) "
    f"SELECT {QUALIFIED} FROM down JOIN node ON node.id=down.id ORDER BY down.depth, node.name"
)


def child(connection: Connection, parent: int, key: str) -> Node | None:
    """The member whose NFC name is ``key``."""
    row = connection.execute(_CHILD, (parent, key)).fetchone()
    return None if row is None else Node._make(row)


def get(connection: Connection, node: int) -> Node | None:
    """One row by id."""
    row = connection.execute(_BY_ID, (node,)).fetchone()
    return None if row is None else Node._make(row)


def way(connection: Connection, top: int, keys: Sequence[str]) -> list[Node]:
    """A node and those that NFC names lead to from it, as far as there are any; one statement for every few names."""
    row = connection.execute(_way(len(keys[:_STEPS])), (*keys[:_STEPS], top)).fetchone()
    found: list[Node] = []
    for start in range(0, 0 if row is None else len(row), WIDTH):
        if row[start] is None:
            return found
        found.append(Node._make(row[start : start + WIDTH]))
    if len(keys) > _STEPS and found:
        found += way(connection, found[-1].id, keys[_STEPS:])[1:]
    return found


@cache
def _way(steps: int) -> str:
    """The statement that goes down some steps from a node; a file has no members, so nothing need be said of kinds."""
    columns = ", ".join(QUALIFIED.replace("node.", f"n{step}.") for step in range(steps + 1))
    joins = "".join(
        f" LEFT JOIN node n{step} ON n{step}.parent=n{step - 1}.id AND n{step}.name=?" for step in range(1, steps + 1)
    )
    return f"SELECT {columns} FROM node n0{joins} WHERE n0.id=?"


def children(connection: Connection, parent: int) -> list[Node]:
    """All members of a folder in the order of their names: one statement."""
    return [Node._make(row) for row in connection.execute(_CHILDREN, (parent,))]


class Brief(NamedTuple):
    """As much of a row as a look at the disk needs; ``mtime_ns`` as it is there."""

    id: int
    folder: bool
    inode: int
    size: int
    mtime_ns: int


def brief(connection: Connection, parent: int) -> dict[str, Brief]:
    """All members of a folder by name."""
    rows = connection.execute(
        "SELECT coalesce(spelling, name), id, kind, inode, size, coalesce(disk_ns, mtime_ns) FROM node WHERE parent=?",
        (parent,),
    )
    return {name: Brief(number, kind == FOLDER, *rest) for name, number, kind, *rest in rows}


def each_child(connection: Connection, parent: int) -> Iterator[Node]:
    """The same, a page at a time: memory does not grow with the folder.  On one snapshot only."""
    return children_after(connection, parent, "")


def child_ids(connection: Connection, parent: int) -> list[int]:
    """Ids of all members in the order of their names; read from an index alone."""
    return [row[0] for row in connection.execute("SELECT id FROM node WHERE parent=? ORDER BY name", (parent,))]


def folders(connection: Connection, parent: int) -> list[Node]:
    """The folders among the members, in the order of their names."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM node WHERE parent=? AND kind=1 ORDER BY name", (parent,))
    return [Node._make(row) for row in rows]


def changed_children(connection: Connection, parent: int, since: int) -> Iterator[Node]:
    """Members that have changed, or in which something has, after an entry of their space's journal."""
    return map(Node._make, connection.execute(_CHANGED, (parent, since, since)))


def named(connection: Connection, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Node]:
    """Of (folder, NFC name) those that there are; one statement for very many."""
    found: dict[tuple[int, str], Node] = {}
    for start in range(0, len(wanted), _PAGE):
        part = wanted[start : start + _PAGE]
        rows = ",".join(["(CAST(? AS bigint), CAST(? AS text))", *["(?,?)"] * (len(part) - 1)])
        statement = (
            f"WITH asked(folder, called) AS (VALUES {rows}) SELECT asked.folder, asked.called, {QUALIFIED}"
            " FROM asked JOIN node ON node.parent=asked.folder AND node.name=asked.called"
        )
        for folder, called, *row in connection.execute(statement, [each for pair in part for each in pair]):
            found[folder, called] = Node._make(row)
    return found


def names_of(connection: Connection, folders: Sequence[int], most: int) -> list[tuple[int, str]]:
    """(folder, NFC name) of the members of some folders, or of ``most`` of them; one statement for very many."""
    found: list[tuple[int, str]] = []
    for part in parts(folders):
        here = ",".join("?" * len(part))
        statement = f"SELECT parent, name FROM node WHERE parent IN ({here}) LIMIT ?"
        found += connection.execute(statement, (*part, most - len(found))).fetchall()
    return found


def names_in(connection: Connection, parent: int) -> Iterator[tuple[int, str]]:
    """(id, NFC name) of all members of a folder, row by row."""
    return iter(connection.execute("SELECT id, name FROM node WHERE parent=?", (parent,)))


def children_after(connection: Connection, parent: int, key: str) -> Iterator[Node]:
    """Members whose NFC name is greater than ``key``, a page at a time."""
    return chain_of.from_iterable(_pages(connection, parent, key))


def _pages(connection: Connection, parent: int, key: str) -> Iterator[list[Node]]:
    while True:
        page = [Node._make(row) for row in connection.execute(_AFTER, (parent, key, _PAGE))]
        yield page
        if len(page) < _PAGE:
            return
        key = names.key(page[-1].name)


def chain(connection: Connection, node: int) -> list[Node]:
    """The node and its ancestors, root first; one statement."""
    return [Node._make(row) for row in connection.execute(_CHAIN, (node,))]


def chains(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Node]]:
    """The same of many nodes, by their ids: one statement for thousands."""
    found: dict[int, list[Node]] = {}
    for part in parts(numbers):
        here = ",".join("?" * len(part))
        rows = connection.execute(
            f"WITH RECURSIVE up(goal, id, depth) AS (SELECT id, id, 0 FROM node WHERE id IN ({here}) UNION ALL"
            " SELECT up.goal, node.parent, up.depth+1 FROM up JOIN node ON node.id=up.id WHERE node.parent>0)"
            f" SELECT up.goal, {QUALIFIED} FROM up JOIN node ON node.id=up.id ORDER BY up.goal, up.depth DESC",
            part,
        )
        for goal, *row in rows:
            found.setdefault(goal, []).append(Node._make(row))
    return found


def below(connection: Connection, node: int) -> list[int]:
    """Ids of everything below a node."""
    return [row[0] for row in connection.execute(_BELOW, (node,))]


def new_ids(connection: Connection, count: int = 1) -> int:
    """The first of ``count`` consecutive ids that nothing else will ever have."""
    return advance(connection, "node", count) - count + 1


def insert(connection: Connection, node: Node, key: str, spelling: str | None, birth_ns: int | None) -> None:
    """Add a row."""
    connection.execute(_INSERT, _values(node, key, spelling, birth_ns))


def insert_many(connection: Connection, rows: Iterable[tuple[Node, str, str | None, int | None]]) -> None:
    """Add rows of (node, NFC name, spelling, birth of the inode)."""
    connection.executemany(_INSERT, (_values(*row) for row in rows))


def _values(n: Node, key: str, spelling: str | None, birth_ns: int | None) -> tuple[int | str | None, ...]:
    return (
        n.id, n.space, n.parent, key, spelling, n.kind, n.size, n.mtime_ns, n.disk_ns, n.inode,
        n.seq, n.place_seq, n.stamp, n.created, birth_ns,
    )  # fmt: skip


def overwrite(connection: Connection, node: Node, birth_ns: int | None) -> None:
    """Give a file other content: size, times, inode, seq and stamp."""
    connection.execute(
        "UPDATE node SET size=?, mtime_ns=?, disk_ns=?, inode=?, birth_ns=?, seq=?, stamp=? WHERE id=?",
        (node.size, node.mtime_ns, node.disk_ns, node.inode, birth_ns, node.seq, node.stamp, node.id),
    )


def place(connection: Connection, node: int, parent: int, key: str, spelling: str | None, seq: int) -> None:
    """Put a node, with all below it, under another parent or name."""
    connection.execute(
        "UPDATE node SET parent=?, name=?, spelling=?, seq=?, place_seq=? WHERE id=?",
        (parent, key, spelling, seq, seq, node),
    )


def mark(connection: Connection, node: int, seq: int) -> None:
    """Note an entry that changed neither content nor place."""
    connection.execute("UPDATE node SET seq=? WHERE id=?", (seq, node))


def restamp(connection: Connection, node: int, seq: int) -> None:
    """Give a node a new stamp under the numbers of another space: its ETag must never repeat."""
    connection.execute("UPDATE node SET seq=?, place_seq=?, stamp=? WHERE id=?", (seq, seq, seq, node))


def set_mtime(connection: Connection, node: int, mtime_ns: int, disk_ns: int | None, seq: int) -> None:
    """Give a node another time of modification."""
    connection.execute("UPDATE node SET mtime_ns=?, disk_ns=?, seq=? WHERE id=?", (mtime_ns, disk_ns, seq, node))


def set_facts(connection: Connection, node: int, inode: int, birth_ns: int | None, disk_ns: int | None) -> None:
    """Note which inode a node has on disk, and its time there."""
    connection.execute("UPDATE node SET inode=?, birth_ns=?, disk_ns=? WHERE id=?", (inode, birth_ns, disk_ns, node))


def compared(connection: Connection, times: Sequence[tuple[int | None, int]]) -> None:
    """Note for (time on disk, folder) that the members were compared when the folder had this time; None: to do."""
    connection.executemany("UPDATE node SET disk_ns=? WHERE id=? AND kind=1", times)


def unread_below(connection: Connection, node: int) -> None:
    """Note that the members of every folder below one have to be compared."""
    connection.execute(f"UPDATE node SET disk_ns=NULL WHERE kind=1 AND id IN ({_BELOW})", (node,))


def uncertain(connection: Connection, folders: Iterable[int]) -> None:
    """Note that only some members of folders were compared, so their times on disk tell nothing (yet)."""
    connection.executemany(
        "UPDATE node SET disk_ns=-1 WHERE id=? AND disk_ns IS NOT NULL", ((folder,) for folder in folders)
    )


def births(connection: Connection, inode: int, space: int) -> list[tuple[int, int | None]]:
    """(id, birth of the inode) of the nodes of a space that were last seen with an inode."""
    return connection.execute(
        "SELECT id, birth_ns FROM node WHERE inode=? AND space=? AND parent>0 ORDER BY id", (inode, space)
    ).fetchall()


def unread(connection: Connection, space: int, after: int, limit: int) -> list[int]:
    """Folders of a space whose members have to be compared with the disk; those with greater ids than ``after``."""
    rows = connection.execute(
        f"SELECT id FROM node WHERE {UNREAD} AND space=? AND id>? ORDER BY id LIMIT ?", (space, after, limit)
    )
    return [row[0] for row in rows]


def count_unread(connection: Connection, space: int) -> int:
    """How many folders :func:`unread` would find."""
    return int(connection.execute(f"SELECT count(*) FROM node WHERE {UNREAD} AND space=?", (space,)).fetchone()[0])


def population(connection: Connection, space: int) -> int:
    """How many nodes a space has; reads all of them."""
    return int(connection.execute("SELECT count(*) FROM node WHERE space=?", (space,)).fetchone()[0])


def count_below(connection: Connection, node: int) -> int:
    """How many nodes lie below one."""
    return int(connection.execute(_COUNT_BELOW, (node,)).fetchone()[0])


def set_space(connection: Connection, ids: Sequence[int], space: int) -> None:
    """Note that nodes belong to another space now."""
    connection.executemany("UPDATE node SET space=? WHERE id=?", ((space, node) for node in ids))


def touch(
    connection: Connection,
    folder: int,
    seq: int,
    grown: int,
    mtime_ns: int | None = None,
    way: Sequence[int] = (),
) -> None:
    """Stamp a folder and all its ancestors, and add ``grown`` bytes to their sizes: one statement.

    ``mtime_ns``, if given, becomes the folder's own time: its membership has changed.
    ``way`` are the ids of the ancestors and of the folder, if they are known.
    """
    if 0 < len(way) < _FEW:
        connection.executemany(_TOUCH_ONE, [(seq, grown, mtime_ns if each == folder else None, each) for each in way])
        return
    connection.execute(_TOUCH, (seq, grown, None if mtime_ns is None else folder, mtime_ns, folder))


def above(connection: Connection, numbers: Sequence[int], space: int) -> dict[int, int]:
    """The parent of each of some nodes of a space and of everything above them (0 above its root)."""
    found: dict[int, int] = {}
    for part in parts(numbers):
        here = ",".join("?" * len(part))
        found.update(
            connection.execute(
                f"WITH RECURSIVE up(id, parent) AS (SELECT id, parent FROM node WHERE id IN ({here}) AND space=?"
                " UNION SELECT node.id, node.parent FROM node JOIN up ON node.id=up.parent) SELECT id, parent FROM up",
                (*part, space),
            ).fetchall()
        )
    return found


def tree(connection: Connection, node: int) -> list[Node]:
    """A node and everything below it, every folder before its members; one statement."""
    return [Node._make(row) for row in connection.execute(_TREE, (node,))]


def height(connection: Connection, node: int) -> int:
    """How many folders lie in each other below a folder, at most; one statement over the folders."""
    row = connection.execute(
        "WITH RECURSIVE down(id, depth) AS (SELECT CAST(? AS bigint), 0 UNION ALL SELECT node.id, down.depth+1"
        " FROM node JOIN down ON node.parent=down.id WHERE node.kind=1) SELECT max(depth) FROM down",
        (node,),
    ).fetchone()
    return int(row[0])


def highest(connection: Connection, space: int) -> int:
    """The greatest number of an entry that any node of a space carries."""
    row = connection.execute(
        "SELECT coalesce(max(CASE WHEN seq>stamp THEN seq ELSE stamp END), 0) FROM node WHERE space=?", (space,)
    ).fetchone()
    return int(row[0])


def count_ahead(connection: Connection, space: int, head: int) -> int:
    """How many nodes carry greater numbers than the journal has given out."""
    row = connection.execute(
        "SELECT count(*) FROM node WHERE space=? AND (seq>? OR stamp>? OR place_seq>?)", (space, head, head, head)
    ).fetchone()
    return int(row[0])


def ghosts(connection: Connection, trash_node: int, space: int, limit: int) -> list[int]:
    """Ids below a trash node that are in no trash, and whose last entry no sync token reaches any more."""
    rows = connection.execute(
        "SELECT id FROM node WHERE parent=? AND place_seq<=(SELECT floor FROM space WHERE space.id=?)"
        " AND NOT EXISTS (SELECT 1 FROM trash WHERE trash.node=node.id) LIMIT ?",
        (trash_node, space, limit),
    )
    return [row[0] for row in rows]


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Delete rows with their digests and properties."""
    rows = [(node,) for node in ids]
    for table, column in (("node", "id"), ("digest", "node"), ("property", "node"), ("lock", "node")):
        connection.executemany(f"DELETE FROM {table} WHERE {column}=?", rows)
    connection.executemany('DELETE FROM "grant" WHERE node=?', rows)
    connection.executemany("DELETE FROM link WHERE node=?", rows)
