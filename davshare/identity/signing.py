"""Signatures that others verify: ID tokens, and the keys that we publish for them (RFC 7515, RFC 7517, RFC 7518).

The keys are those that sign our own tokens, in another form: a key on the
curve P-256 for each, derived from the site's key.  So none is stored, and they
come and go together.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jose import jwk, jws
from jose.backends.base import Key

from davshare.identity import jwt
from davshare.identity.jwt import Refused
from davshare.identity.sessions import present_key
from davshare.index import sessions
from davshare.index.database import Connection, Database

ALGORITHM = "ES256"
#: The order of the curve (SEC 2 section 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: Eight more than the order has, so that no number is noticeably likelier than another (FIPS 186-5 appendix A.2.1).
_BYTES = 40


class Signing:
    """Signs for one site.

    :param secret: the site's key.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, connection: Connection, claims: Mapping[str, Any]) -> str:
        """A token with these claims, signed with the key that signs now."""
        kid = present_key(connection, int(time.time()))
        return str(jws.sign(dict(claims), self._key(kid), {"kid": kid}, ALGORITHM))

    def published(self, database: Database) -> list[dict[str, Any]]:
        """The public keys, newest first; there is one from the first question on."""
        with database.session() as connection:
            known = sessions.keys(connection)
        if not known:
            with database.write() as connection:
                present_key(connection, int(time.time()))
                known = sessions.keys(connection)
        return [self._told(key.kid) for key in known]

    def demand_ours(self, connection: Connection, token: jwt.Token) -> None:
        """Return when a token was signed here, whenever that was.

        :raises Refused: it was not, or its key is gone.
        """
        if token.kid is None or not sessions.has_key(connection, token.kid):
            raise Refused("a key that is not ours")
        jwt.verify(token, (ALGORITHM,), self._key(token.kid).public_key())

    def _told(self, kid: str) -> dict[str, Any]:
        return {**self._key(kid).public_key().to_dict(), "kid": kid, "use": "sig"}

    def _key(self, kid: str) -> Key:
        wide = HKDF(SHA256(), _BYTES, salt=None, info=b"davshare identity\0" + kid.encode()).derive(self._secret)
        number = int.from_bytes(wide, "big") % (_ORDER - 1) + 1
        return jwk.construct(ec.derive_private_key(number, ec.SECP256R1()), ALGORITHM)
