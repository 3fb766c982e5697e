"""Whatever was asked for before, everybody reads what is there now, and nothing else.

Random changes in two homes with the same names, through the server and on disk,
are kept in a model as well; after each of them some paths are read in several
spellings, over connections to different workers, and compared with it.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pytest

from support.client import Dav
from support.server import Server

FOLDERS = ("A/", "B/", "")
NAMES = ("f1", "f2", "f3", "gr%C3%B6", "a%20b", "F1")
SIZES = (0, 5, 5000, 70_000)


class Home:
    """The files of one person, and what they should be."""

    def __init__(self, server: Server, name: str, folder: str) -> None:
        base = f"/dav/home/{folder}/"
        self.clients = [server.dav(name, base) for _ in range(4)]
        token = server.cli("token", "add", name, "--scope", "read").stdout.split()[-1]
        self.readers = [*self.clients, server.dav(name, base, password=token)]
        self.disk = server.home(name) / folder
        self.files: dict[str, bytes] = {}
        for path in ("", "A", "B"):
            assert self.clients[0].mkcol(path).status == 201

    def close(self) -> None:
        """Remove everything."""
        self.clients[0].delete("")
        for each in self.readers:
            each.close()


class Step:
    """One change of a home, by somebody who chooses at random."""

    def __init__(self, home: Home, chance: random.Random, number: int) -> None:
        self.home = home
        self.chance = chance
        self.dav: Dav = chance.choice(home.clients)
        self.content = f"{number} ".encode() + b"x" * chance.choice(SIZES)
        self.here, self.there = (chance.choice(FOLDERS) + chance.choice(NAMES) for _ in range(2))

    def put(self) -> None:
        assert self.dav.put(self.here, self.content).status in (201, 204)
        self.home.files[self.here] = self.content

    def delete(self) -> None:
        known = self.home.files.pop(self.here, None)
        assert self.dav.delete(self.here).status == (404 if known is None else 204)

    def move(self) -> None:
        files = self.home.files
        if self.here in files and self.here != self.there:
            assert self.dav.move(self.here, self.there).status in (201, 204)
            files[self.there] = files.pop(self.here)

    def copy(self) -> None:
        files = self.home.files
        if self.here in files and self.here != self.there:
            assert self.dav.copy(self.here, self.there).status in (201, 204)
            files[self.there] = files[self.here]

    def swap_folders(self) -> None:
        for source, target in (("A", "T"), ("B", "A"), ("T", "B")):
            assert self.dav.move(source, target).status == 201
        other = {"A/": "B/", "B/": "A/"}
        self.home.files = {other.get(path[:2], path[:2]) + path[2:]: data for path, data in self.home.files.items()}

    def replace_on_disk(self) -> None:
        """By a rename, or in the file itself: with another size, as old kernels' clocks may stand still meanwhile."""
        if self.here in self.home.files:
            path = self.home.disk / unquote(self.here)
            if self.chance.random() < 0.5:
                if len(self.content) == len(self.home.files[self.here]):
                    self.content += b"x"
                path.write_bytes(self.content)
            else:
                aside = path.with_name("aside")
                aside.write_bytes(self.content)
                os.replace(aside, path)
            self.home.files[self.here] = self.content

    def learn_checksums(self) -> None:
        self.dav.get(self.here, {"Want-Repr-Digest": "sha-256=5, md5=3, sha=2"})

    def nothing(self) -> None:
        """The next readers find what the last ones have found."""


STEPS: tuple[Callable[[Step], None], ...] = (
    Step.put, Step.put, Step.delete, Step.move, Step.copy, Step.swap_folders, Step.replace_on_disk,
    Step.learn_checksums, Step.nothing, Step.nothing,
)  # fmt: skip


def read(home: Home, chance: random.Random) -> tuple[object, ...]:
    """Somebody reads something; what differs from the model, or nothing."""
    dav = chance.choice(home.readers)
    path = chance.choice(FOLDERS) + chance.choice(NAMES)
    spelled = chance.choice((path, path, path, path.replace("f", "%66"), path.replace("/", "//"), path + "?x"))
    wanted = home.files.get(path)
    if chance.random() < 0.2:
        answer, wanted_body = dav.head(spelled), b""
    else:
        answer, wanted_body = dav.get(spelled), wanted or b""
    if answer.status != (404 if wanted is None else 200):
        return spelled, answer.status, wanted
    if wanted is not None and (answer.body != wanted_body or answer["Content-Length"] != str(len(wanted))):
        return spelled, answer.body[:40], wanted[:40]
    return ()


@pytest.fixture
def homes(server: Server) -> Iterator[list[Home]]:
    """Two people with a folder of the same name."""
    folder = f"model-{secrets.token_hex(4)}"
    made = [Home(server, name, folder) for name in ("alice", "bob")]
    yield made
    for each in made:
        each.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_everybody_reads_what_is_there(homes: list[Home], seed: int) -> None:
    chance = random.Random(seed)
    for number in range(700):
        change = chance.choice(STEPS)
        change(Step(chance.choice(homes), chance, number))
        for _ in range(chance.choice((2, 6))):
            assert read(chance.choice(homes), chance) == (), (number, change.__name__)
