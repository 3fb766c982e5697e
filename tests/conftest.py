"""Fixtures of the black-box tests: a shared server, fresh folders on it, servers of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import cluster
from support.client import Dav
from support.server import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which database the servers of this run have their index in."""
    parser.addoption("--database", choices=("sqlite", "postgresql"), default=None)


def pytest_configure(config: pytest.Config) -> None:
    """The database; and the markers, for runs from another folder than the one with setup.cfg."""
    if not hasattr(config, "workerinput"):
        cluster.begin()
        os.environ[cluster.DATABASE] = config.getoption("--database") or os.environ.get(cluster.DATABASE, "sqlite")
    config.addinivalue_line("markers", "rfc(number, section, requirement): the paragraph that a test checks")
    config.addinivalue_line("markers", "slow: left out of the quick run")
    config.addinivalue_line("markers", "root: needs root rights")
    config.addinivalue_line("markers", "soak: takes many minutes; run with scripts/test -m soak")


def pytest_unconfigure(config: pytest.Config) -> None:
    """A cluster that was started ends."""
    if not hasattr(config, "workerinput"):
        cluster.end()


def pytest_report_header() -> str:
    """Which database it is."""
    return f"database: {os.environ[cluster.DATABASE]}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers and the users alice and bob, shared by a whole test process."""
    running = Server.start(tmp_path_factory.mktemp("shared"))
    yield running
    running.discard()


@pytest.fixture
def box(server: Server) -> Iterator[Dav]:
    """A client of alice's, rooted in a new empty folder of her home."""
    home = server.dav("alice")
    fresh = home.fresh_box()
    home.close()
    yield fresh
    fresh.close()


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Makes servers that belong to one test; takes the arguments of :meth:`Server.start`."""
    running: list[Server] = []

    def start(**options) -> Server:
        made = Server.start(Path(tmp_path_factory.mktemp("own")), **options)
        running.append(made)
        return made

    yield start
    for each in running:
        each.discard()


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for one test file, free to change settings, users and passwords on it."""
    running = Server.start(tmp_path_factory.mktemp("module"))
    yield running
    running.discard()


@pytest.fixture(scope="session")
def team_space(server: Server) -> str:
    """The URL of a space in which alice and bob are editors."""
    server.cli("space", "add", "team")
    server.cli("space", "set", "team", "--member", "alice:editor", "--member", "bob:editor")
    return "/dav/spaces/team/"


@pytest.fixture
def team(server: Server, team_space: str) -> Iterator[tuple[Dav, Dav]]:
    """Clients of alice's and bob's in the same new folder of the team's space."""
    root = server.dav("alice", team_space)
    alice = root.fresh_box()
    bob = server.dav("bob", alice.base)
    yield alice, bob
    for each in (root, alice, bob):
        each.close()
