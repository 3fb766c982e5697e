"""``davshare doctor``."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.main import NO, OK
from davshare.cli.opening import data_folder
from davshare.server import admin


@click.command("doctor")
@output.json_option
def command(as_json: bool) -> int:
    """Examine the machine and the data folder; exit code 1 when something is bad."""
    from davshare.server.examine import BAD, examine

    data = data_folder()
    found = list(examine(data, admin.load_config(data).config))
    output.rows([finding._asdict() for finding in found], as_json)
    return NO if any(finding.state == BAD for finding in found) else OK
