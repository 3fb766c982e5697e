"""Log lines: one event, one line, ``key=value`` pairs that people and programs read."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

#: Libraries that tell more than anyone wants to know at "info".
_CHATTY = ("wsgidav", "cheroot", "alembic", "watchdog")
#: Libraries that tell secrets at "debug".
_INDISCREET = ("authlib",)


class OneLine(logging.Formatter):
    """``time=… level=… logger=… pid=… message="…"``; line breaks and control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; an exception goes into it whole."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = (
            f"time={at}.{int(record.msecs):03}Z level={record.levelname.lower()} logger={record.name}"
            f" pid={record.process} message={_quoted(record.getMessage())}"
        )
        if record.exc_info:
            line += f" exception={_quoted(self.formatException(record.exc_info))}"
        return line


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send everything from ``level`` on to ``stream``, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _INDISCREET + (_CHATTY if level != "debug" else ()):
        logging.getLogger(name).setLevel(logging.WARNING)


def _quoted(text: str) -> str:
    """In double quotes; JSON's escapes keep it on one line, and hide no control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f").replace("\u2028", "\\u2028")
