"""What the keeper does about once a minute; every function returns how much it did."""

from __future__ import annotations

import contextlib

from davshare.errors import Unavailable
from davshare.files.service import Files
from davshare.files.tree import trash_path
from davshare.index import journal, locks, nodes, spaces, trash
from davshare.store.local import STAGING

_DAY = 86400
#: Items that are purged in one round, so that others get their turn.
_ROUND = 500
#: Seconds after which a staged file that nobody finished is litter.
_LITTER = 2 * _DAY


def settle_effects(files: Files, now: int) -> int:
    """Forget effects that idle workers have carried out and not reported yet."""
    return files.redoer.replay()


def expire_locks(files: Files, now: int) -> int:
    """Drop locks whose time is over; they have had no effect since then."""
    with files.db.session() as connection:
        if not locks.any_expired(connection, now):
            return 0
    with files.db.write() as connection:
        return locks.expire(connection, now)


def purge_trash(files: Files, now: int) -> int:
    """Remove the bytes of what was deleted long enough ago.

    The rows stay until no sync token can ask for them any more.
    """
    before = now - files.settings.get("trash.keep_days") * _DAY
    with files.db.session() as connection:
        items = trash.older_than(connection, before, _ROUND)
    done = 0
    for item in items:
        store = files.store_of(item.space)
        with files.db.session() as connection:
            node = nodes.get(connection, item.node)
        if store is not None and node is not None:
            with contextlib.suppress(Unavailable):
                store.present()
                store.remove(trash_path(node))
        with files.db.write() as connection:
            trash.remove(connection, item.node)
        done += 1
    return done


def trim_journals(files: Files, now: int) -> int:
    """Forget old journal entries; tokens from before them are refused from then on."""
    before = now - files.settings.get("journal.keep_days") * _DAY
    keep = files.settings.get("journal.keep_entries")
    done = 0
    with files.db.session() as connection:
        known = spaces.all_spaces(connection)
    for space in known:
        with files.db.session() as connection:
            if not journal.due(connection, space.id, before, keep):
                continue
        with files.db.write() as connection:
            floor = journal.trim(connection, space.id, before, keep)
            if floor:
                spaces.raise_floor(connection, space.id, floor)
                done += 1
    return done


def purge_ghosts(files: Files, now: int) -> int:
    """Remove rows of what is neither on disk nor in the trash nor within reach of a sync token."""
    done = 0
    with files.db.session() as connection:
        known = spaces.all_spaces(connection)
    for space in known:
        with files.db.session() as connection:
            found = nodes.ghosts(connection, space.trash, space.id, _ROUND)
        if found:
            with files.db.write() as connection:
                for ghost in found:
                    nodes.remove(connection, [ghost, *nodes.below(connection, ghost)])
            done += len(found)
    return done


def remove_litter(files: Files, now: int) -> int:
    """Remove staged files that were never finished."""
    done = 0
    with files.db.session() as connection:
        known = spaces.all_spaces(connection)
    for space in known:
        with contextlib.suppress(Unavailable):
            store = files.store(space)
            for name in store.litter(now - _LITTER):
                store.remove((*STAGING, name))
                done += 1
    return done
