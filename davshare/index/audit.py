"""Questions whose answer should be "none": rows that contradict each other."""

from __future__ import annotations

from davshare.index.database import Connection

#: Tables with something about a node, and the column that names it.
_ABOUT = tuple((table, "node") for table in ("digest", "property", "lock", "trash", '"grant"', "link"))
_LOST = (
    "parent>0 AND NOT EXISTS (SELECT 1 FROM node above WHERE above.id=node.parent)"
    " OR NOT EXISTS (SELECT 1 FROM space WHERE space.id=node.space)"
)


def lost_nodes(connection: Connection) -> int:
    """How many nodes have no parent or no space."""
    return int(connection.execute(f"SELECT count(*) FROM node WHERE {_LOST}").fetchone()[0])


def lost_rows(connection: Connection) -> int:
    """How many rows tell something of nodes that do not exist."""
    return sum(
        connection.execute(
            f"SELECT count(*) FROM {table} WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id={table}.{column})"
        ).fetchone()[0]
        for table, column in _ABOUT
    )


def remove_lost(connection: Connection) -> int:
    """Remove nodes without parent or space, and then whatever speaks of nodes that do not exist."""
    removed = 0
    while count := connection.execute(f"DELETE FROM node WHERE {_LOST}").rowcount:
        removed += count
    for table, column in _ABOUT:
        removed += connection.execute(
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id={table}.{column})"
        ).rowcount
    return removed


def silent(connection: Connection, space: int) -> list[int]:
    """Nodes whose last change has no entry in the journal, though it reaches back that far: nobody would hear of it."""
    rows = connection.execute(
        "SELECT node.id FROM node JOIN space ON space.id=node.space WHERE node.space=? AND node.seq>space.floor"
        " AND node.seq<=space.head"
        " AND NOT EXISTS (SELECT 1 FROM journal WHERE journal.space=node.space AND journal.seq=node.seq)",
        (space,),
    )
    return [row[0] for row in rows]


def wrong_sizes(connection: Connection, space: int) -> list[tuple[int, int, int]]:
    """(folder, size, sum of its members' sizes) where the two differ; what is gone from disk does not count."""
    rows = connection.execute(
        "SELECT folder.id, folder.size, coalesce(sum(member.size), 0) FROM node folder"
        " LEFT JOIN node member ON member.parent=folder.id WHERE folder.space=? AND folder.kind=1"
        " AND NOT EXISTS (SELECT 1 FROM space WHERE space.trash=folder.id)"
        " GROUP BY folder.id, folder.size HAVING folder.size<>coalesce(sum(member.size), 0)",
        (space,),
    )
    return [(int(row[0]), int(row[1]), int(row[2])) for row in rows]


def set_size(connection: Connection, node: int, size: int) -> None:
    """Correct a size."""
    connection.execute("UPDATE node SET size=? WHERE id=?", (size, node))
