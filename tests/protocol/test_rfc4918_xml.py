"""RFC 4918: XML bodies, in both directions."""

from __future__ import annotations

import pytest

from support.client import Dav
from support.multistatus import parse

PROPFIND = b'<?xml version="1.0"?><d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
PROPPATCH = '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><a xmlns="urn:x">v</a></d:prop></d:set></d:propertyupdate>'
BAD = {
    "not XML": b"hello",
    "unclosed": b'<d:propfind xmlns:d="DAV:"><d:prop>',
    "undeclared prefix": b"<d:propfind><d:prop><d:getetag/></d:prop></d:propfind>",
    "undeclared prefix inside": b'<d:propfind xmlns:d="DAV:"><d:prop><x:a/></d:prop></d:propfind>',
    "two roots": b'<d:propfind xmlns:d="DAV:"><d:allprop/></d:propfind><d:propfind xmlns:d="DAV:"/>',
    "bad UTF-8": b'<d:propfind xmlns:d="DAV:"><d:prop><a xmlns="\xff\xfe"/></d:prop></d:propfind>',
    "other root": b'<d:nonsense xmlns:d="DAV:"/>',
    "empty namespace for a prefix": b'<d:propfind xmlns:d="DAV:"><d:prop><b:bar xmlns:b=""/></d:prop></d:propfind>',
    "doctype": b'<!DOCTYPE d:propfind><d:propfind xmlns:d="DAV:"><d:allprop/></d:propfind>',
    "entity": b'<!DOCTYPE x [<!ENTITY e "v">]><d:propfind xmlns:d="DAV:"><d:prop>&e;</d:prop></d:propfind>',
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    b'<d:propfind xmlns:d="DAV:"><d:prop>&e;</d:prop></d:propfind>',
}
METHODS = ["PROPFIND", "PROPPATCH", "LOCK", "REPORT", "MKCOL"]


@pytest.mark.rfc("4918", "8.2", "malformed XML, an undeclared prefix or a DOCTYPE is 400")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", sorted(BAD))
def test_bad_bodies_are_refused(box: Dav, method: str, kind: str) -> None:
    box.put("file", b"content")
    target = "new" if method == "MKCOL" else "" if method == "REPORT" else "file"
    answer = box.request(method, target, BAD[kind], {"Depth": "0", "Content-Type": "application/xml"})
    expected = (400, 415) if method == "MKCOL" else (400,)
    if method == "REPORT" and kind == "other root":
        expected = (400, 403)
    if method in ("PROPPATCH", "LOCK", "MKCOL") and kind == "other root":
        expected = (400, 403, 415, 422)
    assert answer.status in expected, answer
    assert b"passwd" not in answer.body and b"root:" not in answer.body
    assert box.names() == {"file"}
    assert box.text("file", "lockdiscovery") == ""


@pytest.mark.rfc("4918", "8.2", "(*) bodies may arrive chunked: no Content-Length does not mean no body")
def test_chunked_propfind(box: Dav) -> None:
    pieces = (PROPFIND[at : at + 7] for at in range(0, len(PROPFIND), 7))
    answer = box.request("PROPFIND", "", pieces, {"Depth": "0"})
    assert set(answer.multistatus.only.props) == {"{DAV:}getetag"}


@pytest.mark.rfc("4918", "8.2", "(*) bodies may arrive chunked: PROPPATCH, LOCK, REPORT and MKCOL too")
def test_chunked_bodies_of_other_methods(box: Dav) -> None:
    box.put("file", b"content")
    answer = box.request("PROPPATCH", "file", iter([PROPPATCH.encode()]))
    assert answer.multistatus.only["{urn:x}a"][0] == 200
    assert box.text("file", "{urn:x}a") == "v"
    lock = b'<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
    lock += b"<d:locktype><d:write/></d:locktype></d:lockinfo>"
    answer = box.request("LOCK", "file", iter([lock[:20], lock[20:]]), {"Depth": "0"})
    assert answer.status == 200
    assert box.unlock("file", answer.lock_token).status == 204
    sync = b'<d:sync-collection xmlns:d="DAV:"><d:sync-token/><d:sync-level>1</d:sync-level>'
    sync += b"<d:prop><d:getetag/></d:prop></d:sync-collection>"
    assert set(box.request("REPORT", "", iter([sync]), {"Depth": "0"}).multistatus) == {box.href("file")}
    mkcol = b'<d:mkcol xmlns:d="DAV:"><d:set><d:prop><d:resourcetype><d:collection/></d:resourcetype>'
    mkcol += b"<d:displayname>shown</d:displayname></d:prop></d:set></d:mkcol>"
    assert box.request("MKCOL", "new", iter([mkcol]), {"Content-Type": "application/xml"}).status == 201
    assert box.text("new", "displayname") == "shown"


@pytest.mark.rfc("4918", "17", "unknown elements and attributes are ignored")
def test_unknown_elements_are_ignored(box: Dav) -> None:
    box.put("file", b"content")
    body = (
        '<d:propfind xmlns:d="DAV:" xmlns:x="urn:x" x:hint="1"><x:before><d:allprop/></x:before>'
        '<d:prop unknown="yes"><d:getetag/></d:prop><x:after/></d:propfind>'
    )
    found = box.request("PROPFIND", "file", body, {"Depth": "0"}).multistatus.only
    assert set(found.props) == {"{DAV:}getetag"}
    body = (
        '<d:propertyupdate xmlns:d="DAV:" xmlns:x="urn:x"><x:unknown/><d:set x:a="b"><x:y/>'
        "<d:prop><x:a>v</x:a></d:prop></d:set></d:propertyupdate>"
    )
    assert box.request("PROPPATCH", "file", body).multistatus.only["{urn:x}a"][0] == 200
    body = (
        '<d:lockinfo xmlns:d="DAV:" xmlns:x="urn:x"><x:z/><d:lockscope><d:exclusive/></d:lockscope>'
        "<d:locktype><d:write/></d:locktype><x:more>text</x:more></d:lockinfo>"
    )
    answer = box.request("LOCK", "file", body, {"Depth": "0"})
    assert answer.status == 200
    assert box.unlock("file", answer.lock_token).status == 204


@pytest.mark.rfc("4918", "8.2", "answers are application/xml; charset=utf-8 with a declaration and a prefix for DAV:")
def test_form_of_answers(box: Dav) -> None:
    answer = box.request("PROPFIND", "", headers={"Depth": "0"})
    assert answer.status == 207
    assert answer["Content-Type"] == "application/xml; charset=utf-8"
    assert answer.body.startswith(b'<?xml version="1.0" encoding="')
    root = parse(answer.body)
    assert root.prefix == "d"
    assert None not in root.nsmap


@pytest.mark.rfc("4918", "8.2", "bodies in UTF-16 and with a byte order mark are XML too")
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_encodings(box: Dav, codec: str) -> None:
    text = PROPPATCH.replace(">v<", ">gruß<")
    if codec == "utf-16":
        text = '<?xml version="1.0" encoding="utf-16"?>' + text
    box.put("file", b"")
    assert box.request("PROPPATCH", "file", text.encode(codec)).multistatus.only["{urn:x}a"][0] == 200
    assert box.text("file", "{urn:x}a") == "gruß"


@pytest.mark.rfc("4918", "8.2", "the namespace counts and the prefix does not")
def test_prefixes_do_not_matter(box: Dav) -> None:
    for body in (
        '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>',
        '<Z:propfind xmlns:Z="DAV:"><Y:prop xmlns:Y="DAV:"><getetag xmlns="DAV:"/></Y:prop></Z:propfind>',
    ):
        found = box.request("PROPFIND", "", body, {"Depth": "0"}).multistatus.only
        assert set(found.props) == {"{DAV:}getetag"}
    answer = box.request("PROPFIND", "", '<d:propfind xmlns:d="urn:not-dav"><d:allprop/></d:propfind>', {"Depth": "0"})
    assert answer.status == 400


@pytest.mark.rfc("4918", "8.2", "bodies over 1 MiB are refused")
@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "LOCK", "REPORT"])
def test_huge_body(box: Dav, method: str) -> None:
    box.put("file", b"content")
    filler = b"<d:prop>" + b"<d:x/>" * 350_000 + b"</d:prop>"
    body = b'<d:propfind xmlns:d="DAV:">' + filler + b"</d:propfind>"
    answer = box.request(method, "file", body, {"Depth": "0"})
    assert answer.status in (400, 413), answer.status
    assert box.get("file").body == b"content"


@pytest.mark.rfc("4918", "8.2", "bodies that nest too deeply are refused")
@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "LOCK", "REPORT"])
@pytest.mark.parametrize("depth", [2000, 50_000])
def test_deep_body(box: Dav, method: str, depth: int) -> None:
    box.put("file", b"content")
    body = b'<d:propfind xmlns:d="DAV:"><d:prop>' + b"<d:a>" * depth + b"</d:a>" * depth + b"</d:prop></d:propfind>"
    assert box.request(method, "file", body, {"Depth": "0"}).status == 400
    assert box.get("file").body == b"content"


def test_entity_bomb_costs_nothing(box: Dav) -> None:
    """Entities are never expanded (past failure 46)."""
    lines = ["<!DOCTYPE x [<!ENTITY a0 'aaaaaaaaaa'>"]
    lines += [f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)]
    body = "".join(lines) + ']><d:propfind xmlns:d="DAV:"><d:prop><x>&a11;</x></d:prop></d:propfind>'
    assert box.request("PROPFIND", "", body, {"Depth": "0"}).status == 400
