"""Accounts that are in the making: whoever signs in for the first time may do so several times at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from davshare.errors import Unavailable
from davshare.identity.people import enable
from davshare.index import people, spaces
from davshare.index.database import Database
from davshare.model.people import User

if TYPE_CHECKING:
    from davshare.files.service import Files

#: Seconds to wait for somebody else who makes the account, and after which that one has died over it.
_PATIENCE, _ABANDONED = 5.0, 60


def whole(files: Files, user: User) -> User:
    """The account when its home is there; somebody else may be making it, or have died over it.

    :raises Unavailable: it takes too long.
    """
    until = time.monotonic() + _PATIENCE
    while user.disabled:
        age, unfinished = time.time() - user.created, not _has_home(files.db, user)
        if unfinished and age > _ABANDONED:
            return enable(files, user.name)
        if unfinished and time.monotonic() > until:
            raise Unavailable("The account is being made; try again in a minute.", retry_after=_ABANDONED)
        if not unfinished and age > _PATIENCE:
            break
        time.sleep(0.05)
        with files.db.session() as connection:
            user = people.user_by_id(connection, user.id) or user
    return user


def _has_home(database: Database, user: User) -> bool:
    with database.session() as connection:
        return user.guest or spaces.home(connection, user.id) is not None
