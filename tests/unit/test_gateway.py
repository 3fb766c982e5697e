"""WSGI applications behind the connection layer (PEP 3333)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from davshare.http.request import BytesBody, Request
from davshare.http.responses import Response
from davshare.server.gateway import WsgiApplication, WsgiInput, decode_path, make_environ


class Stingy(BytesBody):
    """A body that gives a few bytes at a time, as a network does."""

    def read(self, size: int) -> bytes:
        """Three bytes at most."""
        return super().read(min(size, 3))


def request(method: str = "GET", path: str = "/a", body: bytes = b"", **headers: str) -> Request:
    """A request; underscores in header names stand for hyphens."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, "q=1", fields, "host:81", "https", "9.9.9.9", body=Stingy(body))


def body_of(response: Response) -> bytes:
    """The whole body."""
    assert not hasattr(response.body, "fd")
    return response.body if isinstance(response.body, bytes) else b"".join(response.body)  # type: ignore[arg-type]


class Closing:
    """An iterable that knows whether it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        """Count."""
        self.closed += 1


# -- environ -----------------------------------------------------------------------------------------


def test_the_environment() -> None:
    asked = request(content_length="3", content_type="text/x", transfer_encoding="chunked", x_a="b")
    environ = make_environ(asked)
    assert environ["PATH_INFO"] == "/a"
    assert environ["QUERY_STRING"] == "q=1"
    assert environ["REQUEST_URI"] == "/a?q=1"
    assert environ["SCRIPT_NAME"] == ""
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == ("host", "81", "9.9.9.9")
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["wsgi.input_terminated"] is True
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("3", "text/x")
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert (environ["HTTP_TRANSFER_ENCODING"], environ["HTTP_X_A"]) == ("chunked", "b")
    assert environ["davshare.request"] is asked


def test_a_header_cannot_pose_as_another() -> None:
    assert "HTTP_X_A" not in make_environ(Request("GET", "/", headers={"x_a": "forged"}))


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [("h", "h", "80"), ("[::1]:8", "[::1]", "8"), ("[::1]", "[::1]", "80"), ("", "localhost", "80")],
)
def test_server_names(host: str, name: str, port: str) -> None:
    environ = make_environ(Request("GET", "/", host=host))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("/a%20b", "/a b"),
        ("/a%2Fb%2fc", "/a%2Fb%2Fc"),
        ("/%C3%A4", "/\xc3\xa4"),
        ("/%252F", "/%2F"),
        ("/%zz%", "/%zz%"),
        ("/%ff%00", "/\xff\x00"),
    ],
)
def test_paths_are_decoded_as_cheroot_does(raw: str, decoded: str) -> None:
    assert decode_path(raw) == decoded


# -- input -------------------------------------------------------------------------------------------


def test_reading() -> None:
    data = WsgiInput(Stingy(b"0123456789"))
    assert [data.read(4), data.read(0), data.read(), data.read(), data.read(5)] == [b"0123", b"", b"456789", b"", b""]


def test_lines() -> None:
    text = b"one\ntwo longer\n\nlast"
    assert list(WsgiInput(Stingy(text))) == text.splitlines(True)
    assert WsgiInput(Stingy(text)).readlines() == text.splitlines(True)
    assert WsgiInput(Stingy(text)).readlines(5) == [b"one\n", b"two longer\n"]
    data = WsgiInput(BytesBody(text))
    assert [data.readline(2), data.readline(), data.read(3), data.readline(), data.read()] == [
        b"on", b"e\n", b"two", b" longer\n", b"\nlast"
    ]  # fmt: skip


# -- answers -----------------------------------------------------------------------------------------


def test_a_list_becomes_bytes() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("201 Created", [("ETag", "x"), ("Content-Length", "2"), ("Date", "no"), ("Server", "no")])
        return [b"a", b"b"]

    assert WsgiApplication(application).quick(request()) is None
    assert WsgiApplication(application).answer(request()) == Response(201, [("ETag", "x")], b"ab")


def test_a_generator_is_streamed_and_closed() -> None:
    result = Closing([b"", b"a", b"b"])

    def application(environ: dict[str, Any], start: Any) -> Closing:
        start("200 OK", [("Content-Length", "2"), ("Connection", "close")])
        return result

    response = WsgiApplication(application).answer(request())
    assert (response.headers, response.close) == ([("Content-Length", "2")], True)
    assert result.closed == 0
    assert body_of(response) == b"ab"
    assert result.closed == 1


def test_a_stream_that_nobody_reads_is_closed() -> None:
    result = Closing([b"a"])

    def application(environ: dict[str, Any], start: Any) -> Closing:
        start("200 OK", [])
        return result

    WsgiApplication(application).answer(request()).body.close()  # type: ignore[union-attr]
    assert result.closed == 1


def test_starting_only_when_the_first_bytes_are_asked() -> None:
    def application(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("202 Accepted", [])
        yield b""
        yield b"late"

    response = WsgiApplication(application).answer(request())
    assert (response.status, body_of(response)) == (202, b"late")


def test_write() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        write = start("200 OK", [])
        write(b"a")
        write(b"b")
        return [b"c"]

    assert body_of(WsgiApplication(application).answer(request())) == b"abc"


def test_a_second_start_needs_a_reason() -> None:
    def replacing(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            start("500 Oops", [("X", "y")], sys.exc_info())
        return [b"sorry"]

    assert WsgiApplication(replacing).answer(request()) == Response(500, [("X", "y")], b"sorry")

    def repeating(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [])
        start("200 OK", [])
        return []

    with pytest.raises(AssertionError):
        WsgiApplication(repeating).answer(request())


def test_a_late_error_breaks_the_stream() -> None:
    def application(environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        yield b"a"
        try:
            raise ValueError("late")
        except ValueError:
            start("500 Oops", [], sys.exc_info())

    response = WsgiApplication(application).answer(request())
    with pytest.raises(ValueError, match="late"):
        body_of(response)


@pytest.mark.parametrize("pieces", [[b"abc"], [], iter([b"abc"]), iter([])])
def test_head(pieces: Any) -> None:
    def application(environ: dict[str, Any], start: Any) -> Any:
        start("200 OK", [("Content-Length", "3")])
        return pieces

    assert WsgiApplication(application).answer(request("HEAD")) == Response(200, [("Content-Length", "3")], b"")


def test_lies_about_the_length() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", "3")])
        return [b"ab"]

    with pytest.raises(RuntimeError):
        WsgiApplication(application).answer(request())


def test_no_start_at_all() -> None:
    with pytest.raises(RuntimeError):
        WsgiApplication(lambda environ, start: [b"a"]).answer(request())


def test_errors_close_the_result() -> None:
    def failing() -> Iterator[bytes]:
        raise ValueError("as asked")
        yield b""

    result = Closing(failing())
    with pytest.raises(ValueError, match="as asked"):
        WsgiApplication(lambda environ, start: result).answer(request())
    assert result.closed == 1


def test_the_validator_of_the_standard_library() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(3) + environ["wsgi.input"].readline(10)
        start("200 OK", [("Content-Type", "text/plain")])
        return [body]

    response = WsgiApplication(validator(application)).answer(request("PUT", body=b"hello\n", content_length="6"))
    assert body_of(response) == b"hello\n"


def test_closing() -> None:
    called: list[bool] = []
    WsgiApplication(lambda environ, start: [], called.append).close(True)
    WsgiApplication(lambda environ, start: []).close()
    assert called == [True]
