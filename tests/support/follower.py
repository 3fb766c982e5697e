"""A client that knows a tree only from sync-collection reports, and a walk to compare it with."""

from __future__ import annotations

import random

from support.client import Dav
from support.multistatus import Multistatus, Response

#: ETag, whether it is a collection, size of a file (None for collections).
Fact = tuple[str, bool, int | None]
PROPS = ("getetag", "resourcetype", "getcontentlength")


def fact(response: Response) -> Fact:
    """What a follower keeps of one member."""
    folder = response.is_collection
    return response.text("getetag"), folder, None if folder else int(response.text("getcontentlength"))


def walk(dav: Dav, path: str = "") -> dict[str, Fact]:
    """Every member below a collection by PROPFIND with Depth 1, the collection itself left out."""
    found: dict[str, Fact] = {}
    todo = [dav.path(path)]
    while todo:
        here = todo.pop()
        listing = dav.propfind(here, *PROPS, depth="1")
        own = dav.href(here).rstrip("/")
        for href, response in listing.items():
            if href.rstrip("/") == own:
                continue
            assert not response.status, f"{href} could not be read: {response.status}"
            found[href] = fact(response)
            assert found[href][1] == href.endswith("/"), f"{href}: collections end in a slash, files do not"
            if found[href][1]:
                todo.append(response.raw_href)
    return found


class Follower:
    """Keeps ``state`` (href to :data:`Fact`) from reports only.

    ``level`` is "1" or "infinite"; with ``chance`` pages get random small limits and
    the entries of a page are applied in random order, as a client may.
    """

    def __init__(self, dav: Dav, path: str = "", level: str = "infinite", chance: random.Random | None = None) -> None:
        self.dav = dav
        self.path = path
        self.level = level
        self.chance = chance
        self.token = ""
        self.state: dict[str, Fact] = {}
        self.pages = 0

    def page(self) -> bool:
        """Ask for one page and apply it; whether there is more."""
        limit = self.chance.choice([1, 2, 3, 7, 50, None]) if self.chance else None
        first = not self.token
        answer = self.dav.report_sync(self.path, self.token, self.level, limit, PROPS)
        report = answer.multistatus
        own = self.dav.href(self.path)
        members = [href for href, response in report.items() if response.status != 507]
        assert own not in members, f"the collection itself is never a member: {answer!r}"
        assert limit is None or len(members) <= limit, f"{len(members)} members, limit {limit}"
        assert not (first and report.gone), f"a first report names no deletions: {answer!r}"
        assert not (limit is None and not members and report.truncated), "an empty page that promises more"
        if self.chance:
            self.chance.shuffle(members)
        for href in members:
            self._apply(href, report, own)
        assert report.sync_token, repr(answer)
        self.token = report.sync_token
        self.pages += 1
        return report.truncated

    def _apply(self, href: str, report: Multistatus, own: str) -> None:
        assert href.startswith(own) and href != own, f"{href} is not below {own}"
        if self.level == "1":
            assert "/" not in href[len(own) :].rstrip("/"), f"{href} is no direct member of {own}"
        # A folder's URL with and without its slash is one resource: what is known by the other form is replaced, too.
        self._forget(href[:-1] if href.endswith("/") else href + "/")
        if report[href].status == 404:
            self._forget(href)
            return
        self.state[href] = fact(report[href])

    def _forget(self, href: str) -> None:
        """Drop a member, and what is below it."""
        self.state.pop(href, None)
        if href.endswith("/"):
            for known in [known for known in self.state if known.startswith(href)]:
                del self.state[known]

    def catch_up(self) -> dict[str, Fact]:
        """All pages until there is no more; the state then."""
        for _ in range(10_000):
            if not self.page():
                return self.state
        raise AssertionError("paging never ends")


def differences(seen: dict[str, Fact], real: dict[str, Fact]) -> list[str]:
    """In words, how a follower's state differs from the tree; empty when it does not."""
    lines = [f"missing {href} {real[href]}" for href in sorted(real.keys() - seen.keys())]
    lines += [f"stale {href} {seen[href]}" for href in sorted(seen.keys() - real.keys())]
    both = sorted(seen.keys() & real.keys())
    return lines + [f"differs {href} {seen[href]} != {real[href]}" for href in both if seen[href] != real[href]]
