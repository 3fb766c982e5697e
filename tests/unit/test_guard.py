"""The one decision, beside the rule as it is written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davshare.files import guard
from davshare.index import grants, nodes, people, spaces
from davshare.index.database import Connection
from davshare.index.grants import Grant
from davshare.model.access import Permission, Rights, privileges_of, rights_of, spoken
from davshare.model.nodes import Node, Space
from davshare.model.people import Actor
from davshare.server import admin
from support.server import davshare

BITS = [1 << bit for bit in range(8)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Space, list[Node], list[int]]]:
    """A space with folders four deep, and the ids of a user and three groups."""
    data = tmp_path_factory.mktemp("guard") / "data"
    davshare("init", str(data), "--admin", "admin", "--password-stdin", input="admin-pass-0000")
    davshare("--data", str(data), "space", "add", "s")
    (data / "spaces" / "s" / "a" / "b" / "c").mkdir(parents=True)
    davshare("--data", str(data), "reconcile")
    with admin.files(data) as files:
        with files.db.write() as connection:
            groups = [people.add_group(connection, f"g{n}", "", 1) for n in range(3)]
        with files.db.session() as connection:
            space = spaces.named(connection, "space", "s")
            assert space is not None
            chain = [nodes.get(connection, space.node)]
            for name in "abc":
                assert chain[-1] is not None
                chain.append(nodes.child(connection, chain[-1].id, name))
        with files.db.write() as connection:
            yield connection, space, [node for node in chain if node is not None], groups


def by_the_rule(chain: list[Node], said: list[Grant], who: frozenset[int]) -> Rights:
    """The nearest node that says something about a permission decides; denials first; groups count together."""
    allowed = Permission.NONE
    for bit in BITS:
        for node in reversed(chain):
            here = [each for each in said if each.node == node.id and each.principal in who and each.rights & bit]
            here = [each for each in here if each.expires is None or each.expires > time.time()]
            if here:
                allowed |= Permission.NONE if any(each.deny for each in here) else bit
                break
    return allowed


RULES = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 2), st.booleans(), st.integers(1, 255), st.sampled_from([None, 1, 2**40])
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RULES, st.sets(st.integers(0, 2)), st.booleans())
def test_the_rule(world, rules, mine, remembered) -> None:
    """Rights, what is seen on the way down, and the explanation all say the same."""
    connection, space, chain, groups = world
    connection.execute('DELETE FROM "grant"')
    said = {(chain[n].id, groups[g], deny): (rights, end) for n, g, deny, rights, end in rules}
    rows = [Grant(*key, *value) for key, value in said.items()]
    for row in rows:
        grants.put(connection, row)
    who = frozenset([7, *[groups[g] for g in mine]])
    actor = Actor(7, "bob", "", who, generation=time.monotonic_ns() if remembered else 0)
    for length in range(1, 5):
        expected = by_the_rule(chain[:length], rows, who)
        assert guard.rights(connection, actor, space, chain[:length]) == expected
        told = guard.explain(connection, actor, space, chain[:length])
        assert told.rights == told.granted == expected
        deciding = [each for each in told.reasons if each.decided]
        assert expected & ~sum_of(each.decided for each in deciding if not each.grant.deny) == 0
    sight = guard.sight(connection, actor, space, chain[:1])
    if sight is not None:
        for length in range(2, 5):
            assert sight.rights(chain[length - 1]) == by_the_rule(chain[:length], rows, who)


def sum_of(rights: Iterator[Rights]) -> Rights:
    """All permissions of some sets."""
    found = Permission.NONE
    for each in rights:
        found |= each
    return found


def test_owners_administrators_and_limits(world) -> None:
    """What goes before all grants, and what takes away from everything."""
    connection, space, chain, groups = world
    connection.execute('DELETE FROM "grant"')
    nobody = Actor(7, "bob", "", frozenset([7, groups[0]]))
    boss = replace(nobody, admin=True)
    assert guard.rights(connection, nobody, space, chain) == Permission.NONE
    assert guard.rights(connection, boss, space, chain) == Permission.ALL
    grants.put(connection, Grant(chain[1].id, groups[0], True, Permission.ALL))
    assert guard.rights(connection, boss, space, chain) == Permission.ALL, "nothing is said to those who rule"
    home = space._replace(kind="home", owner=7)
    assert guard.rights(connection, nobody, home, chain) == Permission.ALL
    assert guard.rights(connection, boss, home._replace(owner=8), chain) == Permission.NONE
    assert (
        guard.rights(connection, boss, space._replace(read_only=True), chain) == Permission.READ | Permission.READ_ACL
    )
    assert guard.rights(connection, replace(boss, mask=Permission.READ), space, chain) == Permission.READ
    scoped = replace(boss, node=chain[2].id)
    assert [bool(guard.rights(connection, scoped, space, chain[:n])) for n in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]


@given(st.integers(0, 255))
def test_names_of_rights(rights: Rights) -> None:
    """What is told is what is taken back."""
    assert rights_of(privileges_of(rights)) == rights
    assert rights_of([word for word in spoken(rights).split(",") if word]) == rights
