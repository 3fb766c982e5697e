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
@click.option("--fix", is_flag=True, help="Put right what can be, and check again.")
@click.option("--dry-run", is_flag=True, help="With --fix: only tell what would be done.")
@output.json_option
def command(space: str | None, hashes: bool, fix: bool, dry_run: bool, as_json: bool) -> int:
    """Compare index, journal and files of SPACE (a space's or user's name) or of all.

    Changes nothing without --fix.  Exit code 1 when something is not as it
    should be.
    """
    from davshare.files import check, mend

    with admin.files(data_folder()) as files, output.progress("checked") as step:
        admin.demand_space(files, space)
        problems = check.check(files, space, hashes, step)
        if problems and fix and not dry_run:
            mend.mend(files, space, step)
            problems = check.check(files, space, hashes, step)
    columns = ("space", "path", "what", "remedy") if fix else ("space", "path", "what")
    output.rows([problem._asdict() for problem in problems], as_json, columns)
    return NO if problems else OK
