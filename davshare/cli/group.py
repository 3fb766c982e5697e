"""``davshare group``: groups, who is in them and who manages them."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin

_NESTED = click.option("--group", "nested", is_flag=True, help="MEMBER is a group: everybody in it is then in GROUP.")


@click.group("group")
def command() -> None:
    """Add and change groups."""


@command.command("add")
@click.argument("name")
@click.option("--display-name", default="", metavar="TEXT", help="The name that others see.")
def add(name: str, display_name: str) -> None:
    """Add a group."""
    from davshare.identity.groups import add_group

    with admin.index(data_folder()) as database:
        add_group(database, name, display_name)


@command.command("set")
@click.argument("name")
@click.option("--display-name", required=True, metavar="TEXT", help="The name that others see.")
def set_(name: str, display_name: str) -> None:
    """Give a group another display name."""
    from davshare.identity.groups import set_group

    with admin.index(data_folder()) as database:
        set_group(database, name, display_name)


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a group with everything that was granted to it; its members stay."""
    from davshare.identity.groups import remove_group

    with admin.files(data_folder()) as files:
        remove_group(files, name)


@command.command("list")
@click.argument("text", default="")
@output.page_options
@output.json_option
def list_(text: str, offset: int, limit: int | None, as_json: bool) -> None:
    """List groups, or those with TEXT in their names, and how many members they have."""
    from davshare.identity.groups import groups

    with admin.index(data_folder()) as database:
        found = [
            {
                "id": group.id,
                "name": group.name,
                "display_name": group.display_name,
                "members": members,
                "source": group.source,
            }
            for group, members in groups(database, text, offset, limit)
        ]
    output.rows(found, as_json, ("name", "display_name", "members"))


@command.command("members")
@click.argument("group")
@click.option("--effective", is_flag=True, help="Also those who are in it through other groups.")
@output.page_options
@output.json_option
def members(group: str, effective: bool, offset: int, limit: int | None, as_json: bool) -> None:
    """List who is in GROUP."""
    from davshare.identity.groups import PAGE, members_of

    with admin.index(data_folder()) as database:
        page = members_of(database, group, effective=effective, offset=offset, limit=limit or PAGE)
    output.rows([member._asdict() for member in page], as_json, ("kind", "name", "display_name"))


@command.command("add-member")
@click.argument("group")
@click.argument("member")
@_NESTED
def add_member(group: str, member: str, nested: bool) -> None:
    """Put MEMBER into GROUP; fine if that is so already."""
    from davshare.identity.groups import join

    with admin.files(data_folder()) as files:
        join(files, group, member, nested=nested)


@command.command("remove-member")
@click.argument("group")
@click.argument("member")
@_NESTED
def remove_member(group: str, member: str, nested: bool) -> None:
    """Take MEMBER out of GROUP; fine if that is so already."""
    from davshare.identity.groups import leave

    with admin.files(data_folder()) as files:
        leave(files, group, member, nested=nested)


@command.command("add-manager")
@click.argument("group")
@click.argument("user")
def add_manager(group: str, user: str) -> None:
    """Let USER change who is in GROUP."""
    from davshare.identity import groups

    with admin.index(data_folder()) as database:
        groups.add_manager(database, group, user)


@command.command("remove-manager")
@click.argument("group")
@click.argument("user")
def remove_manager(group: str, user: str) -> None:
    """Let USER not change any more who is in GROUP."""
    from davshare.identity import groups

    with admin.index(data_folder()) as database:
        groups.remove_manager(database, group, user)


@command.command("managers")
@click.argument("group")
@output.page_options
@output.json_option
def managers(group: str, offset: int, limit: int | None, as_json: bool) -> None:
    """List who manages GROUP."""
    from davshare.identity.groups import PAGE, managers_of

    with admin.index(data_folder()) as database:
        page = managers_of(database, group, offset, limit or PAGE)
    found = [{"id": user.id, "name": user.name, "display_name": user.display_name} for user in page]
    output.rows(found, as_json, ("name", "display_name"))
