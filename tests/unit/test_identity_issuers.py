"""What is remembered of providers, for how long, and how often they are asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from davshare.identity import jwt, providers
from davshare.identity.issuers import AGAIN, FRESH, STALE, Issuer
from davshare.identity.jwt import Refused
from davshare.identity.outbound import Answer, Failed, Reach
from support.provider import SigningKey, compact

ISSUER = "https://login.example.org/lab"
RSA, CURVE = SigningKey(kid="rsa"), SigningKey("ES256", kid="curve")


class Net:
    """A provider that is asked without a network, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.keys: list[dict[str, Any]] = [RSA.jwk(), CURVE.jwk()]
        self.down = False
        self.asked: list[str] = []

    def clock(self) -> float:
        """Now."""
        return self.now

    def fetch(self, url: str, reach: Reach, until: float, *rest: object) -> Answer:
        """The answer."""
        self.asked.append(url)
        if self.down:
            raise Failed("down")
        document = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks", "token_endpoint": f"{ISSUER}/token"}
        return Answer(200, json.dumps({"keys": self.keys} if url.endswith("/jwks") else document).encode())


@pytest.fixture
def net() -> Net:
    """A fresh one."""
    return Net()


@pytest.fixture
def make(net: Net, tmp_path: Any) -> Callable[..., Issuer]:
    """Makes issuers as they are configured."""

    def made(**more: Any) -> Issuer:
        table = {"issuer": ISSUER, "client_id": "x", **more}
        lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        (tmp_path / "oidc.toml").write_text("\n".join(["[[provider]]", *lines]), "utf-8")
        return Issuer(providers.load(tmp_path, "oidc.toml")[0], net.fetch, net.clock)

    return made


def signed(key: SigningKey, **header: Any) -> jwt.Token:
    """A token that names a key."""
    return jwt.parse(compact({"alg": key.algorithm, "kid": key.kid, **header}, {"iss": ISSUER}, key.sign))


def verify(issuer: Issuer, token: jwt.Token) -> None:
    """Find the key, and prove the signature."""
    jwt.verify(token, issuer.provider.algorithms, issuer.key(token))


def test_asked_once(net: Net, make: Callable[..., Issuer]) -> None:
    """Two requests, then none for as long as the answer is fresh."""
    issuer = make()
    for _ in range(3):
        verify(issuer, signed(RSA))
        verify(issuer, signed(CURVE))
    assert net.asked == [f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/jwks"]
    net.now += FRESH + 1
    verify(issuer, signed(RSA))
    assert len(net.asked) == 4


def test_unknown_keys_are_looked_for_seldom(net: Net, make: Callable[..., Issuer]) -> None:
    """Strangers decide what tokens name: a hundred of them make for one look, and for another one later."""
    issuer = make()
    verify(issuer, signed(RSA))
    for number in range(100):
        with pytest.raises(Refused):
            issuer.key(signed(RSA, kid=f"made up {number}"))
    assert len(net.asked) == 4
    net.keys.append(SigningKey(kid="new").jwk())
    with pytest.raises(Refused):
        issuer.key(signed(RSA, kid="new"))
    net.now += AGAIN + 1
    issuer.key(signed(RSA, kid="new"))


def test_last_word_of_a_provider_that_is_away(net: Net, make: Callable[..., Issuer]) -> None:
    """Counts for a day; it is asked again now and then, not all the time."""
    issuer = make()
    verify(issuer, signed(RSA))
    net.down = True
    net.now += FRESH + 1
    before = len(net.asked)
    for _ in range(50):
        verify(issuer, signed(RSA))
    assert len(net.asked) == before + 1
    net.now += STALE
    for _ in range(50):
        with pytest.raises(Failed):
            issuer.key(signed(RSA))
    assert len(net.asked) == before + 2
    net.down = False
    net.now += AGAIN + 1
    verify(issuer, signed(RSA))


def test_revoked_keys_are_forgotten(net: Net, make: Callable[..., Issuer]) -> None:
    """What is not published any more is no key once the old answer is not fresh."""
    issuer = make()
    verify(issuer, signed(RSA))
    net.keys = [CURVE.jwk()]
    net.now += FRESH + 1
    with pytest.raises(Refused):
        issuer.key(signed(RSA))


@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC"},
        {"use": "enc"},
        {"key_ops": ["encrypt"]},
        {"key_ops": 7},
        {"alg": "RS512"},
        {"n": None},
        {"n": 5},
        {"n": "AQAB" * 40},
        {"n": "AQAB" * 4000},
        {"e": "AQAB" * 4},
        {"n": "ü" * 350},
        {"kid": 7},
        {"kid": None},
    ],
    ids=str,
)
def test_keys_that_are_none(net: Net, make: Callable[..., Issuer], change: dict[str, Any]) -> None:
    """Too weak, too large, for another purpose, or malformed: the token that names them is refused."""
    net.keys = [{name: value for name, value in {**RSA.jwk(), **change}.items() if value is not None}, CURVE.jwk()]
    with pytest.raises(Refused):
        verify(make(), signed(RSA))


@pytest.mark.parametrize("change", [{"crv": "P-384"}, {"crv": 7}, {"x": None}, {"y": "AA"}, {"kty": "OKP"}], ids=str)
def test_curves_that_are_none(net: Net, make: Callable[..., Issuer], change: dict[str, Any]) -> None:
    """The same for elliptic curves."""
    net.keys = [{name: value for name, value in {**CURVE.jwk(), **change}.items() if value is not None}]
    with pytest.raises(Refused):
        verify(make(), signed(CURVE))


def test_algorithms_of_the_list_only(net: Net, make: Callable[..., Issuer]) -> None:
    """A provider that is known for one algorithm has no other."""
    issuer = make(algorithms=["ES256"])
    verify(issuer, signed(CURVE))
    with pytest.raises(Refused):
        issuer.key(signed(RSA))


def test_one_name_for_two_kinds(net: Net, make: Callable[..., Issuer]) -> None:
    """The kind decides (python-jose's issue 274)."""
    net.keys = [{**CURVE.jwk(), "kid": "same"}, {**RSA.jwk(), "kid": "same"}]
    issuer = make()
    verify(issuer, signed(RSA, kid="same"))
    verify(issuer, signed(CURVE, kid="same"))
    with pytest.raises(Refused):
        verify(issuer, signed(CURVE, kid="same", alg="RS256"))
