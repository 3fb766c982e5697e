"""Fixtures of the black-box tests: a shared server, fresh folders on it, servers of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.client import Dav
from support.server import Server


def pytest_configure(config: pytest.Config) -> None:
    """The markers, for runs from another folder than the one with setup.cfg."""
    config.addinivalue_line("markers", "rfc(number, section, requirement): the paragraph that a test checks")
    config.addinivalue_line("markers", "slow: left out of the quick run")
    config.addinivalue_line("markers", "root: needs root rights")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two workers and the users alice and bob, shared by a whole test process."""
    running = Server.start(tmp_path_factory.mktemp("shared"))
    yield running
    running.kill9()


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
        each.kill9()


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for one test file, free to change settings, users and passwords on it."""
    running = Server.start(tmp_path_factory.mktemp("module"))
    yield running
    running.kill9()
