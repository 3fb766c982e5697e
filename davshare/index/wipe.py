"""Everything that was learnt from files is forgotten; people, spaces and memberships stay."""

from __future__ import annotations

from davshare.index.database import Connection

#: Tables that speak of files only.
_TABLES = ("digest", "lock", "trash", "journal", "redo", "follower")


def files(connection: Connection) -> None:
    """Forget all nodes but the roots, and all that is known of them; every sync token is too old then."""
    roots = "SELECT node FROM space UNION SELECT trash FROM space"
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table}")
    for table in ("property", '"grant"', "link"):
        connection.execute(f"DELETE FROM {table} WHERE node NOT IN ({roots})")
    connection.execute("DELETE FROM apptoken WHERE node IS NOT NULL AND node NOT IN (SELECT node FROM space)")
    connection.execute(f"DELETE FROM node WHERE id NOT IN ({roots})")
    connection.execute("UPDATE space SET floor=head, vanished=0, vanished_at=0, population=0, held=0")
    connection.execute("UPDATE node SET size=0, disk_ns=NULL, stamp=(SELECT head FROM space WHERE space.id=node.space)")
    connection.execute("UPDATE node SET disk_ns=-1 WHERE id IN (SELECT trash FROM space)")  # nobody compares the trash


def raise_counter(connection: Connection, name: str, least: int) -> None:
    """Let a counter go on above ``least``."""
    connection.execute(
        "UPDATE counter SET value=CASE WHEN value<? THEN ? ELSE value END WHERE name=?", (least, least, name)
    )
