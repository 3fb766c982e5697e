"""The If header (RFC 4918 section 10.4): parsed here, judged by whoever knows the resources."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from davshare.errors import BadRequest

_TOKEN = re.compile(r'\s*(?:(\()|(\))|<([^<>\s]*)>|\[\s*((?:W/)?"[^"]*")\s*\]|(Not)(?=[\s<\[]))', re.IGNORECASE)
_MOST = 100


class Condition(NamedTuple):
    """One state token or ETag, perhaps negated."""

    negated: bool
    token: str | None
    etag: str | None


class List(NamedTuple):
    """Conditions that must all hold, for one resource; ``tag`` is None for the request's own."""

    tag: str | None
    conditions: tuple[Condition, ...]


class IfHeader(NamedTuple):
    """All lists; one that holds is enough."""

    lists: tuple[List, ...]

    @property
    def tokens(self) -> frozenset[str]:
        """Every state token in it: all of them count as submitted (section 10.4.1)."""
        return frozenset(c.token for each in self.lists for c in each.conditions if c.token is not None)

    def holds(self, judge: Callable[[str | None, Condition], bool]) -> bool:
        """Whether some list holds, when ``judge(tag, condition)`` tells of one condition, without its Not."""
        return any(
            all(judge(each.tag, condition) != condition.negated for condition in each.conditions) for each in self.lists
        )


def parse(text: str) -> IfHeader:
    """Read the header.

    :raises BadRequest: it is malformed, or mixes tagged and untagged lists.
    """
    lists: list[List] = []
    tag: str | None = None
    tagged_empty = False
    current: list[Condition] | None = None
    negated = False
    judged = 0
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or len(lists) > _MOST:
            raise _malformed()
        at = match.end()
        opened, closed, angle, etag, negation = match.groups()
        if current is None:
            if opened:
                current, tagged_empty = [], False
            elif angle and not (lists and tag is None) and not tagged_empty:
                tag, tagged_empty = angle, True
            else:
                raise _malformed()
        elif closed:
            if not current or negated:
                raise _malformed()
            lists.append(List(tag, tuple(current)))
            current = None
        elif negation:
            if negated:
                raise _malformed()
            negated = True
        elif angle or etag:
            judged += 1
            if judged > _MOST:
                raise BadRequest("The If header holds too many conditions.")
            current.append(Condition(negated, angle, etag))
            negated = False
        else:
            raise _malformed()
    if current is not None or tagged_empty or not lists:
        raise _malformed()
    return IfHeader(tuple(lists))


def _malformed() -> BadRequest:
    return BadRequest("The If header is malformed.")
