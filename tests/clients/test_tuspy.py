"""tuspy, the tus client for Python, as it is."""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from pathlib import Path

import pytest

from support.client import Dav
from support.counting import relay
from support.raw import basic
from support.server import Server

tusclient = pytest.importorskip("tusclient.client")

DATA = secrets.token_bytes(700_000)


@pytest.fixture
def client(server: Server, box: Dav):
    """A client whose files go into the box."""
    url = f"{server.url}{box.base.replace('/dav/home/', '/remote.php/dav/files/alice/')}"
    return tusclient.TusClient(url, headers={"Authorization": basic("alice", server.users["alice"])})


@pytest.mark.parametrize("size", [0, 1, 100_000, 700_000, 10_000_000])
def test_a_file(client, box: Dav, size: int) -> None:
    """In pieces of any size, each with its checksum."""
    said = {"filename": "big.bin", "mtime": "1500000000", "checksum": "SHA1 " + hashlib.sha1(DATA).hexdigest()}
    uploader = client.uploader(
        file_stream=io.BytesIO(DATA), chunk_size=size or 2**31, metadata=said, upload_checksum=bool(size > 1)
    )
    uploader.upload(stop_at=5 if size == 1 else None)
    if size == 1:
        assert uploader.get_offset() == 5 and box.names() == set()
        uploader.chunk_size = len(DATA)
        uploader.upload()
    assert box.get("big.bin").body == DATA
    assert box.text("big.bin", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


def test_an_empty_file(client, box: Dav) -> None:
    """Only the creation."""
    client.uploader(file_stream=io.BytesIO(b""), metadata={"filename": "empty"}).upload()
    assert box.get("empty").body == b"" and box.get("empty").status == 200


def test_going_on_elsewhere(client, box: Dav, tmp_path: Path) -> None:
    """Another run goes on from the address that the first one kept."""
    (tmp_path / "big").write_bytes(DATA)
    first = client.uploader(str(tmp_path / "big"), chunk_size=100_000, metadata={"filename": "big"})
    first.upload(stop_at=300_000)
    second = client.uploader(str(tmp_path / "big"), chunk_size=200_000, url=first.url)
    assert second.offset == 300_000
    second.upload()
    assert box.get("big").body == DATA


def test_a_cut_connection(server: Server, box: Dav) -> None:
    """It asks how far it came, and sends the rest only."""
    with relay(server.port) as between:
        url = f"http://127.0.0.1:{between.port}{box.base}"
        headers = {"Authorization": basic("alice", server.users["alice"])}
        whole = secrets.token_bytes(5_000_000)
        uploader = tusclient.TusClient(url, headers=headers).uploader(
            file_stream=io.BytesIO(whole), metadata={"filename": "big"}
        )
        between.limit = 2_000_000
        with pytest.raises(Exception):  # noqa: B017 - whatever the network makes of it
            uploader.upload()
        between.limit = None
        deadline = time.monotonic() + 10
        while not uploader.get_offset():
            assert time.monotonic() < deadline
        uploader.offset = uploader.get_offset()
        between.take()
        uploader.upload()
        assert between.sent < len(whole) - 1_000_000
        assert box.get("big").body == whole
