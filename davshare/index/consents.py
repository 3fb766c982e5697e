"""Rows of consents: what somebody has granted to a program by OpenID Connect, for as long as a device lasts."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_CONSENT = "c.device, c.client, c.scope, c.refresh, c.signed_in"


class Consent(NamedTuple):
    """What a device was granted.

    ``device`` is the id of its app token, ``refresh`` the SHA-256 of the
    refresh token that is good now (None: it has none), ``signed_in`` the second
    at which its owner had signed in.
    """

    device: int
    client: str
    scope: str
    refresh: bytes | None
    signed_in: int


def add(connection: Connection, new: Consent) -> None:
    """Add one."""
    connection.execute("INSERT INTO consent (device, client, scope, refresh, signed_in) VALUES (?,?,?,?,?)", tuple(new))


def of_device(connection: Connection, device: int) -> Consent | None:
    """That of a device; None: it was made in another way, or is gone."""
    row = connection.execute(f"SELECT {_CONSENT} FROM consent c WHERE c.device=?", (device,)).fetchone()
    return None if row is None else _made(row)


def of_hash(connection: Connection, digest: bytes) -> Consent | None:
    """That of the device whose app token has this SHA-256."""
    row = connection.execute(
        f"SELECT {_CONSENT} FROM consent c JOIN apptoken t ON t.id=c.device WHERE t.hash=?", (digest,)
    ).fetchone()
    return None if row is None else _made(row)


def renew(connection: Connection, device: int, old: bytes, new: bytes, expires: int) -> bool:
    """Let another refresh token be the good one, and the device last longer; false: ``old`` was not the good one.

    What workers remember of the device ends no later than before, so the generation stays.
    """
    done = connection.execute("UPDATE consent SET refresh=? WHERE device=? AND refresh=?", (new, device, old)).rowcount
    if done:
        connection.execute("UPDATE apptoken SET expires=? WHERE id=?", (expires, device))
    return done > 0


def any_over(connection: Connection, now: int) -> bool:
    """Whether the time of some device with a consent is over."""
    row = connection.execute(
        "SELECT 1 FROM consent c JOIN apptoken t ON t.id=c.device WHERE t.expires<=? LIMIT 1", (now,)
    )
    return row.fetchone() is not None


def expire(connection: Connection, now: int) -> int:
    """Drop devices with a consent whose time is over; they have had no effect since then."""
    return connection.execute(
        "DELETE FROM apptoken WHERE expires<=? AND id IN (SELECT device FROM consent)", (now,)
    ).rowcount


def _made(row: tuple[object, ...]) -> Consent:
    made = Consent._make(row)
    return made if made.refresh is None else made._replace(refresh=bytes(made.refresh))
