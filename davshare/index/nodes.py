"""Rows of files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from davshare.index.database import Connection, advance
from davshare.model.nodes import FOLDER, Node

COLUMNS = (
    "id, space, parent, coalesce(spelling, name), kind, size, mtime_ns, disk_ns, inode, seq, place_seq, stamp, created"
)
_CHILD = f"SELECT {COLUMNS} FROM node WHERE parent=? AND name=?"
_BY_ID = f"SELECT {COLUMNS} FROM node WHERE id=?"
_CHILDREN = f"SELECT {COLUMNS} FROM node WHERE parent=? ORDER BY name"
_AFTER = f"SELECT {COLUMNS} FROM node WHERE parent=? AND name>? ORDER BY name"
_CHAIN = (
    "WITH RECURSIVE up(id, depth) AS (SELECT ?, 0 UNION ALL"
    " SELECT node.parent, up.depth+1 FROM node JOIN up ON node.id=up.id WHERE node.parent>0) "
    f"SELECT {', '.join('node.' + c.strip() if '(' not in c and 'name)' not in c else c for c in COLUMNS.split(','))}"
    " FROM up JOIN node ON node.id=up.id ORDER BY up.depth DESC"
)
_TOUCH = (
    "UPDATE node SET stamp=?, size=size+? WHERE id IN (WITH RECURSIVE up(id) AS (SELECT ? UNION ALL"
    " SELECT node.parent FROM node JOIN up ON node.id=up.id WHERE node.parent>0) SELECT id FROM up)"
)
_BELOW = (
    "WITH RECURSIVE down(id) AS (SELECT id FROM node WHERE parent=? UNION ALL"
    " SELECT node.id FROM node JOIN down ON node.parent=down.id) SELECT id FROM down"
)


def child(connection: Connection, parent: int, key: str) -> Node | None:
    """The member whose NFC name is ``key``."""
    row = connection.execute(_CHILD, (parent, key)).fetchone()
    return None if row is None else Node._make(row)


def get(connection: Connection, node: int) -> Node | None:
    """One row by id."""
    row = connection.execute(_BY_ID, (node,)).fetchone()
    return None if row is None else Node._make(row)


def children(connection: Connection, parent: int) -> list[Node]:
    """All members of a folder in the order of their names: one statement."""
    return [Node._make(row) for row in connection.execute(_CHILDREN, (parent,))]


def each_child(connection: Connection, parent: int) -> Iterator[Node]:
    """The same, row by row: memory does not grow with the folder."""
    return map(Node._make, connection.execute(_CHILDREN, (parent,)))


def children_after(connection: Connection, parent: int, key: str) -> Iterator[Node]:
    """Members whose NFC name is greater than ``key``."""
    return map(Node._make, connection.execute(_AFTER, (parent, key)))


def has_children(connection: Connection, parent: int) -> bool:
    """Whether a folder has any member."""
    return connection.execute("SELECT 1 FROM node WHERE parent=? LIMIT 1", (parent,)).fetchone() is not None


def chain(connection: Connection, node: int) -> list[Node]:
    """The node and its ancestors, root first; one statement."""
    return [Node._make(row) for row in connection.execute(_CHAIN, (node,))]


def below(connection: Connection, node: int) -> list[int]:
    """Ids of everything below a node."""
    return [row[0] for row in connection.execute(_BELOW, (node,))]


def new_ids(connection: Connection, count: int = 1) -> int:
    """The first of ``count`` consecutive ids that nothing else will ever have."""
    return advance(connection, "node", count) - count + 1


def insert(connection: Connection, node: Node, key: str, spelling: str | None) -> None:
    """Add a row."""
    insert_many(connection, [(node, key, spelling)])


def insert_many(connection: Connection, rows: Iterable[tuple[Node, str, str | None]]) -> None:
    """Add rows of (node, NFC name, spelling)."""
    connection.executemany(
        "INSERT INTO node (id, space, parent, name, spelling, kind, size, mtime_ns, disk_ns, inode,"
        " seq, place_seq, stamp, created) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            (
                n.id, n.space, n.parent, key, spelling, n.kind, n.size, n.mtime_ns, n.disk_ns, n.inode,
                n.seq, n.place_seq, n.stamp, n.created,
            )
            for n, key, spelling in rows
        ),
    )  # fmt: skip


def overwrite(connection: Connection, node: Node) -> None:
    """Give a file other content: size, times, inode, seq and stamp."""
    connection.execute(
        "UPDATE node SET size=?, mtime_ns=?, disk_ns=?, inode=?, seq=?, stamp=? WHERE id=?",
        (node.size, node.mtime_ns, node.disk_ns, node.inode, node.seq, node.stamp, node.id),
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


def set_mtime(connection: Connection, node: int, mtime_ns: int, disk_ns: int | None, seq: int) -> None:
    """Give a node another time of modification."""
    connection.execute(
        "UPDATE node SET mtime_ns=?, disk_ns=?, seq=? WHERE id=?", (mtime_ns, disk_ns, seq, node)
    )


def set_inode(connection: Connection, node: int, inode: int) -> None:
    """Note which inode a folder has on disk."""
    connection.execute("UPDATE node SET inode=? WHERE id=?", (inode, node))


def set_space(connection: Connection, ids: Sequence[int], space: int) -> None:
    """Note that nodes belong to another space now."""
    connection.executemany("UPDATE node SET space=? WHERE id=?", ((space, node) for node in ids))


def touch(connection: Connection, folder: int, seq: int, grown: int) -> None:
    """Stamp a folder and all its ancestors, and add ``grown`` bytes to their sizes: one statement."""
    connection.execute(_TOUCH, (seq, grown, folder))


def remove(connection: Connection, ids: Sequence[int]) -> None:
    """Delete rows with their digests and properties."""
    rows = [(node,) for node in ids]
    for table, column in (("node", "id"), ("digest", "node"), ("property", "node"), ("lock", "node")):
        connection.executemany(f"DELETE FROM {table} WHERE {column}=?", rows)
    connection.executemany('DELETE FROM "grant" WHERE node=?', rows)


def root_row(node: int, space: int, inode: int, now: int, mtime_ns: int) -> Node:
    """The row of a space's root or trash folder."""
    return Node(node, space, 0, "", FOLDER, 0, mtime_ns, None, inode, 0, 0, 0, now)
