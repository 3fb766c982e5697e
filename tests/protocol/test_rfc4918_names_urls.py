"""RFC 4918: names, URLs and hrefs."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes

import pytest

from support.client import Dav, enc
from support.raw import answers, basic
from support.server import Server

NAMES = [
    "50% off",
    "a#b",
    "what?",
    "a+b",
    "a;b;c",
    "a&b",
    'it\'s "quoted"',
    "two  spaces",
    " leading and trailing ",
    "%41",
    "100%25",
    "smile \U0001f600.txt",
    "grüße",
    "a=b,c@d:e!f$g(h)*i",
    "~tilde",
    "<tag>&amp;",
    "[brackets]{braces}|^`",
    "…",
    "..hidden..",
    "...",
    "日本語",
]


def raw_href(dav: Dav, folder: str, name: str) -> str:
    """The href, as sent, of the member with that name."""
    for href, response in dav.propfind(folder, "resourcetype", depth="1").items():
        if unquote_to_bytes(href.rstrip("/").rsplit("/", 1)[1]) == name.encode():
            return response.raw_href
    raise AssertionError(f"{name!r} is not listed")


@pytest.mark.rfc("4918", "8.3", "every href can be sent back unchanged and reaches the same resource")
@pytest.mark.parametrize("name", NAMES)
def test_names_round_trip(box: Dav, name: str) -> None:
    content = name.encode() + b" content"
    assert box.put(enc(name), content).status == 201
    assert box.names() == {name}
    href = raw_href(box, "", name)
    assert href.startswith("/")
    assert box.get(href).body == content
    assert box.delete(href).status == 204
    assert box.names() == set()


@pytest.mark.rfc("4918", "8.3.1", "hrefs are paths in which everything but unreserved, sub-delims, : @ / is escaped")
def test_href_escaping_of_all_names_at_once(box: Dav) -> None:
    for name in NAMES:
        assert box.mkcol(enc(name)).status == 201, name
    listing = box.propfind("", "resourcetype", depth="1")
    allowed = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})+")
    for response in listing.values():
        assert allowed.fullmatch(response.raw_href), response.raw_href
        assert response.raw_href.endswith("/")
    assert box.names() == set(NAMES)


@pytest.mark.rfc("3986", "6.2.2", "URLs are compared after decoding percent escapes once, in upper and lower case")
def test_escapes_compare_decoded(box: Dav) -> None:
    assert box.put("%c3%a4%61.txt", b"x").status == 201
    assert box.get("%C3%A4a.txt").body == b"x"
    assert box.get("%c3%A4%61%2etxt").body == b"x"
    assert box.put("%C3%A4a.txt", b"y").status == 204
    assert box.names() == {"äa.txt"}


@pytest.mark.rfc("3986", "2.4", "escapes are decoded once: %2541 is the name %41 and not A")
def test_no_double_decoding(box: Dav) -> None:
    assert box.put("%2541", b"percent").status == 201
    assert box.put("A", b"letter").status == 201
    assert box.names() == {"%41", "A"}
    assert box.get("%2541").body == b"percent"
    assert box.get("%41").body == b"letter"


@pytest.mark.rfc("4918", "10.3", "(*) Destination is split before it is decoded: a%3Fb is the name a?b")
@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(("escaped", "name"), [("a%3Fb", "a?b"), ("a%23b", "a#b"), ("%2541", "%41"), ("a%3Bb", "a;b")])
def test_destination_is_decoded_after_splitting(box: Dav, method: str, escaped: str, name: str) -> None:
    assert box.put("source", b"content").status == 201
    assert box.request(method, "source", headers={"Destination": box.full(escaped)}).status == 201
    assert box.names() == ({name} if method == "MOVE" else {name, "source"})
    assert box.get(escaped).body == b"content"


@pytest.mark.rfc("3986", "3.4", "a query is no part of the name")
def test_query_is_not_part_of_the_name(box: Dav) -> None:
    assert box.put("a", b"content").status == 201
    answer = box.get("a?b=c")
    assert (answer.status, answer.body) == (200, b"content")
    assert box.get("a%3Fb=c").status == 404


@pytest.mark.rfc("4918", "5.2", "collections answer with and without a final slash, with the same content")
def test_collection_with_and_without_slash(box: Dav) -> None:
    box.mkcol("folder/")
    box.put("folder/a", b"1")
    with_slash = box.propfind("folder/", "resourcetype", "getetag", depth="1")
    without = box.propfind("folder", "resourcetype", "getetag", depth="1")
    assert set(with_slash) == set(without) == {box.href("folder/"), box.href("folder/a")}
    answer = box.request("PROPFIND", "folder", headers={"Depth": "0"})
    location = answer.headers.get("Content-Location")
    assert location is None or location.endswith(box.path("folder/"))
    assert box.delete("folder").status == 204
    assert box.names() == set()


@pytest.mark.rfc("4918", "5.2", "hrefs of collections end in a slash, those of files do not")
def test_slash_marks_collections(box: Dav) -> None:
    box.mkcol("folder")
    box.put("file", b"1")
    listing = box.propfind("", "resourcetype", depth="1")
    for response in listing.values():
        assert response.raw_href.endswith("/") == response.is_collection


@pytest.mark.rfc("4918", "5.2", "a file's URL with a final slash is not the file (cadaver asks so for a collection)")
def test_file_with_slash_is_not_the_file(box: Dav) -> None:
    box.put("file", b"1")
    assert box.request("PROPFIND", "file/", headers={"Depth": "0"}).status == 404
    assert box.get("file/").status == 404
    assert box.delete("file/").status in (404, 409)
    assert box.put("file/", b"2").status in (404, 405, 409)
    assert box.get("file").body == b"1"


@pytest.mark.rfc("4918", "5.2", "a file is no parent: names below it do not exist and cannot be made")
def test_nothing_below_a_file(box: Dav) -> None:
    box.put("file", b"1")
    assert box.get("file/x").status == 404
    assert box.put("file/x", b"2").status in (403, 409)
    assert box.mkcol("file/x").status in (403, 409)
    assert box.copy("file", "file/x").status in (403, 409)
    assert box.move("file", "file/x").status in (403, 409)
    assert box.get("file").body == b"1"


def test_names_keep_their_bytes(box: Dav) -> None:
    """A name in NFD is found under NFD and listed as NFD; the same for NFC."""
    for form in ("NFC", "NFD"):
        folder = f"{form}/"
        box.mkcol(folder)
        name = unicodedata.normalize(form, "Ångström é")
        assert box.put(folder + enc(name), form.encode()).status == 201
        assert box.names(folder) == {name}
        assert box.get(folder + enc(name)).body == form.encode()


@pytest.mark.parametrize("first", ["NFC", "NFD"])
def test_normalisation_twins_are_refused(box: Dav, first: str) -> None:
    """A second name that differs only by normalisation is 409, whichever came first, by every method."""
    second = "NFD" if first == "NFC" else "NFC"
    one, two = (enc(unicodedata.normalize(form, "é")) for form in (first, second))
    assert box.put(one, b"first").status == 201
    box.put("other", b"o")
    box.mkcol("folder")
    for answer in (
        box.put(two, b"second"),
        box.mkcol(two),
        box.move("other", two),
        box.copy("other", two),
        box.copy("folder", two),
        box.lock(two),
    ):
        assert answer.status == 409, answer
    assert box.names() == {unicodedata.normalize(first, "é"), "other", "folder"}
    assert box.get(one).body == b"first"
    assert box.put(one, b"again").status == 204


def test_rename_to_the_other_normalisation(box: Dav) -> None:
    """The twin rule compares with other members: one file may change its own spelling, or is refused unharmed."""
    one, two = enc(unicodedata.normalize("NFC", "é")), enc(unicodedata.normalize("NFD", "é"))
    box.put(one, b"x")
    status = box.move(one, two).status
    assert status in (201, 204, 409)
    assert box.get(one if status == 409 else two).body == b"x"
    assert len(box.names()) == 1


@pytest.mark.rfc("4918", "5.1", "names are compared with regard to case")
def test_case_matters(box: Dav) -> None:
    assert box.put("Name", b"upper").status == 201
    assert box.put("name", b"lower").status == 201
    assert box.names() == {"Name", "name"}
    assert box.get("Name").body == b"upper"


@pytest.mark.rfc("9112", "3.2.2", "request targets in absolute form are accepted")
def test_absolute_form(box: Dav, server: Server) -> None:
    box.put("a", b"content")
    request = f"GET {box.full('a')} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    request += f"Authorization: {basic(*box.auth)}\r\nConnection: close\r\n\r\n"
    answer = answers(server.raw(request.encode()))[0]
    assert (answer.status, answer.body) == (200, b"content")


def test_longest_name_and_deep_path(box: Dav) -> None:
    """255 bytes are a legal name on every filesystem we know, 40 levels a legal depth."""
    name = "é" * 127 + "x"
    assert len(name.encode()) == 255
    assert box.put(enc(name), b"long").status == 201
    assert box.get(enc(name)).body == b"long"
    path = ""
    for level in range(40):
        path += f"level{level}/"
        assert box.mkcol(path).status == 201
    assert box.put(path + "leaf", b"deep").status == 201
    assert box.get(path + "leaf").body == b"deep"


def test_aliases_of_the_home(server: Server, box: Dav) -> None:
    """/remote.php/webdav/ and /remote.php/dav/files/USER/ are the same home."""
    box.put("a%20b", b"content")
    below = box.base.removeprefix("/dav/home/")
    for alias in ("/remote.php/webdav/", "/remote.php/dav/files/alice/"):
        other = server.dav("alice", alias + below)
        assert other.get("a%20b").body == b"content"
        assert other.get("a%20b")["ETag"] == box.get("a%20b")["ETag"]
        listing = other.propfind("", "getetag", depth="1")
        assert {quote(alias + below), quote(alias + below) + "a%20b"} <= set(listing)
        assert all(href.startswith(quote(alias + below)) for href in listing)
        assert other.put("made", b"new").status in (201, 204)
        assert other.copy("made", "copied").status in (201, 204)
    assert box.names() == {"a b", "made", "copied"}


def test_view_root_lists_its_parts(server: Server) -> None:
    """/dav/ is a collection that holds home, and what else the person may see."""
    root = server.dav("alice", "/dav/")
    listing = root.propfind("", "resourcetype", depth="1")
    assert listing["/dav/"].is_collection
    assert listing["/dav/home/"].is_collection
    for href in listing:
        assert href in {"/dav/", "/dav/home/", "/dav/spaces/", "/dav/users/", "/dav/principals/"}
        assert root.propfind(href, "resourcetype", "displayname").only.is_collection
    assert root.put("file", b"1").status in (403, 405, 409)
    assert root.mkcol("folder").status in (403, 405, 409)
    assert root.delete("home/").status in (403, 405)
    assert root.move("home/", "/dav/elsewhere/").status in (403, 405, 409)
    assert set(root.propfind("", "resourcetype", depth="1")) == set(listing)
