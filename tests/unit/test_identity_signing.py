"""Keys for ID tokens, derived and published, and the programs that get such tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc import jwt as joserfc
from joserfc.jwk import KeySet

from davshare.identity import jwt, programs
from davshare.identity.jwt import Refused
from davshare.identity.sessions import rotate_keys
from davshare.identity.signing import Signing
from davshare.index.database import Database
from support.server import Server

SECRET = b"s" * 32


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """An index without keys."""
    from davshare.index.backends import database as open_database

    server = Server.start(tmp_path, serve=False, users={})
    return open_database(server.data, server.database)


def test_published_keys_verify(database: Database) -> None:
    """Whoever has them can tell what was signed here, with the present key and the one before."""
    signing = Signing(SECRET)
    (first,) = signing.published(database)
    assert set(first) == {"kty", "crv", "x", "y", "alg", "kid", "use"} and "d" not in first
    with database.write() as connection:
        old = signing.sign(connection, {"sub": "1"})
    rotate_keys(database)
    with database.write() as connection:
        new = signing.sign(connection, {"sub": "2"})
    keys = KeySet.import_key_set({"keys": signing.published(database)})
    assert [joserfc.decode(each, keys, algorithms=["ES256"]).claims["sub"] for each in (old, new)] == ["1", "2"]
    assert jwt.parse(old).kid == first["kid"] != jwt.parse(new).kid
    with database.session() as connection:
        for each in (old, new):
            signing.demand_ours(connection, jwt.parse(each))


def test_keys_follow_from_the_secret(database: Database) -> None:
    """Every worker has the same ones, and another site others."""
    assert Signing(SECRET).published(database) == Signing(SECRET).published(database)
    assert Signing(SECRET).published(database) != Signing(b"t" * 32).published(database)


def test_what_is_not_ours(database: Database) -> None:
    """Other keys, other algorithms, and changed claims."""
    signing = Signing(SECRET)
    with database.write() as connection:
        foreign = Signing(b"t" * 32).sign(connection, {"sub": "1"})
        ours = signing.sign(connection, {"sub": "1"})
    head, body, mark = ours.split(".")
    other = foreign.split(".")
    unsigned = jwt_part({"alg": "none", "kid": jwt.parse(ours).kid})
    with database.session() as connection:
        for text in (
            foreign,
            f"{head}.{jwt_part({'sub': '2'})}.{mark}",
            f"{head}.{body}.{other[2]}",
            f"{unsigned}.{body}.AA",
        ):
            with pytest.raises(Refused):
                signing.demand_ours(connection, jwt.parse(text))


def jwt_part(value: dict[str, object]) -> str:
    """One part of a token."""
    import base64

    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_programs() -> None:
    """Only those that are known, by the whole id; each with its own address and secret."""
    assert programs.find(None) is programs.find("") is programs.find("x") is None
    found = [programs.find(program.client_id) for program in programs._ALL]
    assert len({each.client_id for each in found if each}) == 3
    for program in found:
        assert program is not None
        assert program.check_client_secret(program.secret) and not program.check_client_secret(program.secret + "x")
        assert not program.check_client_secret("") and not program.check_client_secret("\ud800")
        assert not program.check_endpoint_auth_method("none", "token")
        assert program.get_default_redirect_uri() == "" and not program.check_redirect_uri("")
        assert program.get_allowed_scope("offline_access admin openid") == "openid offline_access"
        assert program.get_allowed_scope(None) == ""
