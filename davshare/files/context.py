"""What every operation is told about its asker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from davshare.index.database import Connection
from davshare.model.people import Actor

__all__ = ["Address", "Asker", "Connection"]


class Address(NamedTuple):
    """A decoded path: its segments, and whether it ended in a slash."""

    segments: tuple[str, ...]
    slash: bool = False


def _nothing(connection: Connection) -> None:
    """No conditions."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, with which lock tokens and under which conditions.

    ``check`` raises :class:`~davshare.errors.PreconditionFailed`; it is asked
    once before a body is read and once more in the transaction that decides.
    """

    actor: Actor
    tokens: frozenset[str] = frozenset()
    check: Callable[[Connection], None] = _nothing
