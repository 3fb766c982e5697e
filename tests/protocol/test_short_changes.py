"""Changes that are made side by side in one thread: none is held up by another, and none is answered wrongly for it."""

from __future__ import annotations

from collections.abc import Callable

from support.server import Server
from support.sharers import person


def test_a_call_that_has_to_wait_for_the_disk(own_server: Callable[..., Server]) -> None:
    """The share folder of its caller has come up on disk, and is learnt of on the way."""
    server = own_server(workers=1)
    server.cli("settings", "set", "disk.watch", "off")
    server.cli("group", "add", "friends")
    owner, friend = person(server), person(server, "friends")
    assert owner.dav.mkcol("Box").status == 201
    owner.share("/Box", "friends", shareType=1)
    (server.data / "homes" / friend.name / "Shares").mkdir()
    assert friend.dav.get("/api/v1/me").status == 200  # from now on the worker remembers who that is
    friend.calls.call("PUT", "shares/4711", {"permissions": 1}).refused(404)
    assert friend.names("Shares/") == ["Box/"]
