"""``davshare lock``: WebDAV locks."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.errors import NotFound
from davshare.server import admin


@click.group("lock")
def command() -> None:
    """List and break WebDAV locks."""


@command.command("list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all live locks."""
    from davshare.files.locking import list_locks

    with admin.files(data_folder()) as files:
        found = [{**lock._asdict(), "expires": output.moment(lock.expires)} for lock in list_locks(files)]
    output.rows(found, as_json)


@command.command("break")
@click.argument("token")
def break_(token: str) -> None:
    """Remove the lock of that token, whoever made it."""
    from davshare.files.locking import break_lock

    with admin.files(data_folder()) as files:
        if not break_lock(files, token):
            raise NotFound("There is no such lock.")
