"""Open effects: what the index has decided and the disk may not show yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from davshare.index.database import Connection


class Redo(NamedTuple):
    """What is at ``source``, if it has this inode, goes to ``target``; paths are below the space's root.

    ``node`` is the file that has ``content`` as long as it has this ``stamp``; it may not be on disk for good yet.
    None: all of it is.  ``stuck``: the storage has refused it, or the content.
    """

    id: int
    space: int
    source: bytes
    target: bytes
    inode: int
    node: int | None = None
    stamp: int | None = None
    content: bytes | None = None
    stuck: bool = False


_COLUMNS = "id, space, source, target, inode, node, stamp"


def insert(connection: Connection, effect: Redo) -> None:
    """Note an effect."""
    connection.execute(f"INSERT INTO redo ({_COLUMNS}, content) VALUES (?,?,?,?,?,?,?,?)", effect[:8])


def open_effects(connection: Connection, after: int = 0) -> list[Redo]:
    """Effects with greater ids than ``after``, and stuck ones, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}, content, stuck FROM redo WHERE id>? OR stuck=1 ORDER BY id", (after,)
    )
    return [Redo(*row) for row in rows]


def carried_out(connection: Connection, progress: int) -> list[Redo]:
    """Effects up to this number that were carried out, oldest first; those that a storage refused were not.

    Without their content.
    """
    rows = connection.execute(f"SELECT {_COLUMNS} FROM redo WHERE id<=? AND stuck=0 ORDER BY id", (progress,))
    return [Redo(*row) for row in rows]


def any_after(connection: Connection, number: int) -> bool:
    """Whether there are effects with greater ids."""
    return connection.execute("SELECT 1 FROM redo WHERE id>? LIMIT 1", (number,)).fetchone() is not None


def naming(connection: Connection, inode: int) -> list[Redo]:
    """Effects that are noted for the thing with this inode; without their content."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM redo WHERE inode=?", (inode,))
    return [Redo(*row) for row in rows]


def sources(connection: Connection, space: int) -> set[bytes]:
    """Where effects that are noted for a space take things from."""
    return {row[0] for row in connection.execute("SELECT source FROM redo WHERE space=?", (space,))}


def any_stuck(connection: Connection) -> bool:
    """Whether an effect waits for a storage."""
    return connection.execute("SELECT 1 FROM redo WHERE stuck=1 LIMIT 1").fetchone() is not None


def stuck(connection: Connection, effect: int) -> None:
    """Note that the storage refused an effect; it is tried again whenever somebody looks."""
    connection.execute("UPDATE redo SET stuck=1 WHERE id=?", (effect,))


def doubt(connection: Connection, ids: Sequence[int]) -> None:
    """The disk has refused to keep the content that is noted with these effects."""
    if ids:
        connection.executemany("UPDATE redo SET stuck=1 WHERE id=? AND node IS NOT NULL", [(one,) for one in ids])


def drop_settled(connection: Connection, ids: Collection[int]) -> list[int]:
    """Forget effects that are on disk for good, oldest first: one that is noted comes before all that came after it.

    Those that a storage refused wait for that alone.

    :returns: those that are noted still, because an older one is.
    """
    if not ids:
        return []
    settled = frozenset(ids)
    going: list[int] = []
    before: int | None = None
    for (number,) in connection.execute("SELECT id FROM redo WHERE stuck=0 ORDER BY id"):
        if number not in settled:
            before = number
            break
        going.append(number)
    if going:
        connection.execute("DELETE FROM redo WHERE id<=? AND stuck=0", (going[-1],))
    return [] if before is None else [number for number in settled if number > before]


def unstuck(connection: Connection, ids: list[int]) -> None:
    """Effects that a storage refused have been carried out."""
    connection.executemany("UPDATE redo SET stuck=0 WHERE id=?", [(one,) for one in ids])


def drop(connection: Connection, ids: list[int]) -> None:
    """Effects are on disk for good."""
    if ids:
        connection.executemany("DELETE FROM redo WHERE id=?", [(one,) for one in ids])
