"""``davshare init``."""

from __future__ import annotations

from pathlib import Path

import click

from davshare.cli import asking, output
from davshare.model import names
from davshare.model.settings import BY_NAME
from davshare.server import admin


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--admin", "name", default="admin", show_default=True, metavar="NAME", help="The first administrator.")
@click.option("--database", "url", default="", metavar="URL", help="An empty PostgreSQL database for the index.")
@click.option("--password-stdin", is_flag=True, help="Take the password from standard input.")
@output.json_option
def command(folder: Path, name: str, url: str, password_stdin: bool, as_json: bool) -> None:
    """Make the data folder DIR, which must be missing or empty, with its first administrator.

    Without --password-stdin a password is made up and printed, once.
    """
    names.check_account(names.key(name))
    least = BY_NAME["password.min_length"].default
    assert isinstance(least, int)
    password, made_up = asking.new_password(password_stdin, least, ask=False)
    user = admin.make_data_folder(folder, name, password, url)
    if as_json:
        output.emit({"data": str(folder), "admin": user.name, **({"password": password} if made_up else {})})
        return
    print(f"data: {folder}")
    print(f"admin: {user.name}")
    if made_up:
        print(f"password: {password}")
