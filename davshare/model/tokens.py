"""Sync tokens (RFC 6578 section 3.2)."""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(
    r"urn:davshare:sync:([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{1,16})(?:-([0-4])\.([0-9a-f]{1,16})\.([0-9a-f]{1,16}))?\Z"
).match


class Cursor(NamedTuple):
    """Where a page stopped inside the expansion of one journal entry.

    ``stage`` orders the parts of an expansion, ``key`` is the last one sent
    and ``head`` the journal's end when the page was made.
    """

    stage: int
    key: int
    head: int


class SyncToken(NamedTuple):
    """A point in the journal of one space."""

    epoch: int
    space: int
    seq: int
    cursor: Cursor | None = None

    def __str__(self) -> str:
        text = f"urn:davshare:sync:{self.epoch:x}-{self.space:x}-{self.seq:x}"
        if self.cursor is None:
            return text
        stage, key, head = self.cursor
        return f"{text}-{stage}.{key:x}.{head:x}"


def parse(text: str) -> SyncToken | None:
    """The token that a client sent; None when it is none of ours."""
    match = _FORM(text)
    if match is None:
        return None
    epoch, space, seq = (int(part, 16) for part in match.group(1, 2, 3))
    cursor = None
    if match[4] is not None:
        cursor = Cursor(int(match[4]), int(match[5], 16), int(match[6], 16))
    if max(epoch, space, seq, *(cursor or ())) >= 2**63:
        return None
    return SyncToken(epoch, space, seq, cursor)
