"""Small files, which are kept in memory with their answer once they were asked for twice."""

from __future__ import annotations

import hashlib
import os

import pytest

from support.client import Answer, Dav
from support.server import Server

#: Below and above what is kept.
SIZES = [0, 1, 4096, 4097]


def told(answer: Answer) -> tuple:
    """What may not depend on who asked before."""
    fields = {name: value for name, value in answer.headers.items() if name != "Date"}
    return answer.status, fields, answer.body


@pytest.mark.parametrize("size", SIZES)
def test_every_answer_is_the_same(box: Dav, size: int) -> None:
    data = os.urandom(size)
    sha1 = hashlib.sha1(data).hexdigest()
    box.put("file.txt", data, {"OC-Checksum": f"SHA1:{sha1}"})
    first, *others = [box.get("file.txt") for _ in range(6)]
    assert first.status == 200 and first.body == data and sha1 in first["OC-Checksum"].lower()
    assert all(told(each) == told(first) for each in others)
    heads = [box.head("file.txt") for _ in range(4)]
    assert all(told(each)[:-1] == told(first)[:-1] and each.body == b"" for each in heads)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("asked", [0, 1, 2, 5])
def test_new_content_is_seen_at_once(box: Dav, size: int, asked: int) -> None:
    for round_ in range(3):
        data = bytes([round_]) * size
        box.put("file", data)
        for _ in range(asked):
            assert box.get("file").body == data
        assert box.get("file").body == data
    box.put("other", b"changes the index")
    assert box.get("file").body == data


@pytest.mark.parametrize("asked", [1, 2, 5])
def test_what_is_replaced_on_disk_is_seen_at_once(box: Dav, server: Server, asked: int) -> None:
    path = server.home() / box.base.removeprefix("/dav/home/") / "file"
    box.put("file", b"one")
    etags = set()
    for data in (b"two", b"six", b"longer"):
        for _ in range(asked):
            etags.add(box.get("file")["ETag"])
        aside = path.with_name("aside")
        aside.write_bytes(data)
        os.rename(aside, path)
        assert [box.get("file").body for _ in range(3)] == [data] * 3
    assert len(etags) == 3


@pytest.mark.parametrize("asked", [1, 2, 5])
def test_a_file_that_goes_is_gone(box: Dav, asked: int) -> None:
    box.put("file", b"1")
    for _ in range(asked):
        assert box.get("file").status == 200
    box.delete("file")
    assert box.get("file").status == box.head("file").status == 404


def test_conditions_ranges_and_downloads_count_on_what_is_kept(box: Dav) -> None:
    box.put("file.html", b"<b>0123456789</b>")
    etag = [box.get("file.html") for _ in range(3)][-1]["ETag"]
    for _ in range(2):
        assert box.get("file.html", {"If-None-Match": etag}).status == 304
        part = box.get("file.html", {"Range": "bytes=3-5"})
        assert (part.status, part.body) == (206, b"012")
        assert box.get("file.html", {"If-Match": '"other"'}).status == 412
        assert box.get("file.html?download")["Content-Disposition"].startswith("attachment")
        assert box.get("file.html").body == b"<b>0123456789</b>"


def test_nobody_else_gets_it(box: Dav, server: Server) -> None:
    box.put("file", b"private")
    assert [box.get("file").body for _ in range(3)] == [b"private"] * 3
    assert server.dav("bob", box.base.replace("/dav/home/", "/remote.php/dav/files/alice/")).get("file").status in (
        403,
        404,
    )
    assert server.dav(None, box.base).get("file").status == 401
