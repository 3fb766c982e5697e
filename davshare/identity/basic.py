"""Basic credentials (RFC 7617)."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from davshare.errors import NotAuthenticated
from davshare.model import names


class Basic(NamedTuple):
    """A name, which may be empty, and a password."""

    name: str
    password: str


def parse(value: str) -> Basic:
    """Name and password of Basic credentials (RFC 7617 section 2).

    :raises NotAuthenticated: they are malformed.
    """
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise NotAuthenticated from None
    if not colon or "\0" in name:
        raise NotAuthenticated
    return Basic(names.key(name), password)
