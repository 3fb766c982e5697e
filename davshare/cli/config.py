"""``davshare config``: the configuration that a start would use."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.config import KEYS, sample, toml
from davshare.model.values import shown
from davshare.server import admin


@click.group("config")
def command() -> None:
    """Show the configuration and where it comes from."""


@command.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@output.json_option
def show(origin: bool, as_json: bool) -> None:
    """Show every key with the value that `davshare serve` would use."""
    loaded = admin.load_config(data_folder())
    values = {key.name: shown(getattr(loaded.config, key.name)) for key in KEYS}
    if as_json:
        output.emit({name: {"value": value, "origin": loaded.origins[name]} for name, value in values.items()})
        return
    for name, value in values.items():
        print(f"{name} = {toml(value)}" + (f"  # {loaded.origins[name]}" if origin else ""))


@command.command("sample")
def show_sample() -> None:
    """Print a documented davshare.toml."""
    print(sample(), end="")
