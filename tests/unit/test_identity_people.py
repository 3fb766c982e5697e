"""Accounts, groups, scopes of tokens, and runtime settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from people_kit import with_people

from davshare.errors import BadRequest, Conflict, DavshareError, NotFound, UsageError
from davshare.files import settings
from davshare.files.service import Files
from davshare.files.settings import Settings
from davshare.files.spaces import add_space
from davshare.identity import apptokens, groups
from davshare.identity import people as accounts
from davshare.index import spaces
from davshare.index.database import count
from davshare.model.access import Permission
from davshare.model.settings import size


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """alice and bob."""
    service = with_people(tmp_path)
    yield service
    service.db.close()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "$a", " a", "a ", "a.", "-a", "a\nb", "a:b", "x" * 65, "a\0"]
)
def test_names_that_cannot_be(files: Files, name: str) -> None:
    """A name is a folder and a URL segment (past failure 40)."""
    with pytest.raises(BadRequest):
        accounts.add_user(files, name, "long-enough-1")
    with pytest.raises(BadRequest):
        groups.add_group(files.db, name)


def test_a_user_has_a_home_at_once(files: Files) -> None:
    """And an id that is never given out again."""
    carol = accounts.add_user(files, "carol", "carol-pass-1", display_name="Carol", quota=1000)
    assert (files.data / "homes" / "carol").is_dir() and not carol.disabled
    (account,) = accounts.accounts(files.db, "carol")
    assert (account.home, account.used, account.user.display_name) == ("homes/carol", 0, "Carol")
    with files.db.session() as connection:
        home = spaces.home(connection, carol.id)
        assert home is not None and home.quota == 1000
    accounts.remove_user(files, "carol")
    assert accounts.add_user(files, "carol", "carol-pass-1").id > carol.id


def test_a_name_is_taken_once(files: Files) -> None:
    """By user and by group, each for itself; spellings of accents are the same name."""
    accounts.add_user(files, "zoë", "long-enough-1")
    for name in ("alice", "zoe\u0308"):
        with pytest.raises(Conflict):
            accounts.add_user(files, name, "long-enough-1")
    with pytest.raises(Conflict):
        groups.add_group(files.db, "staff")
    groups.add_group(files.db, "alice")


def test_nothing_is_left_when_the_home_cannot_be_made(files: Files) -> None:
    """The name is free for another try."""
    (files.data / "homes" / "dave").write_text("in the way")
    with pytest.raises((DavshareError, OSError)):
        accounts.add_user(files, "dave", "long-enough-1")
    with pytest.raises(NotFound):
        accounts.user_named(files.db, "dave")
    (files.data / "homes" / "dave").unlink()
    accounts.add_user(files, "dave", "long-enough-1")


def test_an_unknown_group_or_short_password_adds_nobody(files: Files) -> None:
    """All or nothing."""
    with pytest.raises(NotFound):
        accounts.add_user(files, "dave", "long-enough-1", member_of=["staff", "nowhere"])
    with pytest.raises(BadRequest):
        accounts.add_user(files, "dave", "short")
    assert [account.user.name for account in accounts.accounts(files.db)] == ["alice", "bob"]


def test_minimum_length_is_a_setting(files: Files) -> None:
    """Effective without a new start."""
    settings.change(files.db, "password.min_length", "20")
    with files.db.session() as connection:
        files.settings.refresh(count(connection, "generation"))
    with pytest.raises(BadRequest):
        accounts.add_user(files, "dave", "fifteen letters")


def test_removed_users_leave_their_files(files: Files) -> None:
    """In a folder of another name; tokens and memberships are gone."""
    (files.data / "homes" / "bob" / "work.txt").write_text("kept")
    bob = accounts.user_named(files.db, "bob")
    apptokens.create(files.db, bob)
    accounts.remove_user(files, "bob")
    assert not (files.data / "homes" / "bob").exists()
    assert [path.read_text() for path in (files.data / "homes").glob("bob.*/work.txt")] == ["kept"]
    assert groups.members_of(files.db, "staff") == []
    assert apptokens.issued(files.db, None) == []


def test_changing_a_user_changes_only_what_is_given(files: Files) -> None:
    """The quota is that of the home."""
    accounts.set_user(files, "alice", display_name="Alice A.", quota=5)
    changed = accounts.set_user(files, "alice", admin=True)
    assert (changed.display_name, changed.quota, changed.admin) == ("Alice A.", 5, True)
    with files.db.session() as connection:
        home = spaces.home(connection, changed.id)
        assert home is not None and home.quota == 5
    with pytest.raises(BadRequest):
        accounts.set_user(files, "alice", display_name="two\nlines")


def test_membership(files: Files) -> None:
    """Joining twice and leaving twice are no mistakes."""
    assert groups.join(files, "staff", "alice") and not groups.join(files, "staff", "alice")
    assert [each.name for each in groups.members_of(files.db, "staff")] == ["alice", "bob"]
    assert groups.leave(files, "staff", "alice") and not groups.leave(files, "staff", "alice")
    for group, user in (("staff", "nobody"), ("nowhere", "alice")):
        with pytest.raises(NotFound):
            groups.join(files, group, user)


def test_every_change_of_people_is_a_new_generation(files: Files) -> None:
    """So that workers forget."""

    def generation() -> int:
        with files.db.session() as connection:
            return count(connection, "generation")

    alice = accounts.user_named(files.db, "alice")
    for change in (
        lambda: accounts.set_password(files.db, "alice", "another-pass", 10),
        lambda: accounts.set_user(files, "alice", admin=True),
        lambda: accounts.disable(files.db, "alice"),
        lambda: accounts.enable(files, "alice"),
        lambda: groups.join(files, "staff", "alice"),
        lambda: groups.leave(files, "staff", "alice"),
        lambda: apptokens.create(files.db, alice),
        lambda: apptokens.revoke(files.db, 1),
        lambda: settings.change(files.db, "trash.keep_days", "3"),
        lambda: settings.reset(files.db, None),
        lambda: groups.remove_group(files, "staff"),
        lambda: accounts.remove_user(files, "alice"),
    ):
        before = generation()
        change()
        assert generation() > before


def test_scopes(files: Files) -> None:
    """What a token reaches is settled when it is made."""
    alice = accounts.user_named(files.db, "alice")
    lab = add_space(files, "lab", None, None)
    with files.db.session() as connection:
        home = spaces.home(connection, alice.id)
        assert home is not None
        for scopes, mask, node in (
            ([], Permission.ALL, None),
            (["write"], Permission.ALL, None),
            (["read"], Permission.READ | Permission.READ_ACL, None),
            (["space:lab"], Permission.ALL, lab.node),
            (["read, space:lab"], Permission.READ | Permission.READ_ACL, lab.node),
            (["path:home", "read"], Permission.READ | Permission.READ_ACL, home.node),
            (["path:/spaces/lab/"], Permission.ALL, lab.node),
        ):
            assert apptokens.resolve(connection, alice, scopes)[:2] == (mask, node)
        for wrong in (["admin"], ["read,write"], ["space:lab", "path:home"], ["path:etc/passwd"], ["space"]):
            with pytest.raises(BadRequest):
                apptokens.resolve(connection, alice, wrong)
        for missing in (["space:nowhere"], ["path:home/missing"], ["path:spaces/nowhere"]):
            with pytest.raises(NotFound):
                apptokens.resolve(connection, alice, missing)


def test_tokens_that_cannot_be(files: Files) -> None:
    """No end in the past, no unprintable label."""
    alice = accounts.user_named(files.db, "alice")
    with pytest.raises(BadRequest):
        apptokens.create(files.db, alice, expires=int(time.time()) - 1)
    with pytest.raises(BadRequest):
        apptokens.create(files.db, alice, label="a\nb")
    with pytest.raises(NotFound):
        apptokens.revoke(files.db, 99)


def test_settings_follow_the_index(files: Files) -> None:
    """A reader sees a change when the generation has moved, and what does not fit is the default."""
    reader = Settings(files.db)
    assert reader.get("dav.depth_infinity") is False
    settings.change(files.db, "dav.depth_infinity", "ON")
    settings.change(files.db, "upload.max_bytes", "10GB")
    with files.db.session() as connection:
        generation = count(connection, "generation")
    reader.refresh(generation)
    assert reader.get("dav.depth_infinity") is True and reader.get("upload.max_bytes") == 10_000_000_000
    with files.db.write() as connection:
        connection.execute("UPDATE setting SET value='\"soon\"' WHERE name='upload.max_bytes'")
    reader.refresh(generation + 1)
    assert reader.get("upload.max_bytes") == 0


@pytest.mark.parametrize(
    "name, value", [("dav.depth_infinity", "2"), ("trash.keep_days", "-1"), ("locks.max_timeout", "x")]
)
def test_wrong_settings(files: Files, name: str, value: str) -> None:
    """What was expected is said."""
    with pytest.raises(UsageError, match="expected"):
        settings.change(files.db, name, value)


def test_unknown_settings_suggest(files: Files) -> None:
    """A typing mistake is met halfway."""
    with pytest.raises(NotFound, match=r"did you mean 'password[.]min_length'"):
        settings.change(files.db, "password.minlength", "3")


@pytest.mark.parametrize(
    "text, number",
    [("0", 0), ("512", 512), ("10GB", 10**10), ("1.5 GiB", 3 * 2**29), ("64k", 64000), ("1_000", 1000)],
)
def test_sizes(text: str, number: int) -> None:
    """As people write them."""
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "GB", "-1", "1 XB", "1e3", "0x10", "1.2.3k"])
def test_no_sizes(text: str) -> None:
    """Nothing is guessed."""
    assert size(text) is None
