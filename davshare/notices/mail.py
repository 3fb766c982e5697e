"""The outbox: mail is written with what it tells of, in one transaction, and sent by the keeper afterwards."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

from davshare.errors import NotFound
from davshare.files.sitekey import read_secret
from davshare.index import mail as rows
from davshare.index.mail import Mail
from davshare.model import values
from davshare.model.sealing import seal, unseal

if TYPE_CHECKING:
    from davshare.files.service import Files
    from davshare.index.database import Connection

log = logging.getLogger("davshare.mail")
_SEAL = "mail"
#: Most messages to one address that wait, or could not be sent.
MOST_TO_ONE = 100
#: How often a message is tried, and the seconds until the second time, doubled for each further one up to the last.
TRIES, FIRST, LONGEST = 20, 15, 4 * 3600
#: Seconds for which a message that was given up can still be seen.
_KEPT = 30 * 86400
_LONGEST_LINE = 200


class Letter(NamedTuple):
    """What is to be sent, and to whom."""

    address: str
    name: str
    subject: str
    text: str


def is_address(text: str) -> bool:
    """Whether mail can be sent there: one plain address."""
    try:
        return bool(values.mailbox(text)) and text == text.strip()
    except values.Bad:
        return False


def one_line(text: str) -> str:
    """A text for a header: on one line, without control characters, and of sensible length."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_LONGEST_LINE]


def post(files: Files, connection: Connection, letter: Letter) -> bool:
    """Let a letter be sent once the transaction is committed; whether it will be.

    It is not where the site sends no mail, the address is none, or too many to
    it have not arrived: what people are told by mail they can see elsewhere.
    """
    if not files.site.mails or not is_address(letter.address):
        return False
    if rows.number_to(connection, letter.address) >= MOST_TO_ONE:
        log.warning("there is too much mail to one address already")
        return False
    now = int(time.time())
    sealed = seal(read_secret(files.db), _SEAL, now, letter.text.encode("utf-8", "replace"))
    subject, name = one_line(letter.subject), one_line(letter.name)
    rows.add(connection, Mail(0, letter.address, name, subject, sealed, secrets.token_hex(16), now))
    return True


def text_of(files: Files, mail: Mail) -> str | None:
    """What a message says; None where the site has another key by now."""
    text = unseal(read_secret(files.db), _SEAL, mail.created, mail.body)
    return None if text is None else text.decode()


def listed(files: Files, offset: int = 0, limit: int | None = None) -> list[Mail]:
    """A page of what waits or was given up, the oldest first."""
    with files.db.session() as connection:
        return rows.page(connection, offset, 1000 if limit is None else limit)


def retry(files: Files, number: int | None) -> int:
    """Let one message, or all, be tried at once; how many.

    :raises NotFound: there is no such message.
    """
    with files.db.write() as connection:
        found = rows.again(connection, number)
    if number is not None and not found:
        raise NotFound("There is no such message.")
    return found


# what the keeper does


def due(files: Files, now: int, limit: int) -> tuple[list[Mail], int | None]:
    """Messages whose time has come; without any, when the next one's comes."""
    with files.db.session() as connection:
        found = rows.due(connection, now, limit)
        return found, None if found else rows.next_due(connection)


def note_sent(files: Files, mail: Mail) -> None:
    """It has arrived: nothing of it is kept."""
    with files.db.write() as connection:
        rows.remove(connection, mail.id)


def note_failed(files: Files, mail: Mail, status: str, final: bool) -> None:
    """It has not; it is tried again later, unless there is no use in that."""
    attempts = mail.attempts + 1
    pause = min(LONGEST, FIRST << min(attempts - 1, 20))
    given_up = final or attempts >= TRIES
    told = mail._replace(attempts=attempts, next=int(time.time()) + pause, status=status, given_up=given_up)
    with files.db.write() as connection:
        rows.note(connection, told)


def forget_given_up(files: Files, now: int) -> int:
    """Forget what was given up long ago; for the keeper."""
    with files.db.session() as connection:
        if not rows.any_old(connection, now - _KEPT):
            return 0
    with files.db.write() as connection:
        return rows.forget_old(connection, now - _KEPT)
