"""Rows of sessions, which our own tokens stand for, and of the keys that sign them."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection, changed

_SESSION = 'id, "user", label, mask, node, device, issuer, subject, sid, created, expires'


class Session(NamedTuple):
    """Somebody who has signed in for a while.

    ``id`` is the ``jti`` of the token; ``mask``, ``node`` and ``device`` are
    the limits of the credentials that were used.  ``issuer``, ``subject`` and
    ``sid`` say which OpenID provider vouched, and are empty without one.
    Times are seconds since 1970.
    """

    id: str
    user: int
    label: str
    mask: int
    node: int | None
    device: int | None
    issuer: str
    subject: str
    sid: str
    created: int
    expires: int


def add(connection: Connection, new: Session) -> None:
    """Add one.  Nothing that a worker remembers becomes wrong by it, so the generation stays."""
    connection.execute(f"INSERT INTO session ({_SESSION}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", tuple(new))


def end_of_device(connection: Connection, device: int) -> int | None:
    """The second at which an app token ends; None: never."""
    row = connection.execute("SELECT expires FROM apptoken WHERE id=?", (device,)).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def get(connection: Connection, number: str) -> Session | None:
    """One by id."""
    row = connection.execute(f"SELECT {_SESSION} FROM session WHERE id=?", (number,)).fetchone()
    return None if row is None else Session._make(row)


def of_user(connection: Connection, user: int, limit: int = 1000) -> list[Session]:
    """The sessions of a user, newest first."""
    rows = connection.execute(
        f'SELECT {_SESSION} FROM session WHERE "user"=? ORDER BY created DESC, id LIMIT ?', (user, limit)
    )
    return [Session._make(row) for row in rows]


def remove(connection: Connection, number: str) -> bool:
    """End one; whether there was one."""
    done = connection.execute("DELETE FROM session WHERE id=?", (number,)).rowcount
    changed(connection)
    return done > 0


def remove_of_user(connection: Connection, user: int) -> int:
    """End all of a user; how many there were."""
    done = connection.execute('DELETE FROM session WHERE "user"=?', (user,)).rowcount
    changed(connection)
    return done


def remove_linked(connection: Connection, user: int, issuer: str) -> None:
    """End those of a user that one provider vouches for."""
    connection.execute('DELETE FROM session WHERE "user"=? AND issuer=?', (user, issuer))
    changed(connection)


def remove_vouched(connection: Connection, issuer: str, subject: str, sid: str) -> int:
    """End what a provider has vouched for: one session there, or all of a subject; how many there were.

    :param subject: may be empty when ``sid`` is given.
    :param sid: empty: every session of the subject; otherwise that one and those of which no ``sid`` is known.
    """
    done = connection.execute(
        "DELETE FROM session WHERE issuer=? AND ((?<>'' AND sid=?) OR (?<>'' AND subject=? AND (?='' OR sid='')))",
        (issuer, sid, sid, subject, subject, sid),
    ).rowcount
    changed(connection)
    return done


def trim(connection: Connection, user: int, most: int) -> None:
    """End the oldest sessions of a user who has more than that many."""
    row = connection.execute('SELECT count(*) FROM session WHERE "user"=?', (user,)).fetchone()
    if int(row[0]) > most:
        connection.execute(
            'DELETE FROM session WHERE "user"=? AND id NOT IN'
            ' (SELECT id FROM session WHERE "user"=? ORDER BY created DESC, id LIMIT ?)',
            (user, user, most),
        )
        changed(connection)


def trim_device(connection: Connection, device: int, most: int) -> None:
    """End the oldest sessions of an app token that has more than that many."""
    done = connection.execute(
        "DELETE FROM session WHERE device=? AND id NOT IN"
        " (SELECT id FROM session WHERE device=? ORDER BY created DESC, id LIMIT ?)",
        (device, device, most),
    ).rowcount
    if done:
        changed(connection)


def any_over(connection: Connection, now: int) -> bool:
    """Whether the time of some session is over."""
    return connection.execute("SELECT 1 FROM session WHERE expires<=? LIMIT 1", (now,)).fetchone() is not None


def expire(connection: Connection, now: int) -> int:
    """Drop those whose time is over; their tokens say so themselves, so nothing changes for anybody."""
    return connection.execute("DELETE FROM session WHERE expires<=?", (now,)).rowcount


# signing keys


class SigningKey(NamedTuple):
    """One key: what it is derived from, and when it came into being."""

    kid: str
    created: int


def keys(connection: Connection) -> list[SigningKey]:
    """All signing keys, newest first."""
    rows = connection.execute("SELECT kid, created FROM signing_key ORDER BY created DESC, kid")
    return [SigningKey._make(row) for row in rows]


def has_key(connection: Connection, kid: str) -> bool:
    """Whether tokens signed with this key can still be good."""
    return connection.execute("SELECT 1 FROM signing_key WHERE kid=?", (kid,)).fetchone() is not None


def add_key(connection: Connection, new: SigningKey) -> None:
    """Add a key; as the newest one it signs from now on."""
    connection.execute("INSERT INTO signing_key (kid, created) VALUES (?,?)", tuple(new))


def remove_key(connection: Connection, kid: str) -> None:
    """Forget a key: tokens signed with it are refused."""
    connection.execute("DELETE FROM signing_key WHERE kid=?", (kid,))
    changed(connection)
