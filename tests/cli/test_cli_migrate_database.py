"""``davshare migrate-database``: the same index in another database, or nothing has changed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from davshare.index.backends import database
from davshare.index.copying import tables
from support import cluster
from support.api import Api
from support.follower import Follower
from support.server import Server, davshare


@pytest.fixture
def url() -> Iterator[str]:
    """An empty PostgreSQL database."""
    shared = cluster.Cluster.shared()
    made = shared.create()
    yield made
    shared.drop(made)


@pytest.fixture
def on_sqlite(own_server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server on SQLite, whatever the run is about, with something of everything in it."""
    monkeypatch.setenv(cluster.DATABASE, "sqlite")
    server: Server = own_server(workers=1)
    server.cli("group", "add", "staff")
    server.cli("group", "add-member", "staff", "alice")
    server.cli("space", "add", "lab", "--member", "staff:editor")
    server.cli("settings", "set", "trash.keep_days", "7")
    server.cli("user", "add", "gone", "--no-password")
    server.cli("user", "remove", "gone")
    alice = server.dav("alice")
    for name in ("a", "B", "ä", "z", "Z", "😀", "é", "\ufb00"):
        assert alice.put(quote(name), name.encode()).status == 201
    alice.mkcol("d")
    alice.move("z", "d/zz")
    alice.delete("a")
    alice.lock("B")
    Api.of(server, "alice").post("/links", {"path": "/dav/home/d", "frozen": True}).ok(201)
    return server


def rows(data: Path, url: str) -> dict[str, list[tuple]]:
    """Everything in an index."""
    index = database(data, url)
    with index.snapshot() as connection:
        found = {
            table.name: sorted(connection.execute(f'SELECT * FROM "{table.name}"').fetchall(), key=repr)
            for table in tables()
        }
    index.close()
    return found


@pytest.mark.slow
def test_there_and_back(on_sqlite: Server, url: str, tmp_path: Path) -> None:
    """Rows, ids, ETags and sync tokens are the same; ids that were given out never come back."""
    server = on_sqlite
    follower = Follower(server.dav("alice"))
    follower.catch_up()
    etag = server.dav("alice").head("B").headers["ETag"]
    server.stop()
    before = rows(server.data, "")
    report = json.loads(server.cli("migrate-database", url, "--json").stdout)
    assert {each["table"]: each["rows"] for each in report["tables"]} == {k: len(v) for k, v in before.items()}
    assert all(len(each["checksum"]) == 64 for each in report["tables"])
    assert "secret@" not in json.dumps(report)
    assert tomllib.loads((server.data / "davshare.toml").read_text())["database"] == url
    assert rows(server.data, url) == before == rows(server.data, "")

    server.run()
    alice = server.dav("alice")
    assert alice.head("B").headers["ETag"] == etag
    assert alice.put("new", b"1").status == 201
    follower.dav = alice
    assert {change.rpartition("/")[2] for change in follower.catch_up()} >= {"new"}
    assert server.cli("check").returncode == 0
    server.cli("user", "add", "next", "--no-password")
    ids = {row[2]: row[0] for row in rows(server.data, url)["principal"]}
    assert ids["next"] > max(row[0] for row in before["principal"]) + 1, "the id of the removed user is not used again"
    server.stop()

    refused = server.cli("migrate-database", "sqlite", check=False)
    assert refused.returncode == 4 and "not empty" in refused.stderr
    for path in server.data.glob("index.sqlite*"):
        path.rename(tmp_path / path.name)
    back = server.cli("migrate-database", "sqlite")
    assert "secret@" not in back.stdout + back.stderr and "left as it was" in back.stdout
    assert rows(server.data, "") == rows(server.data, url)
    server.run()
    assert server.dav("alice").head("B").headers["ETag"] == etag
    assert server.cli("check").returncode == 0


@pytest.mark.slow
def test_not_while_it_is_served(on_sqlite: Server, url: str) -> None:
    """The server has to be stopped; nothing was changed."""
    refused = on_sqlite.cli("migrate-database", url, check=False)
    assert refused.returncode == 4 and "served" in refused.stderr
    assert "database" not in tomllib.loads((on_sqlite.data / "davshare.toml").read_text())
    assert (
        cluster.Cluster.shared().execute("SELECT 1 FROM pg_tables WHERE tablename='node'", cluster.name_of(url)) == []
    )


@pytest.mark.slow
@pytest.mark.parametrize("target", ["mysql://x", "elsewhere", "postgresql://u:hidden@127.0.0.1:1/x"])
def test_what_cannot_be_a_target(tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that has no password in it, and the old database stays in use."""
    monkeypatch.setenv(cluster.DATABASE, "sqlite")
    data = tmp_path / "data"
    davshare("init", str(data), "--password-stdin", input="admin-pass-0000")
    done = davshare("--data", str(data), "migrate-database", target, check=False)
    assert done.returncode in (2, 5) and done.stderr.startswith("davshare: ")
    assert "hidden" not in done.stderr and "Traceback" not in done.stderr
    assert davshare("--data", str(data), "user", "list").returncode == 0


@pytest.mark.slow
def test_an_index_belongs_to_one_data_folder(url: str, tmp_path: Path) -> None:
    """Another folder that names the same database is refused, by every command."""
    one, two = tmp_path / "one", tmp_path / "two"
    davshare("init", str(one), "--database", url, "--password-stdin", input="admin-pass-0000")
    taken = davshare("init", str(two), "--database", url, "--password-stdin", input="admin-pass-0000", check=False)
    assert taken.returncode == 4 and not two.exists()
    davshare(
        "init", str(two), "--database", cluster.Cluster.shared().create(), "--password-stdin", input="0000-admin-x"
    )
    (two / "davshare.toml").write_text(f'database = "{url}"\n')
    for arguments in (["--data", str(two), "user", "list"], ["serve", str(two), "--listen", "127.0.0.1:0"]):
        done = davshare(*arguments, check=False)
        assert done.returncode == 4 and "belongs to another data folder" in done.stderr
        assert "secret@" not in done.stderr


def test_the_password_is_not_shown(url: str, tmp_path: Path) -> None:
    """Neither by config nor by doctor."""
    data = tmp_path / "data"
    davshare("init", str(data), "--database", url, "--password-stdin", input="admin-pass-0000")
    assert (data / "davshare.toml").stat().st_mode & 0o777 == 0o600
    assert not list(data.glob("index.sqlite*"))
    for command in (["config", "show"], ["config", "show", "--json"], ["doctor"]):
        out = davshare("--data", str(data), *command).stdout
        assert "secret" not in out.replace("secret.key", "") and cluster.name_of(url) in out
