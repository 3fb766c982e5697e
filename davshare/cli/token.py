"""``davshare token``: app tokens, and the sessions that short-lived tokens stand for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from davshare.cli import output
from davshare.cli.kinds import Moment
from davshare.cli.opening import data_folder
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.identity.apptokens import AppToken


@click.group("token")
def command() -> None:
    """Make, list and revoke app tokens; list and end sessions."""


@command.command("add")
@click.argument("user")
@click.option("--label", default="", metavar="TEXT", help="What or where the token is for.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="SCOPE",
    help="read, write (default), space:NAME or path:home/FOLDER; may be repeated, or several with commas.",
)  # fmt: skip
@click.option("--expires", type=Moment(), help="12h, 30d, a date or an ISO 8601 time; never by default.")
@output.json_option
def add(user: str, label: str, scopes: Sequence[str], expires: int | None, as_json: bool) -> None:
    """Make an app token for USER and print it; it cannot be shown again.

    It is sent as a Bearer token, or as the password of Basic beside the user's name.
    """
    from davshare.identity import apptokens
    from davshare.identity.people import user_named

    with admin.index(data_folder()) as database:
        owner = user_named(database, user)
        token, secret = apptokens.create(database, owner, label, scopes, expires)
    if as_json:
        output.emit({"token": secret, **_told(token, owner.name)})
        return
    print(secret)
    click.echo(f"id {token.id}; shown this once; revoke with `davshare token revoke {token.id}`", err=True)


@command.command("list")
@click.argument("user", required=False)
@output.page_options
@output.json_option
def list_(user: str | None, offset: int, limit: int | None, as_json: bool) -> None:
    """List the app tokens of USER or of everybody, without their secrets."""
    from davshare.identity.apptokens import issued

    with admin.index(data_folder()) as database:
        found = [_told(token, owner) for owner, token in issued(database, user, offset, limit)]
    output.rows(found, as_json)


def _told(token: AppToken, owner: str) -> dict[str, object]:
    return {
        "id": token.id,
        "user": owner,
        "label": token.label,
        "scope": token.scope or "write",
        "created": output.moment(token.created),
        "expires": output.moment(token.expires),
        "expired": token.expires is not None and token.expires <= time.time(),
    }


@command.command("revoke")
@click.argument("number", metavar="ID", type=int)
def revoke(number: int) -> None:
    """End the app token of that id at once."""
    from davshare.identity import apptokens

    with admin.index(data_folder()) as database:
        apptokens.revoke(database, number)


@command.command("sessions")
@click.argument("user")
@output.json_option
def list_sessions(user: str, as_json: bool) -> None:
    """List where USER has signed in with a browser, and the short-lived tokens of programs."""
    from davshare.identity.sessions import of_user

    with admin.index(data_folder()) as database:
        found = of_user(database, user)
    told = [
        {
            "label": each.label,
            "issuer": each.issuer,
            "created": output.moment(each.created),
            "expires": output.moment(each.expires),
        }
        for each in found
    ]
    output.rows(told, as_json)


@command.command("end")
@click.argument("user")
def end(user: str) -> None:
    """End every session of USER at once; app tokens and passwords stay valid."""
    from davshare.identity.sessions import end_all

    with admin.index(data_folder()) as database:
        end_all(database, user)


@command.command("rotate-keys")
def rotate_keys() -> None:
    """Let another key sign tokens from now on; those that were signed before stay valid until they end.

    The server does this by itself every month.
    """
    from davshare.identity.sessions import rotate_keys

    with admin.index(data_folder()) as database:
        rotate_keys(database)
