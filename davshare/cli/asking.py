"""Where new passwords come from."""

from __future__ import annotations

import sys

import click

from davshare.errors import BadRequest

_MOST = 65536


def new_password(from_stdin: bool, min_length: int, ask: bool = True) -> tuple[str, bool]:
    """A password, and whether it was made up here and has to be shown.

    From standard input if that was asked for, else typed twice if somebody
    sits there (and ``ask``), else generated.

    :raises BadRequest: standard input is empty or not UTF-8.
    """
    from davshare.identity import passwords

    if from_stdin:
        return _from_stdin(), False
    if ask and sys.stdin.isatty() and sys.stderr.isatty():
        while True:
            password = click.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True)
            try:
                passwords.check_new(password, min_length)
            except BadRequest as error:
                click.echo(error.message, err=True)
            else:
                return str(password), False
    return passwords.generate(min_length), True


def _from_stdin() -> str:
    """All of standard input but one line end."""
    try:
        text = sys.stdin.buffer.read(_MOST).decode()
    except UnicodeDecodeError:
        raise BadRequest("the password on standard input is not valid UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise BadRequest("there is no password on standard input")
    return text
