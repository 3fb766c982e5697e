"""An index that was put back from a backup must not be taken for the one that clients know."""

from __future__ import annotations

import logging

from davshare.index.database import Connection, Database, advance, count

log = logging.getLogger("davshare.files")


def notice(database: Database) -> bool:
    """At a start: find out whether the index is an older one than was last used here.

    It is, when it has seen fewer commits than the file beside it says, or when
    that file is a copy (or missing, though the index is not new).  Then the
    epoch is raised, which makes every sync token and ETag of before invalid,
    and the counter of node ids jumps past any that may have been given out.
    """
    with database.turn():
        with database.session() as connection:
            commits = count(connection, "commits")
        restored = commits < database.shared.commits or (not database.shared.in_place and commits > 0)
        if restored:
            with database.transaction() as connection:
                raise_epoch(connection)
            database.progress = 0  # it counts the effects of another index
            log.warning("the index was restored from a backup: sync clients will compare everything once")
        database.shared.commits = commits
        database.shared.settle_in()
        return restored


def raise_epoch(connection: Connection) -> int:
    """Make every sync token and ETag that was ever given out invalid; the new epoch."""
    advance(connection, "node", 1 << 32)
    return advance(connection, "epoch")
