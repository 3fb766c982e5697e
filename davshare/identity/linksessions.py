"""Browsers that have shown the password of a public link: a cookie that says so, good for that link and password."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import Protocol

#: Seconds for which a password need not be shown again.
SECONDS = 12 * 3600
_FORM = re.compile(r"(\d{1,12})\.([A-Za-z0-9_-]{16})\.([0-9a-f]{64})\Z").match


class Locked(Protocol):
    """As much of a link as a session is bound to."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def password_version(self) -> int:
        """How often it has got another password."""


class LinkSessions:
    """Makes and knows such cookies; nothing is kept of them.

    :param secret: the site's key.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"davshare link session", "sha256")

    def begin(self, link: Locked) -> str:
        """The cookie of somebody who has just shown the password: always a new one."""
        told = f"{int(time.time())}.{secrets.token_urlsafe(12)}"
        return f"{told}.{self._seal(link, told)}"

    def knows(self, link: Locked, cookie: str | None) -> bool:
        """Whether a cookie was made here, for this link and its present password, not long ago."""
        match = _FORM(cookie or "")
        if match is None or not -60 <= time.time() - int(match[1]) < SECONDS:
            return False
        return hmac.compare_digest(match[3], self._seal(link, f"{match[1]}.{match[2]}"))

    def _seal(self, link: Locked, told: str) -> str:
        text = f"{link.id}.{link.password_version}.{told}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
