"""People who share with each other."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from support.client import Dav
from support.multistatus import Multistatus
from support.ocs import Answer, Ocs
from support.server import Server

APP = "apps/files_sharing/api/v1"
PASSWORD = "some-pass-123"


class Person(NamedTuple):
    """Somebody with a home, and their calls."""

    name: str
    dav: Dav
    calls: Ocs

    def share(self, path: str, receiver: str, **given: Any) -> int:
        """Share with a user, unless ``shareType`` says otherwise; the number of the share."""
        wanted = {"path": path, "shareType": 0, "shareWith": receiver, "permissions": 31, **given}
        return int(self.calls.post("shares", wanted).ok()["id"])

    def revoke(self, number: int) -> None:
        """Take a share back, or decline it."""
        self.calls.call("DELETE", f"shares/{number}").ok()

    def answer(self, number: int, accept: bool) -> Answer:
        """Accept or decline a share."""
        return self.calls.call("POST" if accept else "DELETE", f"shares/pending/{number}")

    def told(self, number: int) -> dict[str, Any]:
        """What is told of a share."""
        found: list[dict[str, Any]] = self.calls.call("GET", f"shares/{number}").ok()
        return found[0]

    def names(self, path: str = "") -> list[str]:
        """The names of the members of a folder; folders end in a slash."""
        base = self.dav.href(path)
        return sorted(href.removeprefix(base) for href in self.list(path) if href != base)

    def list(self, path: str = "", *properties: str, depth: str = "1") -> Multistatus:
        """A listing."""
        return self.dav.propfind(path, *properties, depth=depth)

    def etag(self, path: str = "") -> str:
        """The entity tag that PROPFIND tells."""
        return self.dav.propfind(path, "getetag", depth="0").only.text("getetag")


def person(server: Server, *groups: str) -> Person:
    """A new one, in some groups."""
    name = f"s{secrets.token_hex(4)}"
    options = [word for group in groups for word in ("--group", group)]
    server.cli("user", "add", name, "--display-name", f"{name} Doe", *options, "--password-stdin", input=PASSWORD)
    server.users[name] = PASSWORD
    return Person(name, server.dav(name), Ocs(server, name, app=APP))
