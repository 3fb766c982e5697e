"""Quotas as ownCloud writes them: ``12 MB``, in steps of 1,024."""

from __future__ import annotations

import re

_FORM = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([KMGTP]?)B?\Z", re.IGNORECASE).match
_UNITS = " KMGTP"
#: What stands for a quota that nobody has set.
DEFAULT = "default"
MOST = 2**62


class NoQuota(ValueError):
    """A text is no quota."""


def parse(text: str) -> int | None:
    """Bytes; None for no limit.

    :raises NoQuota: it is none.
    """
    text = text.strip()
    if text.lower() in ("none", DEFAULT):
        return None
    found = _FORM(text)
    if found is None:
        raise NoQuota
    size = int(float(found[1]) * 1024 ** _UNITS.index(found[2].upper() or " "))
    if size > MOST:
        raise NoQuota
    return size


def spelled(size: int | None) -> str:
    """The other way round; whole KB, and one digit after the point from MB on."""
    if size is None:
        return DEFAULT
    amount, step = float(size), 0
    while amount >= 1024 and step < len(_UNITS) - 1:
        amount, step = amount / 1024, step + 1
    rounded = round(amount, 1 if step > 1 else 0)
    return f"{rounded:g} {_UNITS[step].strip()}B" if rounded < 10**6 else f"{rounded:.0f} {_UNITS[step].strip()}B"
