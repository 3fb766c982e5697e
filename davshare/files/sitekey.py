"""The site's key, from which keys of hashes and of sealed secrets are derived."""

from __future__ import annotations

from davshare.errors import UsageError
from davshare.index.database import Database


def read_secret(database: Database) -> bytes:
    """The site's key.

    :raises UsageError: it is missing or too short to be one.
    """
    try:
        secret = (database.folder / "secret.key").read_bytes()
    except OSError:
        secret = b""
    if len(secret) < 32:
        raise UsageError("secret.key is missing in the data folder, or cannot be read.")
    return secret
