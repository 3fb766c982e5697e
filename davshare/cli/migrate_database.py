"""``davshare migrate-database``."""

from __future__ import annotations

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.config import BY_NAME
from davshare.errors import UsageError
from davshare.model.values import Bad
from davshare.server import admin


@click.command("migrate-database")
@click.argument("target", metavar="URL|sqlite")
@output.json_option
def command(target: str, as_json: bool) -> None:
    """Move the index into another database, with the server stopped.

    URL is postgresql://USER:PASSWORD@HOST/NAME and names an empty database;
    the word sqlite stands for a file in the data folder.  Every table is
    copied in one transaction and read back; only when number and checksum of
    its rows are the same, davshare.toml names the new database.  The old one
    stays as it is.
    """
    from davshare.server.moving import move_index

    data = data_folder()
    admin.require(data)
    try:
        url = "" if target == "sqlite" else BY_NAME["database"].parse(target)
    except Bad:
        url = ""
    if not url and target != "sqlite":
        raise UsageError("expected postgresql://USER:PASSWORD@HOST/NAME or the word sqlite")
    with output.progress("copied") as step:
        moved = move_index(data, url, step)
    tables = [copied._asdict() for copied in moved.tables]
    if as_json:
        output.emit({"source": moved.source, "target": moved.target, "tables": tables})
        return
    output.rows(tables, False)
    print(f"the index is in {moved.target} now, and davshare.toml says so")
    print(f"{moved.source} was left as it was; nothing uses it any more")
