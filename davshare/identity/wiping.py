"""What a device is told whose app token does not sign in any more: whether it is to forget everything.

Asked without credentials, since there are none any more: only who knows the
token learns something.  Nobody guesses one, and a device asks but once, so who
names the right one is always answered; who names others is soon sent away.
"""

from __future__ import annotations

import time

from davshare.errors import NotFound
from davshare.identity import apptokens
from davshare.identity.line import too_many
from davshare.identity.throttle import Throttle, network_of
from davshare.index import devices
from davshare.index.database import Database


class Wiping:
    """Answers devices.

    :param throttle: counts those who guess.
    """

    def __init__(self, database: Database, throttle: Throttle) -> None:
        self._db = database
        self._throttle = throttle

    def check(self, secret: str, peer: str) -> None:
        """Return when the device with this app token is to forget everything.

        :raises NotFound: it is not, or has done so.
        :raises TooManyAttempts: the same, and too many tokens that nobody has came from there.
        """
        if not apptokens.looks_like(secret):
            raise NotFound
        with self._db.session() as connection:
            found = devices.is_wiped(connection, apptokens.digest(secret))
        if not found:
            self._count(peer)
            raise NotFound

    def done(self, secret: str, peer: str) -> None:
        """The device has forgotten everything.

        :raises NotFound, TooManyAttempts: as :meth:`check`.
        """
        self.check(secret, peer)
        with self._db.write() as connection:
            if not devices.end_wipe(connection, apptokens.digest(secret), int(time.time())):
                raise NotFound

    def _count(self, peer: str) -> None:
        # Under the name of the network: nobody holds up others elsewhere.
        account = f"\0wipe {network_of(peer)}"
        if self._throttle.delay(account, peer) > 0:
            raise too_many()
        self._throttle.failed(account, peer)
