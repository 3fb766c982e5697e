"""Whose an index in a database server is: one site's, and one running server's at a time.

Rows of ``lease``: ``site`` says which data folder the index belongs to,
``server`` which server works with it now.  Files and the numbers that
processes share are on one machine, so nobody else may write.
"""

from __future__ import annotations

import socket
import time

from davshare.errors import Conflict
from davshare.index.database import Connection, Database

SITE, SERVER = "site", "server"
#: Seconds for which a server that does not renew counts as running.
TERM = 180
_FOREVER = 1 << 62


def holder_of(text: str) -> str:
    """The part of a holder's text that is compared; the rest is for people."""
    return text.partition(" ")[0]


def belong(database: Database, fingerprint: str) -> None:
    """Return when the index belongs to the site with this fingerprint; an index of nobody's does from now on.

    :raises Conflict: it is another site's, or a server on another machine works with it.
    """
    with database.session() as connection:
        owner, server = _get(connection, SITE), _get(connection, SERVER)
    _demand(database, server)
    if owner is None:
        with database.write() as connection:
            connection.execute("INSERT INTO lease (name, holder, expires) VALUES (?,?,?) ON CONFLICT DO NOTHING",
                               (SITE, fingerprint, _FOREVER))  # fmt: skip
            owner = _get(connection, SITE)
    if owner is not None and owner != fingerprint:
        raise Conflict("this database belongs to another data folder (its secret.key is another one)")


def take(database: Database) -> None:
    """Be the server that works with the index, for the next :data:`TERM` seconds.

    :raises Conflict: another one is.
    """
    with database.session() as connection:
        _demand(database, _get(connection, SERVER))
    text = f"{database.shared.mark} {socket.gethostname()}:{database.folder.resolve()}"
    with database.write() as connection:
        _demand(database, _get(connection, SERVER))
        connection.execute(
            "INSERT INTO lease (name, holder, expires) VALUES (?,?,?) ON CONFLICT (name) DO UPDATE SET"
            " holder=excluded.holder, expires=excluded.expires",
            (SERVER, text, int(time.time()) + TERM),
        )


def release(database: Database) -> None:
    """The server has ended."""
    with database.write() as connection:
        connection.execute("DELETE FROM lease WHERE name=?", (SERVER,))


def _get(connection: Connection, name: str) -> str | None:
    row = connection.execute("SELECT holder FROM lease WHERE name=? AND expires>?", (name, int(time.time()))).fetchone()
    return None if row is None else str(row[0])


def _demand(database: Database, server: str | None) -> None:
    if server is not None and holder_of(server) != database.shared.mark:
        raise Conflict(f"this database is in use by the server of {server.partition(' ')[2]}; one server at a time")
