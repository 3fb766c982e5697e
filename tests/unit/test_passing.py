"""Changes that touch no file: how many share a transaction, and what a refused one costs the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from davshare.abreast import Abreast
from davshare.errors import Conflict, DavshareError, Unavailable
from davshare.files.passing import Passing
from davshare.index import backends, people, settings
from davshare.index.database import Connection, Database, Taken, advance, count
from davshare.index.migrate import upgrade
from support import cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty index."""
    url = cluster.Cluster.shared().create(template=True) if request.param == "postgresql" else ""
    made = backends.database(tmp_path, url, durable=False)
    if not url:
        upgrade(made)
    yield made
    made.close()
    if url:
        cluster.Cluster.shared().drop(url)


class Wishes:
    """Makes wishes that come at one moment, and counts the transactions that they take."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passing = Passing(database)
        self.commits = 0
        real = database._commit

        def commit(connection: Any) -> None:
            self.commits += 1
            real(connection)

        monkeypatch.setattr(database, "_commit", commit)

    def together(self, *works: Callable[[Connection], Any], late: int = 0) -> list[Any]:
        """What each returned, or why it was refused; the last ``late`` of them come up while the turn is waited for."""
        found: list[Any] = [None] * len(works)

        def make(number: int) -> None:
            try:
                found[number] = self.passing.run(works[number])
            except Exception as error:
                found[number] = error

        calls = [lambda n=n: make(n) for n in range(len(works))]
        first, later = calls[: len(calls) - late], calls[len(calls) - late :]
        Abreast().run(first, lambda: [later.pop(0) for _ in later[:]])
        return found


@pytest.fixture
def wishes(database: Database, monkeypatch: pytest.MonkeyPatch) -> Wishes:
    """With nothing counted yet."""
    return Wishes(database, monkeypatch)


def write(name: str, error: Exception | None = None) -> Callable[[Connection], str]:
    """A wish that writes a setting, and may be refused afterwards."""

    def work(connection: Connection) -> str:
        settings.put(connection, name, 1)
        advance(connection, "node", 1)
        if error is not None:
            raise error
        return name

    return work


def written(database: Database) -> tuple[set[str], int]:
    """The settings that are there, and how many said so."""
    with database.session() as connection:
        return set(settings.stored(connection)), count(connection, "node")


def test_many_are_one_transaction(database: Database, wishes: Wishes) -> None:
    names = [f"name-{n}" for n in range(20)]
    assert wishes.together(*map(write, names)) == names
    assert wishes.commits == 1
    assert written(database) == (set(names), 20)


def test_who_comes_up_meanwhile_goes_with_them(database: Database, wishes: Wishes) -> None:
    found = wishes.together(write("a"), write("refused", Conflict("no")), write("b"), late=2)
    assert [str(each) for each in found] == ["a", "no", "b"]
    assert wishes.commits == 1 and written(database) == ({"a", "b"}, 2)


def test_outside_of_a_run_each_is_its_own(database: Database, wishes: Wishes) -> None:
    assert [wishes.passing.run(write(name)) for name in "abc"] == ["a", "b", "c"]
    assert wishes.commits == 3 and written(database) == ({"a", "b", "c"}, 3)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_refused_one_leaves_nothing_and_the_others_are_written(
    database: Database, wishes: Wishes, place: int
) -> None:
    refusal = Conflict("no")
    works = [write("a"), write("b")]
    works.insert(place, write("refused", refusal))
    found = wishes.together(*works)
    assert found.pop(place) is refusal
    assert found == ["a", "b"] and wishes.commits == 1
    assert written(database) == ({"a", "b"}, 2)


def test_a_bug_in_one_costs_the_others_nothing(database: Database, wishes: Wishes) -> None:
    found = wishes.together(write("a"), write("broken", ValueError("a bug")), write("b"))
    assert [str(each) for each in found] == ["a", "a bug", "b"]
    assert written(database) == ({"a", "b"}, 2)


def test_all_may_be_refused(database: Database, wishes: Wishes) -> None:
    found = wishes.together(*[write(name, Conflict(name)) for name in "abc"])
    assert [str(each) for each in found] == ["a", "b", "c"]
    assert written(database) == (set(), 0)


def test_one_alone_is_refused(database: Database, wishes: Wishes) -> None:
    with pytest.raises(Conflict):
        wishes.passing.run(write("refused", Conflict()))
    assert wishes.commits == 0 and written(database) == (set(), 0)


@pytest.mark.parametrize("beside", [0, 1])
def test_what_is_taken_is_said_by_name(database: Database, wishes: Wishes, beside: int) -> None:
    """The same error alone and among others, and on both databases."""

    def staff(connection: Connection) -> int:
        return people.add_group(connection, "staff", "", 0)

    assert wishes.passing.run(staff)
    found = wishes.together(staff, *[write("a")] * beside)
    assert isinstance(found[0], Taken) and found[1:] == ["a"] * beside


def test_later_ones_see_what_earlier_ones_did(database: Database, wishes: Wishes) -> None:
    def look(connection: Connection) -> set[str]:
        return set(settings.stored(connection))

    assert wishes.together(look, write("a"), look, write("b", Conflict()), look)[::2] == [set(), {"a"}, {"a"}]


def test_a_broken_database_fails_all(database: Database, wishes: Wishes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Any) -> None:
        raise Unavailable("gone")

    refusal = Conflict("refused before")
    with monkeypatch.context() as patch:
        patch.setattr(database, "_commit", fail)
        found = wishes.together(write("a"), write("b", refusal), write("c"))
    assert [type(each) for each in found] == [Unavailable, Conflict, Unavailable]
    assert written(database) == (set(), 0)
    assert wishes.together(write("a"), write("b")) == ["a", "b"]


def test_a_database_that_breaks_midway_fails_all(database: Database, wishes: Wishes) -> None:
    """Its savepoints are gone with it."""

    def lost(connection: Connection) -> None:
        raise database.broken[0]("gone")

    found = wishes.together(write("a"), lost, write("b"))
    assert all(isinstance(each, DavshareError) for each in found)
    assert written(database) == (set(), 0)
    assert wishes.together(write("a"), write("b")) == ["a", "b"]


def test_threads_do_not_disturb_each_other(database: Database, wishes: Wishes) -> None:
    threads = [threading.Thread(target=wishes.together, args=[write(f"{t}-{n}") for n in range(5)]) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wishes.commits == 4 and written(database)[1] == 20
