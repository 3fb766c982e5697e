"""The second factor: what a password alone is worth, and how often a code works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from people_kit import SECRET, with_people
from test_identity_gate import PEER, basic, enter, refused

from davshare.errors import NotAuthenticated, NotFound
from davshare.files.service import Files
from davshare.identity import apptokens, second_factor
from davshare.identity import people as accounts
from davshare.identity.gate import Gate
from davshare.identity.proof import SecondFactorNeeded

PASSWORD = "alice-pass-1"


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
def codes(files: Files) -> pyotp.TOTP:
    """alice's authenticator."""
    uri = second_factor.set_up(files.db, SECRET, "alice")
    return pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0])


def test_the_uri_is_what_authenticators_read(files: Files) -> None:
    """Name, issuer and secret; another one each time, and only an encrypted one is kept."""
    uri, other = (second_factor.set_up(files.db, SECRET, "alice") for _ in range(2))
    assert uri.startswith("otpauth://totp/davshare:alice?secret=") and "issuer=davshare" in uri and uri != other
    kept = accounts.user_named(files.db, "alice").totp
    assert kept and parse_qs(urlsplit(other).query)["secret"][0].encode() not in kept
    with pytest.raises(NotFound):
        second_factor.set_up(files.db, SECRET, "nobody")


@pytest.mark.rfc(6238, "5.2", "a code of the present time step is good, and of one step before and after it")
def test_a_code_is_good_for_a_minute_and_a_half(codes: pyotp.TOTP) -> None:
    """The one shown now, the one before and the one after; RFC 6238 section 5.2."""
    now = 1_700_000_015.0
    step = int(now // 30)
    for shift, found in ((-2, None), (-1, step - 1), (0, step), (1, step + 1), (2, None)):
        assert second_factor.verify(codes.secret, codes.generate_otp(step + shift), -1, now) == found
    assert second_factor.verify(codes.secret, "", -1, now) is None
    assert second_factor.verify(codes.secret, "\u0661" * 6, -1, now) is None


@pytest.mark.rfc(6238, "5.2", "a code is good once")
def test_a_code_is_good_once(files: Files, codes: pyotp.TOTP) -> None:
    """And none before it is, either."""
    alice = accounts.user_named(files.db, "alice")
    step = int(time.time() // 30)
    assert second_factor.spend(files.db, SECRET, alice, codes.generate_otp(step))
    assert not second_factor.spend(files.db, SECRET, alice, codes.generate_otp(step))
    assert not second_factor.spend(files.db, SECRET, alice, codes.generate_otp(step - 1))
    assert second_factor.spend(files.db, SECRET, alice, codes.generate_otp(step + 1))


def test_the_secret_is_of_use_to_nobody_else(files: Files, codes: pyotp.TOTP) -> None:
    """Neither with another site's key nor in another one's row."""
    alice = accounts.user_named(files.db, "alice")
    assert not second_factor.spend(files.db, b"x" * 32, alice, codes.now())
    bob = accounts.user_named(files.db, "bob")._replace(totp=alice.totp)
    assert not second_factor.spend(files.db, SECRET, bob, codes.now())
    assert not second_factor.spend(files.db, SECRET, bob._replace(totp=b""), codes.now())


def test_a_password_alone_does_not_sign_in(files: Files, gate: Gate) -> None:
    """Where an administrator says so; who does not know the password learns nothing, and app tokens work."""
    assert enter(gate, files, basic("alice", PASSWORD)).name == "alice"
    accounts.set_user(files, "alice", second_factor=True)
    for _ in range(20):
        assert refused(gate, files, basic("alice", PASSWORD)) is SecondFactorNeeded
    assert refused(gate, files, basic("alice", "wrong")) is NotAuthenticated
    assert refused(gate, files, basic("alice", PASSWORD + "123456")) is NotAuthenticated
    _, secret = apptokens.create(files.db, accounts.user_named(files.db, "alice"))
    assert enter(gate, files, basic("alice", secret)).name == "alice"
    assert enter(gate, files, f"Bearer {secret}").name == "alice"
    accounts.set_user(files, "alice", second_factor=False)
    assert enter(gate, files, basic("alice", PASSWORD)).name == "alice"


def test_password_and_code(files: Files, gate: Gate, codes: pyotp.TOTP) -> None:
    """Sign in together; remembered for the same credentials, and of no use to another worker."""
    assert refused(gate, files, basic("alice", PASSWORD)) is SecondFactorNeeded
    header = basic("alice", PASSWORD + codes.now())
    assert enter(gate, files, header).name == "alice"
    accounts.set_user(files, "bob", display_name="Another generation")
    assert enter(gate, files, header).name == "alice"
    assert refused(Gate(files.db, files.settings, basic_over_http=False), files, header) is NotAuthenticated
    assert refused(gate, files, basic("alice", "wrong-pass-1" + codes.now())) is NotAuthenticated
    assert refused(gate, files, basic("alice", codes.now())) is NotAuthenticated


def test_a_factor_that_is_removed_is_not_asked_for(files: Files, gate: Gate, codes: pyotp.TOTP) -> None:
    """And what was remembered with it is over."""
    header = basic("alice", PASSWORD + codes.now())
    enter(gate, files, header)
    assert second_factor.remove(files.db, "alice") and not second_factor.remove(files.db, "alice")
    assert refused(gate, files, header) is NotAuthenticated
    assert enter(gate, files, basic("alice", PASSWORD)).name == "alice"


def test_a_new_secret_ends_the_codes_of_the_old_one(files: Files, gate: Gate, codes: pyotp.TOTP) -> None:
    """Also where one is remembered."""
    header = basic("alice", PASSWORD + codes.now())
    enter(gate, files, header)
    uri = second_factor.set_up(files.db, SECRET, "alice")
    assert refused(gate, files, header) is NotAuthenticated
    new = pyotp.TOTP(parse_qs(urlsplit(uri).query)["secret"][0])
    assert enter(gate, files, basic("alice", PASSWORD + new.now())).name == "alice"


def test_guessing_codes_is_guessing(files: Files, codes: pyotp.TOTP) -> None:
    """With the right password as well: counted, and slowed down."""
    slept: list[float] = []
    slow = Gate(files.db, files.settings, basic_over_http=False, sleep=slept.append)
    wrong = [code for code in (f"{number:06}" for number in range(20)) if codes.verify(code, valid_window=3) is False]
    for code in wrong[:13]:
        with pytest.raises(Exception, match=r"Sign in first|Too many"):
            slow.authenticate(basic("alice", PASSWORD + code), PEER, True, 1)
    assert slept
