"""People without a home: they see what was granted to them, and nothing else is in their way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.client import Dav
from support.server import Server


@pytest.fixture(scope="module")
def guest(module_server: Server) -> Iterator[Dav]:
    """A client of a guest's, who was let into one space."""
    module_server.cli("user", "add", "visitor", "--guest", "--password-stdin", input="visitor-pass")
    module_server.cli("space", "add", "open", "--member", "visitor:editor")
    client = module_server.dav("visitor", "/dav/", "visitor-pass")
    yield client
    client.close()


def test_there_is_no_home(guest: Dav) -> None:
    """Not found at any of its addresses, and nothing can be made there."""
    for path in ("/dav/home/", "/dav/home/a.txt", "/remote.php/webdav/", "/remote.php/dav/files/visitor/"):
        for method in ("GET", "PROPFIND", "DELETE"):
            assert guest.request(method, path).status == 404
        for answer in (guest.put(path), guest.mkcol(path), guest.lock(path)):
            assert answer.status in (403, 404, 409), repr(answer)
    assert guest.request("OPTIONS", "/dav/home/").status == 200


def test_what_there_is(guest: Dav) -> None:
    """The list has no home in it, the page and the sync report neither."""
    assert guest.names() == {"principals", "spaces", "users"}
    assert guest.names("/remote.php/dav/files/") == set()
    page = guest.get(headers={"Accept": "text/html"})
    assert page.status == 200 and b"/dav/spaces/" in page.body and b"/dav/home/" not in page.body
    answer = guest.report_sync()
    assert answer.status == 207 and b"/dav/home/" not in answer.body


def test_what_was_granted(guest: Dav) -> None:
    """Works as for anybody."""
    assert guest.names("spaces/") == {"open"}
    assert guest.put("spaces/open/a.txt", b"from a guest").status == 201
    assert guest.get("spaces/open/a.txt").body == b"from a guest"
    assert guest.copy("spaces/open/a.txt", "/dav/home/a.txt").status in (404, 409)
