"""Much that is gone from disk at once waits for a person; a storage without its marker is no storage at all."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.follower import Follower, differences, walk
from support.polling import eventually, soon_equal
from support.server import Server

FILEID = "{http://owncloud.org/ns}fileid"
COUNT = 60


@pytest.fixture(scope="module")
def careful(tmp_path_factory: pytest.TempPathFactory):
    """A server that lets 10 things and a quarter of a space vanish within an hour."""
    server = Server.start(tmp_path_factory.mktemp("careful"))
    server.cli("settings", "set", "disk.removals_least", "10")
    server.cli("settings", "set", "disk.removals_percent", "25")
    yield server
    server.kill9()


class Space:
    """A space of its own with 60 files in three folders."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        server.cli("space", "add", name, "--member", "alice:editor")
        self.disk = server.data / "spaces" / name
        self.dav = server.dav("alice", f"/dav/spaces/{name}/")
        for number in range(COUNT):
            path = self.path(number)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(str(number).encode())
        soon_equal(lambda: len(walk(self.dav)), COUNT + 3)
        self.follower = Follower(self.dav)
        self.follower.catch_up()

    def path(self, number: int) -> Path:
        """One of its files."""
        return self.disk / f"d{number % 3}" / f"f{number}"

    def reconcile(self, *more: str) -> int:
        """The exit code of ``davshare reconcile``."""
        return self.server.cli("reconcile", self.name, *more, check=False).returncode

    def held(self) -> bool:
        """Whether removals wait for a person, as ``space list`` tells."""
        found = json.loads(self.server.cli("space", "list", "--json").stdout)
        return any(each["name"] == self.name and each["held"] for each in found)

    def ids(self) -> dict[str, str]:
        """Id by href of the files in the three folders."""
        found: dict[str, str] = {}
        for folder in ("d0/", "d1/", "d2/"):
            found |= {href: r.text(FILEID) for href, r in self.dav.propfind(folder, FILEID, depth="1").items()}
        return found

    def settled(self) -> None:
        """What the follower knows is what PROPFIND shows."""
        soon_equal(lambda: differences(self.follower.catch_up(), walk(self.dav)), [])


@pytest.fixture
def space(careful: Server) -> Space:
    """A new one for each test."""
    return Space(careful, f"s{secrets.token_hex(4)}")


def vanish_files(space: Space) -> None:
    """All files, one by one."""
    for number in range(COUNT):
        space.path(number).unlink()


def vanish_folders(space: Space) -> None:
    """All folders."""
    for folder in ("d0", "d1", "d2"):
        shutil.rmtree(space.disk / folder)


@pytest.mark.parametrize("vanish", [vanish_files, vanish_folders])
@pytest.mark.slow
def test_much_is_held(space: Space, vanish: Callable[[Space], None]) -> None:
    """Listings still show what is gone, no report says 404 for the bulk, GET is 503, and a person lets it go."""
    vanish(space)
    assert space.reconcile() == 1
    assert space.held()
    assert space.dav.names() == {"d0", "d1", "d2"}
    shown = dict(space.follower.catch_up())
    assert len(shown) >= COUNT + 3 - 15, "at most a quarter is gone"
    if (space.disk / "d0").exists():
        assert differences(shown, walk(space.dav)) == []
    else:
        space.dav.request("PROPFIND", "d0/", headers={"Depth": "1"}).refused(503)
    for href in [href for href, (_, folder, _) in shown.items() if not folder][:3]:
        answer = space.dav.get(href).refused(503)
        assert int(answer["Retry-After"]) > 0
    assert space.reconcile() == 1, "asking again changes nothing"
    assert space.follower.catch_up() == shown
    assert space.reconcile("--accept-removals") == 0
    space.settled()
    assert not any(not folder for _, folder, _ in space.follower.state.values())
    assert not space.held()
    assert space.server.cli("check", space.name, check=False).returncode == 0


@pytest.mark.slow
def test_what_comes_back_is_what_it_was(space: Space) -> None:
    """A disk that was away and is back: everything keeps its id, and the hold ends by itself."""
    before = space.ids()
    away = space.server.folder / f"away-{space.name}"
    away.mkdir()
    for folder in ("d0", "d1", "d2"):
        (space.disk / folder).rename(away / folder)
    assert space.reconcile() == 1
    for folder in ("d0", "d1", "d2"):
        (away / folder).rename(space.disk / folder)
    eventually(lambda: not space.held())
    soon_equal(space.ids, before)
    space.settled()
    assert space.dav.get("d1/f1").body == b"1"
    assert space.reconcile() == 0
    space.path(1).unlink()
    eventually(lambda: not space.dav.exists("d1/f1"))


@pytest.mark.slow
def test_a_hold_is_not_lifted_by_something_new(space: Space) -> None:
    """New folders on disk, which are read at once, say nothing about what is gone."""
    vanish_files(space)
    assert space.reconcile() == 1
    left = len(walk(space.dav))
    for number in range(3):
        (space.disk / f"new{number}").mkdir()
        (space.disk / f"new{number}" / "file").write_bytes(b"new")
    soon_equal(lambda: space.dav.exists("new2/file"), True)
    assert space.held()
    assert len(walk(space.dav)) == left + 6
    assert space.dav.get("new1/file").body == b"new", "the space goes on"
    assert space.dav.put("new1/more", b"1").status == 201


@pytest.mark.slow
def test_looking_at_each_file_removes_no_more(space: Space) -> None:
    """Requests for what is gone, one by one, come to the same limit."""
    vanish_files(space)
    statuses = [space.dav.get(f"d{number % 3}/f{number}").status for number in range(COUNT)]
    assert set(statuses) <= {404, 503}
    assert statuses.count(404) <= 20, statuses  # the keeper looks at the same time, and lets some go itself
    for folder in ("d0/", "d1/", "d2/"):
        space.dav.names(folder)
    assert len(walk(space.dav)) >= COUNT + 3 - 20


@pytest.mark.slow
def test_what_was_removed_before_is_no_population(space: Space) -> None:
    """Many files that were deleted once do not make a small space look large."""
    for number in range(3, COUNT):
        assert space.dav.delete(f"d{number % 3}/f{number}").status == 204
    for number in range(12):
        (space.disk / "d0" / f"g{number}").write_bytes(b"x")
    soon_equal(lambda: len(walk(space.dav)), 18)
    shutil.rmtree(space.disk / "d0")
    assert space.reconcile() == 1


def test_few_are_let_go(space: Space) -> None:
    """Fewer than the least are removed whatever their share is."""
    for number in range(9):
        space.path(number).unlink()
    soon_equal(lambda: len(walk(space.dav)), COUNT + 3 - 9)
    assert space.reconcile() == 0
    space.settled()


def test_a_moved_folder_is_no_removal(space: Space) -> None:
    """A folder with most of the files that goes into a new one keeps its ids and holds nothing up for long."""
    numbers = set(space.ids().values())
    (space.disk / "year").mkdir()
    for folder in ("d0", "d1", "d2"):
        (space.disk / folder).rename(space.disk / "year" / folder)
    soon_equal(lambda: space.dav.names(), {"year"})
    year = space.dav.below("year/")
    found: set[str] = set()
    for folder in ("d0/", "d1/", "d2/"):
        found |= {r.text(FILEID) for r in year.propfind(folder, FILEID, depth="1").values()}
    assert found == numbers
    space.settled()
    eventually(lambda: not space.held())


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.slow
def test_without_its_marker_nothing_goes(space: Space, empty: bool) -> None:
    """The marker is away, as when another disk is mounted: 503, no deletions; it is back, and so is everything."""
    before = space.ids()
    token = space.dav.report_sync().multistatus.sync_token
    aside = space.server.folder / f"marker-{space.name}"
    marker = space.disk / ".davshare" / "space"
    away = space.server.folder / f"all-{space.name}"
    if empty:
        space.disk.rename(away)
        space.disk.mkdir()
    else:
        marker.rename(aside)
        shutil.rmtree(space.disk / "d0")
        space.path(1).unlink()
    for _ in range(2):
        assert space.dav.get("d1/f4").status in (200, 503)
        assert space.dav.get("d1/f1").status == 503
        assert space.dav.request("PROPFIND", "", headers={"Depth": "1"}).status == 503
        assert space.dav.put("d1/new", b"x").status == 503
        assert space.server.cli("reconcile", space.name, check=False).returncode == 5
    if empty:
        shutil.rmtree(space.disk)
        away.rename(space.disk)
    else:
        aside.rename(marker)
        (space.disk / "d0").mkdir()
        for number in (1, *range(0, COUNT, 3)):
            space.path(number).write_bytes(str(number).encode())
    eventually(lambda: space.dav.request("PROPFIND", "", headers={"Depth": "1"}).status == 207)
    soon_equal(lambda: len(walk(space.dav)), COUNT + 3)
    assert not space.dav.report_sync(token=token).multistatus.gone
    if empty:
        assert space.ids() == before
    space.settled()
    assert space.dav.get("d1/f1").body == b"1"
