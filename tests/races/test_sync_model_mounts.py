"""The model of sync-collection on a home in which others' folders come, change, move and go."""

from __future__ import annotations

import random

import pytest

from support.client import Dav
from support.follower import Follower, differences, walk
from support.polling import eventually
from support.server import Server
from support.sharers import Person, person

LETTERS = "abc"


def path_of(chance: random.Random, deepest: int = 3) -> str:
    """A path of a few names."""
    return "/".join(chance.choice(LETTERS) for _ in range(chance.randint(1, deepest)))


def change(dav: Dav, chance: random.Random, below: str = "") -> None:
    """One operation on files."""
    kind = chance.choice(["put", "put", "put", "mkcol", "mkcol", "mkcol", "move", "copy", "delete"])
    path, other = below + path_of(chance), below + path_of(chance)
    if kind == "put":
        answer = dav.put(path, b"x" * chance.randint(0, 9))
    elif kind in ("move", "copy"):
        answer = getattr(dav, kind)(path, other, chance.choice("TF"))
    else:
        answer = getattr(dav, kind)(path)
    assert answer.status in (201, 204, 403, 404, 405, 409, 412), (kind, path, other, answer)


class Sharing:
    """Shares of an owner's with a friend and with their group."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        group = f"g{chance.randrange(10**9):x}"
        server.cli("group", "add", group)
        self.owner, self.friend, self.group = person(server), person(server, group), group
        self._server = server
        self._chance = chance
        self._numbers: list[int] = []
        self._member = True

    def give(self) -> None:
        """Something is shared, or shared otherwise."""
        chance = self._chance
        kind, who = chance.choice([(0, self.friend.name), (1, self.group)])
        known = [name.rstrip("/") for name in self.owner.names()]
        path = chance.choice([*known, *[f"{name}/{letter}" for name in known for letter in LETTERS], "a"])
        given = {"path": path, "shareType": kind, "shareWith": who}
        answer = self.owner.calls.post("shares", {**given, "permissions": chance.choice([1, 15, 31])})
        assert answer.code in (100, 403, 404), answer
        if answer.code == 100:
            self._numbers.append(int(answer.data["id"]))

    def take_or_answer(self) -> None:
        """A share ends, or its receiver declines or accepts it."""
        chance = self._chance
        if self._numbers:
            number = chance.choice(self._numbers)
            die = chance.random()
            if die < 0.3:
                self.owner.calls.call("DELETE", f"shares/{number}")
            else:
                self.friend.answer(number, die < 0.85)

    def rearrange(self) -> None:
        """The receiver moves, renames or leaves something in the share folder, or moves that."""
        chance, dav = self._chance, self.friend.dav
        names = [name for name in self.friend.names("Shares/") if name] if dav.exists("Shares/") else []
        target = chance.choice(["", "Shares/"]) + path_of(chance, 2)
        if chance.random() < 0.1:
            dav.move("Shares", f"{path_of(chance, 1)}s", "F")
        elif names and chance.random() < 0.7:
            dav.move(f"Shares/{chance.choice(names).rstrip('/')}", target, chance.choice("TF"))
        elif names:
            dav.delete(f"Shares/{chance.choice(names).rstrip('/')}")

    def enter_or_leave(self) -> None:
        """The receiver's group changes."""
        self._server.cli("group", "remove-member" if self._member else "add-member", self.group, self.friend.name)
        self._member = not self._member


def history(server: Server, seed: int, steps: int) -> None:
    """Both change what they have; the friend's followers end with the friend's home."""
    chance = random.Random(seed)
    sharing = Sharing(server, chance)
    owner, friend = sharing.owner, sharing.friend
    followers = [Follower(friend.dav.clone(), "", "infinite", random.Random(seed + n)) for n in range(2)]
    flat = Follower(friend.dav.clone(), "", "1", random.Random(seed + 9))
    for letter in LETTERS:
        for path in (letter, f"{letter}/a", f"{letter}/b"):
            owner.dav.mkcol(path)
        owner.dav.put(f"{letter}/c", letter.encode())
        owner.dav.put(f"{letter}/a/c", letter.encode())
    for step in range(steps):
        die = chance.random()
        if die < 0.3:
            change(owner.dav, chance)
        elif die < 0.45:
            change(friend.dav, chance, chance.choice(["", "", "Shares/", f"Shares/{chance.choice(LETTERS)}/"]))
        elif die < 0.6:
            sharing.give()
        elif die < 0.68:
            sharing.take_or_answer()
        elif die < 0.78:
            sharing.rearrange()
        elif die < 0.79 and step % 3 == 0:
            sharing.enter_or_leave()
        else:
            chance.choice([*followers, flat]).page()
    _converge(friend, followers, flat)


def _converge(friend: Person, followers: list[Follower], flat: Follower) -> None:
    real = walk(friend.dav)
    for follower in followers:
        assert differences(follower.catch_up(), real) == []
        told = follower.dav.report_sync("", follower.token, "infinite", None, ("getetag",)).multistatus
        assert not told and not told.truncated, "nothing is told twice"
    top = {href: fact for href, fact in real.items() if "/" not in href.removeprefix(friend.dav.base).rstrip("/")}
    assert differences(flat.catch_up(), top) == []
    for href, (etag, folder, _) in real.items():
        assert friend.dav.propfind(href, "getetag").only.text("getetag") == etag, href
        if folder:
            below = Follower(friend.dav.clone(), href)
            inside = {each: fact for each, fact in real.items() if each.startswith(href) and each != href}
            assert differences(below.catch_up(), inside) == []
            assert friend.dav.propfind(href, "sync-token").only.text("sync-token") == below.token


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_follower_of_a_home_sees_what_was_received(module_server: Server, seed: int) -> None:
    """Twelve histories."""
    history(module_server, seed, 150)


def test_a_short_history(module_server: Server) -> None:
    """For the quick run."""
    history(module_server, 77, 60)


def test_what_comes_up_on_disk_under_the_name_of_a_mount(module_server: Server) -> None:
    """Followers see both, each under its name."""
    owner, friend = person(module_server), person(module_server)
    owner.dav.mkcol("a")
    owner.dav.put("a/b", b"x")
    owner.share("a", friend.name)
    follower = Follower(friend.dav, "", "infinite", random.Random(3))
    assert differences(follower.catch_up(), walk(friend.dav)) == []
    home = module_server.data / "homes" / friend.name / "Shares"
    (home / "a").mkdir()
    (home / "a" / "c").write_bytes(b"real")
    eventually(lambda: friend.names("Shares/") == ["a%20%282%29/", "a/"] and friend.names("Shares/a/") == ["c"])
    assert differences(follower.catch_up(), walk(friend.dav)) == []
