"""Checksums while bytes pass by."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Collection, Iterable

#: Files up to this size get all of the usual checksums.
SMALL = 1024 * 1024
_ALL = ("sha256", "sha1", "md5", "adler32", "crc32")
#: Of larger ones, all together would take longer than the way over the network.
_ONE = ("sha256",)
#: Everything that can be asked for.
KNOWN = frozenset({"sha256", "sha512", "sha1", "md5", "adler32", "crc32"})
_BLOCK = 1024 * 1024
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512, "sha1": hashlib.sha1, "md5": hashlib.md5}

Values = dict[str, bytes]


def routine(size: int | None) -> tuple[str, ...]:
    """The checksums that every file of a size gets, whether anybody asks for them or not; None: not known yet."""
    return _ALL if size is None or size <= SMALL else _ONE


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

    def limit(self, algorithms: Collection[str]) -> None:
        """Go on with these only."""
        self._hashes = {name: value for name, value in self._hashes.items() if name in algorithms}
        self._sums = {name: value for name, value in self._sums.items() if name in algorithms}

    def values(self) -> Values:
        """Everything asked for, by name."""
        found: Values = {name: value.digest() for name, value in self._hashes.items()}
        found.update((name, value.to_bytes(4, "big")) for name, value in self._sums.items())
        return found


def of_bytes(data: bytes, algorithms: Iterable[str]) -> Values:
    """Checksums of what is all in memory."""
    found: Values = {}
    for name in algorithms:
        if name.endswith("32"):
            found[name] = (zlib.adler32 if name == "adler32" else zlib.crc32)(data).to_bytes(4, "big")
        else:
            found[name] = _HASHES[name](data).digest()
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
