"""What somebody does on disk while the server runs is seen over WebDAV: soon in reports, at once where one looks."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from support.client import enc
from support.follower import Follower, differences, walk
from support.polling import eventually, soon_equal
from support.server import Server

FILEID = "{http://owncloud.org/ns}fileid"


class Place:
    """A folder of alice's: over WebDAV, on disk, and as a follower of its reports knows it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.dav = server.dav("alice").fresh_box()
        self.disk = server.home() / self.dav.base.removeprefix("/dav/home/")
        self.token = ""
        self.mark()

    def mark(self) -> None:
        """From here on reports are of interest."""
        self.token = self.dav.report_sync(token=self.token).multistatus.sync_token

    def report(self) -> tuple[set[str], set[str]]:
        """(changed, gone) since the mark, as paths relative to the folder."""
        found = self.dav.report_sync(token=self.token).multistatus
        own = self.dav.href()
        return {href[len(own) :] for href in found.live}, {href[len(own) :] for href in found.gone}

    def reported(self, changed: set[str] = frozenset(), gone: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        """Wait until a report names exactly this."""
        soon_equal(self.report, (set(changed), set(gone)))

    def number(self, path: str) -> str:
        """The id of a file or folder."""
        return self.dav.text(path, FILEID)

    def put(self, path: str, body: bytes = b"content") -> str:
        """A file made over WebDAV, with a dead property; its id."""
        assert self.dav.put(path, body).status == 201
        assert self.dav.proppatch(path, {"{urn:x}kept": "yes"}).status == 207
        return self.number(path)

    def property(self, path: str) -> str | None:
        """Its dead property, if it has it."""
        status, element = self.dav.prop(path, "{urn:x}kept")
        return element.text if status == 200 else None


@pytest.fixture
def place(module_server: Server) -> Place:
    """A new empty folder."""
    return Place(module_server)


# -- made, changed, removed ------------------------------------------------------------------


def test_a_file_is_made(place: Place) -> None:
    (place.disk / "new").write_bytes(b"from disk")
    place.reported({"new"})
    assert place.dav.get("new").body == b"from disk"
    assert place.dav.names() == {"new"}


def test_a_folder_is_made(place: Place) -> None:
    (place.disk / "folder").mkdir()
    place.reported({"folder/"})
    (place.disk / "folder" / "inner").write_bytes(b"1")
    place.reported({"folder/", "folder/inner"})


def test_a_deep_tree_is_made(place: Place) -> None:
    """Folders inside new folders are found and watched, whatever came before the watch."""
    deep = place.disk / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"deep")
    place.reported({"a/", "a/b/", "a/b/c/", "a/b/c/d/", "a/b/c/d/file"})
    place.mark()
    (deep / "later").write_bytes(b"1")
    place.reported({"a/", "a/b/", "a/b/c/", "a/b/c/d/", "a/b/c/d/later"})


def test_names_of_all_kinds(place: Place) -> None:
    """Names that need quoting in URLs and XML."""
    names = {"grüße", "100%", "a b", "semi;colon", "q?x#y", "<&>", "日本", "\U0001f600"}
    for name in names:
        (place.disk / name).write_bytes(name.encode())
    place.reported({enc(name) for name in names})
    for name in names:
        assert place.dav.get(enc(name)).body == name.encode()


@pytest.mark.parametrize("how", ["overwritten", "appended", "touched", "truncated"])
def test_a_file_is_changed(place: Place, how: str) -> None:
    """In place: same id, same dead properties, another ETag."""
    number = place.put("file", b"content")
    etag = place.dav.etag("file")
    place.mark()
    path = place.disk / "file"
    if how == "overwritten":
        path.write_bytes(b"tnetnoc and more")
    elif how == "appended":
        with path.open("ab") as file:
            file.write(b", more")
    elif how == "truncated":
        os.truncate(path, 3)
    else:
        os.utime(path, (1_600_000_000, 1_600_000_000))
    place.reported({"file"})
    assert place.dav.get("file").body == path.read_bytes()
    assert (place.number("file"), place.property("file")) == (number, "yes")
    assert place.dav.etag("file") != etag
    if how == "touched":
        assert place.dav.get("file")["Last-Modified"] == "Sun, 13 Sep 2020 12:26:40 GMT"


def test_a_file_is_removed(place: Place) -> None:
    place.put("file")
    place.mark()
    (place.disk / "file").unlink()
    place.reported(gone={"file"})
    assert place.dav.get("file").status == 404


def test_a_folder_is_removed(place: Place) -> None:
    """One name for all that was in it."""
    place.dav.mkcol("d")
    place.put("d/file")
    follower = Follower(place.dav)
    follower.catch_up()
    shutil.rmtree(place.disk / "d")
    eventually(lambda: not place.dav.exists("d/"))
    soon_equal(lambda: differences(follower.catch_up(), walk(place.dav)), [])
    assert follower.state == {}


def test_a_file_becomes_a_folder_and_back(place: Place) -> None:
    """Another kind is another thing."""
    number = place.put("thing")
    follower = Follower(place.dav)
    follower.catch_up()
    (place.disk / "thing").unlink()
    (place.disk / "thing").mkdir()
    (place.disk / "thing" / "inner").write_bytes(b"1")
    soon_equal(lambda: follower.catch_up().keys(), {place.dav.href("thing/"), place.dav.href("thing/inner")})
    folder = place.number("thing/")
    assert folder != number and place.property("thing/") is None
    shutil.rmtree(place.disk / "thing")
    (place.disk / "thing").write_bytes(b"file again")
    soon_equal(lambda: follower.catch_up().keys(), {place.dav.href("thing")})
    assert place.dav.get("thing").body == b"file again"
    assert place.number("thing") not in (number, folder)
    assert differences(follower.state, walk(place.dav)) == []


# -- moved ------------------------------------------------------------------------------------


def test_a_file_is_renamed(place: Place) -> None:
    """Same id, same ETag (the content is the same), same dead properties; the old name is gone."""
    number, etag = place.put("old"), place.dav.etag("old")
    place.mark()
    (place.disk / "old").rename(place.disk / "new")
    place.reported({"new"}, {"old"})
    assert (place.number("new"), place.dav.etag("new"), place.property("new")) == (number, etag, "yes")


def test_a_file_moves_between_folders(place: Place) -> None:
    place.dav.mkcol("a")
    place.dav.mkcol("b")
    number = place.put("a/file")
    place.mark()
    (place.disk / "a" / "file").rename(place.disk / "b" / "renamed")
    eventually(lambda: place.dav.exists("b/renamed") and not place.dav.exists("a/file"))
    changed, gone = place.report()
    assert "b/renamed" in changed and gone == {"a/file"}
    assert (place.number("b/renamed"), place.property("b/renamed")) == (number, "yes")


@pytest.mark.parametrize("made_by", ["dav", "disk"])
def test_a_folder_is_renamed(place: Place, made_by: str) -> None:
    """All that is in it keeps its id, and nothing in it is lost or there twice."""
    place.dav.mkcol("old")
    for number in range(100):
        if made_by == "disk":
            (place.disk / "old" / f"f{number}").write_bytes(str(number).encode())
        else:
            place.dav.put(f"old/f{number}", str(number).encode())
    place.put("old/marked")
    soon_equal(lambda: len(place.dav.names("old/")), 101)

    def numbers(folder: str) -> dict[str, str]:
        own = place.dav.href(folder)
        found = place.dav.propfind(folder, FILEID, depth="1")
        return {href[len(own) :]: response.text(FILEID) for href, response in found.items()}

    before = numbers("old/")
    follower = Follower(place.dav)
    follower.catch_up()
    (place.disk / "old").rename(place.disk / "new")
    soon_equal(lambda: place.dav.names(), {"new"})
    soon_equal(lambda: numbers("new/"), before)
    assert place.property("new/marked") == "yes"
    assert differences(follower.catch_up(), walk(place.dav)) == []
    assert place.dav.get("new/f17").body == b"17"


def test_a_folder_moves_into_a_new_one(place: Place) -> None:
    """The new parent is not known when its child arrives in it."""
    place.dav.mkcol("d")
    number = place.put("d/file")
    follower = Follower(place.dav)
    follower.catch_up()
    (place.disk / "parent").mkdir()
    (place.disk / "d").rename(place.disk / "parent" / "d")
    soon_equal(
        lambda: follower.catch_up().keys(), {place.dav.href(p) for p in ("parent/", "parent/d/", "parent/d/file")}
    )
    assert (place.number("parent/d/file"), place.property("parent/d/file")) == (number, "yes")
    assert differences(follower.state, walk(place.dav)) == []


def test_files_swap_their_names(place: Place) -> None:
    """Whoever is taken for whom: content and listing are right and every name has one id."""
    numbers = {place.put("a", b"content of a"), place.put("b", b"of b")}
    follower = Follower(place.dav)
    follower.catch_up()
    (place.disk / "a").rename(place.disk / "t")
    (place.disk / "b").rename(place.disk / "a")
    (place.disk / "t").rename(place.disk / "b")
    soon_equal(lambda: (place.dav.get("a").body, place.dav.get("b").body), (b"of b", b"content of a"))
    soon_equal(lambda: differences(follower.catch_up(), walk(place.dav)), [])
    assert place.dav.names() == {"a", "b"}
    assert len({place.number("a"), place.number("b")}) == 2 == len(numbers)


def test_an_editor_saves(place: Place) -> None:
    """Written beside and renamed onto: the name keeps its id and dead properties, with other content."""
    number, etag = place.put("file", b"old"), place.dav.etag("file")
    place.mark()
    (place.disk / ".file.swp").write_bytes(b"saved by an editor")
    (place.disk / ".file.swp").rename(place.disk / "file")
    eventually(lambda: place.dav.etag("file") != etag)
    soon_equal(lambda: place.dav.names(), {"file"})
    assert "file" in place.report()[0]
    assert place.dav.get("file").body == b"saved by an editor"
    assert (place.number("file"), place.property("file")) == (number, "yes")


def test_an_editor_saves_with_a_backup(place: Place) -> None:
    """The old file steps aside, a new one takes its name: the name keeps id and properties, the backup is new."""
    number = place.put("file", b"old")
    (place.disk / "file").rename(place.disk / "file~")
    (place.disk / "file").write_bytes(b"new content")
    soon_equal(lambda: place.dav.names(), {"file", "file~"})
    soon_equal(lambda: (place.dav.get("file").body, place.dav.get("file~").body), (b"new content", b"old"))
    assert place.number("file") != place.number("file~")
    assert number in (place.number("file"), place.number("file~"))


def test_locks_when_something_moves_on_disk(place: Place) -> None:
    """A lock stays with the URL, not with the file (RFC 4918 section 7.6): who moves it away ends it."""
    place.put("locked")
    token = place.dav.locked("locked")
    (place.disk / "locked").rename(place.disk / "free")
    eventually(lambda: not place.dav.exists("locked"))
    assert place.dav.put("free", b"needs no token").status == 204
    assert place.dav.unlock("free", token).status in (403, 409)
    assert place.dav.put("locked", b"neither").status == 201


def test_a_lock_outlives_changes_in_place(place: Place) -> None:
    """Content that changes on disk ends no lock."""
    place.put("locked")
    token = place.dav.locked("locked")
    place.mark()
    (place.disk / "locked").write_bytes(b"changed on disk")
    place.reported({"locked"})
    place.dav.put("locked", b"x").refused(423)
    assert place.dav.put("locked", b"x", {"If": f"(<{token}>)"}).status == 204


# -- identity ----------------------------------------------------------------------------------


def test_a_used_inode_is_no_identity(place: Place) -> None:
    """A file is removed and a new one gets its inode: a new id, and nothing of the old one's properties."""
    number = place.put("old", b"same size")
    path = place.disk / "old"
    inode = path.stat().st_ino
    path.unlink()
    made = [place.disk / f"new{count}" for count in range(200)]
    reused = None
    for each in made:
        each.write_bytes(b"same size")
        if each.stat().st_ino == inode:
            reused = each
            break
    if reused is None:
        pytest.skip("this filesystem does not use the inode again")
    eventually(lambda: not place.dav.exists("old") and place.dav.exists(reused.name))
    assert place.number(reused.name) != number
    assert place.property(reused.name) is None


def test_a_hard_link_is_a_file_of_its_own(place: Place) -> None:
    number = place.put("file")
    place.mark()
    os.link(place.disk / "file", place.disk / "link")
    place.reported({"link"})
    assert place.number("link") != number == place.number("file")
    assert place.property("link") is None
    assert place.dav.put("link", b"written through the link").status == 204
    assert place.dav.get("file").body == b"content", "a PUT replaces one name, not what others name"


def test_twins_by_normalisation(place: Place) -> None:
    """Of two names that differ in normalisation only one is shown; when it goes, the other comes."""
    nfc, nfd = "gr\u00fc\u00dfe", "gru\u0308\u00dfe"
    (place.disk / nfc).write_bytes(b"composed")
    soon_equal(lambda: place.dav.names(), {nfc})
    (place.disk / nfd).write_bytes(b"decomposed")
    (place.disk / "after").write_bytes(b"")
    soon_equal(lambda: place.dav.names(), {nfc, "after"})
    (place.disk / nfc).unlink()
    soon_equal(lambda: place.dav.names(), {nfd, "after"})
    assert place.dav.get(enc(nfd)).body == b"decomposed"


def test_links_never_come_in(place: Place) -> None:
    """A folder that becomes a link to one outside is gone, with what is below it, and nothing outside is touched."""
    outside = place.server.folder / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "secret").write_bytes(b"secret")
    place.dav.mkcol("d")
    place.put("d/secret", b"mine")
    shutil.rmtree(place.disk / "d")
    (place.disk / "d").symlink_to(outside)
    (place.disk / "link").symlink_to(outside / "secret")
    eventually(lambda: place.dav.names() == set())
    for path in ("d/secret", "d/", "link"):
        answer = place.dav.get(path)
        assert answer.status in (403, 404, 409, 503) and answer.body != b"secret"
    assert (outside / "secret").read_bytes() == b"secret"


# -- at once, without waiting --------------------------------------------------------------------


def test_get_is_right_at_once(place: Place) -> None:
    """Whatever the index knows: the bytes, the length and the absence are those of the disk."""
    place.put("file", b"old")
    (place.disk / "file").write_bytes(b"changed")
    assert place.dav.get("file").body == b"changed"
    (place.disk / "file").rename(place.disk / "renamed")
    assert place.dav.get("renamed").body == b"changed"
    assert place.dav.get("file").status == 404
    (place.disk / "new").write_bytes(b"new")
    assert place.dav.get("new").body == b"new"


@pytest.mark.rfc("4918", "9.1", "members that came and went on disk are listed as they are, without waiting")
def test_listings_are_right_at_once(place: Place) -> None:
    """A folder that nobody else works in."""
    (place.disk / "quiet").mkdir()
    assert place.dav.names("quiet/") == set()
    time.sleep(2.1)  # changes within two seconds of the server's own are left to the watch
    (place.disk / "quiet" / "one").write_bytes(b"1")
    assert place.dav.names("quiet/") == {"one"}
    (place.disk / "quiet" / "sub").mkdir()
    eventually(lambda: place.dav.names("quiet/") == {"one", "sub"})


def test_deep_paths_that_nobody_has_indexed(place: Place) -> None:
    """The first request goes straight to the bottom."""
    deep = place.disk / "p" / "q" / "r"
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"deep")
    assert place.dav.get("p/q/r/file").body == b"deep"
    assert place.dav.names("p/q/r/") == {"file"}
    assert place.dav.get("p/q/r/none").status == 404
    assert place.dav.get("p/q/r/file/none").status == 404


def test_new_members_of_folders_that_only_the_disk_knows(place: Place) -> None:
    (place.disk / "x" / "y").mkdir(parents=True)
    assert place.dav.put("x/y/file", b"sent").status == 201
    (place.disk / "x2" / "y").mkdir(parents=True)
    assert place.dav.put("x2/y/chunked", iter([b"sent ", b"in pieces"])).status == 201
    (place.disk / "z" / "y").mkdir(parents=True)
    assert place.dav.mkcol("z/y/made").status == 201
    assert (place.disk / "x/y/file").read_bytes() == b"sent"
    assert (place.disk / "x2/y/chunked").read_bytes() == b"sent in pieces"
    assert (place.disk / "z/y/made").is_dir()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_never_taken_twice(place: Place, chunked: bool) -> None:
    """The folder goes during an upload and comes back on disk: all of the content is stored, or none."""
    place.dav.mkcol("folder")
    other = place.dav.clone()

    def pieces():
        yield b"x" * 200_000
        assert other.delete("folder/").status == 204
        (place.disk / "folder").mkdir()
        yield b"x" * 200_000

    headers = {} if chunked else {"Content-Length": "400000"}
    answer = place.dav.put("folder/file", pieces(), headers)
    if answer.status == 201:
        assert (place.disk / "folder/file").read_bytes() == b"x" * 400_000
    else:
        answer.refused(409, 503)
        assert not (place.disk / "folder/file").exists()


def fill(folder: Path) -> dict[str, bytes]:
    """Make a tree on disk; what is in it."""
    contents = {f"sub{n}/deeper/f{n}": f"content {n}".encode() for n in range(5)} | {"top": b"top"}
    for name, body in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return contents


def held(folder: Path) -> dict[str, bytes]:
    """Content by name of all files below a folder on disk."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_trees_that_only_the_disk_knows_are_copied_whole(place: Place) -> None:
    place.dav.mkcol("tree")
    contents = fill(place.disk / "tree")
    assert place.dav.copy("tree/", "copied").status == 201
    assert held(place.disk / "copied") == contents == held(place.disk / "tree")
    soon_equal(lambda: len(walk(place.dav, "copied/")), 16)


def test_trees_that_only_the_disk_knows_are_moved_whole(place: Place) -> None:
    place.dav.mkcol("tree")
    contents = fill(place.disk / "tree")
    assert place.dav.move("tree/", "moved").status == 201
    assert held(place.disk / "moved") == contents
    assert not (place.disk / "tree").exists()
    for name, body in contents.items():
        assert place.dav.get("moved/" + name).body == body


def test_trees_that_only_the_disk_knows_move_to_another_space(place: Place) -> None:
    """Nothing is left behind and nothing is lost."""
    name = "other" + place.dav.base.rstrip("/")[-6:]
    place.server.cli("space", "add", name, "--member", "alice:editor")
    place.dav.mkcol("tree")
    contents = fill(place.disk / "tree")
    target = f"/dav/spaces/{name}/moved"
    assert place.dav.move("tree/", target).status == 201
    assert held(place.server.data / "spaces" / name / "moved") == contents
    assert not (place.disk / "tree").exists()
    there = place.server.dav("alice", target + "/")
    for path, body in contents.items():
        assert there.get(path).body == body


def test_trees_that_only_the_disk_knows_are_removed_to_the_trash(place: Place) -> None:
    """A DELETE of a folder takes what nobody has indexed along, and keeps it."""
    place.dav.mkcol("tree")
    contents = fill(place.disk / "tree")
    assert place.dav.delete("tree/").status == 204
    assert not (place.disk / "tree").exists()
    trash = place.server.home() / ".davshare" / "trash"
    assert any(held(kept) == contents for kept in trash.iterdir() if kept.is_dir())


# -- programs ------------------------------------------------------------------------------------


def test_rsync_into_a_folder(place: Place, tmp_path: Path) -> None:
    """``rsync -a --delete`` writes beside and renames; what it leaves is what is seen."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is missing; on Debian and Ubuntu: apt-get install rsync")
    source = tmp_path / "source"
    source.mkdir()
    contents = fill(source)
    follower = Follower(place.dav)

    def sync() -> None:
        subprocess.run(["rsync", "-a", "--delete", f"{source}/", f"{place.disk}/"], check=True)

    def seen() -> dict[str, bytes]:
        found = walk(place.dav)
        return {
            href.removeprefix(place.dav.href()): place.dav.get(href).body
            for href, (_, folder, _) in found.items()
            if not folder
        }

    sync()
    soon_equal(seen, contents)
    number = place.number("sub1/deeper/f1")
    (source / "sub1/deeper/f1").write_bytes(b"changed in the source")
    shutil.rmtree(source / "sub2")
    (source / "added").write_bytes(b"added")
    sync()
    soon_equal(seen, held(source))
    soon_equal(lambda: differences(follower.catch_up(), walk(place.dav)), [])
    assert place.number("sub1/deeper/f1") == number


# -- while the server is down --------------------------------------------------------------------


@pytest.mark.slow
def test_what_happened_while_the_server_was_stopped(own_server) -> None:
    """Renames, changes, removals and new things are found at the next start, renames as renames."""
    server: Server = own_server()
    place = Place(server)
    place.dav.mkcol("folder")
    numbers = {name: place.put(name) for name in ("renamed", "changed", "removed", "folder/inner")}
    follower = Follower(place.dav)
    follower.catch_up()
    server.stop()
    (place.disk / "renamed").rename(place.disk / "other name")
    (place.disk / "changed").write_bytes(b"changed meanwhile")
    (place.disk / "removed").unlink()
    (place.disk / "folder").rename(place.disk / "moved")
    (place.disk / "added").write_bytes(b"added")
    server.run()
    place.dav = server.dav("alice", place.dav.base)
    follower.dav = place.dav
    names = ("other%20name", "changed", "moved/", "moved/inner", "added")
    soon_equal(lambda: follower.catch_up().keys(), {place.dav.href(name) for name in names})
    assert place.number("other%20name") == numbers["renamed"]
    assert place.number("moved/inner") == numbers["folder/inner"]
    assert place.number("changed") == numbers["changed"]
    assert {place.property(name) for name in ("other%20name", "changed", "moved/inner")} == {"yes"}
    assert place.dav.get("changed").body == b"changed meanwhile"
    soon_equal(lambda: server.cli("check", "alice", check=False).returncode, 0)
