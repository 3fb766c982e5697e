"""Checksums that go on where they were: in another process, after a restart, with the next part of a file.

hashlib keeps the state of a hash to itself.  The functions of OpenSSL on which
it is built (SHA1_Init and its like, ``openssl/sha.h``) keep it in a plain block
of memory, which can be stored between two parts of an upload.  Where these
functions cannot be had nothing is kept, and a file is hashed when it is whole.
"""

from __future__ import annotations

import _hashlib
import ctypes
import ssl
import zlib
from collections.abc import Collection, Mapping
from functools import cache
from typing import NamedTuple

from davshare.store.digest import Values

#: Larger than the state of any of the hashes.
_ROOM = 256


class _Kind(NamedTuple):
    prefix: str
    state: int
    size: int


#: Prefix of the functions, bytes of the state (``SHA_CTX`` and its like), bytes of the result.
_KINDS = {
    "sha1": _Kind("SHA1", 96, 20),
    "md5": _Kind("MD5", 92, 16),
    "sha256": _Kind("SHA256", 112, 32),
    "sha512": _Kind("SHA512", 216, 64),
}
_SUMS = {"adler32": 1, "crc32": 0}
#: States are of one version of OpenSSL and one size of pointers: others begin anew.
_MAKE = f"{ssl.OPENSSL_VERSION_NUMBER >> 28}.{ctypes.sizeof(ctypes.c_void_p)}"


@cache
def _library() -> ctypes.CDLL | None:
    """The OpenSSL that hashlib uses; None where it does not show these functions."""
    try:
        found = ctypes.CDLL(_hashlib.__file__)
        for kind in _KINDS.values():
            for step in ("Init", "Update", "Final"):
                getattr(found, f"{kind.prefix}_{step}")
    except (OSError, AttributeError):
        return None
    return found


class Running:
    """Checksums of the first ``size`` bytes of a file that is not whole yet."""

    def __init__(self, algorithms: Collection[str], state: Mapping[str, str | int] | None = None) -> None:
        """Begin, or go on from what :meth:`state` gave; what cannot be kept is left out."""
        self.size = 0
        self._library = _library()
        self._blocks: dict[str, ctypes.Array[ctypes.c_char]] = {}
        self._sums: dict[str, int] = {}
        if state and state.get("make") == _MAKE and isinstance(state.get("size"), int):
            self._go_on(state)
        else:
            self._begin(algorithms)

    def _begin(self, algorithms: Collection[str]) -> None:
        self._sums = {name: _SUMS[name] for name in algorithms if name in _SUMS}
        if self._library is not None:
            for name in algorithms:
                if name in _KINDS:
                    block = ctypes.create_string_buffer(_ROOM)
                    getattr(self._library, f"{_KINDS[name].prefix}_Init")(block)
                    self._blocks[name] = block

    def _go_on(self, state: Mapping[str, str | int]) -> None:
        self.size = int(state["size"])
        for name, kept in state.items():
            if name in _SUMS:
                self._sums[name] = int(kept)
            elif name in _KINDS and self._library is not None and isinstance(kept, str):
                self._blocks[name] = ctypes.create_string_buffer(bytes.fromhex(kept), _ROOM)

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self.size += len(data)
        for name, block in self._blocks.items():
            getattr(self._library, f"{_KINDS[name].prefix}_Update")(block, data, ctypes.c_size_t(len(data)))
        for name, before in self._sums.items():
            self._sums[name] = zlib.adler32(data, before) if name == "adler32" else zlib.crc32(data, before)

    def state(self) -> dict[str, str | int]:
        """What another one needs to go on; plain values for JSON."""
        blocks = {name: block.raw[: _KINDS[name].state].hex() for name, block in self._blocks.items()}
        return {"make": _MAKE, "size": self.size, **self._sums, **blocks}

    def values(self) -> Values:
        """The checksums so far, by name; it can go on afterwards."""
        found: Values = {name: value.to_bytes(4, "big") for name, value in self._sums.items()}
        for name, block in self._blocks.items():
            copy = ctypes.create_string_buffer(block.raw, _ROOM)
            result = ctypes.create_string_buffer(_KINDS[name].size)
            getattr(self._library, f"{_KINDS[name].prefix}_Final")(result, copy)
            found[name] = result.raw
        return found
