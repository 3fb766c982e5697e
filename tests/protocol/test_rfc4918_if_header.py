"""RFC 4918 section 10.4: the If header."""

from __future__ import annotations

import pytest

from support.client import Dav

NO_LOCK = "<DAV:no-lock>"
STRANGE = "<urn:uuid:00000000-0000-4000-8000-000000000000>"


@pytest.fixture
def file(box: Dav) -> tuple[Dav, str, str]:
    """A client, the ETag of ``file`` and the token of a lock on it."""
    etag = box.put("file", b"1")["ETag"]
    return box, etag, box.locked("file", depth="0")


@pytest.mark.rfc("4918", "10.4.3", "lists OR, conditions AND, Not per condition")
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("(<{t}>)", 204),
        ("(<{t}> [{e}])", 204),
        ("([{e}] <{t}>)", 204),
        ('(<{t}> ["x"])', 412),
        ('(<{t}> ["x"]) ([{e}])', 204),
        ('(<{t}>) (["x"])', 204),
        ("(Not <{t}>)", 412),
        ("(Not <{t}>) ([{e}])", 204),
        ('(<{t}> Not ["x"])', 204),
        ("(<{t}> Not [{e}])", 412),
        ("(Not [{e}])", 412),
        ("(<{t}> Not <DAV:no-lock>)", 204),
        ("(<DAV:no-lock>)", 412),
        ("(<{t}> <DAV:no-lock>)", 412),
        ("(<DAV:no-lock>) (<{t}>)", 204),
        ("(<{t}>)(<{t}>)", 204),
        ("  ( <{t}>  [{e}] ) ", 204),
        ("(<{t}> <urn:x>)", 412),
        ("(Not <urn:x> <{t}>)", 204),
        ("(NOT <urn:x> <{t}>)", 204),
    ],
)
def test_logic(file: tuple[Dav, str, str], header: str, status: int) -> None:
    box, etag, token = file
    answer = box.put("file", b"2", {"If": header.format(t=token, e=etag)})
    assert answer.status == status, answer
    assert box.get("file").body == (b"2" if status == 204 else b"1")


@pytest.mark.rfc("4918", "10.4.1", "true, but the token was not submitted: 423; it counts also in false conditions")
@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("([{e}])", 423),
        ("(Not <DAV:no-lock>)", 423),
        ("(Not <urn:x>)", 423),
        ("([{e}]) (Not <{t}>)", 204),
        ('(Not <DAV:no-lock>) (<{t}> ["x"])', 204),
    ],
)
def test_submitted(file: tuple[Dav, str, str], header: str, status: int) -> None:
    box, etag, token = file
    assert box.put("file", b"2", {"If": header.format(t=token, e=etag)}).status == status
    assert box.get("file").body == (b"2" if status == 204 else b"1")


@pytest.mark.rfc("4918", "10.4.2", "tagged lists apply to the named resource: full URL or path, compared decoded")
@pytest.mark.parametrize("form", ["{path}", "http://127.0.0.1:{port}{path}", "HTTP://127.0.0.1:{port}{path}"])
@pytest.mark.parametrize("name", ["gr%C3%BC%c3%9fe", "gr%c3%bc%C3%9fe", "%67r%c3%bc%C3%9fe"])
def test_tagged(box: Dav, form: str, name: str) -> None:
    box.put("gr%C3%BC%C3%9Fe", b"1")
    token = box.locked("gr%C3%BC%C3%9Fe", depth="0")
    tag = form.format(path=box.path(name), port=box.port)
    assert box.put("gr%C3%BC%C3%9Fe", b"2", {"If": f"<{tag}> (<{token}>)"}).status == 204


@pytest.mark.rfc("4918", "10.4.2", "a condition about another resource is evaluated against that resource")
def test_tagged_elsewhere(box: Dav) -> None:
    etag = box.put("a", b"1")["ETag"]
    other = box.put("b", b"2")["ETag"]
    assert box.put("b", b"3", {"If": f"<{box.path('a')}> ([{other}])"}).status == 412
    assert box.put("b", b"3", {"If": f"<{box.path('a')}> ([{etag}])"}).status == 204
    assert box.put("b", b"4", {"If": f'<{box.path("a")}> (["x"]) <{box.path("b")}> (["y"])'}).status == 412
    assert box.put("b", b"4", {"If": f'<{box.path("a")}> (["x"]) <{box.path("a")}> ([{etag}])'}).status == 204
    assert box.get("b").body == b"4"


@pytest.mark.rfc("4918", "10.4.2", "several locks are submitted by several tagged lists")
def test_two_locks(box: Dav) -> None:
    box.put("a", b"a")
    box.put("b", b"b")
    one, two = box.locked("a", depth="0"), box.locked("b", depth="0")
    assert box.move("a", "b", headers={"If": f"<{box.path('a')}> (<{one}>)"}).status == 423
    assert box.move("a", "b", headers={"If": f"<{box.path('b')}> (<{two}>)"}).status == 423
    both = f"<{box.path('a')}> (<{one}>) <{box.full('b')}> (<{two}>)"
    assert box.move("a", "b", headers={"If": both}).status == 204
    assert (box.names(), box.get("b").body) == ({"b"}, b"a")


@pytest.mark.rfc("4918", "10.4", "a resource on another server is not here: ETag false, Not true")
def test_foreign_tag(box: Dav) -> None:
    etag = box.put("a", b"1")["ETag"]
    url = f"http://elsewhere.example{box.path('a')}"
    assert box.put("a", b"2", {"If": f"<{url}> ([{etag}])"}).status in (400, 412)
    assert box.get("a").body == b"1"


@pytest.mark.rfc("4918", "10.4.4", "(*) evaluated also for missing resources: an ETag is false, Not <DAV:no-lock> true")
def test_missing_resources(box: Dav) -> None:
    assert box.put("new", b"1", {"If": '(["x"])'}).status == 412
    assert box.put("new", b"1", {"If": f"({NO_LOCK})"}).status == 412
    assert box.put("new", b"1", {"If": f"({STRANGE})"}).status == 412
    assert box.names() == set()
    assert box.put("new", b"1", {"If": f"(Not {NO_LOCK})"}).status == 201
    assert box.put("new2", b"1", {"If": '(Not ["x"])'}).status == 201
    assert box.get("none", {"If": '(["x"])'}).status in (404, 412)


@pytest.mark.rfc("4918", "10.4.4", "entity tags in If are compared strongly")
def test_strong_comparison(box: Dav) -> None:
    etag = box.put("a", b"1")["ETag"]
    assert box.put("a", b"2", {"If": f"([W/{etag}])"}).status == 412
    assert box.put("a", b"2", {"If": f"([{etag}])"}).status == 204


@pytest.mark.rfc("4918", "10.4", "a false If is 412 for every method that writes, and for reads too")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "MKCOL", "PROPPATCH", "COPY", "MOVE", "LOCK", "GET", "PROPFIND"])
def test_every_method(box: Dav, method: str) -> None:
    box.put("a", b"1")
    headers = {"If": '(["x"])', "Destination": box.path("b"), "Depth": "0"}
    body = None
    if method == "PROPPATCH":
        body = '<d:propertyupdate xmlns:d="DAV:"><d:remove><d:prop><d:x/></d:prop></d:remove></d:propertyupdate>'
    elif method == "LOCK":
        body = '<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
        body += "<d:locktype><d:write/></d:locktype></d:lockinfo>"
    assert box.request(method, "c" if method == "MKCOL" else "a", body, headers).status == 412
    assert (box.names(), box.get("a").body) == ({"a"}, b"1")
    assert box.text("a", "lockdiscovery") == ""


@pytest.mark.rfc("4918", "10.4", "(*) a syntax error is 400, whatever the rest says")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "()",
        "x",
        "(",
        "(<urn:x>",
        "<urn:x>",
        "(urn:x)",
        "([x])",
        '(["x)',
        "(<urn:x)",
        "(Not)",
        "(Not Not <urn:x>)",
        "(<urn:x>) trailing",
        "(<urn:x>),(<urn:y>)",
        "</a> </b> (<urn:x>)",
        "(<urn:x>) </a> (<urn:x>)",
        "((<urn:x>))",
        '(["x"] or ["y"])',
    ],
)
def test_syntax_errors(box: Dav, header: str) -> None:
    box.put("a", b"1")
    box.put("a", b"2", {"If": header}).refused(400)
    box.delete("a", {"If": header}).refused(400)
    assert box.get("a").body == b"1"


@pytest.mark.rfc("4918", "10.4.8", "the lock of a collection is matched by its members' URLs too")
def test_token_of_the_collection(box: Dav) -> None:
    box.mkcol("a")
    box.put("a/file", b"1")
    token = box.locked("a/")
    assert box.put("a/file", b"2", {"If": f"(<{token}>)"}).status == 204
    assert box.put("a/new", b"2", {"If": f"<{box.full('a/')}> (<{token}>)"}).status == 201
    assert box.put("a/new2", b"2", {"If": f"<{box.full('a')}> (<{token}>)"}).status == 201
    assert box.put("a/new", b"3", {"If": f"<{box.path('a/file')}> (<{token}>)"}).status == 204


@pytest.mark.rfc("4918", "10.4.4", "a token is false on a resource that its lock does not cover")
def test_token_of_another_resource(box: Dav) -> None:
    box.put("a", b"1")
    box.put("b", b"1")
    token = box.locked("a", depth="0")
    assert box.put("b", b"2", {"If": f"(<{token}>)"}).status == 412
    assert box.get("b").body == b"1"


def test_both_kinds_of_conditions(box: Dav) -> None:
    """davfs2 sends If and If-Match together: both have to hold."""
    box.put("a", b"1")
    token = box.locked("a", depth="0")
    etag = box.etag("a")
    held = f"<{box.full('a')}> (<{token}>)"
    assert box.put("a", b"2", {"If": held, "If-Match": '"x"'}).status == 412
    assert box.put("a", b"2", {"If": held, "If-Match": etag}).status == 204


def test_a_large_header(box: Dav) -> None:
    """A long header with many lists is judged or refused, and quickly."""
    box.put("a", b"1")
    assert box.put("a", b"2", {"If": "(<urn:x>) " * 500}).status in (412, 431, 400)
    assert box.put("a", b"2", {"If": "(" * 6000}).status in (400, 431)
    assert box.get("a").body == b"1"
