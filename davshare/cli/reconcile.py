"""``davshare reconcile``."""

from __future__ import annotations

from dataclasses import asdict

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin


@click.command("reconcile")
@click.argument("space", required=False)
@output.json_option
def command(space: str | None, as_json: bool) -> None:
    """Let the index follow what was changed on disk, in SPACE (a space's or user's name) or everywhere.

    Every difference becomes a journal entry, so sync clients get it too.
    """
    from davshare.files import reconcile

    with admin.files(data_folder()) as files, output.progress("compared") as step:
        admin.demand_space(files, space)
        report = reconcile.reconcile(files, space, step)
    output.facts(asdict(report), as_json)
