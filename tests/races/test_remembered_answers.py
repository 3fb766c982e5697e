"""Whatever happens, an answer that was remembered is the one that would be given anew.

Random changes through every door and on disk, and after each of them every
viewer, on connections to different workers, asks for the same listings twice:
once as before, and once with a property of a name that nobody has ever asked
for, so that nothing that is remembered can be used.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import unquote

import pytest

from support.client import Dav
from support.multistatus import parse
from support.server import Server

_DAV = "{DAV:}"
_NAMESPACES = 'xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns" xmlns:nc="http://nextcloud.org/ns" xmlns:x="urn:x"'
#: What desktop clients ask for, what sync clients ask for, dead properties, and locks.
BODIES = (
    "<d:resourcetype/><d:getlastmodified/><d:getcontentlength/><d:getetag/>",
    "<d:getetag/><oc:id/><oc:fileid/><oc:size/><oc:permissions/><oc:checksums/><d:quota-used-bytes/>",
    "<d:displayname/><x:colour/><d:getetag/><d:acl/>",
    "<d:lockdiscovery/><d:getetag/><d:current-user-privilege-set/><d:sync-token/>",
)
FOLDERS = ("", "a/", "a/b/", "c/")
NAMES = ("one", "two", "three.txt", "gr%C3%B6%C3%9Fe")
_fresh = count()

Told = dict[str, dict[str, str]]


def told(dav: Dav, path: str, depth: str, body: str) -> Told | int:
    """What a PROPFIND finds, by href and name; its status where it is refused."""
    text = f"<d:propfind {_NAMESPACES}><d:prop>{body}</d:prop></d:propfind>"
    answer = dav.request("PROPFIND", path, text, {"Depth": depth})
    if answer.status != 207:
        return answer.status
    found: Told = {}
    for response in parse(answer.body).iter(_DAV + "response"):
        good = [p for p in response.iter(_DAV + "propstat") if " 200 " in (p.findtext(_DAV + "status") or "")]
        values = found.setdefault(response.findtext(_DAV + "href") or "", {})
        for propstat in good:
            for each in propstat.find(_DAV + "prop"):
                values[each.tag] = re.sub(r"Second-\d+", "", "|".join(filter(None, [*each.itertext(), *_tags(each)])))
    return found


def _tags(element) -> list[str]:
    return [each.tag for each in element.iter()]


def compare(viewers: list[Dav], step: str) -> None:
    """Every viewer sees the same as somebody whom nothing is remembered for."""
    for dav in viewers:
        for path in FOLDERS:
            for body in BODIES:
                for depth in ("1", "0"):
                    for _ in range(3):  # the keeper may have learnt something between the two
                        anew = told(dav, path, depth, f"{body}<x:n{next(_fresh)}/>")
                        again = told(dav, path, depth, body)
                        if anew == again:
                            break
                    assert again == anew, (step, path, depth, body)
            compare_files(dav, path, step)


def compare_files(dav: Dav, folder: str, step: str) -> None:
    """The same of files."""
    for name in NAMES:
        for _ in range(3):
            anew, again = (dav.get(f"{folder}{name}{query}") for query in (f"?n{next(_fresh)}", ""))
            seen = [(each.status, each.headers.get("ETag"), each.body) for each in (anew, again)]
            if seen[0] == seen[1]:
                break
        assert seen[0] == seen[1], (step, folder, name)


class World:
    """One folder, seen by its owner, and everything that can be done to it."""

    def __init__(self, server: Server, dav: Dav, disk: Path, chance: random.Random) -> None:
        self.server = server
        self.dav = dav
        self.disk = disk
        self.chance = chance
        self.tokens: list[tuple[str, str]] = []

    def path(self, folders: tuple[str, ...] = FOLDERS) -> str:
        """Where a file is or could be."""
        return self.chance.choice(folders) + self.chance.choice(NAMES)

    def on_disk(self, path: str) -> Path:
        """The same in the file system."""
        return self.disk / unquote(path)

    def do(self) -> str:
        """One change; what it was."""
        action = self.chance.choice(ACTIONS)
        return f"{action.__name__} {action(self)}"


def put(world: World) -> object:
    path = world.path()
    return path, world.dav.put(path, os.urandom(world.chance.choice((0, 3, 3, 5000)))).status


def put_large(world: World) -> object:
    """Of large files fewer checksums are computed at first; the others when somebody asks."""
    path = world.path()
    status = world.dav.put(path, os.urandom(1_100_000)).status
    return path, status, world.dav.get(path, {"Want-Repr-Digest": "md5=5, sha=3"}).status


def make_folder(world: World) -> object:
    path = world.chance.choice(FOLDERS[1:])
    return path, world.dav.mkcol(path).status


def delete(world: World) -> object:
    path = world.chance.choice((world.path(), world.path(), world.path(), world.chance.choice(FOLDERS[1:])))
    return path, world.dav.delete(path).status


def move(world: World) -> object:
    source, target = world.path(), world.path()
    return source, target, world.dav.move(source, target).status


def move_folder(world: World) -> object:
    """There and back, changed while it was away."""
    elsewhere = f"../elsewhere-{next(_fresh)}/"
    source = world.chance.choice(FOLDERS[1:])
    first = world.dav.move(source, elsewhere).status
    if world.chance.random() < 0.5:
        world.dav.put(elsewhere + world.chance.choice(NAMES), os.urandom(3))
    return source, first, world.dav.move(elsewhere, source).status


def copy(world: World) -> object:
    source, target = world.path(), world.path()
    return source, target, world.dav.copy(source, target).status


def set_property(world: World) -> object:
    path = world.path()
    name = world.chance.choice(("{urn:x}colour", "{DAV:}displayname"))
    return path, world.dav.proppatch(path, {name: str(world.chance.random())}).status


def lock(world: World) -> object:
    path = world.chance.choice((world.path(), "a/", ""))
    answer = world.dav.lock(path, "shared", timeout=world.chance.choice(("Second-1", "Second-60")))
    if answer.status in (200, 201):
        world.tokens.append((path, answer.lock_token))
    return path, answer.status


def unlock(world: World) -> object:
    if not world.tokens:
        return "nothing"
    path, token = world.tokens.pop()
    return path, world.dav.unlock(path, token).status


def wait(world: World) -> object:
    """Until some locks are over by themselves."""
    time.sleep(1.1)
    return len(world.tokens)


def write_on_disk(world: World) -> object:
    path = world.on_disk(world.path())
    if path.parent.is_dir() and not path.is_dir():
        path.write_bytes(os.urandom(4))
    return path


def remove_on_disk(world: World) -> object:
    path = world.on_disk(world.path())
    if path.is_file():
        path.unlink()
    return path


def make_on_disk(world: World) -> object:
    path = world.on_disk(world.chance.choice(FOLDERS[1:]))
    path.mkdir(parents=True, exist_ok=True)
    return path


def remove_tree_on_disk(world: World) -> object:
    path = world.on_disk(world.chance.choice(FOLDERS[2:]))
    shutil.rmtree(path, ignore_errors=True)
    return path


ACTIONS: tuple[Callable[[World], object], ...] = (
    put, put, put, put_large, make_folder, make_folder, delete, move, move, move_folder, copy, set_property,
    set_property, lock, lock, unlock, wait, write_on_disk, remove_on_disk, make_on_disk, remove_tree_on_disk,
)  # fmt: skip


@pytest.fixture
def place(server: Server, box: Dav) -> Iterator[tuple[list[Dav], Path]]:
    """Viewers of one folder on several connections, so that every worker has some of them; and the folder on disk."""
    root = box.fresh_box()
    viewers = [root, *[root.clone() for _ in range(4)]]
    yield viewers, server.home("alice") / root.base.removeprefix("/dav/home/")
    for each in viewers:
        each.close()


@pytest.mark.parametrize(
    ("seed", "steps"), [(1, 30), *[pytest.param(seed, 60, marks=pytest.mark.slow) for seed in range(2, 5)]]
)
@pytest.mark.slow
def test_nothing_stale_is_told(server: Server, place: tuple[list[Dav], Path], seed: int, steps: int) -> None:
    viewers, disk = place
    world = World(server, viewers[0], disk, random.Random(seed))
    for each in FOLDERS[1:]:
        world.dav.mkcol(each)
    compare(viewers[:2], "the beginning")
    for number in range(steps):
        step = world.do()
        compare([viewers[number % len(viewers)], world.chance.choice(viewers)], step)
    compare(viewers, "the end")


@pytest.mark.slow
def test_nothing_stale_is_told_of_a_space(server: Server, team: tuple[Dav, Dav]) -> None:
    """Where rights come from grants, and change: what one may see another may not."""
    alice, bob = team
    chance = random.Random(5)
    world = World(server, alice, Path("/nonexistent"), chance)
    for each in FOLDERS[1:]:
        alice.mkcol(each)
    here = alice.base.removeprefix("/dav/spaces/team/")
    changes = (
        ("acl", "deny", f"spaces/team/{here}a", "bob", "read"),
        ("acl", "remove", "--deny", f"spaces/team/{here}a", "bob"),
        ("space", "set", "team", "--read-only"),
        ("space", "set", "team", "--read-write"),
        ("user", "set", "bob", "--display-name", "Robert"),
    )
    for number in range(24):
        step = chance.choice((put, delete, move, copy, set_property, make_folder))(world)
        if number % 4 == 3:
            change = changes[number // 4 % len(changes)]
            done = server.cli(*change, check=False)
            step = (change, done.returncode, done.stderr)
        compare([alice, bob], str(step))
    server.cli("space", "set", "team", "--read-write", check=False)
