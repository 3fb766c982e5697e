"""Tests that read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from benchlib import checks, load
from benchlib.fixtures import CONTENT, KIB, ONE, folder, member
from benchlib.load import Measured
from benchlib.servers import Server
from benchlib.worker import Script, Step

Measure = Callable[[Server, str, float], Measured]
#: What ownCloud's and Nextcloud's sync clients ask for.
_SYNC = (
    b'<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>'
    b"<d:resourcetype/><d:getlastmodified/><d:getcontentlength/><d:getcontenttype/><d:getetag/>"
    b"<oc:fileid/><oc:permissions/><oc:size/></d:prop></d:propfind>"
)


def script(steps: Iterable[Step]) -> Script:
    """Steps that do not depend on the answers."""
    # A generator takes the answers; other iterators, which "yield from" would hand them to, do not.
    for step in steps:  # noqa: UP028
        yield step


def listing(server: Server, path: str, depth: int) -> bytes:
    """A sync client's PROPFIND."""
    return server.request("PROPFIND", path, _SYNC, Depth=str(depth), Content_Type="application/xml")


def get(connections: int) -> Measure:
    """The same file again and again."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        step = Step(server.request("GET", ONE), checks.content(CONTENT[:KIB]))
        return load.run(server, lambda _: script(itertools.repeat(step)), connections, seconds)

    return measure


def get_many(members: int, connections: int) -> Measure:
    """One file after the other, each connection beginning elsewhere."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        right = checks.content(CONTENT[:KIB])
        steps = [Step(server.request("GET", member(members, number)), right) for number in range(members)]

        def of(number: int) -> Script:
            first = number * members // connections
            return script(itertools.cycle(steps[first:] + steps[:first]))

        return load.run(server, of, connections, seconds)

    return measure


def head(connections: int) -> Measure:
    """HEAD of the same file."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        step = Step(server.request("HEAD", ONE), checks.length(KIB))
        return load.run(server, lambda _: script(itertools.repeat(step)), connections, seconds)

    return measure


def propfind(members: int, connections: int) -> Measure:
    """Listings of a folder, or with 0 members the properties of a file."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        path, depth = (f"{folder(members)}/", 1) if members else (ONE, 0)
        step = Step(listing(server, path, depth), checks.listing(members + 1, KIB))
        return load.run(server, lambda _: script(itertools.repeat(step)), connections, seconds)

    return measure


def dirty(members: int) -> Measure:
    """Listings of a folder, each after a member was overwritten with another size; only the listings are timed."""

    def measure(server: Server, word: str, seconds: float) -> Measured:
        return load.run(server, lambda _: _dirty(server, members), 1, seconds)

    return measure


def _dirty(server: Server, members: int) -> Script:
    request = listing(server, f"{folder(members)}/", 1)
    for size in itertools.cycle(range(2 * KIB, 4 * KIB)):
        upload = server.request("PUT", member(members, 0), CONTENT[:size])
        yield Step(upload, checks.STORED, timed=False)
        yield Step(request, checks.listing(members + 1, size))
