"""RFC 4918 sections 6, 7, 9.10 and 9.11: locks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from support.client import Answer, Dav
from support.multistatus import canonical

Pair = tuple[Dav, Dav]


def active(dav: Dav, path: str = "") -> list:
    """The ``activelock`` elements that PROPFIND shows."""
    status, element = dav.prop(path, "lockdiscovery")
    assert status == 200
    return element.findall("{DAV:}activelock")


def tokens(dav: Dav, path: str = "") -> set[str]:
    """The tokens in lockdiscovery."""
    return {lock.findtext("{DAV:}locktoken/{DAV:}href") for lock in active(dav, path)}


def blocked(answer: Answer, *roots: str) -> None:
    """A write was refused for want of a lock token, and says whose lock it is."""
    answer.refused(423, condition="lock-token-submitted")
    assert set(answer.condition_hrefs) == {canonical(root) for root in roots}, answer


def conflicting(answer: Answer, *roots: str) -> None:
    """A lock was refused because of others, and says which."""
    answer.refused(423, condition="no-conflicting-lock")
    assert set(answer.condition_hrefs) == {canonical(root) for root in roots}, answer


# -- granting ------------------------------------------------------------------------------


@pytest.mark.rfc("4918", "9.10.1", "LOCK of a file: 200, Lock-Token header, activelock in the body")
@pytest.mark.parametrize("scope", ["exclusive", "shared"])
@pytest.mark.parametrize("depth", ["0", "infinity"])
def test_lock_file(box: Dav, scope: str, depth: str) -> None:
    box.put("fi%20le", b"1")
    answer = box.lock("fi%20le", scope, depth, "<d:href>mailto:me@x</d:href> &amp; co", "Second-600")
    assert answer.status == 200
    assert answer["Content-Type"] == "application/xml; charset=utf-8"
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.lock_token)
    assert answer.xml.tag == "{DAV:}prop"
    for lock in (*answer.xml.findall("{DAV:}lockdiscovery/{DAV:}activelock"), *active(box, "fi%20le")):
        assert [child.tag for child in lock.find("{DAV:}lockscope")] == ["{DAV:}" + scope]
        assert [child.tag for child in lock.find("{DAV:}locktype")] == ["{DAV:}write"]
        assert lock.findtext("{DAV:}depth") == depth
        owner = lock.find("{DAV:}owner")
        assert owner.findtext("{DAV:}href") == "mailto:me@x" and owner[0].tail == " & co"
        assert re.fullmatch(r"Second-(600|59\d)", lock.findtext("{DAV:}timeout"))
        assert lock.findtext("{DAV:}locktoken/{DAV:}href") == answer.lock_token
        assert lock.findtext("{DAV:}lockroot/{DAV:}href") == box.path("fi%20le")


@pytest.mark.rfc("4918", "9.10.3", "Depth of LOCK is 0 or infinity, infinity when missing; 1 is 400")
def test_depth(box: Dav) -> None:
    box.mkcol("a")
    answer = box.lock("a/", depth=None)
    assert answer.xml.findtext(".//{DAV:}depth") == "infinity"
    assert answer.xml.findtext(".//{DAV:}lockroot/{DAV:}href") == box.path("a/")
    box.unlock("a/", answer.lock_token)
    for depth in ("1", "2", "x", ""):
        box.lock("a/", depth=depth).refused(400)
    assert active(box, "a/") == []


@pytest.mark.rfc("4918", "7.3", "LOCK on an unmapped name makes an empty file: 201")
def test_lock_unmapped(box: Dav) -> None:
    answer = box.lock("new", depth="0")
    assert answer.status == 201
    got = box.get("new")
    assert (got.status, got.body) == (200, b"")
    assert re.fullmatch(r'"[0-9a-f:.]{1,32}"', got["ETag"])
    assert box.names() == {"new"}
    blocked(box.put("new", b"x"), box.path("new"))
    put = box.put("new", b"x", {"If": f"<{box.full('new')}> (<{answer.lock_token}>)", "If-Match": got["ETag"]})
    assert put.status == 204
    assert box.unlock("new", answer.lock_token).status == 204
    assert box.get("new").body == b"x"


@pytest.mark.rfc("4918", "9.10.6", "LOCK without its parent is 409 and makes nothing")
def test_lock_without_parent(box: Dav) -> None:
    box.lock("no/such").refused(409)
    assert box.names() == set()


@pytest.mark.rfc("4918", "9.10", "a lockinfo that lacks its parts, or asks for another type, is refused")
@pytest.mark.parametrize(
    "content",
    [
        "",
        "<d:lockscope><d:exclusive/></d:lockscope>",
        "<d:locktype><d:write/></d:locktype>",
        "<d:lockscope/><d:locktype><d:write/></d:locktype>",
        "<d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:read/></d:locktype>",
        '<d:lockscope><x xmlns="urn:x"/></d:lockscope><d:locktype><d:write/></d:locktype>',
    ],
)
def test_bad_lockinfo(box: Dav, content: str) -> None:
    body = f'<d:lockinfo xmlns:d="DAV:">{content}</d:lockinfo>'
    box.request("LOCK", "new", body).refused(400, 422, 415, 403)
    assert box.names() == set()


@pytest.mark.rfc("4918", "10.7", "timeouts are granted up to a maximum, Infinite and lists of them too")
@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ("Second-30", 30),
        ("Second-4100000000", 86_400),
        ("Infinite", 86_400),
        ("Infinite, Second-4100000000", 86_400),
        ("Second-60, Infinite", 60),
        (None, 86_400),
    ],
)
def test_timeouts(box: Dav, asked: str | None, most: int) -> None:
    answer = box.lock("new", depth="0", timeout=asked)
    granted = answer.xml.findtext(".//{DAV:}timeout")
    assert re.fullmatch(r"Second-\d+", granted), granted
    assert 0 < int(granted.removeprefix("Second-")) <= most


@pytest.mark.rfc("4918", "10.7", "a Timeout without meaning never grants an endless lock or a server error")
@pytest.mark.parametrize(
    "asked", ["", "x", "Second-", "Second--1", "Second-0", "Second-1e9", "Second-9999999999999999999"]
)
def test_bad_timeouts(box: Dav, asked: str) -> None:
    answer = box.lock("new", depth="0", timeout=asked)
    assert answer.status in (201, 400), answer
    if answer.status == 201:
        assert 0 <= int(answer.xml.findtext(".//{DAV:}timeout").removeprefix("Second-")) <= 86_400


@pytest.mark.rfc("4918", "6.6", "an expired lock has no effect and is not shown")
def test_expiry(box: Dav) -> None:
    box.put("file", b"1")
    box.mkcol("folder")
    old = box.locked("file", depth="0", timeout="Second-1")
    box.locked("folder/", timeout="Second-1")
    until = time.monotonic() + 10
    while active(box, "file") or active(box, "folder/"):
        assert time.monotonic() < until, "a lock of one second is still there"
        time.sleep(0.1)
    assert box.put("file", b"2").status == 204
    assert box.put("folder/new", b"2").status == 201
    assert box.request("PROPFIND", "", headers={"Depth": "1"}).status == 207
    box.refresh("file", old).refused(412)
    assert box.unlock("file", old).status in (403, 409)
    assert box.lock("file", depth="0").status == 200


# -- conflicts -----------------------------------------------------------------------------


@pytest.mark.rfc("4918", "6.1", "exclusive conflicts with everything, shared with exclusive only")
@pytest.mark.parametrize(("first", "second", "fine"), [
    ("exclusive", "exclusive", False),
    ("exclusive", "shared", False),
    ("shared", "exclusive", False),
    ("shared", "shared", True),
])  # fmt: skip
def test_conflicts(box: Dav, first: str, second: str, fine: bool) -> None:
    box.put("file", b"1")
    one = box.locked("file", scope=first, depth="0")
    answer = box.lock("file", second, "0")
    if fine:
        assert answer.status == 200
        assert tokens(box, "file") == {one, answer.lock_token}
        assert one != answer.lock_token
    else:
        conflicting(answer, box.path("file"))
        assert tokens(box, "file") == {one}


@pytest.mark.rfc("4918", "9.10.3", "an infinite lock above conflicts; a Depth 0 lock above does not")
@pytest.mark.parametrize("depth", ["0", "infinity"])
def test_conflict_with_ancestor(box: Dav, depth: str) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/file", b"1")
    token = box.locked("a/", depth=depth)
    answer = box.lock("a/b/file", depth="0")
    if depth == "0":
        assert answer.status == 200
    else:
        conflicting(answer, box.path("a/"))
        assert tokens(box, "a/b/file") == {token}


@pytest.mark.rfc("4918", "9.10.6", "(*) the conflict is found before the empty file is made")
def test_conflict_makes_nothing(box: Dav) -> None:
    box.mkcol("a")
    box.locked("a/")
    box.lock("a/new").refused(423)
    assert box.names("a/") == set()


@pytest.mark.rfc("4918", "9.10.3", "an infinite lock over locked members: 423, or 207 naming them; nothing is locked")
def test_conflict_with_member(box: Dav) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/file", b"1")
    token = box.locked("a/b/file", depth="0")
    answer = box.lock("a/")
    if answer.status == 207:
        found = answer.multistatus
        assert found[box.href("a/b/file")].status == 423
        assert all(response.status == 424 for href, response in found.items() if href != box.href("a/b/file"))
    else:
        conflicting(answer, box.path("a/b/file"))
    assert active(box, "a/") == active(box, "a/b/") == []
    assert tokens(box, "a/b/file") == {token}
    assert box.lock("a/", depth="0").status == 200


# -- what a lock protects ------------------------------------------------------------------

WRITES: dict[str, Callable[[Dav, dict[str, str]], Answer]] = {
    "PUT": lambda dav, h: dav.put("a/file", b"2", h),
    "PUT new": lambda dav, h: dav.put("a/new", b"2", h),
    "MKCOL": lambda dav, h: dav.mkcol("a/sub", headers=h),
    "PROPPATCH": lambda dav, h: dav.proppatch("a/file", {"{urn:x}a": "v"}, headers=h),
    "PROPPATCH folder": lambda dav, h: dav.proppatch("a/", {"{urn:x}a": "v"}, headers=h),
    "DELETE": lambda dav, h: dav.delete("a/file", h),
    "DELETE folder": lambda dav, h: dav.delete("a/", h),
    "MOVE away": lambda dav, h: dav.move("a/file", "away", headers=h),
    "MOVE folder away": lambda dav, h: dav.move("a/", "away/", headers=h),
    "MOVE into": lambda dav, h: dav.move("other", "a/moved", headers=h),
    "MOVE onto": lambda dav, h: dav.move("other", "a/file", headers=h),
    "MOVE inside": lambda dav, h: dav.move("a/file", "a/renamed", headers=h),
    "COPY into": lambda dav, h: dav.copy("other", "a/copied", headers=h),
    "COPY onto": lambda dav, h: dav.copy("other", "a/file", headers=h),
    "COPY onto folder": lambda dav, h: dav.copy("other", "a", headers=h),
    "LOCK new": lambda dav, h: dav.lock("a/new", depth="0", headers=h),
}


def scene(dav: Dav) -> None:
    """A folder with a file, and a file beside it."""
    dav.mkcol("a")
    dav.put("a/file", b"1")
    dav.put("other", b"other")


def unchanged(dav: Dav) -> None:
    """The scene as it was."""
    assert dav.names() == {"a", "other"}
    assert dav.names("a/") == {"file"}
    assert (dav.get("a/file").body, dav.get("other").body) == (b"1", b"other")
    assert dav.prop("a/file", "{urn:x}a")[0] == dav.prop("a/", "{urn:x}a")[0] == 404


@pytest.mark.rfc("4918", "7", "(*) under an infinite lock every write needs the token: 423 with lock-token-submitted")
@pytest.mark.parametrize("write", sorted(WRITES))
@pytest.mark.parametrize("scope", ["exclusive", "shared"])
def test_infinite_lock_protects(box: Dav, write: str, scope: str) -> None:
    scene(box)
    token = box.locked("a/", scope=scope)
    answer = WRITES[write](box, {})
    if write == "LOCK new":
        if scope == "shared":
            answer.refused(423)
        else:
            conflicting(answer, box.path("a/"))
    else:
        blocked(answer, box.path("a/"))
    unchanged(box)
    if write != "LOCK new":
        answer = WRITES[write](box, {"If": f"<{box.path('a/')}> (<{token}>)"})
        assert answer.status in (200, 201, 204, 207), answer
        assert answer.status != 207 or answer.multistatus.only.code("{urn:x}a") == 200


@pytest.mark.rfc("4918", "7.4", "(*) a Depth 0 lock on a collection protects its properties and its list of members")
@pytest.mark.parametrize("write", sorted(WRITES))
def test_flat_lock_protects(box: Dav, write: str) -> None:
    scene(box)
    token = box.locked("a/", depth="0")
    answer = WRITES[write](box, {})
    if write in ("PUT", "PROPPATCH"):
        assert answer.status in (204, 207), "the content of members is free"
    elif write in ("COPY onto", "MOVE onto"):
        assert answer.status in (204, 423)
    else:
        blocked(answer, box.path("a/"))
        unchanged(box)
        answer = WRITES[write](box, {"If": f"<{box.path('a/')}> (<{token}>)"})
        assert answer.status in (200, 201, 204, 207), answer


@pytest.mark.rfc("4918", "7", "a lock on a file protects it from every change")
@pytest.mark.parametrize("write", ["PUT", "PROPPATCH", "DELETE", "DELETE folder", "MOVE away", "MOVE folder away",
                                   "MOVE onto", "MOVE inside", "COPY onto", "COPY onto folder"])  # fmt: skip
def test_file_lock_protects(box: Dav, write: str) -> None:
    scene(box)
    token = box.locked("a/file", depth="0")
    answer = WRITES[write](box, {})
    if answer.status == 207:
        assert {href: each.status for href, each in answer.multistatus.items()} == {box.href("a/file"): 423}
    else:
        blocked(answer, box.path("a/file"))
    unchanged(box)
    answer = WRITES[write](box, {"If": f"<{box.path('a/file')}> (<{token}>)"})
    assert answer.status in (201, 204, 207), answer


@pytest.mark.rfc("4918", "7", "reading never needs a token")
def test_reading_is_free(team: Pair) -> None:
    alice, bob = team
    scene(alice)
    alice.locked("a/")
    assert bob.get("a/file").body == b"1"
    assert bob.head("a/file").status == 200
    assert bob.names("a/") == {"file"}
    assert bob.request("OPTIONS", "a/file").status == 200
    assert bob.copy("a/file", "copied").status == 201
    assert bob.report_sync("a/").status == 207


@pytest.mark.rfc("4918", "6.4", "(*) a token counts only for the lock's creator: stolen ones do not help")
@pytest.mark.parametrize("write", ["PUT", "PUT new", "PROPPATCH", "DELETE", "MOVE away", "COPY onto", "MKCOL"])
def test_stolen_token(team: Pair, write: str) -> None:
    alice, bob = team
    scene(alice)
    token = alice.locked("a/")
    answer = WRITES[write](bob, {"If": f"<{bob.path('a/')}> (<{token}>)"})
    assert answer.status in (403, 412, 423), answer
    unchanged(alice)
    assert WRITES[write](alice, {"If": f"<{bob.path('a/')}> (<{token}>)"}).status in (201, 204, 207)


@pytest.mark.rfc("4918", "9.11.1", "UNLOCK by someone else is 403, and the lock stays")
def test_foreign_unlock(team: Pair) -> None:
    alice, bob = team
    alice.put("file", b"1")
    token = alice.locked("file", depth="0")
    bob.unlock("file", token).refused(403)
    assert tokens(bob, "file") == {token}
    assert bob.put("file", b"2").status == 423
    assert alice.unlock("file", token).status == 204
    assert bob.put("file", b"2").status == 204


@pytest.mark.rfc("4918", "9.10.2", "refreshing someone else's lock is refused")
def test_foreign_refresh(team: Pair) -> None:
    alice, bob = team
    alice.put("file", b"1")
    token = alice.locked("file", depth="0", timeout="Second-100")
    assert bob.refresh("file", token, "Second-3000").status in (403, 412, 423)
    shown = active(alice, "file")[0].findtext("{DAV:}timeout")
    assert int(shown.removeprefix("Second-")) <= 100


@pytest.mark.rfc("4918", "7.5", "two shared locks of two people: each writes with their own token")
def test_shared_locks(team: Pair) -> None:
    alice, bob = team
    alice.put("file", b"1")
    one = alice.locked("file", scope="shared", depth="0")
    two = bob.locked("file", scope="shared", depth="0")
    assert tokens(alice, "file") == {one, two}
    assert alice.put("file", b"a", {"If": f"(<{one}>)"}).status == 204
    assert bob.put("file", b"b", {"If": f"(<{two}>)"}).status == 204
    assert bob.put("file", b"c", {"If": f"(<{one}>)"}).status in (412, 423)
    assert alice.put("file", b"c").status == 423
    assert alice.unlock("file", one).status == 204
    assert tokens(alice, "file") == {two}
    assert alice.put("file", b"c").status == 423
    assert bob.get("file").body == b"b"


# -- refresh and unlock --------------------------------------------------------------------


@pytest.mark.rfc("4918", "9.10.2", "refresh: LOCK without body, one token in If: 200, no Lock-Token header")
@pytest.mark.parametrize("path", ["a/", "a/b/", "a/b/file"])
def test_refresh(box: Dav, path: str) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/file", b"1")
    token = box.locked("a/", timeout="Second-100")
    answer = box.request("LOCK", path, headers={"If": f"(<{token}>)", "Timeout": "Second-2000", "Depth": "1"})
    assert answer.status == 200, answer
    assert "Lock-Token" not in answer.headers
    assert answer.xml.findtext(".//{DAV:}locktoken/{DAV:}href") == token
    granted = int(answer.xml.findtext(".//{DAV:}timeout").removeprefix("Second-"))
    assert 100 < granted <= 2000
    shown = int(active(box, "a/")[0].findtext("{DAV:}timeout").removeprefix("Second-"))
    assert 100 < shown <= 2000


@pytest.mark.rfc("4918", "9.10.2", "refresh with a wrong token is 412, without or with two tokens refused")
def test_bad_refresh(box: Dav) -> None:
    box.put("file", b"1")
    box.put("free", b"1")
    token = box.locked("file", depth="0", timeout="Second-100")
    box.refresh("file", "urn:uuid:00000000-0000-4000-8000-000000000000").refused(412)
    box.refresh("free", token).refused(412)
    box.request("LOCK", "file").refused(400, 412)
    box.request("LOCK", "file", headers={"If": "(<DAV:no-lock>)"}).refused(400, 412)
    box.request("LOCK", "file", headers={"If": f"(<{token}> <urn:uuid:1>)"}).refused(400, 412)
    assert tokens(box, "file") == {token}
    assert tokens(box, "free") == set()


@pytest.mark.rfc("4918", "9.11", "UNLOCK by any URL in scope: 204; the lock is gone everywhere")
@pytest.mark.parametrize("path", ["a/", "a", "a/b/", "a/b/file"])
def test_unlock(box: Dav, path: str) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/file", b"1")
    token = box.locked("a/")
    answer = box.unlock(path, token)
    assert (answer.status, answer.body) == (204, b"")
    assert active(box, "a/") == active(box, "a/b/file") == []
    assert box.put("a/b/file", b"2").status == 204


@pytest.mark.rfc(
    "4918", "9.11.1", "UNLOCK: missing token 400, not this resource's 409 with lock-token-matches-request-uri"
)
def test_bad_unlock(box: Dav) -> None:
    box.put("file", b"1")
    box.put("free", b"1")
    token = box.locked("file", depth="0")
    box.request("UNLOCK", "file").refused(400)
    for value in ("", token, "<>", f"<{token}", "x"):
        box.request("UNLOCK", "file", headers={"Lock-Token": value}).refused(400, 409)
    box.unlock("free", token).refused(409, condition="lock-token-matches-request-uri")
    unknown = "urn:uuid:00000000-0000-4000-8000-000000000000"
    box.unlock("file", unknown).refused(409, condition="lock-token-matches-request-uri")
    box.unlock("none", token).refused(404, 409)
    assert tokens(box, "file") == {token}


# -- lockdiscovery and the life of locks ---------------------------------------------------


@pytest.mark.rfc("4918", "15.8", "(*) lockdiscovery shows indirect locks too, with their root")
def test_indirect_locks_are_shown(box: Dav) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/file", b"1")
    token = box.locked("a/")
    for path in ("a/", "a/b/", "a/b/file"):
        (lock,) = active(box, path)
        assert lock.findtext("{DAV:}locktoken/{DAV:}href") == token
        assert lock.findtext("{DAV:}lockroot/{DAV:}href") == box.path("a/")
    listing = box.propfind("a/", "lockdiscovery", depth="1")
    assert all(len(each["lockdiscovery"][1]) == 1 for each in listing.values())
    assert active(box) == []


@pytest.mark.rfc("4918", "15.8", "a Depth 0 lock covers only its root")
def test_flat_locks_are_not_shown_below(box: Dav) -> None:
    box.mkcol("a")
    box.put("a/file", b"1")
    token = box.locked("a/", depth="0")
    assert tokens(box, "a/") == {token}
    assert tokens(box, "a/file") == set()


@pytest.mark.rfc("4918", "7.4", "what is made or moved under an infinite lock is covered by it")
def test_new_members_are_covered(box: Dav) -> None:
    scene(box)
    token = box.locked("a/")
    held = {"If": f"<{box.path('a/')}> (<{token}>)"}
    assert box.put("a/new", b"1", held).status == 201
    assert box.mkcol("a/sub", headers=held).status == 201
    assert box.move("other", "a/moved", headers=held).status == 201
    for path in ("a/new", "a/sub/", "a/moved"):
        assert tokens(box, path) == {token}
    assert box.put("a/moved", b"x").status == 423


@pytest.mark.rfc("4918", "9.6", "locks end with DELETE")
def test_delete_ends_locks(box: Dav) -> None:
    scene(box)
    token = box.locked("a/")
    assert box.delete("a/", {"If": f"(<{token}>)"}).status == 204
    assert box.mkcol("a").status == 201
    assert active(box, "a/") == []
    assert box.put("a/file", b"1").status == 201
    box.unlock("a/", token).refused(409)


@pytest.mark.rfc("4918", "7.6", "locks stay neither at the source nor at the target of MOVE")
def test_move_ends_locks(box: Dav) -> None:
    scene(box)
    token = box.locked("a/file", depth="0")
    assert box.move("a/file", "a/moved", headers={"If": f"(<{token}>)"}).status == 201
    assert active(box, "a/moved") == []
    assert box.put("a/moved", b"x").status == 204
    assert box.put("a/file", b"new").status == 201
    assert active(box, "a/file") == []


@pytest.mark.rfc("4918", "7.6", "MOVE of a folder ends the locks on its members")
def test_move_folder_ends_locks_below(box: Dav) -> None:
    scene(box)
    token = box.locked("a/file", depth="0")
    assert box.move("a/", "b/", headers={"If": f"<{box.path('a/file')}> (<{token}>)"}).status == 201
    assert active(box, "b/file") == []


@pytest.mark.rfc("4918", "7.6", "locks are not copied")
def test_copy_does_not_copy_locks(box: Dav) -> None:
    scene(box)
    box.locked("a/")
    assert box.copy("a/", "b/").status == 201
    assert active(box, "b/") == active(box, "b/file") == []
    assert box.put("b/file", b"x").status == 204


@pytest.mark.rfc("4918", "9.8.4", "a lock on the replaced target has to be submitted, and stays or ends")
def test_copy_onto_a_locked_file(box: Dav) -> None:
    scene(box)
    token = box.locked("a/file", depth="0")
    blocked(box.copy("other", "a/file"), box.path("a/file"))
    assert box.copy("other", "a/file", headers={"If": f"<{box.path('a/file')}> (<{token}>)"}).status == 204
    assert box.get("a/file").body == b"other"
    assert tokens(box, "a/file") <= {token}


@pytest.mark.rfc("4918", "6", "locks are the same in every worker and survive a restart")
def test_locks_are_shared(module_server) -> None:
    box = module_server.dav("alice").fresh_box()
    box.put("file", b"1")
    token = box.locked("file", depth="0")
    for _ in range(6):
        assert tokens(box.clone(), "file") == {token}
        assert box.clone().put("file", b"2").status == 423
    module_server.restart()
    box = module_server.dav("alice", box.base)
    assert tokens(box, "file") == {token}
    assert box.put("file", b"2").status == 423
    assert box.put("file", b"2", {"If": f"(<{token}>)"}).status == 204
    assert box.unlock("file", token).status == 204


def test_the_owner_sees_the_lock_in_every_view(team: Pair) -> None:
    """A lock made under one URL of a resource is a lock under all of them."""
    alice, _ = team
    home = alice.clone("/dav/home/").fresh_box()
    home.put("file", b"1")
    token = home.locked("file", depth="0")
    other = home.clone(home.base.replace("/dav/home/", "/remote.php/dav/files/alice/"))
    assert tokens(other, "file") == {token}
    assert active(other, "file")[0].findtext("{DAV:}lockroot/{DAV:}href") == other.path("file")
    blocked(other.put("file", b"2"), other.path("file"))
    assert other.put("file", b"2", {"If": f"<{other.path('file')}> (<{token}>)"}).status == 204
    assert other.unlock("file", token).status == 204


@pytest.mark.rfc("4918", "7", "locks count at the moment of the commit, not only at the start of a long PUT")
def test_lock_during_upload(box: Dav) -> None:
    box.put("file", b"old")
    other = box.clone()

    def body():
        yield b"new "
        yield b"x" * 100_000
        assert other.lock("file", depth="0").status == 200
        yield b"end"

    assert box.put("file", body()).status == 423
    assert other.get("file").body == b"old"
