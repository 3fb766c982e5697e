"""The journal as people read it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from davshare.files.service import Files
from davshare.index import journal, nodes, people, spaces
from davshare.index.database import Connection
from davshare.model.journal import Entry, Kind


def read_journal(files: Files, space_name: str | None, since: int, limit: int) -> list[dict[str, Any]]:
    """Entries of a space (or of all) after the number ``since``, as plain values with paths of now."""
    found: list[dict[str, Any]] = []
    with files.db.snapshot() as connection:
        for space in spaces.all_spaces(connection):
            if space_name in (None, space.name):
                entries = islice(journal.since(connection, space.id, since), limit)
                found += [_told(connection, space.name, entry) for entry in entries]
    return found[:limit] if space_name is not None else found


def _told(connection: Connection, space: str, entry: Entry) -> dict[str, Any]:
    actor = None if entry.actor is None else people.principal_by_id(connection, entry.actor)
    return {
        "space": space,
        "seq": entry.seq,
        "kind": Kind(entry.kind).name.lower(),
        "node": entry.node,
        "path": _path(connection, entry.node),
        "old_path": None if entry.old_parent is None else f"{_path(connection, entry.old_parent)}/{entry.old_name}",
        "deep": bool(entry.deep),
        "version": entry.version,
        "actor": None if actor is None else actor.name,
        "device": entry.device,
        "at": entry.at,
    }


def _path(connection: Connection, node: int) -> str:
    return "".join(f"/{each.name}" for each in nodes.chain(connection, node)[1:])
