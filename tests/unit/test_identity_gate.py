"""The gate: credentials in every shape, remembered and forgotten."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from people_kit import with_people

from davshare.errors import DavshareError, Forbidden, NotAuthenticated, TooManyAttempts, UsageError
from davshare.files.service import Files
from davshare.identity import apptokens, passwords
from davshare.identity import people as accounts
from davshare.identity.gate import Gate
from davshare.index import people
from davshare.index.database import count
from davshare.model.access import Permission
from davshare.model.people import Actor

PEER = "127.0.0.1"


def basic(name: str, password: str) -> str:
    """The header of Basic credentials."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    """alice and bob."""
    service = with_people(tmp_path)
    yield service
    service.db.close()


@pytest.fixture
def gate(files: Files) -> Gate:
    """The gate of one worker."""
    return Gate(files.db, files.settings, basic_over_http=False)


class Counted:
    """Counts how often a password is hashed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times = 0
        self._real = passwords.verify
        monkeypatch.setattr(passwords, "verify", self)

    def __call__(self, stored: str | None, password: str) -> bool:
        self.times += 1
        return self._real(stored, password)


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How often a password was hashed in this test."""
    return Counted(monkeypatch)


def enter(gate: Gate, files: Files, header: str | None, peer: str = PEER, secure: bool = True) -> Actor:
    """Authenticate as the pipeline does."""
    with files.db.session() as connection:
        generation = count(connection, "generation")
    if header is not None:
        known = gate.recall(header, generation, secure)
        if known is not None:
            return known
    return gate.authenticate(header, peer, secure, generation)


def refused(gate: Gate, files: Files, header: str | None, peer: str = PEER) -> type[DavshareError]:
    """The kind of refusal."""
    with pytest.raises(DavshareError) as caught:
        enter(gate, files, header, peer)
    return type(caught.value)


def test_right_password(gate: Gate, files: Files) -> None:
    """The actor knows its groups."""
    actor = enter(gate, files, basic("bob", "bob-pass-22"))
    assert actor.name == "bob" and not actor.admin and actor.mask == Permission.ALL and actor.device is None
    assert len(actor.principals) == 2 and actor.user in actor.principals


def test_the_second_time_costs_nothing(gate: Gate, files: Files, hashing: Counted) -> None:
    """Remembered for both kinds of credentials, without hashing."""
    header = basic("alice", "alice-pass-1")
    assert enter(gate, files, header) is enter(gate, files, header)
    assert hashing.times == 1


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWxpY2U",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b":alice-pass-1").decode(),
        "Basic " + base64.b64encode(b"alice:\xff\xfe").decode(),
        "Basic " + base64.b64encode(b"alice:").decode(),
        "Bearer",
        "Bearer dst_short",
        "Bearer dst_" + "A" * 43,
        "Digest username=alice",
        "Negotiate abc",
        "\u00e4\u00f6",
        "Basic " + "A" * 10000,
    ],
)
def test_malformed_or_unknown_credentials(gate: Gate, files: Files, header: str | None) -> None:
    """All the same: not signed in."""
    assert refused(gate, files, header) is NotAuthenticated


def test_scheme_names_have_no_case(gate: Gate, files: Files) -> None:
    """RFC 9110 section 11.1."""
    assert enter(gate, files, basic("alice", "alice-pass-1").replace("Basic", "bAsIc")).name == "alice"


def test_passwords_may_hold_colons_and_accents(gate: Gate, files: Files) -> None:
    """RFC 7617 section 2: only the first colon separates; section 2.1: UTF-8."""
    accounts.set_password(files.db, "alice", "grün:und:blau", 10)
    assert enter(gate, files, basic("alice", "grün:und:blau")).name == "alice"


def test_names_are_found_however_they_are_spelled(gate: Gate, files: Files) -> None:
    """NFC and NFD are the same person."""
    accounts.add_user(files, "zoë", "password-of-zoe")
    assert enter(gate, files, basic("zoe\u0308", "password-of-zoe")).name == "zoë"


def test_unknown_disabled_and_wrong_look_the_same(gate: Gate, files: Files, hashing: Counted) -> None:
    """Same refusal, same work."""
    accounts.disable(files.db, "bob")
    for header in (basic("nobody", "x"), basic("bob", "bob-pass-22"), basic("alice", "wrong")):
        assert refused(gate, files, header) is NotAuthenticated
    assert hashing.times == 3


def test_changes_are_effective_at_once_in_every_worker(files: Files) -> None:
    """A remembered password ends with the password, the account and the right to sign in."""
    gates = [Gate(files.db, files.settings, basic_over_http=False) for _ in range(2)]
    header = basic("alice", "alice-pass-1")

    def state() -> set[bool]:
        found = set()
        for gate in gates:
            try:
                enter(gate, files, header)
                found.add(True)
            except NotAuthenticated:
                found.add(False)
        return found

    assert state() == {True}
    accounts.set_password(files.db, "alice", "another-password", 10)
    assert state() == {False}
    accounts.set_password(files.db, "alice", "alice-pass-1", 10)
    assert state() == {True}
    accounts.disable(files.db, "alice")
    assert state() == {False}
    accounts.enable(files, "alice")
    assert state() == {True}
    accounts.remove_user(files, "alice")
    assert state() == {False}


def test_groups_are_those_of_now(gate: Gate, files: Files) -> None:
    """Joining and leaving count from the next request on."""
    header = basic("alice", "alice-pass-1")
    assert len(enter(gate, files, header).principals) == 1
    accounts.join(files.db, "staff", "alice")
    assert len(enter(gate, files, header).principals) == 2
    accounts.remove_group(files.db, "staff")
    assert len(enter(gate, files, header).principals) == 1


def test_remembered_for_minutes_only(
    gate: Gate, files: Files, hashing: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when nothing changes."""
    header = basic("alice", "alice-pass-1")
    enter(gate, files, header)
    later = time.monotonic() + 301
    monkeypatch.setattr("davshare.identity.gate.time.monotonic", lambda: later)
    enter(gate, files, header)
    assert hashing.times == 2


def test_memory_is_bounded(gate: Gate, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first; so do remembered guesses."""
    monkeypatch.setattr("davshare.identity.gate.REMEMBER", 2)
    alice = accounts.user_named(files.db, "alice")
    headers = [f"Bearer {apptokens.create(files.db, alice)[1]}" for _ in range(3)]
    for header in headers:
        enter(gate, files, header)
    with files.db.session() as connection:
        generation = count(connection, "generation")
    assert [gate.recall(header, generation) is not None for header in headers] == [False, True, True]
    for number in range(4):
        assert refused(gate, files, basic("alice", f"wrong{number}")) is NotAuthenticated
    assert len(gate._wrong) == 2


def test_app_token_as_bearer_and_as_password(gate: Gate, files: Files, hashing: Counted) -> None:
    """Limits of the token go into the actor; only its owner's name fits; nothing is hashed slowly."""
    alice = accounts.user_named(files.db, "alice")
    token, secret = apptokens.create(files.db, alice, "laptop", ["read", "path:home"])
    for header in (f"Bearer {secret}", f"bearer {secret}", basic("alice", secret)):
        actor = enter(gate, files, header)
        assert actor.name == "alice" and actor.device == token.id and actor.node == token.node
        assert not actor.mask & Permission.WRITE and actor.mask & Permission.READ
    assert hashing.times == 0
    assert refused(gate, files, basic("bob", secret)) is NotAuthenticated


def test_app_tokens_end(gate: Gate, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """By being revoked, by their time although remembered, and with their owner."""
    alice = accounts.user_named(files.db, "alice")
    token, secret = apptokens.create(files.db, alice)
    enter(gate, files, f"Bearer {secret}")
    apptokens.revoke(files.db, token.id)
    assert refused(gate, files, f"Bearer {secret}") is NotAuthenticated

    _, secret = apptokens.create(files.db, alice, expires=int(time.time()) + 60)
    enter(gate, files, f"Bearer {secret}")
    real = time.time
    with monkeypatch.context() as patch:
        patch.setattr("davshare.identity.gate.time.time", lambda: real() + 61)
        assert refused(gate, files, f"Bearer {secret}") is NotAuthenticated

    enter(gate, files, f"Bearer {secret}")
    accounts.disable(files.db, "alice")
    assert refused(gate, files, f"Bearer {secret}") is NotAuthenticated


def test_only_the_hash_of_a_token_is_kept(files: Files) -> None:
    """Whoever reads the index gets no token."""
    alice = accounts.user_named(files.db, "alice")
    _, secret = apptokens.create(files.db, alice, "laptop")
    files.db.close()
    assert all(secret.encode() not in path.read_bytes() for path in files.data.glob("index.sqlite*"))
    assert len(secret) == 47 and apptokens.looks_like(secret)


def test_clear_text_is_refused_before_it_is_sent(gate: Gate, files: Files) -> None:
    """No challenge over plain HTTP from elsewhere, and nothing remembered is recalled."""
    header = basic("alice", "alice-pass-1")
    enter(gate, files, header)
    for sent in (header, None):
        with pytest.raises(Forbidden) as caught:
            enter(gate, files, sent, "192.0.2.1", secure=False)
        assert "HTTPS" in caught.value.message
    opened = Gate(files.db, files.settings, basic_over_http=True)
    assert enter(opened, files, header, "192.0.2.1", secure=False).name == "alice"


def test_guessing_is_slowed_before_hashing(gate: Gate, files: Files, hashing: Counted) -> None:
    """Ten guesses are looked at; then the network waits, other networks, tokens and other people do not."""
    answers = [refused(gate, files, basic("alice", f"guess{number}"), "192.0.2.1") for number in range(15)]
    assert answers == [NotAuthenticated] * 10 + [TooManyAttempts] * 5
    assert hashing.times == 10
    right = basic("alice", "alice-pass-1")
    assert refused(gate, files, right, "192.0.2.9") is TooManyAttempts
    assert enter(gate, files, basic("bob", "bob-pass-22"), "192.0.2.1").name == "bob"
    _, secret = apptokens.create(files.db, accounts.user_named(files.db, "alice"))
    assert enter(gate, files, basic("alice", secret), "192.0.2.1").name == "alice"
    assert enter(gate, files, right, "198.51.100.1").name == "alice"


def test_the_right_password_gets_in_after_the_pause(gate: Gate, files: Files) -> None:
    """And clears the count."""
    for number in range(10):
        refused(gate, files, basic("alice", f"guess{number}"))
    right = basic("alice", "alice-pass-1")
    with pytest.raises(TooManyAttempts) as caught:
        enter(gate, files, right)
    time.sleep(int(dict(caught.value.headers)["Retry-After"]))
    assert enter(gate, files, right).name == "alice"
    assert refused(gate, files, basic("alice", "again")) is NotAuthenticated


def test_a_device_with_an_old_password_is_no_guesser(gate: Gate, files: Files, hashing: Counted) -> None:
    """The same wrong password counts once, whatever else changes, until it is the right one."""
    old = basic("alice", "old-password-1")
    for _ in range(30):
        assert refused(gate, files, old) is NotAuthenticated
    accounts.add_group(files.db, "more")
    assert refused(gate, files, old) is NotAuthenticated
    assert hashing.times == 1
    assert enter(gate, files, basic("alice", "alice-pass-1")).name == "alice"
    accounts.set_password(files.db, "alice", "old-password-1", 10)
    assert enter(gate, files, old).name == "alice"


def test_many_first_requests_hash_once(gate: Gate, files: Files, hashing: Counted) -> None:
    """A client that opens eight connections at once."""
    header, found = basic("alice", "alice-pass-1"), []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        found.append(enter(gate, files, header).name)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["alice"] * 8
    assert hashing.times == 1
    assert not gate._lines


def test_parallel_guesses_do_not_outrun_the_counting(gate: Gate, files: Files, hashing: Counted) -> None:
    """Forty at once are ten looked at."""
    start = threading.Barrier(40)
    answers: list[type[DavshareError]] = []

    def run(number: int) -> None:
        start.wait()
        answers.append(refused(gate, files, basic("alice", f"guess{number}")))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A pause of a second may end while the last ones are still in line.
    assert 10 <= hashing.times <= 12
    assert len(answers) == 40


def test_outdated_hashes_are_made_anew(gate: Gate, files: Files) -> None:
    """At the next sign-in, when the password is at hand."""
    with files.db.write() as connection:
        user = accounts.find_user(connection, "alice")
        weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("alice-pass-1")
        people.update_user(connection, user._replace(password=weak))
    assert enter(gate, files, basic("alice", "alice-pass-1")).name == "alice"
    stored = accounts.user_named(files.db, "alice").password
    assert stored is not None and stored != weak and not passwords.is_outdated(stored)
    assert enter(gate, files, basic("alice", "alice-pass-1")).name == "alice"


def test_a_password_that_changes_meanwhile_stays_changed(files: Files) -> None:
    """Making a hash anew never brings an old password back."""
    with files.db.write() as connection:
        alice = accounts.find_user(connection, "alice")
        people.update_user(connection, alice._replace(password="newest"))
        people.set_password(connection, alice.id, alice.password, "rehashed")
        assert accounts.find_user(connection, "alice").password == "newest"


def test_challenges(gate: Gate) -> None:
    """Basic first, with the encoding; then Bearer."""
    values = [value for name, value in gate.challenges() if name == "WWW-Authenticate"]
    assert values[0] == 'Basic realm="davshare", charset="UTF-8"' and values[1].startswith("Bearer ")


def test_no_key_no_gate(files: Files) -> None:
    """A missing key is no empty key (past failure 38)."""
    (files.data / "secret.key").write_bytes(b"short")
    with pytest.raises(UsageError):
        Gate(files.db, files.settings, basic_over_http=False)
    (files.data / "secret.key").unlink()
    with pytest.raises(UsageError):
        Gate(files.db, files.settings, basic_over_http=False)
