"""A model of sync-collection: whoever follows only the reports always ends up with the tree."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from support.client import Answer, Dav
from support.follower import Fact, Follower, differences, walk
from support.parallel import together
from support.server import Server

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
#: Everything happens here and in the folder `sub/`, which itself stays.
PLACES = st.builds(lambda prefix, path: prefix + path, st.sampled_from(["", "", "sub/"]), PATHS)
OPERATIONS = st.one_of(
    st.tuples(st.just("put"), PLACES, st.integers(0, 3)),
    st.tuples(st.just("put"), PLACES, st.integers(0, 3)),
    st.tuples(st.just("mkcol"), PLACES),
    st.tuples(st.just("mkcol"), PLACES),
    st.tuples(st.just("move"), PLACES, PLACES, st.sampled_from(["T", "F"])),
    st.tuples(st.just("move"), PLACES, PLACES, st.sampled_from(["T", "F"])),
    st.tuples(st.just("copy"), PLACES, PLACES, st.sampled_from(["T", "F"])),
    st.tuples(st.just("delete"), PLACES),
    st.tuples(st.just("proppatch"), PLACES, st.integers(0, 9)),
)
CLIENTS = 4


def perform(dav: Dav, operation: tuple) -> Answer:
    """One operation; that it is refused for a good reason is fine."""
    kind, path, *rest = operation
    if kind == "put":
        answer = dav.put(path, b"x" * rest[0])
    elif kind == "mkcol":
        answer = dav.mkcol(path)
    elif kind == "move":
        answer = dav.move(path, rest[0], rest[1])
    elif kind == "copy":
        answer = dav.copy(path, rest[0], rest[1])
    elif kind == "delete":
        answer = dav.delete(path)
    else:
        answer = dav.proppatch(path, {"{urn:x}p": str(rest[0])})
    assert answer.status in (201, 204, 207, 403, 404, 405, 409, 412), (operation, answer)
    return answer


def visible(facts: dict[str, Fact], follower: Follower) -> dict[str, Fact]:
    """The part of a tree that a follower of its level is told of."""
    own = follower.dav.href(follower.path)
    below = {href: fact for href, fact in facts.items() if href.startswith(own) and href != own}
    if follower.level == "1":
        below = {href: fact for href, fact in below.items() if "/" not in href[len(own) :].rstrip("/")}
    return below


class Model(RuleBasedStateMachine):
    """Writers over several connections, and followers of the whole, of one level, and of a sub-folder."""

    server: Server

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        root = self.server.dav("alice")
        self.box = root.fresh_box()
        root.close()
        self.chance = random.Random(seed)
        assert self.box.mkcol("sub").status == 201
        self.writers = [self.box.clone() for _ in range(CLIENTS)]
        self.followers: list[Follower] = []
        for path in ("", "sub/"):
            for level in ("1", "infinite"):
                self.followers.append(self.follower(path, level))

    def follower(self, path: str, level: str) -> Follower:
        """A new one, that knows nothing yet."""
        return Follower(self.box.clone(), path, level, random.Random(self.chance.random()))

    @rule(operation=OPERATIONS, client=st.integers(0, CLIENTS - 1))
    def write(self, operation: tuple, client: int) -> None:
        perform(self.writers[client], operation)

    @rule(operations=st.lists(OPERATIONS, min_size=2, max_size=CLIENTS))
    def write_together(self, operations: list[tuple]) -> None:
        tasks = [lambda dav=dav, op=op: perform(dav, op) for dav, op in zip(self.writers, operations, strict=False)]
        reader = self.chance.choice(self.followers)
        together([*tasks, lambda: reader.page()])

    @rule(which=st.integers(0, 7))
    def read_a_page(self, which: int) -> None:
        self.followers[which % len(self.followers)].page()

    @rule(which=st.integers(0, 7))
    def compare(self, which: int) -> None:
        self.check(self.followers[which % len(self.followers)])

    @precondition(lambda self: len(self.followers) < 7)
    @rule(path=st.sampled_from(["", "sub/"]), level=st.sampled_from(["1", "infinite"]))
    def join(self, path: str, level: str) -> None:
        self.followers.append(self.follower(path, level))

    def check(self, follower: Follower) -> None:
        """What it knows after the last page is what PROPFIND shows."""
        seen = follower.catch_up()
        real = visible(walk(self.box), follower)
        assert differences(seen, real) == [], (follower.path, follower.level)

    def teardown(self) -> None:
        for follower in getattr(self, "followers", []):
            self.check(follower)
            follower.dav.close()
        for dav in [*getattr(self, "writers", []), getattr(self, "box", None)]:
            if dav is not None:
                dav.close()


def run(server: Server, examples: int, steps: int) -> None:
    """Explore; every example has a folder of its own."""
    Model.server = server
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            # The server is no pure function of the steps: making a failing history shorter takes long and finds little.
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.rfc("6578", "3", "a follower that reads only reports, page by page, always equals the tree")
def test_followers_equal_the_tree(server: Server) -> None:
    run(server, examples=12, steps=30)


@pytest.mark.slow
def test_followers_equal_the_tree_for_long(server: Server) -> None:
    """The same with longer histories and more of them."""
    run(server, examples=60, steps=60)


@pytest.mark.slow
def test_a_long_history(box: Dav) -> None:
    """Some hundred operations of several clients with followers reading in between, in one fixed order."""
    chance = random.Random(6578)
    letters = ["a", "b", "c", "d"]

    def place() -> str:
        return "/".join(chance.choice(letters) for _ in range(chance.randint(1, 4)))

    def operation() -> tuple:
        kind = chance.choice(["put", "put", "put", "mkcol", "mkcol", "move", "move", "copy", "delete", "proppatch"])
        if kind in ("move", "copy"):
            return kind, place(), place(), chance.choice("TF")
        return (kind, place(), chance.randint(0, 9)) if kind in ("put", "proppatch") else (kind, place())

    writers = [box.clone() for _ in range(3)]
    followers = [Follower(box.clone(), "", level, random.Random(n)) for n, level in enumerate(["1", "infinite"] * 3)]
    for step in range(600):
        perform(chance.choice(writers), operation())
        if chance.random() < 0.3:
            chance.choice(followers).page()
        if step % 150 == 149:
            follower = chance.choice(followers)
            assert differences(follower.catch_up(), visible(walk(box), follower)) == []
    real = walk(box)
    for follower in followers:
        assert differences(follower.catch_up(), visible(real, follower)) == []
