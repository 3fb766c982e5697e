"""``davshare acl``: what files and folders say about people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from davshare.cli import output
from davshare.cli.kinds import Moment
from davshare.cli.opening import data_folder
from davshare.model.access import privileges_of, spoken
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.files.explain import Considered


_expires = click.option("--expires", type=Moment(), help="12h, 30d, a date or an ISO 8601 time; never by default.")


@click.group("acl")
def command() -> None:
    """Show and change who may do what with a file or folder.

    PATH is spaces/NAME/FOLDER or users/NAME/FOLDER; WHO a user or a group,
    also user:NAME or group:NAME.
    """


@command.command("show")
@click.argument("path")
@output.json_option
def show(path: str, as_json: bool) -> None:
    """Show what PATH and the folders above it say, the nearest first: the first that names a right decides."""
    from davshare.files import explain

    address = explain.address_of(path)
    with admin.files(data_folder()) as files, files.db.snapshot() as connection:
        place = files.place(connection, explain.steward(files, address), address)
        place.found()
        found = [told(each) for each in explain.listed(connection, place)]
    output.rows(found, as_json, ("on", "kind", "principal", "role", "expires"))


def told(each: Considered) -> dict[str, Any]:
    """One grant or denial as lists show it."""
    return {
        "on": each.on,
        "inherited": each.inherited,
        "kind": "deny" if each.denied else "grant",
        "principal": f"{each.kind}:{each.name}",
        "rights": privileges_of(each.rights),
        "role": spoken(each.rights),
        "expires": output.moment(each.expires),
    }


@command.command("grant")
@click.argument("path")
@click.argument("who")
@click.argument("rights", nargs=-1, required=True)
@_expires
def grant(path: str, who: str, rights: Sequence[str], expires: int | None) -> None:
    """Let WHO do RIGHTS with PATH and all below it, whatever folders above it say."""
    _change(path, who, rights, expires, deny=False)


@command.command("deny")
@click.argument("path")
@click.argument("who")
@click.argument("rights", nargs=-1, required=True)
@_expires
def deny(path: str, who: str, rights: Sequence[str], expires: int | None) -> None:
    """Keep WHO from RIGHTS with PATH and all below it, whatever folders above it say."""
    _change(path, who, rights, expires, deny=True)


@command.command("remove")
@click.argument("path")
@click.argument("who")
@click.option("--deny", is_flag=True, help="Remove what is denied instead of what is granted.")
def remove(path: str, who: str, deny: bool) -> None:
    """Let PATH say nothing about WHO any more; what folders above it say goes on."""
    _change(path, who, (), None, deny)


def _change(path: str, who: str, rights: Sequence[str], expires: int | None, deny: bool) -> None:
    from davshare.files import access, explain

    address = explain.address_of(path)
    words = [word for each in rights for word in each.split(",") if word]
    with admin.files(data_folder()) as files:
        with files.db.session() as connection:
            principal = access.principal_named(connection, who).id
        rule = access.Rule(principal, deny, explain.rights_named(words), expires)
        access.change(files, explain.steward(files, address), address, rule)
