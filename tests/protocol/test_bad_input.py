"""Bad input: each with a clear 4xx, nothing changed, and the server goes on."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from support.client import Dav
from support.raw import answers, connect, cut_off, message, read_all
from support.server import Server


@pytest.fixture
def scene(box: Dav) -> Iterator[Dav]:
    """A client with a file and a folder that are checked to be unchanged afterwards."""
    box.put("file", b"content")
    box.mkcol("d")
    box.put("d/inside", b"inside")
    etag = box.etag()
    yield box
    assert box.etag() == etag, "something changed"
    assert (box.names(), box.names("d/")) == ({"file", "d"}, {"inside"})
    assert (box.get("file").body, box.get("d/inside").body) == (b"content", b"inside")


# -- paths ---------------------------------------------------------------------------------

DOTS = [
    "..",
    "../",
    "../x",
    "d/../x",
    "d/..",
    "%2e%2e/x",
    "%2E%2E/x",
    ".%2e/x",
    "%2e./x",
    "d/%2e%2e/x",
    "./x",
    "%2e/x",
    "d/%2e",
    "..%2fx",
    "..%2Fx",
    "d%2fx",
    "%2e%2e%2fx",
    "..%5cx",
    "..%5C..%5Cx",
    "%2e%2e%5cx",
    "d%5c..%5cx",
]
BROKEN = {
    "NUL": "a%00b",
    "only NUL": "%00",
    "newline": "a%0ab",
    "carriage return": "a%0Db",
    "tab": "a%09b",
    "escape": "a%1bb",
    "DEL": "a%7fb",
    "bare FF": "a%ff",
    "overlong slash": "a%c0%afb",
    "overlong dots": "%c0%ae%c0%ae/x",
    "overlong dot 3": "%e0%80%ae%e0%80%ae/x",
    "overlong NUL": "a%c0%80",
    "lone continuation": "a%80",
    "cut sequence": "a%c3",
    "surrogate": "a%ed%a0%80",
    "beyond Unicode": "a%f5%80%80%80",
    "bad escape": "a%zz",
    "cut escape": "a%4",
    "lone percent": "a%",
    "256 bytes": "x" * 256,
    "256 bytes of umlauts": "%C3%A4" * 128,
    "long": "x" * 5000,
}
WRITES = ["PUT", "MKCOL", "DELETE", "LOCK", "COPY", "MOVE", "PROPPATCH", "PROPFIND", "GET"]


@pytest.mark.rfc("3986", "5.2.4", "every encoding of . and .. is 4xx for every method")
@pytest.mark.parametrize("method", WRITES)
def test_dots(scene: Dav, server: Server, method: str) -> None:
    outside = sorted(server.home().iterdir())
    for path in DOTS:
        lines = ["Content-Length: 0", f"Destination: {scene.path('target')}", "Depth: 0"]
        data = message(method, scene.base + path, *lines, auth=scene.auth)
        answer = answers(server.raw(data, quiet=0.05))[0]
        assert 400 <= answer.status < 500, (path, answer)
    assert sorted(server.home().iterdir()) == outside


@pytest.mark.rfc("9110", "15.5.1", "names that cannot be are 4xx for every method")
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_broken_names(scene: Dav, kind: str) -> None:
    for method in WRITES:
        body = None
        if method == "PROPPATCH":
            body = '<d:propertyupdate xmlns:d="DAV:"><d:remove><d:prop><d:x/></d:prop></d:remove></d:propertyupdate>'
        headers = {"Destination": scene.path("target"), "Depth": "0"}
        answer = scene.request(method, BROKEN[kind], body, headers)
        assert 400 <= answer.status < 500, (method, answer)
        if method in ("COPY", "MOVE"):
            answer = scene.request(method, "file", headers={"Destination": scene.path(BROKEN[kind])})
            assert 400 <= answer.status < 500, (method, answer)


@pytest.mark.rfc("4918", "8.3", "backslashes are refused in new names (clients of Windows take them for paths)")
def test_backslash(scene: Dav) -> None:
    for name in ("a%5cb", "%5c", "%5Cetc%5Cpasswd", "d%5Cinside"):
        scene.put(name, b"x").refused(400, 403, 404, 409)
        assert scene.get(name).status in (400, 404)
        assert scene.mkcol(name).status in (400, 403, 409)
        assert scene.copy("file", name).status in (400, 403, 409)
        assert scene.move("file", name).status in (400, 403, 409)


def test_raw_bytes_in_the_target(scene: Dav, server: Server) -> None:
    """Bytes above 127 and controls in the request line are 400, not a name."""
    for raw in (b"gr\xc3\xbc\xc3\x9fe", b"a\xff", b"a\x01b", b"a\x7fb", b"a\\b"):
        data = b"PUT " + scene.base.encode() + raw + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n"
        data += message("X", "/", auth=scene.auth).split(b"\r\n", 2)[2]
        found = answers(server.raw(data))
        assert found and 400 <= found[0].status < 500, raw


def test_very_long_targets(scene: Dav) -> None:
    """A path of many kilobytes is 4xx, also when it is made of legal names."""
    for path in ("x/" * 5000, "y" * 200 + "/" + "z/" * 20_000):
        with contextlib.suppress(OSError):
            assert 400 <= scene.put(path + "file", b"x").status < 500
            assert 400 <= scene.request("PROPFIND", path, headers={"Depth": "0"}).status < 500


# -- headers -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", ["2", "-1", "", "x", "0;1", "infinity2", "1,0", "\xb2", "0x0"])
def test_depth(scene: Dav, depth: str) -> None:
    """A Depth that is none is 400, for every method that has one."""
    scene.request("PROPFIND", "", headers={"Depth": depth}).refused(400)
    scene.copy("d/", "copied/", depth=depth).refused(400)
    scene.delete("d/", {"Depth": depth}).refused(400)
    scene.request("MOVE", "d/", headers={"Depth": depth, "Destination": scene.path("e/")}).refused(400)
    scene.lock("d/", depth=depth).refused(400)
    scene.report_sync(headers={"Depth": depth}).refused(400)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        ("http://elsewhere.example/dav/home/x", {502}),
        ("https://elsewhere.example/dav/home/x", {502}),
        ("ftp://127.0.0.1:{port}{base}x", {400, 502}),
        ("file:///etc/passwd", {400, 502}),
        ("javascript:alert(1)", {400, 502}),
        ("http://[::1", {400, 502}),
        ("http://127.0.0.1:99999{base}x", {400, 502}),
        ("http://127.0.0.1:x{base}x", {400, 502}),
        ("{base}d/none/x", {409}),
        ("{base}none/x", {409}),
        ("{base}", {403, 409}),
        ("{base}..", {400}),
        ("/etc/passwd", {403, 404, 409, 502}),
        ("/", {403, 404, 405, 409, 502}),
        ("{base}file/below", {403, 409}),
        ("", {400}),
        ("x", {400}),
    ],
)
def test_destination(scene: Dav, method: str, target: str, statuses: set[int]) -> None:
    """Other hosts and schemes, no parent, the source's own parent, and nonsense."""
    url = target.format(port=scene.port, base=scene.base)
    scene.request(method, "file", headers={"Destination": url}).refused(*statuses)


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
@pytest.mark.parametrize("target", ["d/child", "d/", "d", "d/inside/x", ""])
def test_destination_in_the_source(scene: Dav, method: str, target: str) -> None:
    """A folder onto itself, its child, its parent."""
    scene.request(method, "d/", headers={"Destination": scene.path(target)}).refused(403, 409)


@pytest.mark.parametrize("value", ["(", ")", "(<", "[]", "<>", "(<a>)b", "()", "(Not)", "\x80", "(<a>" * 100])
def test_if(scene: Dav, value: str) -> None:
    """An If that cannot be parsed is 400."""
    for method in ("PUT", "DELETE", "MKCOL", "LOCK"):
        scene.request(method, "file" if method != "MKCOL" else "new", headers={"If": value}).refused(400)


@pytest.mark.parametrize("value", ["Second-x", "Second--5", "Second-" + "9" * 60, "x" * 4000, "Infinite-1", ";"])
def test_timeout(scene: Dav, value: str) -> None:
    """A Timeout without meaning is ignored or 400, and leaves no endless lock."""
    answer = scene.lock("file", depth="0", timeout=value)
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert int(answer.xml.findtext(".//{DAV:}timeout").removeprefix("Second-")) <= 86_400
        assert scene.unlock("file", answer.lock_token).status == 204


@pytest.mark.parametrize(
    "value", ["bytes=a-b", "bytes=5-1", "bytes=" + "0-1," * 3000, "bytes=" + "9" * 5000 + "-", "=", "x"]
)
def test_range(scene: Dav, value: str) -> None:
    """A Range without meaning is ignored, or 416 or 4xx."""
    answer = scene.get("file", {"Range": value})
    assert answer.status in (200, 206, 416, 400, 431)
    if answer.status == 200:
        assert answer.body == b"content"


FRAMING = [
    ["Content-Length: 5", "Content-Length: 6"],
    ["Content-Length: 5", "Content-Length: 5"],
    ["Content-Length: 5, 5"],
    ["Content-Length: -5"],
    ["Content-Length: +5"],
    ["Content-Length: 5x"],
    ["Content-Length: 0x5"],
    ["Content-Length: "],
    ["Content-Length: 5 5"],
    ["Content-Length: " + "9" * 30],
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    ["Transfer-Encoding: identity"],
    ["Transfer-Encoding: gzip"],
    ["Transfer-Encoding: chunked, gzip"],
    ["Transfer-Encoding: xchunked"],
    ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ["Transfer-Encoding : chunked"],
    ["Transfer-Encoding: chunked;x=y"],
    ["Content-Length : 5"],
]


@pytest.mark.rfc("9112", "6.3", "contradicting or malformed lengths are 4xx (or 501), and end the connection")
@pytest.mark.parametrize("lines", FRAMING, ids=[" / ".join(lines)[:60] for lines in FRAMING])
def test_framing(scene: Dav, server: Server, lines: list[str]) -> None:
    body = b"5\r\nhello\r\n0\r\n\r\n" + message("DELETE", scene.path("file"), auth=scene.auth)
    found = answers(server.raw(message("PUT", scene.path("new"), *lines, body=body, auth=scene.auth)))
    assert len(found) == 1
    assert found[0].status in (400, 411, 413, 501, 507), found


@pytest.mark.rfc("9112", "7.1", "broken chunks are 400, and end the connection")
@pytest.mark.parametrize(
    "body",
    [
        b"x\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
    ids=range(11),
)
def test_chunks(scene: Dav, server: Server, body: bytes) -> None:
    data = message("PUT", scene.path("new"), "Transfer-Encoding: chunked", body=body, auth=scene.auth)
    found = answers(server.raw(data + message("DELETE", scene.path("file"), auth=scene.auth)))
    assert [answer.status for answer in found] in ([400], [413]), found


@pytest.mark.rfc("9112", "3.2", "a missing, repeated or malformed Host is 400")
@pytest.mark.parametrize("hosts", [[], ["a", "b"], ["a", "a"], ["a b"], ["a/b"], ["a:x"], ["[::1"], ["a,b"], ["a@b"]])
def test_host(scene: Dav, server: Server, hosts: list[str]) -> None:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    data = message("DELETE", scene.path("file"), auth=scene.auth).replace(b"Host: 127.0.0.1\r\n", lines.encode())
    found = answers(server.raw(data))
    assert [answer.status for answer in found] == [400]


@pytest.mark.rfc("9112", "5", "malformed heads are 400")
@pytest.mark.parametrize(
    "head",
    [
        b"DELETE {p}\r\n",
        b"DELETE {p} HTTP/1.1 x\r\nHost: a\r\n",
        b"DELETE  {p} HTTP/1.1\r\nHost: a\r\n",
        b"DELETE\t{p}\tHTTP/1.1\r\nHost: a\r\n",
        b"DELETE {p} HTTP/2.0\r\nHost: a\r\n",
        b"DELETE {p} HTTP/1.10\r\nHost: a\r\n",
        b"DELETE {p} http/1.1\r\nHost: a\r\n",
        b"DEL ETE {p} HTTP/1.1\r\nHost: a\r\n",
        b"DEL\x01ETE {p} HTTP/1.1\r\nHost: a\r\n",
        b"DELETE {p} HTTP/1.1\nHost: a\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n",
        b"DELETE {p} HTTP/1.1\r\n X: 1\r\nHost: a\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\nNoColon\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\nX : 1\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\n: 1\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 200_000 + b"\r\n",
        b"DELETE {p} HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=range(20),
)
def test_heads(scene: Dav, server: Server, head: bytes) -> None:
    authorization = message("X", "/", auth=scene.auth).split(b"\r\n", 2)[2]
    found = answers(server.raw(head.replace(b"{p}", scene.path("file").encode()) + authorization))
    assert [answer.status // 100 for answer in found[:1]] in ([4], [5], [])
    assert all(answer.status in (400, 414, 431, 501, 505) for answer in found), found
    assert len(found) <= 1


# -- bodies --------------------------------------------------------------------------------

XML = {
    "malformed": b'<d:propfind xmlns:d="DAV:"><d:prop>',
    "huge": b'<d:propfind xmlns:d="DAV:">' + b"<!-- x -->" * 200_000 + b"<d:allprop/></d:propfind>",
    "deep": b'<d:propfind xmlns:d="DAV:"><d:prop>' + b"<x>" * 20_000 + b"</x>" * 20_000 + b"</d:prop></d:propfind>",
    "doctype": b'<!DOCTYPE d:propfind SYSTEM "http://127.0.0.1/x.dtd">'
    b'<d:propfind xmlns:d="DAV:"><d:allprop/></d:propfind>',
    "many attributes": b'<d:propfind xmlns:d="DAV:" ' + b" ".join(b'a%d="x"' % n for n in range(90_000)) + b"/>",
    "NUL": b'<d:propfind xmlns:d="DAV:"><d:prop>\x00</d:prop></d:propfind>',
    "bad UTF-8": b'<d:propfind xmlns:d="DAV:"><d:prop>\xff\xfe</d:prop></d:propfind>',
    "unknown encoding": b'<?xml version="1.0" encoding="x-nothing"?>'
    b'<d:propfind xmlns:d="DAV:"><d:allprop/></d:propfind>',
}


@pytest.mark.parametrize("kind", sorted(XML))
@pytest.mark.parametrize("method", ["PROPFIND", "PROPPATCH", "LOCK", "REPORT", "MKCOL"])
def test_xml(scene: Dav, kind: str, method: str) -> None:
    """Malformed, huge, deep and DOCTYPE-carrying XML is 4xx for every method that reads XML."""
    path = "new" if method == "MKCOL" else "d/"
    answer = scene.request(method, path, XML[kind], {"Depth": "0", "Content-Type": "application/xml"})
    assert answer.status in (400, 403, 413, 415, 422), answer


def test_shorter_and_longer_than_announced(scene: Dav, server: Server) -> None:
    """A body that ends early changes nothing; one that goes on is cut, and the rest is no request."""
    for method in ("PUT", "PROPPATCH", "LOCK", "MKCOL"):
        data = message(method, scene.path("file"), "Content-Length: 1000", body=b"<x", auth=scene.auth)
        for answer in answers(cut_off(server.port, data)):
            assert answer.status >= 400
    data = message("PROPFIND", scene.base, "Content-Length: 0", "Depth: 0", body=b"<x>" * 10, auth=scene.auth)
    statuses = [answer.status for answer in answers(server.raw(data))]
    assert statuses in ([207], [207, 400])


@pytest.mark.parametrize("when", ["in the head", "after the head", "in the body", "in a chunk", "before the answer"])
def test_disconnect(scene: Dav, server: Server, when: str) -> None:
    """A client that goes away in the middle changes nothing and disturbs nobody."""
    whole = message("PUT", scene.path("file"), "Content-Length: 100000", body=b"x" * 50_000, auth=scene.auth)
    if when == "in the head":
        data = whole[:40]
    elif when == "after the head":
        data = whole[: whole.index(b"\r\n\r\n") + 4]
    elif when == "in a chunk":
        data = message("PUT", scene.path("file"), "Transfer-Encoding: chunked", body=b"ff\r\nxx", auth=scene.auth)
    elif when == "before the answer":
        data = message("PROPFIND", scene.base, "Depth: 1", auth=scene.auth)
    else:
        data = whole
    for hard in (False, True):
        link = connect(server.port)
        link.sendall(data)
        if hard:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        link.close()
        assert scene.get("file").body == b"content"


def test_pipelined_garbage_after_a_good_request(scene: Dav, server: Server) -> None:
    """What follows a good request is judged on its own."""
    with connect(server.port) as link:
        link.sendall(message("GET", scene.path("file"), auth=scene.auth) + b"\x00\x01garbage\r\n\r\n")
        found = answers(read_all(link, 0.5))
    assert [answer.status for answer in found] in ([200, 400], [200])
