"""An SMTP server of other people's making (aiosmtpd) that keeps every message, or refuses it as it is told."""

from __future__ import annotations

import contextlib
import email
import email.policy
import ssl
from collections.abc import Mapping
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from support.server import free_port

#: Whoever may sign in.
LOGIN = ("davshare", "smtp-pass")


class Mailbox:
    """Listens on a port of 127.0.0.1; ``answers`` are used up by the next recipients, then all are welcome."""

    def __init__(self, context: ssl.SSLContext | None = None, auth: bool = False) -> None:
        self.messages: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.answers: list[str] = []
        self.tls: list[bool] = []
        self.port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            require_starttls=context is not None,
            tls_context=context,
            auth_required=auth,
            auth_require_tls=False,
            authenticator=self._authenticate if auth else None,
            enable_SMTPUTF8=True,
        )
        self._controller.start()

    @staticmethod
    def _authenticate(server: Server, session: Session, envelope: Envelope, method: str, data: object) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == LOGIN
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """What a recipient is answered."""
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        """A message is kept."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.messages.append(email.message_from_bytes(content, policy=email.policy.default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        self.tls.append(session.ssl is not None)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """The messages to one address, in order."""
        return [each for each, name in zip(self.messages, self.recipients, strict=True) if name == address]

    @property
    def env(self) -> Mapping[str, str]:
        """The configuration of a site that sends its mail here."""
        return {
            "DAVSHARE_MAIL_HOST": "127.0.0.1",
            "DAVSHARE_MAIL_PORT": str(self.port),
            "DAVSHARE_MAIL_SECURITY": "none",
            "DAVSHARE_MAIL_FROM": "files@example.org",
        }

    def close(self) -> None:
        """Nobody listens any more."""
        with contextlib.suppress(RuntimeError):
            self._controller.stop(no_assert=True)


def text_of(message: EmailMessage) -> str:
    """What a message says."""
    body = message.get_body(("plain",))
    assert body is not None and len(list(message.walk())) == 1
    return str(body.get_content()).replace("\r\n", "\n")
