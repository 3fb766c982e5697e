"""RFC 9110 section 14: byte ranges."""

from __future__ import annotations

import random
import re

import pytest

from support.client import Answer, Dav

DATA = random.Random(9110).randbytes(10_000)


@pytest.fixture
def file(box: Dav) -> Dav:
    """A client whose ``file`` holds :data:`DATA`."""
    assert box.put("file", DATA).status == 201
    return box


def parts(answer: Answer) -> list[tuple[str, bytes]]:
    """(Content-Range, bytes) of the parts of a multipart/byteranges."""
    match = re.fullmatch(r'multipart/byteranges; ?boundary="?([^"]+)"?', answer["Content-Type"])
    assert match, answer["Content-Type"]
    assert int(answer["Content-Length"]) == len(answer.body)
    pieces = (b"\r\n" + answer.body).split(b"\r\n--" + match[1].encode())
    assert pieces[-1].strip() == b"--"
    found = []
    for piece in pieces[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        content_range = re.search(rb"(?i)^content-range: *(.+?)\r?$", head, re.MULTILINE)
        assert content_range and re.search(rb"(?i)^content-type:", head, re.MULTILINE)
        found.append((content_range[1].decode(), data))
    return found


@pytest.mark.rfc("9110", "14.2", "bytes=a-b, a-, -n: 206 with exactly those bytes")
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("0-0", 0, 0),
        ("0-99", 0, 99),
        ("100-199", 100, 199),
        ("9999-9999", 9999, 9999),
        ("9000-", 9000, 9999),
        ("0-", 0, 9999),
        ("-1", 9999, 9999),
        ("-500", 9500, 9999),
        ("-10000", 0, 9999),
        ("-99999999999", 0, 9999),
        ("9990-99999999999999", 9990, 9999),
        (" 5-6 ", 5, 6),
    ],
)
def test_single(file: Dav, asked: str, first: int, last: int) -> None:
    answer = file.get("file", {"Range": f"bytes={asked}"})
    assert answer.status == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/10000"
    assert answer.body == DATA[first : last + 1]
    assert answer["Content-Length"] == str(last - first + 1)
    assert answer["ETag"] == file.etag("file")
    assert answer["Last-Modified"] == file.head("file")["Last-Modified"]


@pytest.mark.rfc("9110", "14.2", "other units and bad syntax are ignored: 200 with everything")
@pytest.mark.parametrize(
    "value",
    ["", "bytes", "bytes=", "bytes=-", "bytes=x-y", "bytes=5", "bytes=9-5", "items=0-5", "bytes 0-5", "bytes=0-5;6-7",
     "bytes=--5", "bytes=0x1-0x5", "bytes=1-2-3", "bytes=\xb2-3"],
)  # fmt: skip
def test_ignored(file: Dav, value: str) -> None:
    answer = file.get("file", {"Range": value})
    assert (answer.status, answer.body) == (200, DATA)
    assert "Content-Range" not in answer.headers


@pytest.mark.rfc("9110", "15.5.17", "nothing satisfiable: 416 with Content-Range: bytes */size")
@pytest.mark.parametrize("asked", ["10000-", "10000-10001", "99999999999999999999-", "-0", "20000-,30000-"])
def test_unsatisfiable(file: Dav, asked: str) -> None:
    answer = file.get("file", {"Range": f"bytes={asked}"}).refused(416)
    assert answer["Content-Range"] == "bytes */10000"
    assert file.get("file").body == DATA


@pytest.mark.rfc("9110", "15.5.17", "an empty file has no satisfiable range")
def test_empty_file(box: Dav) -> None:
    box.put("file", b"")
    for asked in ("0-", "0-0", "-5"):
        answer = box.get("file", {"Range": f"bytes={asked}"})
        assert answer.status in (200, 416)
        assert answer.status == 200 or answer["Content-Range"] == "bytes */0"


@pytest.mark.rfc("9110", "14.2", "Range is ignored for other methods than GET, HEAD included")
def test_other_methods(file: Dav) -> None:
    head = file.head("file", {"Range": "bytes=0-5"})
    assert (head.status, head["Content-Length"]) == (200, "10000")
    assert file.put("file", b"new", {"Range": "bytes=0-1"}).status == 204
    assert file.get("file").body == b"new"


@pytest.mark.rfc("9110", "14.6", "(*) several ranges: multipart/byteranges with all of them, or 200; never just one")
@pytest.mark.parametrize(
    ("asked", "spans"),
    [
        ("0-9,100-109", [(0, 9), (100, 109)]),
        ("100-109,0-9", [(0, 9), (100, 109)]),
        ("0-9, 5000-5999 ,-10", [(0, 9), (5000, 5999), (9990, 9999)]),
        ("0-0,20000-,9999-", [(0, 0), (9999, 9999)]),
    ],
)
def test_several(file: Dav, asked: str, spans: list[tuple[int, int]]) -> None:
    answer = file.get("file", {"Range": f"bytes={asked}"})
    if answer.status == 200:
        assert answer.body == DATA
        return
    assert answer.status == 206
    assert "Content-Range" not in answer.headers
    found = parts(answer)
    assert sorted(found) == sorted((f"bytes {a}-{b}/10000", DATA[a : b + 1]) for a, b in spans)
    assert answer["ETag"] == file.etag("file")


@pytest.mark.rfc("9110", "14.2", "overlapping ranges are merged: every byte comes once")
@pytest.mark.parametrize("asked", ["0-99,50-149", "0-149,20-30,40-50", "0-99,100-149"])
def test_overlapping(file: Dav, asked: str) -> None:
    answer = file.get("file", {"Range": f"bytes={asked}"})
    if answer.status == 206 and "Content-Range" in answer.headers:
        assert answer["Content-Range"] == "bytes 0-149/10000"
        assert answer.body == DATA[:150]
    elif answer.status == 206:
        found = parts(answer)
        assert b"".join(data for _, data in found) == DATA[:150]
    else:
        assert (answer.status, answer.body) == (200, DATA)


@pytest.mark.rfc("9110", "17.15", "many ranges cost no more than the file")
def test_many(file: Dav) -> None:
    asked = ",".join(f"{n}-{n}" for n in range(0, 8000, 2))
    for value in (asked, ",".join(["0-"] * 1000), ",".join(["-1"] * 200)):
        answer = file.get("file", {"Range": f"bytes={value}"})
        assert answer.status in (200, 206, 416, 431, 400)
        assert len(answer.body) <= 3 * len(DATA)


@pytest.mark.rfc("9110", "13.1.5", "If-Range: the strong ETag or the exact Last-Modified, else 200")
def test_if_range(file: Dav) -> None:
    etag, date = file.etag("file"), file.head("file")["Last-Modified"]
    expected = [
        (etag, 206),
        (date, (200, 206)),
        ('"x"', 200),
        (f"W/{etag}", 200),
        ("Thu, 01 Jan 2004 00:00:00 GMT", 200),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 200),
        ("nonsense", 200),
    ]
    for value, status in expected:
        answer = file.get("file", {"Range": "bytes=0-4", "If-Range": value})
        assert answer.status in (status if isinstance(status, tuple) else (status,)), value
        assert answer.body == (DATA[:5] if answer.status == 206 else DATA)
    assert file.get("file", {"If-Range": etag}).status == 200


@pytest.mark.rfc("9110", "13.2.2", "conditions come before ranges")
def test_conditions_first(file: Dav) -> None:
    etag = file.etag("file")
    assert file.get("file", {"Range": "bytes=0-4", "If-None-Match": etag}).status == 304
    assert file.get("file", {"Range": "bytes=0-4", "If-Match": '"x"'}).status == 412
    assert file.get("file", {"Range": "bytes=99999-", "If-Match": '"x"'}).status == 412
    assert file.get("file", {"Range": "bytes=0-4", "If-Match": etag}).status == 206


@pytest.mark.rfc("9110", "14.2", "a large file is put together from its ranges")
def test_pieces(box: Dav) -> None:
    data = random.Random(1).randbytes(1_500_000)
    box.put("file", data)
    size = 370_001
    got = [box.get("file", {"Range": f"bytes={at}-{at + size - 1}"}).body for at in range(0, len(data), size)]
    assert b"".join(got) == data
