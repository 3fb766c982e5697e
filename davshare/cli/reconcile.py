"""``davshare reconcile``."""

from __future__ import annotations

from dataclasses import asdict

import click

from davshare.cli import output
from davshare.cli.main import NO, OK
from davshare.cli.opening import data_folder
from davshare.server import admin


@click.command("reconcile")
@click.argument("space", required=False)
@click.option("--accept-removals", is_flag=True, help="What is gone from disk may go from the index, however much.")
@output.json_option
def command(space: str | None, accept_removals: bool, as_json: bool) -> int:
    """Let the index follow what was changed on disk, in SPACE (a space's or user's name) or everywhere.

    Every difference becomes a journal entry, so sync clients get it too.
    Exit code 1 when so much is gone that a person has to agree.
    """
    from davshare.files import reconcile

    with admin.files(data_folder()) as files, output.progress("compared") as step:
        admin.demand_space(files, space)
        report = reconcile.reconcile(files, space, step, accept_removals)
    output.facts(asdict(report), as_json)
    return NO if report.held else OK
