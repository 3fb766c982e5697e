"""Whether things that are gone from disk may go from the index as well.

A few may.  When a large share of a space is gone within an hour, it is more
likely that a disk, a mount or a script failed: the rows stay, readers get
503, and a person decides (``davshare reconcile --accept-removals``).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from davshare.files.commit import Transaction
from davshare.files.service import Files
from davshare.index import digests, nodes, spaces
from davshare.index.database import Connection
from davshare.model.nodes import Node, Space
from davshare.store.base import Facts

log = logging.getLogger("davshare.files")
_HOUR = 3600


def admit(files: Files, tx: Transaction, space: Space, gone: Sequence[Node]) -> bool:
    """Whether these nodes, with all below them, may lose their places now; counts them when they may."""
    count = sum(1 + (nodes.count_below(tx.connection, node.id) if node.is_folder else 0) for node in gone)
    return admit_count(files, tx, space, count)


def admit_count(files: Files, tx: Transaction, space: Space, count: int) -> bool:
    """The same for a number of nodes."""
    now = tx.now // 1_000_000_000
    tally = spaces.tally(tx.connection, space.id)
    if tally.held:
        return False
    if tally.vanished_at + _HOUR <= now:
        tally = spaces.Tally(0, now, 0, 0)
    tally = tally._replace(vanished=tally.vanished + count)
    if tally.vanished >= files.settings.get("disk.removals_least"):
        tally = tally._replace(
            population=tally.population or _population(tx.connection, space) + tally.vanished - count
        )
        if tally.vanished * 100 > tally.population * files.settings.get("disk.removals_percent"):
            tally = tally._replace(held=tally.vanished)
            log.error(
                "%d of %d nodes of the %s %s are gone from disk; their removal waits for"
                " `davshare reconcile %s --accept-removals`",
                tally.vanished, tally.population, space.kind, space.name, space.name,
            )  # fmt: skip
    spaces.set_tally(tx.connection, space.id, tally)
    return not tally.held


def _population(connection: Connection, space: Space) -> int:
    """How many nodes have a place; what lies in the trash, or is remembered there, has none."""
    return nodes.population(connection, space.id) - nodes.count_below(connection, space.trash)


def release(files: Files, space: Space) -> None:
    """What is gone from a space may go from the index: a person said so, or everything is back."""
    with files.db.write() as connection:
        spaces.set_tally(connection, space.id, spaces.Tally(0, 0, 0, 0))


def same_content(connection: Connection, node: Node, facts: Facts, proof: bytes | None) -> bool:
    """For filesystems without birth times: whether size, time and SHA-256 are those of the node."""
    if node.is_folder or proof is None:
        return False
    expected = node.mtime_ns if node.disk_ns is None else node.disk_ns
    if (facts.size, facts.mtime_ns) != (node.size, expected):
        return False
    return digests.of(connection, node.id, node.stamp).sha256 == proof
