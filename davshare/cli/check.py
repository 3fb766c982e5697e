"""``davshare check``."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.main import NO, OK
from davshare.cli.opening import data_folder
from davshare.server import admin


@click.command("check")
@click.argument("space", required=False)
@click.option("--hashes", is_flag=True, help="Read every file whose SHA-256 is known.")
@output.json_option
def command(space: str | None, hashes: bool, as_json: bool) -> int:
    """Compare index, journal and files of SPACE (a space's or user's name) or of all; changes nothing.

    Exit code 1 when something is not as it should be.
    """
    from davshare.files import check

    with admin.files(data_folder()) as files, output.progress("checked") as step:
        admin.demand_space(files, space)
        problems = check.check(files, space, hashes, step)
    output.rows([problem._asdict() for problem in problems], as_json)
    return NO if problems else OK
