"""``davshare explain``: why somebody may do what they may do."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.acl import told
from davshare.cli.opening import data_folder
from davshare.model.access import privileges_of, spoken
from davshare.server import admin


@click.command("explain")
@click.argument("who")
@click.argument("path")
@click.option(
    "--as", "kind", type=click.Choice(["user", "group", "link"]), default="user", show_default=True, help="What WHO is."
)
@output.json_option
def command(who: str, path: str, kind: str, as_json: bool) -> None:
    """Tell what WHO may do with PATH, and every grant that was considered for it.

    PATH is spaces/NAME/FOLDER or users/NAME/FOLDER; WHO is the name of a user or
    group, or the number of a public link.  The answer comes from the
    function that decides about requests.
    """
    from davshare.files import explain

    address = explain.address_of(path)
    with admin.files(data_folder()) as files:
        asker = explain.steward(files, address)
        with files.db.snapshot() as connection:
            place = files.place(connection, asker, address)
            place.found()
            if kind == "link":
                actor = explain.visitor(files, connection, place, int(who) if who.isdecimal() else 0)
            else:
                actor = explain.actor_named(connection, who, kind)
            found = explain.explain(connection, place, actor)
    answer = {
        "path": place.href,
        "role": spoken(found.rights) if found.rights else "none",
        "rights": privileges_of(found.rights),
        "rule": found.rule,
        "visible": found.visible,
        "archived": place.space.read_only,
    }
    considered = [
        {**told(each), "decides": privileges_of(each.decides), "expired": each.expired} for each in found.considered
    ]
    if as_json:
        output.emit({**answer, "considered": considered})
        return
    output.facts(answer, False)
    print()
    output.rows(considered, False, ("on", "kind", "principal", "rights", "decides", "expires"))
