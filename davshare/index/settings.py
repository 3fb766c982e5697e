"""Rows of runtime settings; values are JSON."""

from __future__ import annotations

import json
from typing import Any

from davshare.index.database import Connection, changed


def stored(connection: Connection) -> dict[str, Any]:
    """Every setting that is not at its default."""
    return {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM setting")}


def put(connection: Connection, name: str, value: Any) -> None:
    """Set one; effective in every worker from its next request on."""
    connection.execute(
        "INSERT INTO setting (name, value) VALUES (?,?) ON CONFLICT (name) DO UPDATE SET value=excluded.value",
        (name, json.dumps(value)),
    )
    changed(connection)


def remove(connection: Connection, name: str | None) -> None:
    """Set one, or all when ``name`` is None, back to the default."""
    if name is None:
        connection.execute("DELETE FROM setting")
    else:
        connection.execute("DELETE FROM setting WHERE name=?", (name,))
    changed(connection)
