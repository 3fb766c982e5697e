"""Byte ranges (RFC 9110 section 14), without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping

from davshare.errors import RangeNotSatisfiable
from davshare.http.conditions import parse_date

#: More ranges than this in one request are not served one by one.
MOST = 64
_SPEC = re.compile(r"(\d{0,20})-(\d{0,20})\Z")

#: First byte and number of bytes.
Span = tuple[int, int]


def parse(text: str, size: int) -> list[Span] | None:
    """The spans that a Range header asks for, in its order.

    :returns: None when the header is to be ignored: another unit, bad syntax, or too many ranges.
    :raises RangeNotSatisfiable: no part of any range exists.
    """
    unit, equals, rest = text.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return None
    specs = [spec.strip() for spec in rest.split(",") if spec.strip()]
    if not specs or len(specs) > MOST:
        return None
    spans: list[Span] = []
    for spec in specs:
        match = _SPEC.match(spec)
        if match is None or match[1] == match[2] == "":
            return None
        span = _resolve(match[1], match[2], size)
        if span is None:
            if match[1] and match[2] and int(match[2]) < int(match[1]):
                return None
            continue
        spans.append(span)
    if not spans:
        raise RangeNotSatisfiable(headers=(("Content-Range", f"bytes */{size}"),))
    return _merge(spans) if len(spans) > 1 else spans


def _resolve(first: str, last: str, size: int) -> Span | None:
    if not first:
        length = min(int(last), size)
        return (size - length, length) if length else None
    start = int(first)
    if start >= size or (last and int(last) < start):
        return None
    end = min(int(last), size - 1) if last else size - 1
    return start, end - start + 1


def _merge(spans: list[Span]) -> list[Span]:
    """Overlapping or touching spans become one; the order of what is apart stays."""
    merged: list[Span] = []
    for start, length in spans:
        for index, (other, other_length) in enumerate(merged):
            if start <= other + other_length and other <= start + length:
                begin = min(start, other)
                merged[index] = (begin, max(start + length, other + other_length) - begin)
                break
        else:
            merged.append((start, length))
    return merged if len(merged) == len(spans) else _merge(merged)


def applies(headers: Mapping[str, str], etag: str, modified: int) -> bool:
    """Whether If-Range lets the Range count (RFC 9110 section 13.1.5)."""
    condition = headers.get("if-range")
    if condition is None:
        return True
    condition = condition.strip()
    if condition.startswith(('"', "W/")):
        return condition == etag
    return parse_date(condition) == modified
