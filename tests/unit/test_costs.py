"""How many SQL statements a request costs does not depend on how much is stored."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from davshare import config
from davshare.http.application import Application
from davshare.http.request import BytesBody, Request
from davshare.http.responses import FileBody, Response
from davshare.index import people, uploads
from davshare.index.driver import PostgresConnection
from davshare.index.migrate import upgrade
from davshare.index.sqlite import SqliteDatabase
from davshare.index.uploads import Chunk, Upload
from davshare.model.people import User
from davshare.server import build
from support.server import davshare

LOGIN = "Basic " + base64.b64encode(b"admin:admin-pass-0000").decode()
NAMES = "<d:resourcetype/><d:getlastmodified/><d:getcontentlength/><d:getetag/><d:displayname/><x:a xmlns:x='urn:x'/>"
PROPFIND = f'<d:propfind xmlns:d="DAV:"><d:prop>{NAMES}</d:prop></d:propfind>'


class Counter:
    """An application whose statements are counted."""

    def __init__(self, application: Application, statements: list[str]) -> None:
        self.application = application
        self.statements = statements

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, bytes, int]:
        """Status, body, and how many statements it cost."""
        self.statements.clear()
        sent = {"authorization": LOGIN, **headers}
        path, _, query = path.partition("?")
        request = Request(method, path, query, headers=sent, host="h", peer="127.0.0.1", body=BytesBody(body.encode()))
        answer = self.application.answer(request)
        return answer.status, content(answer), len(self.statements)

    def fill(self, folder: str, count: int) -> None:
        """A folder with files."""
        assert self.ask("MKCOL", folder)[0] == 201
        for index in range(count):
            assert self.ask("PUT", f"{folder}f{index}", "x")[0] == 201


def content(answer: Response) -> bytes:
    """The whole body."""
    if isinstance(answer.body, bytes):
        return answer.body
    if isinstance(answer.body, FileBody):
        with open(answer.body.fd, "rb") as file:
            answer.body.fd = -1
            return file.read()
    return b"".join(answer.body)


def count_statements(statements: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every statement noted, whichever database it goes to.

    What the threads of the background write is not of any one request, and comes at a time of its own.
    """
    connect: Callable[[SqliteDatabase], sqlite3.Connection] = SqliteDatabase.connect
    execute: Callable[..., Any] = PostgresConnection.execute

    def note(sql: str) -> None:
        if not threading.current_thread().name.startswith("davshare-"):
            statements.append(sql)

    def traced(database: SqliteDatabase) -> sqlite3.Connection:
        connection = connect(database)
        connection.set_trace_callback(note)
        return connection

    def noted(connection: PostgresConnection, sql: str, parameters: Any = None) -> Any:
        note(sql)
        return execute(connection, sql, parameters)

    monkeypatch.setattr(SqliteDatabase, "connect", traced)
    monkeypatch.setattr(PostgresConnection, "execute", noted)


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """A fresh data folder."""
    davshare("init", str(tmp_path / "data"), "--admin", "admin", "--password-stdin", input="admin-pass-0000")
    statements: list[str] = []
    count_statements(statements, monkeypatch)
    loaded = config.load(tmp_path / "data", {"DAVSHARE_DURABILITY": "relaxed"}, {})
    application = build.make_application(tmp_path / "data", loaded.config)
    yield Counter(application, statements)
    application.close()


def test_a_listing_is_a_fixed_number_of_statements(counter: Counter) -> None:
    counter.fill("/dav/home/few/", 3)
    counter.fill("/dav/home/many/", 120)

    def listing(folder: str, changed: str) -> tuple[int, bytes, int]:
        assert counter.ask("PUT", changed, "y")[0] in (201, 204)  # nothing remembered counts any more
        return counter.ask("PROPFIND", folder, PROPFIND, depth="1")

    for changed in ("/dav/home/elsewhere", "{}f1", "{}f1", "{}new"):
        few = listing("/dav/home/few/", changed.format("/dav/home/few/"))
        many = listing("/dav/home/many/", changed.format("/dav/home/many/"))
        assert few[2] == many[2] < 18, changed
        again = counter.ask("PROPFIND", "/dav/home/many/", PROPFIND, depth="1")
        assert (again[1], again[2]) == (many[1], 0), "nothing has changed since"
    assert (few[1].count(b"<d:response>"), many[1].count(b"<d:response>")) == (5, 122)


def test_a_file_beside_another_is_one_statement(counter: Counter) -> None:
    """And none when it is asked for again; as the connection layer asks."""
    counter.fill("/dav/home/box/", 4)
    assert counter.ask("GET", "/dav/home/box/f0")[0] == 200
    counter.application.answer = lambda request: counter.application.quick(request)  # type: ignore[assignment,method-assign,return-value]
    costs = [[counter.ask("GET", f"/dav/home/box/f{index}")[2] for _ in range(3)] for index in range(4)]
    assert costs == [[0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("change", ["PUT", "PUT new", "DELETE", "MKCOL"])
def test_our_own_changes_need_no_look_at_the_disk(counter: Counter, change: str) -> None:
    """A listing after a change that came through the server reads what has changed, and nothing else."""
    counter.fill("/dav/home/box/", 5)
    counter.ask("PROPFIND", "/dav/home/box/", PROPFIND, depth="1")
    time.sleep(0.3)  # the making of the folder explains no time on disk any more
    counter.ask("PROPFIND", "/dav/home/box/", PROPFIND, depth="1")
    assert counter.ask("PUT", "/dav/home/elsewhere", "x")[0] == 201  # nothing remembered counts any more
    usual = counter.ask("PROPFIND", "/dav/home/box/", PROPFIND, depth="1")[2]
    method, _, new = change.partition(" ")
    name = "new" if new or method == "MKCOL" else "f1"
    assert counter.ask(method, f"/dav/home/box/{name}", "" if method in ("MKCOL", "DELETE") else "y")[0] in (201, 204)
    assert counter.ask("PROPFIND", "/dav/home/box/", PROPFIND, depth="1")[2] <= usual + 2


def test_a_write_costs_the_same_in_a_larger_tree(counter: Counter) -> None:
    counter.fill("/dav/home/few/", 3)
    few = counter.ask("PUT", "/dav/home/few/new", "x")[2]
    counter.fill("/dav/home/many/", 120)
    many = counter.ask("PUT", "/dav/home/many/new", "x")[2]
    assert abs(many - few) <= 1
    assert many <= 32


def test_a_move_costs_the_same_for_a_larger_folder(counter: Counter) -> None:
    counter.fill("/dav/home/few/", 3)
    counter.fill("/dav/home/many/", 120)
    few = counter.ask("MOVE", "/dav/home/few/", destination="/dav/home/few2")
    many = counter.ask("MOVE", "/dav/home/many/", destination="/dav/home/many2")
    assert (few[0], many[0]) == (201, 201)
    assert abs(many[2] - few[2]) <= 1


def test_a_poll_without_news_and_a_report_cost_what_changed(counter: Counter) -> None:
    counter.fill("/dav/home/many/", 120)
    body = (
        '<d:sync-collection xmlns:d="DAV:"><d:sync-token>{}</d:sync-token><d:sync-level>infinite</d:sync-level>'
        "<d:prop><d:getetag/></d:prop></d:sync-collection>"
    )
    first = counter.ask("REPORT", "/dav/home/", body.format(""), depth="0")[1].decode()
    token = first.split("<d:sync-token>")[1].split("<")[0]
    poll = counter.ask("REPORT", "/dav/home/", body.format(token), depth="0")
    assert poll[1].count(b"<d:response>") == 0
    assert poll[2] <= 8
    counter.ask("PUT", "/dav/home/many/f5", "y")
    changed = counter.ask("REPORT", "/dav/home/", body.format(token), depth="0")
    assert changed[1].count(b"<d:response>") == 2, "the file, and the folder whose ETag changed"
    assert changed[2] <= poll[2] + 8


def test_a_small_file_is_read_without_statements_when_nothing_changed(counter: Counter) -> None:
    counter.fill("/dav/home/d/", 1)
    assert counter.ask("GET", "/dav/home/d/f0")[0] == 200
    status, data, statements = counter.ask("GET", "/dav/home/d/f0")
    assert (status, data, statements) == (200, b"x", 0)
    counter.ask("PUT", "/dav/home/d/f0", "z")
    assert counter.ask("GET", "/dav/home/d/f0")[1] == b"z"


def say(counter: Counter, method: str, path: str, value: object = ...) -> tuple[int, dict[str, Any], int]:
    """A call of the JSON door: status, answer, statements."""
    body, headers = ("", {}) if value is ... else (json.dumps(value), {"content-type": "application/json"})
    status, data, statements = counter.ask(method, f"/api/v1{path}", body, **headers)
    return status, json.loads(data or b"{}"), statements


@pytest.mark.parametrize("kind", ["users", "groups", "spaces", "members", "space members"])
def test_pages_of_the_json_door_cost_a_fixed_number_of_statements(counter: Counter, kind: str) -> None:
    """However many entries a page has."""
    assert say(counter, "POST", "/groups", {"name": "crew"})[0] == 201
    assert say(counter, "POST", "/spaces", {"name": "lab"})[0] == 201
    path = {"members": "/groups/crew/members", "space members": "/spaces/lab/members"}.get(kind, f"/{kind}")
    for index in range(25):
        name = f"n{index}"
        if kind == "spaces":
            assert say(counter, "POST", "/spaces", {"name": name})[0] == 201
            continue
        if kind == "groups":
            assert say(counter, "POST", "/groups", {"name": name})[0] == 201
            continue
        assert say(counter, "POST", "/users", {"name": name})[0] == 201
        if kind == "members":
            assert say(counter, "PUT", f"/groups/crew/members/{name}")[0] == 204
        if kind == "space members":
            assert say(counter, "PUT", f"/spaces/lab/members/user/{name}", {"role": "viewer"})[0] == 200
    say(counter, "GET", path)  # the first request after a change proves the credentials anew
    few, many = (say(counter, "GET", f"{path}?limit={limit}") for limit in (2, 25))
    assert (len(few[1]["items"]), len(many[1]["items"])) == (2, 25)
    assert few[2] == many[2] <= 20


def test_spaces_of_somebody_cost_a_fixed_number_of_statements(counter: Counter) -> None:
    """The same for who is no administrator and sees what was granted."""
    assert say(counter, "POST", "/users", {"name": "bob", "password": "bob-pass-0000"})[0] == 201
    for index in range(25):
        seat = {"user": "bob", "role": "viewer"}
        assert say(counter, "POST", "/spaces", {"name": f"s{index}", "members": [seat]})[0] == 201
    login = "Basic " + base64.b64encode(b"bob:bob-pass-0000").decode()
    costs = []
    for limit in (25, 25, 2, 25):  # a sign-in is noted first
        status, data, statements = counter.ask("GET", f"/api/v1/spaces?limit={limit}", authorization=login)
        assert status == 200 and len(json.loads(data)["items"]) == limit
        costs.append(statements)
    assert costs[2] == costs[3] <= 12


ACL = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><d:current-user-privilege-set/><d:acl/></d:prop></d:propfind>'


def test_a_listing_with_rights_of_its_own_for_each_member_is_a_fixed_number_of_statements(counter: Counter) -> None:
    """Members that are granted and denied to groups of the asker; and their whole access lists, for a manager."""
    assert say(counter, "POST", "/users", {"name": "bob", "password": "bob-pass-0000"})[0] == 201
    seats = [{"user": "bob", "role": "viewer"}]
    for index in range(20):
        assert say(counter, "POST", "/groups", {"name": f"g{index}"})[0] == 201
        assert say(counter, "PUT", f"/groups/g{index}/members/bob")[0] == 204
    assert say(counter, "POST", "/spaces", {"name": "lab", "members": seats})[0] == 201
    for folder, count in (("few", 4), ("many", 60)):
        counter.fill(f"/dav/spaces/lab/{folder}/", count)
        for index in range(count):
            kind, path = ("denials", "grants")[index % 2], f"?path=/dav/spaces/lab/{folder}/f{index}"
            right = {"permissions": ["read"] if index % 4 else ["read", "bind"]}
            assert say(counter, "PUT", f"/acl/{kind}/group/g{index % 20}{path}", right)[0] == 200
    bob = "Basic " + base64.b64encode(b"bob:bob-pass-0000").decode()
    for login, shown in ((bob, (3, 31)), (LOGIN, (5, 61))):
        for folder in ("few", "many"):
            counter.ask("PROPFIND", f"/dav/spaces/lab/{folder}/", ACL, depth="1", authorization=login)
        few = counter.ask("PROPFIND", "/dav/spaces/lab/few/", ACL, depth="1", authorization=login)
        many = counter.ask("PROPFIND", "/dav/spaces/lab/many/", ACL, depth="1", authorization=login)
        assert (few[1].count(b"<d:response>"), many[1].count(b"<d:response>")) == shown
        assert few[2] == many[2] < 16


def test_a_plan_costs_a_number_of_statements_that_follows_its_depth(counter: Counter) -> None:
    """Not the number of files, nor that of folders; also for who was granted only some of them."""
    assert say(counter, "POST", "/users", {"name": "bob", "password": "bob-pass-0000"})[0] == 201
    assert say(counter, "POST", "/spaces", {"name": "lab", "members": [{"user": "bob", "role": "viewer"}]})[0] == 201
    for folder in range(20):
        counter.fill(f"/dav/spaces/lab/{folder}/", 3)
        right = {"role": "editor"}
        assert say(counter, "PUT", f"/acl/grants/user/bob?path=/dav/spaces/lab/{folder}", right)[0] == 200
    bob = "Basic " + base64.b64encode(b"bob:bob-pass-0000").decode()
    for login in (LOGIN, bob):
        costs = []
        for folders, names in ((2, 4), (2, 4), (2, 4), (20, 40)):
            files = [{"path": f"{n % folders}/f{n // folders}", "size": n} for n in range(folders * names)]
            body = json.dumps({"folder": "/dav/spaces/lab", "files": files})
            sent = {"content-type": "application/json", "authorization": login}
            status, data, statements = counter.ask("POST", "/api/v1/upload-plan", body, **sent)
            assert status == 200 and {each["verdict"] for each in json.loads(data)["items"]} == {"send"}
            costs.append(statements)
        assert costs[2] == costs[3] < 20, costs


def test_complete_uploads_cost_nothing_to_those_that_are_open(tmp_path: Path) -> None:
    """They are remembered for days, and every part that comes asks what is open."""
    database = SqliteDatabase(tmp_path, durable=False)
    upgrade(database)
    with database.write() as connection:
        user = people.add_user(connection, User(0, "a", "A", "", None, False, False, None, 0))
        for index in range(3000):
            uploads.add(connection, Upload(f"f{index}", user, f"n{index}", 1, 1, index))
            uploads.complete(connection, f"f{index}", index, "[]")
        uploads.add(connection, Upload("open", user, "open", 1, 5, 1))
        uploads.put(connection, "open", Chunk(0, "0", "open", 0, 3))
    with database.session() as connection:
        steps: list[None] = []
        connection.set_progress_handler(lambda: steps.append(None), 100)  # type: ignore[attr-defined]
        assert uploads.pending(connection, 1) == 3
        assert uploads.count(connection, user) == 1
        assert uploads.staged(connection, 1) == {"open"}
        assert [each.received for each in uploads.open_of(connection, user, 10)] == [3]
        connection.set_progress_handler(None, 100)  # type: ignore[attr-defined]
    database.close()
    assert len(steps) < 10


def test_a_home_with_received_folders_is_listed_by_a_fixed_number_of_statements(counter: Counter) -> None:
    """Three mounts, or two hundred: what clients ask for, and what costs the most."""
    shares = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
    form = {"content-type": "application/x-www-form-urlencoded"}
    counter.ask("POST", "/ocs/v2.php/cloud/users", "userid=bob&password=bob-pass-000", **form)
    bob = {"authorization": "Basic " + base64.b64encode(b"bob:bob-pass-000").decode()}
    counter.ask("MKCOL", "/dav/home/box/")
    names = NAMES + (
        "<o:id xmlns:o='http://owncloud.org/ns'/><o:permissions xmlns:o='http://owncloud.org/ns'/><d:sync-token/>"
        "<o:share-types xmlns:o='http://owncloud.org/ns'/><o:owner-id xmlns:o='http://owncloud.org/ns'/>"
        "<o:owner-display-name xmlns:o='http://owncloud.org/ns'/><o:checksums xmlns:o='http://owncloud.org/ns'/>"
        "<d:lockdiscovery/><d:current-user-privilege-set/><d:quota-available-bytes/>"
    )
    document = f'<d:propfind xmlns:d="DAV:"><d:prop>{names}</d:prop></d:propfind>'
    costs: list[tuple[int, ...]] = []
    for before, after in ((0, 3), (3, 200)):
        for number in range(before, after):
            counter.ask("MKCOL", f"/dav/home/box/d{number}/")
            counter.ask("POST", shares, f"path=/box/d{number}&shareWith=bob", **form)
        asked = [("/dav/home/Shares/", "1"), ("/dav/home/", "1"), ("/dav/home/", "0"), ("/dav/home/Shares/d1/", "1")]
        for path, depth in asked * 2:
            counter.ask("PROPFIND", path, document, depth=depth, **bob)
        answers = [counter.ask("PROPFIND", path, document, depth=depth, **bob) for path, depth in asked]
        assert answers[0][1].count(b"<d:response>") == after + 1
        costs.append(tuple(cost for _, _, cost in answers))
    assert costs[0] == costs[1] and max(costs[1]) < 36, costs


def test_what_was_received_is_listed_by_a_fixed_number_of_statements(counter: Counter) -> None:
    """Three shares, or two hundred: of one's own, of others, and of the members of a folder."""
    shares = "/ocs/v2.php/apps/files_sharing/api/v1/shares"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert counter.ask("POST", "/ocs/v2.php/cloud/users", "userid=bob&password=bob-pass-000", **form)[0] == 200
    bob = {"authorization": "Basic " + base64.b64encode(b"bob:bob-pass-000").decode()}
    counter.ask("MKCOL", "/dav/home/box/")
    costs: list[tuple[int, ...]] = []
    for before, after in ((0, 3), (3, 200)):
        for number in range(before, after):
            assert counter.ask("MKCOL", f"/dav/home/box/d{number}/")[0] == 201
            assert counter.ask("POST", shares, f"path=/box/d{number}&shareWith=bob", **form)[0] == 200
        asked = [
            (f"{shares}?format=json&shared_with_me=true", bob),
            (f"{shares}?format=json", {}),
            (f"{shares}?format=json&path=/box&subfiles=true", {}),
        ]
        for path, login in asked * 2:  # what was received gets its places in the first round
            counter.ask("GET", path, **login)
        answers = [counter.ask("GET", path, **login) for path, login in asked]
        assert [len(json.loads(body)["ocs"]["data"]) for _, body, _ in answers] == [after] * 3
        costs.append(tuple(cost for _, _, cost in answers))
    assert costs[0] == costs[1] and max(costs[1]) < 16


def a_link(counter: Counter, path: str) -> str:
    """The token of a public link to something."""
    body = json.dumps({"path": path, "role": "editor"})
    status, answer, _ = counter.ask("POST", "/api/v1/links", body, **{"content-type": "application/json"})
    assert status == 201, answer
    return str(json.loads(answer)["url"]).rpartition("/s/")[2]


def test_who_comes_by_a_link_costs_little(counter: Counter) -> None:
    """What is known of a link is known until something changes, and then it is asked where its folder is."""
    counter.fill("/dav/home/few/", 3)
    counter.fill("/dav/home/many/", 60)
    costs = []
    for folder in ("few", "many"):
        base = f"/public.php/dav/files/{a_link(counter, f'/dav/home/{folder}')}/"
        first = counter.ask("PROPFIND", base, PROPFIND, depth="1", authorization="")
        assert first[0] == 207 and counter.ask("PROPFIND", base, PROPFIND, depth="1", authorization="")[2] == 0
        assert counter.ask("PUT", "/dav/home/elsewhere", "x")[0] in (201, 204)
        again = counter.ask("PROPFIND", base, PROPFIND, depth="1", authorization="")
        # Between two of them their uses may be written.
        read = [counter.ask("GET", base + "f1", authorization="")[2] for _ in range(6)]
        costs.append((first[2], again[2], min(read)))
    assert costs[0] == costs[1]
    assert costs[0][0] <= 34 and costs[0][1] <= 22 and costs[0][2] == 0, costs


def test_links_are_listed_by_a_fixed_number_of_statements(counter: Counter) -> None:
    """Those of one person, and those that folders tell of."""
    counter.fill("/dav/home/box/", 30)
    asked = (
        "<d:propfind xmlns:d='DAV:' xmlns:oc='http://owncloud.org/ns'><d:prop><oc:share-types/></d:prop></d:propfind>"
    )

    def cost() -> tuple[int, int, int]:
        listed = counter.ask("GET", "/api/v1/links")
        found = counter.ask("GET", "/ocs/v2.php/apps/files_sharing/api/v1/shares", **{"ocs-apirequest": "true"})
        told = counter.ask("PROPFIND", "/dav/home/box/", asked, depth="1")
        assert (listed[0], found[0], told[0]) == (200, 200, 207)
        return listed[2], found[2], told[2]

    a_link(counter, "/dav/home/box/f0")
    few = cost()
    for n in range(1, 20):
        a_link(counter, f"/dav/home/box/f{n}")
    assert cost() == few
