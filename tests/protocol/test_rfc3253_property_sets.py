"""RFC 3253 section 3.1: what a resource says of its methods, properties and reports; RFC 5842 resource-id."""

from __future__ import annotations

import pytest

from support.client import Dav

PATHS = ("file", "", "/dav/", "/dav/spaces/", "/dav/principals/users/alice/")


@pytest.fixture
def box(box: Dav) -> Dav:
    """A box with a file."""
    box.put("file", b"1")
    return box


@pytest.mark.rfc("3253", "3.1.3", "supported-method-set is what Allow says")
@pytest.mark.parametrize("path", PATHS)
def test_methods(box: Dav, path: str) -> None:
    status, element = box.prop(path, "supported-method-set")
    assert status == 200
    assert [each.tag for each in element] == ["{DAV:}supported-method"] * len(element)
    assert {each.get("name") for each in element} == set(box.request("OPTIONS", path)["Allow"].split(", "))


@pytest.mark.rfc("3253", "3.1.4", "supported-live-property-set names every live property that propname names")
@pytest.mark.parametrize("path", PATHS)
def test_live_properties(box: Dav, path: str) -> None:
    status, element = box.prop(path, "supported-live-property-set")
    assert status == 200
    told = {each[0][0].tag for each in element}
    body = '<d:propfind xmlns:d="DAV:"><d:propname/></d:propfind>'
    named = box.request("PROPFIND", path, body, {"Depth": "0"}).multistatus.only.props
    assert set(named) - {"{DAV:}supported-live-property-set"} <= told
    assert {"{DAV:}getetag", "{DAV:}resourcetype", "{DAV:}supported-method-set"} <= told


@pytest.mark.rfc("3253", "3.1.5", "supported-report-set names sync-collection on collections")
@pytest.mark.parametrize("path", PATHS)
def test_reports(box: Dav, path: str) -> None:
    status, element = box.prop(path, "supported-report-set")
    assert status == 200
    assert (element.find("{*}supported-report/{*}report/{DAV:}sync-collection") is None) == (path == "file")


@pytest.mark.rfc("3253", "3.1", "the sets are protected, and not in allprop")
def test_protected(box: Dav) -> None:
    names = ("supported-method-set", "supported-live-property-set", "supported-report-set")
    for name in names:
        assert box.proppatch("file", {name: "x"}).multistatus.only.code(name) == 403
        assert name not in box.propfind("file").only


@pytest.mark.rfc("3253", "3.1.1", "comment and creator-displayname can be kept")
def test_comment(box: Dav) -> None:
    assert box.proppatch("file", {"comment": "a note", "creator-displayname": "Alice"}).multistatus.only
    assert (box.text("file", "comment"), box.text("file", "creator-displayname")) == ("a note", "Alice")


@pytest.mark.rfc("5842", "3.1", "resource-id: a URI, the same at every address, unchanged by MOVE, new by COPY")
def test_resource_id(box: Dav) -> None:
    def number(path: str) -> str:
        return box.prop(path, "resource-id")[1].findtext("{DAV:}href")

    first = number("file")
    assert ":" in first
    assert number("/remote.php/webdav/" + box.base.removeprefix("/dav/home/") + "file") == first
    box.put("file", b"2")
    box.move("file", "moved")
    assert number("moved") == first
    box.copy("moved", "copied")
    assert number("copied") != first
    box.put("file", b"3")
    assert number("file") != first
