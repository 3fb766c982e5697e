"""Rows of what happened to shares and accounts."""

from __future__ import annotations

from typing import NamedTuple

from davshare.index.database import Connection

_COLUMNS = "id, at, kind, actor, actor_name, device, peer, agent, space, node, whom, whom_name, detail"


class Event(NamedTuple):
    """One event; see the table for what the columns mean."""

    id: int
    at: int
    kind: str
    actor: int | None = None
    actor_name: str = ""
    device: int | None = None
    peer: str = ""
    agent: str = ""
    space: int | None = None
    node: int | None = None
    whom: int | None = None
    whom_name: str = ""
    detail: str = ""


class Wanted(NamedTuple):
    """Which events: by or about a user, in a space, about some nodes, not before a time; None: any."""

    user: int | None = None
    space: int | None = None
    nodes: tuple[int, ...] | None = None
    since: int | None = None


def add(connection: Connection, new: Event) -> None:
    """Add an event (its id is ignored)."""
    connection.execute(
        "INSERT INTO event (at, kind, actor, actor_name, device, peer, agent, space, node, whom, whom_name, detail)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        new[1:],
    )


def page(connection: Connection, wanted: Wanted, before: int | None, limit: int) -> list[Event]:
    """The newest events that are wanted, with ids below ``before``."""
    conditions: list[str] = []
    values: list[int] = []
    for condition, given in (
        ("id<?", before),
        ("(actor=? OR whom=?)", wanted.user),
        ("space=?", wanted.space),
        ("at>=?", wanted.since),
    ):
        if given is not None:
            conditions.append(condition)
            values += [given] * condition.count("?")
    if wanted.nodes is not None:
        conditions.append(f"node IN ({','.join('?' * len(wanted.nodes))})")
        values += wanted.nodes
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM event{where} ORDER BY id DESC LIMIT ?", (*values, limit))
    return [Event._make(row) for row in rows]


def any_old(connection: Connection, before: int) -> bool:
    """Whether an event is from before a time."""
    return connection.execute("SELECT 1 FROM event WHERE at<? LIMIT 1", (before,)).fetchone() is not None


def forget_old(connection: Connection, before: int, limit: int) -> int:
    """Forget the oldest events from before a time; how many there were."""
    return connection.execute(
        "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at<? ORDER BY at LIMIT ?)", (before, limit)
    ).rowcount
