"""Files of one folder that are asked for one after the other, and again: nothing but time is saved."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from support.client import Answer, Dav
from support.server import Server

#: What has to be the same, whatever was asked for before; "f1" and "f2" are files, "folder" is one.
PATHS = (
    "f1", "f2", "%66%31", "f1/", "F1", "f3", "folder", "folder/", "folder/deep", "folder//deep", "//f1", ".", "..",
    "%2e", "%2E%2E/f1", "", "gr%C3%B6%C3%9Fe", "gro%CC%88%C3%9Fe", "gr%f6", "a%2Fb", "a%20b", "a+b", "f1%00", "%",
    "x" * 300, "f1;v=1", "f1?", "f1#x", ".davshare", ".davshare/space",
)  # fmt: skip


def long_way(dav: Dav, path: str) -> Answer:
    """The answer to who asks with a query: nothing is skipped then."""
    return dav.get(f"{path.rstrip('?')}?anew")


@pytest.fixture
def filled(box: Dav) -> Dav:
    """A folder with files and a folder."""
    box.mkcol("folder")
    for name in ("f1", "f2", "folder/deep", quote("größe"), "a+b", "a%20b"):
        assert box.put(name, f"content of {name}").status == 201
    return box


@pytest.mark.parametrize("first", ["f1", "folder/deep", quote("größe")])
def test_every_path_means_what_it_meant(filled: Dav, first: str) -> None:
    for _ in range(3):
        assert filled.get(first).status == 200
    for path in PATHS:
        for _ in range(2):
            asked, anew = filled.get(path), long_way(filled, path)
            assert (asked.status, asked.body) == (anew.status, anew.body), path
            head = filled.head(path)
            assert head.status == asked.status, path
            assert head.headers.get("ETag") == asked.headers.get("ETag"), path


def test_each_gets_their_own(server: Server) -> None:
    """One path, two homes."""
    name = f"own-{os.urandom(6).hex()}"
    people = [server.dav("alice", f"/dav/home/{name}/"), server.dav("bob", f"/dav/home/{name}/")]
    for number, dav in enumerate(people):
        assert dav.mkcol("").status == 201
        for file in ("f1", "f2"):
            assert dav.put(file, f"{number} {file}").status == 201
    people[0].put("only", "alice's")
    for _ in range(4):
        for number, dav in enumerate(people):
            for file in ("f1", "f2"):
                assert dav.get(file).body == f"{number} {file}".encode()
            assert dav.get("only").status == (404 if number else 200)
    for dav in people:
        dav.delete("")
        dav.close()


def test_what_is_denied_is_not_there(server: Server, team: tuple[Dav, Dav]) -> None:
    alice, bob = team
    for name in ("f1", "f2", "f3"):
        alice.put(name, name)
    here = "spaces/team/" + alice.base.removeprefix("/dav/spaces/team/")
    for _ in range(3):
        assert [bob.get(name).status for name in ("f1", "f2")] == [200, 200]
    for name in ("f2", "f3"):
        server.cli("acl", "deny", f"{here}{name}", "bob", "read")
    for _ in range(3):
        assert [bob.get(name).status for name in ("f1", "f2", "f3")] == [200, 404, 404]
        assert [alice.get(name).status for name in ("f1", "f2", "f3")] == [200, 200, 200]
    server.cli("acl", "remove", "--deny", f"{here}f2", "bob")
    assert [bob.get(name).status for name in ("f1", "f2", "f3")] == [200, 200, 404]


@pytest.mark.parametrize("scope", ["folder", "f1"])
def test_a_token_for_one_thing_reads_nothing_beside_it(server: Server, filled: Dav, scope: str) -> None:
    """Not even after that thing itself was asked for."""
    where = filled.base.removeprefix("/dav/home/") + scope
    made = server.cli("token", "add", "alice", "--scope", f"path:home/{where}").stdout
    narrow = server.dav("alice", filled.base, password=made.split()[-1])
    for _ in range(3):
        assert [filled.get(name).status for name in ("f1", "f2", "folder/deep")] == [200] * 3
        assert narrow.get(scope).status == 200
        assert narrow.request("PROPFIND", scope, headers={"Depth": "0"}).status == 207
        assert narrow.get("folder/deep").status == (200 if scope == "folder" else 404)
        for name in {"f1", "f2"} - {scope}:
            assert narrow.get(name).status == narrow.head(name).status == 404
    narrow.close()


def test_long_paths_to_one_file(server: Server, filled: Dav) -> None:
    """However it is spelled; what is remembered of it is bounded by its length (see tests/unit/test_memory.py)."""
    base = filled.base.strip("/").split("/")
    for number in range(1, 40):
        path = "/dav" + "/" * number + "home//" + base[-1] + "/" * (8000 - number) + "f1"
        assert [filled.get(path).body for _ in range(2)] == [b"content of f1"] * 2


def test_what_moved_is_where_it_is(filled: Dav) -> None:
    for _ in range(3):
        assert filled.get("folder/deep").status == 200
    filled.move("folder", "elsewhere")
    filled.put("f1", "again")
    for _ in range(3):
        assert [filled.get(name).status for name in ("folder/deep", "elsewhere/deep")] == [404, 200]
    filled.mkcol("folder")
    filled.move("f1", "folder/deep")
    assert [filled.get("folder/deep").body for _ in range(3)] == [b"again"] * 3


@pytest.mark.parametrize("change", ["remove", "replace", "folder", "link"])
def test_what_the_disk_has_now(server: Server, filled: Dav, change: str) -> None:
    """Somebody changes a file without us: the row is not believed."""
    disk = server.home() / filled.base.removeprefix("/dav/home/") / "f2"
    for _ in range(3):
        assert filled.get("f1").status == filled.get("f2").status == 200
    disk.unlink()
    if change == "replace":
        disk.write_bytes(b"new")
    elif change == "folder":
        disk.mkdir()
    elif change == "link":
        disk.symlink_to("f1")
    wanted = {"remove": 404, "replace": 200, "folder": None, "link": 404}[change]
    for _ in range(3):
        answer = filled.get("f2")
        assert answer.body != b"content of f2"
        assert wanted is None or answer.status == wanted
    assert filled.get("f1").status == 200


def test_conditions_and_ranges(filled: Dav) -> None:
    tags = {name: [filled.get(name) for _ in range(3)][-1]["ETag"] for name in ("f1", "f2")}
    for name, tag in tags.items():
        assert filled.get(name, {"If-None-Match": tag}).status == 304
        assert filled.get(name, {"If-Match": '"no"'}).status == 412
        assert filled.get(name, {"If": f"([{tag}])"}).status == 200
        assert filled.get(name, {"If": '(["no"])'}).status == 412
        assert filled.get(name, {"Range": "bytes=0-2"}).body == b"con"
        assert filled.get(name, {"Want-Repr-Digest": "sha-256=5"})["Repr-Digest"].startswith("sha-256=:")


def test_wrong_credentials_are_wrong(server: Server, filled: Dav) -> None:
    for _ in range(3):
        assert filled.get("f1").status == 200
    for name in ("alice", "bob", None):
        stranger = server.dav(name, filled.base, password="wrong")
        assert stranger.get("f1").status == stranger.get("f2").status == 401
        stranger.close()
