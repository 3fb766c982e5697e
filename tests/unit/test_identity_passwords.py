"""Passwords: costs, limits, spelling, and the same time whether or not there is an account."""

from __future__ import annotations

import statistics
import time
import unicodedata

import pytest
from argon2 import PasswordHasher, extract_parameters

from davshare.errors import BadRequest
from davshare.identity import passwords


def test_costs_are_those_that_were_chosen() -> None:
    """Argon2id, 19 MiB, two passes, one lane; the dummy costs the same."""
    for each in (passwords.make_hash("correct horse"), passwords.DUMMY):
        found = extract_parameters(each)
        assert (found.type.name, found.memory_cost, found.time_cost, found.parallelism) == ("ID", 19456, 2, 1)


def test_right_and_wrong() -> None:
    """Only the password itself is right; a hash that is none is always wrong."""
    stored = passwords.make_hash("correct horse")
    assert passwords.verify(stored, "correct horse")
    assert not passwords.verify(stored, "correct horse ")
    assert not passwords.verify("not a hash", "correct horse")
    assert not passwords.verify(None, "correct horse")
    assert passwords.make_hash("correct horse") != stored


def test_accents_count_as_they_look() -> None:
    """A Mac and a PC spell the same letter differently."""
    stored = passwords.make_hash(unicodedata.normalize("NFD", "Käsefüße!!"))
    assert passwords.verify(stored, unicodedata.normalize("NFC", "Käsefüße!!"))


def test_other_costs_are_outdated() -> None:
    """A hash of yesterday's costs, or of no known kind, is to be made anew."""
    assert not passwords.is_outdated(passwords.make_hash("x"))
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x"))
    assert passwords.is_outdated("rubbish")


@pytest.mark.parametrize("bad", ["short", "", "ä" * 600, "tab\there and more", "line\nbreak and more"])
def test_what_cannot_be_a_password(bad: str) -> None:
    """Too short, over 1024 bytes, or with control characters."""
    with pytest.raises(BadRequest) as caught:
        passwords.check_new(bad, 10)
    assert not bad or bad not in caught.value.message


def test_length_counts_characters() -> None:
    """Ten accented letters are ten, however they are spelled."""
    passwords.check_new(unicodedata.normalize("NFD", "äöüäöüäöüä"), 10)
    with pytest.raises(BadRequest):
        passwords.check_new(unicodedata.normalize("NFD", "äöüäöüäöü"), 10)


def test_overlong_ones_are_wrong_without_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of password keep nobody busy: nothing is hashed."""
    monkeypatch.setattr(passwords.PasswordHasher, "verify", lambda *args: pytest.fail("it was hashed"))
    assert not passwords.verify(passwords.DUMMY, "x" * 1_000_000)


@pytest.mark.parametrize("least", [0, 10, 40])
def test_generated_ones_are_long_enough_and_differ(least: int) -> None:
    """They pass the check that others have to pass."""
    made = {passwords.generate(least) for _ in range(50)}
    assert len(made) == 50
    for each in made:
        passwords.check_new(each, max(least, 20))


def test_no_account_takes_as_long_as_a_wrong_password() -> None:
    """Time tells nothing."""
    stored = passwords.make_hash("correct horse")

    def seconds(against: str | None) -> float:
        taken = []
        for _ in range(7):
            started = time.perf_counter()
            passwords.verify(against, "wrong")
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    assert 0.5 < seconds(None) / seconds(stored) < 2
