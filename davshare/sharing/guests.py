"""Guests: people without an account with whom somebody shares by their e-mail address.

They get one that is named by the address, with a home in which nothing can be
made, and choose a password by a link that works once.
"""

from __future__ import annotations

import time
from types import EllipsisType
from typing import NamedTuple

from davshare.errors import BadRequest, Conflict, Forbidden, NotFound, Unavailable
from davshare.files.commit import Transaction
from davshare.files.context import Address, Asker
from davshare.files.service import Files
from davshare.files.settings import Settings
from davshare.identity import people as accounts
from davshare.identity import reset
from davshare.index import guests as rows
from davshare.index import notices as marks
from davshare.index import people
from davshare.index.database import Connection
from davshare.model import names
from davshare.model.access import Rights
from davshare.model.people import Actor, User
from davshare.notices import mail
from davshare.notices.mail import Letter
from davshare.sharing import rules, shares
from davshare.sharing.shares import Found, New

#: Seconds in which the link has to be used; and how many guests are looked at at once.
_GOOD_FOR, _BATCH = 7 * 86400, 100
_DAY = 86400


class Invited(NamedTuple):
    """What was shared, and the way of the link below the site's address where whoever invites has to pass it on."""

    found: Found
    link: str | None = None


def demand_inviter(settings: Settings, connection: Connection, actor: Actor, address: str) -> None:
    """Return when somebody may share with an e-mail address.

    :raises BadRequest: it is none.
    :raises Forbidden: they may not share, nobody may invite, or nobody of that domain may be invited.
    """
    rules.demand_sharer(settings, connection, actor)
    if not settings.get("sharing.guests"):
        raise Forbidden("Guests are disabled by the administrator")
    if not mail.is_address(address):
        raise BadRequest("That is no e-mail address.")
    domain = address.rpartition("@")[2].lower()
    allowed, blocked = settings.get("sharing.guest_domains"), settings.get("sharing.guest_blocked_domains")
    if _among(domain, blocked) or (allowed and not _among(domain, allowed)):
        raise Forbidden("Nobody with such an address can be invited")


def can_invite(files: Files, actor: Actor, email: str) -> bool:
    """Whether somebody may share with an e-mail address that is nobody's here."""
    with files.db.session() as connection:
        try:
            demand_inviter(files.settings, connection, actor, email)
        except (BadRequest, Forbidden):
            return False
        return _known(connection, email) is None


def _among(domain: str, known: list[str]) -> bool:
    return any(domain == each.lower() or domain.endswith(f".{each.lower()}") for each in known if each)


def invite(
    files: Files,
    asker: Asker,
    address: Address,
    email: str,
    rights: Rights | None = None,
    expires: int | EllipsisType | None = ...,
    note: str = "",
) -> Invited:
    """Share what is at an address with whoever has an e-mail address: a user, a guest, or somebody new.

    Where mail is sent, nobody but its receiver is told the link.  Where none
    is, whoever invites somebody new gets it; for a guest who is here already
    an administrator makes links, since by one all is seen that others share with them.

    :raises BadRequest: no account can be named so, or as :func:`davshare.sharing.shares.create`.
    :raises Forbidden: as :func:`demand_inviter`, or as :func:`davshare.sharing.shares.create`.
    :raises NotFound: nothing that the asker may know of is there, or the account is closed.
    :raises Unavailable: a link is to be sent, and the site does not know its own address.
    """
    rules.demand_note(note)
    with files.db.snapshot() as connection:
        demand_inviter(files.settings, connection, asker.actor, email)
        rules.demand_shareable(files.settings, connection, asker.actor, files.place(connection, asker, address))
        user = _known(connection, email)
    if files.site.mails and not files.site.url and _needs_link(user):
        raise Unavailable("Links cannot be sent: public_url is not set.")
    new = user is None
    user = _make(files, email) if user is None else user
    if user.disabled:
        raise NotFound("There is no such user or group.")
    secret: list[str] = []

    def also(tx: Transaction) -> None:
        assert user is not None
        if _needs_link(user) and (new or files.site.mails):
            secret.append(reset.issue(tx.connection, user, int(time.time()) + _GOOD_FOR))
            _send(files, tx.connection, asker.actor, user, secret[0], note)

    found = shares.create(files, asker, address, New(user, rights, expires, note), also)
    return Invited(found, f"/reset/{secret[0]}" if secret and not files.site.mails else None)


def _known(connection: Connection, email: str) -> User | None:
    """Whose address that is; of several the guest."""
    found = people.by_email(connection, email)
    named = people.user(connection, names.key(email.lower()))
    if len(found) > 1:
        found = [each for each in found if each == named]
    if found:
        return found[0]
    return named if named is not None and named.source == accounts.INVITED else None


def _needs_link(user: User | None) -> bool:
    return user is None or (user.source == accounts.INVITED and user.password is None)


def _make(files: Files, email: str) -> User:
    """A new guest; who was made at the same time by somebody else is as good.

    :raises BadRequest: no account can be named so.
    """
    name = names.key(email.lower())
    try:
        return accounts.add_user(
            files, name, None, display_name=email, email=email, guest=True, source=accounts.INVITED
        )
    except Conflict:
        with files.db.session() as connection:
            found = _known(connection, email)
        if found is None:
            raise
        return found


def _send(files: Files, connection: Connection, inviter: Actor, user: User, secret: str, note: str) -> None:
    """The link, by mail if there is any, in the transaction that makes it."""
    who = inviter.display_name or inviter.name
    link = f"{files.site.url}/reset/{secret}"
    lines = [
        f"{who} shares files with you at {files.site.url}.",
        note.strip(),
        f"Choose a password here; the link works once, and for a week:\n{link}",
        f"Afterwards sign in as {user.name} at {files.site.url}/login.",
    ]
    text = "\n\n".join(line for line in lines if line) + "\n"
    mail.post(files, connection, Letter(user.email, "", f"{who} shares files with you", text))


def retire(files: Files, now: int) -> int:
    """Remove guests to whom nothing has been granted for some days; how many.  For the keeper.

    Only accounts that invitations have made go, never one that an administrator or a provider has.
    """
    days = files.settings.get("sharing.guest_days")
    with files.db.session() as connection:
        busy = rows.busy_again(connection, accounts.INVITED)
        idle = rows.idle(connection, accounts.INVITED, now, _BATCH) if days else []
    if busy or idle:
        with files.db.write() as connection:
            marks.forget(connection, busy)
            for each in idle:
                if each.due is None:
                    marks.remember(connection, f"guest:{each.id}", now + days * _DAY)
    gone = [each for each in idle if each.due is not None]
    for each in gone:
        accounts.remove_user(files, each.name)
    return len(gone)
