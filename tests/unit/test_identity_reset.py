"""Links to a new password, unlocking, and app tokens that people handle themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from people_kit import SECRET, with_people
from test_identity_gate import Time, basic, enter, refused

from davshare.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound
from davshare.files.service import Files
from davshare.identity import apptokens, reset
from davshare.identity import people as accounts
from davshare.identity.gate import Gate, actor_of
from davshare.identity.throttle import ACCOUNT_FREE, PAIR_FREE, Throttle
from davshare.index import people
from davshare.model.access import Permission
from davshare.model.people import Actor


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """alice and bob."""
    service = with_people(tmp_path)
    yield service
    service.db.close()


def actor(files: Files, name: str) -> Actor:
    """Somebody who signed in with the password."""
    with files.db.session() as connection:
        return actor_of(connection, accounts.user_named(files.db, name))


def test_a_link_works_once(files: Files) -> None:
    """And ends all others of the same user, and remembered sign-ins; those of others stay."""
    gate = Gate(files.db, files.settings, basic_over_http=False)
    enter(gate, files, basic("alice", "alice-pass-1"))
    first, second = reset.create(files.db, "alice"), reset.create(files.db, "alice")
    of_bob = reset.create(files.db, "bob")
    assert reset.use(files.db, first, "another-pass", 10).name == "alice"
    assert refused(gate, files, basic("alice", "alice-pass-1")) is NotAuthenticated
    assert enter(gate, files, basic("alice", "another-pass")).name == "alice"
    for used in (first, second):
        assert not reset.is_good(files.db, used)
        with pytest.raises(NotFound):
            reset.use(files.db, used, "a-third-pass", 10)
    assert reset.is_good(files.db, of_bob)


def test_a_bad_password_leaves_the_link_good(files: Files) -> None:
    """So that somebody can try again."""
    link = reset.create(files.db, "alice")
    with pytest.raises(BadRequest):
        reset.use(files.db, link, "short", 10)
    assert reset.is_good(files.db, link)


def test_links_end(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their time, with the account, and when it is disabled."""
    link, of_bob = reset.create(files.db, "alice", int(time.time()) + 100), reset.create(files.db, "bob")
    with pytest.raises(BadRequest):
        reset.create(files.db, "alice", int(time.time()) - 1)
    accounts.disable(files.db, "bob")
    assert not reset.is_good(files.db, of_bob)
    with pytest.raises(Conflict):
        reset.create(files.db, "bob")
    now = time.time() + 101
    monkeypatch.setattr(time, "time", lambda: now)
    assert not reset.is_good(files.db, link)
    accounts.enable(files, "bob")
    accounts.remove_user(files, "bob")
    assert not reset.is_good(files.db, of_bob)


def test_unknown_links(files: Files) -> None:
    """Whatever they look like; what is kept is no secret."""
    link = reset.create(files.db, "alice")
    with files.db.session() as connection:
        kept = bytes(connection.execute("SELECT hash FROM onetime").fetchone()[0])
    for wrong in ("", "x" * 43, link[:-1], link + "x", kept.hex(), "\ud800"):
        assert not reset.is_good(files.db, wrong)


def test_passwords_that_a_directory_keeps(files: Files) -> None:
    """Are not ours to change."""
    accounts.add_user(files, "dora", None, source="ldap")
    with pytest.raises(Conflict):
        reset.create(files.db, "dora")
    with pytest.raises(Conflict):
        accounts.set_password(files.db, "dora", "long-enough-1", 10)


def test_unlocking(files: Files) -> None:
    """Forgets failures from everywhere, of this account only; new ones count afresh."""
    times = Time()
    throttle = Throttle(files.db, SECRET, times.clock)
    for name in ("alice", "bob"):
        for number in range(ACCOUNT_FREE + PAIR_FREE):
            throttle.failed(name, f"10.0.{number % 7}.1")
    assert throttle.delay("alice", "10.0.1.1") > 0 and throttle.delay("alice", "192.0.2.1") > 0
    times.now += 0.5
    throttle.unlock("ALICE")
    assert throttle.delay("alice", "192.0.2.1") == 0 and throttle.delay("bob", "192.0.2.1") > 0
    times.now += 1
    for number in range(PAIR_FREE):
        assert throttle.delay("alice", "198.51.100.1") == 0
        throttle.failed("alice", "198.51.100.1")
        assert number < PAIR_FREE
    assert throttle.delay("alice", "198.51.100.1") > 0
    assert throttle.delay("alice", "192.0.2.1") == 0


def test_unlocking_an_unknown_account_unlocks_nothing(files: Files) -> None:
    """One row, like for anybody; clocks that were set back do no harm."""
    times = Time()
    throttle = Throttle(files.db, SECRET, times.clock)
    throttle.unlock("nobody")
    times.now -= 1000
    for _ in range(PAIR_FREE):
        throttle.failed("nobody", "10.0.0.1")
    assert throttle.delay("nobody", "10.0.0.1") > 0


def test_people_make_tokens_themselves(files: Files) -> None:
    """List and end their own, and no other ones."""
    alice, bob = actor(files, "alice"), actor(files, "bob")
    token, secret = apptokens.create_own(files.db, alice, "phone", ["read", "path:home"])
    other, _ = apptokens.create_own(files.db, bob, "laptop")
    assert (token.user, token.label, token.mask) == (alice.user, "phone", Permission.READ | Permission.READ_ACL)
    assert apptokens.own(files.db, alice) == [token]
    with pytest.raises(NotFound):
        apptokens.revoke_own(files.db, alice, other.id)
    gate = Gate(files.db, files.settings, basic_over_http=False)
    assert enter(gate, files, f"Bearer {secret}").device == token.id
    apptokens.revoke_own(files.db, alice, token.id)
    assert refused(gate, files, f"Bearer {secret}") is NotAuthenticated
    assert apptokens.own(files.db, alice) == [] and apptokens.own(files.db, bob) == [other]


def test_a_token_makes_no_tokens(files: Files) -> None:
    """Or a limited one would be worth as much as the password; it may end itself, like a device that is given away."""
    first, _ = apptokens.create_own(files.db, actor(files, "alice"))
    second, secret = apptokens.create_own(files.db, actor(files, "alice"), scopes=["read"])
    device = enter(Gate(files.db, files.settings, basic_over_http=False), files, f"Bearer {secret}")
    for limited in (device, replace(device, device=None), replace(device, device=None, mask=Permission.ALL, node=1)):
        with pytest.raises(Forbidden):
            apptokens.create_own(files.db, limited)
    assert apptokens.own(files.db, device) == [second]
    with pytest.raises(NotFound):
        apptokens.revoke_own(files.db, device, first.id)
    apptokens.revoke_own(files.db, device, second.id)


def test_tokens_do_not_grow_without_end(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator's are not counted."""
    monkeypatch.setattr(apptokens, "MOST", 2)
    alice = actor(files, "alice")
    for _ in range(2):
        apptokens.create_own(files.db, alice)
    with pytest.raises(Conflict):
        apptokens.create_own(files.db, alice)
    apptokens.create(files.db, accounts.user_named(files.db, "alice"))
    assert len(apptokens.own(files.db, alice)) == 3
    assert [name for name, _ in apptokens.issued(files.db, None, 1, 5)] == ["alice", "alice"]
    with files.db.session() as connection:
        assert people.token_counts(connection, [alice.user]) == {alice.user: 3}
