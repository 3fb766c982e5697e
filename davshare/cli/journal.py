"""``davshare journal``."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.files.service import Files

_PAUSE = 0.5
_COLUMNS = ("at", "space", "seq", "kind", "path", "old_path", "actor")


@click.command("journal")
@click.argument("space", required=False)
@click.option("--since", type=click.IntRange(0), default=0, metavar="N", help="Only entries after the number N.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="At most N entries.")
@click.option("--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C; needs SPACE.")
@output.json_option
def command(space: str | None, since: int, limit: int, follow: bool, as_json: bool) -> None:
    """Show what changed in SPACE (a space's or user's name) or everywhere.

    With --follow and --json: one object on each line.
    """
    if follow and space is None:
        raise click.UsageError("--follow needs a SPACE")
    with admin.files(data_folder()) as files:
        admin.demand_space(files, space)
        if follow and space is not None:
            _follow(files, space, since, limit, as_json)
        else:
            output.rows(_read(files, space, since, limit), as_json, _COLUMNS)


def _read(files: Files, space: str | None, since: int, limit: int) -> list[dict[str, Any]]:
    from davshare.files.journal import read_journal

    return [{**entry, "at": output.moment(entry["at"])} for entry in read_journal(files, space, since, limit)]


def _follow(files: Files, space: str, since: int, limit: int, as_json: bool) -> None:
    while True:
        found = _read(files, space, since, limit)
        for entry in found:
            line = "  ".join(output.cell(entry[name]) for name in _COLUMNS)
            print(json.dumps(entry, ensure_ascii=False) if as_json else line, flush=True)
            since = entry["seq"]
        if len(found) < limit:
            time.sleep(_PAUSE)
