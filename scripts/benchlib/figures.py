"""Figures made of several rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Ratio(NamedTuple):
    """How many times as fast; the median, the least and the greatest of the rounds."""

    middle: float
    least: float
    greatest: float

    @property
    def doubtful(self) -> bool:
        """Whether the rounds differ more from each other than the servers do."""
        return self.greatest - self.least > abs(self.middle - 1)


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Ratio | None:
    """The ratios within each round, in which the machine was the same for both; None without a round to compare."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True) if a and b]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None


def short(value: float) -> str:
    """Three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """In the unit that fits."""
    if seconds < 0.001:
        return f"{seconds * 1e6:,.0f} µs"
    return f"{short(seconds * 1000)} ms" if seconds < 1 else f"{short(seconds)} s"


def mebibytes(count: float) -> str:
    """Of memory."""
    return f"{short(count / 1_048_576)} MiB"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A Markdown table; all columns after the first ``words`` are numbers."""
    marks = ["---"] * words + ["--:"] * (len(head) - words)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, marks, *rows])
