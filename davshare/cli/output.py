"""Reports: a table for people, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def json_option(command: _Command) -> _Command:
    """Give a command the switch ``--json``, passed on as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Answer with JSON.")(command)


def page_options(command: _Command) -> _Command:
    """Give a command ``--offset`` and ``--limit``."""
    first = click.option("--offset", type=click.IntRange(0), default=0, help="How many to leave out at the beginning.")
    most = click.option("--limit", type=click.IntRange(1, 100_000), help="How many to list at most.")
    return first(most(command))


def rows(found: Sequence[Mapping[str, Any]], as_json: bool, columns: Sequence[str] | None = None) -> None:
    """A list of alike things; ``columns`` are those that people see."""
    if as_json:
        emit(list(found))
        return
    if not found:
        return
    shown = list(columns or found[0])
    table = [shown] + [[cell(each[name]) for name in shown] for each in found]
    widths = [max(len(line[at]) for line in table) for at in range(len(shown))]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def facts(found: Mapping[str, Any], as_json: bool) -> None:
    """Everything about one thing."""
    if as_json:
        emit(dict(found))
        return
    width = max(len(name) for name in found)
    for name, value in found.items():
        print(f"{name.ljust(width)}  {cell(value)}".rstrip())


def emit(value: Any) -> None:
    """A value as JSON."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def cell(value: Any) -> str:
    """A value on one line; control characters in names do nothing to the terminal."""
    match value:
        case None:
            text = "-"
        case bool():
            text = "yes" if value else "no"
        case list() | tuple() | frozenset():
            text = ", ".join(cell(each) for each in value) or "-"
        case _:
            text = str(value)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def moment(seconds: int | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextmanager
def progress(label: str) -> Iterator[Callable[[int], None]]:
    """Something to call with the number of things that were just done; seen on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    done, shown = 0, 0.0

    def step(count: int) -> None:
        nonlocal done, shown
        done += count
        if time.monotonic() - shown > 0.1:
            shown = time.monotonic()
            click.echo(f"\r{label}: {done:,}", err=True, nl=False)

    try:
        yield step
    finally:
        click.echo(f"\r{label}: {done:,}", err=True)
