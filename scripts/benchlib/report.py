"""What was measured, as Markdown and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchlib.load import Measured
from benchlib.sync import CHANGES, REPORTS, Size
from benchlib.trials import Trial

_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


class Results(NamedTuple):
    """Everything of one run; ``trials`` are (test, {server: its rounds})."""

    command: str
    machine: str
    load: tuple[float, float]
    rounds: int
    seconds: float
    titles: dict[str, str]
    trials: list[tuple[Trial, dict[str, list[Measured]]]]
    sync: list[Size]


def ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> float:
    """The median of the ratios within each round, in which the machine was the same for both."""
    return statistics.median(a.rate / b.rate if b.rate else 0.0 for a, b in zip(ours, theirs, strict=True))


def faults(results: Results) -> list[str]:
    """What was answered wrongly, for people."""
    found = []
    for trial, servers in results.trials:
        for name, rounds in servers.items():
            found += [f"{trial.name}: {name}: {n} × {what}" for each in rounds for what, n in each.wrong.items()]
    return found


def markdown(results: Results) -> str:
    """The text between the markers of README.md."""
    parts = [
        f"Measured with `{results.command}` on one machine ({results.machine}), which was shared with its clients and "
        "whatever else ran on it; "
        f"its load average was {results.load[0]} before the run and {results.load[1]} after it."
    ]
    if results.trials:
        parts += [_explanation(results), _trials(results)]
    if results.sync:
        parts += [_sync_text(results.sync), _sync_table(results.sync)]
    return "\n\n".join(parts)


def _explanation(results: Results) -> str:
    return (
        f"Medians of rounds in which all servers took turns (rounds: {results.rounds}, of {results.seconds:g} s each). "
        "“davshare is” compares the rates within the same round. CPU is that of all processes of a server, "
        "with PROPFIND that of the overwriting as well. "
        "davshare ran with its default configuration: it checks a name and password with each request, "
        "and an upload is synced to disk before it is answered. The others served everybody, left syncing to the "
        "system, and ran as they come."
    )


def _trials(results: Results) -> str:
    lines = [
        "| test | server | requests/s (range) | davshare is | server CPU per request |",
        "| --- | --- | --: | --: | --: |",
    ]
    for trial, servers in results.trials:
        ours = servers.get("davshare")
        for name, rounds in servers.items():
            title = trial.title if name == next(iter(servers)) else ""
            times = "" if name == "davshare" or ours is None else f"{_short(ratio(ours, rounds))} × as fast"
            cpu = statistics.median(each.cpu for each in rounds)
            lines.append(f"| {title} | {results.titles[name]} | {_rates(rounds)} | {times} | {_time(cpu)} |")
    return "\n".join(lines)


def _rates(rounds: Sequence[Measured]) -> str:
    """The median, and the range when there is one."""
    rates = sorted(each.rate for each in rounds)
    middle = _short(statistics.median(rates))
    return f"{middle} ({_short(rates[0])} to {_short(rates[-1])})" if len(rates) > 1 else middle


def _short(value: float) -> str:
    """Three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} µs" if seconds < 0.001 else f"{_short(seconds * 1000)} ms"


def _sync_text(sizes: Sequence[Size]) -> str:
    last = sizes[-1]
    return (
        f"A `sync-collection` report of all levels after {CHANGES} files were overwritten, and a poll when nothing "
        f"has changed: median time of {REPORTS} on one connection, with "
        "a server for each size and all asked in turns. All other nodes are rows that were written "
        "directly into the index, as uploads would have left them: each with its journal entry, files with their "
        f"checksums. `index.sqlite` had {last.index_bytes / 1e6:,.0f} MB with {last.nodes:,} nodes."
    )


def _sync_table(sizes: Sequence[Size]) -> str:
    head = f"| files and folders in the home | report of {CHANGES} changes | poll without news |"
    rows = [f"| {each.nodes:,} | {each.report:.2f} ms | {each.poll:.2f} ms |" for each in sizes]
    return "\n".join([head, "| --: | --: | --: |", *rows])


def plain(results: Results) -> dict[str, Any]:
    """The same with every round, for JSON."""
    trials = {trial.name: {name: _plain(rounds) for name, rounds in each.items()} for trial, each in results.trials}
    return {**results._asdict(), "trials": trials, "sync": [each._asdict() for each in results.sync]}


def _plain(rounds: Sequence[Measured]) -> list[dict[str, Any]]:
    return [{"rate": each.rate, "cpu_seconds": each.cpu, "wrong": dict(each.wrong)} for each in rounds]


def write_readme(path: Path, text: str) -> None:
    """Put ``text`` between the two markers.

    :raises SystemExit: they are missing.
    """
    before, begin, rest = path.read_text("utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"bench: {path.name} lacks {_BEGIN} and {_END}")
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", "utf-8")
