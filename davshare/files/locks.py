"""LOCK and UNLOCK as operations: decided and written in one transaction."""

from __future__ import annotations

from typing import NamedTuple

from davshare.errors import Conflict
from davshare.files import locking, newcomer, writer
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker, Connection
from davshare.files.locate import Place
from davshare.files.locking import Wish
from davshare.files.occupied import decided, differs
from davshare.files.redo import Effect
from davshare.files.service import Files
from davshare.index.locks import Lock
from davshare.model.access import Permission
from davshare.store.local import STAGING
from davshare.store.refusals import refusal

__all__ = ["Granted", "Wish", "lock", "refresh", "unlock"]


class Granted(NamedTuple):
    """A lock, the URL it was taken on, and whether it made an empty file (RFC 4918 section 7.3)."""

    lock: Lock
    root: str
    created: bool


def _decide(files: Files, connection: Connection, asker: Asker, address: Address) -> Place:
    place = files.new_place(connection, asker, address)
    if place.node is not None:
        place.found()
        place.demand(Permission.WRITE_CONTENT)
        asker.check(connection)
        return place
    newcomer.demand(files, connection, asker, place, file=True, locking_it=True)
    return place


def lock(files: Files, asker: Asker, address: Address, wish: Wish) -> Granted:
    """Lock what is at ``address``; where nothing is, an empty file comes into being.

    :raises Locked: another lock is in the way.
    """
    found = _lock_known(files, asker, address, wish, True)
    if found is None:
        place = decided(files, lambda connection: _decide(files, connection, asker, address))
        if place.node is None:
            return _lock_new(files, asker, address, wish, place)
        found = _lock_known(files, asker, address, wish, False)
    if found is None:
        raise Conflict("The file was removed in the meantime.")
    return found


def _lock_known(files: Files, asker: Asker, address: Address, wish: Wish, doubt: bool) -> Granted | None:
    """The lock on what is known to be there; None where nothing is.

    :param doubt: None, too, where the disk holds something else.
    """

    def work(connection: Connection) -> Granted | None:
        here = _decide(files, connection, asker, address)
        if here.node is None or (doubt and differs(files, here)):
            return None
        new = locking.grant(connection, here, asker, wish)
        return Granted(new, locking.root(connection, here, new), False)

    return files.passing.run(work)


def _lock_new(files: Files, asker: Asker, address: Address, wish: Wish, place: Place) -> Granted:
    """An empty file, locked from its beginning."""
    store = files.store(place.space)
    staged = store.stage()
    name = staged.name
    try:
        facts = staged.finish(None)
    except OSError as error:
        raise refusal(error) from error
    finally:
        staged.discard()

    def work(tx: Transaction) -> Granted:
        here = _decide(files, tx.connection, asker, address)
        created = here.node is None
        if created:
            node = writer.create(tx, here.chain[-1], here.name, facts)
            tx.undo = lambda later: writer.forget(later, node)
            tx.effect(Effect(here.space.id, (*STAGING, name), here.path, facts.inode))
            here = files.place(tx.connection, asker, address)
        new = locking.grant(tx.connection, here, asker, wish)
        return Granted(new, locking.root(tx.connection, here, new), created)

    try:
        granted = files.committer.run(work, [place.space.id], asker.actor.user, asker.actor.device)
    except BaseException:
        store.remove((*STAGING, name))
        raise
    if not granted.created:
        store.remove((*STAGING, name))
    return granted


def refresh(files: Files, asker: Asker, address: Address, timeout: int) -> Granted:
    """More time for the lock whose token was shown."""

    def work(connection: Connection) -> Granted:
        place = files.place(connection, asker, address)
        place.found()
        asker.check(connection)
        found = locking.refresh(connection, place, asker, timeout)
        return Granted(found, locking.root(connection, place, found), False)

    return files.passing.run(work)


def unlock(files: Files, asker: Asker, address: Address, token: str) -> None:
    """Remove a lock of the resource at ``address``."""

    def work(connection: Connection) -> None:
        place = files.place(connection, asker, address)
        place.found()
        asker.check(connection)
        locking.release(connection, place, asker, token)

    files.passing.run(work)
