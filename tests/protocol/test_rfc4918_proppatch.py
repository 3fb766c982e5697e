"""RFC 4918 sections 4 and 9.2: dead properties and PROPPATCH."""

from __future__ import annotations

import hashlib

import pytest
from lxml import etree

from support.client import Answer, Dav
from support.server import Server

PROTECTED = [
    "creationdate",
    "getcontentlength",
    "getcontenttype",
    "getetag",
    "lockdiscovery",
    "resourcetype",
    "supportedlock",
    "sync-token",
    "quota-used-bytes",
    "quota-available-bytes",
    "current-user-principal",
    "supported-report-set",
]


def patch(dav: Dav, path: str, content: str, extra: str = "", headers: dict[str, str] | None = None) -> Answer:
    """PROPPATCH with that content of the propertyupdate element."""
    return dav.request(
        "PROPPATCH", path, f'<d:propertyupdate xmlns:d="DAV:" {extra}>{content}</d:propertyupdate>', headers
    )


def c14n(element) -> bytes:
    """An element in a form that can be compared (prefixes kept)."""
    copy = etree.fromstring(etree.tostring(element, with_tail=False))
    return etree.tostring(copy, method="c14n", exclusive=True)


@pytest.mark.rfc("4918", "9.2", "set and remove are answered with 207 and one status per property")
@pytest.mark.parametrize("path", ["file", "folder/"])
def test_set_and_remove(box: Dav, path: str) -> None:
    box.put("file", b"1")
    box.mkcol("folder")
    found = box.proppatch(path, {"{urn:x}a": "1", "{urn:x}b": "2"}).multistatus.only
    assert found.raw_href == box.path(path)
    assert {name: code for name, (code, _) in found.props.items()} == {"{urn:x}a": 200, "{urn:x}b": 200}
    assert all(len(element) == 0 and not element.text for _, element in found.props.values())
    assert (box.text(path, "{urn:x}a"), box.text(path, "{urn:x}b")) == ("1", "2")
    assert box.proppatch(path, {"{urn:x}a": "new"}, ["{urn:x}b"]).multistatus.only.code("{urn:x}b") == 200
    assert box.text(path, "{urn:x}a") == "new"
    assert box.prop(path, "{urn:x}b")[0] == 404


@pytest.mark.rfc("4918", "9.2", "removing what is not there succeeds")
def test_remove_missing(box: Dav) -> None:
    box.put("file", b"1")
    assert box.proppatch("file", {}, ["{urn:x}none"]).multistatus.only.code("{urn:x}none") == 200


@pytest.mark.rfc("4918", "9.2", "instructions run in document order")
@pytest.mark.parametrize(
    ("order", "value"),
    [("set1 remove set2", "2"), ("set1 set2", "2"), ("set2 set1", "1"), ("set1 remove", None), ("remove set1", "1")],
)
def test_document_order(box: Dav, order: str, value: str | None) -> None:
    parts = {
        "set1": '<d:set><d:prop><a xmlns="urn:x">1</a></d:prop></d:set>',
        "set2": '<d:set><d:prop><a xmlns="urn:x">2</a></d:prop></d:set>',
        "remove": '<d:remove><d:prop><a xmlns="urn:x"/></d:prop></d:remove>',
    }
    box.put("file", b"1")
    assert patch(box, "file", "".join(parts[word] for word in order.split())).multistatus.only.code("{urn:x}a") == 200
    status, element = box.prop("file", "{urn:x}a")
    assert (element.text if status == 200 else None) == value


@pytest.mark.rfc("4918", "9.2", "several properties in one set element, several set elements in one body")
def test_many_in_one(box: Dav) -> None:
    box.put("file", b"1")
    content = "".join(
        f'<d:set><d:prop><a{n} xmlns="urn:x">{n}</a{n}><b{n} xmlns="urn:x"/></d:prop></d:set>' for n in range(50)
    )
    assert {code for code, _ in patch(box, "file", content).multistatus.only.props.values()} == {200}
    assert [box.text("file", f"{{urn:x}}a{n}") for n in (0, 25, 49)] == ["0", "25", "49"]


@pytest.mark.rfc("4918", "9.2.1", "protected properties: 403 with cannot-modify-protected-property")
@pytest.mark.parametrize("name", PROTECTED)
def test_protected(box: Dav, name: str) -> None:
    box.put("file", b"1")
    for path in ("file", ""):
        before = box.prop(path, name)
        for answer in (box.proppatch(path, {name: "x"}), box.proppatch(path, {}, [name])):
            found = answer.multistatus.only
            assert found.code(name) == 403, answer
            assert found.prop_errors["{DAV:}" + name] == ["{DAV:}cannot-modify-protected-property"]
        after = box.prop(path, name)
        if name != "quota-available-bytes":  # the disk has other users
            assert (before[0], c14n(before[1])) == (after[0], c14n(after[1]))


@pytest.mark.rfc("4918", "9.2", "all or nothing: the bad one carries its status, all others 424")
@pytest.mark.parametrize("first", ["good", "bad"])
def test_all_or_nothing(box: Dav, first: str) -> None:
    box.put("file", b"1")
    box.proppatch("file", {"{urn:x}kept": "old", "{urn:x}gone": "still"})
    good = '<d:set><d:prop><kept xmlns="urn:x">new</kept><made xmlns="urn:x"/></d:prop></d:set>'
    good += '<d:remove><d:prop><gone xmlns="urn:x"/></d:prop></d:remove>'
    bad = "<d:set><d:prop><d:getetag>x</d:getetag></d:prop></d:set>"
    found = patch(box, "file", good + bad if first == "good" else bad + good).multistatus.only
    codes = {name: code for name, (code, _) in found.props.items()}
    assert codes == {"{DAV:}getetag": 403, "{urn:x}kept": 424, "{urn:x}made": 424, "{urn:x}gone": 424}
    assert (box.text("file", "{urn:x}kept"), box.text("file", "{urn:x}gone")) == ("old", "still")
    assert box.prop("file", "{urn:x}made")[0] == 404


VALUES = {
    "empty": '<a xmlns="urn:x"/>',
    "text": '<a xmlns="urn:x">text</a>',
    "whitespace": '<a xmlns="urn:x">  two\n lines\t </a>',
    "only blanks": '<a xmlns="urn:x">   </a>',
    "attributes": '<a xmlns="urn:x" b="1" c="&lt;&quot;&amp;"/>',
    "foreign attributes": '<a xmlns="urn:x" xmlns:y="urn:y" y:b="1"/>',
    "mixed": '<a xmlns="urn:x">one <b>two</b> three <c><d/></c> four</a>',
    "other namespaces": '<a xmlns="urn:x"><y:b xmlns:y="urn:y"><z:c xmlns:z="urn:z">v</z:c></y:b></a>',
    "no namespace inside": '<x:a xmlns:x="urn:x"><plain/></x:a>',
    "DAV inside": '<a xmlns="urn:x"><d:href xmlns:d="DAV:">/x</d:href></a>',
    "language": '<a xmlns="urn:x" xml:lang="de">Gruß</a>',
    "escapes": '<a xmlns="urn:x">&lt;tag&gt; &amp;amp; ]]&gt; "quotes"</a>',
    "beyond the BMP": '<a xmlns="urn:x">\U0001f600 é é 日本</a>',
    "CDATA": '<a xmlns="urn:x"><![CDATA[<b>&amp;</b>]]></a>',
    "carriage return": '<a xmlns="urn:x">a&#13;b</a>',
}


@pytest.mark.rfc("4918", "4.3", "(*) the whole element is kept: namespaces, attributes, mixed content, whitespace")
@pytest.mark.parametrize("kind", sorted(VALUES))
def test_values_are_kept(box: Dav, kind: str) -> None:
    box.put("file", b"1")
    assert (
        patch(box, "file", f"<d:set><d:prop>{VALUES[kind]}</d:prop></d:set>").multistatus.only.code("{urn:x}a") == 200
    )
    sent = etree.fromstring(VALUES[kind])
    for path in ("file", ""):
        found = box.propfind(path, "{urn:x}a", depth="1" if path == "" else "0")[box.href("file")]
        got = found["{urn:x}a"][1]
        for element in (sent, got):
            etree.strip_tags(element, etree.Comment)
        assert structure(got) == structure(sent), etree.tostring(got)
    allprop = box.propfind("file").only["{urn:x}a"][1]
    assert structure(allprop) == structure(sent)


def structure(element) -> tuple:
    """Names, attributes and texts of an element, without prefixes."""
    return (
        element.tag,
        sorted(element.attrib.items()),
        element.text or "",
        [(structure(child), child.tail or "") for child in element],
    )


@pytest.mark.rfc("4918", "4.3", "(*) xml:lang in scope is kept, also when it stands on prop")
@pytest.mark.parametrize("where", ["propertyupdate", "set", "prop"])
def test_language_in_scope(box: Dav, where: str) -> None:
    lang = {name: ' xml:lang="de"' if name == where else "" for name in ("propertyupdate", "set", "prop")}
    body = f'<d:set{lang["set"]}><d:prop{lang["prop"]}><a xmlns="urn:x">Gruß</a></d:prop></d:set>'
    box.put("file", b"1")
    assert patch(box, "file", body, lang["propertyupdate"]).status == 207
    element = box.prop("file", "{urn:x}a")[1]
    scope = [node.get("{http://www.w3.org/XML/1998/namespace}lang") for node in (element, *element.iterancestors())]
    assert "de" in scope


@pytest.mark.rfc("4918", "9.2", "a name without namespace is legal, and is not the same name in DAV:")
def test_name_without_namespace(box: Dav) -> None:
    box.put("file", b"1")
    assert patch(box, "file", '<d:set><d:prop><bare xmlns="">v</bare></d:prop></d:set>').status == 207
    body = '<d:propfind xmlns:d="DAV:"><d:prop><bare xmlns=""/><d:bare/></d:prop></d:propfind>'
    found = box.request("PROPFIND", "file", body, {"Depth": "0"}).multistatus.only
    assert found.props["bare"][0] == 200 and found.props["bare"][1].text == "v"
    assert found.code("bare") == 404


@pytest.mark.rfc("4918", "4.4", "names differ by case, prefix does not matter, odd namespaces are kept apart")
def test_names_are_kept_apart(box: Dav) -> None:
    box.put("file", b"1")
    values = {
        "{urn:x}a": "1",
        "{urn:x}A": "2",
        "{urn:x/}a": "3",
        "{http://x/?a&amp;b}a".replace("&amp;", "&"): "4",
        "{urn:x}ä": "5",
    }
    assert box.proppatch("file", values).status == 207
    for name, value in values.items():
        assert box.text("file", name) == value


@pytest.mark.rfc("4918", "9.7.1", "PUT keeps the dead properties of a file")
def test_put_keeps(box: Dav) -> None:
    box.put("file", b"1")
    box.proppatch("file", {"{urn:x}a": "v"})
    box.put("file", b"22")
    assert box.text("file", "{urn:x}a") == "v"


@pytest.mark.rfc("4918", "9.6", "DELETE removes them: a new file under the name inherits nothing")
def test_delete_drops(box: Dav) -> None:
    for make in (lambda: box.put("x", b"1"), lambda: box.mkcol("x")):
        make()
        box.proppatch("x", {"{urn:x}a": "v", "displayname": "shown"})
        box.delete("x")
        make()
        found = box.propfind("x", "{urn:x}a", "displayname").only
        assert found.code("{urn:x}a") == 404
        assert found.code("displayname") == 404 or found.text("displayname") != "shown"
        box.delete("x")


@pytest.mark.rfc("4918", "9.2", "PROPPATCH on what is not there is 404 and makes nothing")
def test_missing(box: Dav) -> None:
    assert box.proppatch("none", {"{urn:x}a": "v"}).status == 404
    assert box.names() == set()


@pytest.mark.rfc("4918", "9.2", "an empty body, or one without instructions, is 400")
@pytest.mark.parametrize("body", [None, "", '<d:propfind xmlns:d="DAV:"><d:allprop/></d:propfind>'])
def test_no_instructions(box: Dav, body: str | None) -> None:
    box.put("file", b"1")
    box.request("PROPPATCH", "file", body).refused(400, 415, 422)


def test_limits(box: Dav) -> None:
    """A value over 64 KiB is refused in its propstat by 507 or 403, and so is a resource with too many."""
    box.put("file", b"1")
    found = box.proppatch("file", {"{urn:x}big": "x" * 70_000, "{urn:x}small": "v"}).multistatus.only
    assert found.code("{urn:x}big") in (403, 507)
    assert found.code("{urn:x}small") == 424
    assert box.propfind("file", "{urn:x}big", "{urn:x}small").only.code("{urn:x}small") == 404
    assert box.proppatch("file", {"{urn:x}big": "x" * 60_000}).multistatus.only.code("{urn:x}big") == 200
    codes: set[int] = set()
    for page in range(12):
        found = box.proppatch("file", {f"{{urn:x}}p{page}-{n}": "v" for n in range(100)}).multistatus.only
        codes = {code for code, _ in found.props.values()}
        if codes != {200}:
            break
    assert codes & {403, 507}, "a thousand properties on a file are the limit"
    assert box.text("file", "{urn:x}p0-0") == "v"


def test_windows_properties(box: Dav) -> None:
    """The WebClient's PROPPATCH is answered with 200s, and its modification time is taken over."""
    names = {
        "Win32CreationTime": "Fri, 13 Feb 2009 23:31:30 GMT",
        "Win32LastAccessTime": "Fri, 13 Feb 2009 23:31:30 GMT",
        "Win32LastModifiedTime": "Fri, 13 Feb 2009 23:31:30 GMT",
        "Win32FileAttributes": "00000020",
    }
    space = "{urn:schemas-microsoft-com:}"
    box.put("file", b"1")
    found = box.proppatch("file", {space + name: value for name, value in names.items()}).multistatus.only
    assert {code for code, _ in found.props.values()} == {200}
    assert box.text("file", "getlastmodified") == "Fri, 13 Feb 2009 23:31:30 GMT"
    assert box.text("file", space + "Win32FileAttributes") == "00000020"


@pytest.mark.rfc("4918", "15", "dead properties survive a restart of the server")
def test_properties_last(module_server: Server) -> None:
    box = module_server.dav("alice").fresh_box()
    box.put("file", b"1")
    box.proppatch("file", {"{urn:x}a": "v"})
    module_server.restart()
    again = module_server.dav("alice", box.base)
    assert again.text("file", "{urn:x}a") == "v"


def test_every_worker_sees_the_same(box: Dav) -> None:
    """A property set over one connection is there on all others."""
    box.put("file", b"1")
    for n in range(10):
        box.clone().proppatch("file", {"{urn:x}a": str(n)})
        assert {box.clone().text("file", "{urn:x}a") for _ in range(4)} == {str(n)}


MS = "{urn:schemas-microsoft-com:}"


def test_times_of_windows(box: Dav) -> None:
    """What Explorer sets after a copy is answered with 200 and can be read back; it sets the time of the file."""
    box.put("file", b"1")
    etag = box.etag("file")
    sent = {
        f"{MS}Win32CreationTime": "Tue, 13 Jun 2017 08:00:00 GMT",
        f"{MS}Win32LastAccessTime": "Fri, 14 Jul 2017 03:00:00 GMT",
        f"{MS}Win32LastModifiedTime": "Fri, 14 Jul 2017 02:40:00 GMT",
        f"{MS}Win32FileAttributes": "00000020",
    }
    found = box.proppatch("file", sent).multistatus.only
    assert {found.code(name) for name in sent} == {200}
    assert {name: box.text("file", name) for name in sent} == sent
    assert box.text("file", "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert box.get("file")["Last-Modified"] == "Fri, 14 Jul 2017 02:40:00 GMT"
    assert box.etag("file") == etag
    box.put("file", b"2")
    assert (
        box.text("file", f"{MS}Win32LastModifiedTime")
        == box.text("file", "getlastmodified")
        != sent[f"{MS}Win32LastModifiedTime"]
    ), "never the time of other content"
    assert box.proppatch("file", remove=[f"{MS}Win32LastModifiedTime"]).multistatus.only
    assert box.text("file", f"{MS}Win32LastModifiedTime") == box.text("file", "getlastmodified")
    for wrong in ("", "yesterday", "Fri, 99 Jul 2017 02:40:00 GMT"):
        found = box.proppatch("file", {f"{MS}Win32LastModifiedTime": wrong, "{urn:x}a": "1"}).multistatus.only
        assert (found.code(f"{MS}Win32LastModifiedTime"), found.code("{urn:x}a")) == (403, 424)


def test_checksums_of_owncloud(box: Dav) -> None:
    """Newer rclone sets time and checksums in one PROPPATCH: right ones are 200, wrong ones 403; nothing is kept."""
    oc = "{http://owncloud.org/ns}checksums"

    def value(checksums: str) -> str:
        return f'<oc:checksum xmlns:oc="http://owncloud.org/ns">{checksums}</oc:checksum>'

    for name, data in (("small", b"content"), ("large", b"x" * 3_000_000)):
        box.put(name, data)
        right = f"SHA1:{hashlib.sha1(data).hexdigest()} MD5:{hashlib.md5(data).hexdigest()}"
        found = box.proppatch(name, {"lastmodified": "1500000000", oc: value(right)}).multistatus.only
        assert (found.code("lastmodified"), found.code(oc)) == (200, 200)
        assert box.text(name, "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
        for wrong in ("SHA1:" + "0" * 40, right + " ADLER32:1", "SHA1", "MD5:xyz"):
            found = box.proppatch(name, {"lastmodified": "1", oc: value(wrong)}).multistatus.only
            assert (found.code("lastmodified"), found.code(oc)) == (424, 403), wrong
        assert box.text(name, "getlastmodified") == "Fri, 14 Jul 2017 02:40:00 GMT"
        assert "SHA1:" + hashlib.sha1(data).hexdigest() in box.prop(name, oc)[1].findtext("{*}checksum")
    assert box.proppatch("small", {oc: value("")}).multistatus.only.code(oc) == 200
    box.mkcol("folder")
    assert box.proppatch("folder/", {oc: value("MD5:" + "0" * 32)}).multistatus.only.code(oc) == 403
    assert box.proppatch("small", remove=[oc]).multistatus.only.code(oc) == 403
