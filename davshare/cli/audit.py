"""``davshare audit``: who did what, and from where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin

_COLUMNS = ("at", "kind", "actor", "address", "space", "path", "whom")


@click.command("audit")
@click.option("--user", default="", metavar="NAME", help="Only what this user did, or was done to them.")
@click.option("--space", default="", metavar="NAME", help="Only what was done in this space, or in the home of a user.")
@click.option("--path", default="", help="Only what was done to spaces/NAME/... or users/NAME/..., and to files below.")
@click.option("--since", type=click.DateTime(), help="Only what was done from then on (UTC).")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@output.json_option
def command(user: str, space: str, path: str, since: datetime | None, limit: int, as_json: bool) -> None:
    """Show who shared what with whom, and what was done to accounts; with a user, a space or a path also to files.

    The newest comes first.
    """
    from davshare.files import audit

    after = None if since is None else int(since.replace(tzinfo=UTC).timestamp())
    wanted, cursor = audit.Wanted(user, space, path, after), ""
    found: list[dict[str, Any]] = []
    with admin.files(data_folder()) as files:
        while len(found) < limit:
            page = audit.read(files, wanted, cursor, limit - len(found))
            found += [{**each._asdict(), "at": output.moment(each.at)} for each in page.records]
            cursor = page.cursor
            if not cursor:
                break
    output.rows(found, as_json, _COLUMNS)
