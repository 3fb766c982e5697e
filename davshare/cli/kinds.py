"""Kinds of values on the command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import click

from davshare.model.settings import size

_SPAN = re.compile(r"(\d+)\s*([smhdwy])\Z").match
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


class Size(click.ParamType):
    """Bytes such as ``500MB`` or ``10GiB``; ``none`` for no limit (given as -1)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        if value.strip().lower() in ("none", "unlimited"):
            return -1
        found = size(value)
        if found is None:
            self.fail("expected a size such as 500MB or 10GiB, or none", param, ctx)
        return found


class Moment(click.ParamType):
    """A point in time: ``30d`` from now, a date (its end, UTC) or an ISO 8601 time."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds since 1970."""
        if isinstance(value, int):
            return value
        text = value.strip()
        span = _SPAN(text.lower())
        try:
            if span is not None:
                after = timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
                return int((datetime.now(UTC) + after).timestamp())
            if "T" in text or " " in text:
                at = datetime.fromisoformat(text)
                return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
            return int(datetime.combine(date.fromisoformat(text), time.max, UTC).timestamp())
        except (ValueError, OverflowError):
            self.fail("expected 12h, 30d, a date such as 2030-12-31, or an ISO 8601 time", param, ctx)


def limit(given: int | None) -> int | None:
    """A quota as the services take it, from what :class:`Size` gave."""
    return None if given is None or given < 0 else given
