"""Groups in groups, their members and managers, and searching among many people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from people_kit import with_people
from test_costs import count_statements
from test_identity_gate import basic

from davshare.errors import BadRequest, Conflict, NotFound
from davshare.files.service import Files
from davshare.identity import apptokens, groups
from davshare.identity import people as accounts
from davshare.identity.gate import Gate, actor_of
from davshare.index import people, spaces
from davshare.index.sqlite import SqliteDatabase
from davshare.model.access import Permission


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """alice, and bob in staff; the groups lab and site beside it."""
    service = with_people(tmp_path)
    for name in ("lab", "site"):
        groups.add_group(service.db, name)
    yield service
    service.db.close()


def principals(files: Files, name: str) -> frozenset[int]:
    """Everything that grants can name for a user."""
    with files.db.session() as connection:
        return people.principals_of(connection, accounts.user_named(files.db, name).id)


def inside(files: Files, group: str, effective: bool = False) -> list[str]:
    """Names of the members."""
    return [each.name for each in groups.members_of(files.db, group, effective=effective)]


def test_groups_lie_in_groups(files: Files) -> None:
    """Who is in the inner one is in the outer one, until one of the two memberships ends."""
    assert groups.join(files, "lab", "staff", nested=True)
    assert groups.join(files, "site", "lab", nested=True)
    ids = {groups.group_named(files.db, name).id for name in ("staff", "lab", "site")}
    assert ids < principals(files, "bob") and not ids & principals(files, "alice")
    assert inside(files, "site") == ["lab"]
    assert inside(files, "site", effective=True) == ["lab", "staff", "bob"]
    assert [group.name for group in groups.groups_of(files.db, "bob")] == ["staff"]
    assert [group.name for group in groups.groups_of(files.db, "bob", effective=True)] == ["lab", "site", "staff"]
    assert groups.leave(files, "lab", "staff", nested=True)
    assert not groups.leave(files, "lab", "staff", nested=True)
    assert len(principals(files, "bob")) == 2 and inside(files, "site", effective=True) == ["lab"]


def test_no_group_lies_in_itself(files: Files) -> None:
    """Directly or around two corners: refused, and nothing has changed."""
    groups.join(files, "lab", "staff", nested=True)
    groups.join(files, "site", "lab", nested=True)
    for group, member in (("lab", "lab"), ("staff", "lab"), ("staff", "site")):
        with pytest.raises(Conflict):
            groups.join(files, group, member, nested=True)
    assert inside(files, "staff") == ["bob"]


def test_users_and_groups_have_names_of_their_own(files: Files) -> None:
    """A group alice is not the user alice."""
    groups.add_group(files.db, "alice")
    groups.join(files, "lab", "alice")
    assert [(each.kind, each.name) for each in groups.members_of(files.db, "lab")] == [("user", "alice")]
    groups.join(files, "lab", "alice", nested=True)
    assert [each.kind for each in groups.members_of(files.db, "lab")] == ["group", "user"]
    with pytest.raises(NotFound):
        groups.join(files, "lab", "bob", nested=True)
    with pytest.raises(NotFound):
        groups.join(files, "lab", "staff")


def test_a_removed_group_lets_everybody_go(files: Files) -> None:
    """Members of the inner one lose the outer ones, too."""
    groups.join(files, "lab", "staff", nested=True)
    groups.join(files, "site", "lab", nested=True)
    groups.remove_group(files, "lab")
    assert len(principals(files, "bob")) == 2 and inside(files, "site", effective=True) == []


def test_every_way_of_joining_and_leaving_is_one(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """What depends on memberships needs to look at one function only."""
    seen: list[tuple[int, int]] = []
    real = groups.change_membership

    def watched(tx, joining=(), leaving=()):  # type: ignore[no-untyped-def]
        come, gone = real(tx, joining, leaving)
        seen.append((len(come), len(gone)))
        return come, gone

    monkeypatch.setattr(groups, "change_membership", watched)
    monkeypatch.setattr(accounts, "change_membership", watched)
    groups.join(files, "staff", "alice")
    groups.join(files, "staff", "alice")
    groups.leave(files, "staff", "alice")
    accounts.add_user(files, "carol", "carol-pass-1", member_of=["staff", "lab"])
    accounts.remove_user(files, "carol")
    groups.join(files, "site", "staff", nested=True)
    groups.remove_group(files, "staff")
    assert seen == [(1, 0), (0, 0), (0, 1), (2, 0), (0, 2), (1, 0), (0, 2)]


def test_managers(files: Files) -> None:
    """They and administrators may change a group; by a limited app token nobody does."""
    assert groups.add_manager(files.db, "staff", "alice") and not groups.add_manager(files.db, "staff", "alice")
    assert [user.name for user in groups.managers_of(files.db, "staff")] == ["alice"]
    assert [group.name for group in groups.managed_by(files.db, "alice")] == ["staff"]
    staff, lab = (groups.group_named(files.db, name) for name in ("staff", "lab"))
    alice, bob = (accounts.user_named(files.db, name) for name in ("alice", "bob"))
    with files.db.session() as connection:
        actor = actor_of(connection, alice)
        assert groups.manages(connection, actor, staff) and groups.manages(connection, alice, staff)
        assert not groups.manages(connection, actor, lab) and not groups.manages(connection, bob, staff)
        assert groups.manages(connection, replace(actor, user=0, admin=True), lab)
        assert not groups.manages(connection, replace(actor, mask=Permission.READ), staff)
        assert not groups.manages(connection, replace(actor, admin=True, node=5), staff)
    assert groups.remove_manager(files.db, "staff", "alice") and not groups.remove_manager(files.db, "staff", "alice")
    with pytest.raises(NotFound):
        groups.add_manager(files.db, "staff", "nobody")


def test_display_names(files: Files) -> None:
    """Of groups; an empty one is the name."""
    assert groups.set_group(files.db, "lab", "The lab").display_name == "The lab"
    assert groups.set_group(files.db, "lab", "").display_name == "lab"
    with pytest.raises(BadRequest):
        groups.set_group(files.db, "lab", "two\nlines")
    with pytest.raises(NotFound):
        groups.set_group(files.db, "nowhere", "x")


def test_searching(files: Files) -> None:
    """In name, display name and address, with A to Z in any case; patterns are plain text."""
    accounts.add_user(files, "carol", None, display_name="Carol 100%_Sure", email="C.Smith@example.org")
    accounts.add_user(files, "zoë", None, display_name="ZOË")

    def found(text: str, offset: int = 0, limit: int = 10) -> list[str]:
        return [user.name for user in accounts.search(files.db, text, offset, limit)]

    assert found("AROL") == found("smith@EXAMPLE") == found("100%_s") == ["carol"]
    assert found("%") == found("_") == ["carol"] and found("\\") == []
    assert found("zoë") == found("ZOË") == ["zoë"]
    assert found("") == ["alice", "bob", "carol", "zoë"]
    assert found("", 1, 2) == ["bob", "carol"] and found("", 4, 2) == []
    assert found("alice\ncarol") == [] and found("'; DROP TABLE principal; --") == []
    assert [info.group.name for info in groups.groups(files.db, "A")] == ["lab", "staff"]
    assert groups.groups(files.db, "", 1, 1)[0].group.name == "site"
    assert [(info.group.name, info.members) for info in groups.groups(files.db)][2] == ("staff", 1)


def test_pages_of_members(files: Files) -> None:
    """In one order, without repetition."""
    for name in ("carol", "dave", "eve"):
        accounts.add_user(files, name, None, guest=True, member_of=["lab"])
    groups.join(files, "lab", "staff", nested=True)
    pages = [groups.members_of(files.db, "lab", offset=offset, limit=2) for offset in (0, 2, 4)]
    assert [[each.name for each in page] for page in pages] == [["staff", "carol"], ["dave", "eve"], []]


def test_a_page_costs_the_same_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No statement for each account, group or member."""
    statements: list[str] = []
    count_statements(statements, monkeypatch)
    files = with_people(tmp_path)

    def costs() -> list[int]:
        found = []
        for ask in (
            lambda: accounts.accounts(files.db),
            lambda: accounts.search(files.db, "a", 0, 50),
            lambda: groups.groups(files.db),
            lambda: groups.members_of(files.db, "staff", effective=True),
        ):
            statements.clear()
            ask()
            found.append(len(statements))
        return found

    before = costs()
    for number in range(30):
        accounts.add_user(files, f"guest{number}", None, guest=True, member_of=["staff"])
        groups.add_group(files.db, f"group{number}")
    assert costs() == before and max(before) <= 6
    files.db.close()


def test_homes_of_guests(files: Files) -> None:
    """Are read-only; guests are no administrators."""
    guest = accounts.add_user(files, "visitor", "visitor-pass", guest=True)
    assert guest.guest and not guest.disabled
    (account,) = accounts.accounts(files.db, "visitor")
    assert (account.home, account.used) == ("homes/visitor", 0)
    accounts.disable(files.db, "visitor")
    assert not accounts.enable(files, "visitor").disabled
    with files.db.session() as connection:
        home = spaces.home(connection, guest.id)
    assert home is not None and home.read_only and home.quota == 0
    accounts.set_user(files, "visitor", display_name="A visitor", quota=5)
    for refused in (
        lambda: accounts.set_user(files, "visitor", admin=True),
        lambda: accounts.add_user(files, "other", None, guest=True, admin=True),
    ):
        with pytest.raises(BadRequest):
            refused()
    accounts.remove_user(files, "visitor")


def test_signing_in_costs_the_same_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With password and app token, for somebody in many groups, and nothing looks at every row."""
    statements: list[str] = []
    count_statements(statements, monkeypatch)
    files = with_people(tmp_path)
    _, secret = apptokens.create(files.db, accounts.user_named(files.db, "bob"))

    def costs() -> list[int]:
        found = []
        for header in (f"Bearer {secret}", basic("bob", "bob-pass-22")):
            gate = Gate(files.db, files.settings, basic_over_http=False)
            statements.clear()
            gate.authenticate(header, "127.0.0.1", True, 1)
            found.append(len(statements))
        return found

    costs()  # the first success leaves a mark
    before = costs()
    with files.db.write() as connection:
        for number in range(1000, 3000):
            connection.execute(
                "INSERT INTO principal (id, kind, name, created, guest) VALUES (?,'user',?,0,1)", (number, f"u{number}")
            )
    for number in range(40):
        groups.add_group(files.db, f"g{number}")
        groups.join(files, f"g{number}", f"g{number - 1}" if number else "staff", nested=True)
    assert costs() == before and max(before) <= 14
    assert len(principals(files, "bob")) == 42
    files.db.close()


def test_nothing_is_looked_for_in_every_row(files: Files) -> None:
    """The home of a person, tokens and memberships are found by an index."""
    if not isinstance(files.db, SqliteDatabase):
        pytest.skip("asks SQLite how it would find them")
    for table, column in (("space", "owner"), ("apptoken", '"user"'), ("member", '"user"'), ("identity", "principal")):
        with files.db.session() as connection:
            plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column}=?", (1,)).fetchall()
        assert all("SEARCH" in str(step) for step in plan), plan
