"""``davshare mail``: what is to be sent by mail."""

from __future__ import annotations

import secrets
import time

import click

from davshare.cli import output
from davshare.cli.opening import data_folder
from davshare.errors import BadRequest, Unavailable, UsageError
from davshare.server import admin


@click.group("mail")
def command() -> None:
    """List mail that waits or was given up, have it sent again, and try the SMTP server."""


@command.command("list")
@output.page_options
@output.json_option
def list_(offset: int, limit: int | None, as_json: bool) -> None:
    """List what waits or was given up, the oldest first; what it says is not shown."""
    from davshare.notices import mail

    with admin.files(data_folder()) as files:
        found = [
            {
                "id": each.id,
                "to": each.recipient,
                "subject": each.subject,
                "created": output.moment(each.created),
                "attempts": each.attempts,
                "next": None if each.given_up else output.moment(each.next),
                "given_up": each.given_up,
                "status": each.status,
            }
            for each in mail.listed(files, offset, limit)
        ]
    output.rows(found, as_json)


@command.command("retry")
@click.argument("number", metavar="[ID]", type=int, required=False)
def retry(number: int | None) -> None:
    """Try the message of that id at once, or all of them, whether they were given up or not."""
    from davshare.notices import mail

    with admin.files(data_folder()) as files:
        mail.retry(files, number)


@command.command("test")
@click.argument("address")
def test(address: str) -> None:
    """Send a message to ADDRESS now, and say what the SMTP server answers."""
    from davshare.notices.mail import Letter, is_address
    from davshare.notices.smtp import Refused, Smtp

    config = admin.load_config(data_folder()).config
    if not config.mail_host:
        raise UsageError("no mail is sent: mail_host is not set")
    if not is_address(address):
        raise BadRequest("That is no e-mail address.")
    server = Smtp(config)
    letter = Letter(address, "", "A test from davshare", "This site can send mail.\n")
    try:
        with server.connected() as link:
            server.send(link, letter, secrets.token_hex(16), int(time.time()))
    except Refused as error:
        raise Unavailable(f"The SMTP server did not take it: {error.status}") from None
    print(f"sent from {server.sender}")
