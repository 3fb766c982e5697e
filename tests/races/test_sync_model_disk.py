"""The model of sync-collection with others at work on the disk: requests, plain writes, renames and rsync, mixed."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from support.client import Dav
from support.follower import Follower, differences, walk
from support.parallel import together
from support.polling import soon_equal
from support.server import Server

LETTERS = "abcd"


def path_of(chance: random.Random) -> str:
    """A path of up to three names."""
    return "/".join(chance.choice(LETTERS) for _ in range(chance.randint(1, 3)))


def request(dav: Dav, chance: random.Random) -> None:
    """One operation over WebDAV; whatever is in the way on disk, the answer is a clear one."""
    kind, path, other = (
        chance.choice(["put", "put", "mkcol", "move", "copy", "delete"]),
        path_of(chance),
        path_of(chance),
    )
    if kind == "put":
        answer = dav.put(path, b"x" * chance.randint(0, 9))
    elif kind in ("move", "copy"):
        answer = getattr(dav, kind)(path, other, chance.choice("TF"))
    else:
        answer = getattr(dav, kind)(path)
    assert answer.status in (201, 204, 207, 403, 404, 405, 409, 412, 503), (kind, path, other, answer)


def on_disk(root: Path, chance: random.Random) -> None:
    """One operation of somebody with a shell; that it fails is fine."""
    path, other = root / path_of(chance), root / path_of(chance)
    kind = chance.choice(
        ["write", "write", "append", "replace", "mkdir", "rename", "rename", "unlink", "rmtree", "link"]
    )
    try:
        if kind == "write":
            path.write_bytes(b"d" * chance.randint(0, 9))
        elif kind == "append":
            with path.open("ab") as file:
                file.write(b"+")
        elif kind == "replace":
            beside = path.with_name("~" + path.name)
            beside.write_bytes(b"replaced" * chance.randint(1, 3))
            beside.rename(path)
        elif kind == "mkdir":
            path.mkdir(parents=chance.random() < 0.5)
        elif kind == "rename":
            path.rename(other)
        elif kind == "unlink":
            path.unlink()
        elif kind == "rmtree":
            shutil.rmtree(path)
        else:
            os.link(path, other)
    except (OSError, shutil.Error):
        pass


def rsync(root: Path, source: Path, chance: random.Random) -> None:
    """``rsync -a --delete`` of one of a few trees into a folder."""
    tree = source / str(chance.randrange(3))
    if not tree.exists():
        for _ in range(6):
            file = tree / path_of(chance)
            if not file.exists() and all(not above.is_file() for above in file.parents):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(chance.randbytes(chance.randint(0, 9)))
    command = ["rsync", "-a", "--delete", f"{tree}/", f"{root / chance.choice(LETTERS)}/"]
    subprocess.run(command, capture_output=True, check=False)


def facts(root: Path) -> dict[str, int | None]:
    """Size by path of what is on disk; None for folders."""
    return {
        str(path.relative_to(root)) + ("/" if path.is_dir() else ""): None if path.is_dir() else path.stat().st_size
        for path in root.rglob("*")
    }


def shown(dav: Dav) -> dict[str, int | None]:
    """The same as PROPFIND shows it."""
    return {href.removeprefix(dav.href()): size for href, (_, _, size) in walk(dav).items()}


def history(server: Server, source: Path, seed: int, steps: int) -> None:
    """Some operations of several clients and a shell, with followers between; at the end everybody agrees."""
    chance = random.Random(seed)
    root_dav = server.dav("alice")
    box = root_dav.fresh_box()
    root = server.home() / box.base.removeprefix("/dav/home/")
    writers = [box.clone() for _ in range(3)]
    followers = [Follower(box.clone(), "", "infinite", random.Random(seed + n)) for n in range(2)]
    have_rsync = shutil.which("rsync") is not None

    for _ in range(steps):
        die = chance.random()
        if die < 0.4:
            request(chance.choice(writers), chance)
        elif die < 0.75:
            on_disk(root, chance)
        elif die < 0.8 and have_rsync:
            rsync(root, source, chance)
        elif die < 0.9:
            seeds = [chance.random() for _ in range(4)]
            tasks = [lambda d=dav, s=s: request(d, random.Random(s)) for dav, s in zip(writers, seeds, strict=False)]
            together([*tasks, lambda s=seeds[3]: on_disk(root, random.Random(s))])
        else:
            chance.choice(followers).page()

    real = facts(root)
    soon_equal(lambda: shown(box), real)
    for follower in followers:
        soon_equal(lambda f=follower: differences(f.catch_up(), walk(box)), [])
    for dav in (root_dav, box, *writers, *(follower.dav for follower in followers)):
        dav.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_followers_equal_the_disk(module_server: Server, tmp_path: Path, seed: int) -> None:
    """Four histories."""
    history(module_server, tmp_path, seed, 120)
    soon_equal(lambda: module_server.cli("check", "alice", check=False).returncode, 0)


@pytest.mark.slow
def test_followers_equal_the_disk_for_long(module_server: Server, tmp_path: Path) -> None:
    """Others, and longer ones."""
    module_server.cli("settings", "set", "disk.removals_least", "100000")
    for seed in range(100, 112):
        history(module_server, tmp_path / str(seed), seed, 250)
    soon_equal(lambda: module_server.cli("check", "alice", check=False).returncode, 0)
