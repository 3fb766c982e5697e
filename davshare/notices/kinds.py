"""What people are told of, and in which words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

#: What a notification says besides its node: ids and names of people, times, numbers.
Subject = Mapping[str, Any]


class Kind(StrEnum):
    """What a notification is about."""

    SHARE_RECEIVED = "share_received"
    SHARE_PENDING = "share_pending"
    SHARE_EXPIRES = "share_expires"
    LINK_EXPIRES = "link_expires"
    QUOTA = "quota_nearly_full"


#: For the settings: every kind by its name.
NAMES = [kind.value for kind in Kind]


def sentence(kind: str, subject: Subject, name: str | None) -> str:
    """A notification in one sentence.

    :param name: what its node is called; None: who reads it may not see that.
    """
    what = "something" if name is None else f'"{name}"'
    who, to = subject.get("who", ""), subject.get("with")
    match kind:
        case Kind.SHARE_RECEIVED:
            group = subject.get("group")
            return f"{who} has shared {what} with {f'the group {group}' if group else 'you'}."
        case Kind.SHARE_PENDING:
            return f"{who} wants to share {what} with you."
        case Kind.SHARE_EXPIRES if to is not None:
            return f"Your share of {what} with {to} ends on {_day(subject)}."
        case Kind.SHARE_EXPIRES:
            return f"{who} shares {what} with you until {_day(subject)}."
        case Kind.LINK_EXPIRES:
            label = subject.get("label")
            return f"Your link{f' {label}' if label else ''} to {what} ends on {_day(subject)}."
        case Kind.QUOTA:
            space = subject.get("space")
            return (
                f"{f'The space {space} is' if space else 'Your files are'} at {subject.get('percent')}% of the quota."
            )
    return f"There is news of {what}."


def _day(subject: Subject) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(subject.get("expires") or 0))
