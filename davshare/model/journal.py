"""Entries of the journal."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What an entry tells."""

    CREATED = 1
    MODIFIED = 2
    MOVED = 3
    DELETED = 4
    PROPERTIES = 5
    ACCESS = 6


class Entry(NamedTuple):
    """One change.  ``deep`` entries stand for everything below the node as well."""

    space: int
    seq: int
    node: int
    kind: int
    deep: bool
    old_parent: int | None
    old_name: str | None
    actor: int | None
    device: int | None
    version: int | None
    at: int
