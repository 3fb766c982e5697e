"""RFC 4918 sections 9.1 and 10.1, 18: OPTIONS and what it announces."""

from __future__ import annotations

import pytest

from support.client import Dav
from support.raw import answers, message
from support.server import Server


def words(value: str) -> list[str]:
    """The members of a comma-separated header."""
    return [word.strip() for word in value.split(",")]


@pytest.mark.rfc("4918", "18", "classes 1, 2, 3 in one DAV header, in that order, first")
@pytest.mark.parametrize("path", ["file", "folder/", "none", "", "/", "/dav/", "/dav/home/", "/remote.php/webdav/"])
def test_classes(box: Dav, path: str) -> None:
    box.put("file", b"1")
    box.mkcol("folder")
    answer = box.request("OPTIONS", path)
    assert answer.status in (200, 204)
    assert len(answer.headers.get_all("DAV") or []) == 1
    assert words(answer["DAV"])[:3] == ["1", "2", "3"]
    assert answer["DAV"] == box.request("OPTIONS", "")["DAV"]
    assert answer["MS-Author-Via"] == "DAV"
    assert answer.body == b""


@pytest.mark.rfc("9110", "9.3.7", "OPTIONS * is 200")
def test_star(server: Server) -> None:
    assert answers(server.raw(message("OPTIONS", "*", "Connection: close")))[0].status in (200, 204)


@pytest.mark.rfc("4918", "9.1", "OPTIONS works without login on every path, existing or not, and tells no difference")
def test_without_login(box: Dav, server: Server) -> None:
    box.put("file", b"1")
    nobody = server.dav(None, box.base)
    found = [nobody.request("OPTIONS", path) for path in ("file", "none", "", "/", "/dav/", "/dav/users/bob/", "/x/y")]
    assert {answer.status for answer in found} <= {200, 204}
    assert len({answer["Allow"] for answer in found[:2]}) == 1
    assert all(words(answer["DAV"])[:3] == ["1", "2", "3"] for answer in found)


@pytest.mark.rfc("9110", "10.2.1", "Allow names the methods of the resource")
def test_allow(box: Dav) -> None:
    box.put("file", b"1")
    both = {"OPTIONS", "GET", "HEAD", "DELETE", "PROPFIND", "PROPPATCH", "COPY", "MOVE", "LOCK", "UNLOCK"}
    assert both | {"PUT"} <= set(words(box.request("OPTIONS", "file")["Allow"]))
    assert both | {"REPORT"} <= set(words(box.request("OPTIONS", "")["Allow"]))
    assert {"PUT", "MKCOL", "OPTIONS"} <= set(words(box.request("OPTIONS", "none")["Allow"]))


@pytest.mark.rfc("9110", "15.5.6", "a 405 carries the Allow of the resource, without the refused method")
def test_allow_of_refusals(box: Dav) -> None:
    box.put("file", b"1")
    assert "MKCOL" not in words(box.mkcol("file").refused(405)["Allow"])
    assert "PUT" not in words(box.put("", b"1").refused(405)["Allow"])
    assert "POST" not in words(box.request("POST", "file").headers.get("Allow", ""))


@pytest.mark.rfc("9110", "14.3", "files announce byte ranges")
def test_accept_ranges(box: Dav) -> None:
    box.put("file", b"1")
    assert box.request("OPTIONS", "file")["Accept-Ranges"] == "bytes"
    assert box.get("file")["Accept-Ranges"] == "bytes"


def test_only_what_works_is_announced(box: Dav) -> None:
    """Methods in Allow are never answered with 405 or 501 (PUT and MKCOL may stand for the address)."""
    box.put("file", b"1")
    box.mkcol("folder")
    for path in ("file", "folder/"):
        for method in words(box.request("OPTIONS", path)["Allow"]):
            if method not in ("DELETE", "MOVE", "PUT", "MKCOL"):
                assert box.request(method, path, b"").status not in (405, 501), (method, path)


def test_windows_and_office(box: Dav, server: Server) -> None:
    """Office and the WebClient ask the root and all parents first, without login."""
    nobody = server.dav(None, "/")
    for path in ("/", "/dav", "/dav/", "/dav/home", box.base):
        answer = nobody.request("OPTIONS", path, headers={"User-Agent": "Microsoft-WebDAV-MiniRedir/10.0.19045"})
        assert answer.status in (200, 204)
        assert answer["MS-Author-Via"] == "DAV"


def test_gvfs_walks_up(box: Dav) -> None:
    """PROPFIND on every parent up to the root is 207 or a refusal, never a server error."""
    for path in (box.base, "/dav/home/", "/dav/", "/"):
        assert box.request("PROPFIND", path, headers={"Depth": "1"}).status in (207, 401, 403, 404, 405)
