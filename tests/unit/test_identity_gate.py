"""The gate: credentials in every shape, remembered and forgotten."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from people_kit import with_people

from davshare.errors import DavshareError, Forbidden, NotAuthenticated, TooManyAttempts, UsageError
from davshare.files.service import Files
from davshare.identity import apptokens, groups, passwords
from davshare.identity import people as accounts
from davshare.identity.gate import Gate
from davshare.identity.line import PLACES
from davshare.identity.throttle import network_of
from davshare.index import people
from davshare.index.database import count
from davshare.model.access import Permission
from davshare.model.people import Actor

PEER = "127.0.0.1"
_NUMBERS = itertools.count()


def basic(name: str, password: str) -> str:
    """The header of Basic credentials."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Time:
    """Time that passes when told to, and while somebody sleeps; all sleepers add up."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Now."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Nobody really waits."""
        self.slept.append(seconds)
        self.now += seconds


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


@pytest.fixture
def times() -> Time:
    """The time of the slow gate."""
    return Time()


@pytest.fixture
def slow(files: Files, times: Time) -> Gate:
    """A gate at which waiting costs no time."""
    return Gate(files.db, files.settings, basic_over_http=False, clock=times.clock, sleep=times.sleep)


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
    groups.join(files, "staff", "alice")
    assert len(enter(gate, files, header).principals) == 2
    groups.remove_group(files, "staff")
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
    with files.db.session() as connection:
        assert secret not in repr(connection.execute("SELECT * FROM apptoken").fetchall())
    files.db.close()
    assert all(secret.encode() not in path.read_bytes() for path in files.data.glob("index.*"))
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


def guesses(gate: Gate, files: Files, number: int, peer: str = PEER, name: str = "alice") -> list[type[DavshareError]]:
    """The answers to different wrong passwords."""
    return [refused(gate, files, basic(name, f"guess{next(_NUMBERS)}"), peer) for _ in range(number)]


def test_guessing_is_slowed(slow: Gate, files: Files, times: Time, hashing: Counted) -> None:
    """Ten guesses are looked at as they come, more wait; other networks, tokens and other people do not."""
    assert guesses(slow, files, 15, "192.0.2.1") == [NotAuthenticated] * 10 + [TooManyAttempts] * 5
    assert hashing.times == 15 and times.slept == [1, 2, 2, 2, 2]
    assert enter(slow, files, basic("bob", "bob-pass-22"), "192.0.2.1").name == "bob"
    _, secret = apptokens.create(files.db, accounts.user_named(files.db, "alice"))
    assert enter(slow, files, basic("alice", secret), "192.0.2.1").name == "alice"
    assert enter(slow, files, basic("alice", "alice-pass-1"), "198.51.100.1").name == "alice"
    assert len(times.slept) == 5


@pytest.mark.parametrize("number", [10, 11, 60, 150])
def test_the_right_password_always_gets_in(slow: Gate, files: Files, times: Time, number: int) -> None:
    """From the guessing network, too, after two seconds at most; that clears the count."""
    for _ in range(number):
        slow._throttle.failed("alice", PEER)
    assert enter(slow, files, basic("alice", "alice-pass-1"), "127.0.0.9").name == "alice"
    assert len(times.slept) == 1 and 0 < times.slept[0] <= 2
    assert guesses(slow, files, 1) == [NotAuthenticated]


def test_a_new_network_waits_for_a_second_at_most(slow: Gate, files: Files, times: Time) -> None:
    """Although many names are guessed there, and this one everywhere."""
    for number in range(100):
        slow._throttle.failed("alice", f"10.0.{number}.1")
        slow._throttle.failed(f"user{number}", "192.0.2.1")
    assert enter(slow, files, basic("alice", "alice-pass-1"), "192.0.2.7").name == "alice"
    assert times.slept == [1]


def test_a_wrong_password_that_came_early(slow: Gate, files: Files, times: Time) -> None:
    """It is told to come back soon; when it does, it is told that it is wrong."""
    guesses(slow, files, 12)
    for _ in range(2):  # the second time it is known to be wrong
        with pytest.raises(TooManyAttempts) as caught:
            enter(slow, files, basic("alice", "wrong"))
        assert dict(caught.value.headers) == {"Retry-After": "2"}
    times.now += 2
    assert refused(slow, files, basic("alice", "wrong")) is NotAuthenticated
    assert guesses(slow, files, 1) == [NotAuthenticated]


def test_no_account_no_difference(slow: Gate, files: Files, times: Time, hashing: Counted) -> None:
    """Same answers, same work and same pauses, before and beyond the limit."""
    accounts.disable(files.db, "bob")
    seen = []
    for name in ("alice", "bob", "nobody"):
        times.slept.clear()
        times.now = 1_700_000_000.0 + 100 * len(seen)
        before = hashing.times
        answers = guesses(slow, files, 14, "192.0.2.1", name)
        answers += [refused(slow, files, basic(name, "same"), "192.0.2.1") for _ in range(3)]
        seen.append((answers, tuple(times.slept), hashing.times - before))
    assert seen[0] == seen[1] == seen[2]


def test_what_changes_during_the_pause_counts(slow: Gate, files: Files, times: Time) -> None:
    """The password is compared with the one of after the pause."""
    guesses(slow, files, 12)
    real = times.sleep

    def change(seconds: float) -> None:
        real(seconds)
        accounts.set_password(files.db, "alice", "another-password", 10)

    slow._lines._sleep = change
    assert refused(slow, files, basic("alice", "alice-pass-1")) is TooManyAttempts
    assert enter(slow, files, basic("alice", "another-password")).name == "alice"


def test_no_seats_no_waiting(files: Files, times: Time, hashing: Counted) -> None:
    """Who would have to wait without a seat is sent away before anything is hashed, and is not counted."""
    gate = Gate(files.db, files.settings, basic_over_http=False, clock=times.clock, sleep=times.sleep, seats=0)
    assert guesses(gate, files, 13) == [NotAuthenticated] * 10 + [TooManyAttempts] * 3
    assert hashing.times == 10 and not times.slept
    times.now += 1
    assert enter(gate, files, basic("alice", "alice-pass-1")).name == "alice"


def test_repeated_wrong_credentials_do_not_wait(slow: Gate, files: Files, times: Time, hashing: Counted) -> None:
    """A device with an old password is answered at once while somebody guesses, also from behind a sleeper."""
    old = basic("alice", "old-password-1")
    assert refused(slow, files, old) is NotAuthenticated
    guesses(slow, files, 12)
    before, slept = hashing.times, len(times.slept)
    with slow._lines.turn("alice", network_of(PEER)):
        assert {refused(slow, files, old) for _ in range(20)} == {TooManyAttempts}
    assert hashing.times == before and len(times.slept) == slept


def test_remembered_credentials_do_not_wait(slow: Gate, files: Files, times: Time, hashing: Counted) -> None:
    """Whoever is signed in goes on, also across generations and from behind a sleeper."""
    right = basic("alice", "alice-pass-1")
    enter(slow, files, right)
    guesses(slow, files, 12)
    before, slept = hashing.times, len(times.slept)
    with slow._lines.turn("alice", network_of(PEER)):
        assert enter(slow, files, right).name == "alice"
        groups.add_group(files.db, "more")
        assert enter(slow, files, right).name == "alice"
    assert hashing.times == before and len(times.slept) == slept


def test_generations_cost_no_hashing(gate: Gate, files: Files, hashing: Counted) -> None:
    """A change of anything is looked up, and the actor is that of now."""
    right = basic("alice", "alice-pass-1")
    first = enter(gate, files, right)
    groups.join(files, "staff", "alice")
    with files.db.write() as connection:
        user = accounts.find_user(connection, "alice")
        people.update_user(connection, user._replace(admin=True, display_name="Alice"))
        generation = count(connection, "generation")
    assert gate.recall(right, generation) is None, "no SQL on the loop"
    second = enter(gate, files, right)
    assert gate.recall(right, generation) is second
    assert len(second.principals) == len(first.principals) + 1
    assert second.admin and second.display_name == "Alice" and not first.admin
    assert hashing.times == 1


def test_generations_do_not_prolong_the_memory(
    gate: Gate, files: Files, hashing: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five minutes after the proof the password is verified again."""
    right, start = basic("alice", "alice-pass-1"), time.monotonic()
    enter(gate, files, right)
    for minutes, hashed in ((2, 1), (4, 1), (6, 2)):
        groups.add_group(files.db, f"group{minutes}")
        monkeypatch.setattr("davshare.identity.gate.time.monotonic", lambda now=start + 60 * minutes: now)
        enter(gate, files, right)
        assert hashing.times == hashed


def test_what_is_not_the_same_any_more_is_forgotten(gate: Gate, files: Files) -> None:
    """A changed password, a disabled owner, a revoked token: nothing of them stays in memory."""
    alice = accounts.user_named(files.db, "alice")
    token, secret = apptokens.create(files.db, alice)
    headers = basic("alice", "alice-pass-1"), basic("bob", "bob-pass-22"), f"Bearer {secret}", basic("alice", secret)
    for header in headers:
        enter(gate, files, header)
    accounts.set_password(files.db, "alice", "another-password", 10)
    accounts.disable(files.db, "bob")
    apptokens.revoke(files.db, token.id)
    for header in headers:
        assert refused(gate, files, header) is NotAuthenticated
    assert not gate._known


def test_another_person_of_the_same_name(gate: Gate, files: Files) -> None:
    """What was proven belongs to the account, not to its name."""
    right = basic("alice", "alice-pass-1")
    enter(gate, files, right)
    accounts.remove_user(files, "alice")
    accounts.add_user(files, "alice", "another-password")
    assert refused(gate, files, right) is NotAuthenticated


def test_a_device_with_an_old_password_is_no_guesser(gate: Gate, files: Files, hashing: Counted) -> None:
    """The same wrong password counts once, whatever else changes, until it is the right one."""
    old = basic("alice", "old-password-1")
    for _ in range(30):
        assert refused(gate, files, old) is NotAuthenticated
    groups.add_group(files.db, "more")
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
    assert not len(gate._lines)


def test_parallel_guesses_do_not_outrun_the_counting(files: Files, hashing: Counted) -> None:
    """Of forty at once ten are looked at, one sleeps, some stand behind it, the others are sent away."""
    wake, times = threading.Event(), Time()

    def sleep(seconds: float) -> None:
        assert wake.wait(20)
        times.sleep(seconds)

    gate = Gate(files.db, files.settings, basic_over_http=False, clock=times.clock, sleep=sleep)
    answers: list[type[DavshareError]] = []

    def run(number: int) -> None:
        answers.append(refused(gate, files, basic("alice", f"guess{number}")))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    limit = time.monotonic() + 20
    while len(answers) < 40 - 1 - PLACES and time.monotonic() < limit:
        time.sleep(0.001)
    assert hashing.times == 10 and answers.count(NotAuthenticated) == 10
    assert answers.count(TooManyAttempts) == 40 - 10 - 1 - PLACES
    wake.set()
    for thread in threads:
        thread.join()
    assert hashing.times == 10 + 1 + PLACES and len(times.slept) == 1 + PLACES
    assert len(answers) == 40 and not len(gate._lines)


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


# what lasts


def generation(files: Files) -> int:
    """The generation of now."""
    with files.db.session() as connection:
        return count(connection, "generation")


def test_credentials_that_last(gate: Gate, files: Files, hashing: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is proven once and compared after that, however long it lasts; another one is another."""
    header = basic("alice", "alice-pass-1")
    lasting = gate.lasting(header, enter(gate, files, header))
    assert "alice-pass-1" not in repr(lasting) and hashing.times == 1
    later = time.monotonic() + 10_000
    monkeypatch.setattr(time, "monotonic", lambda: later)
    groups.add_group(files.db, "listeners")
    before = len(gate.renew(lasting, generation(files)).principals)
    groups.join(files, "listeners", "alice")
    actor = gate.renew(lasting, generation(files))
    assert actor.by_password and len(actor.principals) == before + 1 and actor.generation == generation(files)
    assert hashing.times == 1
    accounts.set_password(files.db, "alice", "another-pass-9", 8)
    with pytest.raises(NotAuthenticated):
        gate.renew(lasting, generation(files))


@pytest.mark.parametrize("form", ["basic", "bearer"])
def test_app_tokens_that_last(gate: Gate, files: Files, form: str) -> None:
    """With the limits of the token, until it is revoked, has expired, or its owner is disabled."""
    user = accounts.user_named(files.db, "alice")
    token, secret = apptokens.create(files.db, user, scopes=("read",))
    header = f"Bearer {secret}" if form == "bearer" else basic("alice", secret)
    lasting = gate.lasting(header, enter(gate, files, header))
    assert secret not in repr(lasting)
    actor = gate.renew(lasting, generation(files))
    assert actor.device == token.id and actor.mask == apptokens.MASKS["read"]
    with pytest.raises(NotAuthenticated):
        gate.renew(lasting._replace(expires=time.time() - 1), generation(files))
    with pytest.raises(NotAuthenticated):
        gate.renew(lasting._replace(user=lasting.user + 1), generation(files))
    accounts.disable(files.db, "alice")
    with pytest.raises(NotAuthenticated):
        gate.renew(lasting, generation(files))
    accounts.enable(files, "alice")
    assert gate.renew(lasting, generation(files)).name == "alice"
    apptokens.revoke(files.db, token.id)
    with pytest.raises(NotAuthenticated):
        gate.renew(lasting, generation(files))


def test_nothing_lasts_that_was_not_proven(gate: Gate, files: Files) -> None:
    """Only credentials that were good just now."""
    actor = enter(gate, files, basic("alice", "alice-pass-1"))
    with pytest.raises(NotAuthenticated):
        gate.lasting(basic("bob", "bob-pass-22"), actor)
    enter(gate, files, basic("bob", "bob-pass-22"))
    with pytest.raises(NotAuthenticated):
        gate.lasting(basic("bob", "bob-pass-22"), actor)
