"""Sync tokens of home folders that hold what was received: a list in one word (RFC 6578 section 3.2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from typing import Final, NamedTuple
from urllib.parse import unquote

from davshare.errors import Forbidden
from davshare.model import tokens
from davshare.model.tokens import SyncToken

_PREFIX = "urn:davshare:home:"
_SYNC = "urn:davshare:sync:"
#: Longest token that is read, and how long it may become.
_LONGEST, _WHOLE = 200_000, 2_000_000
_ENTRY = re.compile(r"([dfpw])([0-9a-f]{1,15}):([^,;:\s]+):([0-9a-f]{12}):([0-9a-f.-]{0,100})\Z").match

#: A mounted folder or file, a mounted folder of which only a part has been told, and a folder on the way to some.
FOLDER: Final = "d"
FILE: Final = "f"
PART: Final = "p"
WAY: Final = "w"

#: A node, and its path below the collection, quoted.
Key = tuple[int, str]


class Seen(NamedTuple):
    """What has been told of a mount or folder: itself in some ``state``, and what is in it up to a ``token``."""

    kind: str
    state: str
    token: SyncToken | None


class HomeToken(NamedTuple):
    """A point in the history of a folder with what was received in it; without ``home`` nothing was told yet."""

    epoch: int
    digest: str
    home: SyncToken | None
    seen: dict[Key, Seen]

    def __str__(self) -> str:
        entries = [
            f"{kind}{node:x}:{path}:{state}:{'' if token is None else str(token).removeprefix(_SYNC)}"
            for (node, path), (kind, state, token) in self.seen.items()
        ]
        home = str(self.home or "").removeprefix(_SYNC)
        text = f"{self.epoch:x};{self.digest};{home};{','.join(entries)}"
        packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
        return _PREFIX + packed


def is_one(text: str) -> bool:
    """Whether a text looks like such a token."""
    return text.startswith(_PREFIX)


def parse(text: str, epoch: int) -> HomeToken:
    """The token that a client sent.

    :raises Forbidden: it is none of ours, or from before a restore (``valid-sync-token``).
    """
    try:
        parts = _unpacked(text).split(";")
        if len(parts) != 4 or int(parts[0], 16) != epoch:
            raise ValueError
        home = tokens.parse(_SYNC + parts[2])
        seen = dict(_entry(entry) for entry in parts[3].split(",") if entry)
    except (ValueError, binascii.Error, zlib.error):
        raise _invalid() from None
    if home is None:
        raise _invalid()
    return HomeToken(epoch, parts[1], home, seen)


def digest_of(text: str) -> str | None:
    """The digest in a token that says that everything was told; None where it is none of ours."""
    try:
        return _unpacked(text).split(";")[1] or None
    except (ValueError, IndexError, binascii.Error, zlib.error):
        return None


def short(text: str) -> str:
    """A digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _unpacked(text: str) -> str:
    packed = text.removeprefix(_PREFIX)
    if len(packed) > _LONGEST or not packed.isascii():
        raise ValueError
    whole = zlib.decompressobj()
    data = whole.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), _WHOLE)
    if not whole.eof:
        raise ValueError
    return data.decode()


def _entry(text: str) -> tuple[Key, Seen]:
    match = _ENTRY(text)
    if match is None:
        raise ValueError
    kind, node, path, state, rest = match.groups()
    token = tokens.parse(_SYNC + rest) if rest else None
    if (token is None) != (kind == WAY):
        raise ValueError
    return (int(node, 16), path), Seen(kind, state, token)


def path_of(key: Key) -> tuple[str, ...]:
    """The names below the collection."""
    return tuple(unquote(key[1]).split("/"))


def _invalid() -> Forbidden:
    return Forbidden("The sync token is not valid any more; begin anew.", condition="valid-sync-token")
