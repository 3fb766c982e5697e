"""Rows of runtime settings, of the site and of single people; values are JSON."""

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


def of_user(connection: Connection, user: int) -> dict[str, Any]:
    """What is set for one person."""
    rows = connection.execute('SELECT name, value FROM user_setting WHERE "user"=?', (user,))
    return {name: json.loads(value) for name, value in rows}


def of_users(connection: Connection, name: str) -> dict[int, Any]:
    """One setting of all for whom it is set, by user."""
    rows = connection.execute('SELECT "user", value FROM user_setting WHERE name=?', (name,))
    return {user: json.loads(value) for user, value in rows}


def put_of_user(connection: Connection, user: int, name: str, value: Any) -> None:
    """Set one for one person; None: the site's value holds again."""
    connection.execute('DELETE FROM user_setting WHERE "user"=? AND name=?', (user, name))
    if value is not None:
        connection.execute(
            'INSERT INTO user_setting ("user", name, value) VALUES (?,?,?)', (user, name, json.dumps(value))
        )
    changed(connection)
