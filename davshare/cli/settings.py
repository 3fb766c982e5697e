"""``davshare settings``: what can change while the server runs."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.errors import UsageError
from davshare.files import settings
from davshare.model.settings import SETTINGS, spelled
from davshare.server import admin

_USER = click.option("--user", "user", metavar="NAME", help="Of this person instead of the site.")


@click.group("settings")
def command() -> None:
    """Show and change runtime settings; a change is effective at once in every worker."""


@command.command("get")
@click.argument("name")
@_USER
@output.json_option
def get(name: str, user: str | None, as_json: bool) -> None:
    """Print the value of one setting."""
    settings.find(name)
    with admin.index(data_folder()) as database:
        value = settings.values(database, user).get(name)
    if value is None:
        raise UsageError(f"{name}: is the same for everybody")
    if as_json:
        output.emit(value)
    else:
        print(spelled(value))


@command.command("set")
@click.argument("name")
@click.argument("value")
@_USER
def set_(name: str, value: str, user: str | None) -> None:
    """Change one setting: on or off, a number, a size such as 10GB, a text, or a JSON array of texts."""
    wanted = settings.find(name).parse(value)
    with admin.index(data_folder()) as database:
        if user is None:
            settings.change(database, name, value)
        else:
            settings.put_of(database, settings.person(database, user), {name: wanted})


@command.command("list")
@_USER
@output.json_option
def list_(user: str | None, as_json: bool) -> None:
    """List all settings with their values; with --user those that can be set for single people."""
    with admin.index(data_folder()) as database:
        values = settings.values(database, user)
    if as_json:
        output.emit(values)
        return
    found = [
        {"name": each.name, "value": spelled(values[each.name]), "default": spelled(each.default), "meaning": each.doc}
        for each in SETTINGS
        if each.name in values
    ]
    output.rows(found, as_json)


@command.command("reset")
@click.argument("name", required=False)
@_USER
def reset(name: str | None, user: str | None) -> None:
    """Set one setting, or all of them, back to the default; with --user to what holds for the site."""
    with admin.index(data_folder()) as database:
        if user is None:
            settings.reset(database, name)
        else:
            settings.reset_of(database, settings.person(database, user), name)
