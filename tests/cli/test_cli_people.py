"""The commands about people and groups: nested groups, managers, guests, pages and second factors."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from pathlib import Path

import pytest
from test_cli_commands import Shell

from support.ocs import Ocs
from support.server import Server, davshare


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A data folder with the guests g1 to g5, and the groups inner and outer."""
    data = tmp_path_factory.mktemp("people") / "data"
    davshare("init", str(data), "--password-stdin", input="admin-pass-0000")
    made = Shell(data)
    for number in range(1, 6):
        made.ok("user", "add", f"g{number}", "--guest", "--no-password", "--email", f"G{number}@example.org")
    for name in ("inner", "outer"):
        made.ok("group", "add", name)
    return made


@pytest.mark.slow
def test_groups_in_groups(shell: Shell) -> None:
    """add-member --group, members, remove-member --group; a circle is refused."""
    shell.ok("group", "add-member", "inner", "g1")
    shell.ok("group", "add-member", "outer", "inner", "--group")
    assert [each["name"] for each in shell.json("group", "members", "outer")] == ["inner"]
    assert [each["name"] for each in shell.json("group", "members", "outer", "--effective")] == ["inner", "g1"]
    assert shell.ok("group", "members", "outer", "--effective", "--offset", "1").split()[-3:] == ["user", "g1", "g1"]
    assert shell.code("group", "add-member", "inner", "outer", "--group") == 4
    assert shell.code("group", "add-member", "outer", "inner") == 3
    shell.ok("group", "remove-member", "outer", "inner", "--group")
    assert shell.json("group", "members", "outer", "--effective") == []


@pytest.mark.slow
def test_managers(shell: Shell) -> None:
    """add-manager, managers, remove-manager; and the display name."""
    shell.ok("group", "add-manager", "inner", "g2")
    assert [each["name"] for each in shell.json("group", "managers", "inner")] == ["g2"]
    shell.ok("group", "remove-manager", "inner", "g2")
    assert shell.json("group", "managers", "inner", "--limit", "5") == []
    shell.ok("group", "set", "inner", "--display-name", "The inner one")
    assert shell.json("group", "list", "inner O")[0]["name"] == "inner"
    assert shell.json("group", "list", "--offset", "1", "--limit", "1")[0]["name"] == "outer"
    assert shell.code("group", "managers", "nowhere") == 3
    assert shell.code("group", "set", "inner") == 2


@pytest.mark.slow
def test_pages_of_people(shell: Shell) -> None:
    """list and search; a page that makes no sense is refused."""
    assert [each["name"] for each in shell.json("user", "list", "--offset", "1", "--limit", "2")] == ["g1", "g2"]
    assert [each["name"] for each in shell.json("user", "search", "g3@EXAMPLE")] == ["g3"]
    assert shell.ok("user", "search", "nobody at all") == ""
    assert shell.code("user", "list", "--limit", "0") == 2
    assert shell.code("user", "list", "--offset", "-1") == 2
    guest = shell.json("user", "show", "g1")
    assert guest["guest"] and guest["home"].endswith("/g1") and guest["used"] == 0
    assert shell.code("user", "add", "g6", "--guest", "--admin", "--no-password") == 2
    assert shell.code("user", "set", "g1", "--admin") == 2


@pytest.mark.slow
def test_second_factors(shell: Shell) -> None:
    """set, totp, show; the secret is told once."""
    shell.ok("user", "set", "g4", "--second-factor")
    assert shell.ok("user", "totp", "g4").startswith("otpauth://totp/davshare:g4?secret=")
    told = shell.json("user", "show", "g4")
    assert told["second_factor"] is True and told["totp"] is True
    assert shell.json("user", "totp", "g4")["uri"].startswith("otpauth://")
    shell.ok("user", "totp", "g4", "--remove")
    assert shell.json("user", "show", "g4")["totp"] is False
    assert shell.code("user", "totp", "nobody") == 3


@pytest.mark.slow
def test_pages_of_tokens(shell: Shell) -> None:
    """Of everybody, with their owners."""
    for number in (1, 2, 3):
        shell.ok("token", "add", f"g{number}", "--label", f"t{number}")
    assert [each["user"] for each in shell.json("token", "list", "--offset", "1", "--limit", "1")] == ["g2"]
    assert [each["label"] for each in shell.json("token", "list", "g3")] == ["t3"]


def test_there_is_no_directory(tmp_path: Path, shell: Shell) -> None:
    """Until one is configured."""
    assert shell.code("ldap", "test") == 2
    assert shell.code("ldap", "sync") == 2


@pytest.mark.slow
def test_shares_listed_and_ended(server: Server) -> None:
    """list, of one and of everybody, and expire, which ends what was passed on, too."""
    names = [f"u{secrets.token_hex(4)}" for _ in range(3)]
    for name in names:
        server.cli("user", "add", name, "--password-stdin", input="some-pass-123")
        server.users[name] = "some-pass-123"
    with closing(server.dav(names[0])) as dav:
        dav.mkcol("d")
    calls = [Ocs(server, name, app="apps/files_sharing/api/v1") for name in names]
    given = {"path": "/d", "shareWith": names[1], "note": "n", "permissions": 17}
    first = calls[0].post("shares", given).ok()["id"]
    calls[1].post("shares", {"path": "/d", "space_ref": f"users/{names[0]}", "shareWith": names[2]}).ok()
    (told,) = json.loads(server.cli("share", "list", names[0], "--json").stdout)
    assert (told["id"], told["by"], told["path"], told["with"], told["note"]) == (
        int(first), names[0], "d", f"user:{names[1]}", "n",
    )  # fmt: skip
    everything = server.cli("share", "list").stdout
    assert all(name in everything for name in names)
    server.cli("share", "expire", first)
    for name in names[:2]:
        assert json.loads(server.cli("share", "list", name, "--json").stdout) == []
    with closing(server.dav(names[2], f"/dav/users/{names[0]}/d/")) as dav:
        assert dav.request("PROPFIND", "", headers={"Depth": "0"}).status == 404
    assert server.cli("share", "expire", first, check=False).returncode == 3
    assert server.cli("share", "list", "nobody-here", check=False).returncode == 3
