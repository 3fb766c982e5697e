"""RFC 9110 section 13: conditional requests."""

from __future__ import annotations

import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from support.client import Answer, Dav

OLD = "Thu, 01 Jan 2004 00:00:00 GMT"
FUTURE = "Thu, 01 Jan 2099 00:00:00 GMT"
PATCH = '<d:propertyupdate xmlns:d="DAV:"><d:set><d:prop><a xmlns="urn:x">v</a></d:prop></d:set></d:propertyupdate>'
METHODS = pytest.mark.parametrize("method", ["PUT", "DELETE", "MOVE", "COPY", "PROPPATCH", "LOCK"])
LOCKINFO = (
    '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
    "<d:locktype><d:write/></d:locktype></d:lockinfo>"
)


def send(dav: Dav, method: str, path: str, **headers: str) -> Answer:
    """The method on ``path`` (target of COPY and MOVE: ``target``); underscores in names are hyphens."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"PUT": "new", "PROPPATCH": PATCH, "LOCK": LOCKINFO}.get(method)
    if method in ("COPY", "MOVE"):
        sent["Destination"] = dav.path("target")
    return dav.request(method, path, body, sent)


def untouched(dav: Dav, etag: str) -> None:
    """``file`` is as it was and alone."""
    assert (dav.names(), dav.get("file").body, dav.etag("file")) == ({"file"}, b"old", etag)
    assert dav.prop("file", "{urn:x}a")[0] == 404
    assert dav.text("file", "lockdiscovery") == ""


@METHODS
@pytest.mark.rfc("9110", "13.1.1", "If-Match that does not match is 412 for all that writes, and nothing changes")
@pytest.mark.parametrize("value", ['"x"', '"x", "y"', 'W/"x"', '""', "nonsense"])
def test_if_match_fails(box: Dav, method: str, value: str) -> None:
    etag = box.put("file", b"old")["ETag"]
    send(box, method, "file", If_Match=value).refused(412, 400 if value == "nonsense" else 412)
    untouched(box, etag)


@METHODS
@pytest.mark.rfc("9110", "13.1.1", "(*) If-Match compares strongly")
def test_if_match_is_strong(box: Dav, method: str) -> None:
    etag = box.put("file", b"old")["ETag"]
    send(box, method, "file", If_Match=f"W/{etag}").refused(412)
    untouched(box, etag)


@METHODS
@pytest.mark.rfc("9110", "13.1.1", "If-Match that matches, in a list or as *, lets the method go on")
@pytest.mark.parametrize("form", ["{e}", '"x", {e}', '{e} , "y"', "*"])
def test_if_match_holds(box: Dav, method: str, form: str) -> None:
    etag = box.put("file", b"old")["ETag"]
    assert send(box, method, "file", If_Match=form.format(e=etag)).status in (200, 201, 204, 207)


@pytest.mark.rfc("9110", "13.1.1", "(*) If-Match on a missing target is 412 for any value, and makes nothing")
@pytest.mark.parametrize("value", ['"x"', "*"])
def test_if_match_on_missing(box: Dav, value: str) -> None:
    for method in ("PUT", "MKCOL", "LOCK"):
        send(box, method, "none", If_Match=value).refused(412)
    for method in ("DELETE", "GET", "PROPPATCH"):
        assert send(box, method, "none", If_Match=value).status in (404, 412)
    assert box.names() == set()


@pytest.mark.rfc("9110", "13.1.2", "If-None-Match: * on PUT means only if new")
def test_only_if_new(box: Dav) -> None:
    assert box.put("file", b"old", {"If-None-Match": "*"}).status == 201
    box.put("file", b"new", {"If-None-Match": "*"}).refused(412)
    assert box.get("file").body == b"old"
    box.mkcol("folder")
    assert box.mkcol("folder", headers={"If-None-Match": "*"}).status in (405, 412)


@METHODS
@pytest.mark.rfc("9110", "13.1.2", "If-None-Match compares weakly; a match is 412 for methods that write")
@pytest.mark.parametrize("form", ["{e}", "W/{e}", '"x", {e}', "*"])
def test_if_none_match_fails(box: Dav, method: str, form: str) -> None:
    etag = box.put("file", b"old")["ETag"]
    send(box, method, "file", If_None_Match=form.format(e=etag)).refused(412)
    untouched(box, etag)


@METHODS
@pytest.mark.rfc("9110", "13.1.2", "If-None-Match without a match lets the method go on")
def test_if_none_match_holds(box: Dav, method: str) -> None:
    box.put("file", b"old")
    assert send(box, method, "file", If_None_Match='"x"').status in (200, 201, 204, 207)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.rfc("9110", "15.4.5", "(*) 304 carries ETag, Last-Modified, Date and no body")
@pytest.mark.parametrize("form", ["{e}", "W/{e}", '"x", {e}', "*"])
def test_not_modified(box: Dav, method: str, form: str) -> None:
    box.put("file", b"old")
    got = box.get("file")
    answer = box.request(method, "file", headers={"If-None-Match": form.format(e=got["ETag"])})
    assert (answer.status, answer.body) == (304, b"")
    for name in ("ETag", "Last-Modified"):
        assert answer[name] == got[name]
    assert answer["Date"]
    for name in ("Vary", "Cache-Control"):
        assert answer.headers.get(name) == got.headers.get(name)
    assert box.get("file").body == b"old", "the connection goes on"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.rfc("9110", "13.1.1", "GET and HEAD with a failing If-Match or If-Unmodified-Since are 412")
def test_failing_reads(box: Dav, method: str) -> None:
    box.put("file", b"old")
    assert box.request(method, "file", headers={"If-Match": '"x"'}).status == 412
    assert box.request(method, "file", headers={"If-Unmodified-Since": OLD}).status == 412
    assert box.request(method, "file", headers={"If-Match": box.etag("file")}).status == 200


@pytest.mark.rfc("9110", "13.1.3", "If-Modified-Since: the same second counts as not modified; bad dates are ignored")
def test_if_modified_since(box: Dav) -> None:
    box.put("file", b"old")
    shown = box.get("file")["Last-Modified"]
    earlier = formatdate(parsedate_to_datetime(shown).timestamp() - 1, usegmt=True)
    for value, status in (
        (shown, 304),
        (FUTURE, 304),
        (OLD, 200),
        (earlier, 200),
        ("nonsense", 200),
        ("", 200),
        ("1", 200),
    ):
        assert box.get("file", {"If-Modified-Since": value}).status == status, value
        assert box.head("file", {"If-Modified-Since": value}).status == status, value


@pytest.mark.rfc("9110", "13.1.3", "If-Modified-Since means nothing to other methods")
def test_if_modified_since_on_put(box: Dav) -> None:
    box.put("file", b"old")
    assert box.put("file", b"new", {"If-Modified-Since": FUTURE}).status == 204


@pytest.mark.rfc("9110", "5.6.7", "obsolete forms of dates are understood")
@pytest.mark.parametrize("value", ["Thursday, 01-Jan-04 00:00:00 GMT", "Thu Jan  1 00:00:00 2004"])
def test_obsolete_dates(box: Dav, value: str) -> None:
    box.put("file", b"old")
    assert box.get("file", {"If-Modified-Since": value}).status == 200
    assert box.put("file", b"x", {"If-Unmodified-Since": value}).status == 412


@METHODS
@pytest.mark.rfc("9110", "13.1.4", "If-Unmodified-Since: 412 when it has changed since; bad dates are ignored")
def test_if_unmodified_since(box: Dav, method: str) -> None:
    etag = box.put("file", b"old")["ETag"]
    shown = box.text("file", "getlastmodified")
    send(box, method, "file", If_Unmodified_Since=OLD).refused(412)
    untouched(box, etag)
    assert send(box, method, "file", If_Unmodified_Since=shown).status in (200, 201, 204, 207)


@pytest.mark.rfc("9110", "13.1.4", "a bad date in If-Unmodified-Since is ignored")
def test_bad_if_unmodified_since(box: Dav) -> None:
    box.put("file", b"old")
    for value in ("nonsense", "", "Thu, 99 Jan 2004 00:00:00 GMT"):
        assert box.put("file", b"x", {"If-Unmodified-Since": value}).status == 204


@pytest.mark.rfc(
    "9110", "13.2.2", "(*) If-None-Match present: If-Modified-Since is ignored; the same for the other pair"
)
def test_precedence(box: Dav) -> None:
    etag = box.put("file", b"old")["ETag"]
    assert box.get("file", {"If-None-Match": '"x"', "If-Modified-Since": FUTURE}).status == 200
    assert box.get("file", {"If-None-Match": etag, "If-Modified-Since": OLD}).status == 304
    assert box.put("file", b"new", {"If-Match": etag, "If-Unmodified-Since": OLD}).status == 204
    etag = box.etag("file")
    assert box.put("file", b"x", {"If-Match": '"x"', "If-Unmodified-Since": FUTURE}).status == 412
    assert box.put("file", b"x", {"If-Match": etag, "If-None-Match": "*"}).status == 412
    assert box.get("file").body == b"new"


@pytest.mark.rfc("9110", "13.2.1", "conditions come after the method's own 401, 404 and 405")
def test_order(box: Dav, server) -> None:
    box.put("file", b"old")
    assert server.dav(None, box.base).put("file", b"x", {"If-Match": '"x"'}).status == 401
    assert box.put("", b"x", {"If-Match": '"x"'}).status in (405, 412)
    assert box.put("no/file", b"x", {"If-None-Match": "*"}).status == 409
    assert box.get("none", {"If-None-Match": "*"}).status == 404


@pytest.mark.rfc("9110", "13.2.1", "a failing condition is decided before the body is read and before side effects")
def test_before_the_body(box: Dav) -> None:
    etag = box.put("file", b"old")["ETag"]
    box.put("file", b"x" * 2_000_000, {"If-Match": '"x"'}).refused(412)
    untouched(box, etag)


@pytest.mark.rfc("9110", "8.8.3", "folders have ETags that can be used in conditions")
def test_folders(box: Dav) -> None:
    box.mkcol("folder")
    etag = box.etag("folder/")
    assert send(box, "PROPPATCH", "folder/", If_Match='"x"').status == 412
    assert box.delete("folder/", {"If-Match": '"x"'}).status == 412
    box.put("folder/new", b"1")
    assert box.delete("folder/", {"If-Match": etag}).status == 412
    assert box.delete("folder/", {"If-Match": box.etag("folder/")}).status == 204


def test_a_lost_update_is_noticed(box: Dav) -> None:
    """Two clients with the same ETag: the second is told."""
    etag = box.put("file", b"base")["ETag"]
    assert box.clone().put("file", b"first", {"If-Match": etag}).status == 204
    assert box.clone().put("file", b"second", {"If-Match": etag}).status == 412
    assert box.get("file").body == b"first"


@pytest.mark.rfc("9110", "13.1.1", "conditions hold at the commit: a change during the upload is noticed")
def test_changed_during_upload(box: Dav) -> None:
    etag = box.put("file", b"base")["ETag"]
    other = box.clone()

    def body():
        yield b"x" * 100_000
        assert other.put("file", b"other").status == 204
        yield b"end"

    assert box.put("file", body(), {"If-Match": etag}).status == 412
    assert other.get("file").body == b"other"

    def made():
        yield b"x" * 100_000
        assert other.put("new", b"other").status == 201
        yield b"end"

    assert box.put("new", made(), {"If-None-Match": "*"}).status == 412
    assert other.get("new").body == b"other"


@pytest.mark.rfc("9110", "8.8.2", "Last-Modified is never ahead of Date")
def test_last_modified_is_not_ahead(box: Dav) -> None:
    box.put("file", b"1")
    got = box.get("file")
    assert parsedate_to_datetime(got["Last-Modified"]) <= parsedate_to_datetime(got["Date"])
    assert abs(parsedate_to_datetime(got["Date"]).timestamp() - time.time()) < 60
