"""WsgiDAV's lock manager and lock storage over the locks of the file service."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wsgidav.lock_man.lock_manager import LockManager, normalize_lock_root

from davshare.dav import xml
from davshare.dav.exchange import Exchange
from davshare.dav.wsgidav.context import asking
from davshare.dav.wsgidav.refusals import translated
from davshare.errors import NotFound, PreconditionFailed
from davshare.files import locking, locks
from davshare.files.context import Address, Asker, Connection
from davshare.files.listing import Lock
from davshare.files.locate import Place
from davshare.files.locks import Wish
from davshare.model import names

#: A lock as WsgiDAV describes it, see :mod:`wsgidav.lock_man.lock_manager`.
LockDict = dict[str, Any]


class Storage:
    """Locks by URL and token, in the view of whoever is asking (``LockStorageDict``'s interface).

    Nothing is kept here: any number of workers see the same locks.
    """

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def cleanup(self) -> None:
        """Expired locks are invisible, and removed by the keeper."""

    def clear(self) -> None:
        """Not for doors: ``davshare lock break`` does this."""
        raise NotImplementedError

    def get(self, token: str) -> LockDict | None:
        """A live lock of the space that the request is about; None when there is no such lock."""
        x = _exchange()
        with x.files.db.snapshot() as connection:
            place = _place(x, connection, x.address)
            if place is None:
                return None
            root, now = place.chain[:1], int(time.time())
            every = [*locking.covering(connection, root, now), *locking.inside(connection, root[0], now)]
            return next((_told(x, connection, place, lock) for lock in every if lock.token == token), None)

    def create(self, path: str, lock: LockDict) -> LockDict:
        """Take a lock; conflicts are found in the transaction that writes it.

        :param lock: is completed with ``token``, ``expire`` and the ``timeout`` that was granted.
        :raises DAVError: another lock is in the way, or the asker may not lock this.
        """
        x = _exchange()
        owner = xml.inside(xml.parse(lock["owner"])) if lock["owner"] else ""
        wish = Wish(lock["scope"] == "exclusive", lock["depth"] == "infinity", owner, _seconds(x, lock["timeout"]))
        with translated():
            granted = locks.lock(x.files, x.asker, Address(*names.split(path)), wish)
        lock.update(
            root=normalize_lock_root(granted.root),
            timeout=granted.lock.timeout,
            expire=float(granted.lock.expires),
            token=granted.lock.token,
        )
        return lock

    def refresh(self, token: str, *, timeout: float) -> LockDict:
        """Give a lock of the asker's more time.

        :raises DAVError: there is no such lock, or it belongs to someone else.
        """
        x = _exchange()
        with translated():
            found = self.get(token)
            if found is None:
                raise PreconditionFailed(condition="lock-token-matches-request-uri")
            asker = Asker(x.actor, frozenset((token,)))
            granted = locks.refresh(x.files, asker, Address(*names.split(found["root"])), _seconds(x, timeout))
        return {**found, "timeout": granted.lock.timeout, "expire": float(granted.lock.expires)}

    def delete(self, token: str) -> bool:
        """Remove a lock; whether there was one.

        :raises DAVError: it belongs to someone else.
        """
        found = self.get(token)
        if found is None:
            return False
        x = _exchange()
        with translated():
            locks.unlock(x.files, x.asker, Address(*names.split(found["root"])), token)
        return True

    def get_lock_list(self, path: str, *, include_root: bool, include_children: bool, token_only: bool) -> list[Any]:
        """Live locks taken on a URL, on what is below it, or both; dictionaries or only tokens."""
        x = _exchange()
        with x.files.db.snapshot() as connection:
            place = _place(x, connection, Address(*names.split(path)))
            node = None if place is None else place.node
            if place is None or node is None:
                return []
            now = int(time.time())
            found = [lock for lock in locking.covering(connection, place.chain, now) if lock.node == node.id]
            found = found if include_root else []
            found += locking.inside(connection, node, now) if include_children else []
            return [lock.token if token_only else _told(x, connection, place, lock) for lock in found]


class Manager(LockManager):
    """WsgiDAV's lock manager, with every decision left to the file service."""

    storage: Storage

    def __init__(self) -> None:
        super().__init__(Storage())

    def acquire(
        self, *, url: str, lock_type: str, lock_scope: str, lock_depth: str, lock_owner: bytes, timeout: float | None,
        principal: str, token_list: Sequence[str],
    ) -> LockDict:  # fmt: skip
        """Take a lock: asked and written in one transaction, so that of several workers one wins.

        :raises DAVError: another lock is in the way (``no-conflicting-lock``).
        """
        lock = {
            "root": url, "type": lock_type, "scope": lock_scope, "depth": lock_depth, "owner": lock_owner,
            "timeout": timeout, "principal": principal,
        }  # fmt: skip
        return self.storage.create(url, lock)

    def refresh(self, token: str, *, timeout: float | None = None) -> LockDict:
        """Give a lock of the asker's more time."""
        return self.storage.refresh(token, timeout=-1 if timeout is None else timeout)

    def get_indirect_url_lock_list(self, url: str, *, principal: str | None = None) -> list[LockDict]:
        """Live locks whose scope holds a URL, of everyone or of one person."""
        x = _exchange()
        with x.files.db.snapshot() as connection:
            place = _place(x, connection, Address(*names.split(url)))
            if place is None or place.node is None:
                return []
            covering = locking.covering(connection, place.chain, int(time.time()))
            found = [_told(x, connection, place, lock) for lock in covering]
        return [lock for lock in found if principal in (None, lock["principal"])]

    def check_write_permission(self, *, url: str, depth: str, token_list: Sequence[str], principal: str) -> None:
        """Return when no lock forbids to change a URL, and for depth infinity what is below it.

        :raises DAVError: a token is missing.
        """
        x = _exchange()
        with translated(), x.files.db.snapshot() as connection:
            place = _place(x, connection, Address(*names.split(url)))
            if place is not None:
                demand = locking.demand_member if depth == "infinity" else locking.demand_content
                demand(connection, place, Asker(x.actor, frozenset(token_list)))

    @contextmanager
    def write_transaction(
        self, *, url: str, token_list: Sequence[str], principal: str, depth: str = "0"
    ) -> Iterator[None]:
        """The same around a write: what writes asks again in its own transaction, so nothing has to be marked."""
        self.check_write_permission(url=url, depth=depth, token_list=token_list, principal=principal)
        yield


def _exchange() -> Exchange:
    found = asking.get()
    if found is None:
        raise RuntimeError("locks are asked for outside of a request")
    return found


def _place(x: Exchange, connection: Connection, address: Address) -> Place | None:
    """What can be locked at an address; None for nothing and for collections that the server makes up."""
    try:
        target = x.files.target(connection, x.asker, address)
    except NotFound:
        return None
    if not isinstance(target, Place) or not (target.rights or target.passages):
        return None
    return target


def _told(x: Exchange, connection: Connection, place: Place, lock: Lock) -> LockDict:
    """A lock as WsgiDAV describes it; the makers of other people's locks are told by number."""
    owner = f'<d:owner xmlns:d="{xml.DAV}">{lock.owner}</d:owner>'.encode() if lock.owner else b""
    return {
        "root": normalize_lock_root(locking.root(connection, place, lock)),
        "type": "write",
        "scope": "exclusive" if lock.exclusive else "shared",
        "depth": "infinity" if lock.infinite else "0",
        "owner": owner,
        "timeout": lock.timeout,
        "expire": float(lock.expires),
        "principal": x.actor.name if lock.creator == x.actor.user else f"#{lock.creator}",
        "token": lock.token,
    }


def _seconds(x: Exchange, timeout: float | None) -> int:
    """What is granted of a wished life time; WsgiDAV says -1 for infinite and None for any."""
    longest: int = x.files.settings.get("locks.max_timeout")
    usual: int = x.files.settings.get("locks.default_timeout")
    if timeout is None:
        return min(longest, usual)
    return longest if timeout < 0 else max(1, min(longest, int(timeout)))
