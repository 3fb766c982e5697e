"""What every database promises to the modules of the index; each test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from davshare.errors import Conflict, Unavailable
from davshare.index import backends, digests, journal, locks, nodes, people, settings
from davshare.index.database import Database, Taken, advance, changed, count
from davshare.index.locks import Lock
from davshare.index.migrate import upgrade
from davshare.index.postgresql import MOST
from davshare.index.turn import GENERATION, LOCKS
from davshare.model.journal import Entry, Kind
from davshare.model.nodes import Node
from support import cluster

MOST_INODE = (1 << 63) - 1


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


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[tuple[cluster.Cluster, Database]]:
    """A cluster to stop and start, and an index in it."""
    with cluster.own() as mine:
        made = backends.database(tmp_path, mine.create(template=True))
        yield mine, made
        made.close()


def node(number: int, name: str, **facts: int) -> Node:
    """A file below node 1."""
    return Node(number, 1, 1, name, 0, 0, 0, None, 1, 1, 1, 1, 0)._replace(**facts)


def fill(database: Database, *names: str) -> None:
    """Files of these names."""
    with database.write() as connection:
        nodes.insert_many(connection, [(node(10 + n, name), name, None, None) for n, name in enumerate(names)])


def test_an_error_takes_everything_back(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        advance(connection, "node", 5)
        raise KeyError
    with database.session() as connection:
        assert count(connection, "node") == 0


def test_a_savepoint_takes_back_its_part_even_after_an_error(database: Database) -> None:
    fill(database, "taken")
    with database.write() as connection:
        advance(connection, "node", 1)
        connection.execute("SAVEPOINT change")
        advance(connection, "node", 10)
        with pytest.raises((Taken, *database._faults)):
            nodes.insert(connection, node(99, "taken"), "taken", None, None)
        connection.execute("ROLLBACK TO change")
        connection.execute("RELEASE change")
        advance(connection, "node", 100)
    with database.session() as connection:
        assert count(connection, "node") == 101


def test_what_is_taken_is_said_by_name(database: Database) -> None:
    with database.write() as connection:
        people.add_group(connection, "staff", "", 0)
    with pytest.raises(Taken), database.write() as connection:
        people.add_group(connection, "staff", "", 0)
    with database.write() as connection:
        assert people.add_group(connection, "Staff", "", 0) > 0, "case makes another name"


def test_a_snapshot_does_not_move(database: Database) -> None:
    with database.snapshot() as reader:
        assert count(reader, "node") == 0
        with database.write() as writer:
            advance(writer, "node", 7)
        assert count(reader, "node") == 0
        with database.session() as other:
            assert count(other, "node") == 7


def test_names_sort_by_code_point_and_differ_by_case(database: Database) -> None:
    names = ["a", "B", "Z", "z", "ä", "é", "😀", "\ufb00", "a b", "a-b", "ab", "a.b", "~", "_", "Ω", "ß", "ss"]
    fill(database, *names)
    with database.snapshot() as connection:
        assert [each.name for each in nodes.children(connection, 1)] == sorted(names)
        assert [each.name for each in nodes.children_after(connection, 1, "Z")] == [n for n in sorted(names) if n > "Z"]
        assert nodes.child(connection, 1, "b") is None


def test_large_folders_and_journals_come_whole_and_in_order(database: Database) -> None:
    names = [f"{n:05}" for n in range(2500)]
    fill(database, *names)
    entries = [Entry(1, n, 5, Kind(1), False, None, None, None, None, None, 0) for n in range(1, 2501)]
    with database.write() as connection:
        for entry in entries:
            journal.append(connection, entry)
    with database.snapshot() as connection:
        assert [each.name for each in nodes.each_child(connection, 1)] == names
        assert [each.seq for each in journal.since(connection, 1, 3)] == list(range(4, 2501))


def test_numbers_keep_all_their_bits(database: Database) -> None:
    facts = {"size": MOST_INODE, "inode": MOST_INODE, "disk_ns": -(1 << 62), "seq": 1 << 60, "stamp": (1 << 62) + 1}
    with database.write() as connection:
        nodes.insert(connection, node(MOST_INODE, "x", **facts), "x", None, None)
    with database.session() as connection:
        found = nodes.get(connection, MOST_INODE)
        assert found == node(MOST_INODE, "x", **facts)
        assert [type(value) for value in found] == [type(value) for value in node(1, "x", **facts)]


def test_bytes_come_back_as_bytes(database: Database) -> None:
    key = bytes(range(256))
    with database.write() as connection:
        people.add_failure(connection, key, 5, 0)
    with database.session() as connection:
        assert people.failures(connection, key) == (1, 5)
        assert connection.execute("SELECT key FROM throttle").fetchall() == [(key,)]


def test_a_member_comes_with_what_is_known_of_its_content(database: Database) -> None:
    """What is known of other content than the present one is not said, nor anything of its neighbours."""
    fill(database, "known", "unknown", "changed")
    known = digests.Digests(b"2" * 32, b"1" * 20, None, 5, None)
    with database.write() as connection:
        digests.put(connection, 10, 1, known)
        digests.put(connection, 12, 7, known)
    with database.snapshot() as connection:
        for name, number, found in (("known", 10, known), ("unknown", 11, None), ("changed", 12, None)):
            assert digests.with_child(connection, 1, name) == (node(number, name), found or digests.Digests())
        assert digests.with_child(connection, 1, "none") is None
        assert digests.with_child(connection, 10, "known") is None


def test_facts_of_a_copy_may_have_no_time(database: Database) -> None:
    fill(database, "x")
    for disk_ns in (None, 5, None):
        with database.write() as connection:
            nodes.set_facts(connection, 10, 3, None, disk_ns)
        with database.session() as connection:
            assert nodes.get(connection, 10)[7:9] == (disk_ns, 3)


def test_the_version_says_that_something_changed(database: Database) -> None:
    before = database.version
    with database.session() as connection:
        count(connection, "node")
    assert database.version == before
    with database.write() as connection:
        settings.put(connection, "x", 1)
    assert database.version > before and database.version % 2 == 0


def test_only_one_process_has_the_turn(database: Database, tmp_path: Path) -> None:
    """A child changes the counter in many small steps while the parent does the same: nothing gets lost."""
    url = getattr(database, "url", "")

    def work(own: Database) -> None:
        for _ in range(40):
            with own.turn():
                with own.session() as connection:
                    seen = count(connection, "node")
                with own.transaction() as connection:
                    connection.execute("UPDATE counter SET value=? WHERE name='node'", (seen + 1,))

    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(backends.database(tmp_path, url, durable=False))
            status = 0
        finally:
            os._exit(status)
    work(backends.database(tmp_path, url, durable=False))
    assert os.waitpid(child, 0)[1] == 0
    with database.session() as connection:
        assert count(connection, "node") == 80


def test_many_threads_share_few_connections(database: Database) -> None:
    """More threads than connections, half of them nesting: everybody gets an answer."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                with database.snapshot() as connection:
                    count(connection, "node")
                    if number % 2:
                        with database.write() as writer:
                            advance(writer, "node")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4 * MOST)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    with database.session() as connection:
        assert count(connection, "node") == 10 * MOST


def test_connections_that_the_database_ended_are_replaced(own_cluster: tuple[cluster.Cluster, Database]) -> None:
    """Nobody notices when it was idle; who had one in use is told to come again."""
    mine, database = own_cluster
    kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name='davshare'"
    with database.session() as connection, database.session() as other:
        assert count(connection, "node") == count(other, "node") == 0
    mine.execute(kill)
    for _ in range(3):
        with database.write() as connection:
            advance(connection, "node")
    with pytest.raises(Unavailable), database.write() as connection:
        advance(connection, "node")
        mine.execute(kill)
        advance(connection, "node")
    with pytest.raises(Unavailable), database.snapshot() as connection:
        mine.execute(kill)
        count(connection, "node")
    with database.session() as connection:
        assert count(connection, "node") == 3


def test_a_database_that_was_away(own_cluster: tuple[cluster.Cluster, Database]) -> None:
    """While it is down everybody is told so; it is used again as soon as it is back."""
    mine, database = own_cluster
    with database.write() as connection:
        advance(connection, "node")
    mine.stop()
    for _ in range(2):
        with pytest.raises(Unavailable), database.session() as connection:
            count(connection, "node")
        with pytest.raises(Unavailable), database.write():
            pass
    mine.start()
    with database.write() as connection:
        assert advance(connection, "node") == 2


def test_nobody_goes_before_a_commit_that_is_under_way(own_cluster: tuple[cluster.Cluster, Database]) -> None:
    """A process that dies while its change is committed leaves the database to finish it: the next one waits."""
    mine, database = own_cluster
    dying = database.connect()
    database._begin(dying, True)  # type: ignore[attr-defined]
    advance(dying, "node", 5)
    database.shared.committing()
    seen: list[int] = []

    def next_one() -> None:
        with database.turn(), database.session() as connection:
            seen.append(count(connection, "node"))

    thread = threading.Thread(target=next_one)
    thread.start()
    waiting = "SELECT 1 FROM pg_locks WHERE locktype='advisory' AND NOT granted"
    while not mine.execute(waiting):
        assert thread.is_alive()
    dying.execute("COMMIT")
    thread.join()
    assert seen == [5] and database.version % 2 == 0
    dying.close()


def test_only_one_server_and_only_its_machine(database: Database, tmp_path: Path) -> None:
    """Somebody with another shared file is another machine."""
    url = getattr(database, "url", "")
    if not url:
        pytest.skip("a file in the data folder has no other machine")
    (tmp_path / "elsewhere").mkdir()
    other = backends.database(tmp_path / "elsewhere", url)
    database.belong("site")
    database.claim()
    database.claim()
    for refused in (other.claim, lambda: other.belong("site")):
        with pytest.raises(Conflict, match="in use by the server of"):
            refused()
    with pytest.raises(Unavailable), other.write():
        pass
    database.unclaim()
    other.claim()
    with pytest.raises(Unavailable), database.write():
        pass
    with pytest.raises(Conflict, match="another data folder"):
        other.belong("another site")
    other.close()


def test_what_was_not_committed_is_not_remembered_of_locks(database: Database) -> None:
    """A lock that was to be removed is there again, and is seen, when the change does not come about."""
    lock = Lock("urn:uuid:1", 7, 1, True, False, 1, "", 60, 1 << 40)
    with database.write() as connection:
        locks.insert(connection, lock)
    with pytest.raises(Conflict), database.write() as connection:
        locks.remove(connection, [lock.token])
        assert not locks.any_in(connection, 7, 0)
        raise Conflict
    with database.write() as connection:
        assert locks.any_in(connection, 7, 0)
    with database.session() as connection:
        assert locks.in_space(connection, 7, 0) == [lock]


def test_numbers_that_somebody_died_with_become_even_again(database: Database) -> None:
    """Whoever commits next knows that nobody else does: what was to be raised is, and can be relied on again."""
    with database.write() as connection:
        changed(connection)
    before = [database.shared.raised(kind) for kind in (GENERATION, LOCKS)]
    database.shared.committing((GENERATION, LOCKS))
    with database.write() as connection:
        advance(connection, "commits")
    after = [database.shared.raised(kind) for kind in (GENERATION, LOCKS)]
    assert [number & 1 for number in after] == [0, 0]
    assert all(new > old for new, old in zip(after, before, strict=True))
    with database.write() as connection:
        advance(connection, "commits")
    assert [database.shared.raised(kind) for kind in (GENERATION, LOCKS)] == after
