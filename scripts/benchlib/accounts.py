"""What signing in and searching cost with few accounts and with many; davshare alone."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchlib.client import Connection, demand
from benchlib.guard import Guard
from benchlib.ours import Davshare
from benchlib.servers import PASSWORD, USER

TURNS = 20
PAGE = 50
#: Accounts for each group, groups in each group that holds groups, and how many groups everybody is in.
_CROWD, _NESTED, JOINED = 10, 10, 20
_PRINCIPAL = (
    "INSERT INTO principal (id, kind, name, display_name, email, password, created, guest) VALUES (?,?,?,?,?,?,?,?)"
)
_MEMBER = 'INSERT OR IGNORE INTO member ("group", "user") VALUES (?,?)'
_TOKEN = 'INSERT INTO apptoken ("user", label, hash, mask, created) VALUES (?,?,?,255,?)'


class Crowd(NamedTuple):
    """Milliseconds with so many accounts and groups: first and later requests, and commands."""

    accounts: int
    groups: int
    token: float
    password: float
    again: float
    search: float
    listed: float


class _Site(Davshare):
    """Asked for the collection that everybody has."""

    base = "/dav/"


def measure(folder: Path, guard: Guard, note: Callable[[str], None], sizes: Sequence[int]) -> list[Crowd]:
    """A server for each of ``sizes``; they are asked in turns, so that they see the same machine.

    :raises BenchError: somebody cannot sign in, or a command fails.
    """
    with ExitStack() as stack:
        subjects = []
        for size in sizes:
            subjects.append(_Subject(stack, _Site(folder / f"accounts-{size}", guard), size))
            note(f"accounts: {size:,} accounts are ready")
        for subject in subjects:
            subject.reconnect()
        for turn in range(TURNS):
            for subject in subjects:
                subject.take(turn)
        return [subject.crowd() for subject in subjects]


class _Subject:
    """A running server with so many guests: people without homes, which would be folders to make."""

    def __init__(self, stack: ExitStack, server: _Site, accounts: int) -> None:
        self._accounts, self._groups = accounts, max(1, accounts // _CROWD)
        self._server = server
        self._times: dict[str, list[float]] = {}
        with closing(sqlite3.connect(server.data / "index.sqlite", isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("BEGIN")
            self._fill(connection)
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        stack.callback(server.stop)
        server.start()
        self._connection = Connection(server.port)
        stack.callback(self._connection.close)

    def _fill(self, connection: sqlite3.Connection) -> None:
        (password,) = connection.execute("SELECT password FROM principal WHERE name=?", (USER,)).fetchone()
        (first,) = connection.execute("SELECT max(id)+1 FROM principal").fetchone()
        groups, now = first + self._accounts, int(time.time())
        people = (
            (first + n, "user", _name(n), f"Person {n}", f"{_name(n)}@example.org", password, now, 1)
            for n in range(self._accounts)
        )
        named = ((groups + n, "group", f"group-{n:06}", f"Group {n}", "", None, now, 0) for n in range(self._groups))
        nested = ((groups + n // _NESTED, groups + n) for n in range(1, self._groups))
        joined = (
            (groups + (n * 7919 + k * 104_729) % self._groups, first + n)
            for n in range(self._accounts)
            for k in range(JOINED)
        )
        tokens = ((first + n, "bench", hashlib.sha256(_secret(n).encode()).digest(), now) for n in range(TURNS))
        for statement, rows in ((_PRINCIPAL, people), (_PRINCIPAL, named), (_MEMBER, nested), (_MEMBER, joined)):
            connection.executemany(statement, rows)
        connection.executemany(_TOKEN, tokens)

    def reconnect(self) -> None:
        """Open the connection anew."""
        self._connection.reopen()

    def take(self, turn: int) -> None:
        """Somebody signs in with an app token, somebody else with a password; two commands."""
        basic = base64.b64encode(f"{_name(TURNS + turn)}:{PASSWORD}".encode()).decode()
        self._ask("token", f"Bearer {_secret(turn)}")
        self._ask("password", f"Basic {basic}")
        self._ask("again", f"Basic {basic}")
        if turn < 3:
            self._command("search", "user", "search", "person 99", "--limit", str(PAGE), "--json")
            self._command("listed", "group", "list", "--limit", str(PAGE), "--json")

    def _ask(self, what: str, authorization: str) -> None:
        request = self._server.request("PROPFIND", "", b"", Depth="0", Authorization=authorization)
        with self._timed(what):
            demand(self._connection, request, 207)

    def _command(self, what: str, *arguments: str) -> None:
        with self._timed(what):
            self._server.cli(*arguments)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self._times.setdefault(what, []).append((time.perf_counter() - begin) * 1000)

    def crowd(self) -> Crowd:
        """What was found."""
        middles = {what: statistics.median(times) for what, times in self._times.items()}
        return Crowd(self._accounts, self._groups, **middles)


def _name(number: int) -> str:
    return f"person-{number:07}"


def _secret(number: int) -> str:
    """In the form of an app token."""
    return "dst_" + f"{number:043}"
