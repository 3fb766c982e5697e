"""Forms that bring files, READMEs, cookies and words: the parts that pages of links are made of."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davshare.errors import BadRequest, UnsupportedMediaType
from davshare.http import multipart
from davshare.http.request import BytesBody
from davshare.identity import linksessions
from davshare.identity.linksessions import LinkSessions
from davshare.web import linkpages, readme

MARK = "----mark"
KIND = f"multipart/form-data; boundary={MARK}"


class Slow:
    """A body that comes in pieces of some sizes."""

    length = None

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data, self.sizes, self.at = data, sizes, 0

    def read(self, size: int) -> bytes:
        step = min(size, self.sizes[self.at % len(self.sizes)]) if self.sizes else size
        self.at += 1
        piece, self.data = self.data[:step], self.data[step:]
        return piece


def form(*parts: tuple[str, str | None, bytes]) -> bytes:
    body = b""
    for name, filename, data in parts:
        file = "" if filename is None else f'; filename="{filename}"'
        body += f'--{MARK}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"
    return body + f"--{MARK}--\r\n".encode()


def whole(part: multipart.Part, size: int = 7000) -> bytes:
    return b"".join(iter(lambda: part.read(size), b""))


@given(
    st.lists(st.binary(max_size=3000) | st.just(b"\r\n--" + MARK.encode()[:-1] + b"\r\n-" * 20), max_size=5),
    st.lists(st.integers(1, 900), min_size=1, max_size=5),
    st.integers(1, 5000),
)
@settings(max_examples=150, deadline=None)
def test_any_content_in_any_pieces(contents: list[bytes], sizes: list[int], taken: int) -> None:
    """What comes out is what went in, however it arrives and is read."""
    mark = f"\r\n--{MARK}".encode()
    contents = [data for data in contents if mark not in b"\r\n" + data]
    parts = [("file", f"{number}", data) for number, data in enumerate(contents)]
    found = [(part.filename, whole(part, taken)) for part in multipart.parts(Slow(form(*parts), sizes), KIND)]
    assert found == [(str(number), data) for number, data in enumerate(contents)]


def test_what_is_not_read_is_passed_over() -> None:
    """The next part begins where it begins."""
    body = BytesBody(form(("a", "a", b"1" * 900_000), ("b", None, "ü".encode()), ("c", "", b"")))
    found = []
    for part in multipart.parts(body, KIND):
        found.append((part.name, part.filename, part.text() if part.filename is None else part.read(3)))
    assert found == [("a", "a", b"111"), ("b", None, "ü"), ("c", "", b"")]


@pytest.mark.parametrize("cut", [4, 5, 20, 40, 200])
def test_half_a_form_is_none(cut: int) -> None:
    """A form without its end is refused, wherever it breaks off."""
    body = form(("a", "a", b"1" * 300))[:-cut]
    with pytest.raises(BadRequest):
        for part in multipart.parts(BytesBody(body), KIND):
            whole(part)


def test_forms_that_are_none() -> None:
    """Other kinds, no mark, too long fields, fields that are no text, and far too many of them."""
    for kind in (None, "", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x"):
        with pytest.raises(UnsupportedMediaType):
            list(multipart.parts(BytesBody(b""), kind))
    for data in (b"x" * 20_000, b"\xff"):
        with pytest.raises(BadRequest):
            next(multipart.parts(BytesBody(form(("a", None, data))), KIND)).text()
    with pytest.raises(BadRequest):
        list(multipart.parts(BytesBody(form(*[("a", "a", b"")] * 10_001)), KIND))
    with pytest.raises(BadRequest):
        list(multipart.parts(BytesBody(b"--" + MARK.encode() + b"\r\n" + b"X: y\r\n" * 50 + b"\r\n"), KIND))


# -- READMEs

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    '[x](https://example.org "onmouseover=alert(1)")',
    "<https://example.org/\"onclick='alert(1)'>",
    "![x](https://example.org/pixel.png)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<svg/onload=alert(1)>",
    "<style>*{display:none}</style>",
    "<form action=//example.org><input name=password></form>",
    "<base href=//example.org>",
    "<!-- --!><script>alert(1)</script>",
    "`<script>`",
    "&lt;script&gt;",
    "```html\n<script>alert(1)</script>\n```",
]


@pytest.mark.parametrize("text", EVIL)
def test_nothing_of_a_readme_runs(text: str) -> None:
    """Only the elements and addresses that are known to be harmless are left."""
    from lxml import html

    found = html.fragment_fromstring(str(readme.rendered("README.md", text.encode())), create_parent="div")
    for element in found.iter():
        assert element.tag in readme._TAGS | {"div"}
        assert set(element.attrib) <= {"href", "title", "rel", "start"}
        assert element.get("href", "https://").startswith(("https://", "http://", "mailto:"))


def test_readmes() -> None:
    """Headings begin below those of the page; text stays text; the rest of a very long one is left out."""
    assert str(readme.rendered("README.md", b"# a\n\n## b\n")) == "<h3>a</h3>\n<h4>b</h4>\n"
    assert str(readme.rendered("readme.txt", b"# a <b>\xff")) == "<pre># a &lt;b&gt;\ufffd</pre>"
    assert len(str(readme.rendered("README.txt", b"x" * 10**6))) < 70_000


# -- cookies


class Link(NamedTuple):
    id: int
    password_version: int


def test_cookies_of_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good for one link, one password, one site and some hours; no two are the same."""
    sessions = LinkSessions(b"k" * 32)
    link = Link(7, 1)
    cookie = sessions.begin(link)
    assert sessions.knows(link, cookie) and cookie != sessions.begin(link)
    for other in (Link(8, 1), Link(7, 2), Link(71, 1)):
        assert not sessions.knows(other, cookie)
    assert not LinkSessions(b"x" * 32).knows(link, cookie)
    moment, nonce, seal = cookie.split(".")
    for wrong in (None, "", "..", f"{int(moment) + 1}.{nonce}.{seal}", f"{moment}.{nonce}.{seal[:-1]}0", cookie + "\n"):
        assert wrong == cookie or not sessions.knows(link, wrong)
    now = time.time()
    monkeypatch.setattr(linksessions.time, "time", lambda: now + linksessions.SECONDS + 1)
    assert not sessions.knows(link, cookie)
    monkeypatch.setattr(linksessions.time, "time", lambda: now - 3600)
    assert not sessions.knows(link, cookie)


# -- words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, ""),
        (60, "Ends within the hour"),
        (3600, "Ends in 1 hour"),
        (47 * 3600, "Ends in 47 hours"),
        (3 * 86400, "Ends in 3 days, on 3 January 1970"),
        (10**15, "Ends in 11574074074 days, on some day"),
    ],
)
def test_ends_in_words(left: int | None, words: str) -> None:
    """As somebody would say it; a link that ends at midnight is good for the day before."""
    assert linkpages.ends_in(left, 0.0) == words
