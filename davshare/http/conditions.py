"""Conditional requests, judged without I/O (RFC 9110 section 13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from time import gmtime

_TAG = re.compile(r'\s*(W/)?("[^"]*")\s*(?:,|\Z)')
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

#: Headers that this module reads.
FIELDS = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"})


class Verdict(Enum):
    """What the conditions say."""

    GO_ON = "go on"
    NOT_MODIFIED = "not modified"
    FAILED = "failed"


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7); times outside the years 1 to 9999 are drawn to their edge."""
    try:
        t = gmtime(max(-62135596800, min(253402300799, seconds)))
    except (OverflowError, OSError, ValueError):
        t = gmtime(0)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04d}"
        f" {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"
    )


def parse_date(text: str) -> int | None:
    """Seconds since 1970 of an HTTP date in any of its three forms; None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    except OverflowError:
        return None


def tags(text: str) -> list[tuple[bool, str]] | None:
    """(weak, opaque tag with its quotes) of a list; None for ``*``; an empty list for bad syntax."""
    if text.strip() == "*":
        return None
    found: list[tuple[bool, str]] = []
    at = 0
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None:
            return []
        found.append((bool(match[1]), match[2]))
        at = match.end()
    return found


def judge(headers: Mapping[str, str], method: str, etag: str | None, modified: int | None) -> Verdict:
    """Evaluate all conditions in the order of RFC 9110 section 13.2.2.

    :param etag: the current strong tag, with quotes; None when there is no representation.
    :param modified: seconds since 1970, None when there is none.
    """
    reading = method in ("GET", "HEAD")
    if_match = headers.get("if-match")
    if if_match is not None:
        wanted = tags(if_match)
        if etag is None or (wanted is not None and (False, etag) not in wanted):
            return Verdict.FAILED
    elif (since := headers.get("if-unmodified-since")) is not None:
        moment = parse_date(since)
        if moment is not None and modified is not None and modified > moment:
            return Verdict.FAILED
    if_none = headers.get("if-none-match")
    if if_none is not None:
        unwanted = tags(if_none)
        if etag is not None and (unwanted is None or any(tag == etag for _, tag in unwanted)):
            return Verdict.NOT_MODIFIED if reading else Verdict.FAILED
    elif reading and (since := headers.get("if-modified-since")) is not None:
        moment = parse_date(since)
        if moment is not None and modified is not None and modified <= moment:
            return Verdict.NOT_MODIFIED
    return Verdict.GO_ON
