"""RFC 9112: where requests begin and end, sent byte by byte to the real server."""

from __future__ import annotations

import contextlib
import secrets
import socket

import pytest

from support.raw import RawAnswer, answers, basic, connect, read_all
from support.server import USERS, Server

AUTH = f"Host: localhost\r\nAuthorization: {basic('alice', USERS['alice'])}\r\n"
CLOSE = "Connection: close\r\n"


@pytest.fixture
def name() -> str:
    """A path in alice's home that no other test uses."""
    return f"/dav/home/framing-{secrets.token_hex(6)}"


def ask(method: str, path: str, more: str = "", body: bytes = b"") -> bytes:
    """A request of alice's."""
    return f"{method} {path} HTTP/1.1\r\n{AUTH}{more}\r\n".encode("latin-1") + body


def put(path: str, body: bytes, more: str = "") -> bytes:
    """A PUT with a length."""
    return ask("PUT", path, f"Content-Length: {len(body)}\r\n{more}", body)


def chunked(path: str, coded: bytes, more: str = "") -> bytes:
    """A PUT in chunks."""
    return ask("PUT", path, f"Transfer-Encoding: chunked\r\n{more}", coded)


def exists(server: Server, path: str) -> bool:
    """Whether GET finds something."""
    (answer,) = answers(server.raw(ask("GET", path, CLOSE)))
    assert answer.status in (200, 404)
    return answer.status == 200


def refusal(server: Server, data: bytes, status: int = 400) -> RawAnswer:
    """The one answer to ``data``, after which the server closed the connection, whatever followed."""
    with connect(server.port) as link:
        with contextlib.suppress(ConnectionError):
            link.sendall(data + ask("GET", "/readyz"))
        received = read_all(link, quiet=5)
    (answer,) = answers(received)
    assert answer.status == status, answer
    assert answer.headers["connection"] == "close"
    assert b"Traceback" not in answer.body
    return answer


@pytest.mark.rfc("9112", "6.3", "(*) repeated or conflicting lengths are refused and the connection ends")
@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: five\r\n",
        "Content-Length: \r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
    ],
)
def test_ambiguous_lengths(server: Server, name: str, fields: str) -> None:
    refusal(server, ask("PUT", name, fields, b"hello"))
    assert not exists(server, name)


@pytest.mark.rfc("9112", "6.1", "an unknown transfer coding is 501")
def test_unknown_codings(server: Server, name: str) -> None:
    refusal(server, ask("PUT", name, "Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501)
    assert not exists(server, name)


@pytest.mark.rfc("9112", "6.1", "HTTP/1.0 with Transfer-Encoding is faulty")
def test_chunks_in_1_0(server: Server, name: str) -> None:
    refusal(server, chunked(name, b"5\r\nhello\r\n0\r\n\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert not exists(server, name)


@pytest.mark.rfc("9112", "7.1", "(*) malformed chunks are refused with nothing stored")
@pytest.mark.parametrize(
    "coded",
    [
        b"x\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
        b"FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"x" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_malformed_chunks(server: Server, name: str, coded: bytes) -> None:
    refusal(server, chunked(name, coded))
    assert not exists(server, name)


@pytest.mark.rfc("9112", "7.1.2", "(*) extensions and trailers are read and ignored, the next request follows")
def test_extensions_and_trailers(server: Server, name: str) -> None:
    coded = b'2;a=b\r\nhe\r\n3;c="d e"\r\nllo\r\n0;x\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\n'
    first, second = answers(server.raw(chunked(name, coded) + ask("GET", name, CLOSE)))
    assert (first.status, second.status, second.body) == (201, 200, b"hello")


@pytest.mark.rfc("9112", "7.1", "(*) a chunked body that ends early stores nothing")
@pytest.mark.parametrize("coded", [b"", b"5\r\nhel", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n"])
def test_cut_chunks(server: Server, name: str, coded: bytes) -> None:
    with connect(server.port) as link:
        link.sendall(chunked(name, coded))
        link.shutdown(socket.SHUT_WR)
        assert read_all(link) == b""
    assert not exists(server, name)


@pytest.mark.rfc("9112", "8", "(*) a body shorter than announced stores nothing")
@pytest.mark.parametrize("size", [1, 100, 300_000])
def test_cut_bodies(server: Server, name: str, size: int) -> None:
    with connect(server.port) as link:
        link.sendall(put(name, bytes(size))[:-1])
        link.shutdown(socket.SHUT_WR)
        assert read_all(link) == b""
    assert not exists(server, name)


@pytest.mark.rfc("9112", "2.2", "(*) bare line feeds and stray carriage returns are refused")
@pytest.mark.parametrize(
    "old_new", [(b"HTTP/1.1\r\n", b"HTTP/1.1\n"), (b"localhost\r\n", b"localhost\n"), (b"localhost", b"local\rhost")]
)
def test_bare_line_ends(server: Server, old_new: tuple[bytes, bytes]) -> None:
    refusal(server, ask("GET", "/dav/home/").replace(*old_new, 1))


@pytest.mark.rfc("9112", "5", "(*) malformed and folded fields are refused")
@pytest.mark.parametrize(
    "field", ["X: a\r\n b", "X : a", " X: a", ": a", "no colon", "X(y): a", "X: a\x00b", "X: a\x01", "X\xe4: a"]
)
def test_malformed_fields(server: Server, field: str) -> None:
    refusal(server, ask("GET", "/dav/home/", f"{field}\r\n"))


@pytest.mark.rfc("9112", "3.2", "(*) a missing, repeated or malformed Host is refused")
@pytest.mark.parametrize("host", ["", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a@b\r\n", "Host: a,b\r\n"])
def test_host(server: Server, host: str) -> None:
    refusal(server, ask("GET", "/dav/home/").replace(b"Host: localhost\r\n", host.encode()))


@pytest.mark.rfc("9112", "3", "malformed request lines are refused")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET  /dav/home/ HTTP/1.1", 400),
        ("GET /dav/home/ x HTTP/1.1", 400),
        ("GET /dav/home/", 400),
        ("GET /dav/home/ HTTP/1.1 ", 400),
        ("GET dav/home/ HTTP/1.1", 400),
        ("GET /dav/home/#x HTTP/1.1", 400),
        ("GET /dav/\xe4 HTTP/1.1", 400),
        ("GET /dav/home/ HTTP/2.0", 505),
        ("GET /dav/home/ HTTQ/1.1", 400),
        ("CONNECT localhost:80 HTTP/1.1", 501),
        ("GET /" + "x" * 20_000 + " HTTP/1.1", 414),
        ("GET /" + "x" * 70_000 + " HTTP/1.1", 414),
    ],
)
def test_request_lines(server: Server, line: str, status: int) -> None:
    refusal(server, f"{line}\r\n{AUTH}\r\n".encode("latin-1"), status)


@pytest.mark.rfc("6585", "5", "(*) oversized heads are 431")
@pytest.mark.parametrize("fields", ["X: " + "x" * 70_000 + "\r\n", "".join(f"X-{at}: a\r\n" for at in range(200))])
def test_oversized_heads(server: Server, fields: str) -> None:
    refusal(server, ask("GET", "/dav/home/", fields), 431)


@pytest.mark.rfc("9110", "15.5", "framing errors carry an error document that repeats nothing of the request")
def test_the_error_document(server: Server) -> None:
    answer = refusal(server, ask("GET", "/dav/home/", "X-Needle: a\r\nX-Needle<b>\r\n"))
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    assert b'<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">' in answer.body
    assert b"<s:message>" in answer.body
    assert b"Needle" not in answer.body


@pytest.mark.rfc("9112", "3.2.2", "absolute request targets are understood")
def test_absolute_targets(server: Server) -> None:
    (answer,) = answers(server.raw(ask("GET", "http://localhost/readyz", CLOSE)))
    assert answer.status == 200


@pytest.mark.rfc("9112", "2.2", "an empty line before a request is ignored")
def test_empty_lines_first(server: Server) -> None:
    found = answers(server.raw(b"\r\n" + ask("GET", "/readyz") + b"\r\n" + ask("GET", "/readyz", CLOSE)))
    assert [each.status for each in found] == [200, 200]


@pytest.mark.rfc("9112", "9.3", "(*) an unread body never becomes the next request")
@pytest.mark.parametrize("size", [0, 70_000, 500_000])
@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_smuggling(server: Server, name: str, kind: str, size: int) -> None:
    hidden = put(name, b"smuggled") * (size // 100 + 1)
    refused = f"/dav/home/missing-folder-{secrets.token_hex(4)}/x"
    if kind == "length":
        outer = put(refused, hidden)
    else:
        outer = chunked(refused, b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden))
    found = answers(server.raw(outer + ask("GET", "/readyz", CLOSE)))
    assert found[0].status == 409
    assert [each.status for each in found[1:]] in ([200], [])
    assert not exists(server, name)


@pytest.mark.rfc("9112", "9.3", "(*) a body refused for lack of credentials never becomes the next request")
def test_smuggling_without_credentials(server: Server, name: str) -> None:
    hidden = put(name, b"smuggled")
    outer = f"PUT {name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(hidden)}\r\n\r\n".encode() + hidden
    found = answers(server.raw(outer + ask("GET", "/readyz", CLOSE)))
    assert found[0].status == 401
    assert [each.status for each in found[1:]] in ([200], [])
    assert not exists(server, name)


@pytest.mark.rfc("9112", "9.3.2", "(*) pipelined requests are answered in order, none is lost")
def test_pipelining(server: Server, name: str) -> None:
    data = b"".join(put(name, b"%d" % number) + ask("GET", name) for number in range(10))
    found = answers(server.raw(data + ask("DELETE", name, CLOSE), quiet=3))
    assert [each.status for each in found] == [201, 200, *[204, 200] * 9, 204]
    assert [each.body for each in found[1:20:2]] == [b"%d" % number for number in range(10)]


@pytest.mark.rfc("9110", "10.1.1", "(*) 100 Continue comes only after authentication and checks")
def test_continue(server: Server, name: str) -> None:
    with connect(server.port) as link:
        link.sendall(put(name, b"", "Expect: 100-continue\r\n").replace(b"Length: 0", b"Length: 5"))
        assert link.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(b"hello" + ask("GET", name, CLOSE))
        assert [(each.status, each.body) for each in answers(read_all(link))][1:] == [(200, b"hello")]


@pytest.mark.rfc("9110", "10.1.1", "(*) no 100 Continue for a request that is refused")
@pytest.mark.parametrize("refused", ["credentials", "parent", "condition"])
def test_no_continue(server: Server, name: str, refused: str) -> None:
    path = f"{name}/below" if refused == "parent" else name
    more = "Expect: 100-continue\r\n" + ('If-Match: "x"\r\n' if refused == "condition" else "")
    request = put(path, b"", more).replace(b"Length: 0", b"Length: 5")
    if refused == "credentials":
        request = request.replace(AUTH.split("\r\n")[1].encode() + b"\r\n", b"")
    with connect(server.port) as link:
        link.sendall(request)
        (answer,) = answers(read_all(link, quiet=3))
    assert answer.status == {"credentials": 401, "parent": 409, "condition": 412}[refused]
    assert answer.headers["connection"] == "close"


@pytest.mark.rfc("9110", "10.1.1", "an unknown expectation is 417")
def test_unknown_expectations(server: Server, name: str) -> None:
    refusal(server, put(name, b"hello", "Expect: more\r\n"), 417)
    assert not exists(server, name)


@pytest.mark.rfc("9112", "6.3", "HEAD, 204 and 304 have no body")
def test_answers_without_body(server: Server, name: str) -> None:
    server.raw(put(name, b"hello", CLOSE))
    head, again = answers(server.raw(ask("HEAD", name) + ask("HEAD", name, CLOSE)), head_only=True)
    assert head.headers["content-length"] == again.headers["content-length"] == "5"
    tag = head.headers["etag"]
    fresh, last = answers(server.raw(ask("GET", name, f"If-None-Match: {tag}\r\n") + ask("DELETE", name, CLOSE)))
    assert (fresh.status, last.status) == (304, 204)
