"""People, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from davshare.model.access import Permission, Rights


class User(NamedTuple):
    """One account."""

    id: int
    name: str
    display_name: str
    email: str
    password: str | None
    admin: bool
    disabled: bool
    quota: int | None
    created: int


class Group(NamedTuple):
    """One group."""

    id: int
    name: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, with everything that decisions need.

    ``principals`` holds the user's id and those of all groups; ``mask`` and
    ``node`` are the limits of the app token that was used (``device`` is its
    id), if one was.
    """

    user: int
    name: str
    display_name: str
    principals: frozenset[int]
    admin: bool = False
    mask: Rights = Permission.ALL
    node: int | None = None
    device: int | None = None
