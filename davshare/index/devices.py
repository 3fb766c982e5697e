"""Rows of devices, which are app tokens: when they were seen and how far they have read, and which are to be wiped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from davshare.index.database import Connection, changed, parts

_WIPE = 'hash, "user", label, asked, done'


class Sighting(NamedTuple):
    """That a device was there.

    ``space`` is 0 for anywhere, ``seq`` the last journal entry of the space
    that it was told of, ``at`` in seconds since 1970.
    """

    device: int
    space: int
    seq: int | None
    at: int
    agent: str
    peer: str


class Position(NamedTuple):
    """How far a device has read the journal of a space, whose last change is ``last``.

    Numbers of the journal that stand for no change are in between, so a device
    is behind if its number is the smaller one, and how much does not follow.
    """

    device: int
    space: int
    kind: str
    name: str
    seq: int
    last: int
    at: int


class Wipe(NamedTuple):
    """An app token whose device is to forget everything; ``done`` says when it has, None: not yet."""

    hash: bytes
    user: int
    label: str
    asked: int
    done: int | None


def note(connection: Connection, found: Iterable[Sighting]) -> None:
    """Keep sightings of devices that are still there; a later one that is known already stays."""
    connection.executemany(
        "INSERT INTO seen (device, space, seq, at, agent, peer)"
        " SELECT t.id, ?, ?, ?, ?, ? FROM apptoken t WHERE t.id=?"
        " ON CONFLICT (device, space) DO UPDATE SET"
        " seq=excluded.seq, at=excluded.at, agent=excluded.agent, peer=excluded.peer WHERE seen.at<=excluded.at",
        [(each.space, each.seq, each.at, each.agent, each.peer, each.device) for each in found],
    )


def labels(connection: Connection, devices: Sequence[int]) -> list[tuple[int, str]]:
    """What some devices are called that are still there, by their ids."""
    found: list[tuple[int, str]] = []
    for part in parts(devices):
        marks = ",".join("?" * len(part))
        found += connection.execute(f"SELECT id, label FROM apptoken WHERE id IN ({marks})", part).fetchall()
    return found


def last_seen(connection: Connection, devices: Sequence[int]) -> dict[int, Sighting]:
    """The last sighting of each of some devices."""
    found: dict[int, Sighting] = {}
    for part in parts(devices):
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT device, space, seq, at, agent, peer FROM seen WHERE space=0 AND device IN ({marks})", part
        )
        found.update((row[0], Sighting._make(row)) for row in rows)
    return found


def positions(connection: Connection, devices: Sequence[int]) -> list[Position]:
    """How far some devices have read each space that is still there, by device and name."""
    found: list[Position] = []
    for part in parts(devices):
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            "SELECT s.device, s.space, p.kind, p.name, s.seq, CASE WHEN n.stamp<n.seq THEN n.seq ELSE n.stamp END, s.at"
            " FROM seen s JOIN space p ON p.id=s.space JOIN node n ON n.id=p.node"
            f" WHERE s.seq IS NOT NULL AND s.device IN ({marks}) ORDER BY s.device, p.kind, p.name",
            part,
        )
        found += [Position._make(row) for row in rows]
    return found


def any_gone(connection: Connection) -> bool:
    """Whether there are positions in spaces that are gone."""
    row = connection.execute("SELECT 1 FROM seen WHERE space<>0 AND space NOT IN (SELECT id FROM space) LIMIT 1")
    return row.fetchone() is not None


def forget_gone(connection: Connection) -> int:
    """Drop positions in spaces that are gone; how many there were."""
    return connection.execute("DELETE FROM seen WHERE space<>0 AND space NOT IN (SELECT id FROM space)").rowcount


def end_of_scope(connection: Connection, user: int, scope: str) -> None:
    """Remove a user's app tokens of one scope."""
    connection.execute('DELETE FROM apptoken WHERE "user"=? AND scope=?', (user, scope))
    changed(connection)


# wiping


def begin_wipe(connection: Connection, device: int, now: int) -> bool:
    """Remember an app token as one whose device is to forget everything, and end it; whether there was one."""
    done = connection.execute(
        f'INSERT INTO wipe ({_WIPE}) SELECT hash, "user", label, ?, NULL FROM apptoken WHERE id=?', (now, device)
    ).rowcount
    connection.execute("DELETE FROM apptoken WHERE id=?", (device,))
    changed(connection)
    return done > 0


def is_wiped(connection: Connection, digest: bytes) -> bool:
    """Whether the device with this app token is to forget everything, and has not done so."""
    return connection.execute("SELECT 1 FROM wipe WHERE hash=? AND done IS NULL", (digest,)).fetchone() is not None


def end_wipe(connection: Connection, digest: bytes, now: int) -> bool:
    """The device has forgotten everything; whether it was asked to."""
    return connection.execute("UPDATE wipe SET done=? WHERE hash=? AND done IS NULL", (now, digest)).rowcount > 0


def wipes(connection: Connection, user: int | None, limit: int = 2**31) -> list[tuple[str, Wipe]]:
    """Devices of one user or of all that were to be wiped, with the names of their owners, newest first."""
    columns = ", ".join(f"w.{column.strip()}" for column in _WIPE.split(","))
    where, values = ("", ()) if user is None else ('WHERE w."user"=?', (user,))
    rows = connection.execute(
        f'SELECT p.name, {columns} FROM wipe w JOIN principal p ON p.id=w."user" {where}'
        " ORDER BY w.asked DESC, w.hash LIMIT ?",
        (*values, limit),
    )
    return [(row[0], Wipe(bytes(row[1]), *row[2:])) for row in rows]


def trim_wipes(connection: Connection, user: int, most: int) -> None:
    """Forget the oldest wipes of a user who has more than that many."""
    connection.execute(
        'DELETE FROM wipe WHERE "user"=? AND hash NOT IN'
        ' (SELECT hash FROM wipe WHERE "user"=? ORDER BY asked DESC, hash LIMIT ?)',
        (user, user, most),
    )
