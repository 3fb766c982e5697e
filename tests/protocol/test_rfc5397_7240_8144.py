"""RFC 5397 current-user-principal, RFC 7240 and 8144 Prefer."""

from __future__ import annotations

import pytest

from support.client import Dav
from support.server import Server


@pytest.mark.rfc("5397", "3", "current-user-principal is an href on every resource, and leads to a principal")
def test_current_user_principal(box: Dav) -> None:
    box.put("file", b"1")
    found = {}
    for path in ("file", "", "/dav/", "/dav/home/", "/dav/spaces/"):
        status, element = box.prop(path, "current-user-principal")
        assert status == 200
        found[path] = element.findtext("{DAV:}href")
    (href,) = set(found.values())
    principal = box.propfind(href, "resourcetype", "principal-URL", "displayname").only
    assert principal["resourcetype"][1].find("{DAV:}principal") is not None


@pytest.mark.rfc("5397", "3", "it tells people apart, and is protected")
def test_of_others(server: Server, box: Dav) -> None:
    bob = server.dav("bob")
    assert bob.prop("", "current-user-principal")[1].findtext("{DAV:}href") != box.prop("", "current-user-principal")[
        1
    ].findtext("{DAV:}href")
    assert box.proppatch("", {"current-user-principal": "x"}).multistatus.only.code("current-user-principal") == 403


@pytest.mark.rfc("8144", "2.1", "return=minimal: PROPFIND without 404 propstats, an empty 200 when nothing is left")
@pytest.mark.parametrize("header", [("Prefer", "return=minimal"), ("Brief", "t")])
def test_minimal_propfind(box: Dav, header: tuple[str, str]) -> None:
    box.put("file", b"1")
    body = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><x xmlns="urn:no"/></d:prop></d:propfind>'
    answer = box.request("PROPFIND", "", body, {"Depth": "1", header[0]: header[1]})
    assert all(set(each.props) == {"{DAV:}getetag"} for each in answer.multistatus.values())
    assert len(answer.multistatus) == 2
    if header[0] == "Prefer":
        assert "return=minimal" in answer["Preference-Applied"]
        assert "prefer" in answer["Vary"].lower()
    body = '<d:propfind xmlns:d="DAV:"><d:prop><x xmlns="urn:no"/></d:prop></d:propfind>'
    answer = box.request("PROPFIND", "file", body, {"Depth": "0", header[0]: header[1]})
    found = answer.multistatus.only
    assert found.props == {} and found.status == 0


@pytest.mark.rfc("8144", "2.2", "return=minimal: PROPPATCH answers without a body when all went well")
def test_minimal_proppatch(box: Dav) -> None:
    box.put("file", b"1")
    answer = box.proppatch("file", {"{urn:x}a": "v"}, headers={"Prefer": "return=minimal"})
    assert answer.status in (200, 204) and answer.body == b""
    assert box.text("file", "{urn:x}a") == "v"
    answer = box.proppatch("file", {"{urn:x}a": "w", "getetag": "x"}, headers={"Prefer": "return=minimal"})
    assert answer.multistatus.only.code("getetag") == 403
    assert box.text("file", "{urn:x}a") == "v"


@pytest.mark.rfc("8144", "2.3", "return=minimal: extended MKCOL answers without a body")
def test_minimal_mkcol(box: Dav) -> None:
    body = '<d:mkcol xmlns:d="DAV:"><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop></d:set>'
    body += "</d:mkcol>"
    answer = box.mkcol("new", body, {"Content-Type": "application/xml", "Prefer": "return=minimal"})
    assert (answer.status, answer.body) == (201, b"")


@pytest.mark.rfc("8144", "2", "depth-noroot: PROPFIND without the collection itself")
def test_noroot(box: Dav) -> None:
    box.put("a", b"1")
    box.mkcol("b")
    answer = box.request("PROPFIND", "", headers={"Depth": "1", "Prefer": "depth-noroot"})
    assert set(answer.multistatus) == {box.href("a"), box.href("b/")}
    assert "depth-noroot" in answer["Preference-Applied"]
    both = box.request("PROPFIND", "", headers={"Depth": "1", "Prefer": 'return=minimal, depth-noroot, x="y, z"'})
    assert set(both.multistatus) == {box.href("a"), box.href("b/")}
    assert "depth-noroot" in both["Preference-Applied"] and "return=minimal" in both["Preference-Applied"]


@pytest.mark.rfc("8144", "2.4", "return=representation: PUT answers with the file, Content-Location and ETag")
def test_representation(box: Dav) -> None:
    for status in (201, 200):
        answer = box.put("file", b"content", {"Prefer": "return=representation"})
        assert answer.status == status, answer
        assert answer.body == b"content"
        assert answer["ETag"] == box.etag("file")
        assert answer["Content-Location"].endswith(box.path("file"))
        assert "return=representation" in answer["Preference-Applied"]


@pytest.mark.rfc("8144", "3.2", "return=representation: a failed If-Match is 412 with the current representation")
def test_representation_of_a_failure(box: Dav) -> None:
    box.put("file", b"current")
    answer = box.put("file", b"mine", {"If-Match": '"x"', "Prefer": "return=representation"})
    assert answer.status == 412
    assert answer.body == b"current"
    assert answer["ETag"] == box.etag("file")
    assert "return=representation" in answer["Preference-Applied"]
    assert box.get("file").body == b"current"


@pytest.mark.rfc("7240", "2", "unknown and broken preferences are ignored")
@pytest.mark.parametrize("value", ["", "x", "return", "return=maximal", ";;;", 'a="', "respond-async, wait=10", ",,,"])
def test_unknown(box: Dav, value: str) -> None:
    box.put("file", b"1")
    answer = box.request("PROPFIND", "", headers={"Depth": "1", "Prefer": value})
    assert set(answer.multistatus) == {box.href(), box.href("file")}
    assert "Preference-Applied" not in answer.headers
    assert box.put("file", b"2", {"Prefer": value}).status == 204


@pytest.mark.rfc("7240", "2", "names and values without regard to case, several headers, quotes")
@pytest.mark.parametrize("value", ["return=minimal", "Return=Minimal", 'return="minimal"', "x;y=1, return = minimal"])
def test_spellings(box: Dav, value: str) -> None:
    body = '<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><x xmlns="urn:no"/></d:prop></d:propfind>'
    answer = box.request("PROPFIND", "", body, {"Depth": "0", "Prefer": value})
    assert set(answer.multistatus.only.props) == {"{DAV:}getetag"}


@pytest.mark.rfc("8144", "3.1", "return=representation: COPY and MOVE answer with the file at its new address")
@pytest.mark.parametrize("method", ["copy", "move"])
def test_representation_of_a_transfer(box: Dav, method: str) -> None:
    box.put("a", b"content")
    box.put("b", b"other")
    transfer = getattr(box, method)
    answer = transfer("a", "b", headers={"Prefer": "return=representation"})
    assert (answer.status, answer.body) == (200, b"content")
    assert answer["ETag"] == box.etag("b")
    assert answer["Content-Location"] == box.path("b")
    assert answer["Preference-Applied"] == "return=representation"
    assert "prefer" in answer["Vary"].lower()
    assert transfer("b", "c", headers={"Prefer": "return=representation"}).status == 201
    box.mkcol("folder")
    answer = transfer("folder/", "tree", headers={"Prefer": "return=representation"})
    assert (answer.status, answer.body) == (201, b"")
    assert "Preference-Applied" not in answer.headers


@pytest.mark.rfc("8144", "3.2", "other methods whose condition fails show the current representation as well")
@pytest.mark.parametrize("method", ["DELETE", "PROPPATCH", "PATCH"])
def test_representation_of_other_failures(box: Dav, method: str) -> None:
    box.put("file", b"current")
    headers = {"If-Match": '"x"', "Prefer": "return=representation"}
    body = '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><a xmlns="u"/></d:prop></d:set></d:propertyupdate>'
    answer = box.request(method, "file", body if method == "PROPPATCH" else None, headers)
    assert (answer.status, answer.body) == (412, b"current")
    assert answer["ETag"] == box.etag("file")
    box.put("file", b"new", {"If-None-Match": "*", "Prefer": "return=representation"})
    assert box.put("file", b"new", {"If-None-Match": "*"}).xml.tag == "{DAV:}error"
    assert box.get("file").body == b"current"


@pytest.mark.rfc("8144", "3.2", "without something to show, or a right to see it, a failed condition is a plain 412")
def test_nothing_to_represent(box: Dav) -> None:
    for path in ("none", ""):
        answer = box.delete(path, {"If-Match": '"x"', "Prefer": "return=representation"})
        assert answer.status in (404, 412)
        assert "Preference-Applied" not in answer.headers


@pytest.mark.rfc("8144", "2.1", "return=minimal: REPORT without 404 propstats")
def test_minimal_report(box: Dav) -> None:
    box.put("file", b"1")
    answer = box.report_sync(props=("getetag", "{urn:no}x"), headers={"Prefer": "return=minimal"})
    assert set(answer.multistatus[box.path("file")].props) == {"{DAV:}getetag"}
    assert "return=minimal" in answer["Preference-Applied"]


@pytest.mark.rfc("8144", "2.3", "return=minimal: a failed extended MKCOL still says what failed")
def test_minimal_mkcol_fails(box: Dav) -> None:
    start = '<d:mkcol xmlns:d="DAV:"><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype>'
    end = "</d:prop></d:set></d:mkcol>"
    headers = {"Content-Type": "application/xml", "Prefer": "return=minimal"}
    answer = box.mkcol("new", f"{start}<d:getetag>x</d:getetag>{end}", headers)
    assert (answer.status, answer.xml.tag) == (403, "{DAV:}mkcol-response")
    assert box.names() == set()
    answer = box.mkcol("new", f"{start}<d:displayname>x</d:displayname>{end}", headers)
    assert (answer.status, answer.body, answer["Preference-Applied"]) == (201, b"", "return=minimal")


@pytest.mark.rfc("7240", "2", "contradicting preferences: none of them counts")
def test_contradiction(box: Dav) -> None:
    answer = box.put("file", b"1", {"Prefer": "return=minimal, return=representation"})
    assert (answer.status, answer.body) == (201, b"")
    assert "Preference-Applied" not in answer.headers
