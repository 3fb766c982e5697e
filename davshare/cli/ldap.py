"""``davshare ldap``: the directory that keeps accounts and groups as well."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.errors import UsageError
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.config import Config

#: How many people and groups are counted to show that the filters find some.
_SOME = 1000


@click.group("ldap")
def command() -> None:
    """Compare accounts with the LDAP directory, and try its configuration."""


def _config(data: Path) -> Config:
    config = admin.load_config(data).config
    if not config.ldap_url:
        raise UsageError("there is no directory: ldap_url is not set")
    return config


@command.command("test")
@click.argument("login", required=False)
@output.json_option
def test(login: str | None, as_json: bool) -> None:
    """Ask the directory, and show what is found: how many people and groups, or the one with the name LOGIN."""
    from davshare.identity.ldap import Ldap

    config = _config(data_folder())
    ldap = Ldap(config)
    if login is None:
        people, groups = (sum(1 for _ in islice(found, _SOME)) for found in (ldap.everybody(), ldap.all_groups()))
        facts = {"people": people, "groups": groups, "most": _SOME}
        output.facts({"url": config.ldap_url, **facts}, as_json)
        return
    entry = ldap.find(login)
    if entry is None:
        raise click.ClickException("nobody is found under this name, or more than one")
    found = {group.name for each in ldap.groups_of(entry).values() for group in each}
    output.facts({**entry._asdict(), "groups": sorted(found)}, as_json)


@command.command("sync")
@click.option("--accept-removals", is_flag=True, help="Also if most accounts are gone from the directory.")
@output.json_option
def sync(accept_removals: bool, as_json: bool) -> None:
    """Bring accounts and groups up to date; accounts that are gone from the directory are disabled."""
    from davshare.server.build import open_directory

    config = _config(data_folder())
    with admin.files(data_folder()) as files:
        directory = open_directory(files, config)
        assert directory is not None
        found = directory.sync(accept_removals)
    output.facts(found._asdict(), as_json)


@command.command("adopt")
@click.argument("name")
@click.argument("login", required=False)
def adopt(name: str, login: str | None) -> None:
    """Let the directory keep the local account NAME; LOGIN is its person's name there, if it is another one."""
    from davshare.server.build import open_directory

    config = _config(data_folder())
    with admin.files(data_folder()) as files:
        directory = open_directory(files, config)
        assert directory is not None
        directory.adopt(name, login or name)
