"""The model of sync-collection for somebody whose access comes and goes in the middle of the changes."""

from __future__ import annotations

import random
import secrets

import pytest

from support.client import Dav
from support.follower import Fact, Follower, walk
from support.server import Server

LETTERS = "abc"
ACL = '<d:acl xmlns:d="DAV:">{}</d:acl>'
ACE = (
    "<d:ace><d:principal><d:href>{}</d:href></d:principal>"
    "<d:{kind}><d:privilege><d:read/></d:privilege></d:{kind}></d:ace>"
)


def path_of(chance: random.Random) -> str:
    """A path of up to three names."""
    return "/".join(chance.choice(LETTERS) for _ in range(chance.randint(1, 3)))


def change(dav: Dav, chance: random.Random) -> None:
    """One operation of the owner's."""
    kind, path, other = (
        chance.choice(["put", "put", "mkcol", "mkcol", "move", "copy", "delete"]),
        path_of(chance),
        path_of(chance),
    )
    if kind == "put":
        answer = dav.put(path, b"x" * chance.randint(0, 9))
    elif kind in ("move", "copy"):
        answer = getattr(dav, kind)(path, other, chance.choice("TF"))
    else:
        answer = getattr(dav, kind)(path)
    assert answer.status in (201, 204, 403, 404, 405, 409, 412), (kind, path, other, answer)


def say(dav: Dav, chance: random.Random, people: list[str]) -> None:
    """Something is granted, denied, or not said any more."""
    aces = [
        ACE.format(f"/dav/principals/{who}/", kind=kind)
        for kind in ("deny", "grant")
        for who in people
        if chance.random() < 0.25
    ]
    answer = dav.request("ACL", path_of(chance), ACL.format("".join(aces)))
    assert answer.status in (200, 403, 404), answer


def history(server: Server, seed: int, steps: int) -> None:
    """The owner changes files and access; bob's follower ends with bob's tree."""
    chance = random.Random(seed)
    space = f"x{secrets.token_hex(4)}"
    group = f"g{secrets.token_hex(4)}"
    server.cli("space", "add", space)
    server.cli("space", "set", space, "--member", "alice:manager", "--member", "bob:viewer")
    server.cli("group", "add", group)
    server.cli("group", "add-member", group, "bob")
    alice = server.dav("alice", f"/dav/spaces/{space}/")
    bob = server.dav("bob", f"/dav/spaces/{space}/")
    followers = [Follower(bob.clone(), "", "infinite", random.Random(seed + n)) for n in range(2)]
    flat = Follower(bob.clone(), "", "1", random.Random(seed + 9))
    people = ["users/bob", f"groups/{group}"]
    member = True
    for step in range(steps):
        die = chance.random()
        if die < 0.55:
            change(alice, chance)
        elif die < 0.8:
            say(alice, chance, people)
        elif die < 0.81 and step % 3 == 0:
            server.cli("group", "remove-member" if member else "add-member", group, "bob")
            member = not member
        else:
            chance.choice([*followers, flat]).page()
    real = walk(bob)
    for follower in followers:
        assert differences(follower.catch_up(), real) == []
    top = {href: fact for href, fact in real.items() if "/" not in href.removeprefix(bob.base).rstrip("/")}
    assert differences(flat.catch_up(), top) == []


def differences(seen: dict[str, Fact], real: dict[str, Fact]) -> list[str]:
    """In words, how a follower's state differs from the tree."""
    lines = [f"missing {href} {real[href]}" for href in sorted(real.keys() - seen.keys())]
    lines += [f"stale {href} {seen[href]}" for href in sorted(seen.keys() - real.keys())]
    return lines + [
        f"differs {h} {seen[h]} != {real[h]}" for h in sorted(seen.keys() & real.keys()) if seen[h] != real[h]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_follower_sees_what_it_may(module_server: Server, seed: int) -> None:
    """Twelve histories."""
    history(module_server, seed, 150)
