"""Reading request heads: what is accepted, what is refused, and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davshare.errors import FramingError
from davshare.http import parser
from davshare.http.parser import FIELD_LIMIT, HEAD_LIMIT, Head, find_head, parse_head


def head(text: str) -> Head:
    """Parse a head whose lines are written with plain line feeds."""
    return parse_head(text.replace("\n", "\r\n").encode("latin-1"))


def status(raw: bytes) -> int:
    """The status of the refusal."""
    with pytest.raises(FramingError) as caught:
        parse_head(raw)
    return caught.value.status


def refused(text: str) -> int:
    """The status with which the head is refused."""
    return status(text.replace("\n", "\r\n").encode("latin-1"))


# -- request line ------------------------------------------------------------------------------------


def test_an_ordinary_head() -> None:
    read = head("PROPFIND /dav/home/a%20b?x=1 HTTP/1.1\nHost: example:8080\nDEPTH: 1\nAccept: a\naccept:b")
    assert (read.method, read.path, read.query, read.version) == ("PROPFIND", "/dav/home/a%20b", "x=1", (1, 1))
    assert read.headers == {"host": "example:8080", "depth": "1", "accept": "a, b"}
    assert (read.host, read.scheme, read.length, read.awaits, read.keep) == ("example:8080", "", 0, False, True)


@pytest.mark.parametrize(
    "line",
    [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET\t/ HTTP/1.1",
        "GET /",
        "GET",
        "",
        "GET / HTTP/1.1 extra",
        "GET /a b HTTP/1.1",
        "GE(T / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/11",
        "GET / HTTP/1.1.1",
        "GET / HTTP/x.y",
        "GET /\xe4 HTTP/1.1",
        "GET /\x00 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /\x0b HTTP/1.1",
        "GET /\x85 HTTP/1.1",
        "GET /a#b HTTP/1.1",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ftp://h/ HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://u@h/x HTTP/1.1",
    ],
)
def test_malformed_request_lines(line: str) -> None:
    assert refused(f"{line}\nHost: h") == 400


@pytest.mark.parametrize("raw", [b"GET /\nx HTTP/1.1\r\nHost: h", b"GET / HTTP/1.1\nHost: h", b"GET /\rx HTTP/1.1"])
def test_bare_line_ends_in_the_request_line(raw: bytes) -> None:
    assert status(raw) == 400


@pytest.mark.parametrize(("version", "expected"), [("HTTP/1.1", (1, 1)), ("HTTP/1.0", (1, 0)), ("HTTP/1.7", (1, 1))])
def test_versions(version: str, expected: tuple[int, int]) -> None:
    assert head(f"GET / {version}\nHost: h").version == expected


def test_other_major_versions() -> None:
    assert refused("GET / HTTP/2.0\nHost: h") == 505
    assert refused("GET / HTTP/0.9\nHost: h") == 505


def test_targets() -> None:
    assert head("OPTIONS * HTTP/1.1\nHost: h").path == "*"
    absolute = head("GET HTTPS://Other:81/a?b HTTP/1.1\nHost: h")
    assert (absolute.path, absolute.query, absolute.host, absolute.scheme) == ("/a", "b", "Other:81", "https")
    assert head("GET http://h HTTP/1.1\nHost: h").path == "/"
    assert head("OPTIONS http://h HTTP/1.1\nHost: h").path == "*"
    assert head("GET //x/y HTTP/1.1\nHost: h").path == "//x/y"
    assert refused("CONNECT h:443 HTTP/1.1\nHost: h") == 501
    assert refused(f"GET /{'x' * 20_000} HTTP/1.1\nHost: h") == 414


# -- fields ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["X : a", "X\t: a", " X: a", "\tX: a", ": a", "X", "X(: a", "X\xe4: a", "X: a\x00", "X: a\x1b", "X: a\x7f", ""],
)
def test_malformed_fields(line: str) -> None:
    assert refused(f"GET / HTTP/1.1\nHost: h\n{line}\nY: z") == 400


@pytest.mark.parametrize("raw", [b"X: a\nY: b", b"X: a\rY: b", b"X: a\r\r", b"X: a\n", b"\nX: a"])
def test_bare_line_ends_in_fields(raw: bytes) -> None:
    assert status(b"GET / HTTP/1.1\r\nHost: h\r\n" + raw) == 400


def test_values_lose_their_outer_white_space_only() -> None:
    assert head("GET / HTTP/1.1\nHost:h\nX: \t a \t b\xff \t").headers["x"] == "a \t b\xff"


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "If", "Destination", "Depth", "Range"])
def test_fields_that_come_once(name: str) -> None:
    assert refused(f"GET / HTTP/1.1\nHost: h\n{name}: 1\n{name.lower()}: 1") == 400


def test_cookies_are_joined_their_way() -> None:
    assert head("GET / HTTP/1.1\nHost: h\nCookie: a=1\nCookie: b=2").headers["cookie"] == "a=1; b=2"


@pytest.mark.parametrize("value", ["", "a b", "a,b", "h:99999", "h:x", "u@h", "[::1", "h/", "\xe4"])
def test_malformed_hosts(value: str) -> None:
    assert refused(f"GET / HTTP/1.1\nHost: {value}") == 400


@pytest.mark.parametrize("value", ["h", "h:80", "h:", "1.2.3.4:8", "[::1]:8080", "a-b.c_d"])
def test_hosts(value: str) -> None:
    assert head(f"GET / HTTP/1.1\nHost: {value}").host == value


def test_host_is_needed_since_1_1() -> None:
    assert refused("GET / HTTP/1.1\nX: a") == 400
    assert refused("GET / HTTP/1.1") == 400
    assert head("GET / HTTP/1.0").host == ""


def test_number_of_fields() -> None:
    lines = "".join(f"\nX-{number}: a" for number in range(FIELD_LIMIT - 1))
    assert len(head(f"GET / HTTP/1.1\nHost: h{lines}").headers) == FIELD_LIMIT
    assert refused(f"GET / HTTP/1.1\nHost: h{lines}\nOne: more") == 431


def test_what_is_remembered_is_not_shared() -> None:
    first = head("GET /a HTTP/1.1\nHost: h\nX: a")
    first.headers["x"] = "changed"
    del first.headers["host"]
    assert head("GET /b HTTP/1.1\nHost: h\nX: a").headers == {"host": "h", "x": "a"}


def test_what_is_remembered_is_bounded() -> None:
    for number in range(2000):
        head(f"GET / HTTP/1.1\nHost: h\nX-Request-Id: {number}\nX-{number}: a")
    assert len(parser._blocks) <= 512
    assert len(parser._names) <= 1024


# -- the body's borders ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "-1", "+1", "1,1", "1 1", "0x1", "1.0", "\xb2", "one", "1;"])
def test_malformed_lengths(value: str) -> None:
    assert refused(f"PUT / HTTP/1.1\nHost: h\nContent-Length: {value}") == 400


def test_lengths() -> None:
    assert head("PUT / HTTP/1.1\nHost: h\nContent-Length: 007").length == 7
    assert head(f"PUT / HTTP/1.1\nHost: h\nContent-Length: {2**63 - 1}").length == 2**63 - 1
    assert refused(f"PUT / HTTP/1.1\nHost: h\nContent-Length: {2**63}") == 413
    assert refused("PUT / HTTP/1.1\nHost: h\nContent-Length: " + "9" * 5000) == 413


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("gzip", 501),
        ("gzip, chunked", 501),
        ("chunked, gzip", 400),
        ("chunked, chunked", 400),
        ("chunked,", 400),
        ("", 400),
        ("xchunked", 501),
        ("chunked;q=1", 400),
        ("\x0bchunked", 400),
    ],
)
def test_other_transfer_codings(value: str, expected: int) -> None:
    assert refused(f"PUT / HTTP/1.1\nHost: h\nTransfer-Encoding: {value}") == expected


def test_chunked() -> None:
    assert head("PUT / HTTP/1.1\nHost: h\nTransfer-Encoding: Chunked").length is None
    assert refused("PUT / HTTP/1.0\nHost: h\nTransfer-Encoding: chunked") == 400
    assert refused("PUT / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\nContent-Length: 3") == 400


def test_expectations() -> None:
    assert head("PUT / HTTP/1.1\nHost: h\nContent-Length: 1\nExpect: 100-Continue").awaits
    assert not head("PUT / HTTP/1.1\nHost: h\nContent-Length: 0\nExpect: 100-continue").awaits
    assert not head("PUT / HTTP/1.0\nHost: h\nContent-Length: 1\nExpect: 100-continue").awaits
    assert refused("PUT / HTTP/1.1\nHost: h\nContent-Length: 1\nExpect: tea") == 417


@pytest.mark.parametrize(
    ("version", "connection", "keep"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "TE, Close", False),
        ("1.1", "keep-alive, close", False),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "close", False),
    ],
)
def test_keep_alive(version: str, connection: str | None, keep: bool) -> None:
    more = "" if connection is None else f"\nConnection: {connection}"
    assert head(f"GET / HTTP/{version}\nHost: h{more}").keep is keep


# -- finding the end ---------------------------------------------------------------------------------


def test_the_end_of_a_head() -> None:
    assert find_head(b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest") == (0, 20)
    assert find_head(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n") == (4, 18)
    assert find_head(b"xxGET / HTTP/1.1\r\n\r\n", 2) == (2, 16)
    assert find_head(b"") == (0, -1)
    assert find_head(b"GET / HTTP/1.1\r\nA: b\r\n")[1] == -1


@pytest.mark.parametrize("data", [b"\x16\x03\x01", b"\r\n\r\n\r\n", b" GET", b"GET / HTTP/1.1\nHost: h", b"GET /\rx"])
def test_hopeless_beginnings(data: bytes) -> None:
    with pytest.raises(FramingError) as caught:
        find_head(data)
    assert caught.value.status == 400


@pytest.mark.parametrize("tail", [b"", b"\r\n\r\n"])
def test_sizes(tail: bytes) -> None:
    for line, expected in ((b"GET / HTTP/1.1\r\nX: ", 431), (b"GET /", 414)):
        with pytest.raises(FramingError) as caught:
            find_head(line + b"x" * HEAD_LIMIT + tail)
        assert caught.value.status == expected


@given(st.data())
def test_a_head_may_come_in_any_pieces(data: st.DataObject) -> None:
    raw = b"\r\nPUT /a HTTP/1.1\r\nHost: h\r\nX: abc\r\n\r\nbody\r\n\r\n"
    seen = 0
    for cut in sorted(data.draw(st.sets(st.integers(1, len(raw))))):
        begin, end = find_head(raw[:cut], 0, seen)
        assert (end >= 0) == (cut >= raw.index(b"\r\n\r\n", 2) + 4)
        if end >= 0:
            assert raw[begin:end] == b"PUT /a HTTP/1.1\r\nHost: h\r\nX: abc"
            return
        seen = cut


@given(st.binary(max_size=200))
def test_nothing_but_refusals_for_any_bytes(raw: bytes) -> None:
    for attempt in (raw, b"GET / HTTP/1.1\r\nHost: h\r\n" + raw, b"GET " + raw + b" HTTP/1.1\r\nHost: h"):
        try:
            find_head(attempt + b"\r\n\r\n")
            read = parse_head(attempt)
        except FramingError as error:
            assert error.status in (400, 413, 414, 417, 431, 501, 505)
        else:
            assert read.path == "*" or read.path.startswith("/")
            assert not any(byte in value for value in read.headers.values() for byte in "\r\n\0")
