"""A database server that goes away and comes back: 503 meanwhile, and nothing has to be restarted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import cluster
from support.server import ADMIN, Server, davshare


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[cluster.Cluster, Server]]:
    """A server whose index is in a cluster of its own."""
    with cluster.own() as mine:
        server = Server(tmp_path, 2, {"admin": ADMIN[1]})
        davshare("init", str(server.data), "--database", mine.create(), "--password-stdin", input=ADMIN[1])
        server.run()
        yield mine, server
        server.kill9()


@pytest.mark.slow
def test_an_outage_is_told_and_passes(site: tuple[cluster.Cluster, Server]) -> None:
    """No 500, no hang, no lost file; the first request afterwards is served."""
    mine, server = site
    dav = server.dav("admin")
    assert dav.put("before", b"1").status == 201
    for watch in ("on", "off"):
        server.cli("settings", "set", "disk.watch", watch)  # what workers remember of people has to be proven anew
        mine.stop()
        for method, path, body in [
            ("PUT", "during", b"2"), ("PROPFIND", "", None), ("MKCOL", "d", None), ("DELETE", "before", None),
            ("PUT", "during", b"2"), ("PROPFIND", "before", None), ("MOVE", "before", None),
        ]:  # fmt: skip
            answer = dav.clone().request(method, path, body, {"Destination": dav.full("x"), "Depth": "0"})
            assert answer.status == 503 and int(answer["Retry-After"]) > 0 and answer.body, (method, answer)
            for word in (b"psycopg", b"secret", b"127.0.0.1:", b"Traceback"):
                assert word not in answer.body
        assert not server.ready()
        mine.start()
        after = dav.clone()
        assert after.names() == {"before"}
        assert after.put("after", b"3").status in (201, 204)
        assert after.get("after").body == b"3"
        assert after.delete("after").status == 204
    assert server.alive()
    assert "secret@" not in server.log_tail()
    assert server.cli("check").returncode == 0


def test_a_server_does_not_start_without_its_database(site: tuple[cluster.Cluster, Server]) -> None:
    """The last line says why, without the password."""
    mine, server = site
    server.stop()
    mine.stop()
    done = davshare("serve", str(server.data), "--listen", "127.0.0.1:0", check=False)
    assert done.returncode == 5 and "Traceback" not in done.stderr
    assert "refused" in done.stderr.splitlines()[-1] and "secret@" not in done.stderr
