"""What lies on disk: missing storage, links, pipes, denied writes, a full disk, changes behind our back."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.client import Dav
from support.follower import Follower, differences, walk
from support.raw import basic
from support.server import Server

pytestmark = pytest.mark.slow

ROOT = os.geteuid() == 0


def on_disk(server: Server, box: Dav) -> Path:
    """The folder on disk that holds alice's box."""
    return server.home() / box.base.removeprefix("/dav/home/")


@pytest.fixture
def box(module_server: Server) -> Dav:
    """A client rooted in a new empty folder."""
    return module_server.dav("alice").fresh_box()


APPEND = {"Content-Type": "application/x-sabredav-partialupdate", "X-Update-Range": "append"}
REQUESTS: dict[str, Callable[[Dav], int]] = {
    "GET": lambda dav: dav.get("file").status,
    "HEAD": lambda dav: dav.head("file").status,
    "PUT": lambda dav: dav.put("file", b"2").status,
    "PUT new": lambda dav: dav.put("new", b"2").status,
    "MKCOL": lambda dav: dav.mkcol("new").status,
    "PATCH": lambda dav: dav.request("PATCH", "file", b"x", APPEND).status,
    "POST": lambda dav: dav.request("POST", "", b"x").status,
    "LOCK new": lambda dav: dav.lock("new", depth="0").status,
    "PROPPATCH": lambda dav: dav.proppatch("file", {"{urn:x}a": "1"}).status,
    "DELETE": lambda dav: dav.delete("file").status,
    "MOVE": lambda dav: dav.move("file", "moved").status,
    "COPY": lambda dav: dav.copy("file", "copied").status,
    "PROPFIND": lambda dav: dav.request("PROPFIND", "", headers={"Depth": "1"}).status,
    "PROPFIND file": lambda dav: dav.request("PROPFIND", "file", headers={"Depth": "0"}).status,
    "PROPFIND missing": lambda dav: dav.request("PROPFIND", "none", headers={"Depth": "0"}).status,
    "GET missing": lambda dav: dav.get("none").status,
    "REPORT": lambda dav: dav.report_sync().status,
    "page": lambda dav: dav.get("", {"Accept": "text/html"}).status,
}


@pytest.mark.parametrize("action", sorted(REQUESTS))
def test_missing_storage(own_home: tuple[Server, Dav, Path], action: str) -> None:
    """Past failure 4: while the storage is missing 503 with Retry-After, never 404 or an empty 207."""
    _, dav, home = own_home
    away = home.with_name(home.name + ".away")
    home.rename(away)
    try:
        for _ in range(3):
            assert REQUESTS[action](dav.clone()) == 503
        answer = dav.request("PROPFIND", "", headers={"Depth": "1"}).refused(503)
        assert int(answer["Retry-After"]) > 0
        assert not home.exists(), "nothing was put where the storage should be"
    finally:
        away.rename(home)
    assert dav.get("file").body == b"content"
    assert dav.names() == {"file"}


@pytest.fixture(scope="module")
def own_home(module_server: Server) -> tuple[Server, Dav, Path]:
    """The server, a user of its own with one file, and the folder with that user's files."""
    module_server.cli("user", "add", "carol", "--password-stdin", input="carol-pass-33")
    module_server.users["carol"] = "carol-pass-33"
    dav = module_server.dav("carol")
    assert dav.put("file", b"content").status == 201
    return module_server, dav, module_server.home("carol")


def test_empty_storage(own_home: tuple[Server, Dav, Path]) -> None:
    """Past failure 4: an empty folder in place of the storage (an unmounted disk) is no mass deletion."""
    server, dav, home = own_home
    follower = Follower(dav)
    follower.catch_up()
    away = home.with_name(home.name + ".away")
    home.rename(away)
    home.mkdir()
    try:
        assert dav.get("file").status == 503
        assert dav.request("PROPFIND", "", headers={"Depth": "1"}).status in (207, 503)
        server.cli("reconcile", "carol", check=False)
    finally:
        shutil.rmtree(home)
        away.rename(home)
    assert follower.catch_up().keys() == {"/dav/home/file"}
    assert dav.get("file").body == b"content"


# -- links and pipes -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def spare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose disk is treated badly."""
    running = Server.start(tmp_path_factory.mktemp("spare"))
    yield running
    running.kill9()


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "/etc", "../../../index.sqlite", "../.davshare", ".", "file", "none"]
)
def test_symlinks(spare_server: Server, target: str) -> None:
    """Past failure 41: symlinks are not followed, by no method, before and after reconcile, and nothing else breaks."""
    module_server = spare_server
    box = module_server.dav("alice").fresh_box()
    box.put("file", b"content")
    box.mkcol("sub")
    folder = on_disk(module_server, box)
    (folder / "link").symlink_to(target)
    shutil.rmtree(folder / "sub")
    (folder / "sub").symlink_to(target)
    before = Path("/etc/passwd").read_bytes()
    for _ in range(2):
        for path in ("link", "link/", "link/passwd", "sub/passwd", "sub/file"):
            answer = box.get(path)
            assert answer.status in (403, 404, 405, 409, 503), (path, answer)
            assert b"root:" not in answer.body
        assert box.put("link", b"x").status in (201, 204, 403, 404, 405, 409, 423, 503)
        assert box.put("sub/new", b"x").status in (403, 404, 405, 409, 503)
        assert box.mkcol("sub/newdir").status in (403, 404, 405, 409, 503)
        assert box.copy("sub/passwd", "stolen").status in (403, 404, 409, 503)
        assert b"root:" not in box.get("stolen").body
        module_server.cli("reconcile", "alice")
    assert Path("/etc/passwd").read_bytes() == before
    assert not Path("/etc/new").exists() and not Path("/etc/newdir").exists()
    assert box.get("file").body == b"content"
    assert box.put("goes-on", b"1").status == 201
    assert box.mkcol("goes-on-too").status == 201


def test_pipes(module_server: Server, box: Dav) -> None:
    """A FIFO, a socket or a device on disk never hangs a request, and is not there for us."""
    box.put("was", b"content")
    folder = on_disk(module_server, box)
    (folder / "was").unlink()
    os.mkfifo(folder / "was")
    os.mkfifo(folder / "pipe")
    for _ in range(2):
        for path in ("pipe", "was"):
            assert box.get(path).status in (403, 404, 409, 503)
            assert box.head(path).status in (403, 404, 409, 503)
            assert box.copy(path, "copied").status in (403, 404, 409, 503)
        assert box.request("PROPFIND", "", headers={"Depth": "1"}).status == 207
        module_server.cli("reconcile", "alice")
    assert "pipe" not in box.names()
    module_server.cli("check", "alice", "--hashes", check=False)


# -- writes that fail ----------------------------------------------------------------------


@contextlib.contextmanager
def write_protected(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be made or removed, for root neither."""
    if ROOT:
        if subprocess.run(["chattr", "+i", str(folder)], capture_output=True).returncode:
            pytest.skip("this filesystem has no immutable attribute")
        try:
            yield
        finally:
            subprocess.run(["chattr", "-i", str(folder)], check=True)
    else:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)


def test_permission_denied(module_server: Server, box: Dav) -> None:
    """Writes into a folder that denies them are refused, the old content stays, and the server goes on."""
    box.mkcol("d")
    box.put("d/file", b"old")
    box.put("other", b"other")
    follower = Follower(box)
    follower.catch_up()
    with write_protected(on_disk(module_server, box) / "d"):
        for answer in (
            box.put("d/file", b"new"),
            box.put("d/new", b"new"),
            box.mkcol("d/sub"),
            box.copy("other", "d/copied"),
            box.move("other", "d/moved"),
            box.delete("d/file"),
            box.move("d/file", "away"),
        ):
            answer.refused(403, 500, 503, 507)
        assert box.get("d/file").body == b"old"
        assert box.get("other").body == b"other"
    assert (box.names(), box.names("d/")) == ({"d", "other"}, {"file"})
    assert box.get("d/file").body == b"old"
    assert differences(follower.catch_up(), walk(box)) == []
    assert box.put("d/file", b"new").status == 204
    assert module_server.cli("check", "alice", check=False).returncode == 0


@pytest.fixture
def small_disk(module_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dav, Path]]:
    """A space on a filesystem of 8 MiB."""
    if not ROOT:
        pytest.skip("mounting a small filesystem needs root")
    folder = tmp_path_factory.mktemp("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        name = folder.name
        module_server.cli("space", "add", name, "--root", str(folder))
        module_server.cli("space", "set", name, "--member", "alice:editor")
        yield module_server.dav("alice", f"/dav/spaces/{name}/"), folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
@pytest.mark.rfc("4918", "11.5", "a full disk is 507, the old file stays, and the server goes on")
@pytest.mark.parametrize("chunked", [False, True])
def test_full_disk(small_disk: tuple[Dav, Path], chunked: bool) -> None:
    """Past failure 3: ENOSPC is 507 and the old file stays."""
    dav, folder = small_disk
    box = dav.fresh_box()
    assert box.put("file", b"old" * 1000).status == 201
    etag = box.etag("file")
    free = shutil.disk_usage(folder).free
    block = b"x" * 100_000
    for name in ("file", "new"):
        answer = box.clone().put(name, iter([block] * 120) if chunked else block * 120)
        answer.refused(507)
        assert answer.condition in ("sufficient-disk-space", "quota-not-exceeded")
    assert (box.get("file").body, box.etag("file"), box.names()) == (b"old" * 1000, etag, {"file"})
    assert shutil.disk_usage(folder).free > free - 50_000, "what was written in vain is gone"
    assert box.put("file", b"x" * 600_000).status == 204
    assert box.copy("file", "copy1").status == 201
    statuses = [box.copy("file", f"copy{n}").status for n in range(2, 20)]
    assert set(statuses) <= {201, 507} and 507 in statuses
    for name in box.names():
        assert box.get(name).body == b"x" * 600_000
    assert box.delete("").status == 204


@pytest.mark.root
@pytest.mark.rfc("4918", "9.9", "a move to another filesystem and back is complete, and nothing changes its id")
def test_move_across_filesystems(module_server: Server, small_disk: tuple[Dav, Path]) -> None:
    dav, folder = small_disk
    there = dav.fresh_box()
    here = module_server.dav("alice").fresh_box()
    here.mkcol("tree")
    here.mkcol("tree/inner")
    here.put("tree/inner/file", b"content", {"X-OC-Mtime": "1600000000"})
    here.proppatch("tree/inner/file", {"{urn:x}a": "kept"})
    number = here.text("tree/inner/file", "{http://owncloud.org/ns}fileid")
    tags = {here.etag("tree/inner/file")}
    for source, target in ((here, there), (there, here)):
        follower = Follower(source, "", "infinite", random.Random(1))
        follower.catch_up()
        assert source.move("tree/", target.path("tree")).status == 201
        assert not source.exists("tree/")
        assert target.get("tree/inner/file").body == b"content"
        assert target.get("tree/inner/file")["Last-Modified"] == "Sun, 13 Sep 2020 12:26:40 GMT"
        assert target.text("tree/inner/file", "{http://owncloud.org/ns}fileid") == number
        assert target.text("tree/inner/file", "{urn:x}a") == "kept"
        assert target.etag("tree/inner/file") not in tags, "an ETag never comes back"
        tags.add(target.etag("tree/inner/file"))
        assert differences(follower.catch_up(), walk(source)) == []
    for space in (folder.name, "alice"):
        assert module_server.cli("check", "--hashes", space, check=False).returncode == 0


@pytest.mark.root
def test_read_only_filesystem(small_disk: tuple[Dav, Path]) -> None:
    """A filesystem that became read-only refuses writes and goes on reading."""
    dav, folder = small_disk
    box = dav.fresh_box()
    box.put("file", b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        for answer in (box.put("file", b"new"), box.put("new", b"x"), box.mkcol("sub"), box.move("file", "moved")):
            answer.refused(403, 500, 503, 507)
        assert box.get("file").body == b"old"
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    assert box.names() == {"file"}
    assert box.put("file", b"new").status == 204


# -- changes behind our back ---------------------------------------------------------------


def test_changed_content(module_server: Server, box: Dav) -> None:
    """Content changed on disk is served with another ETag and its own length, and followers hear of it."""
    box.put("file", b"as uploaded")
    box.put("other", b"x")
    old = box.etag("file")
    follower = Follower(box)
    follower.catch_up()
    (on_disk(module_server, box) / "file").write_bytes(b"changed by an administrator")
    seen = set()
    for _ in range(4):
        got = box.clone().get("file")
        assert got.status == 200
        assert got["Content-Length"] == str(len(got.body))
        assert got.body == b"changed by an administrator"
        assert got["ETag"] != old
        seen.add(got["ETag"])
    module_server.cli("reconcile", "alice")
    now = box.get("file")
    assert now["ETag"] == box.etag("file")
    assert box.text("file", "getcontentlength") == str(len(now.body))
    assert differences(follower.catch_up(), walk(box)) == []
    assert follower.state[box.href("file")][0] != old
    assert len(seen) == 1


@pytest.mark.parametrize("method", ["COPY", "MOVE", "DELETE"])
def test_what_has_just_changed_is_copied_and_moved_as_it_is(module_server: Server, box: Dav, method: str) -> None:
    """In the file itself, so that its inode stays; and at once, before anybody else has noticed."""
    for number in range(10):
        box.put("file", b"as uploaded")
        content = b"changed %d" % number
        (on_disk(module_server, box) / "file").write_bytes(content)
        headers = {} if method == "DELETE" else {"Destination": box.full("other")}
        assert box.request(method, "file", headers=headers).status in (201, 204)
        assert method == "DELETE" or box.get("other").body == content
        assert box.get("file").status == (200 if method == "COPY" else 404)


def test_same_size_changed(module_server: Server, box: Dav) -> None:
    """Also when the size stays the same: never the old ETag or digest with the new bytes."""
    box.put("file", b"AAAA")
    old = box.etag("file")
    path = on_disk(module_server, box) / "file"
    path.write_bytes(b"BBBB")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))
    got = box.get("file", {"Want-Repr-Digest": "sha-256=5"})
    assert got.body == b"BBBB"
    assert got["ETag"] != old
    assert base64.b64encode(hashlib.sha256(b"BBBB").digest()).decode() in got["Repr-Digest"]
    assert box.get("file", {"If-None-Match": old}).status == 200


def test_added_and_removed(module_server: Server, box: Dav) -> None:
    """What was added or removed on disk is seen after reconcile, in listings and reports."""
    box.put("stays", b"1")
    box.put("goes", b"1")
    box.mkcol("d")
    box.put("d/goes", b"1")
    follower = Follower(box)
    follower.catch_up()
    folder = on_disk(module_server, box)
    (folder / "goes").unlink()
    (folder / "d" / "goes").unlink()
    (folder / "d" / "grüße").write_bytes(b"new")
    (folder / "e" / "f").mkdir(parents=True)
    (folder / "e" / "f" / "deep").write_bytes(b"deep")
    assert box.get("goes").status in (404, 503)
    found = json.loads(module_server.cli("reconcile", "alice", "--json").stdout)
    assert found
    assert box.names() == {"stays", "d", "e"}
    assert box.names("d/") == {"grüße"}
    assert box.get("e/f/deep").body == b"deep"
    assert differences(follower.catch_up(), walk(box)) == []
    assert module_server.cli("check", "alice", check=False).returncode == 0


def test_one_name_looked_up_says_nothing_of_the_others(module_server: Server, box: Dav) -> None:
    """A listing right after the lookup of one new file shows the other new ones, too."""
    box.put("known", b"0")
    for name in ("first", "second"):
        (on_disk(module_server, box) / name).write_bytes(b"1")
    assert box.get("first").body == b"1"
    assert box.names() == {"known", "first", "second"}


def test_odd_names_on_disk(module_server: Server, box: Dav) -> None:
    """Names that no URL can hold stay on disk and never break a listing."""
    folder = os.fsencode(on_disk(module_server, box))
    box.put("good", b"1")
    for name in (b"bad\xff", b"ctrl\x01", b"line\nend", b"back\\slash"):
        with contextlib.suppress(OSError), open(folder + b"/" + name, "wb") as file:
            file.write(b"x")
    module_server.cli("reconcile", "alice")
    assert "good" in box.names()
    assert all("\n" not in name and "\x01" not in name for name in box.names())
    assert box.report_sync().status == 207


def test_cut_while_sending(module_server: Server, box: Dav) -> None:
    """Past failure 6: a file that shrinks during a download breaks the connection; it never ends well-formed."""
    size = 40_000_000
    with (on_disk(module_server, box) / "big").open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(1_000_000))
    module_server.cli("reconcile", "alice")
    link = http.client.HTTPConnection("127.0.0.1", module_server.port, timeout=20)
    link.request("GET", box.path("big"), headers={"Authorization": basic(*box.auth)})
    response = link.getresponse()
    assert (response.status, response.headers["Content-Length"]) == (200, str(size))
    response.read(1000)
    os.truncate(on_disk(module_server, box) / "big", 20_000_000)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    link.close()


def test_old_content_is_whole_for_slow_readers(module_server: Server, box: Dav) -> None:
    """A reader that began before an overwrite or a delete gets all of the old bytes."""
    old, new = os.urandom(8_000_000), b"new"
    box.put("file", old)
    links = []
    for _ in range(2):
        link = http.client.HTTPConnection("127.0.0.1", module_server.port, timeout=20)
        link.request("GET", box.path("file"), headers={"Authorization": basic(*box.auth)})
        response = link.getresponse()
        links.append((link, response, response.read(1000)))
    assert box.put("file", new).status == 204
    link, response, begin = links[0]
    assert begin + response.read() == old
    assert box.delete("file").status == 204
    _, response, begin = links[1]
    assert begin + response.read() == old
    link.close()


def test_storage_comes_back_for_waiting_clients(own_home: tuple[Server, Dav, Path]) -> None:
    """Requests during the trouble do not wedge a worker: afterwards every connection works."""
    _, dav, home = own_home
    away = home.with_name(home.name + ".away")
    home.rename(away)
    try:
        threads = [threading.Thread(target=dav.clone().get, args=("file",)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    finally:
        away.rename(home)
    for _ in range(8):
        assert dav.clone().get("file").body == b"content"
