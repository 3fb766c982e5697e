"""RFC 4918 sections 8.7, 11 and 16: error answers."""

from __future__ import annotations

import pytest

from support.client import SABRE, Answer, Dav
from support.server import Server

SAMPLES = {
    "missing": (404, "NotFound", lambda dav: dav.get("none-x1y2z3")),
    "exists": (405, "MethodNotAllowed", lambda dav: dav.mkcol("folder")),
    "no parent": (409, "Conflict", lambda dav: dav.put("none-x1y2z3/file", b"1")),
    "condition": (412, "PreconditionFailed", lambda dav: dav.put("file", b"1", {"If-Match": '"x1y2z3"'})),
    "locked": (423, "Locked", lambda dav: dav.put("locked", b"1")),
    "bad depth": (400, "BadRequest", lambda dav: dav.request("PROPFIND", "", headers={"Depth": "x1y2z3"})),
    "bad body": (400, "BadRequest", lambda dav: dav.request("PROPFIND", "", b"<x1y2z3", {"Depth": "0"})),
    "body type": (415, "UnsupportedMediaType", lambda dav: dav.mkcol("new", b"x1y2z3", {"Content-Type": "text/x"})),
    "other server": (502, "BadGateway", lambda dav: dav.copy("file", "http://x1y2z3.example/a")),
    "itself": (403, "Forbidden", lambda dav: dav.copy("file", "file")),
    "unknown method": (501, "NotImplemented", lambda dav: dav.request("X1Y2Z3", "file")),
    "sync token": (403, "Forbidden", lambda dav: dav.report_sync("", "urn:x1y2z3")),
    "infinity": (403, "Forbidden", lambda dav: dav.request("PROPFIND", "")),
}


@pytest.fixture
def scene(box: Dav) -> Dav:
    """A folder, a file, and a locked one."""
    box.mkcol("folder")
    box.put("file", b"1")
    box.locked("locked", depth="0")
    return box


@pytest.mark.rfc("4918", "8.7", "error bodies are DAV:error with the condition, s:exception and s:message")
@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_form(scene: Dav, kind: str) -> None:
    status, exception, call = SAMPLES[kind]
    answer: Answer = call(scene).refused(status)
    assert answer.body, "an error says what it is"
    assert answer.xml.tag == "{DAV:}error"
    assert answer.xml.findtext(SABRE + "exception") == f"Sabre\\DAV\\Exception\\{exception}"
    assert answer.xml.findtext(SABRE + "message").strip()


@pytest.mark.rfc("4918", "16", "the precondition elements of the RFCs")
def test_conditions(scene: Dav) -> None:
    expected = {"locked": "lock-token-submitted", "sync token": "valid-sync-token", "infinity": "propfind-finite-depth"}
    for kind, condition in expected.items():
        assert SAMPLES[kind][2](scene).condition == condition


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_nothing_is_echoed(scene: Dav, kind: str) -> None:
    """No input and no internals in error bodies (past failures 44 and 53)."""
    text = SAMPLES[kind][2](scene).body.lower()
    for word in (b"x1y2z3", b"traceback", b".py", b"sqlite", b"/tmp"):
        assert word not in text


@pytest.mark.rfc("9110", "11.6.1", "401 carries Basic with a realm and UTF-8 first, and an error body")
def test_unauthorized(server: Server) -> None:
    answer = server.dav(None).request("PROPFIND", "", headers={"Depth": "0"}).refused(401)
    challenges = answer.headers.get_all("WWW-Authenticate")
    assert challenges[0] == 'Basic realm="davshare", charset="UTF-8"'
    assert answer.xml.findtext(SABRE + "exception") == "Sabre\\DAV\\Exception\\NotAuthenticated"


@pytest.mark.rfc("9110", "9.3.2", "errors of HEAD have no body, and the connection goes on")
def test_head(box: Dav) -> None:
    assert box.head("none").status == 404
    assert box.head("none").status == 404
    assert box.put("file", b"1").status == 201


@pytest.mark.rfc("9112", "9.3", "the connection is usable after errors")
def test_connection_goes_on(scene: Dav) -> None:
    for kind in sorted(SAMPLES):
        SAMPLES[kind][2](scene)
        assert scene.get("file").body == b"1", kind


def test_outside_of_the_trees(server: Server) -> None:
    """Paths that nobody serves are 404 (or ask for a login), never a server error."""
    dav = server.dav("alice", "/")
    for path in ("nothing", "dav/nothing/", "dav/home2/", "remote.php/nothing/", "_vti_inf.html", "_vti_bin/x.dll"):
        assert dav.get(path).status == 404, path
        assert dav.request("PROPFIND", path, headers={"Depth": "0"}).status in (404, 405), path
        assert dav.put(path, b"x").status in (403, 404, 405, 409), path
