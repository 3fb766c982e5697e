"""Secrets that have to be known again, encrypted with a key derived from the site's: the index alone tells nothing."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE = 12


def seal(key: bytes, purpose: str, owner: int, secret: bytes) -> bytes:
    """A secret as it is kept.

    :param key: the site's key.
    :param owner: the id without which it cannot be opened.
    """
    nonce = os.urandom(_NONCE)
    return nonce + _cipher(key, purpose).encrypt(nonce, secret, str(owner).encode())


def unseal(key: bytes, purpose: str, owner: int, kept: bytes) -> bytes | None:
    """The secret; None where it was sealed with another key, for another purpose, or for somebody else."""
    try:
        return _cipher(key, purpose).decrypt(kept[:_NONCE], kept[_NONCE:], str(owner).encode())
    except (InvalidTag, ValueError):
        return None


def _cipher(key: bytes, purpose: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"davshare " + purpose.encode()).derive(key))
