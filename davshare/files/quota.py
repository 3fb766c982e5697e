"""How much may still be stored (RFC 4331)."""

from __future__ import annotations

from davshare.errors import InsufficientStorage
from davshare.files.locate import Place
from davshare.store.base import Store

#: What stands for "no limit": more than any disk.
ENDLESS = 2**62


def room(place: Place) -> int:
    """Bytes by which the space of ``place`` may grow."""
    quota = place.space.quota
    return ENDLESS if quota is None else max(0, quota - place.chain[0].size)


def available(place: Place, store: Store) -> int:
    """Bytes that a user can still store here: by quota and by disk."""
    return min(room(place), store.free())


def demand(place: Place, growth: int) -> None:
    """Return when ``growth`` more bytes are within the quota.

    :raises InsufficientStorage: they are not.
    """
    if growth > 0 and growth > room(place):
        raise InsufficientStorage("The quota of this space does not allow it.")
