"""RFC 6578: sync-collection."""

from __future__ import annotations

import random
import time
from urllib.parse import urlsplit

import pytest

from support.client import Dav
from support.follower import Follower, differences, walk
from support.server import Server

LEVELS = pytest.mark.parametrize("level", ["1", "infinite"])


def start(dav: Dav, path: str = "", level: str = "infinite") -> str:
    """The token of now."""
    return dav.report_sync(path, "", level).multistatus.sync_token


@pytest.fixture
def tree(box: Dav) -> Dav:
    """A folder with a file, a sub-folder with a file."""
    box.put("top", b"top")
    box.mkcol("a")
    box.put("a/file", b"file")
    box.mkcol("a/b")
    box.put("a/b/deep", b"deep")
    return box


@pytest.mark.rfc("6578", "3.1", "collections announce sync-collection in supported-report-set")
@pytest.mark.parametrize("path", ["", "/dav/home/", "/remote.php/webdav/"])
def test_announced(box: Dav, path: str) -> None:
    status, element = box.prop(path, "supported-report-set")
    assert status == 200
    names = [name.tag for name in element.findall("{DAV:}supported-report/{DAV:}report/*")]
    assert "{DAV:}sync-collection" in names


@pytest.mark.rfc("6578", "4", "sync-token is a live property: a URI, protected, that works in a report")
def test_property(tree: Dav) -> None:
    token = tree.text("", "sync-token")
    assert urlsplit(token).scheme
    assert len(tree.report_sync("", token).multistatus) == 0
    tree.put("new", b"1")
    assert tree.text("", "sync-token") != token
    assert set(tree.report_sync("", token).multistatus) == {tree.href("new")}
    assert tree.proppatch("", {"sync-token": "x"}).multistatus.only.code("sync-token") == 403


@pytest.mark.rfc("6578", "3.4", "the first report holds live members only, and a token at the end")
def test_first(tree: Dav) -> None:
    tree.delete("top")
    flat = tree.report_sync("", "", "1").multistatus
    assert set(flat) == flat.live == {tree.href("a/")}
    deep = tree.report_sync("", "", "infinite").multistatus
    assert set(deep) == deep.live == {tree.href(p) for p in ("a/", "a/file", "a/b/", "a/b/deep")}
    assert flat.sync_token and deep.sync_token
    assert not flat.truncated and not deep.truncated


@pytest.mark.rfc("6578", "3.3", "an empty collection has an empty first report with a token")
@LEVELS
def test_empty(box: Dav, level: str) -> None:
    report = box.report_sync("", "", level).multistatus
    assert len(report) == 0
    assert len(box.report_sync("", report.sync_token, level).multistatus) == 0


@pytest.mark.rfc("6578", "3.4", "live members have the properties that PROPFIND shows, 404 propstats included")
def test_properties_as_in_propfind(tree: Dav) -> None:
    tree.proppatch("a/file", {"{urn:x}p": "v"})
    names = ("getetag", "getcontentlength", "getlastmodified", "resourcetype", "{urn:x}p", "{urn:x}none", "displayname")
    report = tree.report_sync("a/", "", "1", props=names).multistatus
    listing = tree.propfind("a/", *names, depth="1")
    for href, response in report.items():
        assert set(response.props) == set(listing[href].props)
        for name, (code, element) in response.props.items():
            assert (code, element.text) == (listing[href].props[name][0], listing[href].props[name][1].text)


@pytest.mark.rfc("6578", "3.5.1", "a changed member is reported with its new properties, once")
@LEVELS
def test_changed(tree: Dav, level: str) -> None:
    token = start(tree, "a/", level)
    for n in range(3):
        tree.put("a/file", b"x" * n)
    report = tree.report_sync("a/", token, level).multistatus
    assert set(report) == {tree.href("a/file")}
    assert report[tree.href("a/file")].text("getetag") == tree.etag("a/file")


@pytest.mark.rfc("6578", "3.5.1", "new members are reported; whole new trees with all members at level infinite")
def test_created(tree: Dav) -> None:
    flat, deep = start(tree, "", "1"), start(tree)
    tree.mkcol("n")
    tree.mkcol("n/m")
    tree.put("n/m/f", b"1")
    assert set(tree.report_sync("", deep).multistatus) == {tree.href(p) for p in ("n/", "n/m/", "n/m/f")}
    assert set(tree.report_sync("", flat, "1").multistatus) == {tree.href("n/")}


@pytest.mark.rfc("6578", "3.5.2", "a removed member is a bare 404; of a collection its own 404 is enough")
def test_removed(tree: Dav) -> None:
    flat, deep = start(tree, "", "1"), start(tree)
    tree.delete("a/")
    for token, level in ((flat, "1"), (deep, "infinite")):
        report = tree.report_sync("", token, level).multistatus
        assert tree.href("a/") in report.gone
        assert not report.live
        assert all(href.startswith(tree.href("a/")) for href in report.gone)
        assert level != "1" or report.gone == {tree.href("a/")}


@pytest.mark.rfc("6578", "3.5.2", "made and removed between two tokens: left out or 404")
@LEVELS
def test_made_and_removed(tree: Dav, level: str) -> None:
    token = start(tree, "", level)
    tree.put("short", b"1")
    tree.delete("short")
    report = tree.report_sync("", token, level).multistatus
    assert set(report) == report.gone <= {tree.href("short")}


@pytest.mark.rfc("6578", "3.5.1", "removed and made again: changed, not 404")
@LEVELS
def test_removed_and_made_again(tree: Dav, level: str) -> None:
    token = start(tree, "", level)
    tree.delete("top")
    tree.put("top", b"again")
    report = tree.report_sync("", token, level).multistatus
    assert report.live == {tree.href("top")} == set(report)
    assert report[tree.href("top")].text("getetag") == tree.etag("top")


@pytest.mark.rfc("6578", "3.5.1", "a file where a folder was, and the other way round")
def test_kind_changes(tree: Dav) -> None:
    token = start(tree)
    follower = Follower(tree)
    follower.catch_up()
    tree.delete("a/")
    tree.put("a", b"now a file")
    tree.delete("top")
    tree.mkcol("top")
    report = tree.report_sync("", token).multistatus
    assert report.live == {tree.href("a"), tree.href("top/")}
    assert report.gone <= {tree.href(each) for each in ("a/", "a/file", "a/b/", "a/b/deep", "top")}
    assert differences(follower.catch_up(), walk(tree)) == []


@pytest.mark.rfc("6578", "3.5", "MOVE: 404 for the old name and an entry for the new one, for every descendant too")
def test_moved(tree: Dav) -> None:
    tree.mkcol("z")
    flat, deep = start(tree, "", "1"), start(tree)
    assert tree.move("a/", "z/moved/").status == 201
    report = tree.report_sync("", deep).multistatus
    moved = {tree.href("z/moved/" + each) for each in ("", "file", "b/", "b/deep")}
    assert moved <= report.live <= moved | {tree.href("z/")}
    assert tree.href("a/") in report.gone
    report = tree.report_sync("", flat, "1").multistatus
    assert report.gone == {tree.href("a/")}
    assert report.live <= {tree.href("z/")}


@pytest.mark.rfc("6578", "3.5", "MOVE out of and into the collection: 404 there, an entry here")
@LEVELS
def test_moved_across(tree: Dav, level: str) -> None:
    source, target = start(tree, "a/", level), start(tree, "a/b/", level)
    assert tree.move("a/file", "a/b/file").status == 201
    assert tree.href("a/file") in tree.report_sync("a/", source, level).multistatus.gone
    report = tree.report_sync("a/b/", target, level).multistatus
    assert report.live == set(report) == {tree.href("a/b/file")}


@pytest.mark.rfc("6578", "3.3", "level 1: what happens below a child is no change of the child")
def test_level_1_is_flat(tree: Dav) -> None:
    token = start(tree, "", "1")
    tree.proppatch("a/b/deep", {"{urn:x}a": "v"})
    assert set(tree.report_sync("", token, "1").multistatus) <= {tree.href("a/")}
    tree.put("top", b"changed")
    report = tree.report_sync("", token, "1").multistatus
    assert tree.href("top") in report.live
    assert not [href for href in report if href.startswith(tree.href("a/")) and href != tree.href("a/")]


@pytest.mark.rfc("6578", "3.5.1", "changes of dead properties are changes of the member")
@LEVELS
def test_property_changes(tree: Dav, level: str) -> None:
    token = start(tree, "", level)
    tree.proppatch("top", {"{urn:x}p": "v"})
    report = tree.report_sync("", token, level, props=("{urn:x}p",)).multistatus
    assert report.live == {tree.href("top")}
    assert report[tree.href("top")].text("{urn:x}p") == "v"


@pytest.mark.rfc("6578", "3.2", "what happens outside of the collection is not reported")
@LEVELS
def test_outside(tree: Dav, level: str) -> None:
    token = start(tree, "a/b/", level)
    tree.put("top", b"2")
    tree.put("a/file", b"2")
    tree.delete("a/file")
    assert len(tree.report_sync("a/b/", token, level).multistatus) == 0


@pytest.mark.rfc("6578", "3.2", "the collection itself is never a member, also when it changes or moves")
def test_never_itself(tree: Dav) -> None:
    token = start(tree, "a/")
    tree.proppatch("a/", {"{urn:x}p": "v"})
    assert tree.href("a/") not in tree.report_sync("a/", token).multistatus
    tree.move("a/", "c/")
    answer = tree.report_sync("c/", token)
    if answer.status == 207:
        assert tree.href("c/") not in answer.multistatus
    else:
        answer.refused(403, 409, condition="valid-sync-token")


@pytest.mark.rfc("6578", "3.2", "an old token stays usable, from every point the same end is reached")
def test_old_tokens(tree: Dav) -> None:
    followers = []
    for n in range(6):
        follower = Follower(tree)
        follower.catch_up()
        followers.append(follower)
        tree.put(f"n{n}", b"1")
        tree.move(f"n{n}", f"m{n}")
        tree.put("top", bytes([n]))
        if n % 2:
            tree.delete(f"m{n - 1}")
    for follower in followers:
        assert differences(follower.catch_up(), walk(tree)) == []


@pytest.mark.rfc("6578", "3.6", "with a limit: fewer, a 507 for the collection, and a token from which to go on")
@LEVELS
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_limit(box: Dav, level: str, limit: int) -> None:
    box.mkcol("d")
    for n in range(9):
        box.put(f"f{n}", b"1")
        box.put(f"d/g{n}", b"1")
    seen: list[str] = []
    token = ""
    for _ in range(30):
        report = box.report_sync("", token, level, limit).multistatus
        members = [href for href, each in report.items() if each.status != 507]
        assert 0 < len(members) <= limit
        seen += members
        token = report.sync_token
        if not report.truncated:
            break
        assert report[box.href()].status == 507
    wanted = {box.href(f"f{n}") for n in range(9)} | {box.href("d/")}
    if level == "infinite":
        wanted |= {box.href(f"d/g{n}") for n in range(9)}
    assert sorted(seen) == sorted(wanted)


@pytest.mark.rfc("6578", "3.6", "paging through changes, deletions and moves while more happens loses nothing")
def test_changes_while_paging(tree: Dav) -> None:
    for n in range(20):
        tree.put(f"a/b/{n}", b"1")
    follower = Follower(tree, chance=random.Random(1))
    follower.catch_up()
    tree.move("a/b/", "moved/")
    for n in range(10):
        tree.put(f"moved/{n}", b"22")
    follower.page()
    tree.move("moved/", "a/again/")
    follower.page()
    tree.delete("a/again/3")
    tree.put("a/again/4", b"333")
    tree.mkcol("moved")
    tree.put("moved/3", b"x")
    assert differences(follower.catch_up(), walk(tree)) == []


@pytest.mark.rfc("6578", "3.6", "the first report is paged too")
def test_first_report_in_pages(tree: Dav) -> None:
    for n in range(15):
        tree.put(f"a/b/{n}", b"1")
    for level in ("1", "infinite"):
        follower = Follower(tree, "a/b/", level, random.Random(level))
        assert differences(follower.catch_up(), walk(tree, "a/b/")) == []


@pytest.mark.rfc("6578", "3.2", "bad, foreign and future tokens are 403 with valid-sync-token")
@pytest.mark.parametrize(
    "change",
    [
        lambda token: "x",
        lambda token: "urn:uuid:00000000-0000-4000-8000-000000000000",
        lambda token: token + "0",
        lambda token: token[:-1],
        lambda token: token.upper(),
        lambda token: "http://example.com/ns/sync/1",
        lambda token: "data:,1",
        lambda token: f" {'9' * 400}",
    ],
)
def test_bad_tokens(tree: Dav, change) -> None:
    token = start(tree)
    bad = change(token)
    answer = tree.report_sync("", bad)
    if bad == token[:-1] and answer.status == 207:
        return  # Shorter by a digit, it may be an older token of the same journal.
    answer.refused(403, 409, condition="valid-sync-token")


@pytest.mark.rfc("6578", "3.2", "a token of another space is refused")
def test_foreign_token(tree: Dav, team: tuple[Dav, Dav]) -> None:
    token = start(team[0])
    tree.report_sync("", token).refused(403, condition="valid-sync-token")


@pytest.mark.rfc("6578", "3.2", "a token of the future is refused (a restored backup must not look like deletions)")
def test_future_token(tree: Dav) -> None:
    token = start(tree)
    head, _, seq = token.rpartition("-")
    tree.report_sync("", f"{head}-{int(seq, 16) + 1000:x}").refused(403, condition="valid-sync-token")


@pytest.mark.rfc("6578", "3.2", "Depth of the report is 0; other values are 400")
@pytest.mark.parametrize("depth", ["1", "infinity", "x", ""])
def test_depth(tree: Dav, depth: str) -> None:
    tree.report_sync("", headers={"Depth": depth}).refused(400)


@pytest.mark.rfc("3253", "3.6", "a report without Depth has Depth 0")
def test_no_depth(tree: Dav) -> None:
    body = (
        '<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level><d:prop/></d:sync-collection>'
    )
    assert set(tree.request("REPORT", "", body).multistatus) == {tree.href("top"), tree.href("a/")}


@pytest.mark.rfc("6578", "6.3", "a missing or unknown sync-level and a bad limit are 400")
@pytest.mark.parametrize(
    "content",
    [
        "<d:sync-token/><d:prop/>",
        "<d:sync-token/><d:sync-level>2</d:sync-level><d:prop/>",
        "<d:sync-token/><d:sync-level/><d:prop/>",
        "<d:sync-level>1</d:sync-level><d:prop/>",
        "<d:sync-token/><d:sync-level>1</d:sync-level><d:limit><d:nresults>x</d:nresults></d:limit><d:prop/>",
        "<d:sync-token/><d:sync-level>1</d:sync-level><d:limit><d:nresults>-1</d:nresults></d:limit><d:prop/>",
        "<d:sync-token/><d:sync-level>1</d:sync-level><d:limit/><d:prop/>",
    ],
)
def test_bad_bodies(tree: Dav, content: str) -> None:
    body = f'<d:sync-collection xmlns:d="DAV:">{content}</d:sync-collection>'
    tree.request("REPORT", "", body, {"Depth": "0"}).refused(400)


@pytest.mark.rfc("3253", "3.6", "an unknown report is 403 with supported-report")
def test_unknown_report(tree: Dav) -> None:
    for path in ("", "top"):
        answer = tree.request("REPORT", path, '<x:nothing xmlns:x="urn:x"/>', {"Depth": "0"})
        answer.refused(403, condition="supported-report")


@pytest.mark.rfc("6578", "3.2", "on a file there is no sync-collection; on nothing 404")
def test_on_files(tree: Dav) -> None:
    assert tree.report_sync("top").status in (400, 403, 405)
    assert tree.report_sync("none/").status == 404


@pytest.mark.rfc("6578", "5", "the token is a state token in If: false when the collection has changed")
def test_token_in_if(tree: Dav) -> None:
    token = tree.text("", "sync-token")
    held = {"If": f"<{tree.path()}> (<{token}>)"}
    assert tree.put("new", b"1", held).status == 201
    assert tree.put("new", b"2", held).status == 412
    assert tree.delete("new", held).status == 412
    assert tree.put("new", b"2", {"If": f"<{tree.path()}> (Not <{token}>)"}).status == 204
    assert tree.get("new").body == b"2"


@pytest.mark.rfc("8144", "2.1", "Prefer: return=minimal leaves out the 404 propstats of a report")
def test_minimal(tree: Dav) -> None:
    answer = tree.report_sync("", props=("getetag", "{urn:x}none"), headers={"Prefer": "return=minimal"})
    report = answer.multistatus
    assert all(set(each.props) == {"{DAV:}getetag"} for each in report.values())
    assert "return=minimal" in answer["Preference-Applied"]


def test_views_have_their_own_hrefs(tree: Dav) -> None:
    """The same tokens and members in another view, with that view's hrefs."""
    other = tree.clone(tree.base.replace("/dav/home/", "/remote.php/dav/files/alice/"))
    token = start(other)
    tree.put("top", b"2")
    assert set(other.report_sync("", token).multistatus) == {other.href("top")}


@pytest.mark.slow
def test_restart_keeps_tokens(own_server) -> None:
    """Tokens survive a restart of the server."""
    server: Server = own_server(workers=1)
    box = server.dav("alice").fresh_box()
    box.put("a", b"1")
    token = start(box)
    server.restart()
    box = server.dav("alice", box.base)
    assert len(box.report_sync("", token).multistatus) == 0
    box.put("b", b"1")
    assert set(box.report_sync("", token).multistatus) == {box.href("b")}


def test_gone_in_both_forms(box: Dav) -> None:
    """A follower that missed a folder's end while a file stood there hears of the folder, whatever it compares."""
    box.mkcol("a")
    box.put("a/x", b"1")
    token = start(box)
    box.delete("a/")
    box.put("a", b"file")
    page = box.report_sync("", token, "infinite", 1).multistatus
    assert [href for href, response in page.items() if response.status == 404] == [box.href("a/x")]
    box.delete("a")
    box.mkcol("a")
    box.delete("a/")
    page = box.report_sync("", page.sync_token).multistatus
    assert {href: response.status for href, response in page.items()} == {box.href("a"): 404, box.href("a/"): 404}


def test_many_hrefs_with_odd_names(box: Dav) -> None:
    """Names that need escaping come in the same spelling as in PROPFIND."""
    for name in ("50%25", "a%23b", "gr%C3%BC%C3%9Fe", "a%20b", "a%26b", "%F0%9F%98%80"):
        box.put(name, b"1")
    follower = Follower(box)
    assert differences(follower.catch_up(), walk(box)) == []


@pytest.mark.slow
@pytest.mark.rfc("6578", "3.2", "a token from before what the journal still holds is refused; later ones go on")
def test_expired_token(own_server) -> None:
    server: Server = own_server(workers=1)
    server.cli("settings", "set", "journal.keep_entries", "1000")
    box = server.dav("alice").fresh_box()
    old = start(box)
    follower = Follower(box)
    follower.catch_up()
    for n in range(1100):
        box.put(f"f{n % 10}", b"%d" % n)
        if n == 600:
            follower.catch_up()
    until = time.monotonic() + 150
    while box.report_sync("", old).status == 207:
        assert time.monotonic() < until, "the journal grows for ever"
        time.sleep(1)
    box.report_sync("", old).refused(403, condition="valid-sync-token")
    assert differences(follower.catch_up(), walk(box)) == []
    assert differences(Follower(box).catch_up(), walk(box)) == []
