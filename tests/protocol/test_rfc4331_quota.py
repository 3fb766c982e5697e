"""RFC 4331: quota properties, and what happens when it is used up."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from support.client import Dav
from support.parallel import together
from support.raw import answers, invited, message
from support.server import Server

QUOTA = 100_000


@pytest.fixture
def space(module_server: Server) -> Dav:
    """A new space with a quota of :data:`QUOTA` bytes, alice in it."""
    name = f"q{secrets.token_hex(4)}"
    module_server.cli("space", "add", name, "--quota", str(QUOTA))
    module_server.cli("space", "set", name, "--member", "alice:editor")
    return module_server.dav("alice", f"/dav/spaces/{name}/")


def used(dav: Dav) -> tuple[int, int]:
    """(used, available) of the space's root."""
    found = dav.propfind("", "quota-used-bytes", "quota-available-bytes").only
    return int(found.text("quota-used-bytes")), int(found.text("quota-available-bytes"))


@pytest.mark.rfc("4331", "3", "used and available bytes of collections, right after every change")
def test_properties(space: Dav) -> None:
    assert used(space) == (0, QUOTA)
    space.put("a", b"x" * 1000)
    assert used(space) == (1000, QUOTA - 1000)
    space.put("a", b"x" * 300)
    assert used(space) == (300, QUOTA - 300)
    space.mkcol("d")
    space.copy("a", "d/b")
    assert used(space) == (600, QUOTA - 600)
    space.move("a", "d/c")
    assert used(space) == (600, QUOTA - 600)
    assert int(space.text("d/", "quota-used-bytes")) == 600


@pytest.mark.rfc("4331", "3", "without a quota what is available is what the disk has, or not said")
def test_without_quota(box: Dav) -> None:
    found = box.propfind("", "quota-used-bytes", "quota-available-bytes").only
    assert int(found.text("quota-used-bytes")) == 0
    box.put("a", b"x" * 1000)
    assert box.text("", "quota-used-bytes") == "1000"
    assert found.code("quota-available-bytes") == 404 or int(found.text("quota-available-bytes")) > 1000


@pytest.mark.rfc("4331", "3", "protected, not in allprop, and only on collections")
def test_kind(box: Dav) -> None:
    box.put("a", b"1")
    assert "quota-used-bytes" not in box.propfind("").only
    assert box.prop("a", "quota-available-bytes")[0] in (200, 404)
    found = box.proppatch("", {"quota-used-bytes": "0"}).multistatus.only
    assert found.code("quota-used-bytes") == 403


WRITES: dict[str, Callable[[Dav], object]] = {
    "PUT": lambda dav: dav.put("new", b"x" * 60_000),
    "PUT chunked": lambda dav: dav.put("new", iter([b"x" * 30_000] * 2)),
    "PUT overwrite": lambda dav: dav.put("small", b"x" * 60_000),
    "COPY": lambda dav: dav.copy("big", "new"),
    "COPY folder": lambda dav: dav.copy("folder/", "new/"),
    "COPY onto": lambda dav: dav.copy("big", "small"),
}


@pytest.mark.rfc("4331", "6", "over quota: 507 with quota-not-exceeded, and nothing changes")
@pytest.mark.parametrize("write", sorted(WRITES))
def test_over_quota(space: Dav, write: str) -> None:
    space.mkcol("folder")
    assert space.put("big", b"x" * 60_000).status == 201
    assert space.put("small", b"old").status == 201
    if write == "COPY folder":
        space.move("big", "folder/big")
    names, before = space.names(), used(space)
    WRITES[write](space).refused(507, condition="quota-not-exceeded")
    assert (space.names(), used(space)) == (names, before)
    assert space.get("small").body == b"old"
    assert space.put("fits", b"x" * (QUOTA - before[0])).status == 201
    assert used(space) == (QUOTA, 0)


@pytest.mark.rfc("4331", "6", "with a known length the refusal comes before the body is read")
def test_before_the_body(space: Dav, module_server: Server) -> None:
    data = message("PUT", space.path("new"), "Content-Length: 100001", "Expect: 100-continue", auth=space.auth)
    assert [answer.status for answer in answers(module_server.raw(data))] == [507]
    assert space.names() == set()


def test_replacing_frees_what_was_there(space: Dav) -> None:
    """A full space takes a file in place of one of the same size."""
    assert space.put("a", b"x" * QUOTA).status == 201
    assert space.put("a", b"y" * QUOTA).status == 204
    assert space.put("b", b"").status == 201
    space.put("b", b"1").refused(507)
    assert space.put("a", b"").status == 204
    assert space.put("b", b"1").status == 204


def test_quota_of_the_home(module_server: Server) -> None:
    """A quota set for a user holds in the home; moving in from a space counts too."""
    name = f"u{secrets.token_hex(4)}"
    module_server.cli("user", "add", name, "--password-stdin", input="some-pass-123")
    module_server.cli("user", "set", name, "--quota", "1000")
    module_server.users[name] = "some-pass-123"
    home = module_server.dav(name)
    assert home.put("a", b"x" * 1000).status == 201
    home.put("b", b"x").refused(507, condition="quota-not-exceeded")
    assert home.propfind("", "quota-available-bytes").only.text("quota-available-bytes") == "0"


def test_lying_about_the_length(space: Dav) -> None:
    """X-Expected-Entity-Length and OC-Total-Length never make room: bytes are counted as they arrive."""
    headers = {"X-Expected-Entity-Length": "1", "OC-Total-Length": "1"}
    space.put("new", iter([b"x" * 50_000] * 3), headers).refused(507)
    assert space.names() == set()


def test_parallel_writes_cannot_pass_the_quota(space: Dav) -> None:
    """Eight files of a quarter of the quota at once: four fit."""
    clients = [space.clone() for _ in range(8)]
    body = b"x" * (QUOTA // 4)
    found = together([lambda n=n, dav=dav: dav.put(f"f{n}", body).status for n, dav in enumerate(clients)])
    assert sorted(found) == [201] * 4 + [507] * 4
    assert used(space) == (QUOTA, 0)


@pytest.mark.rfc("4331", "6", "MOVE from another space counts here and frees there; within the space it is free")
def test_moves_between_spaces(space: Dav, module_server: Server) -> None:
    home = module_server.dav("alice").fresh_box()
    home.mkcol("tree")
    home.put("tree/a", b"x" * 60_000)
    home.put("tree/b", b"x" * 50_000)
    home.move("tree/", space.path("tree")).refused(507, condition="quota-not-exceeded")
    assert space.names() == set() and home.names("tree/") == {"a", "b"}
    home.delete("tree/b")
    assert home.move("tree/", space.path("tree")).status == 201
    assert used(space) == (60_000, QUOTA - 60_000)
    assert space.move("tree/", "renamed").status == 201
    home.put("other", b"x" * 90_000)
    assert home.move("other", space.path("renamed/a")).status == 204, "what it replaces makes room"
    assert used(space) == (90_000, QUOTA - 90_000)


def test_lowered_below_use(space: Dav, module_server: Server) -> None:
    """Over a lowered quota: smaller and equal content, deleting, moving and empty files are fine, growth is not."""
    name = space.base.split("/")[3]
    space.put("a", b"x" * 50_000)
    space.put("b", b"x" * 20_000)
    module_server.cli("space", "set", name, "--quota", "10000")
    assert used(space) == (70_000, 0)
    space.put("a", b"y" * 50_001).refused(507)
    space.put("a", iter([b"y" * 30_000] * 2)).refused(507)
    space.put("c", b"y").refused(507)
    space.copy("b", "c").refused(507)
    assert space.put("c", b"").status == 201
    assert space.put("a", b"y" * 50_000).status == 204
    assert space.put("a", b"y" * 49_999).status == 204
    assert space.put("a", iter([b"y" * 100] * 2)).status == 204
    assert space.move("b", "moved").status == 201
    assert space.copy("a", "moved").status == 204
    assert used(space) == (400, 9_600)
    assert space.put("d", b"y" * 9_600).status == 201


def test_expected_length(space: Dav, module_server: Server) -> None:
    """Finder's X-Expected-Entity-Length refuses a chunked PUT before a byte of it is read (webdav.md section 8.2)."""
    for length, statuses in ((QUOTA + 1, [507]), (QUOTA, [100, 201]), ("nonsense", [100, 204])):
        data = message(
            "PUT", space.path("new"), "Transfer-Encoding: chunked", f"X-Expected-Entity-Length: {length}",
            "Expect: 100-continue", auth=space.auth,
        )  # fmt: skip
        found = invited(module_server.port, data, b"3\r\nabc\r\n0\r\n\r\n")
        assert [answer.status for answer in found] == statuses
    module_server.cli("settings", "set", "upload.max_bytes", "1000")
    try:
        data = message(
            "PUT", space.path("x"), "Transfer-Encoding: chunked", "X-Expected-Entity-Length: 1001",
            "Expect: 100-continue", auth=space.auth,
        )  # fmt: skip
        assert [answer.status for answer in invited(module_server.port, data, b"0\r\n\r\n")] == [413]
    finally:
        module_server.cli("settings", "reset", "upload.max_bytes")


def test_each_asker(space: Dav, module_server: Server) -> None:
    """What is available depends on where one asks, not on who asks; a home tells its own quota."""
    name = space.base.split("/")[3]
    module_server.cli("space", "set", name, "--member", "bob:viewer")
    space.put("a", b"x" * 1000)
    assert used(module_server.dav("bob", space.base)) == used(space) == (1000, QUOTA - 1000)
    module_server.cli("user", "set", "bob", "--quota", "5000")
    bob = module_server.dav("bob")
    bob.put("mine", b"x" * 500)
    for base in ("/dav/home/", "/remote.php/webdav/", "/remote.php/dav/files/bob/"):
        assert used(module_server.dav("bob", base)) == (500, 4500)


APPEND = {"Content-Type": "application/x-sabredav-partialupdate", "X-Update-Range": "append"}


def test_all_ways_at_once(space: Dav) -> None:
    """PUT, chunked PUT, COPY, POST and PATCH reach the limit together: the sum never passes it, what fits is taken."""
    quarter = QUOTA // 4
    space.put("source", b"s" * quarter)
    for n in range(2):
        space.put(f"grows{n}", b"")
    ways: list[Callable[[Dav], int]] = [
        lambda dav: dav.put("put", b"x" * quarter).status,
        lambda dav: dav.put("chunked", iter([b"x" * (quarter // 2)] * 2)).status,
        lambda dav: dav.copy("source", "copied").status,
        lambda dav: dav.request("POST", "", b"x" * quarter).status,
        lambda dav: dav.request("PATCH", "grows0", b"x" * quarter, APPEND).status,
        lambda dav: dav.request("PATCH", "grows1", b"x" * quarter, APPEND).status,
    ]
    clients = [space.clone() for _ in ways]
    found = together([lambda way=way, dav=dav: way(dav) for way, dav in zip(ways, clients, strict=True)])
    assert len([status for status in found if status in (201, 204)]) == 3, found
    assert len([status for status in found if status == 507]) == 3, found
    assert used(space) == (QUOTA, 0)
    sizes = [each.text("getcontentlength") for each in space.propfind("", depth="1").values() if not each.is_collection]
    assert sum(map(int, sizes)) == QUOTA
