"""``davshare settings``: what can change while the server runs."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.files import settings
from davshare.model.settings import SETTINGS, spelled
from davshare.server import admin


@click.group("settings")
def command() -> None:
    """Show and change runtime settings; a change is effective at once in every worker."""


@command.command("get")
@click.argument("name")
@output.json_option
def get(name: str, as_json: bool) -> None:
    """Print the value of one setting."""
    settings.find(name)
    with admin.index(data_folder()) as database:
        value = settings.Settings(database).get(name)
    if as_json:
        output.emit(value)
    else:
        print(spelled(value))


@command.command("set")
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> None:
    """Change one setting: on or off, a whole number, or a size such as 10GB."""
    settings.find(name).parse(value)
    with admin.index(data_folder()) as database:
        settings.change(database, name, value)


@command.command("list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all settings with their values."""
    with admin.index(data_folder()) as database:
        values = settings.Settings(database).all()
    if as_json:
        output.emit(values)
        return
    found = [
        {"name": each.name, "value": spelled(values[each.name]), "default": spelled(each.default), "meaning": each.doc}
        for each in SETTINGS
    ]
    output.rows(found, as_json)


@command.command("reset")
@click.argument("name", required=False)
def reset(name: str | None) -> None:
    """Set one setting, or all of them, back to the default."""
    with admin.index(data_folder()) as database:
        settings.reset(database, name)
