"""``davshare explain``: why somebody may do what they may do."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin


@click.command("explain")
@click.argument("who")
@click.argument("path")
@click.option(
    "--as", "kind", type=click.Choice(["user", "group"]), default="user", show_default=True, help="What WHO is."
)
@output.json_option
def command(who: str, path: str, kind: str, as_json: bool) -> None:
    """Tell what WHO may do with PATH, and every grant that was considered for it.

    PATH is spaces/NAME/FOLDER or users/NAME/FOLDER.  The answer comes from the
    function that decides about requests.
    """
    from davshare.files import explain

    address = explain.address_of(path)
    with admin.files(data_folder()) as files:
        asker = explain.steward(files, address)
        with files.db.snapshot() as connection:
            actor = explain.actor_named(connection, who, kind)
            found = explain.explain(files, connection, asker, address, actor)
    for each in found["considered"]:
        each["expires"] = output.moment(each["expires"])
    if as_json:
        output.emit(found)
        return
    output.facts({key: found[key] for key in ("path", "role", "rights", "rule", "visible")}, False)
    print()
    output.rows(found["considered"], False, ("on", "kind", "principal", "rights", "decides", "expires"))
