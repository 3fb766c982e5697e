"""The rules that break sync clients when a server breaks them: which tests hold each, and those that stand here.

Each was found with nextcloudcmd 3.7 and owncloudcmd 2.11, or read in the sources of the clients.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.client import Dav
from support.parallel import together
from support.server import Server

TESTS = Path(__file__).resolve().parents[1]
OC = "{http://owncloud.org/ns}"
FILES = "/remote.php/dav/files/alice/"
HERE = "clients/test_rules.py::"
PROPERTIES = "protocol/test_clients_properties.py::"
CHUNKS = "protocol/test_clients_chunks.py::"
THOUSANDS = "clients/test_sync_thousands.py::"
#: Number to the rule and the tests that hold it.
RULES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("listings have exactly application/xml; charset=utf-8", (PROPERTIES + "test_a_listing",)),
    2: ("the prefixes are d, oc, nc, x1 and x2, letter by letter", (HERE + "test_prefixes",)),
    3: ("the propstat with 200 comes first", (PROPERTIES + "test_a_listing",)),
    4: (
        "each href is an absolute path; the folder itself comes first, and folders end in a slash",
        (PROPERTIES + "test_a_listing", HERE + "test_hrefs"),
    ),
    5: ("files and folders have strong ETags in double quotes", (HERE + "test_etags",)),
    6: ("the ETag of a folder changes with everything below it", (HERE + "test_etags_above",)),
    7: ("everything has an oc:id", (PROPERTIES + "test_a_listing",)),
    8: ("everything has oc:permissions", (PROPERTIES + "test_a_listing",)),
    9: (
        "everything has a time and a type, and files a length",
        (PROPERTIES + "test_a_listing", HERE + "test_etags"),
    ),
    10: (
        "PUT and the last step of chunks answer with an ETag",
        (
            PROPERTIES + "test_ids_are_told_alike",
            CHUNKS + "test_every_way_to_number",
        ),
    ),
    11: ("the last step of chunks answers with OC-FileId", (CHUNKS + "test_every_way_to_number",)),
    12: ("GET answers with an ETag", (HERE + "test_etags",)),
    13: ("what an upload tells is what is listed then", (PROPERTIES + "test_ids_are_told_alike",)),
    14: (
        "X-OC-Mtime is kept and answered",
        (PROPERTIES + "test_a_put_of_owncloud", THOUSANDS + "test_first_sync"),
    ),
    15: (
        "conditions are judged together with the change",
        (
            HERE + "test_one_of_many_wins",
            CHUNKS + "test_overwriting",
            "protocol/test_clients_bulk.py::test_conditions_within_one_request",
            "protocol/test_tus.py::test_overwriting",
        ),
    ),
    16: ("ids last over renames, moves and new versions, and never come again", (HERE + "test_ids_last",)),
    17: (
        "odd requests are understood: text in propfind, Destination as a path, Overwrite: true, parts of seconds",
        (
            PROPERTIES + "test_a_listing",
            CHUNKS + "test_every_way_to_number",
            "clients/test_conversations.py::test_conversation",
            HERE + "test_odd_headers",
        ),
    ),
    18: (
        "paths are decoded exactly once, and names kept as they came",
        (HERE + "test_names", THOUSANDS + "test_first_sync"),
    ),
}


def functions(path: str) -> set[str]:
    """The tests of a file."""
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("number", RULES)
def test_every_rule_is_held(number: int) -> None:
    """By tests that there are."""
    assert sorted(RULES) == list(range(1, 19))
    for name in RULES[number][1]:
        path, _, test = name.partition("::")
        assert test in functions(path), name


@pytest.fixture
def here(box: Dav) -> Dav:
    """The box, where these clients look for it."""
    return box.clone(FILES + box.base.removeprefix("/dav/home/"))


def test_prefixes(here: Dav) -> None:
    """Of what is there and of what is not, and of multistatus itself; apps look names up without their namespaces."""
    here.put("file", b"1")
    here.mkcol("folder")
    spaces = {
        "D": "DAV:",
        "a": "http://owncloud.org/ns",
        "b": "http://nextcloud.org/ns",
        "c": "http://open-collaboration-services.org/ns",
        "e": "http://open-cloud-mesh.org/ns",
    }
    known = ["D:displayname", "D:resourcetype", "D:getetag", "D:getlastmodified", "a:id", "a:permissions", "a:size"]
    missing = ["D:nothing", "a:nothing", "b:nothing", "c:share-permissions", "e:share-permissions"]
    asked = [*known, *missing, "a:favorite", "b:has-preview", "b:is-encrypted"]
    names = "".join(f"<{name}/>" for name in asked)
    declared = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in spaces.items())
    body = f"<D:propfind {declared}><D:prop>{names}</D:prop></D:propfind>"
    answer = here.request("PROPFIND", "", body, {"Depth": "1"})
    assert answer.status == 207
    text = answer.body.decode()
    told = set(re.findall(r"</?([\w.-]+:)?[\w-]+", text.partition("?>")[2]))
    assert told <= {"d:", "oc:", "nc:", "x1:", "x2:"}, told
    for part in text.split("<d:response>")[1:]:
        for name in ("d:getetag", "oc:id", "oc:permissions", "oc:size", "nc:has-preview"):
            assert f"<{name}>" in part.split("</d:propstat>")[0], part
        for name in ("x1:share-permissions", "x2:share-permissions", "d:nothing", "oc:nothing", "nc:nothing"):
            assert f"<{name}" in part, part
    for line in ('xmlns:d="DAV:"', 'xmlns:oc="http://owncloud.org/ns"', 'xmlns:nc="http://nextcloud.org/ns"'):
        assert line in text


@pytest.mark.parametrize("root", ["/remote.php/webdav", "/remote.php/dav/files/alice"])
def test_hrefs(box: Dav, root: str) -> None:
    """They begin with the path that was asked for, decoded; with and without a slash at its end."""
    here = root + "/" + box.base.removeprefix("/dav/home/")
    box.mkcol("f%20%C3%BC%23")
    box.put("f%20%C3%BC%23/a%25b%3F%2Bc", b"1")
    for path in ("f%20%C3%BC%23/", "f%20%C3%BC%23", "f%20%c3%bc%23/"):
        answer = box.request("PROPFIND", here + path, headers={"Depth": "1"})
        hrefs = re.findall(r"<d:href>([^<]*)</d:href>", answer.body.decode())[:2]
        assert hrefs[0] == here + "f%20%C3%BC%23/" and hrefs[1].startswith(hrefs[0]) and not hrefs[1].endswith("/")


def test_etags(here: Dav) -> None:
    """Strong, quoted, without an end that clients cut off; and the other things that a file or folder has to have."""
    here.put("file", b"123")
    here.mkcol("folder")
    for path in ("", "folder/", "file"):
        told = here.etag(path)
        assert re.fullmatch(r'"[!#-~]+"', told) and "gzip" not in told
        assert here.text(path, "getlastmodified").endswith(" GMT")
        here.prop(path, "resourcetype")
    assert here.text("file", "getcontentlength") == "3"
    for headers in ({}, {"Accept-Encoding": "gzip, deflate"}, {"Range": "bytes=1-"}):
        answer = here.get("file", headers)
        assert answer["ETag"] == here.etag("file") and "Content-Encoding" not in answer.headers
        assert answer["Last-Modified"] == here.text("file", "getlastmodified")
    assert here.head("file")["ETag"] == here.etag("file")


CHANGES: dict[str, Callable[[Dav], object]] = {
    "new file": lambda dav: dav.put("a/b/new", b"1"),
    "new version": lambda dav: dav.put("a/b/file", b"2"),
    "same length and time": lambda dav: dav.put("a/b/file", b"2", {"X-OC-Mtime": "1500000000"}),
    "new folder": lambda dav: dav.mkcol("a/b/new"),
    "removal": lambda dav: dav.delete("a/b/file"),
    "removal of a folder": lambda dav: dav.delete("a/b/folder/"),
    "rename": lambda dav: dav.move("a/b/file", dav.path("a/b/renamed")),
    "move in": lambda dav: dav.move("other", dav.path("a/b/other")),
    "move out": lambda dav: dav.move("a/b/folder/", dav.path("folder/")),
    "copy": lambda dav: dav.copy("a/b/file", dav.path("a/b/copy")),
    "copy over": lambda dav: dav.copy("other", dav.path("a/b/file"), overwrite="T"),
    "property": lambda dav: dav.proppatch("a/b/file", {OC + "favorite": "1"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_etags_above(here: Dav, change: str) -> None:
    """Up to the root of the home, and at both addresses alike; beside it nothing changes."""
    for path in ("a/", "a/b/", "a/b/folder/", "beside/"):
        here.mkcol(path)
    here.put("a/b/file", b"1", {"X-OC-Mtime": "1500000000"})
    here.put("other", b"1")
    above = (FILES, "/remote.php/webdav/", "", "a/", "a/b/")
    before = {path: here.etag(path) for path in (*above, "beside/")}
    CHANGES[change](here)
    after = {path: here.etag(path) for path in (*above, "beside/")}
    assert {path for path in before if before[path] == after[path]} == {"beside/"}
    assert after[FILES] == after["/remote.php/webdav/"]


def test_ids_last(here: Dav) -> None:
    """A file keeps its id wherever it goes and whatever is written; one that is made anew gets another."""

    def number(path: str) -> str:
        return here.text(path, OC + "id")

    here.mkcol("folder")
    here.put("file", b"1")
    first, folder = number("file"), number("folder/")
    here.put("file", b"2")
    here.move("file", here.path("folder/renamed"))
    here.move("folder/", here.path("moved/"))
    here.put("moved/renamed", b"3")
    assert (number("moved/renamed"), number("moved/")) == (first, folder)
    here.copy("moved/renamed", here.path("copy"))
    seen = {first, folder, number("copy")}
    for _ in range(3):
        here.delete("moved/renamed")
        here.put("moved/renamed", b"4")
        assert number("moved/renamed") not in seen
        seen.add(number("moved/renamed"))


def test_one_of_many_wins(server: Server, here: Dav) -> None:
    """Of eight that write the version they know, at once, one is told that it did; the others get 412."""
    etag = here.put("file", b"0")["ETag"]
    clients = [here.clone() for _ in range(8)]
    answers = together(
        [lambda n=n: clients[n].put("file", b"by %d" % n, {"If-Match": etag}).status for n in range(len(clients))]
    )
    assert sorted(answers) == [204] + [412] * 7
    assert here.get("file").body == b"by %d" % answers.index(204)


@pytest.mark.parametrize(
    "headers",
    [
        {"Overwrite": "true"},
        {"X-OC-MTime": "1500000000.987654321"},
        {"X-OC-Mtime": "1500000000", "X-OC-CTime": "1400000000.5", "OC-Total-Length": "1", "OC-Chunk-Size": "10000000"},
    ],
)
def test_odd_headers(here: Dav, headers: dict[str, str]) -> None:
    """Of PUT."""
    assert here.put("file", b"1", headers).status == 201
    if "X-OC-CTime" in headers or "X-OC-MTime" in headers:
        assert here.text("file", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("%2520.txt", "%20.txt"),
        ("a%252Fb", "a%2Fb"),
        ("c%23", "c#"),
        ("q%3F", "q?"),
        ("plus+plus", "plus+plus"),
        ("100%25", "100%"),
        ("semi;colon", "semi;colon"),
        ("nfc-%C3%A9", "nfc-\u00e9"),
        ("nfd-e%CC%81", "nfd-e\u0301"),
    ],
)
def test_names(server: Server, here: Dav, sent: str, name: str) -> None:
    """On the disk of the server, in listings, and as the Destination of a move."""
    assert here.put(sent, b"1").status == 201
    assert here.names() == {name}
    folder = server.home() / here.base.removeprefix(FILES)
    assert [path.name for path in folder.iterdir()] == [name]
    here.mkcol("folder")
    assert here.request("MOVE", sent, headers={"Destination": here.path("folder/" + sent)}).status == 201
    assert here.names("folder/") == {name} and here.get("folder/" + sent).body == b"1"
