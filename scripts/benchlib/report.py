"""What was measured, as Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from benchlib.accounts import JOINED, PAGE, TURNS, Crowd
from benchlib.figures import duration, mebibytes, short, table
from benchlib.firstindex import Indexed
from benchlib.results import OURS, Outcome, Results, middle
from benchlib.startup import Start
from benchlib.sync import CHANGES, REPORTS, Size
from benchlib.syncing import SIZE, Synced

_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"
_RATES = (
    "Requests per second (MiB per second for files of 100 MiB) and, in brackets, how many times as fast davshare is: "
    "the median of the ratios within each round. ~ marks a ratio whose rounds differ more from each other than the "
    "servers do. ⚠ counts wrong answers, which are not in the rate."
)
_CPU = "User and system time of all processes of a server for each request, or for each MiB."
_MEMORY = "Highest memory of all processes of a server together, shared pages counted once (PSS)."

_ACCOUNTS = (
    f"Signing in with many accounts, each in {JOINED} groups that lie in others: the first request with an app token, "
    f"with a password, and the next one (median of {TURNS}); a page of {PAGE} of `davshare user search` and of "
    "`davshare group list`, each from the start of the command to its end. The accounts are rows of guests, written "
    "directly into the index."
)


def markdown(results: Results) -> str:
    """The text between the markers of README.md."""
    parts = [_introduction(results)]
    if results.outcomes:
        parts += [_servers(results), _RATES, _each(results, _rate)]
        parts += [_CPU, _each(results, _cpu), _MEMORY, _each(results, _memory)]
    if results.sync:
        parts += [_sync_text(results.sync), _sync_table(results.sync)]
    if results.first_index:
        parts.append(_index(results.first_index))
    if results.accounts:
        parts += [_ACCOUNTS, _accounts(results.accounts)]
    if results.synced:
        parts += [_synced_text(results.synced), _synced_table(results.synced), _latencies(results.synced)]
    if results.starts:
        parts += [_starts(results.starts)]
    return "\n\n".join(parts)


def _introduction(results: Results) -> str:
    text = (
        f"Measured with `{results.command}` on one machine ({results.machine}), which was shared with its clients; "
        f"its load average was {results.load[0]} before the run and {results.load[1]} after it."
    )
    if others := results.others():
        text += (
            f" Beside servers and clients, {short(statistics.median(others))} processors were busy with something else "
            f"(median; {short(max(others))} at most). Medians of rounds in which all servers took turns "
            f"(rounds: {results.rounds}, of {results.seconds:g} s each)."
        )
    return text


def _servers(results: Results) -> str:
    rows = [
        (about.title, about.about, about.authenticates, mebibytes(about.memory)) for about in results.servers.values()
    ]
    text = table(("server", "how it ran", "authenticates", "memory after its start"), rows, words=3)
    left = "; ".join(f"{key}: {reason}" for key, reason in results.missing.items())
    return f"{text}\n\nLeft out: {left}." if left else text


def _each(results: Results, cell: Callable[[Outcome, str], str]) -> str:
    """A table with a row for each test and a column for each server."""
    rows = []
    for outcome in results.outcomes:
        cells = [cell(outcome, key) if key in outcome.rounds else "" for key in results.servers]
        rows.append((outcome.trial.title, *cells))
    return table(("test", *(about.title for about in results.servers.values())), rows)


def _rate(outcome: Outcome, key: str) -> str:
    text = short(middle(outcome.rounds[key], "rate"))
    if ratio := outcome.ratio(key):
        text += f" ({'~' if ratio.doubtful else ''}{short(ratio.middle)} ×)"
    wrong = outcome.wrong(key)
    return f"{text} ⚠ {wrong:,}" if wrong else text


def _cpu(outcome: Outcome, key: str) -> str:
    return duration(middle(outcome.rounds[key], "cpu"))


def _memory(outcome: Outcome, key: str) -> str:
    return mebibytes(max(each.memory for each in outcome.rounds[key]))


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
    head = ("files and folders in the home", f"report of {CHANGES} changes", "poll without news")
    return table(head, [(f"{each.nodes:,}", f"{each.report:.2f} ms", f"{each.poll:.2f} ms") for each in sizes], words=0)


def _index(index: Indexed) -> str:
    return (
        f"The first index of {index.files:,} files of 1 KiB in {index.folders:,} folders (`{index.commands}`, "
        f"the server running, the files just written) took {duration(index.seconds)}: "
        f"{short(index.files / index.seconds)} files per second. The index had {index.index_bytes / 1e6:,.1f} MB then, "
        f"and all processes together {mebibytes(index.memory)} of memory at most."
    )


def _accounts(crowds: Sequence[Crowd]) -> str:
    head = ("accounts", "groups", "app token", "password", "again", "user search", "group list")
    rows = [(f"{c.accounts:,}", f"{c.groups:,}", *(f"{value:.1f} ms" for value in c[2:])) for c in crowds]
    return table(head, rows, words=0)


def _synced_text(synced: Synced) -> str:
    left = f" Not installed here: {', '.join(synced.missing)}." if synced.missing else ""
    return (
        f"Sync clients as they are: the first upload of {synced.files:,} files of {SIZE:,} bytes, a run without news, "
        f"and one in which one of {synced.large:,} files was changed elsewhere. The client's own work, on the same "
        f"machine, is in the time, and only the server's in the processor time.{left}"
    )


def _synced_table(synced: Synced) -> str:
    rows = [
        (run.client, run.what, duration(run.seconds), duration(run.cpu), f"{run.requests:,}") for run in synced.runs
    ]
    return table(("client", "run", "time", "server CPU", "requests"), rows, words=2)


def _latencies(synced: Synced) -> str:
    head = ("one request after the other", "median", "95 % below")
    rows = [(each.method, f"{each.middle:.2f} ms", f"{each.most:.2f} ms") for each in synced.latencies]
    return table(head, rows)


def _starts(starts: Sequence[Start]) -> str:
    head = (
        "files and folders in the home",
        "ready after start",
        "ready after kill -9 amid uploads",
        "first listing then",
        "memory after start",
    )
    rows = [
        (f"{s.nodes:,}", duration(s.ready), duration(s.killed), duration(s.first), mebibytes(s.memory)) for s in starts
    ]
    return f"From exec of `davshare serve` to the first 200 of `/readyz` (medians):\n\n{table(head, rows, words=0)}"


def warnings(results: Results) -> list[str]:
    """What makes figures doubtful, for people."""
    found = []
    for outcome in results.outcomes:
        for key in outcome.rounds:
            ratio = outcome.ratio(key)
            if ratio and ratio.doubtful:
                rounds = f"rounds from {short(ratio.least)} to {short(ratio.greatest)} ×"
                found.append(f"{outcome.trial.name}: {OURS} and {key}: {rounds} differ more than the servers do")
    others = results.others()
    if others and statistics.median(others) > 0.2:
        found.append(f"{short(statistics.median(others))} processors were busy with something else (median)")
    return found


def write_readme(path: Path, text: str) -> None:
    """Put ``text`` between the two markers.

    :raises SystemExit: they are missing.
    """
    before, begin, rest = path.read_text("utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"bench: {path.name} lacks {_BEGIN} and {_END}")
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", "utf-8")
