"""``davshare user``: accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from davshare.cli import asking, output
from davshare.cli.kinds import Moment, Size, limit
from davshare.cli.opening import data_folder
from davshare.server import admin

if TYPE_CHECKING:
    from davshare.identity.people import Account

_QUOTA = "Most bytes in the home, such as 10GB; none for no limit."
_PORTABLE = "Refuse new names in the home that Windows or macOS cannot hold."
_FACTOR = "A password alone does not sign in: an app token, or the code of `user totp`, is needed."
_FROM_STDIN = "Take the password from standard input."


@click.group("user")
def command() -> None:
    """Add, show and change users."""


@command.command("add")
@click.argument("name")
@click.option("--display-name", default="", metavar="TEXT", help="The name that others see.")
@click.option("--email", default="", metavar="ADDRESS", help="E-mail address.")
@click.option("--group", "member_of", multiple=True, metavar="GROUP", help="Put into this group; may be repeated.")
@click.option("--admin", is_flag=True, help="May administer the server.")
@click.option("--guest", is_flag=True, help="Can make nothing in the home, and sees only what others granted.")
@click.option("--second-factor", is_flag=True, help=_FACTOR)
@click.option("--quota", type=Size(), help=_QUOTA)
@click.option("--portable", is_flag=True, help=_PORTABLE)
@click.option("--password-stdin", is_flag=True, help=_FROM_STDIN)
@click.option("--no-password", is_flag=True, help="Can only sign in with app tokens.")
@output.json_option
def add(
    name: str,
    password_stdin: bool,
    no_password: bool,
    quota: int | None,
    portable: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Add a user with a home; can sign in at once.

    On a terminal the password is asked for; elsewhere, without
    --password-stdin, one is made up and printed, once.
    """
    from davshare.identity.people import add_user, check_new_user, set_user

    with admin.files(data_folder()) as files:
        check_new_user(files.db, name)
        password, made_up = None, False
        if not no_password:
            least = files.settings.get("password.min_length")
            password, made_up = asking.new_password(password_stdin, least)
        user = add_user(files, name, password, quota=limit(quota), **values)
        if portable:
            set_user(files, name, portable=True)
    answer = {"id": user.id, "name": user.name, **({"password": password} if made_up else {})}
    if as_json:
        output.emit(answer)
    elif made_up:
        print(f"password: {password}")


@command.command("list")
@output.page_options
@output.json_option
def list_(offset: int, limit: int | None, as_json: bool) -> None:
    """List users by name."""
    _list("", offset, limit, as_json)


@command.command("search")
@click.argument("text")
@output.page_options
@output.json_option
def search(text: str, offset: int, limit: int | None, as_json: bool) -> None:
    """List users with TEXT in their name, display name or e-mail address."""
    _list(text, offset, limit, as_json)


def _list(text: str, offset: int, limit: int | None, as_json: bool) -> None:
    from davshare.identity.people import accounts

    with admin.index(data_folder()) as database:
        found = [_told(account) for account in accounts(database, text=text, offset=offset, limit=limit)]
    output.rows(found, as_json, ("name", "display_name", "admin", "disabled", "groups", "used", "quota"))


@command.command("show")
@click.argument("name")
@output.json_option
def show(name: str, as_json: bool) -> None:
    """Show everything about one user."""
    from davshare.identity.newcomers import linked
    from davshare.identity.people import accounts

    with admin.index(data_folder()) as database:
        (account,) = accounts(database, name)
        found = [f"{issuer} {subject}" for issuer, subject in linked(database, name)]
    output.facts({**_told(account), "identities": found}, as_json)


def _told(account: Account) -> dict[str, Any]:
    user = account.user
    return {
        "id": user.id,
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "admin": user.admin,
        "disabled": user.disabled,
        "guest": user.guest,
        "source": user.source,
        "password": user.password is not None,
        "second_factor": user.second_factor,
        "totp": user.totp is not None,
        "groups": account.groups,
        "tokens": account.tokens,
        "home": None if account.home is None else str(data_folder() / account.home),
        "used": account.used,
        "quota": user.quota,
        "portable": account.portable,
        "created": output.moment(user.created),
    }


@command.command("set")
@click.argument("name")
@click.option("--display-name", metavar="TEXT", help="The name that others see.")
@click.option("--email", metavar="ADDRESS", help="E-mail address.")
@click.option("--admin/--no-admin", default=None, help="May administer the server.")
@click.option("--second-factor/--no-second-factor", default=None, help=_FACTOR)
@click.option("--quota", type=Size(), help=_QUOTA)
@click.option("--portable/--no-portable", default=None, help=_PORTABLE)
def set_(name: str, quota: int | None, **values: Any) -> None:
    """Change what is given of a user."""
    from davshare.identity.people import set_user

    changes = {key: value for key, value in values.items() if value is not None}
    if quota is not None:
        changes["quota"] = limit(quota)
    if not changes:
        raise click.UsageError("nothing to change was given")
    with admin.files(data_folder()) as files:
        set_user(files, name, **changes)


@command.command("handover")
@click.argument("old", metavar="FROM")
@click.argument("new", metavar="TO")
@click.option("--force", is_flag=True, help="Also if it is more than the quota of TO allows.")
@output.json_option
def handover(old: str, new: str, force: bool, as_json: bool) -> None:
    """Give the files, shares, groups and spaces of FROM, who leaves, to TO; both accounts stay as they are."""
    from davshare.files.handover import hand_over

    with admin.files(data_folder()) as files:
        output.facts(hand_over(files, old, new, force=force)._asdict(), as_json)


@command.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Let nobody sign in as this user; nothing is deleted."""
    from davshare.identity import people

    with admin.index(data_folder()) as database:
        people.disable(database, name)


@command.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let a disabled user sign in again."""
    from davshare.identity import people

    with admin.files(data_folder()) as files:
        people.enable(files, name)


@command.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a user with tokens and grants; the files stay on disk, in a folder of another name."""
    from davshare.identity.people import remove_user

    with admin.files(data_folder()) as files:
        remove_user(files, name)


@command.command("passwd")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help=_FROM_STDIN)
@output.json_option
def passwd(name: str, password_stdin: bool, as_json: bool) -> None:
    """Give a user another password; app tokens stay valid.

    On a terminal it is asked for; elsewhere, without --password-stdin, one is
    made up and printed, once.
    """
    from davshare.files.settings import Settings
    from davshare.identity.people import set_password, user_named

    with admin.index(data_folder()) as database:
        user = user_named(database, name)
        least = Settings(database).get("password.min_length")
        password, made_up = asking.new_password(password_stdin, least)
        set_password(database, name, password, least)
    if as_json:
        output.emit({"name": user.name, **({"password": password} if made_up else {})})
    elif made_up:
        print(f"password: {password}")


@command.command("reset")
@click.argument("name")
@click.option("--expires", type=Moment(), help="12h, 30d, a date or an ISO 8601 time; a day from now by default.")
@output.json_option
def reset(name: str, expires: int | None, as_json: bool) -> None:
    """Print a link with which a user chooses a new password, once."""
    from davshare.identity import reset as links

    data = data_folder()
    config = admin.load_config(data).config
    with admin.index(data, config) as database:
        secret = links.create(database, name, expires)
    link = f"{config.public_url or 'http://127.0.0.1:8080'}/reset/{secret}"
    if as_json:
        output.emit({"link": link})
    else:
        print(link)


@command.command("totp")
@click.argument("name")
@click.option("--remove", is_flag=True, help="Forget the secret: no code is asked for any more.")
@output.json_option
def totp(name: str, remove: bool, as_json: bool) -> None:
    """Make the secret of a user's authenticator, and print it as an otpauth:// URI, once.

    From then on the user signs in with the password directly followed by the code, or with app tokens.
    """
    from davshare.files.sitekey import read_secret
    from davshare.identity import second_factor

    with admin.index(data_folder()) as database:
        if remove:
            second_factor.remove(database, name)
            return
        uri = second_factor.set_up(database, read_secret(database), name)
    if as_json:
        output.emit({"uri": uri})
    else:
        print(uri)


@command.command("unlock")
@click.argument("name")
def unlock(name: str) -> None:
    """Forget the failed sign-ins of a user: nobody waits because of them any more."""
    from davshare.files.sitekey import read_secret
    from davshare.identity.people import user_named
    from davshare.identity.throttle import Throttle

    with admin.index(data_folder()) as database:
        Throttle(database, read_secret(database)).unlock(user_named(database, name).name)


@command.command("link")
@click.argument("name")
@click.argument("issuer")
@click.argument("subject")
def link(name: str, issuer: str, subject: str) -> None:
    """Let SUBJECT (claim `sub`) of the OpenID provider ISSUER sign in as this user."""
    from davshare.identity.newcomers import link

    with admin.index(data_folder()) as database:
        link(database, name, issuer, subject)


@command.command("unlink")
@click.argument("name")
@click.argument("issuer")
@click.argument("subject", required=False)
def unlink(name: str, issuer: str, subject: str | None) -> None:
    """Let nobody, or not SUBJECT, of the OpenID provider ISSUER sign in as this user any more."""
    from davshare.identity.newcomers import unlink

    with admin.files(data_folder()) as files:
        unlink(files, name, issuer, subject)
