"""A browser, and links for it to open."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.client import Dav
from support.ocs import Ocs
from support.server import Server

PASSWORD = "some-pass-123"
#: The bits that links of each kind have in the OCS dialect.
READ, UPLOAD, DROP = 1, 1 | 4, 4


class Owner(NamedTuple):
    """Somebody whose folder ``Box`` is shown by links."""

    server: Server
    name: str
    dav: Dav
    calls: Ocs

    def link(self, path: str = "Box", permissions: int = READ, **given: Any) -> str:
        """The address of a new link."""
        made = self.calls.post("shares", {"path": path, "shareType": 3, "permissions": permissions, **given}).ok()
        return f"http://127.0.0.1:{self.server.port}/s/{made['token']}"

    def folder(self) -> Path:
        """Where ``Box`` is on disk."""
        return self.server.home(self.name) / "Box"


@pytest.fixture
def owner(module_server: Server) -> Iterator[Owner]:
    """A fresh one."""
    name = f"s{secrets.token_hex(4)}"
    module_server.cli("user", "add", name, "--display-name", "Olivia Owner", "--password-stdin", input=PASSWORD)
    module_server.users[name] = PASSWORD
    dav = module_server.dav(name)
    for folder in ("Box", "Box/Sub"):
        dav.mkcol(folder)
    for path, data in (
        ("Box/a.txt", b"words"),
        ("Box/Sub/b.txt", b"deep"),
        ("Box/README.md", b"# Hello\n\nSome *words* and a [link](https://example.org).\n"),
        ("other.txt", b"secret"),
    ):
        dav.put(path, data)
    yield Owner(module_server, name, dav, Ocs(module_server, name, app="apps/files_sharing/api/v1"))
    dav.close()
    module_server.cli("settings", "reset")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's browser; tests are skipped without it."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages of browsers that know nothing of each other; an error in one fails the test."""
    opened: list[Any] = []
    wrong: list[str] = []

    def open_(script: bool = True, width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(
            java_script_enabled=script, viewport={"width": width, "height": 800}, accept_downloads=True, **options
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        opened.append(context)
        return page

    yield open_
    for each in opened:
        each.close()
    assert not wrong, wrong
