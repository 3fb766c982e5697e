"""Everything that one run has found, and the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchlib.accounts import Crowd
from benchlib.figures import Ratio, compare
from benchlib.firstindex import Indexed
from benchlib.load import Measured
from benchlib.ours import Davshare, Relaxed
from benchlib.startup import Start
from benchlib.sync import Size
from benchlib.syncing import Synced
from benchlib.trials import Trial

OURS = Davshare.key


class About(NamedTuple):
    """A server that took part; ``memory`` in bytes (PSS) after its start."""

    title: str
    about: str
    authenticates: str
    memory: int


class Outcome(NamedTuple):
    """One test: the rounds of each server by its key."""

    trial: Trial
    rounds: dict[str, list[Measured]]

    def ratio(self, key: str) -> Ratio | None:
        """davshare's rate in comparison with another server's."""
        if key == OURS or OURS not in self.rounds:
            return None
        return compare([each.rate for each in self.rounds[OURS]], [each.rate for each in self.rounds[key]])

    def wrong(self, key: str) -> int:
        """Wrong answers in all rounds."""
        return sum(sum(each.wrong.values()) for each in self.rounds[key])


class Results(NamedTuple):
    """One run; ``load`` is the load average before and after it, ``missing`` says why servers are left out."""

    command: str
    machine: str
    load: tuple[float, float]
    rounds: int
    seconds: float
    servers: dict[str, About]
    missing: dict[str, str]
    outcomes: list[Outcome]
    sync: list[Size]
    starts: list[Start]
    first_index: Indexed | None
    accounts: list[Crowd]
    synced: Synced | None
    took: float

    def others(self) -> list[float]:
        """Processors that were busy with something else, in each round of each test."""
        return [each.others for outcome in self.outcomes for rounds in outcome.rounds.values() for each in rounds]

    def faults(self, ours: bool) -> list[str]:
        """What davshare, or what the others, answered wrongly, for people."""
        return [
            f"{trial.name}: {key}: {count} × {what}"
            for trial, servers in self.outcomes
            for key, rounds in servers.items()
            if (key in (OURS, Relaxed.key)) == ours
            for each in rounds
            for what, count in each.wrong.items()
        ]


def plain(results: Results) -> dict[str, Any]:
    """Every figure of every round; seconds, bytes, and rates for each second."""
    return {
        **results._asdict(),
        "servers": {key: about._asdict() for key, about in results.servers.items()},
        "outcomes": {outcome.trial.name: _outcome(outcome) for outcome in results.outcomes},
        "sync": [each._asdict() for each in results.sync],
        "starts": [each._asdict() for each in results.starts],
        "accounts": [each._asdict() for each in results.accounts],
        "first_index": results.first_index._asdict() if results.first_index else None,
        "synced": _synced(results.synced) if results.synced else None,
    }


def _synced(synced: Synced) -> dict[str, Any]:
    return {
        **synced._asdict(),
        "runs": [each._asdict() for each in synced.runs],
        "latencies": [each._asdict() for each in synced.latencies],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, rounds in outcome.rounds.items():
        ratio = outcome.ratio(key)
        found[key] = {
            "unit": outcome.trial.unit.strip(),
            "rate": statistics.median(each.rate for each in rounds),
            "davshare_is": ratio._asdict() if ratio else None,
            "rounds": [_round(each) for each in rounds],
        }
    return found


def _round(measured: Measured) -> dict[str, Any]:
    return {**measured._asdict(), "wrong": dict(measured.wrong)}


def middle(rounds: Sequence[Measured], field: str) -> float:
    """The median of a field."""
    return float(statistics.median(getattr(each, field) for each in rounds))
