"""Talks to the SMTP server (RFC 5321) that takes the site's mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

from davshare.config import Config
from davshare.errors import UsageError
from davshare.notices.mail import Letter


class Refused(Exception):
    """The server did not take a message; ``final``: it never will, ``alone``: others it may."""

    def __init__(self, status: str, final: bool = False, alone: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.final = final
        self.alone = alone


class Smtp:
    """One configured server; nothing is connected until :meth:`connected`.

    :raises UsageError: the password cannot be read.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._password = _password(config)
        self.sender = config.mail_from or f"davshare@{urlsplit(config.public_url).hostname or 'localhost'}"

    @contextmanager
    def connected(self) -> Iterator[smtplib.SMTP]:
        """A connection that is encrypted and signed in as configured, for some messages.

        :raises Refused: there is none to be had.
        """
        try:
            link = self._connect()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Refused(_told(error)) from error
        try:
            yield link
        finally:
            with suppress(OSError, smtplib.SMTPException):
                link.quit()

    def _connect(self) -> smtplib.SMTP:
        config = self._config
        if config.mail_security == "tls":
            context = ssl.create_default_context()
            link: smtplib.SMTP = smtplib.SMTP_SSL(
                config.mail_host, config.mail_port, timeout=config.mail_timeout, context=context
            )
        else:
            link = smtplib.SMTP(config.mail_host, config.mail_port, timeout=config.mail_timeout)
        try:
            if config.mail_security == "starttls":
                link.starttls(context=ssl.create_default_context())
            if config.mail_user:
                link.login(config.mail_user, self._password)
        except BaseException:
            link.close()
            raise
        return link

    def send(self, link: smtplib.SMTP, letter: Letter, number: str, created: int) -> None:
        """Hand one message over.

        :param number: its Message-ID, without the domain.
        :raises Refused: it was not taken.
        """
        try:
            link.send_message(message(self.sender, letter, number, created))
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise Refused(_answer(code, text), code >= 500, alone=True) from error
        except smtplib.SMTPResponseException as error:
            raise Refused(_told(error), error.smtp_code >= 500, alone=error.smtp_code >= 500) from error
        except (smtplib.SMTPNotSupportedError, UnicodeError, ValueError) as error:
            raise Refused("The server takes no such address or text.", True, alone=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Refused(_told(error)) from error


def message(sender: str, letter: Letter, number: str, created: int) -> EmailMessage:
    """A message in plain text that no program answers (RFC 3834 section 5).

    The email package folds and encodes headers; it refuses line breaks in them.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("davshare", addr_spec=sender)
    made["To"] = Address(letter.name, addr_spec=letter.address)
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(datetime.fromtimestamp(created, UTC))
    made["Message-ID"] = f"<{number}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.text)
    return made


def _password(config: Config) -> str:
    if not config.mail_user:
        return ""
    if not config.mail_password_file:
        raise UsageError("mail_password_file is missing: the file with the password of mail_user")
    try:
        return Path(config.mail_password_file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError):
        raise UsageError("mail_password_file cannot be read") from None


def _told(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return " ".join(str(error).split())[:200] or type(error).__name__


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {said}".split())[:200]
