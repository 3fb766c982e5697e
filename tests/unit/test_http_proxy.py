"""Which forwarded headers are believed."""

from __future__ import annotations

import pytest

from davshare.errors import UsageError
from davshare.http.proxy import Origin, parse_networks, plain_address, resolve

TRUSTED = parse_networks(["127.0.0.1", "10.0.0.0/8", "::1"])


def asked(peer: str, **headers: str) -> Origin:
    """The origin for the headers ``X-Forwarded-…``."""
    return resolve(peer, "own", {f"x-forwarded-{name}": value for name, value in headers.items()}, TRUSTED)


@pytest.mark.parametrize(
    ("chain", "peer"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7 , 10.1.2.3,10.9.9.9", "203.0.113.7"),
        ("10.1.2.3", "10.1.2.3"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("nonsense, 10.1.2.3", "10.1.2.3"),
    ],
)
def test_the_right_most_stranger_counts(chain: str, peer: str) -> None:
    assert asked("127.0.0.1", **{"for": chain}).peer == peer


def test_scheme_and_host() -> None:
    assert asked("::1", proto="HTTPS", host="drive.example:444") == Origin("::1", "https", "drive.example:444")
    assert asked("::1", proto="evil, https", host="evil, drive.example") == Origin("::1", "https", "drive.example")
    assert asked("::1", proto="gopher", host="a b") == Origin("::1", "http", "own")


def test_strangers_are_not_believed() -> None:
    headers = {"x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "https", "x-forwarded-host": "evil", "accept": "a"}
    assert resolve("203.0.113.7", "own", headers, TRUSTED) == Origin("203.0.113.7", "http", "own")
    assert headers == {"accept": "a"}
    assert resolve("nonsense", "own", {}, TRUSTED).peer == "nonsense"


def test_networks() -> None:
    assert len(parse_networks(["10.1.2.3/8", " ::1 ", ""])) == 2
    with pytest.raises(UsageError):
        parse_networks(["proxy.example"])


@pytest.mark.parametrize(
    ("given", "plain"), [("::ffff:1.2.3.4", "1.2.3.4"), ("fe80::1%eth0", "fe80::1"), ("1.2.3.4", "1.2.3.4")]
)
def test_plain_addresses(given: str, plain: str) -> None:
    assert plain_address(given) == plain
