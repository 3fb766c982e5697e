"""RFC 4918 section 9.1 and 15: PROPFIND and the live properties."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

import pytest

from support.client import Answer, Dav
from support.server import Server

LIVE_FILE = {
    "creationdate",
    "displayname",
    "getcontentlength",
    "getcontenttype",
    "getetag",
    "getlastmodified",
    "lockdiscovery",
    "resourcetype",
    "supportedlock",
}
NOT_IN_ALLPROP = {
    "quota-available-bytes",
    "quota-used-bytes",
    "acl",
    "supported-report-set",
    "sync-token",
    "current-user-privilege-set",
    "current-user-principal",
    "owner",
}


def dav_names(*names: str) -> set[str]:
    """The names in Clark notation."""
    return {"{DAV:}" + name for name in names}


def find(dav: Dav, path: str, content: str, depth: str = "0") -> Answer:
    """PROPFIND with that content of the propfind element."""
    return dav.request("PROPFIND", path, f'<d:propfind xmlns:d="DAV:">{content}</d:propfind>', {"Depth": depth})


@pytest.mark.rfc("4918", "9.1", "(*) a missing Depth is infinity, which is refused with propfind-finite-depth")
@pytest.mark.parametrize("headers", [{}, {"Depth": "infinity"}, {"Depth": "Infinity"}])
def test_infinity_is_refused_by_default(box: Dav, headers: dict[str, str]) -> None:
    answer = box.request("PROPFIND", "", headers=headers)
    assert answer.status == 403
    assert answer.condition == "propfind-finite-depth"


@pytest.mark.rfc("4918", "9.1", "Depth infinity on a file has nothing to refuse, or is refused the same way")
def test_infinity_on_a_file(box: Dav) -> None:
    box.put("file", b"1")
    answer = box.request("PROPFIND", "file", headers={"Depth": "infinity"})
    if answer.status == 403:
        assert answer.condition == "propfind-finite-depth"
    else:
        assert len(answer.multistatus) == 1


@pytest.mark.rfc("4918", "9.1", "where it is allowed, Depth infinity and no Depth list the whole tree")
def test_infinity_by_setting(module_server: Server) -> None:
    box = module_server.dav("alice").fresh_box()
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("a/b/c", b"1")
    box.put("top", b"2")
    everything = {box.href(path) for path in ("", "a/", "a/b/", "a/b/c", "top")}
    assert box.request("PROPFIND", "").status == 403
    module_server.cli("settings", "set", "dav.depth_infinity", "on")
    try:
        for headers in ({}, {"Depth": "infinity"}, {"Depth": "INFINITY"}):
            for _ in range(4):
                assert set(box.clone().request("PROPFIND", "", headers=headers).multistatus) == everything
    finally:
        module_server.cli("settings", "reset", "dav.depth_infinity")
    assert box.request("PROPFIND", "").status == 403


@pytest.mark.rfc("4918", "9.1", "other values of Depth are 400")
@pytest.mark.parametrize("depth", ["2", "-1", "", "one", "0,1", "1.0", "infinit", "00", "infinity, 0", "1 1"])
def test_bad_depth(box: Dav, depth: str) -> None:
    assert box.request("PROPFIND", "", headers={"Depth": depth}).status == 400


@pytest.mark.rfc("4918", "9.1", "Depth 0 is the resource alone, Depth 1 adds the members and not their members")
def test_depth_0_and_1(box: Dav) -> None:
    box.mkcol("a")
    box.mkcol("a/b")
    box.put("c", b"1")
    assert set(box.propfind("", "getetag", depth="0")) == {box.href()}
    assert set(box.propfind("", "getetag", depth="1")) == {box.href(), box.href("a/"), box.href("c")}


@pytest.mark.rfc("4918", "9.1", "Depth 1 on a file answers with just the file (rclone asks so)")
def test_depth_1_on_a_file(box: Dav) -> None:
    box.put("file", b"1")
    assert set(box.propfind("file", "getetag", depth="1")) == {box.href("file")}


@pytest.mark.rfc("4918", "9.1", "a missing resource is 404")
def test_missing(box: Dav) -> None:
    assert box.request("PROPFIND", "nothing", headers={"Depth": "0"}).status == 404
    assert box.request("PROPFIND", "nothing/", headers={"Depth": "1"}).status == 404
    assert box.request("PROPFIND", "no/thing", headers={"Depth": "0"}).status == 404


@pytest.mark.rfc("4918", "9.1", "an empty body asks for allprop")
def test_empty_body_is_allprop(box: Dav) -> None:
    box.put("file", b"1")
    box.proppatch("file", {"{urn:x}dead": "v"})
    empty = set(box.propfind("file").only.props)
    assert empty == set(find(box, "file", "<d:allprop/>").multistatus.only.props)
    assert "{urn:x}dead" in empty


@pytest.mark.rfc("4918", "9.1.5", "allprop returns dead properties and the live ones of RFC 4918, none that is missing")
def test_allprop(box: Dav) -> None:
    box.put("file.txt", b"1")
    box.mkcol("folder")
    for path in ("file.txt", "folder/"):
        assert box.proppatch(path, {"{urn:x}dead": "v", "{}plain": "w"}).status == 207
        found = box.propfind(path).only
        assert {code for code, _ in found.props.values()} == {200}
        assert {"{urn:x}dead", "plain"} <= {name.removeprefix("{}") for name in found.props}
        wanted = LIVE_FILE if path == "file.txt" else LIVE_FILE - {"getcontentlength", "getcontenttype"}
        assert dav_names(*wanted) - dav_names("displayname") <= set(found.props)
        assert not dav_names(*NOT_IN_ALLPROP) & set(found.props)
    assert "{DAV:}getcontentlength" not in box.propfind("folder/").only.props


@pytest.mark.rfc("4918", "9.1", "(*) allprop with include returns the extra names as well")
def test_allprop_include(box: Dav) -> None:
    box.put("file", b"1")
    content = (
        '<d:allprop/><d:include><d:supported-report-set/><d:current-user-principal/><d:getetag/><x xmlns="urn:no"/>'
    )
    found = find(box, "file", content + "</d:include>").multistatus.only
    assert found.code("current-user-principal") == 200
    assert found.code("supported-report-set") in (200, 404)
    assert found.code("getetag") == 200
    assert found.code("getlastmodified") == 200
    assert found.code("{urn:no}x") == 404
    folder = find(box, "", "<d:allprop/><d:include><d:sync-token/><d:supported-report-set/></d:include>")
    assert folder.multistatus.only.code("sync-token") == 200
    assert folder.multistatus.only.code("supported-report-set") == 200


@pytest.mark.rfc("4918", "9.1", "(*) propname returns names without values")
def test_propname(box: Dav) -> None:
    box.put("file.txt", b"1")
    box.proppatch("file.txt", {"{urn:x}dead": "value"})
    found = find(box, "file.txt", "<d:propname/>").multistatus.only
    assert dav_names(*LIVE_FILE) - dav_names("displayname") | {"{urn:x}dead"} <= set(found.props)
    for code, element in found.props.values():
        assert code == 200
        assert not element.text and len(element) == 0, element.tag
    listing = find(box, "", "<d:propname/>", "1").multistatus
    assert set(listing) == {box.href(), box.href("file.txt")}


@pytest.mark.rfc("4918", "9.1", "every requested name appears exactly once, with 200 or 404")
def test_each_name_once(box: Dav) -> None:
    box.put("file", b"1")
    box.mkcol("folder")
    names = ("getetag", "resourcetype", "getcontentlength", "{urn:x}none", "nonsense", "{}plain", "quota-used-bytes")
    listing = box.propfind("", *names, depth="1")
    for response in listing.values():
        assert response.code("getetag") == response.code("resourcetype") == 200
        assert response.code("{urn:x}none") == response.code("nonsense") == 404
        assert response.code("getcontentlength") == (404 if response.is_collection else 200)
    # A name that is asked twice is still answered once.
    twice = find(box, "file", "<d:prop><d:getetag/><d:getetag/></d:prop>").multistatus.only
    assert set(twice.props) == {"{DAV:}getetag"}


@pytest.mark.rfc("4918", "9.1", "a body with two of prop, allprop and propname, or none of them, is 400")
@pytest.mark.parametrize("content", ["<d:allprop/><d:propname/>", "<d:prop><d:x/></d:prop><d:allprop/>", ""])
def test_contradicting_bodies(box: Dav, content: str) -> None:
    assert find(box, "", content).status == 400


@pytest.mark.rfc("4918", "9.1", "an empty prop element asks for nothing and is no error")
def test_empty_prop(box: Dav) -> None:
    answer = find(box, "", "<d:prop/>")
    if answer.status != 400:
        assert answer.status == 207
        assert box.href() in answer.body.decode()


@pytest.mark.rfc("4918", "15.1", "creationdate is an RFC 3339 time that writes do not change")
def test_creationdate(box: Dav) -> None:
    box.put("file", b"1")
    text = box.text("file", "creationdate")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    assert abs(time.time() - time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
    time.sleep(1.1)
    box.put("file", b"22")
    assert box.text("file", "creationdate") == text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", box.text("", "creationdate"))


@pytest.mark.rfc("4918", "15.7", "getlastmodified equals Last-Modified; property and lock changes leave it alone")
def test_getlastmodified(box: Dav) -> None:
    box.put("file", b"1")
    text = box.text("file", "getlastmodified")
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", text)
    assert abs(parsedate_to_datetime(text).timestamp() - time.time()) < 60
    assert box.get("file")["Last-Modified"] == box.head("file")["Last-Modified"] == text
    time.sleep(1.1)
    box.proppatch("file", {"{urn:x}a": "v"})
    token = box.locked("file", depth="0")
    assert box.text("file", "getlastmodified") == text
    box.unlock("file", token)
    assert box.text("file", "getlastmodified") == text
    box.put("file", b"2")
    assert box.text("file", "getlastmodified") != text


@pytest.mark.rfc("4918", "15.6", "(*) getetag is exactly the ETag header, with quotes, in PUT, HEAD, GET and PROPFIND")
def test_getetag(box: Dav) -> None:
    made = box.put("file", b"1")["ETag"]
    assert re.fullmatch(r'"[0-9a-f:.]{1,32}"', made), made
    assert made == box.head("file")["ETag"] == box.get("file")["ETag"] == box.etag("file")
    assert box.propfind("", "getetag", depth="1")[box.href("file")].text("getetag") == made


@pytest.mark.rfc("9110", "8.8.3", "(*) the ETag changes with every write, also of the same size in the same second")
def test_etags_never_repeat(box: Dav) -> None:
    seen = [box.put("file", bytes([65 + n]))["ETag"] for n in range(20)]
    assert len(set(seen)) == 20
    box.delete("file")
    assert box.put("file", b"A")["ETag"] not in seen


def test_etag_stays_with_properties_and_locks(box: Dav) -> None:
    """Only content writes change a file's ETag."""
    etag = box.put("file", b"1")["ETag"]
    box.proppatch("file", {"{urn:x}a": "v"})
    token = box.locked("file", depth="0")
    assert box.etag("file") == etag
    box.unlock("file", token)
    assert box.etag("file") == etag == box.get("file")["ETag"]


def test_folder_etags_follow_everything_below(box: Dav) -> None:
    """A folder's ETag changes with whatever happens below, up to the view's root, and only then (past failure 12)."""
    box.mkcol("a")
    box.mkcol("a/b")
    box.mkcol("z")
    box.put("a/b/file", b"1")
    chain = ["a/b/", "a/", "", "/dav/home/", "/dav/"]

    def changes(action, changed=chain, same=("z/",)) -> None:
        before = {path: box.etag(path) for path in {*changed, *same}}
        answer = action()
        assert answer.status < 300, answer
        after = {path: box.etag(path) for path in before}
        assert {path for path in before if before[path] != after[path]} == set(changed), answer

    for path in chain:
        assert re.fullmatch(r'"[0-9a-f:.]{1,32}"', box.etag(path)), path
    changes(lambda: box.put("a/b/file", b"2"))
    changes(lambda: box.put("a/b/new", b"2"))
    changes(lambda: box.mkcol("a/b/folder"))
    changes(lambda: box.move("a/b/new", "a/b/renamed"))
    changes(lambda: box.copy("a/b/renamed", "a/b/copied"))
    changes(lambda: box.delete("a/b/copied"))
    changes(lambda: box.move("a/b/renamed", "z/moved"), [*chain, "z/"], ())
    changes(lambda: box.get("a/b/file"), (), ("", "a/b/", "z/"))
    changes(lambda: box.request("PROPFIND", "a/b/", headers={"Depth": "1"}), (), ("", "a/b/", "z/"))


@pytest.mark.rfc("4918", "15.4", "getcontentlength and getcontenttype are what GET sends, and missing on collections")
@pytest.mark.parametrize("name", ["a.txt", "b.html", "c.png", "d.unknownending", "noending", "e.JPG", "f.tar.gz"])
def test_length_and_type(box: Dav, name: str) -> None:
    box.put(name, b"12345")
    got = box.get(name)
    head = box.head(name)
    assert box.text(name, "getcontentlength") == got["Content-Length"] == head["Content-Length"] == "5"
    assert box.text(name, "getcontenttype") == got["Content-Type"] == head["Content-Type"]
    found = box.propfind("", "getcontentlength", "getcontenttype").only
    assert found.code("getcontentlength") == 404
    assert found.code("getcontenttype") == 404 or found.text("getcontenttype") == "httpd/unix-directory"


@pytest.mark.rfc("4918", "15.9", "resourcetype is collection for folders and empty for files")
def test_resourcetype(box: Dav) -> None:
    box.put("file", b"1")
    listing = box.propfind("", "resourcetype", depth="1")
    file = listing[box.href("file")]["resourcetype"][1]
    assert len(file) == 0 and not (file.text or "").strip()
    assert [child.tag for child in listing[box.href()]["resourcetype"][1]] == ["{DAV:}collection"]


@pytest.mark.rfc("4918", "15.2", "displayname can be set, and is independent of the name")
def test_displayname(box: Dav) -> None:
    box.put("file", b"1")
    assert box.proppatch("file", {"displayname": "Shown &amp; told"}).multistatus.only.code("displayname") == 200
    assert box.text("file", "displayname") == "Shown & told"
    box.move("file", "renamed")
    assert box.text("renamed", "displayname") == "Shown & told"
    assert box.names() == {"renamed"}


@pytest.mark.rfc("4918", "15.3", "getcontentlanguage can be set")
def test_getcontentlanguage(box: Dav) -> None:
    box.put("file", b"1")
    assert box.proppatch("file", {"getcontentlanguage": "de"}).multistatus.only.code("getcontentlanguage") == 200
    assert box.text("file", "getcontentlanguage") == "de"


@pytest.mark.rfc("4918", "15.10", "supportedlock names exclusive and shared write locks")
def test_supportedlock(box: Dav) -> None:
    box.put("file", b"1")
    for path in ("file", ""):
        status, element = box.prop(path, "supportedlock")
        assert status == 200
        found = {entry.find("{DAV:}lockscope")[0].tag for entry in element.findall("{DAV:}lockentry")}
        assert found == {"{DAV:}exclusive", "{DAV:}shared"}
        kinds = {entry.find("{DAV:}locktype")[0].tag for entry in element.findall("{DAV:}lockentry")}
        assert kinds == {"{DAV:}write"}


@pytest.mark.rfc("4918", "15.8", "lockdiscovery is there and empty without locks")
def test_lockdiscovery_is_empty(box: Dav) -> None:
    box.put("file", b"1")
    for path in ("file", ""):
        status, element = box.prop(path, "lockdiscovery")
        assert status == 200 and len(element) == 0


@pytest.mark.rfc("3253", "3.1.5", "supported-report-set and supported-method-set are there and name sync-collection")
def test_supported_sets(box: Dav) -> None:
    found = box.propfind("", "supported-report-set", "supported-method-set").only
    assert found.code("supported-report-set") == 200
    reports = found["supported-report-set"][1].iter("{DAV:}report")
    assert "{DAV:}sync-collection" in {report[0].tag for report in reports}
    status, methods = found["supported-method-set"]
    if status == 200:
        names = {node.get("name") for node in methods.iter("{DAV:}supported-method")}
        assert {"GET", "PROPFIND", "REPORT", "LOCK"} <= names
    assert status in (200, 404)


@pytest.mark.rfc("4918", "9.1", "Depth is ignored where a method has none (davfs2, gvfs)")
def test_depth_is_ignored_on_other_methods(box: Dav) -> None:
    for depth in ("0", "1", "infinity"):
        headers = {"Depth": depth}
        assert box.put("file", b"1", headers).status in (201, 204)
        assert box.get("file", headers).body == b"1"
        assert box.head("file", headers).status == 200
        assert box.mkcol(f"folder{depth}", headers=headers).status == 201
        assert box.request("OPTIONS", "file", headers=headers).status == 200


def test_gvfs_probes_up_to_the_root(server: Server) -> None:
    """gvfs asks every parent of a mount: anything but a server error is fine (207, 401, 403, 404, 405)."""
    client = server.dav("alice", "/")
    for path in ("/", "/dav", "/dav/", "/dav/home", "/dav/home/", "/remote.php/", "/remote.php/webdav/"):
        answer = client.request("PROPFIND", path, headers={"Depth": "1"})
        assert answer.status in (207, 401, 403, 404, 405), answer
        assert client.request("OPTIONS", path).status == 200


def test_large_listing_is_whole(box: Dav) -> None:
    """600 members come in one well-formed answer, each once."""
    from support.parallel import together

    def make(part: int) -> None:
        own = box.clone()
        for number in range(part, 600, 8):
            assert own.put(f"member-{number:04}", b"x").status == 201

    together([lambda part=part: make(part) for part in range(8)])
    listing = box.propfind("", "getetag", "getcontentlength", "getlastmodified", "resourcetype", depth="1")
    assert len(listing) == 601
    assert len({response.text("getetag") for response in listing.values()}) == 601
