"""What a right answer is: functions that say what is wrong with one, and nothing when it is right."""

from __future__ import annotations

import re
from collections.abc import Callable

from benchlib.client import Answer

Check = Callable[[Answer], str]

_RESPONSE = re.compile(rb"</(?:[\w.-]+:)?response>").findall
_LENGTH = re.compile(rb"getcontentlength[^>]*>(\d+)<").findall


def status(*codes: int) -> Check:
    """One of these."""

    def fault(answer: Answer) -> str:
        return "" if answer.status in codes else f"status {answer.status}"

    return fault


#: RFC 4918, sections 9.7 and 9.8: a new resource, or one that was replaced; some servers say plain 200.
STORED = status(200, 201, 204)


def content(body: bytes) -> Check:
    """200 with exactly this body."""

    def fault(answer: Answer) -> str:
        if answer.status != 200:
            return f"status {answer.status}"
        if len(answer.body) != len(body):
            return f"{len(answer.body)} bytes"
        return "" if answer.body == body else "other bytes"

    return fault


def length(size: int) -> Check:
    """200 to a HEAD that says how long the file is."""
    wanted = re.compile(rb"\r\ncontent-length:[ \t]*%d(\r|$)" % size, re.IGNORECASE).search

    def fault(answer: Answer) -> str:
        if answer.status != 200:
            return f"status {answer.status}"
        return "" if wanted(answer.head) else "another length"

    return fault


def listing(count: int, size: int | None = None) -> Check:
    """207 with so many responses, one of them of a file of that size."""
    wanted = re.compile(rb"getcontentlength[^>]*>%d<" % size).search if size is not None else None

    def fault(answer: Answer) -> str:
        if answer.status != 207:
            return f"status {answer.status}"
        if (found := len(_RESPONSE(answer.body))) != count:
            return f"{found} responses"
        return "" if wanted is None or wanted(answer.body) else "old size"

    return fault


def sizes(body: bytes) -> list[int]:
    """The lengths of all files in a multistatus."""
    return [int(each) for each in _LENGTH(body)]
