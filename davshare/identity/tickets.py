"""Tickets: good credentials, to be shown once within seconds where a client cannot send them again."""

from __future__ import annotations

import hashlib
import json
import secrets
import time

from davshare.errors import Forbidden, NotAuthenticated, Unavailable
from davshare.identity.gate import Lasting
from davshare.index import onetime
from davshare.index.database import Database
from davshare.index.onetime import Once

#: Seconds for which a ticket is good.
SECONDS = 15
_PURPOSE = "ticket"
#: Most tickets that are good at the same time.
_MOST = 10_000


def issue(database: Database, lasting: Lasting) -> str:
    """A ticket for somebody who has just signed in.

    :raises Forbidden: signed tokens have none; they are sent as they are.
    :raises Unavailable: too many are good already.
    """
    if lasting.bearer:
        raise Forbidden("Only passwords and app tokens can be exchanged here.")
    now = int(time.time())
    ticket = secrets.token_urlsafe(32)
    expires = None if lasting.expires == float("inf") else lasting.expires
    payload = json.dumps([lasting.state, lasting.device, expires])
    with database.write() as connection:
        if onetime.number(connection, _PURPOSE, now) >= _MOST:
            raise Unavailable("Too many are signing in at the moment.")
        onetime.put(connection, Once(_digest(ticket), _PURPOSE, lasting.user, payload, now + SECONDS), now)
    return ticket


def redeem(database: Database, ticket: str) -> Lasting:
    """Whose ticket that was; nobody else can use it again.

    :raises NotAuthenticated: it is none, or its time is over.
    """
    now, digest = int(time.time()), _digest(ticket)
    with database.session() as connection:
        if onetime.get(connection, digest, _PURPOSE, now) is None:
            raise NotAuthenticated  # strangers do not make us write
    with database.write() as connection:
        found = onetime.take(connection, digest, _PURPOSE, now)
    if found is None or found.user is None:
        raise NotAuthenticated
    state, device, expires = json.loads(found.payload)
    return Lasting(found.user, float("inf") if expires is None else expires, state, device)


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(b"ticket\0" + ticket.encode("utf-8", "surrogatepass")).digest()
