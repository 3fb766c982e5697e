"""Guessing is slowed down, without locking out whoever has the right password.

Failed sign-ins with a password are counted in the index, so that all workers
know of them, under three keyed hashes (no name and no address in clear):

* account and network (/24 or /64): after 10 failures a sign-in is looked at
  1, then 2 seconds after the last failure at the earliest;
* network: after 50 failures 1 second after the last one, whatever the account;
* account: after 100 failures from anywhere, 1 second after the last one.

A sign-in that comes earlier is not refused: it waits until then and is verified
like any other, so the right password always gets in.  Sign-ins of one account
from one network stand in line (:mod:`davshare.identity.line`), so each worker
looks at about one guess in two seconds; only who finds the line, or all seats
of the process, taken by others is sent away to come back soon.

Counts are forgotten an hour after the last failure, and those of an account
when an administrator says so.  A success clears the pair
and leaves a mark for 30 days: who has signed in from a network before is not
held up there by what others do (the second and third rule).  App tokens cannot
be guessed and never wait.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from copy import copy
from ipaddress import ip_address, ip_network

from davshare.errors import Unavailable
from davshare.index import people
from davshare.index.database import Connection, Database
from davshare.model import names

#: Failures that cost nothing, and the longest pause after more: a second or two
#: of these stop guessing as well as an hour would, and nobody minds them once.
PAIR_FREE, PAIR_LONGEST = 10, 2
NETWORK_FREE, NETWORK_LONGEST = 50, 1
ACCOUNT_FREE, ACCOUNT_LONGEST = 100, 1
FORGET_AFTER = 3600
MARK_FOR = 30 * 86400
_MARK_AGAIN_AFTER = 86400
_TIDY_EVERY = 256


def network_of(peer: str) -> str:
    """The network that an address is counted under; anything else is its own network."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return str(ip_network(f"{address}/{24 if address.version == 4 else 64}", strict=False))


def pause(failures: int, free: int, longest: int) -> int:
    """Seconds to wait after the last of ``failures``."""
    return 0 if failures < free else min(longest, 2 ** min(failures - free, 20))


class Throttle:
    """The counters of failed sign-ins.

    :param secret: key of the hashes; the same in all workers.
    :param clock: seconds since 1970.
    """

    def __init__(self, database: Database, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._secret = hashlib.blake2b(secret, person=b"throttle").digest()
        self._clock = clock
        self._counted = 0

    def delay(self, account: str, peer: str) -> float:
        """Seconds until a guess may be looked at; at most the longest pause, 0 if at once."""
        network = network_of(peer)
        now = self._clock()
        with self._db.session() as connection:
            since = self._since(connection, account, now)
            pair = people.failures(connection, self._key("pair", account, network))
            wait = self._wait(pair, pause(pair[0], PAIR_FREE, PAIR_LONGEST), now, since)
            _, marked = people.failures(connection, self._key("mark", account, network))
            if marked < now - MARK_FOR:
                wide = people.failures(connection, self._key("network", network))
                wait = max(wait, self._wait(wide, pause(wide[0], NETWORK_FREE, NETWORK_LONGEST), now))
                whole = people.failures(connection, self._key("account", account))
                wait = max(wait, self._wait(whole, pause(whole[0], ACCOUNT_FREE, ACCOUNT_LONGEST), now, since))
        return wait

    def failed(self, account: str, peer: str) -> None:
        """Count a failure.

        :raises Unavailable: it cannot be counted, so nothing more may be tried.
        """
        network = network_of(peer)
        now = int(self._clock())
        with self._db.write() as connection:
            people.add_failure(connection, self._key("network", network), now, now - FORGET_AFTER)
            since = max(now - FORGET_AFTER, self._since(connection, account, now) + 1)
            for key in (self._key("pair", account, network), self._key("account", account)):
                people.add_failure(connection, key, now, since)
            self._counted += 1
            if self._counted % _TIDY_EVERY == 0:
                people.forget_old(connection, now - FORGET_AFTER, now - MARK_FOR)

    def succeeded(self, account: str, peer: str) -> None:
        """Clear the pair and leave the mark; costs a write only when that changes something."""
        network = network_of(peer)
        now = int(self._clock())
        pair, mark = self._key("pair", account, network), self._key("mark", account, network)
        with self._db.session() as connection:
            failures, _ = people.failures(connection, pair)
            _, marked = people.failures(connection, mark)
        if failures or marked < now - _MARK_AGAIN_AFTER:
            with self._db.write() as connection:
                people.forget_failures(connection, pair)
                people.put_mark(connection, mark, now)

    def unlock(self, account: str) -> None:
        """Forget all failures of an account, wherever they came from; those to come count afresh."""
        with self._db.write() as connection:
            people.put_mark(connection, self._key("unlocked", account), int(self._clock()))

    def self_test(self) -> None:
        """Prove that failures are counted and make people wait.

        :raises Unavailable: they are not, so the server must not start.
        """
        account, peer = "\0self-test", "\0nowhere"
        now = self._clock()
        still = copy(self)
        still._clock = lambda: now  # or a slow disk could outlast the pause
        try:
            for _ in range(PAIR_FREE):
                still.failed(account, peer)
            counted = still.delay(account, peer) > 0
        finally:
            with self._db.write() as connection:
                for key in (("pair", account, peer), ("network", peer), ("account", account)):
                    people.forget_failures(connection, self._key(*key))
        if not counted:
            raise Unavailable("Failed sign-ins are not being counted.")

    def _since(self, connection: Connection, account: str, now: float) -> int:
        """The second up to which the failures of an account are forgotten."""
        _, unlocked = people.failures(connection, self._key("unlocked", account))
        return unlocked if unlocked <= now else 0

    @staticmethod
    def _wait(counted: tuple[int, int], seconds: int, now: float, since: int = 0) -> float:
        failures, at = counted
        # A failure in the future means that the clock was set back: it must not turn a pause into hours.
        return max(0.0, at + seconds - now) if failures and max(now - FORGET_AFTER, since) < at <= now else 0.0

    def _key(self, *parts: str) -> bytes:
        """Parts cannot run into each other; accounts count by what people would take for the same."""
        folded = [names.key(part).casefold() for part in parts]
        text = "".join(f"{len(part)}:{part}" for part in folded)
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._secret, digest_size=16).digest()
