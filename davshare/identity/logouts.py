"""Logouts that providers told of: remembered until no token from before them can be alive."""

from __future__ import annotations

import hashlib
import time

from davshare.identity.jwt import SKEW
from davshare.identity.oidc import LONGEST, Logout, Proof, Refused
from davshare.index import onetime, sessions
from davshare.index.database import Connection, Database
from davshare.index.onetime import Once

_PURPOSE = "logout"


def carry_out(database: Database, logout: Logout) -> int:
    """End what a logout token speaks of, in every worker from the next request on; how many sessions that were.

    :raises Refused: this token was carried out before.
    """
    now = int(time.time())
    keep = now + LONGEST + 2 * SKEW
    with database.write() as connection:
        if not onetime.claim(connection, Once(_key("jti", logout.issuer, logout.jti), _PURPOSE, None, "", keep)):
            raise Refused("the same once more")
        for key in _marks(logout):
            before = onetime.get(connection, key, _PURPOSE, now)
            latest = max(logout.issued, float(before.payload) if before is not None else 0.0)
            onetime.put(connection, Once(key, _PURPOSE, None, str(latest), keep), now)
        return sessions.remove_vouched(connection, logout.issuer, logout.subject, logout.sid)


def demand_alive(connection: Connection, proof: Proof) -> None:
    """Return when nobody has been logged out of what a token speaks of since it was issued.

    :raises Refused: somebody has.
    """
    issuer = proof.provider.issuer
    keys = [_key("sub", issuer, proof.subject)]
    keys.append(_key("sid", issuer, proof.sid) if proof.sid else _key("any", issuer, proof.subject))
    for key in keys:
        mark = onetime.get(connection, key, _PURPOSE, int(time.time()))
        # Within the second of the logout nobody can tell which came first.
        if mark is not None and proof.issued <= float(mark.payload):
            raise Refused("logged out")


def _marks(logout: Logout) -> list[bytes]:
    """All tokens of the subject; or those of one session, and of the subject those that name no session."""
    if not logout.sid:
        return [_key("sub", logout.issuer, logout.subject)]
    found = [_key("sid", logout.issuer, logout.sid)]
    return [*found, _key("any", logout.issuer, logout.subject)] if logout.subject else found


def _key(*words: str) -> bytes:
    return hashlib.sha256("\0".join(("davshare logout", *words)).encode()).digest()
