"""What the keeper does about once a minute; every function returns how much it did."""

from __future__ import annotations

import contextlib
import logging

from davshare.errors import DavshareError, Unavailable
from davshare.files import pending
from davshare.files.locate import trash_path
from davshare.files.service import Files
from davshare.index import deposits, journal, locks, nodes, redo, spaces, trash, uploads
from davshare.index.database import Connection
from davshare.index.trash import TrashItem
from davshare.model.nodes import Space
from davshare.store.local import STAGING

log = logging.getLogger("davshare.keeper")
_DAY = 86400
#: Items that are purged in one round, so that others get their turn.
_ROUND = 500
#: Most rounds of one kind of work for one space at a time.
_ROUNDS = 200
#: Seconds after which a staged file that nobody finished is litter.
_LITTER = 2 * _DAY
#: Seconds for which a receipt can be read at least.
_RECEIPTS = 30 * _DAY


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
    """Remove the bytes of what was deleted long enough ago, and sooner where a quota is exceeded.

    The rows stay until no sync token can ask for them any more.
    """
    before = now - files.settings.get("trash.keep_days") * _DAY
    with files.db.session() as connection:
        items = trash.older_than(connection, before, _ROUND)
        for space in spaces.over_quota(connection):
            items += _over_quota(connection, space)
    if items:
        files.redoer.replay()  # inodes become free: nothing that is noted may name them
    return sum(_purge(files, item) for item in dict.fromkeys(items))


def _over_quota(connection: Connection, space: Space) -> list[TrashItem]:
    """The oldest deleted things of a space that holds more than its quota together with its trash."""
    root, bin_ = nodes.get(connection, space.node), nodes.get(connection, space.trash)
    if space.quota is None or root is None or bin_ is None:
        return []
    excess = root.size + bin_.size - space.quota
    found: list[TrashItem] = []
    for item in trash.of_space(connection, space.id, _ROUND if excess > 0 else 0):
        node = nodes.get(connection, item.node)
        if excess <= 0:
            break
        excess -= 0 if node is None else node.size
        found.append(item)
    return found


def _purge(files: Files, item: TrashItem) -> bool:
    """One deleted thing; whether its bytes are gone now."""
    store = files.store_of(item.space)
    with files.db.session() as connection:
        node = nodes.get(connection, item.node)
    try:
        if store is not None and node is not None:
            store.present()
            store.remove(trash_path(node))
    except (DavshareError, OSError, RecursionError) as error:
        log.warning("something deleted cannot be purged: %s", error)
        return False
    with files.db.write() as connection:
        if node is not None and trash.remove(connection, item.node):
            nodes.touch(connection, node.parent, node.seq, -node.size)
    return True


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
        for _ in range(_ROUNDS):
            with files.db.session() as connection:
                found = nodes.ghosts(connection, space.trash, space.id, _ROUND)
            if not found:
                break
            with files.db.write() as connection:
                for ghost in found:
                    nodes.remove(connection, [ghost, *nodes.below(connection, ghost)])
            done += len(found)
    return done


def end_uploads(files: Files, now: int) -> int:
    """End uploads to which nothing has come for long, and forget those that were complete as long ago."""
    before = now - pending.keeps(files)
    with files.db.session() as connection:
        found = uploads.idle(connection, before, _ROUND)
    for each in found:
        pending.end(files, each)
    with files.db.write() as connection:
        return len(found) + uploads.forget(connection, before)


def forget_deposits(files: Files, now: int) -> int:
    """Forget what visitors have left so long ago that they cannot take it back any more; the files stay."""
    before = now - max(_RECEIPTS, files.settings.get("sharing.link.withdraw_hours") * 3600)
    with files.db.session() as connection:
        if not deposits.any_before(connection, before):
            return 0
    with files.db.write() as connection:
        return deposits.forget(connection, before)


def remove_litter(files: Files, now: int) -> int:
    """Remove staged files that were never finished."""
    done = 0
    with files.db.session() as connection:
        known = spaces.all_spaces(connection)
    for space in known:
        with contextlib.suppress(Unavailable):
            store = files.store(space)
            with files.db.session() as connection:
                noted = {source.rsplit(b"/", 1)[-1] for source in redo.sources(connection, space.id)}
                noted.update(name.encode() for name in uploads.staged(connection, space.id))
            for name in store.litter(now - _LITTER):
                if name.rsplit(b"/", 1)[-1] not in noted:
                    store.remove((*STAGING, name))
                    done += 1
    return done
