"""curl: what scripts do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav
from support.server import Server


@pytest.fixture
def curl(program, run, server: Server) -> Callable[..., str]:
    """Runs curl as alice; status and body."""
    binary = program("curl", "curl")

    def call(*arguments: str) -> tuple[int, str]:
        login = f"alice:{server.users['alice']}"
        done = run(binary, "--silent", "--show-error", "--user", login, "--write-out", "\n%{http_code}", *arguments)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    return call


def test_upload_and_download(curl, tmp_path: Path, box: Dav) -> None:
    """-T and -o, small and with Expect: 100-continue, with and without a known length."""
    for name, size in (("small", 10), ("large", 3_000_000)):
        (tmp_path / name).write_bytes(b"x" * size)
        assert curl("-T", name, box.full(name))[0] == 201
        assert curl("-T", name, box.full(name))[0] == 204
        assert curl("-T", name, "-H", "Transfer-Encoding: chunked", box.full(name + "-chunked"))[0] == 201
        for remote in (name, name + "-chunked"):
            assert curl("-o", "back", box.full(remote))[0] == 200
            assert (tmp_path / "back").read_bytes() == b"x" * size


def test_resumed_download(curl, tmp_path: Path, box: Dav) -> None:
    """-C - goes on where a download stopped."""
    data = bytes(range(256)) * 1000
    box.put("file", data)
    (tmp_path / "part").write_bytes(data[:100_000])
    assert curl("-C", "-", "-o", "part", box.full("file"))[0] == 206
    assert (tmp_path / "part").read_bytes() == data


def test_resumed_upload_is_refused(curl, tmp_path: Path, box: Dav) -> None:
    """-C with -T sends Content-Range: 400, and the file stays."""
    box.put("file", b"0123456789")
    (tmp_path / "file").write_bytes(b"0123456789abcdef")
    assert curl("-T", "file", "-C", "10", box.full("file"))[0] == 400
    assert box.get("file").body == b"0123456789"


def test_conditions(curl, tmp_path: Path, box: Dav) -> None:
    """--etag-save and --etag-compare: an unchanged file is not sent again."""
    box.put("file", b"content")
    assert curl("--etag-save", "etag", "-o", "got", box.full("file"))[0] == 200
    assert curl("--etag-compare", "etag", "-o", "again", box.full("file"))[0] == 304
    box.put("file", b"changed")
    assert curl("--etag-compare", "etag", "-o", "again", box.full("file"))[0] == 200
    assert (tmp_path / "again").read_bytes() == b"changed"


def test_methods_of_webdav(curl, box: Dav) -> None:
    """MKCOL, PROPFIND, MOVE, COPY, DELETE by -X."""
    assert curl("-X", "MKCOL", box.full("d"))[0] == 201
    assert curl("-T", "-", box.full("d/file"))[0] in (201, 411)
    box.put("d/file", b"1")
    status, body = curl("-X", "PROPFIND", "-H", "Depth: 1", box.full("d/"))
    assert (status, "getetag" in body) == (207, True)
    assert curl("-X", "MOVE", "-H", f"Destination: {box.full('moved')}", box.full("d/file"))[0] == 201
    assert curl("-X", "COPY", "-H", f"Destination: {box.full('copied')}", box.full("moved"))[0] == 201
    assert curl("-X", "DELETE", box.full("d/"))[0] == 204
    assert box.names() == {"moved", "copied"}


def test_bearer(program, run, server: Server, box: Dav) -> None:
    """An app token as Bearer."""
    token = server.cli("token", "add", "alice", "--json").stdout
    secret = json.loads(token)["token"]
    done = run(
        program("curl", "curl"), "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Authorization: Bearer {secret}",
        "-X", "PROPFIND", "-H", "Depth: 0", box.full(""),
    )  # fmt: skip
    assert done.stdout == "207"
