"""Tests on all servers in turns."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchlib import fixtures
from benchlib.client import BenchError
from benchlib.guard import Guard
from benchlib.load import Measured
from benchlib.ours import Relaxed
from benchlib.results import About, Outcome
from benchlib.servers import Missing, Server
from benchlib.trials import Trial

Note = Callable[[str], None]


def start(
    stack: ExitStack, folder: Path, guard: Guard, kinds: Sequence[type[Server]], note: Note
) -> tuple[list[Server], dict[str, str]]:
    """Those that are installed, running; and why others are left out."""
    servers, missing = [], {}
    for kind in kinds:
        try:
            server = kind(folder / kind.key, guard)
        except Missing as reason:
            missing[kind.key] = str(reason)
            note(f"{kind.name} is left out: {reason}")
            continue
        stack.callback(server.stop)
        server.start()
        servers.append(server)
    return servers, missing


def describe(servers: Sequence[Server]) -> dict[str, About]:
    """For the table of servers; they must have just been started."""
    return {each.key: About(each.title, each.about, each.authenticates, each.memory()) for each in servers}


def prepare(server: Server, trials: Sequence[Trial], note: Note) -> None:
    """Make the files that the server's tests need."""
    begin = time.monotonic()
    fixtures.prepare(server, [need for trial in trials if takes(trial, type(server)) for need in trial.needs])
    note(f"{server.title} has its files after {time.monotonic() - begin:.1f} s")


def takes(trial: Trial, kind: type[Server]) -> bool:
    """Whether a server takes part: durability is of no interest in tests that write nothing."""
    return trial.writes or not issubclass(kind, Relaxed)


def take(trial: Trial, servers: Sequence[Server], rounds: int, seconds: float, note: Note) -> Outcome:
    """One test on all servers in turns; each round begins with another of them."""
    partners = [server for server in servers if takes(trial, type(server))]
    found: dict[str, list[Measured]] = {server.key: [] for server in partners}
    for number in range(rounds):
        first = number % len(partners)
        for server in partners[first:] + partners[:first]:
            measured = _once(trial, server, f"{trial.name}-{number}", seconds)
            found[server.key].append(measured)
            wrong = f", wrong: {dict(measured.wrong)}" if measured.wrong else ""
            note(f"{trial.name}: round {number + 1}: {server.key}: {measured.rate:,.1f}{trial.unit}{wrong}")
    return Outcome(trial, found)


def _once(trial: Trial, server: Server, word: str, seconds: float) -> Measured:
    """A test that a server cannot go through counts as a wrong answer, and the others go on."""
    try:
        return trial.measure(server, word, seconds)
    except (BenchError, OSError) as error:
        return Measured(0.0, 0.0, server.memory(), 0.0, 0, Counter({str(error): 1}))
