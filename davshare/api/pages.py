"""Lists in pages: what is asked, and where the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from davshare.api.schema import Says

#: The most entries that one answer holds, and how many it holds when nobody says.
MOST, USUAL = 500, 100
_T = TypeVar("_T")

#: What every page says of the next one.
Next = Annotated[int | None, Says("The offset of the next page; null on the last.", 0)]


@dataclass(frozen=True)
class Paging:
    """Which part of a list."""

    offset: Annotated[int, Says("How many entries are left out at the beginning.", 0, 10**9)] = 0
    limit: Annotated[int, Says("Most entries of the answer.", 1, MOST)] = USUAL


@dataclass(frozen=True)
class Search(Paging):
    """Which part of what is found."""

    search: Annotated[str, Says("Only what has this in one of its names.", 0, 200)] = ""


def page(paging: Paging, ask: Callable[[int, int], Sequence[_T]]) -> tuple[Sequence[_T], int | None]:
    """The entries of a page and the offset of the next; ``ask`` gets an offset and a limit."""
    found = ask(paging.offset, paging.limit + 1)
    if len(found) <= paging.limit:
        return found, None
    return found[: paging.limit], paging.offset + paging.limit
