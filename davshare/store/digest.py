"""Checksums while bytes pass by."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Collection

#: Computed for every file that is small enough to be hashed on the way in.
ROUTINE = ("sha256", "sha1", "md5", "adler32", "crc32")
#: Everything that can be asked for.
KNOWN = frozenset({"sha256", "sha512", "sha1", "md5", "adler32", "crc32"})
_BLOCK = 1024 * 1024

Values = dict[str, bytes]


class Digester:
    """Several checksums over one stream; values are big-endian bytes, as they are written in hexadecimal."""

    __slots__ = ("_hashes", "_sums")

    def __init__(self, algorithms: Collection[str]) -> None:
        self._hashes = {name: hashlib.new(name) for name in algorithms if name.startswith(("sha", "md5"))}
        self._sums = {name: 1 if name == "adler32" else 0 for name in algorithms if name.endswith("32")}

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        for value in self._hashes.values():
            value.update(data)
        for name, before in self._sums.items():
            self._sums[name] = zlib.adler32(data, before) if name == "adler32" else zlib.crc32(data, before)

    def values(self) -> Values:
        """Everything asked for, by name."""
        found: Values = {name: value.digest() for name, value in self._hashes.items()}
        found.update((name, value.to_bytes(4, "big")) for name, value in self._sums.items())
        return found


def of_descriptor(fd: int, algorithms: Collection[str], offset: int = 0, length: int | None = None) -> Values:
    """Checksums of (a part of) an open file."""
    digester = Digester(algorithms)
    left = length
    while left is None or left > 0:
        data = os.pread(fd, _BLOCK if left is None else min(_BLOCK, left), offset)
        if not data:
            break
        digester.update(data)
        offset += len(data)
        left = None if left is None else left - len(data)
    return digester.values()
