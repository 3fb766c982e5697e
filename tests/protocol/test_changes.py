"""``/api/v1/changes``: one cursor for every follower, also of those who wait for the next change."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.api import Api, Reply
from support.client import Dav
from support.server import Server

ANEW = "urn:davshare:problem:begin-anew"


def below(box: Dav) -> str:
    """The address of a folder, as a path below ``/dav/``."""
    return box.base.removeprefix("/dav/").strip("/")


def since(api: Api, token: str, **query: Any) -> Any:
    """What has changed, as the document says."""
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return api.get(f"/changes?token={token}{more}").ok()


def now(api: Api, address: str = "") -> str:
    """The token of now."""
    told = api.get(f"/changes?address={address}").ok()
    assert told["changes"] == [] and told["more"] is False
    return told["token"]


def summary(told: Any) -> set[tuple[str, str]]:
    """Kinds and paths."""
    return {(each["kind"], each["path"]) for each in told["changes"]}


@pytest.fixture
def alice(server: Server) -> Api:
    """Somebody with a home."""
    return Api.of(server, "alice")


def test_kinds(alice: Api, box: Dav) -> None:
    """What came, was changed, moved and went is told as what it is, each with its id and what is true of it now."""
    here = below(box)
    box.put("old", b"12")
    box.put("away", b"1")
    box.mkcol("folder")
    token = now(alice, here)
    box.put("new", b"123")
    box.put("old", b"1234")
    box.move("away", "folder/there")
    told = since(alice, token, address=here)
    assert summary(told) == {
        ("created", f"{here}/new"),
        ("modified", f"{here}/old"),
        ("removed", f"{here}/away"),
        ("moved", f"{here}/folder/there"),
        ("modified", f"{here}/folder"),
    }
    by_path = {each["path"].rpartition("/")[2]: each for each in told["changes"]}
    assert by_path["away"]["reason"] == "moved" and by_path["away"]["id"] == by_path["there"]["id"]
    assert by_path["away"]["etag"] is None and by_path["away"]["size"] is None
    assert (by_path["new"]["size"], by_path["old"]["size"], by_path["folder"]["size"]) == (3, 4, 1)
    assert by_path["new"]["etag"] == box.etag("new")
    assert str(by_path["new"]["id"]) == box.text("new", "{http://owncloud.org/ns}fileid")
    assert by_path["folder"]["folder"] and not by_path["new"]["folder"]
    assert {each["space"] for each in told["changes"]} == {"home"}
    box.delete("new")
    (gone,) = since(alice, told["token"], address=here)["changes"]
    assert (gone["kind"], gone["path"], gone["reason"]) == ("removed", f"{here}/new", "gone")
    assert gone["id"] == by_path["new"]["id"]


def test_tokens_are_those_of_reports(alice: Api, box: Dav) -> None:
    """The token of a folder is that of its sync-collection, both ways."""
    token = now(alice, below(box))
    assert token == box.text("", "sync-token")
    box.put("a", b"1")
    told = since(alice, token, address=below(box))
    report = box.report_sync("", token).multistatus
    assert report.live == {box.href("a")}
    assert since(alice, report.sync_token, address=below(box))["changes"] == []
    assert len(box.report_sync("", told["token"]).multistatus) == 0


def test_pages_and_everything(alice: Api, box: Dav) -> None:
    """All there is comes in pages that miss and repeat nothing, and their end is a token like any other."""
    for number in range(7):
        box.put(f"f{number}", b"x")
    query, found, pages = f"address={below(box)}&all=true", [], 0
    while True:
        told = alice.get(f"/changes?{query}&limit=3").ok()
        found += [each["path"].rpartition("/")[2] for each in told["changes"]]
        assert len(told["changes"]) <= 3 and {each["kind"] for each in told["changes"]} <= {"created"}
        pages += 1
        query = f"address={below(box)}&token={told['token']}"
        if not told["more"]:
            break
    assert found == [f"f{number}" for number in range(7)] and pages == 3
    box.put("f8", b"")
    assert summary(alice.get(f"/changes?{query}").ok()) == {("created", f"{below(box)}/f8")}


def test_everything_that_one_sees(server: Server, team: tuple[Dav, Dav]) -> None:
    """Without an address each tree is told once; others are told what they see, and nothing else."""
    mine, theirs = team
    alice, bob = Api.of(server, "alice"), Api.of(server, "bob")
    first, second = now(alice), now(bob)
    server.dav("alice").put("only-mine", b"1")
    mine.put("shared", b"1")
    told = summary(since(alice, first))
    assert ("created", "home/only-mine") in told and ("created", f"{below(mine)}/shared") in told
    assert {path for _, path in told if path.endswith("only-mine")} == {"home/only-mine"}
    seen = summary(since(bob, second))
    assert ("created", f"{below(theirs)}/shared") in seen
    assert not [path for _, path in seen if not path.startswith("spaces/team")]


def test_spaces_by_name(server: Server, team: tuple[Dav, Dav]) -> None:
    """A space can be named instead of its address, not beside it."""
    alice = Api.of(server, "alice")
    token = alice.get("/changes?space=team").ok()["token"]
    team[0].put("x", b"")
    assert ("created", f"{below(team[0])}/x") in summary(since(alice, token, space="team"))
    alice.get("/changes?space=team&address=home").refused(422, "space")


@pytest.mark.parametrize("address", ["nowhere", "spaces", "users", "spaces/none", "home/none", "users/bob", "home/x/y"])
def test_nothing_there(alice: Api, address: str) -> None:
    """What is not there, and what one may not know of, is the same."""
    alice.get(f"/changes?address={address}").refused(404)
    alice.get(f"/changes?address={address}&token=urn:davshare:sync:1-1-1").refused(404)


def test_malformed(alice: Api, box: Dav) -> None:
    """Files and dot segments are no addresses, limits are limits."""
    box.put("file", b"")
    alice.get(f"/changes?address={below(box)}/file").refused(404)
    alice.get("/changes?address=home/../x").refused(400)
    alice.get("/changes?wait=61").refused(422, "wait")
    alice.get("/changes?limit=0").refused(422, "limit")
    assert alice.raw("HEAD", f"/api/v1/changes?token={now(alice)}&wait=5").status == 405


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "urn:davshare:sync:0-0-0",
        "urn:davshare:sync:1-1-ffffff",
        "urn:davshare:view:0-",
        "urn:davshare:view:zz",
        "%00",
    ],
)
@pytest.mark.parametrize("address", ["", "home"])
def test_tokens_that_are_none(alice: Api, token: str, address: str) -> None:
    """A program learns that it has to begin anew."""
    reply = alice.get(f"/changes?address={address}&token={token}")
    if token == "%00":
        reply.refused(422, "token")
    else:
        reply.refused(410, kind=ANEW)
        alice.get(f"/events?address={address}&token={token}").refused(410, kind=ANEW)


def test_tokens_of_other_folders(alice: Api, server: Server, box: Dav) -> None:
    """A token of another tree is not one of this."""
    alice.get(f"/changes?address=home&token={now(alice)}").refused(410, kind=ANEW)
    team = Api.of(server, "alice")
    team.get(f"/changes?token={now(alice, 'home')}").refused(410, kind=ANEW)


def test_limits_of_app_tokens(server: Server, box: Dav) -> None:
    """Who comes with a token for a folder is told of that folder only."""
    box.mkcol("part")
    secret = server.cli("token", "add", "alice", "--scope", f"path:{below(box)}/part").stdout.strip()
    part = Api.bearer(server, secret)
    token, inside = now(part), now(part, f"{below(box)}/part")
    box.put("part/in", b"1")
    box.put("out", b"1")
    told = since(part, token)
    assert not [each for each in told["changes"] if each["path"].endswith("out")]
    assert [each for each in told["changes"] if each["path"] == f"{below(box)}/part/in"]
    assert summary(since(part, inside, address=f"{below(box)}/part")) == {("created", f"{below(box)}/part/in")}
    # Folders on the way can be walked through; their ETags and sizes are nobody's business.
    ways = [each for each in told["changes"] if each["path"] == below(box)]
    assert all(each["etag"] is None and each["size"] is None for each in ways)


def carried_out(known: dict[str, dict[str, Any]], told: Any) -> None:
    """What a follower knows after a page: in the order of the entries, by path."""
    for change in told["changes"]:
        path = change["path"]
        if change["kind"] == "removed":
            for each in [each for each in known if each == path or each.startswith(f"{path}/")]:
                del known[each]
        else:
            known[path] = change


def facts(known: dict[str, dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """What is true of each path."""
    return {path: (each["id"], each["folder"], each["etag"], each["size"]) for path, each in known.items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_follower_knows_the_tree(alice: Api, box: Dav, seed: int) -> None:
    """Whoever carries out what pages of any size say has the tree that is there, with its ids and ETags."""
    chance = random.Random(seed)
    here = below(box)
    known: dict[str, dict[str, Any]] = {}
    token = now(alice, here)
    names = ["a", "b", "a/x", "a/y", "b/x", "a/d", "a/d/z", "b/d"]
    for _ in range(12):
        for _ in range(chance.randrange(1, 8)):
            path, other = chance.sample(names, 2)
            match chance.randrange(5):
                case 0:
                    box.put(path, chance.randbytes(chance.randrange(9)))
                case 1:
                    box.mkcol(path)
                case 2:
                    box.move(path, other)
                case 3:
                    box.copy(path, other)
                case 4:
                    box.delete(path)
        more = True
        while more:
            page = since(alice, token, address=here, limit=chance.choice([1, 2, 5, 100]))
            carried_out(known, page)
            token, more = page["token"], page["more"]
        there = alice.get(f"/changes?address={here}&all=true&limit=500").ok()
        fresh: dict[str, dict[str, Any]] = {}
        carried_out(fresh, there)
        assert facts(known) == facts(fresh)
        assert box.report_sync("", there["token"]).multistatus.sync_token == token


# waiting


def timed(call) -> tuple[Any, float]:
    """A result, and the seconds that it took."""
    began = time.monotonic()
    return call(), time.monotonic() - began


def waiting(api: Api, token: str, seconds: int, address: str = "") -> tuple[Reply, float]:
    """Wait for a change."""
    return timed(lambda: api.get(f"/changes?token={token}&wait={seconds}&address={address}"))


def test_waiting_in_vain(alice: Api, box: Dav) -> None:
    """At the end of the time the answer is that nothing has changed; and what has changed already is told at once."""
    token = now(alice, below(box))
    reply, took = waiting(alice, token, 1, below(box))
    assert reply.ok()["changes"] == [] and 0.9 < took < 4
    box.put("x", b"")
    reply, took = waiting(alice, token, 30, below(box))
    assert summary(reply.ok()) == {("created", f"{below(box)}/x")} and took < 3


@pytest.mark.parametrize("how", ["webdav", "disk"])
def test_whoever_waits_is_woken(server: Server, alice: Api, box: Dav, how: str) -> None:
    """A change that any worker makes, or nobody, ends the waiting at each of them."""
    here = below(box)
    token = now(alice, here)
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(waiting, alice, token, 30, here) for _ in range(8)]
        time.sleep(0.7)
        if how == "webdav":
            box.put("new", b"1")
        else:
            (server.home() / here.removeprefix("home/") / "new").write_text("1")
        for each in waits:
            reply, took = each.result()
            assert summary(reply.ok()) == {("created", f"{here}/new")} and took < 6


def test_access_that_is_granted_wakes(own_server) -> None:
    """What comes into sight by the API is a change like any other."""
    server: Server = own_server()
    server.dav("alice").put("there", b"1")
    bob = Api.of(server, "bob")
    token = now(bob)
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(waiting, bob, token, 30) for _ in range(8)]
        time.sleep(0.7)
        Api.of(server, "alice").put("/acl/grants/user/bob?path=/dav/home/there", {"role": "viewer"}).ok()
        for each in waits:
            reply, took = each.result()
            told = summary(reply.ok())
            assert told == {("created", "users/alice"), ("created", "users/alice/there")} and took < 6


def test_whoever_loses_access_is_told(own_server) -> None:
    """Credentials that end, and folders that are no more to be seen, end the waiting."""
    server = own_server(workers=1)
    secret = server.cli("token", "add", "alice").stdout.strip()
    number = server.rows("SELECT max(id) FROM apptoken")[0][0]
    program = Api.bearer(server, secret)
    token = now(program)
    server.cli("space", "add", "lab")
    server.cli("space", "set", "lab", "--member", "bob:viewer")
    bob = Api.of(server, "bob")
    lab = now(bob, "spaces/lab")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(waiting, program, token, 30)
        second = pool.submit(waiting, bob, lab, 30, "spaces/lab")
        time.sleep(0.7)
        Api.of(server, "alice").delete(f"/me/tokens/{number}").ok(204)
        Api.of(server, "admin").delete("/spaces/lab/members/user/bob").ok(204)
        reply, took = first.result()
        reply.refused(401)
        assert took < 10
        reply, took = second.result()
        assert reply.status in (404, 410) and took < 10


def test_waiting_holds_no_thread(own_server) -> None:
    """With four threads forty wait, and everybody else is served meanwhile."""
    server = own_server(workers=1, env={"DAVSHARE_THREADS": "4"})
    alice = Api.of(server, "alice")
    token = now(alice)
    with ThreadPoolExecutor(40) as pool:
        waits = [pool.submit(waiting, alice, token, 30) for _ in range(40)]
        time.sleep(1.0)
        dav = server.dav("alice")
        for number in range(20):
            _, took = timed(lambda number=number: dav.get(f"none{number}"))
            assert took < 2
        dav.put("x", b"")
        assert all(each.result()[0].ok()["changes"] for each in waits)
