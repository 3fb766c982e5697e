"""``davshare rebuild-index``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from davshare.cli import output
from davshare.cli.main import NO, OK
from davshare.cli.opening import data_folder
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.files.service import Files


@click.command("rebuild-index")
@click.option("--discard", is_flag=True, help="Put the present index aside as well, people and memberships included.")
@output.json_option
def command(discard: bool, as_json: bool) -> int:
    """Make the index anew from the files, with the server stopped.

    People, spaces, memberships and settings stay; dead properties, locks,
    versions of the journal and what lies in the trash are forgotten, and every
    client compares everything once.  With --discard the index is put aside and
    made from the files alone: every home becomes an account that cannot sign
    in before `davshare user passwd NAME`.
    """
    from davshare.files import rebuild

    data = data_folder()
    with admin.serving(data):
        if discard:
            admin.put_index_aside(data)
        with admin.files(data) as files, output.progress("indexed") as step:
            lost = _begin_anew(files) if discard else []
            if not discard:
                rebuild.forget_files(files)
            report, missing = rebuild.read(files, step)
    output.facts({**asdict(report), "missing": [*lost, *missing]}, as_json)
    return NO if lost or missing else OK


def _begin_anew(files: Files) -> list[str]:
    from davshare.files import rebuild
    from davshare.identity.people import add_user

    rebuild.begin_late(files)
    for name in rebuild.homes(files):
        add_user(files, name, None)
    return rebuild.adopt_spaces(files)
