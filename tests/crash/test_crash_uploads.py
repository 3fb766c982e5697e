"""The last step of an upload, crashed at every point: asked again, it is done, once."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator

import pytest
from test_crash import crash

from support.client import Dav
from support.server import Server

POINTS = ["put.staged", "put.synced", "commit.begun", "commit.done", "effect.done", "answered"]
PARTS = [b"first " * 1000, b"second " * 3000, b"third"]
WHOLE = b"".join(PARTS)
SPOKEN = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One data folder that is crashed and restarted all the time."""
    server = Server.start(tmp_path_factory.mktemp("crash"))
    yield server
    server.discard()


def sound(server: Server) -> None:
    """No upload is open, and index and disk are at one; staged files of a crash are litter that goes later."""
    assert server.rows("SELECT * FROM upload WHERE answer=''") == server.rows("SELECT * FROM chunk") == []
    checked = server.cli("check", "--hashes", check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("order", ["012", "120"])
def test_the_last_step_in_chunks(victim: Server, point: str, order: str) -> None:
    """MOVE once more tells what came of it, under the same condition as before."""
    victim.restart()
    dav = victim.dav()
    name = secrets.token_hex(4)
    old = dav.put(name, b"old")["ETag"]
    upload = f"/remote.php/dav/uploads/alice/{name}/"
    assert dav.mkcol(upload).status == 201
    for index in order:
        assert dav.put(upload + index, PARTS[int(index)]).status == 201
    headers = {"Destination": f"/remote.php/webdav/{name}", "If-Match": old, "X-OC-Mtime": "1500000000",
               "OC-Checksum": "SHA1:" + hashlib.sha1(WHOLE).hexdigest()}  # fmt: skip
    victim.stop()
    victim.run({"DAVSHARE_CRASH_AT": point})
    crash(victim, lambda: victim.dav().request("MOVE", upload + ".file", headers=headers).status)
    victim.run()
    dav = victim.dav()
    answers = [dav.request("MOVE", upload + ".file", headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [204, 204]
    assert {answer["ETag"] for answer in answers} == {dav.etag(name)}
    assert dav.get(name).body == WHOLE
    sound(victim)


@pytest.mark.parametrize("point", POINTS)
def test_the_last_piece(victim: Server, point: str) -> None:
    """Whoever asks how far it is learns nothing wrong: all of it is there when the file is."""
    victim.restart()
    dav = victim.dav()
    name = secrets.token_hex(4)
    said = f"filename {base64.b64encode(name.encode()).decode()}"
    made = dav.request("POST", "", PARTS[0], {**SPOKEN, "Upload-Length": str(len(WHOLE)), "Upload-Metadata": said})
    path = "/" + made["Location"].split("/", 3)[3]
    victim.stop()
    victim.run({"DAVSHARE_CRASH_AT": point})
    sent = {**SPOKEN, "Upload-Offset": str(len(PARTS[0]))}
    crash(victim, lambda: victim.dav().request("PATCH", path, WHOLE[len(PARTS[0]) :], sent).status)
    victim.run()
    dav = victim.dav()
    offset = int(dav.head(path, headers=SPOKEN)["Upload-Offset"])
    if offset < len(WHOLE):
        assert dav.request("PATCH", path, WHOLE[offset:], {**SPOKEN, "Upload-Offset": str(offset)}).status == 204
    assert dav.get(name).body == WHOLE
    assert dav.head(path, headers=SPOKEN)["ETag"] == dav.etag(name)
    sound(victim)


@pytest.mark.parametrize("point", POINTS)
def test_many_files_at_once(victim: Server, point: str) -> None:
    """Each file is there as a whole or not at all, and all of them after another try."""
    victim.restart()
    mark = secrets.token_hex(4)
    files = {f"{mark}-{index}": secrets.token_bytes(500 * index) for index in range(5)}
    body = b"".join(
        f"--b\r\nX-File-Path: /{name}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data + b"\r\n"
        for name, data in files.items()
    )

    def send(dav: Dav) -> int:
        kind = {"Content-Type": "multipart/related; boundary=b"}
        return dav.request("POST", "/remote.php/dav/bulk", body + b"--b--\r\n", kind).status

    victim.stop()
    victim.run({"DAVSHARE_CRASH_AT": point})
    crash(victim, lambda: send(victim.dav()))
    victim.run()
    dav = victim.dav()
    assert all(dav.get(name).body == files[name] for name in dav.names() & files.keys())
    assert send(dav) == 200
    assert all(dav.get(name).body == data for name, data in files.items())
    checked = victim.cli("check", "--hashes", check=False)
    assert checked.returncode == 0, checked.stdout
