"""The pages of public links, without a browser: what they say, to whom, and what they never give."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import secrets
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from support.client import Answer, Dav, enc
from support.ocs import Ocs
from support.server import Server

pytestmark = pytest.mark.slow

PASSWORD = "some-pass-123"
READ, UPLOAD, DROP = 1, 1 | 4, 4
JSON = {"Accept": "application/json"}


class Link(NamedTuple):
    """A link and somebody who comes by it."""

    token: str
    id: str
    visitor: Dav

    @property
    def path(self) -> str:
        return f"/s/{self.token}"

    def get(self, below: str = "", headers: dict[str, str] | None = None) -> Answer:
        return self.visitor.get(self.path + below, headers)

    def told(self, below: str = "") -> dict[str, Any]:
        answer = self.get(below, JSON)
        assert answer.status == 200, repr(answer)
        return json.loads(answer.body)

    def form(self, fields: dict[str, Any], below: str = "", headers: dict[str, str] | None = None) -> Answer:
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.visitor.request("POST", self.path + below, urlencode(fields, doseq=True), sent)

    def send(self, *parts: tuple[str, str | None, bytes], below: str = "", headers=None, cut: int = 0) -> Answer:
        """A form with parts of (name, file name, content)."""
        mark = secrets.token_hex(8)
        body = b""
        for name, filename, data in parts:
            file = "" if filename is None else f'; filename="{filename}"'
            body += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"
        body += f"--{mark}--\r\n".encode()
        sent = {"Content-Type": f"multipart/form-data; boundary={mark}", **JSON, **(headers or {})}
        return self.visitor.request("POST", self.path + below, body[: len(body) - cut], sent)


class Owner(NamedTuple):
    """Somebody with ``Box/a.txt``, ``Box/Sub/b.txt`` and ``other.txt``."""

    server: Server
    name: str
    dav: Dav
    calls: Ocs

    def link(self, path: str = "Box", permissions: int = READ, **given: Any) -> Link:
        made = self.calls.post("shares", {"path": path, "shareType": 3, "permissions": permissions, **given}).ok()
        return Link(made["token"], made["id"], Dav(self.server.port, "/", None))

    def change(self, link: Link, **given: Any) -> None:
        self.calls.call("PUT", f"shares/{link.id}", given).ok()

    def set(self, link: Link, column: str, value: int) -> None:
        """What OCS has no word for."""
        with self.server.index() as connection:
            connection.execute(f"UPDATE link SET {column}=? WHERE id=?", (value, int(link.id)))
        self.server.cli("settings", "set", "zip.max_files", str(100_000 + secrets.randbelow(1000)))


@pytest.fixture
def owner(module_server: Server) -> Iterator[Owner]:
    name = f"p{secrets.token_hex(4)}"
    module_server.cli("user", "add", name, "--display-name", "Olivia <b>", "--password-stdin", input=PASSWORD)
    module_server.users[name] = PASSWORD
    dav = module_server.dav(name)
    for folder in ("Box", "Box/Sub"):
        dav.mkcol(folder)
    for path, data in (("Box/a.txt", b"words"), ("Box/Sub/b.txt", b"deep"), ("other.txt", b"secret")):
        dav.put(path, data)
    yield Owner(module_server, name, dav, Ocs(module_server, name, app="apps/files_sharing/api/v1"))
    dav.close()
    module_server.cli("settings", "reset")


def archive(answer: Answer) -> dict[str, bytes]:
    assert answer.status == 200, repr(answer)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as found:
        return {name: found.read(name) for name in found.namelist()}


def test_headers_of_every_page(owner: Owner) -> None:
    """Nothing of a page runs, is loaded, framed, indexed or kept."""
    locked = owner.link(password="secret-pass-1")
    drop = owner.link(permissions=DROP)
    answers = [
        owner.link().get(),
        locked.get(),
        drop.get(),
        drop.get("nowhere/"),
        locked._replace(token="x" * 15).get(),
    ]
    for answer in answers:
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"].startswith("noindex")
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer.headers.get("Set-Cookie") is None
    assert [answer.status for answer in answers] == [200, 403, 200, 404, 404]


def test_a_folder(owner: Owner) -> None:
    """Title, owner and members, escaped; folders lead on, and programs read the same as JSON."""
    owner.dav.put("Box/" + enc("<script>.txt"), b"1")
    link = owner.link(label='Our "things" & more', note="line <one>")
    text = link.get().body.decode()
    assert "Our &#34;things&#34; &amp; more" in text and "Olivia &lt;b&gt;" in text and "line &lt;one&gt;" in text
    assert "<script>.txt" not in text and "&lt;script&gt;.txt" in text
    assert f'href="{link.path}/Sub/"' in text and "other" not in text
    told = link.told()
    assert (told["title"], told["owner"], told["path"]) == ('Our "things" & more', "Olivia <b>", "/")
    assert [(each["name"], each["type"], each["size"]) for each in told["members"]] == [
        ("<script>.txt", "file", 1),
        ("Sub", "folder", 4),
        ("a.txt", "file", 5),
    ]
    assert link.get(told["members"][2]["href"].removeprefix(link.path)).body == b"words"
    assert [each["name"] for each in link.told("/Sub/")["members"]] == ["b.txt"]
    assert b'aria-current="page">Sub' in link.get("/Sub/").body
    assert link.visitor.head(link.path)["Content-Length"] == str(len(link.get().body))
    assert link.get("/Sub/nothing/").status == 404
    assert link.get("/../other.txt").status in (400, 404)
    assert link.visitor.get("/index.php" + link.path + "/Sub/")["Location"] == link.path + "/Sub/"


def test_pages_of_a_large_folder(owner: Owner) -> None:
    """Every member is on one page, and on no other."""
    for number in range(205):
        (owner.server.home(owner.name) / "Box" / f"n{number:03d}").write_text("")
    link = owner.link()
    deadline = time.monotonic() + 20
    while len(owner.dav.names("Box/")) < 207 and time.monotonic() < deadline:
        time.sleep(0.1)
    first = link.told()
    second = link.told(first["next"].removeprefix(link.path))
    seen = [each["name"] for each in first["members"] + second["members"]]
    assert (len(first["members"]), second["next"]) == (200, None)
    assert len(seen) == len(set(seen)) == 207
    assert b'rel="next"' in link.get().body and b"First page" in link.get(first["next"].removeprefix(link.path)).body


def test_expiry_in_words(owner: Owner) -> None:
    """When it ends is said in words."""
    link = owner.link()
    owner.set(link, "expires", int(time.time()) + 5 * 86400 + 60)
    assert b"Ends in 5 days, on" in link.get().body
    owner.set(link, "expires", int(time.time()) + 5 * 3600 + 60)
    assert b"Ends in 5 hours" in link.get().body


@pytest.mark.parametrize(
    ("column", "value", "state", "words"),
    [
        ("paused", 1, "paused", b"paused"),
        ("expires", 1, "expired", b"expired"),
        ("max_uses", 0, "exhausted", b"used up"),
    ],
)
def test_links_that_have_ended(owner: Owner, column: str, value: int, state: str, words: bytes) -> None:
    """The page says why in words, programs get a problem, and both are 410; what it was is not told."""
    link = owner.link()
    owner.set(link, column, value)
    answer = link.get()
    assert answer.status == 410 and words in answer.body
    assert b"Box" not in answer.body and b"Olivia" not in answer.body
    problem = link.get("", JSON)
    assert (problem.status, problem["Content-Type"]) == (410, "application/problem+json")
    assert json.loads(problem.body)["state"] == state
    assert link.get("/Sub/").status == 410
    assert link.send(("file", "x", b"1")).status == 410


def test_unknown_links(owner: Owner) -> None:
    """Unknown tokens, and folders that are not there, look the same."""
    nowhere = owner.link()._replace(token=secrets.token_hex(8))
    first, second = nowhere.get(), owner.link().get("/missing/")
    assert (first.status, second.status) == (404, 404)
    assert first.body == second.body
    assert nowhere.token.encode() not in first.body
    assert json.loads(nowhere.get("", JSON).body)["status"] == 404


def test_archives(owner: Owner) -> None:
    """All, some, and a folder of it, by our addresses and by Nextcloud's."""
    link = owner.link()
    everything = {"Sub/": b"", "Sub/b.txt": b"deep", "a.txt": b"words"}
    assert archive(link.get("?accept=zip")) == everything
    assert archive(link.get("/download")) == everything
    assert archive(link.get("/?accept=zip&files=a.txt")) == {"a.txt": b"words"}
    assert archive(link.get("/Sub/?accept=zip")) == {"b.txt": b"deep"}
    assert archive(link.get("/download?path=%2FSub&files=b.txt")) == {"b.txt": b"deep"}
    both = enc('["Sub", "a.txt"]')
    assert archive(link.get(f"/download?path=/&files={both}")) == everything
    assert link.get("/download?path=/../..").status == 400
    assert link.get("/download?files=other.txt").status == 404
    named = link.get("?accept=zip")["Content-Disposition"]
    assert 'filename="Box.zip"' in named
    sums = link.get("?accept=sha256").body.decode().splitlines()
    assert f"{hashlib.sha256(b'words').hexdigest()}  a.txt" in sums
    part = link.get("?accept=zip", {"Range": "bytes=10-19"})
    assert part.status == 206 and part.body == link.get("?accept=zip").body[10:20]


def test_a_file_called_download(owner: Owner) -> None:
    """What is there goes before what an address means otherwise."""
    owner.dav.put("Box/download", b"itself")
    assert owner.link().get("/download").body == b"itself"


def test_a_single_file(owner: Owner) -> None:
    """Its page says what it is and offers it as a download, at two addresses."""
    link = owner.link("Box/a.txt")
    page = link.get()
    assert page.status == 200 and b"5 bytes" in page.body and b"a.txt?download" in page.body
    told = link.told()
    assert (told["name"], told["size"], told["href"]) == ("a.txt", 5, f"{link.path}/a.txt")
    for below in ("/download", "/a.txt?download"):
        answer = link.get(below)
        assert (answer.status, answer.body) == (200, b"words"), repr(answer)
        assert answer["Content-Disposition"].startswith("attachment")
    assert "attachment" not in link.get("/a.txt").headers.get("Content-Disposition", "")
    assert link.get("/Sub/").status == 404


def test_uploaded_pages_do_not_run(owner: Owner) -> None:
    """HTML and SVG are downloads, in a sandbox, and are what they say and nothing else."""
    for name in ("x.html", "x.svg", "x.xhtml", "x.js"):
        owner.dav.put(f"Box/{name}", b"<script>alert(1)</script>")
        answer = owner.link().get(f"/{name}")
        assert answer["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_readme(owner: Owner) -> None:
    """Markdown is rendered, and nothing in it runs, is loaded or passes as ours."""
    text = (
        "# Welcome\n\n*soft* [good](https://example.org) [bad](javascript:alert(1)) ![pic](https://example.org/x.png)\n\n"
        "<script>alert(1)</script> <img src=x onerror=alert(1)> <iframe src='//example.org'></iframe>\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    owner.dav.put("Box/README.md", text.encode())
    body = owner.link().get().body.decode()
    readme = body[body.index('id="readme"') :]
    assert "<h3>Welcome</h3>" in readme and "<em>soft</em>" in readme and "<td>1</td>" in readme
    assert 'rel="noopener noreferrer nofollow"' in readme and 'href="https://example.org"' in readme
    for forbidden in ("<script", "<img", "<iframe", 'href="javascript'):
        assert forbidden not in readme
    owner.dav.delete("Box/README.md")
    owner.dav.put("Box/README.txt", b"plain <b>text</b>")
    assert "<pre>plain &lt;b&gt;text&lt;/b&gt;</pre>" in owner.link().get().body.decode()


def test_hidden_downloads(owner: Owner) -> None:
    """Names are shown, and nothing gives the content: no page, no archive, no list, no other address."""
    link = owner.link()
    owner.dav.put("Box/Sub/README.md", b"# classified")
    owner.set(link, "hide_download", 1)
    page = link.get()
    assert page.status == 200 and b"a.txt" in page.body
    assert b"accept=zip" not in page.body and b"a.txt?download" not in page.body and b"no previews" in page.body
    assert link.told()["members"][1]["href"] is None
    below = link.get("/Sub/").body
    assert b"b.txt" in below and b"README.md" in below and b"classified" not in below
    for below in ("/a.txt", "/a.txt?download", "?accept=zip", "/Sub/?accept=zip", "/download", "?accept=sha256"):
        assert link.get(below).status in (403, 404), below
    for address in (f"/public.php/dav/files/{link.token}/", f"/remote.php/dav/public-files/{link.token}/"):
        other = Dav(owner.server.port, address, None)
        assert other.get("a.txt").status in (403, 404)
        assert other.get("?accept=zip").status == 405
    writing = owner.link(permissions=15)
    owner.set(writing, "hide_download", 1)
    asked = {"Prefer": "return=representation", "If-Match": '"other"'}
    refused = writing.visitor.put(f"{writing.path}/a.txt", b"x", asked)
    assert refused.status == 412 and b"words" not in refused.body
    file = owner.link("Box/a.txt")
    owner.set(file, "hide_download", 1)
    assert b"?download" not in file.get().body
    assert file.get("/download").status in (403, 404)


# -- passwords


def test_password(owner: Owner) -> None:
    """Before it nothing is told; after it a cookie of this link and this password lets in."""
    link = owner.link(password="secret-pass-1", label="Hush", note="psst")
    page = link.get()
    assert page.status == 403 and "WWW-Authenticate" not in page.headers
    for word in (b"Hush", b"psst", b"Olivia", b"a.txt"):
        assert word not in page.body
    assert json.loads(link.get("", JSON).body)["state"] == "password"
    assert link.get("/a.txt").status == 403 and link.get("?accept=zip").status == 403
    wrong = link.form({"password": "wrong"})
    assert wrong.status == 403 and b"not the password" in wrong.body and "Set-Cookie" not in wrong.headers
    right = link.form({"password": "secret-pass-1"}, "/Sub/")
    assert (right.status, right["Location"]) == (303, f"{link.path}/Sub/")
    cookie = right["Set-Cookie"]
    assert f"Path={link.path};" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    shown = {"Cookie": cookie.split(";")[0]}
    assert b"Hush" in link.get("", shown).body
    assert link.get("/a.txt", shown).body == b"words"
    assert "a.txt" in archive(link.get("?accept=zip", shown))


def test_password_cookies(owner: Owner) -> None:
    """A cookie is good for one link and one password, is not chosen by visitors, and is new each time (29)."""
    link, other = owner.link(password="secret-pass-1"), owner.link(password="secret-pass-1")
    chosen = {"Cookie": "davshare-link=1.AAAAAAAAAAAAAAAA." + "0" * 64}
    answer = link.form({"password": "secret-pass-1"}, headers=chosen)
    shown = {"Cookie": answer["Set-Cookie"].split(";")[0]}
    assert shown != chosen and link.get("", chosen).status == 403
    assert link.form({"password": "secret-pass-1"})["Set-Cookie"] != answer["Set-Cookie"]
    assert link.get("", shown).status == 200
    assert other.get("", shown).status == 403
    owner.change(link, password="secret-pass-2")
    assert link.get("", shown).status == 403
    owner.change(link, password="secret-pass-1")
    assert link.get("", shown).status == 403


def test_forms_of_other_sites(owner: Owner) -> None:
    """A page of another site can neither show a password nor send a file from here."""
    link = owner.link(password="secret-pass-1", permissions=UPLOAD)
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert link.form({"password": "secret-pass-1"}, headers=headers).status == 403
        assert "Set-Cookie" not in link.form({"password": "secret-pass-1"}, headers=headers).headers
        assert owner.link(permissions=UPLOAD).send(("file", "x", b"1"), headers=headers).status == 403
    assert (
        link.form({"password": "secret-pass-1"}, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"}).status
        == 303
    )


def test_a_sign_in_is_one_use(owner: Owner) -> None:
    """Of a link that is good once, the browser that has shown the password sees everything; nobody else does."""
    link = owner.link(password="secret-pass-1")
    owner.set(link, "max_uses", 1)
    shown = {"Cookie": link.form({"password": "secret-pass-1"})["Set-Cookie"].split(";")[0]}
    for below in ("", "/Sub/", "/a.txt", "?accept=zip"):
        assert link.get(below, shown).status == 200
    assert link.get().status == 410


def test_each_download_is_one_use(owner: Owner) -> None:
    """Looking costs nothing, so that no preview in a chat uses a link up."""
    link = owner.link()
    owner.set(link, "max_uses", 2)
    for _ in range(3):
        assert link.get().status == 200
    assert link.get("/a.txt").status == 200
    assert link.get("?accept=zip").status == 200
    assert link.get("?accept=zip").status == 410
    assert link.get().status == 410


# -- what visitors send


def receipt(link: Link, answer: Answer) -> dict[str, Any]:
    assert answer.status == 201, repr(answer)
    return json.loads(answer.body)


def test_uploads_where_allowed(owner: Owner) -> None:
    """Files get in beside what is there, in the folder that is shown, and replace nothing."""
    assert owner.link().send(("file", "new.txt", b"1")).status == 403
    link = owner.link(permissions=UPLOAD)
    assert b'enctype="multipart/form-data"' in link.get().body and b"multipart" not in owner.link().get().body
    told = receipt(link, link.send(("file", "a.txt", b"mine"), ("file", "c.txt", b"c"), below="/Sub/"))
    assert [each["name"] for each in told["files"]] == ["a.txt", "c.txt"]
    assert (
        receipt(link, link.send(("file", "a.txt", b"again")))["files"][0]["sha256"]
        == hashlib.sha256(b"again").hexdigest()
    )
    assert owner.dav.get("Box/a.txt").body == b"words"
    assert owner.dav.get("Box/a%20(2).txt").body == b"again"
    assert owner.dav.names("Box/Sub/") == {"a.txt", "b.txt", "c.txt"}
    browser = link.send(("file", "d.txt", b"d"), headers={"Accept": "text/html"})
    assert browser.status == 303 and browser["Location"].startswith(f"{link.path}/receipts/")
    assert link.send(("file", "", b"")).status == 400
    assert link.form({"x": "y"}).status == 405


@pytest.mark.parametrize(
    "name", ["../../up.txt", "/etc/passwd", "..\\..\\up.txt", "a/../../../up.txt", ".davshare/up.txt"]
)
def test_names_that_lead_elsewhere(owner: Owner, name: str) -> None:
    """No name gets a file out of the folder of the link."""
    for permissions in (UPLOAD, DROP):
        link = owner.link(permissions=permissions)
        link.send(("path", None, name.encode()), ("file", "x", b"1"))
        link.send(("file", name, b"1"))
    assert owner.dav.names("") == {"Box", "other.txt"}


def test_broken_uploads(owner: Owner) -> None:
    """Half a form leaves what had come whole, and nothing of the rest."""
    link = owner.link(permissions=UPLOAD)
    assert link.send(("file", "one", b"1" * 1000), ("file", "two", b"2" * 5000), cut=3000).status == 400
    assert owner.dav.names("Box/") == {"Sub", "a.txt", "one"}
    answer = link.visitor.request("POST", link.path, b"junk", {"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status == 400
    assert link.visitor.request("POST", link.path, b"j", {"Content-Type": "multipart/form-data"}).status == 415


def test_a_link_that_ends_while_something_is_sent(owner: Owner) -> None:
    """What is still on its way then does not get in."""
    link = owner.link(permissions=DROP)
    mark = "m" * 20
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="late"\r\n\r\n'.encode()

    def body() -> Iterator[bytes]:
        yield head + b"1" * 300_000
        owner.calls.delete(f"shares/{link.id}").ok()
        yield f"2\r\n--{mark}--\r\n".encode()

    answer = link.visitor.request("POST", link.path, body(), {"Content-Type": f"multipart/form-data; boundary={mark}"})
    assert answer.status == 404
    assert owner.dav.names("Box/") == {"Sub", "a.txt"}


def test_a_drop_box_shows_nothing(owner: Owner) -> None:
    """Neither names nor whether there are any: the same answers for what is there and what is not (failure 31)."""
    link = owner.link(permissions=DROP, label="Homework")
    page = link.get()
    assert page.status == 200 and b"Homework" in page.body
    for word in (b"a.txt", b"Sub", b"accept=zip"):
        assert word not in page.body
    assert link.told()["members"] == []
    pairs = [("/a.txt", "/nothing.txt"), ("/Sub/", "/nothing/"), ("/?accept=zip&files=a.txt", "/?accept=zip&files=b")]
    for there, missing in pairs:
        first, second = link.get(there), link.get(missing)
        assert (first.status, first.body) == (second.status, second.body)
        assert b"deep" not in first.body and b"words" not in first.body
    first, second = link.send(("file", "a.txt", b"1")), link.send(("file", "other.txt", b"1"))
    assert first.status == second.status == 201
    assert json.loads(first.body)["files"][0]["name"] == "a.txt"
    assert owner.dav.get("Box/a.txt").body == b"words"


def test_folders_of_a_drop_box(owner: Owner) -> None:
    """Folders are kept, one for all that comes under one receipt, and never mixed with those of others."""
    link = owner.link(permissions=DROP)
    first = receipt(link, link.send(("path", None, b"Sub/one.txt"), ("file", "x", b"1")))
    more = (("receipt", None, first["secret"].encode()), ("path", None, b"Sub/deep/two.txt"), ("file", "x", b"2"))
    assert receipt(link, link.send(*more))["secret"] == first["secret"]
    other = receipt(link, link.send(("file", "Sub/one.txt", b"3")))
    assert other["secret"] != first["secret"]
    assert owner.dav.names("Box/") == {"Sub", "Sub (2)", "Sub (3)", "a.txt"}
    assert owner.dav.names("Box/Sub/") == {"b.txt"}
    assert owner.dav.get("Box/Sub%20(2)/deep/two.txt").body == b"2"
    assert owner.dav.get("Box/Sub%20(3)/one.txt").body == b"3"


def test_receipts(owner: Owner) -> None:
    """A receipt says what came, signed with a key that the site publishes; only its address shows it."""
    link = owner.link(permissions=DROP)
    data = secrets.token_bytes(2_000_000)
    told = receipt(link, link.send(("file", "big <1>.bin", data)))
    page = link.get(told["receipt"].removeprefix(link.path))
    assert page.status == 200 and hashlib.sha256(data).hexdigest().encode() in page.body
    assert b"big &lt;1&gt;.bin" in page.body and "no-store" in page["Cache-Control"]
    signed = link.get(told["receipt"].removeprefix(link.path) + "?signed")
    head, body, _ = signed.body.decode().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert claims["files"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert (claims["files"][0]["size"], claims["sub"]) == (2_000_000, "receipt")
    from jose import jws

    keys = json.loads(link.visitor.get("/oidc/keys").body)
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    key = next(each for each in keys["keys"] if each["kid"] == kid)
    assert jws.verify(signed.body.decode(), key, ["ES256"])
    assert link.get("/receipts/" + "x" * 32).status == 404
    other = owner.link(permissions=DROP)
    assert other.get("/receipts/" + told["secret"]).status == 404


def rows_of(page: Answer) -> list[str]:
    return re.findall(rb'name="deposit" value="(\d+)"', page.body)


def test_withdrawal(owner: Owner) -> None:
    """Visitors take back what they have sent, and nothing else; it goes to the trash."""
    link = owner.link(permissions=DROP)
    told = receipt(link, link.send(("file", "d/1.txt", b"1"), ("file", "d/2.txt", b"2"), ("file", "3.txt", b"3")))
    foreign = receipt(link, link.send(("file", "theirs.txt", b"4")))
    below = told["receipt"].removeprefix(link.path)
    ids = rows_of(link.get(below))
    theirs = rows_of(link.get(foreign["receipt"].removeprefix(link.path)))
    assert (len(ids), len(theirs)) == (3, 1)
    assert link.form({"deposit": [ids[0].decode(), theirs[0].decode()]}, below).status == 303
    assert owner.dav.names("Box/") == {"Sub", "a.txt", "d", "3.txt", "theirs.txt"}
    assert owner.dav.names("Box/d/") == {"2.txt"}
    assert b"taken back" in link.get(below).body
    assert link.form({"all": "yes"}, below).status == 303
    assert owner.dav.names("Box/") == {"Sub", "a.txt", "theirs.txt"}
    assert json.loads(link.get(below, JSON).body)["files"] == []


def test_what_cannot_be_withdrawn(owner: Owner) -> None:
    """What its owner has changed or moved stays, and after some hours everything does."""
    link = owner.link(permissions=DROP)
    told = receipt(link, link.send(("file", "1", b"1"), ("file", "2", b"2"), ("file", "3", b"3"), ("file", "4", b"4")))
    below = told["receipt"].removeprefix(link.path)
    owner.dav.put("Box/1", b"corrected")
    owner.dav.move("Box/2", "2-moved")
    owner.dav.move("Box/3", "Box/3-renamed")
    link.form({"all": "yes"}, below)
    assert owner.dav.names("Box/") == {"Sub", "a.txt", "1"}
    assert owner.dav.get("2-moved").body == b"2"
    late = receipt(link, link.send(("file", "5", b"5")))["receipt"].removeprefix(link.path)
    owner.server.cli("settings", "set", "sharing.link.withdraw_hours", "0")
    assert rows_of(link.get(late)) == []
    link.form({"all": "yes"}, late)
    assert "5" in owner.dav.names("Box/")


def test_other_people_s_receipts(owner: Owner) -> None:
    """Nobody goes on with a receipt that there is not, or that belongs to another link."""
    link, other = owner.link(permissions=DROP), owner.link(permissions=DROP)
    told = receipt(link, link.send(("file", "1", b"1")))
    again = receipt(other, other.send(("receipt", None, told["secret"].encode()), ("file", "2", b"2")))
    assert again["secret"] != told["secret"]
    chosen = receipt(link, link.send(("receipt", None, b"chosen-by-me"), ("file", "3", b"3")))
    assert chosen["secret"] != "chosen-by-me"


def test_assets(module_server: Server) -> None:
    """Style and script come from us, with types that nobody guesses at, and nothing else is there."""
    visitor = Dav(module_server.port, "/", None)
    page = visitor.get("/assets/link.css")
    assert (page.status, page["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert visitor.get("/assets/link.js?1")["Cache-Control"].endswith("immutable")
    assert visitor.head("/assets/link.js")["Content-Type"] == "text/javascript; charset=utf-8"
    for path in ("/assets/", "/assets/nothing", "/assets/..%2Flink.py", "/assets/link.css/x"):
        assert visitor.get(path).status in (400, 404)
    assert visitor.put("/assets/link.css", b"1").status == 405


def test_tokens_are_not_logged(owner: Owner) -> None:
    """Whatever is done by a link, its token, password and receipts are in no log (failure 32)."""
    link = owner.link(permissions=UPLOAD, password="secret-pass-1")
    link.get()
    link.form({"password": "wrong"})
    shown = {"Cookie": link.form({"password": "secret-pass-1"})["Set-Cookie"].split(";")[0]}
    told = receipt(link, link.send(("file", "1", b"1"), headers=shown))
    link.get("/missing", shown)
    log = owner.server.log_tail(10**6)
    for secret in (link.token, "secret-pass-1", told["secret"], shown["Cookie"].partition("=")[2]):
        assert secret not in log


@pytest.mark.slow
def test_the_other_gateway(own_server) -> None:
    """Pages, downloads and uploads are the same there."""
    server: Server = own_server(env={"DAVSHARE_GATEWAY": "wsgidav"}, workers=1)
    dav = server.dav("alice")
    dav.mkcol("Box")
    data = secrets.token_bytes(300_000)
    dav.put("Box/a.bin", data)
    owner = Owner(server, "alice", dav, Ocs(server, "alice", app="apps/files_sharing/api/v1"))
    link = owner.link(permissions=UPLOAD)
    assert b"a.bin" in link.get().body
    assert archive(link.get("?accept=zip")) == {"a.bin": data}
    assert link.get("/a.bin?download").body == data
    told = receipt(link, link.send(("file", "b.bin", data)))
    assert dav.get("Box/b.bin").body == data
    link.form({"all": "yes"}, told["receipt"].removeprefix(link.path))
    assert dav.names("Box/") == {"a.bin"}


def test_many_visitors_at_once(owner: Owner) -> None:
    """Each gets all of an archive, and each of what they send has a name of its own."""
    data = secrets.token_bytes(2_000_000)
    owner.dav.put("Box/large", data)
    link = owner.link(permissions=UPLOAD)

    def visit(number: int) -> tuple[bytes, str]:
        mine = link._replace(visitor=Dav(owner.server.port, "/", None))
        got = archive(mine.get("?accept=zip"))["large"]
        return got, receipt(mine, mine.send(("file", "same.txt", str(number).encode())))["secret"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(visit, range(8)))
    assert {got for got, _ in found} == {data} and len({secret for _, secret in found}) == 8
    names = {name for name in owner.dav.names("Box/") if name.startswith("same")}
    assert len(names) == 8
    assert {owner.dav.get(f"Box/{enc(name)}").body for name in names} == {str(n).encode() for n in range(8)}


def test_where_things_come_in_only_folders_cannot_be_guessed(owner: Owner) -> None:
    """A form that is sent to a folder below gets the same answer whether that is there or not, and leaves nothing."""
    drop = owner.link(permissions=DROP)
    answers = [drop.send(("file", "x.txt", b"x"), below=below) for below in ("/Sub/", "/Sub", "/nothing/", "/a.txt")]
    assert {(each.status, each.body) for each in answers} == {(404, answers[0].body)}
    assert owner.dav.names("Box/Sub") == {"b.txt"}
