"""Sends the mail that waits in the outbox, again until it has arrived or there is no use in it."""

from __future__ import annotations

import logging
import threading
import time
from smtplib import SMTP

from davshare.config import Config
from davshare.errors import DavshareError
from davshare.files.service import Files
from davshare.index.mail import Mail
from davshare.notices import mail
from davshare.notices.mail import Letter
from davshare.notices.smtp import Refused, Smtp

log = logging.getLogger("davshare.keeper")
#: Seconds between two looks for mail.
_TICK = 0.5
#: Messages that go over one connection.
_AT_ONCE = 50
#: Seconds until the next attempt where it is our own configuration that is wrong.
_PAUSE = 60.0


class Mailer:
    """The outgoing mail of one site.

    A message is forgotten when the server has taken it, so one that is taken
    in the moment in which we die goes twice, with the same Message-ID.
    """

    def __init__(self, files: Files, config: Config) -> None:
        self._files = files
        self._config = config
        self._version = -1
        self._due = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        while not stop.wait(_TICK):
            try:
                self.round(time.time(), stop)
            except DavshareError as error:
                log.warning("mail: %s", error.message)
            except Exception:
                log.exception("mail failed")

    def round(self, now: float, stop: threading.Event) -> int:
        """Send what is due; how much was. Without news and due mail this costs nothing."""
        version = self._files.db.version
        if version == self._version and not version & 1 and now < self._due:
            return 0
        found, next_ = mail.due(self._files, int(now), _AT_ONCE)
        # A mistake in the configuration stays for a while.
        self._version, self._due = version, now + _PAUSE
        if not found:
            self._due = float("inf") if next_ is None else float(next_)
            return 0
        server = Smtp(self._config)
        try:
            with server.connected() as link:
                done = self._send(server, link, found, stop)
        except Refused as error:
            log.warning("mail: %s", error.status)
            done = 0
            for each in found:
                mail.note_failed(self._files, each, error.status, False)
        self._version = -1
        return done

    def _send(self, server: Smtp, link: SMTP, found: list[Mail], stop: threading.Event) -> int:
        done = 0
        for each in found:
            if stop.is_set():
                break
            text = mail.text_of(self._files, each)
            if text is None:
                mail.note_failed(self._files, each, "The text cannot be read: the site has another key.", True)
                continue
            letter = Letter(each.recipient, each.name, each.subject, text)
            try:
                server.send(link, letter, each.message, each.created)
            except Refused as error:
                log.warning("mail %d: %s", each.id, error.status)
                mail.note_failed(self._files, each, error.status, error.final)
                if not error.alone:
                    break  # the connection may be of no more use; the others are tried over another one
            else:
                mail.note_sent(self._files, each)
                done += 1
        return done
