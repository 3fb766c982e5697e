"""The layout of a stored ZIP archive, computed before its first byte (PKWARE APPNOTE 6.3.10).

Every header has a length that follows from the names and sizes alone, so any
span of the archive can be made without making what is before it.  Members are
stored (method 0); sizes, offsets and numbers that are too large for the old
fields are in ZIP64 ones, and only those.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from time import gmtime
from typing import NamedTuple, Protocol

#: Values from which on a field of 4 or 2 bytes refers to ZIP64 (section 4.4.1.4).
_MOST32, _MOST16 = 0xFFFFFFFF, 0xFFFF
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_END = struct.Struct("<IHHHHIIH")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR = struct.Struct("<IIQI")
_TIME = struct.Struct("<HHBi")
_SIZES = struct.Struct("<HHQQ")
#: Version 2.0 for folders and plain files, 4.5 for ZIP64 (section 4.4.3); names are UTF-8 (section 4.4.4, bit 11).
_PLAIN, _ZIP64, _UTF8 = 20, 45, 0x0800
_UNIX = 3 << 8
_FILE_MODE, _FOLDER_MODE = 0o100644 << 16, 0o040755 << 16 | 0x10
#: The times that the old field can tell (section 4.4.6).
_EARLIEST, _LATEST = 315532800, 4354819198
_TIMES = range(-(2**31), 2**31)


class Member(Protocol):
    """One file, or one folder, whose ``name`` ends in a slash; ``modified`` in seconds since 1970, None if untold."""

    @property
    def name(self) -> str:
        """The path inside the archive."""

    @property
    def size(self) -> int:
        """Bytes of content."""

    @property
    def crc32(self) -> int:
        """CRC-32 of the content."""

    @property
    def modified(self) -> int | None:
        """When the content was changed last."""


class Content(NamedTuple):
    """A span of the content of the member with this index."""

    member: int
    offset: int
    length: int


class Layout:
    """Where everything is in an archive of some members, which keep their order; ``size`` is its length."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._locals = array("Q")
        lengths = array("Q")
        at = 0
        for member in members:
            self._locals.append(at)
            name, size = len(member.name.encode()), member.size
            timed = _TIME.size if _is_timed(member.modified) else 0
            lengths.append(_CENTRAL.size + name + timed + 8 * (2 * (size >= _MOST32) + (at >= _MOST32)))
            if size >= _MOST32 or at >= _MOST32:
                lengths[-1] += 4
            at += _LOCAL.size + name + timed + size + (_SIZES.size if size >= _MOST32 else 0)
        self._directory = at
        self._centrals = array("Q")
        for length in lengths:
            self._centrals.append(at)
            at += length
        self._end = at
        self.size = at + len(self._ending())

    def pieces(self, start: int, length: int) -> Iterator[bytes | Content]:
        """A span of the archive: bytes of its own, and where content goes in between."""
        end = start + length
        for index in range(max(0, bisect_right(self._locals, start) - 1), len(self._members)):
            at = self._locals[index]
            if at >= end or start >= self._directory:
                break
            header = self._local(index)
            if at + len(header) > start:
                yield _cut(header, at, start, end)
            at += len(header)
            first, last = max(start, at), min(end, at + self._members[index].size)
            if first < last:
                yield Content(index, first - at, last - first)
        for index in range(max(0, bisect_right(self._centrals, start) - 1), len(self._members)):
            at = self._centrals[index]
            if at >= end or start >= self._end:
                break
            yield _cut(self._central(index), at, start, end)
        if end > self._end:
            yield _cut(self._ending(), self._end, start, end)

    def _local(self, index: int) -> bytes:
        """The header before a content (section 4.3.7)."""
        member = self._members[index]
        name, size = member.name.encode(), member.size
        large = size >= _MOST32
        extra = _SIZES.pack(1, 16, size, size) if large else b""
        extra += _timed(member.modified)
        time, date = _dos(member.modified)
        told = _MOST32 if large else size
        version = _ZIP64 if large else _PLAIN
        head = _LOCAL.pack(
            0x04034B50, version, _UTF8, 0, time, date, member.crc32, told, told, len(name), len(extra)
        )  # fmt: skip
        return head + name + extra

    def _central(self, index: int) -> bytes:
        """The entry of the directory (section 4.3.12)."""
        member, at = self._members[index], self._locals[index]
        name, size = member.name.encode(), member.size
        large, far = size >= _MOST32, at >= _MOST32
        wide = struct.pack("<QQ", size, size) if large else b""
        wide += struct.pack("<Q", at) if far else b""
        extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
        extra += _timed(member.modified)
        time, date = _dos(member.modified)
        told = _MOST32 if large else size
        version = _ZIP64 if wide else _PLAIN
        mode = _FOLDER_MODE if member.name.endswith("/") else _FILE_MODE
        head = _CENTRAL.pack(
            0x02014B50, _UNIX | _ZIP64, version, _UTF8, 0, time, date, member.crc32, told, told,
            len(name), len(extra), 0, 0, 0, mode, _MOST32 if far else at,
        )  # fmt: skip
        return head + name + extra

    def _ending(self) -> bytes:
        """The end of the directory (sections 4.3.14 to 4.3.16)."""
        count, start, length = len(self._members), self._directory, self._end - self._directory
        ending = b""
        if count >= _MOST16 or start >= _MOST32 or length >= _MOST32:
            ending = _END64.pack(
                0x06064B50, _END64.size - 12, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, length, start
            ) + _LOCATOR.pack(0x07064B50, 0, self._end, 1)  # fmt: skip
        few = min(count, _MOST16)
        return ending + _END.pack(0x06054B50, 0, 0, few, few, min(length, _MOST32), min(start, _MOST32), 0)


def _cut(piece: bytes, at: int, start: int, end: int) -> bytes:
    """What of a piece that begins at ``at`` is between ``start`` and ``end``."""
    return piece[max(0, start - at) : max(0, end - at)]


def _is_timed(modified: int | None) -> bool:
    return modified is not None and modified in _TIMES


def _timed(modified: int | None) -> bytes:
    """The time to the second and in UTC: the extended timestamp of Info-ZIP, as every system reads it."""
    return b"" if modified is None or modified not in _TIMES else _TIME.pack(0x5455, 5, 1, modified)


def _dos(modified: int | None) -> tuple[int, int]:
    """Time and date in the old fields, which know two seconds, no zone, and the years from 1980 to 2107."""
    t = gmtime(_EARLIEST if modified is None else max(_EARLIEST, min(_LATEST, modified)))
    return t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec // 2, (t.tm_year - 1980) << 9 | t.tm_mon << 5 | t.tm_mday
