"""Folders as one download: what is in them, that they can be continued, and that they are never wrong."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import random
import secrets
import shutil
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest

from support.client import Answer, Dav, enc
from support.ocs import Ocs
from support.polling import eventually
from support.raw import basic
from support.server import Server


@pytest.fixture
def full(box: Dav) -> Dav:
    """A folder with files, folders in folders, and an empty one."""
    for folder in ("docs/", "docs/deep/", "empty/"):
        assert box.mkcol(folder).status == 201
    box.put("docs/a.txt", b"alpha")
    box.put("docs/deep/b.bin", os.urandom(200_000))
    box.put("docs/none", b"")
    box.put(enc("größe.txt"), b"9")
    return box


def members(answer: Answer) -> zipfile.ZipFile:
    """The archive in an answer, proven member by member."""
    assert answer.status == 200, repr(answer)
    assert answer["Content-Type"] == "application/zip"
    found = zipfile.ZipFile(io.BytesIO(answer.body))
    assert found.testzip() is None
    return found


def test_a_folder(full: Dav) -> None:
    """Everything is in it once, with its time, and others' programs read it."""
    full.put("dated", b"1", {"X-OC-Mtime": "1600000000"})
    answer = full.get("?accept=zip")
    found = members(answer)
    everything = ["dated", "docs/", "docs/a.txt", "docs/deep/", "docs/deep/b.bin", "docs/none", "empty/", "größe.txt"]
    assert found.namelist() == everything
    assert found.read("docs/deep/b.bin") == full.get("docs/deep/b.bin").body
    assert found.getinfo("dated").date_time == (2020, 9, 13, 12, 26, 40)
    assert int(answer["Content-Length"]) == len(answer.body)
    name = full.base.rstrip("/").rsplit("/", 1)[1]
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{name}.zip"')
    assert "sandbox" in answer["Content-Security-Policy"]


def test_ways_to_ask(full: Dav) -> None:
    """Accept, HEAD, and the page's link; without them it is the page."""
    first = full.get("?accept=zip")
    assert full.get("", {"Accept": "application/zip"}).body == first.body
    head = full.head("?accept=zip")
    assert (head.status, head["Content-Length"], head["ETag"]) == (200, str(len(first.body)), first["ETag"])
    page = full.get("", {"Accept": "text/html"})
    assert b'href="?accept=zip"' in page.body
    assert full.get("docs/a.txt?accept=zip").body == b"alpha"
    assert full.get("/dav/?accept=zip")["Content-Type"].startswith("text/html")


def test_unpacked_by_others(full: Dav, tmp_path: Path) -> None:
    """unzip finds no fault, and the list of checksums holds for what it has unpacked."""
    if shutil.which("unzip") is None:
        pytest.skip("unzip is not installed")
    (tmp_path / "it.zip").write_bytes(full.get("?accept=zip").body)
    subprocess.run(["unzip", "-tq", "it.zip"], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(
        ["unzip", "-q", "it.zip", "-d", "out"], cwd=tmp_path, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    (tmp_path / "SHA256SUMS").write_bytes(full.get("?accept=sha256").body)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "../SHA256SUMS"], cwd=tmp_path / "out", check=True)
    assert (tmp_path / "out/empty").is_dir()


def test_selection(full: Dav) -> None:
    """Some members of it, by names or by a list of them; what is not there is not left out in silence."""
    assert members(full.get("?accept=zip&files=docs")).namelist()[:2] == ["docs/", "docs/a.txt"]
    some = full.get(f"?accept=zip&files={enc('größe.txt')}&files=empty")
    assert members(some).namelist() == ["empty/", "größe.txt"]
    listed = full.get(f"?accept=zip&files={enc(json.dumps(['empty', 'größe.txt']))}")
    assert (listed.body, listed["ETag"]) == (some.body, some["ETag"])
    full.get("?accept=zip&files=docs&files=missing").refused(404)
    full.get("?accept=zip&files=docs%2Fa.txt").refused(404)
    full.get("?accept=zip&files=..").refused(404)
    full.get("?accept=zip&files=%FF").refused(400)
    full.get(f"?accept=zip&files={'[' * 6000}").refused(404)


@pytest.mark.rfc("9110", "14.2", "A ZIP archive of a folder is served in ranges, too")
def test_any_range(full: Dav) -> None:
    """Parts put together are the whole, wherever they were cut."""
    whole = full.get("?accept=zip")
    tag, size = whole["ETag"], len(whole.body)
    rng = random.Random(7)
    cuts = sorted({0, size, *(rng.randrange(size) for _ in range(40))})
    got = b""
    for start, end in pairwise(cuts):
        part = full.get("?accept=zip", {"Range": f"bytes={start}-{end - 1}", "If-Range": tag})
        assert (part.status, part["Content-Range"]) == (206, f"bytes {start}-{end - 1}/{size}")
        got += part.body
    assert got == whole.body
    assert full.get("?accept=zip", {"Range": "bytes=-22"}).body == whole.body[-22:]
    assert full.get("?accept=zip", {"Range": f"bytes={size}-"}).refused(416)["Content-Range"] == f"bytes */{size}"
    assert full.get("?accept=zip", {"Range": "bytes=0-1,5-6"}).body == whole.body


@pytest.mark.rfc("9110", "13.1.5", "A range of another archive than the one that was begun is not served")
def test_conditions(full: Dav) -> None:
    """The tag changes with content, names and times, and only then."""
    tags = [full.get("?accept=zip")["ETag"]]
    assert full.get("?accept=zip", {"If-None-Match": tags[0]}).status == 304
    full.put("docs/a.txt", b"ALPHA")
    tags.append(full.get("?accept=zip")["ETag"])
    full.move("docs/a.txt", "docs/c.txt")
    tags.append(full.get("?accept=zip")["ETag"])
    full.delete("docs/none")
    tags.append(full.get("?accept=zip")["ETag"])
    assert len(set(tags)) == 4
    again = full.get("?accept=zip", {"Range": "bytes=10-19", "If-Range": tags[0]})
    assert again.status == 200 and again["ETag"] == tags[3]
    full.get("?accept=zip", {"If-Match": tags[0]}).refused(412)
    assert full.get("?accept=zip", {"If-Match": tags[3]}).status == 200


def test_large_files_are_hashed_once(server: Server, box: Dav) -> None:
    """A CRC-32 that nobody knew is computed before the first byte, and known from then on."""
    data, name = os.urandom(3 * 1024 * 1024), f"large {secrets.token_hex(4)}"
    box.put(quote(name), data)
    lacking = f"SELECT count(*) FROM digest WHERE crc32 IS NULL AND node=(SELECT id FROM node WHERE name='{name}')"
    assert server.rows(lacking) == [(1,)]
    assert members(box.get("?accept=zip")).read(name) == data
    assert server.rows(lacking) == [(0,)]


def test_what_is_on_disk(server: Server, box: Dav) -> None:
    """Files that came without us are in it, with checksums of their own."""
    box.mkcol("found")
    folder = server.home() / box.base.removeprefix("/dav/home/") / "found"
    for number in range(5):
        (folder / f"{number}.txt").write_text(str(number) * number)
    eventually(lambda: len(box.names("found/")) == 5)
    found = members(box.get("found/?accept=zip"))
    assert {name: found.read(name) for name in found.namelist()} == {f"{n}.txt": str(n).encode() * n for n in range(5)}
    listed = json.loads(box.get("found/?accept=json").body)
    assert listed["files"][3]["sha256"] == hashlib.sha256(b"333").hexdigest()


def test_manifest(full: Dav) -> None:
    """Names, sizes, checksums, times and ids of the files, as text and as JSON."""
    data = full.get("docs/deep/b.bin").body
    answer = full.get("?accept=json")
    assert answer["Content-Type"] == "application/json"
    listed = {each["name"]: each for each in json.loads(answer.body)["files"]}
    assert set(listed) == {"docs/a.txt", "docs/deep/b.bin", "docs/none", "größe.txt"}
    deep = listed["docs/deep/b.bin"]
    assert (deep["size"], deep["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert deep["modified"].endswith("Z") and deep["id"] > 0
    lines = full.get("?accept=sha256&files=docs").body.decode().splitlines()
    assert f"{hashlib.sha256(b'').hexdigest()}  docs/none" in lines
    assert len(lines) == 3


def test_names_for_every_system(box: Dav) -> None:
    """What Windows forbids, and what differs in case only, is renamed; nothing leads out of the folder."""
    for name in ("aux.txt", "A.txt", "a.txt", "what?", "what*", "end.", "..hidden", "<b>"):
        assert box.put(enc(name), name.encode()).status == 201
    found = members(box.get("?accept=zip"))
    listed = found.namelist()
    assert len({name.casefold() for name in listed}) == 8
    assert {"A.txt", "a (2).txt", "aux_.txt", "what_", "what_ (2)", "end_", "..hidden", "_b_"} == set(listed)
    assert found.read("a (2).txt") == b"a.txt"


def test_only_what_may_be_read(server: Server, team: tuple[Dav, Dav]) -> None:
    """What is denied is in nobody's archive, list or length."""
    alice, bob = team
    for folder in ("open/", "closed/", "closed/way/"):
        alice.mkcol(folder)
    alice.put("open/yes", b"1")
    alice.put("closed/no", b"2")
    alice.put("closed/way/granted", b"3")
    base = alice.base.removeprefix("/dav/")
    server.cli("acl", "deny", f"{base}closed", "bob", "read")
    assert members(bob.get("?accept=zip")).namelist() == ["open/", "open/yes"]
    assert members(alice.get("?accept=zip")).namelist()[-1] == "open/yes"
    bob.get("closed/?accept=zip").refused(404)
    bob.get("?accept=zip&files=closed").refused(404)
    server.cli("acl", "grant", f"{base}closed/way", "bob", "read")
    found = members(bob.get("?accept=zip"))
    assert "closed/no" not in found.namelist() and "closed/way/granted" in found.namelist()
    assert found.getinfo("closed/").date_time[0] == 1980
    assert b"closed/no" not in bob.get("?accept=json").body
    anonymous = server.dav(None, alice.base)
    assert anonymous.get("?accept=zip").status == 401


def test_what_was_received(module_server: Server) -> None:
    """It has an archive and a list of its own, where its receiver sees it, and is in no archive around it."""
    alice, bob = module_server.dav("alice").fresh_box(), module_server.dav("bob")
    alice.put("given.txt", b"from alice")
    calls = Ocs(module_server, "alice", app="apps/files_sharing/api/v1")
    name = alice.base.rstrip("/").rsplit("/", 1)[1]
    calls.post("shares", {"path": name, "shareType": 0, "shareWith": "bob", "permissions": 1}).ok()
    folder = next(each for each in ("Shares/" + name, name) if bob.exists(each + "/"))
    assert members(bob.get(f"{folder}/?accept=zip")).read("given.txt") == b"from alice"
    assert b"given.txt" in bob.get(f"{folder}/?accept=sha256").body
    assert not [each for each in members(bob.get("?accept=zip")).namelist() if "given" in each]


def test_deleted_files_are_in_no_archive(server: Server) -> None:
    """What was deleted, and our own folder, is nowhere in the archive of a whole home."""
    name = f"gone-{secrets.token_hex(4)}"
    home = server.dav("bob")
    home.put(name, b"1")
    home.put(f"{name}-kept", b"1")
    home.delete(name)
    listed = members(home.get("?accept=zip")).namelist()
    assert f"{name}-kept" in listed and name not in listed
    assert not [each for each in listed if ".davshare" in each]


def test_too_many(module_server: Server) -> None:
    """More than the settings allow is refused before anything is read; fewer of the same folder are not."""
    box = module_server.dav("alice").fresh_box()
    for number in range(5):
        box.put(str(number), b"1")
    module_server.cli("settings", "set", "zip.max_files", "4")
    box.get("?accept=zip").refused(413)
    box.get("?accept=sha256").refused(413)
    assert len(members(box.get("?accept=zip&files=1&files=3")).namelist()) == 2
    module_server.cli("settings", "reset", "zip.max_files")
    assert len(members(box.get("?accept=zip")).namelist()) == 5


@pytest.mark.parametrize("change", ["overwritten", "replaced", "cut", "removed"])
def test_never_a_wrong_archive(server: Server, box: Dav, change: str) -> None:
    """When a file changes before its turn the connection breaks; asked again, it is the new archive."""
    size = 24 * 1024 * 1024
    box.put("1", os.urandom(size))
    box.put("2", b"before")
    members(box.get("?accept=zip"))
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    link.request("GET", box.path("?accept=zip"), headers={"Authorization": basic(*box.auth)})
    answer = link.getresponse()
    tag, announced = answer.headers["ETag"], int(answer.headers["Content-Length"])
    got = answer.read(1000)
    on_disk = server.home() / box.base.removeprefix("/dav/home/") / "2"
    if change == "overwritten":
        on_disk.write_bytes(b"behind")
    elif change == "replaced":
        box.put("2", b"behind")
    elif change == "cut":
        os.truncate(on_disk, 2)
    else:
        box.delete("2")
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        while data := answer.read(1024 * 1024):
            got += data
        raise http.client.IncompleteRead(got)
    assert len(got) < announced
    again = box.get("?accept=zip", {"Range": f"bytes={len(got)}-", "If-Range": tag})
    deadline = time.monotonic() + 10
    while again.status == 206 and time.monotonic() < deadline:
        again = box.get("?accept=zip", {"Range": f"bytes={len(got)}-", "If-Range": tag})
    assert again.status == 200 and again["ETag"] != tag
    assert zipfile.ZipFile(io.BytesIO(again.body)).testzip() is None


@pytest.mark.slow
def test_both_gateways(own_server) -> None:
    """The other gateway gives the same bytes."""
    found = set()
    server: Server = own_server(workers=1)
    box = server.dav("alice").fresh_box()
    box.put("a", os.urandom(500_000))
    for gateway in ("direct", "wsgidav"):
        server.restart(env={"DAVSHARE_GATEWAY": gateway})
        answer = server.dav("alice", box.base).get("?accept=zip")
        part = server.dav("alice", box.base).get("?accept=zip", {"Range": "bytes=70000-300000"})
        assert part.body == answer.body[70000:300001]
        found.add(answer.body)
    assert len(found) == 1


@pytest.mark.slow
def test_more_than_four_gigabytes(server: Server, box: Dav, tmp_path: Path) -> None:
    """Sparse files of 4.5 GB: the ends of the archive fit together, and a program reads what lies behind."""
    folder = server.home() / box.base.removeprefix("/dav/home/")
    with open(folder / "large", "wb") as file:
        file.truncate(4_500_000_000)
    box.put("zz", b"behind it")
    assert box.exists("large")
    box = Dav(box.port, box.base, box.auth, timeout=300)
    head = box.head("?accept=zip")
    size = int(head["Content-Length"])
    assert size > 4_500_000_000
    tail = box.get("?accept=zip", {"Range": "bytes=-4096", "If-Range": head["ETag"]})
    start = box.get("?accept=zip", {"Range": "bytes=0-4095", "If-Range": head["ETag"]})
    with open(tmp_path / "it.zip", "wb") as file:
        file.write(start.body)
        file.seek(size - 4096)
        file.write(tail.body)
    with zipfile.ZipFile(tmp_path / "it.zip") as found:
        assert found.testzip() is None
        assert found.read("zz") == b"behind it"
        assert found.getinfo("large").file_size == 4_500_000_000


@pytest.mark.slow
def test_ten_thousand_files(server: Server, box: Dav) -> None:
    """All of them are in it, a continued one is the same, and nothing of it stays in memory."""
    folder = server.home() / box.base.removeprefix("/dav/home/")
    for number in range(10_000):
        (folder / f"{number}.txt").write_text(f"content {number}")
    eventually(lambda: server.rows("SELECT count(*) FROM node WHERE name LIKE '%.txt'")[0][0] >= 10_000, 60)
    whole = box.get("?accept=zip")
    assert len(members(whole).namelist()) == 10_000
    half = len(whole.body) // 2
    rest = box.get("?accept=zip", {"Range": f"bytes={half}-", "If-Range": whole["ETag"]})
    assert rest.status == 206 and whole.body[half:] == rest.body


def test_many_ask_for_the_same_checksums(server: Server, box: Dav) -> None:
    """Whoever asks for the same archive at the same time gets the same one, and so do lists of checksums."""
    for number in range(4):
        box.put(f"{number}", os.urandom(5_000_000))

    def ask(number: int) -> bytes:
        mine = box.clone()
        try:
            return mine.get("?accept=zip" if number % 2 else "?accept=sha256").body
        finally:
            mine.close()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(set(found[::2])) == len(set(found[1::2])) == 1
    assert zipfile.ZipFile(io.BytesIO(found[1])).testzip() is None


@pytest.mark.parametrize("wanted", ['["\\ud800"]', '["a\\u0000b"]', "a\0b", "[" * 5000])
def test_names_that_no_file_has(full: Dav, wanted: str) -> None:
    """Are not there, or are refused."""
    assert full.get(f"?accept=zip&files={quote(wanted)}").status in (400, 404)
