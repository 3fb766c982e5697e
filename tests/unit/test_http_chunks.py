"""The chunked coding, cut anywhere."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davshare.errors import FramingError
from davshare.http.chunks import LINE_LIMIT, TRAILER_LIMIT, ChunkDecoder


def decode(pieces: list[bytes], most: int = 1000) -> tuple[bytes, bytes, bool]:
    """Content, what followed the body, and whether the body ended."""
    decoder, content, after = ChunkDecoder(), b"", b""
    for piece in pieces:
        at = 0
        while at < len(piece) and not decoder.done:
            part, at = decoder.step(piece, at, most)
            content += part
        after += piece[at:]
    assert decoder.total == len(content)
    return content, after, decoder.done


def cut(data: bytes, places: set[int]) -> list[bytes]:
    """``data`` in pieces."""
    borders = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(borders)]


def encode(chunks: list[bytes], extension: bytes = b"", trailers: bytes = b"") -> bytes:
    """A well-formed chunked body."""
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks if chunk)
    return body + b"0" + extension + b"\r\n" + trailers + b"\r\n"


@given(
    st.lists(st.binary(max_size=300), max_size=5),
    st.sampled_from([b"", b";a=b", b';a="x y"']),
    st.sampled_from([b"", b"X: y\r\n", b"X: y\r\nZ:\r\n"]),
    st.sets(st.integers(0, 5000), max_size=30),
    st.integers(1, 400),
)
def test_any_cuts_give_the_same_content(
    chunks: list[bytes], extension: bytes, trailers: bytes, places: set[int], most: int
) -> None:
    data = encode(chunks, extension, trailers) + b"GET / HTTP/1.1\r\n"
    assert decode(cut(data, places), most) == (b"".join(chunks), b"GET / HTTP/1.1\r\n", True)


@given(st.binary(max_size=60), st.sets(st.integers(0, 100), max_size=10))
def test_any_cuts_give_the_same_refusal(garbage: bytes, places: set[int]) -> None:
    data = b"3\r\nabc\r\n" + garbage

    def outcome(pieces: list[bytes]) -> tuple[bytes, bytes, bool] | str:
        try:
            return decode(pieces)
        except FramingError:
            return "refused"

    assert outcome([data]) == outcome(cut(data, places)) == outcome([data[at : at + 1] for at in range(len(data))])


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"+1\r\na\r\n",
        b"0x1\r\na\r\n",
        b" 1\r\na\r\n",
        b"1 \r\na\r\n",
        b"1\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na\n",
        b"1\r\na0\r\n\r\n",
        b"1_0\r\n",
        b"1;a\x00\r\na\r\n",
        b"1;a\rb\r\na\r\n",
        b"11111111111111111\r\n",
        b"FFFFFFFFFFFFFFFF\r\n",
        b"0\r\nX\r\n\r\n",
        b"0\r\n X: y\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\n\n",
        b"1;" + b"x" * LINE_LIMIT,
        b"0\r\n" + b"X: y\r\n" * (TRAILER_LIMIT // 5),
    ],
)
def test_broken_codings(data: bytes) -> None:
    with pytest.raises(FramingError):
        decode([data])
    with pytest.raises(FramingError):
        decode([data[at : at + 1] for at in range(len(data))])


def test_sizes_in_any_case_and_with_zeros() -> None:
    assert decode([b"00A\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n"])[0] == b"0123456789" * 2


def test_extensions_cannot_outweigh_the_content() -> None:
    with pytest.raises(FramingError):
        decode([b"1;" + b"x" * 4000 + b"\r\na\r\n"] * 30)


def test_content_may_be_read_past_the_decoder() -> None:
    decoder = ChunkDecoder()
    assert decoder.step(b"ff\r\nab", 0, 100) == (b"ab", 6)
    assert decoder.pending == 253
    decoder.took(253)
    assert decoder.step(b"\r\n0\r\n\r\nnext", 0, 100) == (b"", 7)
    assert decoder.done
    assert decoder.total == 255


def test_one_huge_chunk_costs_linear_time() -> None:
    data = encode([bytes(20_000_000)])
    started = time.process_time()
    decode([data[at : at + 4096] for at in range(0, 1_000_000, 4096)])
    assert time.process_time() - started < 2
