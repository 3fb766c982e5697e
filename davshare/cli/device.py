"""``davshare device``: who uses which devices, and the end of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.identity import devices


@click.group("device")
def command() -> None:
    """List, revoke and wipe devices, which are programs with an app token."""


@command.command("list")
@click.argument("user", required=False)
@click.option("--wiped", is_flag=True, help="Those that were to be wiped instead.")
@output.page_options
@output.json_option
def list_(user: str | None, wiped: bool, offset: int, limit: int | None, as_json: bool) -> None:
    """List the devices of USER or of everybody: when each was seen last, and how far it has read (with --json)."""
    from davshare.identity import devices

    with admin.index(data_folder()) as database:
        if wiped:
            found = devices.wipes(database, user)[offset:][:limit]
            told: list[dict[str, object]] = [
                {
                    "user": owner,
                    "label": each.label,
                    "asked": output.moment(each.asked),
                    "done": output.moment(each.done),
                }
                for owner, each in found
            ]
            columns = None
        else:
            told = [_told(each) for each in devices.listed(database, user, offset, limit)]
            columns = ["id", "user", "label", "created", "expires", "expired", "seen", "agent", "address", "behind"]
    output.rows(told, as_json, columns)


def _told(device: devices.Device) -> dict[str, object]:
    token, seen = device.token, device.seen
    return {
        "id": token.id,
        "user": device.owner,
        "label": token.label,
        "created": output.moment(token.created),
        "expires": output.moment(token.expires),
        "expired": token.expires is not None and token.expires <= time.time(),
        "seen": None if seen is None else output.moment(seen.at),
        "agent": None if seen is None else seen.agent,
        "address": None if seen is None else seen.peer,
        "behind": [each.name for each in device.positions if each.seq < each.last],
        "positions": [
            {
                "kind": each.kind,
                "name": each.name,
                "seq": each.seq,
                "last": each.last,
                "at": output.moment(each.at),
            }
            for each in device.positions
        ],
    }


@command.command("revoke")
@click.argument("number", metavar="ID", type=int)
def revoke(number: int) -> None:
    """End the device of that id at once; the same as `davshare token revoke`."""
    from davshare.identity import apptokens

    with admin.index(data_folder()) as database:
        apptokens.revoke(database, number)


@command.command("wipe")
@click.argument("number", metavar="ID", type=int)
def wipe(number: int) -> None:
    """End the device of that id at once, and have it forget all files when it comes again."""
    from davshare.identity import devices

    with admin.index(data_folder()) as database:
        devices.wipe(database, None, number)
