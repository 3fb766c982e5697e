"""People in whose home nothing can be made: they see what was granted to them, and nothing else is in their way."""

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


def test_nothing_can_be_made_in_the_home(guest: Dav) -> None:
    """It is there and empty at all of its addresses."""
    for path in ("/dav/home/", "/remote.php/webdav/", "/remote.php/dav/files/visitor/"):
        assert guest.names(path) == set()
        for answer in (guest.put(f"{path}a.txt"), guest.mkcol(f"{path}f"), guest.lock(f"{path}a.txt")):
            assert answer.status == 403, repr(answer)
        assert guest.delete(path).status in (403, 405)
        assert guest.get(f"{path}a.txt").status == 404
    assert guest.request("OPTIONS", "/dav/home/").status == 200


def test_what_there_is(guest: Dav) -> None:
    """The same as for everybody."""
    assert guest.names() == {"home", "principals", "spaces", "users"}
    assert guest.names("/remote.php/dav/files/") == {"visitor"}
    page = guest.get(headers={"Accept": "text/html"})
    assert page.status == 200 and b"/dav/spaces/" in page.body and b"/dav/home/" in page.body
    assert guest.report_sync().status == 207


def test_what_was_granted(guest: Dav) -> None:
    """Works as for anybody."""
    assert guest.names("spaces/") == {"open"}
    assert guest.put("spaces/open/a.txt", b"from a guest").status == 201
    assert guest.get("spaces/open/a.txt").body == b"from a guest"
    assert guest.copy("spaces/open/a.txt", "/dav/home/a.txt").status == 403
