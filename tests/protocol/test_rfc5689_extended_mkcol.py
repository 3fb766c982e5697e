"""RFC 5689: MKCOL with properties."""

from __future__ import annotations

import pytest

from support.client import Answer, Dav
from support.multistatus import element_xml, status_of

COLLECTION = "<d:resourcetype><d:collection/></d:resourcetype>"


def make(dav: Dav, path: str, *props: str, headers: dict[str, str] | None = None) -> Answer:
    """MKCOL with one set element per entry of ``props``."""
    sets = "".join(f"<d:set><d:prop>{prop}</d:prop></d:set>" for prop in props)
    return dav.mkcol(
        path, f'<d:mkcol xmlns:d="DAV:">{sets}</d:mkcol>', {"Content-Type": "application/xml", **(headers or {})}
    )


def stats(answer: Answer) -> dict[str, tuple[int, list[str]]]:
    """Name to status and conditions, from a mkcol-response."""
    found = {}
    for stat in answer.xml.iter("{DAV:}propstat"):
        conditions = [child.tag for child in stat.findall("{DAV:}error/*")]
        for prop in stat.find("{DAV:}prop"):
            found[prop.tag] = (status_of(stat.findtext("{DAV:}status")), conditions)
    return found


@pytest.mark.rfc("5689", "3", "the collection is made with its properties")
def test_properties_are_set(box: Dav) -> None:
    answer = make(box, "new", COLLECTION + "<d:displayname>Shown</d:displayname>", element_xml("{urn:x}a", "<b>1</b>"))
    assert answer.status == 201, answer
    assert box.text("new/", "displayname") == "Shown"
    assert box.prop("new/", "{urn:x}a")[1].findtext("{*}b") == "1"


@pytest.mark.rfc("5689", "3", "resourcetype alone, and an empty mkcol body, make a plain collection")
@pytest.mark.parametrize("props", [[COLLECTION], []])
def test_plain(box: Dav, props: list[str]) -> None:
    assert make(box, "new", *props).status == 201
    assert box.propfind("new/", "resourcetype").only.is_collection


@pytest.mark.rfc("5689", "3.3", "an unknown resourcetype is 403 with valid-resourcetype, and nothing is made")
@pytest.mark.parametrize(
    "kind",
    ['<d:collection/><c:calendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>', '<b xmlns="urn:x"/>', ""],
)
def test_unknown_resourcetype(box: Dav, kind: str) -> None:
    answer = make(box, "new", f"<d:resourcetype>{kind}</d:resourcetype><d:displayname>x</d:displayname>")
    assert answer.status == 403, answer
    assert b"valid-resourcetype" in answer.body
    assert box.names() == set()


@pytest.mark.rfc("5689", "3", "a property that cannot be set fails everything: propstats, 424 for the others")
def test_atomic(box: Dav) -> None:
    answer = make(box, "new", COLLECTION, "<d:displayname>x</d:displayname>", "<d:getetag>no</d:getetag>")
    assert answer.status in (403, 409, 424), answer
    assert answer.xml.tag == "{DAV:}mkcol-response"
    found = stats(answer)
    assert found["{DAV:}getetag"] == (403, ["{DAV:}cannot-modify-protected-property"])
    assert found["{DAV:}displayname"][0] == 424
    assert box.names() == set()


@pytest.mark.rfc("5689", "3", "what plain MKCOL refuses is refused the same way")
def test_same_refusals(box: Dav) -> None:
    box.put("file", b"1")
    make(box, "file", COLLECTION).refused(405)
    make(box, "no/such", COLLECTION).refused(409)
    make(box, "file/x", COLLECTION).refused(403, 409)
    assert box.names() == {"file"}


@pytest.mark.rfc("5689", "3", "a set without resourcetype or a body of another kind makes nothing odd")
def test_wrong_root(box: Dav) -> None:
    body = '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop/></d:set></d:propertyupdate>'
    box.mkcol("new", body, {"Content-Type": "application/xml"}).refused(400, 403, 415, 422)
    assert box.names() == set()


@pytest.mark.rfc("5689", "4", "supporting servers say extended-mkcol in the DAV header")
def test_announced(box: Dav) -> None:
    assert "extended-mkcol" in [word.strip() for word in box.request("OPTIONS", "")["DAV"].split(",")]
