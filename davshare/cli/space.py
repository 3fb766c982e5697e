"""``davshare space``: project spaces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from davshare.cli import output
from davshare.cli.kinds import Size, limit
from davshare.cli.opening import data_folder
from davshare.model.access import ROLES
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.files.spaces import SpaceInfo

_PORTABLE = "Refuse new names that Windows or macOS cannot hold."
_QUOTA = "Most bytes in it, such as 10GB; none for no limit."


class Member(click.ParamType):
    """``WHO:ROLE``."""

    name = "WHO:ROLE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Name of a user or group, and role."""
        if isinstance(value, tuple):
            return value
        who, colon, role = value.rpartition(":")
        if not colon or not who or role not in ROLES:
            self.fail(f"expected WHO:ROLE with a role out of {', '.join(ROLES)}", param, ctx)
        return who, role


_MEMBER = click.option(
    "--member", "members", type=Member(), multiple=True,
    help=f"Let a user or group in; roles are {', '.join(ROLES)}.  May be repeated.",
)  # fmt: skip


@click.group("space")
def command() -> None:
    """Add and change project spaces."""


@command.command("add")
@click.argument("name")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR", help="A folder that stays where it is.")
@click.option("--quota", type=Size(), help=_QUOTA)
@click.option("--description", default="", metavar="TEXT", help="What it is for.")
@click.option("--portable", is_flag=True, help=_PORTABLE)
@click.option(
    "--read-only", is_flag=True, help="Its files cannot be changed; nothing is written into DIR if it may not."
)
@click.option("--background", is_flag=True, help="Leave the first index of DIR to the server.")
@_MEMBER
def add(
    name: str,
    root: Path | None,
    quota: int | None,
    members: Sequence[tuple[str, str]],
    background: bool,
    **values: Any,
) -> None:
    """Add a project space, mounted by its members under /dav/spaces/NAME/.

    With --root the files of DIR stay where they are and are indexed; the
    space can be used meanwhile.  Interrupted, this goes on where it was, with
    the server or with `davshare reconcile NAME`.
    """
    from davshare.files import reconcile, spaces

    with admin.files(data_folder()) as files:
        space = spaces.add_space(files, name, root, limit(quota), **values)
        if members:
            spaces.set_space(files, name, members=members)
        if root is not None and not background:
            with output.progress("indexed") as step:
                reconcile.index(files, space, step)


@command.command("list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all spaces, homes included."""
    from davshare.files import spaces

    with admin.files(data_folder()) as files:
        found = [_told(info) for info in spaces.list_spaces(files)]
    output.rows(found, as_json, ("name", "kind", "used", "quota", "read_only", "held", "members", "root"))


def _told(info: SpaceInfo) -> dict[str, Any]:
    space = info.space
    return {
        "id": space.id,
        "name": space.name,
        "kind": space.kind,
        "used": info.used,
        "quota": space.quota,
        "read_only": space.read_only,
        "held": space.held,
        "portable": space.portable,
        "description": space.description,
        "root": str(info.files_root),
        "members": [f"{name}:{role}" for _, name, role in info.members],
    }


@command.command("set")
@click.argument("name")
@click.option("--quota", type=Size(), help=_QUOTA)
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option("--read-only/--read-write", default=None, help="Whether its files can change.")
@click.option("--portable/--no-portable", default=None, help=_PORTABLE)
@_MEMBER
@click.option("--drop-member", "dropped", multiple=True, metavar="WHO", help="Let a user or group in no longer.")
def set_(
    name: str,
    quota: int | None,
    members: Sequence[tuple[str, str]],
    dropped: Sequence[str],
    **values: Any,
) -> None:
    """Change what is given of a project space."""
    from davshare.files import spaces

    changes = {key: value for key, value in values.items() if value is not None}
    if quota is not None:
        changes["quota"] = limit(quota)
    if not (changes or members or dropped):
        raise click.UsageError("nothing to change was given")
    with admin.files(data_folder()) as files:
        if changes or members:
            spaces.set_space(files, name, members=members, **changes)
        for who in dropped:
            spaces.revoke_member(files, name, who)


@command.command("remove")
@click.argument("name")
@click.option("--delete-files", is_flag=True, help="Delete its files as well.")
def remove(name: str, delete_files: bool) -> None:
    """Remove a project space; its files stay on disk unless told otherwise."""
    from davshare.files import spaces

    with admin.files(data_folder()) as files:
        spaces.remove_space(files, name, delete_files)
