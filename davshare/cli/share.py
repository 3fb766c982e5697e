"""``davshare share``: what people share with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.model.access import privileges_of, spoken
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.sharing.links import Found as Linked
    from davshare.sharing.shares import Found


@click.group("share")
def command() -> None:
    """List and end what people share with each other."""


@command.command("list")
@click.argument("user", required=False)
@output.page_options
@output.json_option
def list_(user: str | None, offset: int, limit: int | None, as_json: bool) -> None:
    """List what USER or everybody shares with whom, and then public links, each the oldest first."""
    from davshare.sharing import links, shares

    with admin.files(data_folder()) as files:
        found = [_told(each) for each in shares.listed(files, user, offset, limit)]
        before = shares.count(files, user)
        left = None if limit is None else limit - max(0, min(limit, before - offset))
        found += [_link_told(each) for each in links.listed(files, user, max(0, offset - before), left)]
    output.rows(found, as_json, ("id", "by", "space", "path", "with", "link", "role", "expires"))


def _told(found: Found) -> dict[str, Any]:
    share = found.share
    return {
        "id": share.id,
        "by": share.sharer_name,
        "space": f"{share.space_kind}:{share.space_name}",
        "path": "/".join(found.way),
        "with": f"{share.kind}:{share.name}",
        "link": "",
        "rights": privileges_of(share.rights),
        "role": spoken(share.rights),
        "created": output.moment(share.created),
        "expires": output.moment(share.expires),
        "note": share.note,
    }


def _link_told(found: Linked) -> dict[str, Any]:
    """Without its token, which is for its maker only."""
    link = found.link
    return {
        "id": link.id,
        "by": link.creator_name,
        "space": f"{link.space_kind}:{link.space_name}",
        "path": "/".join(found.way),
        "with": "everybody",
        "link": found.state.value,
        "rights": privileges_of(link.rights),
        "role": spoken(link.rights),
        "created": output.moment(link.created),
        "expires": output.moment(link.expires),
        "note": link.note,
        "label": link.label,
        "frozen": None if link.frozen is None else output.moment(link.frozen),
        "password": link.password is not None,
        "uses": link.uses,
        "max_uses": link.max_uses,
    }


@command.command("expire")
@click.argument("number", metavar="ID", type=int)
def expire(number: int) -> None:
    """Let the share or public link of that id end now, and with it what was shared on the strength of it."""
    from davshare.sharing import links, shares

    with admin.files(data_folder()) as files:
        (links if links.is_link(number) else shares).expire(files, number)
