"""Public links in a real browser, with and without script: whatever a visitor can do, and that all of it is usable."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from web.conftest import DROP, UPLOAD, Owner

from support.polling import eventually

WIDTHS = [360, 1440]
#: Every test here starts a browser.
pytestmark = pytest.mark.slow


def saved(page: Any, selector: str, folder: Path) -> Path:
    """What a click downloads."""
    with page.expect_download() as download:
        page.click(selector)
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def files(folder: Path, **contents: str) -> list[str]:
    """Files to be sent."""
    folder.mkdir(exist_ok=True)
    for name, text in contents.items():
        (folder / f"{name}.txt").write_text(text)
    return [str(folder / f"{name}.txt") for name in contents]


# -- for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_usable(owner: Owner, tab: Any, tmp_path: Path, width: int, scheme: str) -> None:
    """axe finds nothing to complain of, and nothing is wider than the screen (WCAG 2.2, 1.4.10)."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    owner.dav.put("Box/" + "a-very-long-name-without-any-space-" * 5 + ".tar.gz", b"x" * 2_000_000)
    receipt = tab(width=width, color_scheme=scheme)
    receipt.goto(owner.link(permissions=DROP))
    receipt.set_input_files("#file", files(tmp_path, one="1"))
    receipt.click("button")
    receipt.click("text=Your receipt")
    addresses = {
        "folder": owner.link(permissions=UPLOAD, note="Please have a look", label="W" * 60),
        "empty": owner.link("Box/Sub"),
        "file": owner.link("Box/a.txt"),
        "drop": owner.link(permissions=DROP),
        "password": owner.link(password="secret-pass-1"),
        "unknown": owner.link()[:-3] + "zzz",
        "receipt": receipt.url,
    }
    owner.dav.delete("Box/Sub/b.txt")
    page = tab(width=width, color_scheme=scheme)
    for name, address in addresses.items():
        page.goto(address)
        found = axe.run(page, options={"resultTypes": ["violations"]})
        assert not found.response["violations"], (name, found.generate_report())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.locator("h1").count() == 1, name


def test_by_keyboard_alone(owner: Owner, tab: Any) -> None:
    """The first stop leads to the content, and what has the focus shows it."""
    page = tab()
    page.goto(owner.link())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("script", [True, False])
def test_looking_around(owner: Owner, tab: Any, script: bool) -> None:
    """Folders lead into each other and back; the README is below."""
    page = tab(script)
    page.goto(owner.link(label="Our things"))
    assert page.text_content("h1") == "Our things"
    assert "Olivia Owner" in page.text_content("main")
    assert page.text_content("section.readme h3") == "Hello"
    page.click("text=Sub")
    assert page.locator("text=b.txt").count() == 1
    page.click("nav >> text=Our things")
    assert page.locator("text=a.txt").count() == 1


@pytest.mark.parametrize("script", [True, False])
def test_downloads(owner: Owner, tab: Any, tmp_path: Path, script: bool) -> None:
    """One file, all of them, and some of them."""
    page = tab(script)
    page.goto(owner.link())
    assert saved(page, "text=a.txt", tmp_path).read_bytes() == b"words"
    everything = saved(page, "text=Download all", tmp_path)
    assert everything.name == "Box.zip"
    assert zipfile.ZipFile(everything).namelist() == ["README.md", "Sub/", "Sub/b.txt", "a.txt"]
    page.check('[aria-label="Select Sub"]')
    some = saved(page, "text=Download selected", tmp_path)
    assert zipfile.ZipFile(some).namelist() == ["Sub/", "Sub/b.txt"]
    page.goto(owner.link("Box/a.txt"))
    assert saved(page, "main >> text=Download", tmp_path).read_bytes() == b"words"


@pytest.mark.parametrize("script", [True, False])
def test_password(owner: Owner, tab: Any, script: bool) -> None:
    """A wrong one is said to be wrong, the right one opens what was asked for, for this browser and link only."""
    page = tab(script)
    address = owner.link(password="secret-pass-1")
    assert page.goto(address + "/Sub/").status == 403
    page.fill("#password", "wrong")
    page.click("text=Open")
    assert "not the password" in page.text_content("[role=alert]")
    page.fill("#password", "secret-pass-1")
    page.click("text=Open")
    assert page.url == address + "/Sub/"
    assert page.locator("text=b.txt").count() == 1
    (cookie,) = page.context.cookies()
    assert (
        cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == address.partition("127.0.0.1")[2][6:]
    )
    assert page.goto(owner.link(password="secret-pass-1")).status == 403
    assert tab(script).goto(address).status == 403


@pytest.mark.parametrize("script", [True, False])
def test_links_that_have_ended(owner: Owner, tab: Any, script: bool) -> None:
    """They say so in words."""
    address = owner.link()
    (number,) = [share["id"] for share in owner.calls.get("shares").ok() if address.endswith(share["token"])]
    owner.server.cli("share", "expire", str(number))
    page = tab(script)
    assert page.goto(address).status == 410
    assert "expired" in page.text_content("h1")
    assert page.goto(address[:-3] + "zzz").status == 404


# -- sending


@pytest.mark.parametrize("script", [True, False])
def test_upload(owner: Owner, tab: Any, tmp_path: Path, script: bool) -> None:
    """Files are beside what was there before, and shown."""
    page = tab(script)
    address = owner.link(permissions=UPLOAD)
    page.goto(address)
    page.set_input_files("#file", files(tmp_path, a="mine", new="new"))
    page.click("text=Upload")
    eventually(lambda: {"a (2).txt", "new.txt"} <= owner.dav.names("Box/"))
    assert owner.dav.get("Box/a.txt").body == b"words"
    if not script:
        page.goto(address)
    page.wait_for_selector("text=a (2).txt")  # with script the page shows it by itself


@pytest.mark.parametrize("script", [True, False])
def test_drop_box(owner: Owner, tab: Any, tmp_path: Path, script: bool) -> None:
    """Something is sent, nothing else is seen, there is a signed receipt, and it is taken back."""
    page = tab(script)
    page.goto(owner.link(permissions=DROP, label="Homework"))
    assert page.locator("text=a.txt").count() == 0
    page.set_input_files("#file", files(tmp_path, a="mine", second="2"))
    page.click("text=Upload")
    if script:
        page.click("text=Your receipt")
    assert page.text_content("h1") == "Receipt"
    assert hashlib.sha256(b"mine").hexdigest() in page.text_content("table")
    assert owner.dav.names("Box/") == {"README.md", "Sub", "a.txt", "a (2).txt", "second.txt"}
    signed = saved(page, "text=Signed receipt", tmp_path)
    assert signed.name == "receipt.jws" and signed.read_text().count(".") == 2
    page.check('[aria-label="Select second.txt"]')
    page.click("text=Take selected back")
    assert "taken back" in page.text_content("table")
    assert owner.dav.names("Box/") == {"README.md", "Sub", "a.txt", "a (2).txt"}
    page.click("text=Take all back")
    assert owner.dav.names("Box/") == {"README.md", "Sub", "a.txt"}
    assert page.locator("text=Take all back").count() == 0


def test_folders_with_script(owner: Owner, tab: Any, tmp_path: Path) -> None:
    """A whole folder keeps its shape."""
    (tmp_path / "Photos" / "deep").mkdir(parents=True)
    (tmp_path / "Photos" / "1.txt").write_text("1")
    (tmp_path / "Photos" / "deep" / "2.txt").write_text("2")
    page = tab()
    page.goto(owner.link(permissions=DROP))
    page.set_input_files("#folder", str(tmp_path / "Photos"))
    page.click("text=Upload")
    page.wait_for_selector("text=Your receipt")
    assert owner.dav.names("Box/Photos/") == {"1.txt", "deep"}
    assert owner.dav.get("Box/Photos/deep/2.txt").body == b"2"


_DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


def test_dropping_with_script(owner: Owner, tab: Any) -> None:
    """What is dropped on the page is sent, with progress that is told."""
    page = tab()
    page.goto(owner.link(permissions=DROP))
    page.evaluate(_DROP, ["dropped.txt", "here"])
    page.wait_for_selector("text=Your receipt")
    assert page.text_content("[role=status]") == "1 sent."
    assert page.evaluate("document.querySelector('progress').value") == 100
    assert owner.dav.get("Box/dropped.txt").body == b"here"


def test_failures_with_script(owner: Owner, tab: Any, tmp_path: Path) -> None:
    """What cannot be sent is named, with the reason, and the rest goes on."""
    page = tab()
    page.goto(owner.link(permissions=DROP))
    page.click("text=Upload")
    assert page.text_content("[role=status]") == "Choose a file first."
    owner.server.cli("settings", "set", "upload.max_bytes", "10")
    page.set_input_files("#file", files(tmp_path, long="more than ten bytes", ok="ok"))
    page.click("text=Upload")
    page.wait_for_selector("text=Your receipt")
    assert page.text_content("[role=status]") == "1 sent, 1 not."
    assert "long.txt: The file is larger than this server accepts." in page.text_content("[data-list]")


# -- what is not ours


@pytest.mark.parametrize("name", ["evil.html", "evil.svg", "evil.xhtml"])
def test_uploaded_pages_do_not_run(owner: Owner, tab: Any, tmp_path: Path, name: str) -> None:
    """Opened by their address they are downloads; forced to be shown, nothing of them runs."""
    code = "<script>document.title='ran'; fetch('/ran')</script>"
    data = f'<svg xmlns="http://www.w3.org/2000/svg">{code}</svg>' if name.endswith("svg") else f"<html>{code}</html>"
    owner.dav.put(f"Box/{name}", data.encode())
    page = tab()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    address = owner.link()
    page.goto(address)
    with page.expect_download() as download:
        page.evaluate("(url) => { location.href = url }", f"{address}/{name}")
    assert download.value.suggested_filename == name
    shown = re.sub("attachment.*", "inline", "attachment")

    def forced(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-disposition": shown})

    page.route("**/evil.*", forced)
    page.goto(f"{address}/{name}")
    assert page.title() != "ran"
    assert not [url for url in asked if url.endswith("/ran")]


def test_names_and_readmes_do_not_run(owner: Owner, tab: Any) -> None:
    """Neither names, labels, notes nor READMEs become code or load anything."""
    name = "<img src=x onerror=document.title='ran'>.txt"
    owner.dav.put("Box/" + "".join(f"%{byte:02X}" for byte in name.encode()), b"1")
    owner.dav.put("Box/README.md", b"<script>document.title='ran'</script>\n\n![x](https://example.org/pixel.png)\n")
    page = tab()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(owner.link(label="<script>document.title='ran'</script>", note="<svg onload=document.title='ran'>"))
    assert "ran – davshare" not in page.title() and page.title() != "ran"
    host = page.url.split("/s/")[0]
    assert all(url.startswith((host, "data:")) for url in asked), json.dumps(asked)
    assert page.locator("img").count() == 0
