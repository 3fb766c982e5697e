"""Whose pages send a request."""

from __future__ import annotations

import pytest

from davshare.http import content
from davshare.http.origins import is_foreign
from davshare.http.request import BytesBody, Request
from davshare.http.routes import matched, parts


@pytest.mark.parametrize(
    ("headers", "public_url", "foreign"),
    [
        ({}, "", False),
        ({"sec-fetch-site": "same-origin"}, "", False),
        ({"sec-fetch-site": "none"}, "", False),
        ({"sec-fetch-site": "cross-site"}, "", True),
        ({"sec-fetch-site": " Cross-Site "}, "", True),
        ({"origin": "http://files.example"}, "", False),
        ({"origin": "http://FILES.example:80"}, "", False),
        ({"origin": "https://files.example"}, "", True),
        ({"origin": "http://files.example:8080"}, "", True),
        ({"origin": "http://files.example.evil"}, "", True),
        ({"origin": "http://evil/files.example"}, "", True),
        ({"origin": "null"}, "", True),
        ({"origin": ""}, "", True),
        ({"origin": "http://[::1"}, "", True),
        ({"origin": "http://files.example:port"}, "", True),
        ({"origin": "https://public.example"}, "https://public.example", False),
        ({"origin": "https://public.example"}, "https://public.example:443/", False),
        ({"origin": "http://files.example"}, "https://public.example", True),
        ({"origin": "http://files.example", "sec-fetch-site": "cross-site"}, "", True),
    ],
)
def test_foreign(headers: dict[str, str], public_url: str, foreign: bool) -> None:
    """Only what comes from our own address, or says nothing, is ours."""
    assert is_foreign(Request("POST", "/", headers=headers, host="files.example"), public_url) is foreign


def test_templates() -> None:
    """Parameters are whole segments."""
    template = parts("/users/{user}/groups")
    assert matched(template, ("users", "a", "groups")) == {"user": "a"}
    assert matched(template, ("users", "a")) is None
    assert matched(template, ("users", "a", "members")) is None
    assert matched(parts("/me"), ("me",)) == {}


@pytest.mark.parametrize(
    ("text", "kind", "charset"),
    [
        (None, "", ""),
        ("application/json", "application/json", ""),
        ("Application/JSON; Charset=UTF-8", "application/json", "utf-8"),
        ('text/xml;x=y;charset="utf-8"', "text/xml", "utf-8"),
    ],
)
def test_media_types(text: str | None, kind: str, charset: str) -> None:
    """Type and charset, whatever else is said."""
    assert content.media_type(text) == (kind, charset)


def test_bodies_have_an_end() -> None:
    """A long body is refused by its length, or as soon as too much has come."""
    assert content.read_all(BytesBody(b"abc"), 3) == b"abc"
    body = BytesBody(b"abcd")
    with pytest.raises(content.TooLarge):
        content.read_all(body, 3)
    body.length = None
    with pytest.raises(content.TooLarge):
        content.read_all(body, 3)
