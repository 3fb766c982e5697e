"""The layout of archives: any span of them is what the whole has there, and others' programs read them."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from davshare.errors import BadRequest
from davshare.http import archives
from davshare.http.zip import Content, Layout
from davshare.model import names


class Made(NamedTuple):
    """A member with its content."""

    name: str
    data: bytes = b""
    modified: int | None = 1_700_000_001
    claimed: int | None = None

    @property
    def size(self) -> int:
        return len(self.data) if self.claimed is None else self.claimed

    @property
    def crc32(self) -> int:
        return zlib.crc32(self.data)


def joined(layout: Layout, members: list[Made], start: int = 0, length: int | None = None) -> bytes:
    found = bytearray()
    for piece in layout.pieces(start, layout.size - start if length is None else length):
        if isinstance(piece, Content):
            found += members[piece.member].data[piece.offset : piece.offset + piece.length]
        else:
            found += piece
    return bytes(found)


def test_whole_and_every_span() -> None:
    """What is announced is what comes, and each span is a part of the whole."""
    members = [Made("a.txt", b"one"), Made("ünï/", b""), Made("ünï/b", b"x" * 300), Made("z", b"", None)]
    layout = Layout(members)
    whole = joined(layout, members)
    assert len(whole) == layout.size
    for start in range(len(whole)):
        for length in (1, 2, 29, 31, len(whole) - start):
            if start + length <= len(whole):
                assert joined(layout, members, start, length) == whole[start : start + length]
    with zipfile.ZipFile(io.BytesIO(whole)) as found:
        assert found.testzip() is None
        assert found.namelist() == [each.name for each in members]
        assert found.read("ünï/b") == b"x" * 300
        assert all(each.compress_type == zipfile.ZIP_STORED for each in found.infolist())
        assert found.getinfo("a.txt").date_time == (2023, 11, 14, 22, 13, 20)
        assert found.getinfo("ünï/").is_dir()


def test_nothing_at_all() -> None:
    """An empty folder is an archive without members."""
    layout = Layout([])
    assert layout.size == 22
    assert zipfile.ZipFile(io.BytesIO(joined(layout, []))).namelist() == []


@pytest.mark.parametrize("count", [65_534, 65_535, 65_536, 70_001])
def test_many_members(count: int) -> None:
    """From 65,535 members on their number is in the ZIP64 end."""
    members = [Made(f"{number}") for number in range(count)]
    layout = Layout(members)
    whole = joined(layout, members)
    assert len(whole) == layout.size
    assert (b"PK\x06\x06" in whole) == (count >= 65_535)
    assert len(zipfile.ZipFile(io.BytesIO(whole)).namelist()) == count
    rng = random.Random(count)
    for _ in range(20):
        start = rng.randrange(layout.size)
        assert joined(layout, members, start, min(500, layout.size - start)) == whole[start : start + 500]


class Sparse(io.RawIOBase):
    """An archive whose contents are zeros that nobody has written."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.at = layout, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.layout.size)[whence]
        return self.at

    def read(self, size: int = -1) -> bytes:
        size = self.layout.size - self.at if size < 0 else min(size, self.layout.size - self.at)
        found = b"".join(
            b"\0" * piece.length if isinstance(piece, Content) else piece for piece in self.layout.pieces(self.at, size)
        )
        self.at += len(found)
        return found


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**32, 5 * 2**32])
def test_large_members(size: int) -> None:
    """Sizes and offsets beyond four bytes are in ZIP64 fields, and only those."""
    members = [Made("first", b"1"), Made("large", claimed=size), Made("last", b"\0\0"), Made("folder/")]
    layout = Layout(members)
    with zipfile.ZipFile(Sparse(layout)) as found:
        assert [each.file_size for each in found.infolist()] == [1, size, 2, 0]
        assert found.getinfo("last").header_offset > size
        assert found.open("last").read() == b"\0\0"


def test_times_out_of_reach() -> None:
    """Times that the format does not know are drawn to its edge, and no header is impossible."""
    members = [Made(str(when), b"", when) for when in (-(2**40), 0, 2**31 - 1, 2**31, 2**40)]
    found = zipfile.ZipFile(io.BytesIO(joined(Layout(members), members)))
    assert [each.date_time[0] for each in found.infolist()] == [1980, 1980, 2038, 2038, 2107]


def test_a_file_that_is_shorter_breaks_the_answer() -> None:
    """Nothing wrong is ever given out as the archive that was announced."""

    class Listed(Made):
        id = stamp = 1
        sha256 = b""

    @contextmanager
    def nothing(member: int):
        with open("/dev/null", "rb") as file:
            yield file.fileno()

    answer = archives.zip_response("GET", {}, [Listed("a", b"abc")], "t", 1, nothing)
    with pytest.raises(archives.BrokenAnswer):
        list(answer.body)


def test_names_beside_each_other() -> None:
    """Names that every system can hold, none twice, and as they were wherever that is possible."""
    asked = ["a", "A", "a?", "a_", "CON", "con.txt", "x.", "x ", "nul .txt", "é", "é", "b|c", "ok.txt", " "]
    found = names.apart(asked)
    assert len({names.folded(name) for name in found}) == len(asked)
    assert found[0] == "a" and found[3] == "a_" and found[12] == "ok.txt"
    for name in found:
        names.check_portable(name)
    assert names.portable("CON.tar.gz") == "CON_.tar.gz"
    assert names.portable("q" * 254 + ".") == "q" * 254 + "_"
    assert len(names.apart(["?" * 255, "*" * 255])[1].encode()) <= 255


def test_very_many_names_that_clash() -> None:
    """Ten thousand names that become the same take no time that anybody would notice."""
    asked = ["".join("?*"[number >> bit & 1] for bit in range(14)) for number in range(10_000)]
    assert len(set(names.apart(asked))) == 10_000


def test_lines_as_coreutils_write_them() -> None:
    """Names with a backslash or a line break are escaped, and marked so."""
    assert archives.sum_line("a b", b"\1") == "01  a b\n"
    assert archives.sum_line("a\\b\nc", b"\1") == "\\01  a\\\\b\\nc\n"


def test_what_is_asked_for() -> None:
    """Names once, several times, as a JSON list, or called like the beginning of one."""
    assert archives.wanted("accept=zip") == ("zip", None)
    assert archives.wanted("accept=zip&files=a&files=b%20c") == ("zip", ["a", "b c"])
    assert archives.wanted("accept=zip&files=%5B%22a%22%2C%22b%22%5D") == ("zip", ["a", "b"])
    assert archives.wanted("accept=zip&files=%5Ba") == ("zip", ["[a"])
    deep = "[" * 100_000
    assert archives.wanted(f"accept=zip&files={deep}") == ("zip", [deep])
    assert archives.wanted("accept=other") == ("", None)
    with pytest.raises(BadRequest):
        archives.wanted("accept=zip&files=%FF")
