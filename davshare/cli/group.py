"""``davshare group``: groups and who is in them."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin


@click.group("group")
def command() -> None:
    """Add and change groups."""


@command.command("add")
@click.argument("name")
@click.option("--display-name", default="", metavar="TEXT", help="The name that others see.")
def add(name: str, display_name: str) -> None:
    """Add a group."""
    from davshare.identity.people import add_group

    with admin.index(data_folder()) as database:
        add_group(database, name, display_name)


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a group with everything that was granted to it; its members stay."""
    from davshare.identity.people import remove_group

    with admin.index(data_folder()) as database:
        remove_group(database, name)


@command.command("list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all groups with their members."""
    from davshare.identity.people import groups

    with admin.index(data_folder()) as database:
        found = [
            {"id": group.id, "name": group.name, "display_name": group.display_name, "members": members}
            for group, members in groups(database)
        ]
    output.rows(found, as_json, ("name", "display_name", "members"))


@command.command("add-member")
@click.argument("group")
@click.argument("user")
def add_member(group: str, user: str) -> None:
    """Put USER into GROUP; fine if that is so already."""
    from davshare.identity.people import join

    with admin.index(data_folder()) as database:
        join(database, group, user)


@command.command("remove-member")
@click.argument("group")
@click.argument("user")
def remove_member(group: str, user: str) -> None:
    """Take USER out of GROUP; fine if that is so already."""
    from davshare.identity.people import leave

    with admin.index(data_folder()) as database:
        leave(database, group, user)
